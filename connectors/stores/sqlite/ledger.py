"""The ledger in SQLite: entries by SKU and place, and what they fold to.

A batch stands in the journal until it is folded into checkpoints, whole.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby

from connectors.stores.checkpoints import Head, Rebuild, checkpoint_of, read_head
from connectors.stores.coding import decoder, instant
from connectors.stores.sqlite.append import PIN, POSITION, UNSEEN, pin_from, unseen_from
from connectors.stores.sqlite.questions import rows_for
from resolvers.domain.ledger import Account, Checkpoint
from resolvers.domain.stock import Pin, Position, StockEntry, Stream, TakenKey, Unseen
from resolvers.ports import EntryPlace

read_entries = decoder(tuple[StockEntry, ...])

_LAST = 2**63 - 1


def entries_of(connection: sqlite3.Connection, sku: str) -> list[StockEntry]:
    """Every entry of a SKU since its checkpoint, oldest first."""
    return [entry for own in _journaled(connection, [sku]) for entry in own if entry.sku == sku]


def _journaled(
    connection: sqlite3.Connection, skus: Sequence[str]
) -> Iterator[tuple[StockEntry, ...]]:
    """Batches with entries of some SKUs, in order; each once."""
    places = "SELECT batch FROM journal_places WHERE sku IN"
    batches = sorted({batch for (batch,) in rows_for(connection, places, skus)})
    for batch in batches:
        yield _batch(connection, batch)


def _batch(connection: sqlite3.Connection, batch: int) -> tuple[StockEntry, ...]:
    row = connection.execute("SELECT entries FROM journal WHERE batch = ?", (batch,)).fetchone()
    return () if row is None else read_entries(row[0])  # a lost batch is a fault, told as such


def history(
    connection: sqlite3.Connection,
    sku: str,
    location: str | None,
    before: EntryPlace | None,
    limit: int,
) -> list[tuple[EntryPlace, StockEntry]]:
    """Entries of a SKU (at a location), the newest first, from before a place on."""
    found: list[tuple[EntryPlace, StockEntry]] = []
    places = [location] if location is not None else _places_of(connection, sku)
    first = before or (_LAST, 0)
    ranges = [_batches_down(connection, sku, place, first[0]) for place in places]
    for batch, _ in groupby(merge(*ranges, reverse=True)):
        found += [
            ((batch, at), entry)
            for at, entry in reversed(list(enumerate(_batch(connection, batch))))
            if (batch, at) < first and entry.sku == sku and location in (None, entry.location)
        ]
        if len(found) >= limit:
            break
    return found[:limit]


def _places_of(connection: sqlite3.Connection, sku: str) -> list[str]:
    sql = "SELECT location FROM positions WHERE sku = ?"
    return [location for (location,) in connection.execute(sql, (sku,))]


def _batches_down(
    connection: sqlite3.Connection, sku: str, location: str, last: int
) -> Iterator[int]:
    """Batches that touched a place, the newest first."""
    sql = (
        "SELECT batch FROM journal_places WHERE sku = ? AND location = ? AND batch <= ?"
        " ORDER BY batch DESC"
    )
    return (batch for (batch,) in connection.execute(sql, (sku, location, last)))


def folded_at(connection: sqlite3.Connection, skus: Sequence[str]) -> dict[str, datetime]:
    """When the last folded entry of each SKU was written."""
    sql = "SELECT sku, at FROM checkpoints WHERE sku IN"
    return {sku: instant(at) for sku, at in rows_for(connection, sql, skus)}


def accounts(connection: sqlite3.Connection, skus: Sequence[str]) -> dict[str, Account]:
    """Streams as they are stored, beside what their checkpoints and entries fold to."""
    asked = sorted(set(skus))
    streams = _whole_streams(connection, asked)
    rebuild = Rebuild(_checkpoints(connection, asked))
    for batch in _journaled(connection, asked):
        rebuild.add(batch)
    return rebuild.beside(streams)


def _checkpoints(connection: sqlite3.Connection, skus: Sequence[str]) -> dict[str, Checkpoint]:
    taken = _counts(connection, "checkpoint_counts", skus)
    heads = {head.sku: head for head in heads_of(connection, skus)}
    return {
        sku: checkpoint_of(heads[sku], taken.get(sku, {}))
        if sku in heads
        else Checkpoint(sku, taken=taken.get(sku, {}))
        for sku in skus
    }


def heads_of(connection: sqlite3.Connection, skus: Iterable[str]) -> list[Head]:
    """Checkpoints of some SKUs, without their counts."""
    sql = "SELECT body FROM checkpoints WHERE sku IN"
    return [read_head(body) for (body,) in rows_for(connection, sql, sorted(skus))]


def _counts(
    connection: sqlite3.Connection, table: str, skus: Sequence[str]
) -> dict[str, dict[TakenKey, int]]:
    found: dict[str, dict[TakenKey, int]] = {}
    sql = f"SELECT sku, kind, name, units FROM {table} WHERE sku IN"
    for sku, kind, name, units in rows_for(connection, sql, skus):
        found.setdefault(sku, {})[kind, name] = units
    return found


def _whole_streams(connection: sqlite3.Connection, skus: Sequence[str]) -> dict[str, Stream]:
    """Streams with everything that is stored of them; a quantity without a stream counts too."""
    positions: dict[str, dict[str, Position]] = {}
    for row in rows_for(connection, f"SELECT {POSITION} FROM positions WHERE sku IN", skus):
        position = Position(*row)
        positions.setdefault(position.sku, {})[position.location] = position
    pins: dict[str, dict[tuple[str, str], Pin]] = {}
    for row in rows_for(connection, f"SELECT {PIN} FROM pins WHERE sku IN", skus):
        pin = pin_from(row)
        pins.setdefault(pin.sku, {})[pin.reservation, pin.location] = pin
    unseen: dict[str, dict[str, Unseen]] = {}
    for row in rows_for(connection, f"SELECT {UNSEEN} FROM unseen WHERE sku IN", skus):
        movement = unseen_from(row)
        unseen.setdefault(movement.sku, {})[movement.id] = movement
    taken = _counts(connection, "taken", skus)
    heads: dict[str, tuple[int, datetime | None]] = {
        sku: (version, instant(at))
        for sku, version, at in rows_for(
            connection, "SELECT sku, version, at FROM streams WHERE sku IN", skus
        )
    }
    return {
        sku: Stream(
            sku,
            positions.get(sku, {}),
            pins.get(sku, {}),
            unseen.get(sku, {}),
            heads.get(sku, (0, None))[0],
            heads.get(sku, (0, None))[1],
            taken.get(sku, {}),
        )
        for sku in skus
        if sku in heads or sku in positions or sku in pins or sku in taken
    }
