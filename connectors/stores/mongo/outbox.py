"""Writes that backends wait for, in MongoDB. They are made by the batch that decides them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.stores.coding import micros
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import write_doc, write_from
from connectors.stores.mongo.house import emit, holds
from connectors.stores.mongo.session import Document, Session
from resolvers.domain.outbox import Write, WriteStatus
from resolvers.ports import Clock, Lease

_LOOKED_AT = 200
"""Ready writes of which it is asked at once whether an elder one of their subject waits."""

_BY_ID = (("_id", 1),)


class MongoOutbox:
    """Answers the OutboxStore port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """``clock`` tells when watchers heard of what came of a write."""
        self._database = database
        self._clock = clock

    async def due_writes(self, backend: str, now: datetime, limit: int) -> Sequence[Write]:
        """The eldest waiting write of each subject that may be tried now."""
        waiting = {"backend": backend, "status": WriteStatus.WAITING}

        async def work(session: Session) -> list[Document]:
            due: list[Document] = []
            after = 0
            while len(due) < limit:
                # What a backend that is down has left behind is not ready, and stays at the server.
                ready = await session.find(
                    "writes",
                    {**waiting, "ready_at": {"$lte": micros(now)}, "_id": {"$gt": after}},
                    order=_BY_ID,
                    limit=_LOOKED_AT,
                )
                subjects = sorted({of["subject"] for of in ready})
                theirs = {**waiting, "subject": {"$in": subjects}}
                first = {"$group": {"_id": "$subject", "eldest": {"$min": "$_id"}}}
                found = await session.aggregate("writes", [{"$match": theirs}, first])
                eldest = {of["_id"]: of["eldest"] for of in found}
                due += [of for of in ready if of["_id"] == eldest[of["subject"]]]
                if len(ready) < _LOOKED_AT:
                    break
                after = ready[-1]["_id"]
            return due[:limit]

        return [write_from(of) for of in await self._database.read(work)]

    async def save_write(self, write: Write, lease: Lease) -> bool:
        """Notes a try or its outcome."""

        async def work(session: Session) -> bool:
            if not await holds(session, lease):
                return False
            before = await session.one("writes", {"id": write.id})
            assert before is not None, "a write is made by the batch that decided it"
            after = write_doc(replace(write, sequence=before["_id"]))
            own = {name: after[name] for name in ("status", "ready_at", "body")}
            await session.update("writes", [({"_id": before["_id"]}, {"$set": own})])
            if write.order_id is not None:
                await emit(session, self._clock(), [("order", write.order_id)])
            return True

        return await self._database.write(work)

    async def writes_of(self, order_ids: Sequence[str]) -> Mapping[str, Sequence[Write]]:
        """Writes by order, each order's in the order they were made."""
        asked = {"order_id": {"$in": list(order_ids)}}
        by_order: dict[str, list[Write]] = {}
        for of in await self._database.plain(
            lambda session: session.find("writes", asked, order=(("_id", 1),))
        ):
            by_order.setdefault(of["order_id"], []).append(write_from(of))
        return by_order

    async def pending_writes(self, backend: str) -> int:
        """How many writes wait for a backend."""
        asked = {"backend": backend, "status": WriteStatus.WAITING}
        return await self._database.plain(lambda session: session.count("writes", asked))
