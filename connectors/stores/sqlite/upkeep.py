"""What the sqlite engine is kept sound by: looking it over, folding what is old, moving house.

The parts that a copy carries over are those of ``connectors/stores/rows.py``, in this order. A key
of several words has U+001F between them, a number is filled up to nineteen digits:

    part               key                         body
    locations          code                        Location
    products           handle                      {age, product}
    rules              version                     RuleChange
    feeds              backend, entity, location   Feed
    orders             id                          Order
    reservations       id                          {changed_at, reservation}
    writes             sequence                    Write, with its sequence
    keys               digest                      Recorded
    journal            batch                       {batch, at, entries}
    checkpoints        SKU                         {seal, head: {sku, entries, at, positions, …}}
    checkpoint_counts  SKU, kind, name             {sku, kind, name, units}
    streams            SKU                         {sku, version, at}
    positions          SKU, location               {changed_at, position}
    pins               SKU, reservation, location  Pin
    unseen             id                          Unseen
    taken              SKU, kind, name             {sku, kind, name, units}
    api_keys           id                          ApiKey, which has no secret
    audit              microseconds, id            AuditRecord
    uses               field, client, day          Use
    messages           backend, dedupe key         Message, its body in base64
    members            id                          Member
    masters            handle, backend             {backend, product}
    listings           backend, id                 Listing
    mappings           backend, listing            ListingMapping
    publications       backend, listing            PublicationRecord

What is found or sorted by (numbers, externals, terms, barcodes, places of batches,
identities, tags) is made anew
from these where they are loaded. Leases and events stay: they are of the processes on one store.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.stores.rows import PARTS, record_of, row_of
from connectors.stores.sqlite import tables
from connectors.stores.sqlite.compaction import Fold, drop_days, drop_reservations
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.faults import faults_of
from resolvers.upkeep_port import COPYING, Compacted, Row


class SqliteUpkeep:
    """Answers the UpkeepStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def faults(self) -> Sequence[str]:
        """What is wrong, in words; of one moment."""
        return await self._database.read(faults_of)

    async def compact(self, before: datetime, limit: int) -> Compacted:
        """One step: it is read and reckoned beside the writers, and written in a short turn."""
        fold = await self._database.read(lambda connection: Fold(connection, before, limit))

        def work(connection: sqlite3.Connection) -> Compacted:
            entries = fold.write(connection)
            days = drop_days(connection, before, limit)
            reservations = drop_reservations(connection, before, limit)
            more = fold.more or limit in (days, reservations)
            return Compacted(entries, reservations, days, more)

        return await self._database.write(work)

    async def parts(self) -> Mapping[str, int]:
        """The parts that a copy carries over, and how many rows each has."""
        return await self._database.read(
            lambda connection: {part: tables.count(connection, part) for part in PARTS}
        )

    async def dump(self, part: str, after: str | None, limit: int) -> Sequence[Row]:
        """Rows of a part in order of key."""

        def work(connection: sqlite3.Connection) -> list[Row]:
            if part == COPYING:
                sql = "SELECT key, body FROM copying WHERE key > ? ORDER BY key LIMIT ?"
                return [Row(*row) for row in connection.execute(sql, (after or "", limit))]
            return [row_of(part, it) for it in tables.dumped(connection, part, after, limit)]

        return await self._database.read(work)

    async def load(self, part: str, rows: Sequence[Row]) -> None:
        """Writes rows of a part, whatever stood there."""

        def work(connection: sqlite3.Connection) -> None:
            if part == COPYING:
                connection.executemany(
                    "INSERT OR REPLACE INTO copying VALUES (?, ?)",
                    [(row.key, row.body) for row in rows],
                )
            else:
                tables.load(connection, part, [record_of(part, row) for row in rows])

        await self._database.write(work)
