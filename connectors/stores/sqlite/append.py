"""One batch of the stock engine in SQLite: what is read for it, and how it is written.

Both run in one turn of the writer; nobody can come between, and the version guards only say so.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from connectors.stores.coding import (
    decoder,
    encode,
    instant,
    instant_or_none,
    micros,
    micros_or_none,
)
from connectors.stores.indexing import place_of
from connectors.stores.sqlite.callers import append_audit
from connectors.stores.sqlite.house import emit, read_feed, write_feeds
from connectors.stores.sqlite.outbox import insert_writes
from connectors.stores.sqlite.questions import insert, rows_for
from resolvers.domain.books import MOVABLE_MAX, Batch, Key, Known, Recorded, Scope
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.limits import DAY, LIVE, LOOSE, MEMBER, first_day
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook, RuleChange
from resolvers.domain.stock import Pin, Position, Stream, TakenKey, Taker, Unseen

read_order = decoder(Order)
read_reservation = decoder(Reservation)
read_ruling = decoder(RuleChange)

POSITION = "sku, location, on_hand, soft, hard, elsewhere, incoming"
UNSEEN = "id, sku, location, on_hand, acknowledged, sent"
PIN = "reservation, sku, location, quantity, until, tentative, channel, day, member, anywhere"


def pin_from(row: Sequence[Any]) -> Pin:
    """A pin from its row."""
    reservation, sku, location, quantity, until, tentative, channel, day, member, anywhere = row
    taker = None if channel is None else Taker(channel, day, member, anywhere)
    return Pin(reservation, sku, location, quantity, instant_or_none(until), bool(tentative), taker)


def unseen_from(row: tuple[str, str, str, int, int | None, int]) -> Unseen:
    """A movement from its row."""
    id, sku, location, on_hand, acknowledged, sent = row
    return Unseen(id, sku, location, on_hand, acknowledged, bool(sent))


def known_for(
    connection: sqlite3.Connection,
    scope: Scope,
    keys: Sequence[Key],
    clock: datetime,
    rules: RuleBook,
) -> Known:
    """Everything that a batch needs to see."""
    recorded = rows_for(
        connection,
        "SELECT key, fingerprint, answer, at FROM keys WHERE key IN",
        [key.id for key in keys],
    )
    reservations = rows_for(
        connection, "SELECT id, body FROM reservations WHERE id IN", list(scope.reservations)
    )
    orders = rows_for(connection, "SELECT id, body FROM orders WHERE id IN", list(scope.orders))
    at, streams = streams_of(connection, scope, clock)
    return Known(
        at,
        streams,
        {id: read_reservation(body) for id, body in reservations},
        {id: read_order(body) for id, body in orders},
        {
            key: Recorded(key, fingerprint, answer, instant(at))
            for key, fingerprint, answer, at in recorded
        },
        _feeds(connection, scope.feeds),
        rules,
        {caller: _live(connection, caller) for caller in scope.callers},
    )


def _live(connection: sqlite3.Connection, caller: str) -> list[Reservation]:
    """Reservations of a caller that are held or committed."""
    sql = "SELECT body FROM reservations WHERE subject = ? AND status IN ('HELD', 'COMMITTED')"
    return [read_reservation(body) for (body,) in connection.execute(sql, (caller,))]


def heads_of(
    connection: sqlite3.Connection, skus: Sequence[str]
) -> dict[str, tuple[int, datetime]]:
    """The version and the time of some streams, by SKU; those without history are left out."""
    sql = "SELECT sku, version, at FROM streams WHERE sku IN"
    return {sku: (version, instant(at)) for sku, version, at in rows_for(connection, sql, skus)}


def streams_of(
    connection: sqlite3.Connection, scope: Scope, clock: datetime
) -> tuple[datetime, dict[str, Stream]]:
    """The instant at which some streams are read, and the streams; those without history are left
    out.

    Of their pins, the few that are due by then, those of the scope's reservations, and those that
    it may move: a hot SKU may have a hundred thousand that nothing is asked of.
    """
    skus = list(scope.skus)
    heads = heads_of(connection, skus)
    now = max([clock, *(at for _, at in heads.values())])
    positions: dict[str, dict[str, Position]] = {}
    for row in rows_for(connection, f"SELECT {POSITION} FROM positions WHERE sku IN", skus):
        position = Position(*row)
        positions.setdefault(position.sku, {})[position.location] = position
    pins: dict[str, dict[tuple[str, str], Pin]] = {}
    due = f"SELECT {PIN} FROM pins WHERE until <= {micros(now)} AND sku IN"
    own = f"SELECT {PIN} FROM pins WHERE reservation IN"
    reservations = list({*scope.reservations, *_movable(connection, scope.movable)})
    for row in (
        *rows_for(connection, due, skus),
        *rows_for(connection, own, reservations),
    ):
        pin = pin_from(row)
        if pin.sku in heads:
            pins.setdefault(pin.sku, {})[pin.reservation, pin.location] = pin
    unseen: dict[str, dict[str, Unseen]] = {}
    for row in rows_for(connection, f"SELECT {UNSEEN} FROM unseen WHERE sku IN", skus):
        movement = unseen_from(row)
        unseen.setdefault(movement.sku, {})[movement.id] = movement
    taken = _taken(connection, skus, now, list(scope.members))
    return now, {
        sku: Stream(
            sku,
            positions.get(sku, {}),
            pins.get(sku, {}),
            unseen.get(sku, {}),
            version,
            at,
            taken.get(sku, {}),
        )
        for sku, (version, at) in heads.items()
    }


def _movable(connection: sqlite3.Connection, skus: Iterable[str]) -> Iterator[str]:
    """Reservations with tentative pins, so many of each place, channel and method of some SKUs.

    Which there are is counted already; no index of its own is kept for what is so seldom asked.
    """
    kinds = f"SELECT name FROM taken WHERE sku = ? AND kind = '{LOOSE}' AND units > 0"
    sql = (
        "SELECT reservation FROM pins WHERE sku = ? AND location = ? AND channel = ?"
        f" AND anywhere = ? AND tentative ORDER BY reservation LIMIT {MOVABLE_MAX}"
    )
    for sku in skus:
        for (name,) in connection.execute(kinds, (sku,)).fetchall():
            yield from (id for (id,) in connection.execute(sql, (sku, *name.split("\x1f"))))


def _taken(
    connection: sqlite3.Connection, skus: Sequence[str], now: datetime, members: Sequence[str]
) -> dict[str, dict[TakenKey, int]]:
    """Counts of some SKUs: every channel's and place's, those of recent days, some members'."""
    found: dict[str, dict[TakenKey, int]] = {}
    fresh = rows_for(
        connection,
        # All kinds in one IN: the key finds them, and no member's counts are gone through.
        f"SELECT sku, kind, name, units FROM taken WHERE kind IN ('{LIVE}', '{LOOSE}', '{DAY}')"
        f" AND (kind <> '{DAY}' OR name >= '{first_day(now)}') AND sku IN",
        skus,
    )
    theirs = [
        row
        for sku in (skus if members else ())
        for row in rows_for(
            connection,
            f"SELECT sku, kind, name, units FROM taken WHERE sku = ? AND kind = '{MEMBER}'"
            " AND name IN",
            members,
            sku,
        )
    ]
    for sku, kind, name, units in (*fresh, *theirs):
        found.setdefault(sku, {})[kind, name] = units
    return found


def rules_of(connection: sqlite3.Connection, known: RuleBook) -> RuleBook:
    """The rules as they are now; what is known already is not read again."""
    (version,) = connection.execute("SELECT MAX(version) FROM rules").fetchone()
    book = known if (version or 0) >= known.version else RuleBook()
    for (body,) in connection.execute(
        "SELECT body FROM rules WHERE version > ? ORDER BY version", (book.version,)
    ):
        book = read_ruling(body).applied(book)
    return book


def append(connection: sqlite3.Connection, batch: Batch) -> None:
    """Writes a batch, whole."""
    _append_streams(connection, batch)
    append_pins(connection, batch.pins)
    append_unseen(connection, batch.unseen)
    insert(
        connection,
        "INSERT OR FAIL INTO taken",
        [(sku, kind, name, units) for sku, (kind, name), units in batch.taken],
        "ON CONFLICT (sku, kind, name) DO UPDATE SET units = units + excluded.units",
    )
    connection.executemany(
        "INSERT INTO rules VALUES (?, ?, ?)",
        [(ruling.version, ruling.code, encode(ruling)) for ruling in batch.rules],
    )
    append_reservations(connection, batch.reservations, batch.at)
    append_orders(connection, batch.orders)
    insert_writes(connection, batch.writes)
    write_feeds(connection, batch.feeds)
    insert(
        connection,
        "INSERT OR FAIL INTO keys (key, fingerprint, answer, at)",
        [(k.key, k.fingerprint, k.answer, micros(k.at)) for k in batch.recorded],
    )
    append_audit(connection, batch.audit)
    emit(connection, "stock", [stream.sku for stream in batch.streams])
    emit(connection, "reservation", batch.reservations_touched)
    emit(connection, "order", [order.id for order in batch.orders])
    emit(connection, "rule", [ruling.code for ruling in batch.rules])


def _feeds(connection: sqlite3.Connection, keys: frozenset[FeedKey]) -> dict[FeedKey, Feed]:
    sql = "SELECT body FROM feeds WHERE backend = ? AND entity = ? AND location = ?"
    rows = [connection.execute(sql, key).fetchone() for key in keys]
    found = [read_feed(row[0]) for row in rows if row is not None]
    return {feed.key: feed for feed in found}


def _append_streams(connection: sqlite3.Connection, batch: Batch) -> None:
    at = micros(batch.at)
    if batch.entries:
        cursor = connection.execute(
            "INSERT INTO journal (at, entries) VALUES (?, ?)", (at, encode(batch.entries))
        )
        places = {(entry.sku, entry.location) for entry in batch.entries}
        insert(
            connection,
            "INSERT OR FAIL INTO journal_places",
            [(*place, cursor.lastrowid) for place in places],
        )
    written = insert(
        connection,
        "INSERT OR FAIL INTO streams",
        [(stream.sku, stream.version + 1, at) for stream in batch.streams],
        "ON CONFLICT (sku) DO UPDATE SET version = version + 1, at = excluded.at"
        " WHERE version = excluded.version - 1",
    )
    assert written == len(batch.streams), "somebody wrote a stream in our turn"
    insert(
        connection,
        "INSERT OR REPLACE INTO positions",
        [
            (p.sku, p.location, p.on_hand, p.soft, p.hard, p.elsewhere, p.incoming, at)
            for p in batch.positions
        ],
    )


def append_pins(connection: sqlite3.Connection, pins: Sequence[Pin]) -> None:
    """Writes pins, whatever stood there; those of no units go."""
    connection.executemany(
        "DELETE FROM pins WHERE sku = ? AND reservation = ? AND location = ?",
        [(p.sku, p.reservation, p.location) for p in pins if not p.quantity],
    )
    insert(
        connection,
        "INSERT OR REPLACE INTO pins",
        [
            (
                p.sku,
                p.reservation,
                p.location,
                p.quantity,
                micros_or_none(p.until),
                p.tentative,
                p.taker and p.taker.channel,
                p.taker and p.taker.day,
                p.taker and p.taker.member,
                p.taker and p.taker.anywhere,
            )
            for p in pins
            if p.quantity
        ],
    )


def append_unseen(connection: sqlite3.Connection, unseen: Sequence[Unseen]) -> None:
    """Writes movements, whatever stood there; those of no units go."""
    connection.executemany(
        "DELETE FROM unseen WHERE id = ?", [(u.id,) for u in unseen if not u.on_hand]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO unseen VALUES (?, ?, ?, ?, ?, ?)",
        [(u.id, u.sku, u.location, u.on_hand, u.acknowledged, u.sent) for u in unseen if u.on_hand],
    )


def append_reservations(
    connection: sqlite3.Connection, reservations: Sequence[Reservation], at: datetime
) -> None:
    """Writes reservations as they are since an instant, whatever stood there."""
    changed_at = micros(at)
    insert(
        connection,
        "INSERT OR REPLACE INTO reservations",
        [
            (
                r.id,
                r.status,
                micros_or_none(r.expires_at),
                r.subject,
                r.order_id,
                changed_at,
                encode(r),
            )
            for r in reservations
        ],
    )


def append_orders(connection: sqlite3.Connection, orders: Sequence[Order]) -> None:
    """Writes orders, whatever stood there under their ids."""
    # Not OR REPLACE: that would take another order's place when their numbers were the same.
    connection.executemany(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " number = excluded.number, status = excluded.status, channel = excluded.channel,"
        " subject = excluded.subject, member = excluded.member, location = excluded.location,"
        " placed_at = excluded.placed_at, updated_at = excluded.updated_at,"
        " due_at = excluded.due_at, body = excluded.body",
        [
            (
                o.id,
                o.number,
                o.status,
                o.channel,
                o.subject,
                o.member_id,
                place_of(o),
                micros(o.placed_at),
                micros(o.updated_at),
                micros_or_none(o.payment_due_at),
                encode(o),
            )
            for o in orders
        ],
    )
    connection.executemany(
        "INSERT INTO order_externals VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(e.system, e.external_id, o.id) for o in orders for e in o.external],
    )
