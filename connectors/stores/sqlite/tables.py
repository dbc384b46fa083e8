"""The parts of a store as SQLite's tables have them: how each is read, and written over.

What a row says, and what its key is, stands in ``connectors/stores/rows.py``.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from connectors.stores.checkpoints import read_head
from connectors.stores.coding import encode, instant, micros
from connectors.stores.indexing import digest_of, ready_at
from connectors.stores.rows import BETWEEN, Counted, Journaled, Kept, Opened, Placed, Sealed, Shelf
from connectors.stores.sqlite.append import (
    PIN,
    POSITION,
    UNSEEN,
    append_orders,
    append_pins,
    append_reservations,
    append_unseen,
    pin_from,
    read_order,
    read_reservation,
    read_ruling,
    unseen_from,
)
from connectors.stores.sqlite.callers import (
    AUDIT,
    append_audit,
    audit_from,
    read_api_key,
    write_api_keys,
)
from connectors.stores.sqlite.catalog import (
    put_locations,
    put_product,
    read_location,
    read_product,
)
from connectors.stores.sqlite.compaction import write_heads
from connectors.stores.sqlite.house import read_feed, write_feeds
from connectors.stores.sqlite.inbox import message_from, write_messages
from connectors.stores.sqlite.ledger import read_entries
from connectors.stores.sqlite.listings import (
    mastered,
    read_listing,
    read_mapping,
    write_listings,
    write_mappings,
    write_masters,
)
from connectors.stores.sqlite.members import read_member, write_members
from connectors.stores.sqlite.outbox import read_write
from connectors.stores.sqlite.publications import read_publication, write_publications
from resolvers.domain.books import Recorded
from resolvers.domain.callers import Use
from resolvers.domain.locations import Location
from resolvers.domain.outbox import Write
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleChange
from resolvers.domain.stock import Position

_Writes = Callable[[sqlite3.Connection, Sequence[Any]], None]


@dataclass(frozen=True, slots=True)
class _Table:
    """A part's table: the columns of a record, those of its key, and how records are written."""

    columns: str
    key: tuple[str, ...]
    record: Callable[..., Any]
    write: _Writes
    numbered: bool = False

    def start(self, after: str) -> tuple[object, ...]:
        """A key as the values of its columns; of a numbered part the first is a number."""
        first, *rest = after.split(BETWEEN, len(self.key) - 1)
        return (int(first) if self.numbered else first, *rest)


def count(connection: sqlite3.Connection, part: str) -> int:
    """How many rows a part has."""
    (rows,) = connection.execute(f"SELECT count(*) FROM {part}").fetchone()
    return int(rows)


def dumped(
    connection: sqlite3.Connection, part: str, after: str | None, limit: int
) -> Iterator[Any]:
    """Records of a part in order of key, after one."""
    table = _TABLES[part]
    key = ", ".join(table.key)
    start = () if after is None else table.start(after)
    where = f"WHERE ({key}) > ({', '.join('?' * len(start))})" if start else ""
    sql = f"SELECT {table.columns} FROM {part} {where} ORDER BY {key} LIMIT ?"
    return (table.record(*row) for row in connection.execute(sql, (*start, limit)))


def load(connection: sqlite3.Connection, part: str, records: Sequence[Any]) -> None:
    """Writes records of a part, whatever stood there."""
    _TABLES[part].write(connection, records)


def _simple(sql: str, row: Callable[[Any], tuple[object, ...]]) -> _Writes:
    """Writes each record as one row."""

    def write(connection: sqlite3.Connection, records: Sequence[Any]) -> None:
        connection.executemany(f"INSERT OR REPLACE INTO {sql}", [row(it) for it in records])

    return write


def _write_locations(connection: sqlite3.Connection, records: Sequence[Location]) -> None:
    put_locations(connection, [(it.code, encode(it)) for it in records])


def _write_products(connection: sqlite3.Connection, records: Sequence[Shelf]) -> None:
    for it in records:
        put_product(connection, it.product, digest_of(it.product), instant(-it.age))


def _write_reservations(connection: sqlite3.Connection, records: Sequence[Kept]) -> None:
    for it in records:
        append_reservations(connection, [it.reservation], it.changed_at)


def _write_journal(connection: sqlite3.Connection, records: Sequence[Journaled]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO journal VALUES (?, ?, ?)",
        [(it.batch, micros(it.at), encode(it.entries)) for it in records],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO journal_places VALUES (?, ?, ?)",
        [(entry.sku, entry.location, it.batch) for it in records for entry in it.entries],
    )


def _write_heads(connection: sqlite3.Connection, records: Sequence[Sealed]) -> None:
    write_heads(connection, [(it.seal, it.head) for it in records])


def _kept(changed_at: int, body: bytes) -> Kept:
    reservation: Reservation = read_reservation(body)
    return Kept(instant(changed_at), reservation)


def _write_of(sequence: int, body: bytes) -> Write:
    return replace(read_write(body), sequence=sequence)


def _write_row(it: Write) -> tuple[object, ...]:
    ready = micros(ready_at(it))
    body = encode(replace(it, sequence=0))  # the column has it
    return it.sequence, it.id, it.backend, it.subject, it.status, it.order_id, ready, body


def _placed(changed_at: int, *of: Any) -> Placed:
    return Placed(instant(changed_at), Position(*of))


def _placed_row(it: Placed) -> tuple[object, ...]:
    p = it.position
    of = (p.sku, p.location, p.on_hand, p.soft, p.hard, p.elsewhere, p.incoming)
    return *of, micros(it.changed_at)


def _ruling_row(it: RuleChange) -> tuple[object, ...]:
    return it.version, it.code, encode(it)


def _recorded(key: str, fingerprint: str, answer: str, at: int) -> Recorded:
    return Recorded(key, fingerprint, answer, instant(at))


def _counts(table: str) -> _Table:
    write = _simple(f"{table} VALUES (?, ?, ?, ?)", lambda it: (it.sku, it.kind, it.name, it.units))
    return _Table("sku, kind, name, units", ("sku", "kind", "name"), Counted, write)


_TABLES: Mapping[str, _Table] = {
    "locations": _Table("body", ("code",), read_location, _write_locations),
    "products": _Table(
        "age, body",
        ("handle",),
        lambda age, body: Shelf(age, read_product(body)),
        _write_products,
    ),
    "rules": _Table(
        "body",
        ("version",),
        read_ruling,
        _simple("rules VALUES (?, ?, ?)", _ruling_row),
        numbered=True,
    ),
    "feeds": _Table("body", ("backend", "entity", "location"), read_feed, write_feeds),
    "orders": _Table("body", ("id",), read_order, append_orders),
    "reservations": _Table("changed_at, body", ("id",), _kept, _write_reservations),
    "writes": _Table(
        "sequence, body",
        ("sequence",),
        _write_of,
        _simple("writes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _write_row),
        numbered=True,
    ),
    "keys": _Table(
        "key, fingerprint, answer, at",
        ("key",),
        _recorded,
        _simple(
            "keys (key, fingerprint, answer, at) VALUES (?, ?, ?, ?)",
            lambda it: (it.key, it.fingerprint, it.answer, micros(it.at)),
        ),
    ),
    "journal": _Table(
        "batch, at, entries",
        ("batch",),
        lambda batch, at, body: Journaled(batch, instant(at), read_entries(body)),
        _write_journal,
        numbered=True,
    ),
    "checkpoints": _Table(
        "seal, body", ("sku",), lambda seal, body: Sealed(seal, read_head(body)), _write_heads
    ),
    "checkpoint_counts": _counts("checkpoint_counts"),
    "streams": _Table(
        "sku, version, at",
        ("sku",),
        lambda sku, version, at: Opened(sku, version, instant(at)),
        _simple("streams VALUES (?, ?, ?)", lambda it: (it.sku, it.version, micros(it.at))),
    ),
    "positions": _Table(
        f"changed_at, {POSITION}",
        ("sku", "location"),
        _placed,
        _simple("positions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _placed_row),
    ),
    "pins": _Table(
        PIN, ("sku", "reservation", "location"), lambda *row: pin_from(row), append_pins
    ),
    "unseen": _Table(UNSEEN, ("id",), lambda *row: unseen_from(row), append_unseen),
    "taken": _counts("taken"),
    "api_keys": _Table("body", ("id",), read_api_key, write_api_keys),
    "audit": _Table(AUDIT, ("at", "id"), lambda *row: audit_from(row), append_audit, numbered=True),
    "uses": _Table(
        "day, client, field, count",
        ("field", "client", "day"),
        lambda day, *of: Use(date.fromisoformat(day), *of),
        _simple(
            "uses VALUES (?, ?, ?, ?)",
            lambda it: (it.field, it.client, it.day.isoformat(), it.count),
        ),
    ),
    "messages": _Table("rest, body", ("backend", "dedupe_key"), message_from, write_messages),
    "members": _Table("body", ("id",), read_member, write_members),
    "masters": _Table("backend, body", ("handle", "backend"), mastered, write_masters),
    "listings": _Table("body", ("backend", "id"), read_listing, write_listings),
    "mappings": _Table("body", ("backend", "listing"), read_mapping, write_mappings),
    "publications": _Table("body", ("backend", "listing"), read_publication, write_publications),
}
