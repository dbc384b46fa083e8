"""What is wrong inside a SQLite store: damage of the file, and rows that point at nothing.

Of each sort a few are named, and the rest counted. Whether quantities are what their entries say is
no question here.
"""

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice

from msgspec import MsgspecError

from connectors.stores.checkpoints import read_head, seal_of
from connectors.stores.sqlite.append import read_order, read_reservation
from connectors.stores.sqlite.callers import AUDIT, audit_from, read_api_key
from connectors.stores.sqlite.ledger import read_entries
from connectors.stores.sqlite.mirror_faults import MIRROR_LOOKS

_NAMED_MAX = 20
"""Most findings of one sort that are named."""

_AT = "sku || ' at ' || location"
_NO_STREAM = "sku NOT IN (SELECT sku FROM streams)"
_NO_ORDER = "order_id IS NOT NULL AND order_id NOT IN (SELECT id FROM orders)"
_NO_CHECKPOINT = "sku NOT IN (SELECT sku FROM checkpoints)"
_NO_RESERVATION = "NOT EXISTS (SELECT 1 FROM reservations WHERE id = reservation)"
_NO_MEMBER = "member NOT IN (SELECT id FROM members WHERE gone = 0)"
_NO_BATCH = "NOT EXISTS (SELECT 1 FROM journal WHERE journal.batch = journal_places.batch)"

_ORPHANS = (
    ("streams", "sku", "version < 1", "the stream of {} was never written"),
    ("pins", f"{_AT} || ' of ' || reservation", _NO_STREAM, "pin {} has no stream"),
    ("pins", f"{_AT} || ' of ' || reservation", _NO_RESERVATION, "pin {} has no reservation"),
    ("positions", _AT, _NO_STREAM, "position {} has no stream"),
    ("journal_places", _AT, _NO_STREAM, "entries of {} have no stream"),
    ("journal_places", f"{_AT} || ' in ' || batch", _NO_BATCH, "place {} has no batch"),
    ("taken", "sku", _NO_STREAM, "counts of {} have no stream"),
    ("checkpoints", "sku", _NO_STREAM, "the checkpoint of {} has no stream"),
    ("checkpoint_counts", "sku", _NO_CHECKPOINT, "folded counts of {} have no checkpoint"),
    ("reservations", "id", _NO_ORDER, "reservation {} is of an order that is not there"),
    ("writes", "id", _NO_ORDER, "write {} is of an order that is not there"),
    ("order_externals", "order_id", _NO_ORDER, "order {} is known elsewhere and not there"),
    ("member_identities", "member", _NO_MEMBER, "member {} is known by something and not there"),
    ("member_tags", "member", _NO_MEMBER, "member {} has tags and is not there"),
)
"""Rows that point at nothing: where, what names one, when it is so, and how it is told."""

_Look = Callable[[sqlite3.Connection], Iterator[str]]


def faults_of(connection: sqlite3.Connection) -> list[str]:
    """Everything that is wrong; a file that is damaged is asked nothing further."""
    damage = [line for (line,) in connection.execute(f"PRAGMA integrity_check({_NAMED_MAX})")]
    if damage != ["ok"]:
        return [f"the file is damaged: {line}" for line in damage]
    found: list[str] = []
    for table, name, wrong, told in _ORPHANS:
        rows = connection.execute(f"SELECT DISTINCT {name} FROM {table} WHERE {wrong} ORDER BY 1")
        found += _told(told.format(named) for (named,) in rows)
    for look in (_journal, _checkpoints, _reservations, _orders, _api_keys, _audit, *MIRROR_LOOKS):
        found += _told(look(connection))
    return found


def _told(found: Iterator[str]) -> Iterator[str]:
    yield from islice(found, _NAMED_MAX)
    more = sum(1 for _ in found)
    if more:
        yield f"and {more} more like it"


def _journal(connection: sqlite3.Connection) -> Iterator[str]:
    """Batches and the places that they are found by, one against the other."""
    places = 0
    sql = "SELECT 1 FROM journal_places WHERE sku = ? AND location = ? AND batch = ?"
    for batch, body in connection.execute("SELECT batch, entries FROM journal ORDER BY batch"):
        try:
            entries = read_entries(body)
        except MsgspecError as error:
            yield f"batch {batch} cannot be read: {error}"
            continue
        own = {(entry.sku, entry.location) for entry in entries}
        places += len(own)
        for sku, location in sorted(own):
            if connection.execute(sql, (sku, location, batch)).fetchone() is None:
                yield f"entries of {sku} at {location} in batch {batch} are found by no place"
    (stored,) = connection.execute(
        "SELECT count(*) FROM journal_places WHERE batch IN (SELECT batch FROM journal)"
    ).fetchone()
    if stored > places:
        yield f"{stored - places} places are of batches that have no entries there"


def _checkpoints(connection: sqlite3.Connection) -> Iterator[str]:
    for sku, seal, body in connection.execute("SELECT sku, seal, body FROM checkpoints"):
        try:
            head = read_head(body)
        except MsgspecError as error:
            yield f"the checkpoint of {sku} cannot be read: {error}"
            continue
        if head.sku != sku or seal_of(head) != seal:
            yield f"the checkpoint of {sku} is not what its seal says"


def _reservations(connection: sqlite3.Connection) -> Iterator[str]:
    sql = "SELECT id, status, order_id, body FROM reservations"
    for id, status, order_id, body in connection.execute(sql):
        try:
            known = read_reservation(body)
        except MsgspecError as error:
            yield f"reservation {id} cannot be read: {error}"
            continue
        if (known.id, known.status, known.order_id) != (id, status, order_id):
            yield f"reservation {id} is not what it is found by"


def _orders(connection: sqlite3.Connection) -> Iterator[str]:
    backed = "SELECT 1 FROM reservations WHERE id = ?"
    for id, number, status, body in connection.execute(
        "SELECT id, number, status, body FROM orders"
    ):
        try:
            known = read_order(body)
        except MsgspecError as error:
            yield f"order {id} cannot be read: {error}"
            continue
        if (known.id, known.number, known.status) != (id, number, status):
            yield f"order {id} is not what it is found by"
        hold = known.reservation_id
        if hold is not None and connection.execute(backed, (hold,)).fetchone() is None:
            yield f"order {number} has a reservation that is not there: {hold}"


def _api_keys(connection: sqlite3.Connection) -> Iterator[str]:
    for id, body in connection.execute("SELECT id, body FROM api_keys"):
        try:
            known = read_api_key(body)
        except MsgspecError as error:
            yield f"key {id} cannot be read: {error}"
            continue
        if known.id != id:
            yield f"key {id} is not what it is found by"


def _audit(connection: sqlite3.Connection) -> Iterator[str]:
    for row in connection.execute(f"SELECT {AUDIT} FROM audit"):
        try:
            audit_from(row)
        except (ValueError, OverflowError) as error:
            yield f"audit record {row[1]} cannot be read: {error}"
