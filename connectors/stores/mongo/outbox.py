"""Writes that backends wait for, in MongoDB. They are made by the batch that decides them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from connectors.stores.coding import micros
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import write_doc, write_from
from connectors.stores.mongo.house import emit, holds
from connectors.stores.mongo.session import Document, Session
from resolvers.domain.outbox import (
    Write,
    WriteStatus,
    can_be_reopened,
    can_be_replayed,
    revived,
)
from resolvers.ports import Clock, Lease

_LOOKED_AT = 200
"""Ready writes of which it is asked at once whether an elder one of their subject waits."""

_BY_ID = (("_id", 1),)

_REPLAYED_AT_ONCE = 200
"""Most writes of one transaction."""


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
            await self._update(session, [replace(write, sequence=before["_id"])])
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

    async def write(self, id: str) -> Write | None:
        """One write, however far it has come."""
        found = await self._database.plain(lambda session: session.one("writes", {"id": id}))
        return None if found is None else write_from(found)

    async def dead_writes(self, backend: str | None, after: int, limit: int) -> Sequence[Write]:
        """Failed writes in order of sequence, after one."""
        asked = _dead(backend, after)
        return await self._database.plain(partial(_found, asked=asked, limit=limit))

    async def dead_counts(self) -> Mapping[str, int]:
        """How many writes are failed, by backend."""
        each = {"$group": {"_id": "$backend", "dead": {"$sum": 1}}}
        match = {"$match": {"status": WriteStatus.FAILED.value}}
        found = await self._database.plain(
            lambda session: session.aggregate("writes", [match, each])
        )
        return {of["_id"]: of["dead"] for of in found}

    async def replay_writes(self, backend: str | None, ids: Sequence[str] | None) -> int:
        """Makes failed writes wait again, some at a time, but those that need a person's word."""
        total = 0
        for lot in [None] if ids is None else _lots(sorted(set(ids))):
            after: int | None = 0
            while after is not None:
                work = partial(self._replay, asked=_dead(backend, after, lot))
                count, after = await self._database.write(work)
                total += count
        return total

    async def rule_on_write(self, write: Write) -> bool:
        """Notes what a person said of a failed write."""

        async def work(session: Session) -> bool:
            found = await session.one("writes", {"id": write.id})
            before = None if found is None else write_from(found)
            if before is None or before.status is not WriteStatus.FAILED:
                return False
            if before.attempts != write.attempts:
                return False
            await self._update(session, [replace(write, sequence=before.sequence)])
            return True

        return await self._database.write(work)

    async def reopen_write(self, write: Write) -> bool:
        """Has a write that was done wait again."""

        async def work(session: Session) -> bool:
            found = await session.one("writes", {"id": write.id})
            before = None if found is None else write_from(found)
            if before is None or not can_be_reopened(before, write):
                return False
            await self._update(session, [replace(write, sequence=before.sequence)])
            return True

        return await self._database.write(work)

    async def _replay(self, session: Session, *, asked: Document) -> tuple[int, int | None]:
        """Makes some writes wait again; how many, and the last looked at if there may be more."""
        found = await _found(session, asked=asked, limit=_REPLAYED_AT_ONCE)
        waiting = [revived(write) for write in found if can_be_replayed(write)]
        await self._update(session, waiting)
        return len(waiting), found[-1].sequence if len(found) == _REPLAYED_AT_ONCE else None

    async def _update(self, session: Session, writes: Sequence[Write]) -> None:
        changes = []
        for after in map(write_doc, writes):
            own = {name: after[name] for name in ("status", "ready_at", "body")}
            changes.append(({"_id": after["_id"]}, {"$set": own}))
        await session.update("writes", changes)
        touched = [("order", write.order_id) for write in writes if write.order_id is not None]
        if touched:
            await emit(session, self._clock(), touched)


async def _found(session: Session, *, asked: Document, limit: int) -> list[Write]:
    found = await session.find("writes", asked, order=_BY_ID, limit=limit)
    return [write_from(of) for of in found]


def _dead(backend: str | None, after: int, ids: Sequence[str] | None = None) -> Document:
    query: Document = {"status": WriteStatus.FAILED.value, "_id": {"$gt": after}}
    if backend is not None:
        query["backend"] = backend
    if ids is not None:
        query["id"] = {"$in": list(ids)}
    return query


def _lots(ids: Sequence[str]) -> list[Sequence[str]]:
    starts = range(0, len(ids), _REPLAYED_AT_ONCE)
    return [ids[start : start + _REPLAYED_AT_ONCE] for start in starts]
