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

_LOOKED_AT = 1_000
"""Waiting writes of which it is asked at once whether they are due."""


class MongoOutbox:
    """Answers the OutboxStore port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """``clock`` tells when watchers heard of what came of a write."""
        self._database = database
        self._clock = clock

    async def due_writes(self, backend: str, now: datetime, limit: int) -> Sequence[Write]:
        """The eldest waiting write of each subject that may be tried now."""

        async def work(session: Session) -> list[Document]:
            due: list[int] = []
            subjects: set[str] = set()
            after = 0
            while len(due) < limit:
                waiting = await session.find(
                    "writes",
                    {"backend": backend, "status": WriteStatus.WAITING, "_id": {"$gt": after}},
                    fields=("subject", "ready_at"),
                    order=(("_id", 1),),
                    limit=_LOOKED_AT,
                )
                for of in waiting:
                    if of["subject"] not in subjects and of["ready_at"] <= micros(now):
                        due.append(of["_id"])
                    subjects.add(of["subject"])
                if len(waiting) < _LOOKED_AT:
                    break
                after = waiting[-1]["_id"]
            asked = {"_id": {"$in": due[:limit]}}
            return await session.find("writes", asked, order=(("_id", 1),)) if due else []

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
