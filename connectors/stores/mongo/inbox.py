"""Messages of backends in MongoDB. Their bodies stand apart from the rest: bytes, as they came."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from connectors.stores.coding import decoder, micros
from connectors.stores.mirrored import due_at, replayed, settled
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import text
from connectors.stores.mongo.session import Document, Order, Query, Session
from connectors.stores.rows import words
from resolvers.domain.inbox import Message, MessageStatus

_REPLAYED_AT_ONCE = 200
"""Most messages of one transaction: long ones are beaten more often."""

_CAME: Order = (("received_at", 1), ("id", 1))
_BY_ID: Order = (("id", 1),)

_read_rest = decoder(Message)


def message_doc(it: Message) -> Document:
    """A message; it is kept once under its backend and dedupe key."""
    return {
        "_id": words(it.backend, it.dedupe_key),
        "id": it.id,
        "backend": it.backend,
        "status": it.status.value,
        "ready_at": micros(due_at(it)),
        "received_at": micros(it.received_at),
        "rest": text(replace(it, body=b"")),
        "body": it.body,
    }


def message_from(of: Document) -> Message:
    """A message from its document."""
    return replace(_read_rest(of["rest"]), body=bytes(of["body"]))


class MongoInbox:
    """Answers the InboxStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, messages: Sequence[Message]) -> int:
        """Keeps messages in one transaction; those whose (backend, dedupe key) is known are left
        out.
        """
        documents: dict[str, Document] = {}
        for of in map(message_doc, messages):
            documents.setdefault(of["_id"], of)

        async def work(session: Session) -> int:
            found = session.among("messages", "_id", list(documents), fields=("_id",))
            known = {of["_id"] async for of in found}
            new = [of for id, of in documents.items() if id not in known]
            await session.insert("messages", new)
            return len(new)

        return await self._database.write(work)

    async def due_messages(self, backend: str, now: datetime, limit: int) -> Sequence[Message]:
        """Waiting messages that may be tried now, in the order they came."""
        due = {
            "backend": backend,
            "status": MessageStatus.WAITING.value,
            "ready_at": {"$lte": micros(now)},
        }
        return await self._found(due, _CAME, limit)

    async def settle(self, messages: Sequence[Message]) -> None:
        """Writes what became of messages. The body of one that is DONE is dropped."""
        changes = []
        for of in map(message_doc, map(settled, messages)):
            own = {name: of[name] for name in ("status", "ready_at", "rest")}
            if of["status"] == MessageStatus.DONE:
                own["body"] = b""
            changes.append(({"_id": of["_id"]}, {"$set": own}))
        await self._database.write(lambda session: session.update("messages", changes))

    async def parked(self, backend: str | None, after: str | None, limit: int) -> Sequence[Message]:
        """Parked messages in order of id, after one."""
        return await self._found(_parked(backend, after), _BY_ID, limit)

    async def parked_counts(self) -> Mapping[str, int]:
        """How many messages are parked, by backend."""
        each = {"$group": {"_id": "$backend", "parked": {"$sum": 1}}}
        found = await self._database.plain(
            lambda session: session.aggregate("messages", [{"$match": _parked(None, None)}, each])
        )
        return {of["_id"]: of["parked"] for of in found}

    async def replay(self, backend: str | None, ids: Sequence[str] | None, now: datetime) -> int:
        """Makes parked messages wait again, some at a time; one that is parked anew meanwhile stays
        so.
        """
        total = 0
        for lot in [None] if ids is None else _lots(ids):
            after: str | None = ""
            while after is not None:
                work = partial(_replay, backend=backend, ids=lot, after=after, now=now)
                count, after = await self._database.write(work)
                total += count
        return total

    async def trim_messages(self, before: datetime, limit: int) -> int:
        """Drops messages that were DONE before an instant, the eldest first."""
        done = {"status": MessageStatus.DONE.value, "received_at": {"$lt": micros(before)}}

        async def work(session: Session) -> int:
            old = await session.find("messages", done, fields=("_id",), order=_CAME, limit=limit)
            return await session.delete("messages", [{"_id": of["_id"]} for of in old])

        return await self._database.write(work)

    async def _found(self, asked: Query, order: Order, limit: int) -> Sequence[Message]:
        found = await self._database.plain(
            lambda session: session.find("messages", asked, order=order, limit=limit)
        )
        return [message_from(of) for of in found]


def _lots(ids: Sequence[str]) -> list[list[str]]:
    named = sorted(set(ids))
    starts = range(0, len(named), _REPLAYED_AT_ONCE)
    return [named[start : start + _REPLAYED_AT_ONCE] for start in starts]


def _parked(backend: str | None, after: str | None) -> Document:
    query: Document = {"status": MessageStatus.PARKED.value}
    if backend is not None:
        query["backend"] = backend
    if after is not None:
        query["id"] = {"$gt": after}
    return query


async def _replay(
    session: Session, *, backend: str | None, ids: Sequence[str] | None, after: str, now: datetime
) -> tuple[int, str | None]:
    """Makes some messages wait again; how many, and the id of the last if there may be more."""
    asked = _parked(backend, after)
    if ids is not None:
        asked["id"]["$in"] = list(ids)
    fields = ("_id", "id", "rest")
    found = await session.find(
        "messages", asked, fields=fields, order=_BY_ID, limit=_REPLAYED_AT_ONCE
    )
    changes = []
    for of in found:
        waiting = message_doc(replayed(_read_rest(of["rest"]), now))
        own = {name: waiting[name] for name in ("status", "ready_at", "rest")}
        changes.append(({"_id": of["_id"]}, {"$set": own}))
    await session.update("messages", changes)
    return len(found), found[-1]["id"] if len(found) == _REPLAYED_AT_ONCE else None
