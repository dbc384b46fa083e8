"""Streams, reservations, orders and keys in SQLite: one batch is one transaction.

A batch reads what it needs, is decided by a pure function, and is written, all in the writer's turn;
nobody can come between, and the version guards only say so.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from connectors.stores.coding import (
    decoder,
    encode,
    instant,
    instant_or_none,
    marks,
    micros,
    micros_or_none,
)
from connectors.stores.sqlite.database import Database
from resolvers.domain.books import Batch, Key, Known, Recorded, Scope
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Reservation
from resolvers.domain.stock import Pin, Position, StockEntry, Stream, Unseen
from resolvers.ports import LevelFilter, OrderFilter

_order = decoder(Order)
_reservation = decoder(Reservation)
_entries = decoder(list[StockEntry])

_POSITION = "sku, location, on_hand, soft, hard, elsewhere, incoming"


class SqliteStock:
    """Answers the StockStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def transact(
        self, scope: Scope, keys: Sequence[Key], decide: Callable[[Known], Batch]
    ) -> Batch:
        """Reads, decides and writes in one turn."""

        def work(connection: sqlite3.Connection) -> Batch:
            batch = decide(_known(connection, scope, keys))
            if not batch.empty:
                _append(connection, batch)
            return batch

        return await self._database.write(work)

    async def streams(self, skus: Sequence[str]) -> Mapping[str, Stream]:
        """Streams by SKU, of one moment."""
        return await self._database.read(lambda connection: _streams(connection, list(skus)))

    async def levels(
        self, level_filter: LevelFilter, after: tuple[str, str] | None, limit: int
    ) -> Sequence[Position]:
        """Positions in order of (SKU, location)."""
        where, values = ["1"], list[object]()
        if level_filter.locations:
            where.append(f"location IN ({marks(level_filter.locations)})")
            values += level_filter.locations
        if level_filter.skus:
            where.append(f"sku IN ({marks(level_filter.skus)})")
            values += level_filter.skus
        if level_filter.updated_since is not None:
            where.append("changed_at >= ?")
            values.append(micros(level_filter.updated_since))
        if after is not None:
            where.append("(sku, location) > (?, ?)")
            values += after
        sql = (
            f"SELECT {_POSITION} FROM positions WHERE {' AND '.join(where)}"
            " ORDER BY sku, location LIMIT ?"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (*values, limit)).fetchall()
        )
        return [Position(*row) for row in rows]

    async def entries(self, sku: str) -> Sequence[StockEntry]:
        """Every entry of a SKU, oldest first."""
        sql = (
            "SELECT entries FROM journal JOIN journal_skus USING (batch)"
            " WHERE sku = ? ORDER BY batch"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (sku,)).fetchall()
        )
        return [entry for (body,) in rows for entry in _entries(body) if entry.sku == sku]

    async def reservation(self, id: str) -> tuple[Reservation, Sequence[Pin]] | None:
        """A reservation with its live pins."""

        def work(connection: sqlite3.Connection) -> tuple[Reservation, Sequence[Pin]] | None:
            row = connection.execute("SELECT body FROM reservations WHERE id = ?", (id,)).fetchone()
            if row is None:
                return None
            sql = f"SELECT {_PIN} FROM pins WHERE reservation = ? ORDER BY sku, location"
            return _reservation(row[0]), [_pin(pin) for pin in connection.execute(sql, (id,))]

        return await self._database.read(work)

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Holds whose time is over and that nobody has written down as expired."""
        sql = (
            "SELECT body FROM reservations WHERE status = 'HELD' AND expires_at <= ?"
            " ORDER BY expires_at LIMIT ?"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (micros(now), limit)).fetchall()
        )
        return [_reservation(body) for (body,) in rows]

    async def orders(self, ids: Sequence[str]) -> Mapping[str, Order]:
        """Orders by id."""
        return {order.id: order for order in await self._orders("id", list(ids))}

    async def orders_by_number(self, numbers: Sequence[str]) -> Mapping[str, Order]:
        """Orders by number."""
        return {order.number: order for order in await self._orders("number", list(numbers))}

    async def order_by_external(self, system: str, id: str) -> Order | None:
        """The order that another system knows under this id."""
        sql = (
            "SELECT body FROM order_externals JOIN orders ON orders.id = order_id"
            " WHERE system = ? AND external = ?"
        )
        row = await self._database.read(
            lambda connection: connection.execute(sql, (system, id)).fetchone()
        )
        return None if row is None else _order(row[0])

    async def order_page(
        self,
        order_filter: OrderFilter,
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Order]:
        """Orders, newest first."""
        where, values = _order_where(order_filter, now)
        if after is not None:
            where.append("(placed_at, id) < (?, ?)")
            values += [micros(after[0]), after[1]]
        sql = (
            f"SELECT body FROM orders WHERE {' AND '.join(where)}"
            " ORDER BY placed_at DESC, id DESC LIMIT ?"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (*values, limit)).fetchall()
        )
        return [_order(body) for (body,) in rows]

    async def recorded_answer(self, key: Key) -> str | None:
        """What was decided under a key."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT answer FROM keys WHERE key = ?", (key.id,)
            ).fetchone()
        )
        return None if row is None else str(row[0])

    async def _orders(self, column: str, values: list[str]) -> list[Order]:
        sql = f"SELECT body FROM orders WHERE {column} IN ({marks(values)})"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, values).fetchall()
        )
        return [_order(body) for (body,) in rows]


def _order_where(order_filter: OrderFilter, now: datetime) -> tuple[list[str], list[object]]:
    where: list[str] = ["1"]
    values: list[object] = []

    def add(clause: str, *more: object) -> None:
        where.append(clause)
        values.extend(more)

    if order_filter.updated_since is not None:
        add("updated_at >= ?", micros(order_filter.updated_since))
    if order_filter.placed_from is not None:
        add("placed_at >= ?", micros(order_filter.placed_from))
    if order_filter.placed_to is not None:
        add("placed_at < ?", micros(order_filter.placed_to))
    if order_filter.channels:
        add(f"channel IN ({marks(order_filter.channels)})", *order_filter.channels)
    if order_filter.statuses:
        add(
            "CASE WHEN status = 'PENDING' AND due_at <= ? THEN 'CANCELED' ELSE status END"
            f" IN ({marks(order_filter.statuses)})",
            micros(now),
            *order_filter.statuses,
        )
    if order_filter.member_id is not None:
        add("member = ?", order_filter.member_id)
    if order_filter.subject is not None:
        add("subject = ?", order_filter.subject)
    if order_filter.location is not None:
        add("location = ?", order_filter.location)
    return where, values


_PIN = "reservation, sku, location, quantity, until, tentative"


def _pin(row: tuple[str, str, str, int, int | None, int]) -> Pin:
    return Pin(row[0], row[1], row[2], row[3], instant_or_none(row[4]), bool(row[5]))


def _known(connection: sqlite3.Connection, scope: Scope, keys: Sequence[Key]) -> Known:
    ids = [key.id for key in keys]
    recorded = {
        row[0]: Recorded(row[0], row[1], row[2], instant(row[3]))
        for row in connection.execute(
            f"SELECT key, fingerprint, answer, at FROM keys WHERE key IN ({marks(ids)})", ids
        )
    }
    reservations = list(scope.reservations)
    orders = list(scope.orders)
    return Known(
        _streams(connection, list(scope.skus)),
        {
            row[0]: _reservation(row[1])
            for row in connection.execute(
                f"SELECT id, body FROM reservations WHERE id IN ({marks(reservations)})",
                reservations,
            )
        },
        {
            row[0]: _order(row[1])
            for row in connection.execute(
                f"SELECT id, body FROM orders WHERE id IN ({marks(orders)})", orders
            )
        },
        recorded,
    )


_SKUS_MAX = 30_000
"""Most SKUs of one question to SQLite, under its limit of 32,766 values a statement."""


def _streams(connection: sqlite3.Connection, skus: list[str]) -> dict[str, Stream]:
    assert len(skus) <= _SKUS_MAX, "a batch or page is far smaller"
    asked = f"({marks(skus)})"
    positions: dict[str, dict[str, Position]] = {}
    for row in connection.execute(f"SELECT {_POSITION} FROM positions WHERE sku IN {asked}", skus):
        positions.setdefault(row[0], {})[row[1]] = Position(*row)
    pins: dict[str, dict[tuple[str, str], Pin]] = {}
    for row in connection.execute(f"SELECT {_PIN} FROM pins WHERE sku IN {asked}", skus):
        pin = _pin(row)
        pins.setdefault(pin.sku, {})[pin.reservation, pin.location] = pin
    unseen: dict[str, dict[str, Unseen]] = {}
    sql = f"SELECT id, sku, location, on_hand, acknowledged FROM unseen WHERE sku IN {asked}"
    for row in connection.execute(sql, skus):
        unseen.setdefault(row[1], {})[row[0]] = Unseen(*row)
    return {
        row[0]: Stream(
            row[0],
            positions.get(row[0], {}),
            pins.get(row[0], {}),
            unseen.get(row[0], {}),
            row[1],
            instant(row[2]),
        )
        for row in connection.execute(
            f"SELECT sku, version, at FROM streams WHERE sku IN {asked}", skus
        )
    }


def _append(connection: sqlite3.Connection, batch: Batch) -> None:
    at = micros(batch.at)
    if batch.entries:
        cursor = connection.execute(
            "INSERT INTO journal (at, entries) VALUES (?, ?)", (at, encode(batch.entries))
        )
        skus = {entry.sku for entry in batch.entries}
        connection.executemany(
            "INSERT INTO journal_skus VALUES (?, ?)", [(sku, cursor.lastrowid) for sku in skus]
        )
    for stream in batch.streams:
        cursor = connection.execute(
            "INSERT INTO streams VALUES (?, 1, ?) ON CONFLICT (sku) DO UPDATE"
            " SET version = version + 1, at = excluded.at WHERE version = ?",
            (stream.sku, at, stream.version),
        )
        assert cursor.rowcount == 1, "somebody wrote this stream in our turn"
    connection.executemany(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (p.sku, p.location, p.on_hand, p.soft, p.hard, p.elsewhere, p.incoming, at)
            for p in batch.positions
        ],
    )
    _append_pins(connection, batch)
    _append_records(connection, batch)
    events = [("stock", stream.sku) for stream in batch.streams]
    events += [("reservation", reservation.id) for reservation in batch.reservations]
    events += [("order", order.id) for order in batch.orders]
    connection.executemany("INSERT INTO events (topic, key) VALUES (?, ?)", events)


def _append_pins(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.executemany(
        "DELETE FROM pins WHERE sku = ? AND reservation = ? AND location = ?",
        [(p.sku, p.reservation, p.location) for p in batch.pins if not p.quantity],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?, ?, ?)",
        [
            (p.sku, p.reservation, p.location, p.quantity, micros_or_none(p.until), p.tentative)
            for p in batch.pins
            if p.quantity
        ],
    )
    connection.executemany(
        "DELETE FROM unseen WHERE id = ?", [(u.id,) for u in batch.unseen if not u.on_hand]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO unseen VALUES (?, ?, ?, ?, ?)",
        [(u.id, u.sku, u.location, u.on_hand, u.acknowledged) for u in batch.unseen if u.on_hand],
    )


def _append_records(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?)",
        [
            (r.id, r.status, micros_or_none(r.expires_at), r.version, encode(r))
            for r in batch.reservations
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                o.id,
                o.number,
                o.status,
                o.channel,
                o.subject,
                o.member_id,
                _place(o),
                micros(o.placed_at),
                micros(o.updated_at),
                micros_or_none(o.payment_due_at),
                o.version,
                encode(o),
            )
            for o in batch.orders
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO order_externals VALUES (?, ?, ?)",
        [(e.system, e.external_id, o.id) for o in batch.orders for e in o.external],
    )
    connection.executemany(
        "INSERT INTO writes (id, backend, subject, status, order_id, not_before, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                w.id,
                w.backend,
                w.subject,
                w.status,
                w.order_id,
                micros_or_none(w.not_before),
                encode(w),
            )
            for w in batch.writes
        ],
    )
    connection.executemany(
        "INSERT INTO keys VALUES (?, ?, ?, ?)",
        [(k.key, k.fingerprint, k.answer, micros(k.at)) for k in batch.recorded],
    )


def _place(order: Order) -> str | None:
    """The location that an order is found by: where it is handed over, else where it was sold."""
    if order.delivery is not None and order.delivery.location is not None:
        return order.delivery.location
    return order.origin_location
