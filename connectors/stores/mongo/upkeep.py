"""What the mongo engine is kept sound by: looking it over, folding what is old, moving house.

The parts that a copy carries over, and their keys, are those of ``connectors/stores/rows.py``. What
is found or sorted by (places, externals, prices, terms, barcodes) is made anew where they are
loaded, and so is the number above which a stream goes on. Leases, turns and events stay: they are
of the processes on one store.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from connectors.stores.mongo import tables
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.clock import ClusterClock
from connectors.stores.mongo.compaction import (
    drop_days,
    drop_reservations,
    ended,
    folded,
    put_folded,
)
from connectors.stores.mongo.faults import faults_of
from connectors.stores.mongo.session import Session
from connectors.stores.rows import PARTS, record_of, row_of
from resolvers.upkeep_port import COPYING, Compacted, Row


class MongoUpkeep:
    """Answers the UpkeepStore port."""

    def __init__(self, database: Database, clock: ClusterClock) -> None:
        self._database = database
        self._clock = clock

    async def faults(self) -> Sequence[str]:
        """What is wrong, in words; each few documents are looked at with what they name, at one
        moment.
        """
        return await faults_of(self._database)

    async def compact(self, before: datetime, limit: int) -> Compacted:
        """One step: it is read and reckoned beside the writers, and written in a short
        transaction. A clock that is far off folds and drops nothing.
        """
        before += await self._clock.offset()
        fold = await self._database.read(lambda session: folded(session, before, limit))
        over = await self._database.read(lambda session: ended(session, before, limit))

        async def work(session: Session) -> Compacted:
            done = await put_folded(session, fold)
            days = await drop_days(session, before, limit)
            reservations = await drop_reservations(session, over, before)
            more = fold.more or not done or limit in (days, reservations)
            return Compacted(fold.entries if done else 0, reservations, days, more)

        return await self._database.write(work)

    async def parts(self) -> Mapping[str, int]:
        """The parts that a copy carries over, and how many rows each has, one after the other."""
        return {
            part: await self._database.plain(partial(tables.count, part=part)) for part in PARTS
        }

    async def dump(self, part: str, after: str | None, limit: int) -> Sequence[Row]:
        """Rows of a part in order of key."""

        async def work(session: Session) -> list[Row]:
            if part == COPYING:
                query = {"_id": {"$gt": after or ""}}
                found = await session.find(COPYING, query, order=(("_id", 1),), limit=limit)
                return [Row(of["_id"], of["body"].encode()) for of in found]
            return [row_of(part, it) for it in await tables.dumped(session, part, after, limit)]

        return await self._database.read(work)

    async def load(self, part: str, rows: Sequence[Row]) -> None:
        """Writes rows of a part, whatever stood there."""

        async def work(session: Session) -> None:
            if part == COPYING:
                notes = [{"_id": row.key, "body": row.body.decode()} for row in rows]
                await session.put(COPYING, notes)
            else:
                await tables.load(session, part, [record_of(part, row) for row in rows])

        await self._database.write(work)
