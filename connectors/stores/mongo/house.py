"""Feeds, leases and the tail of changes in MongoDB, and the tidying of what is old."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors.stores.coding import micros
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.clock import ClusterClock
from connectors.stores.mongo.documents import feed_doc, read_feed
from connectors.stores.mongo.driver import new_id
from connectors.stores.mongo.session import Document, Session
from connectors.stores.mongo.tail import Lost, Tail
from resolvers.domain.feeds import Feed
from resolvers.ports import ANY, TOPICS, Event, Lease

_NOBODY = ""  # the owner of a lease that was given back; its fence stays, to grow on

_REMEMBERED = 10_000
"""Events that are kept though their follower has asked for what came after them, and most batches
that are heard of at once.
"""


async def emit(session: Session, at: datetime, keys: Sequence[tuple[str, str]]) -> None:
    """Notes that things changed, topic and key of each, for whoever follows the events."""
    if keys:
        told = [list(key) for key in keys]
        await session.insert("events", [{"_id": new_id(), "at": at, "keys": told}])


async def holds(session: Session, lease: Lease) -> bool:
    """Says whether nobody has taken a lease over, nor its owner given it back; and that nobody does
    while this transaction runs.
    """
    asked = {"_id": lease.name, "owner": lease.owner, "fence": lease.fence}
    return await session.update("leases", [(asked, {"$inc": {"used": 1}})]) == 1


class MongoHouse:
    """Answers the HouseStore port.

    Events have the numbers that this process gives them as it hears of them, in the order in which
    they were committed.
    """

    def __init__(self, database: Database, clock: ClusterClock, tail: Tail) -> None:
        """``tail`` follows the events."""
        self._database = database
        self._clock = clock
        self._tail = tail
        self._hearing = asyncio.Lock()
        self._heard: deque[Event] = deque()
        self._last = 0
        self._read: int | None = None  # what a follower has asked beyond

    async def feeds(self) -> Sequence[Feed]:
        """Every feed, in order of its key."""
        found = await self._database.plain(
            lambda session: session.find("feeds", {}, order=(("_id", 1),))
        )
        return [read_feed(of["body"]) for of in found]

    async def save_feeds(self, feeds: Sequence[Feed]) -> None:
        """Writes feeds, but none over one whose watermark is later."""

        async def work(session: Session) -> None:
            await session.update("feeds", [_unless_later(feed) for feed in feeds], upsert=True)

        await self._database.write(work)

    async def lease(self, name: str, owner: str, seconds: float, now: datetime) -> Lease | None:
        """Takes or renews a lease."""
        assert owner != _NOBODY
        there = now + await self._clock.offset()
        until = timedelta(seconds=seconds)
        found = await self._database.modify(
            "leases",
            {"_id": name},
            [_taken(owner, micros(there), micros(there + until))],
            upsert=True,
        )
        assert found is not None
        return Lease(name, owner, now + until, found["fence"]) if found["owner"] == owner else None

    async def release_lease(self, lease: Lease) -> None:
        """Gives a lease back."""
        asked = {"_id": lease.name, "owner": lease.owner, "fence": lease.fence}
        await self._database.modify("leases", asked, {"$set": {"owner": _NOBODY}})

    async def last_event(self) -> int:
        """The sequence of the newest event."""
        await self._catch_up()
        self._read = self._last
        return self._last

    async def events(self, after: int, limit: int) -> Sequence[Event]:
        """Events after a sequence, eldest first. What was lost is told as everything."""
        while self._last - after < limit and await self._hear():
            pass
        self._read = max(after, self._read or 0)
        while len(self._heard) > _REMEMBERED and self._heard[0].sequence <= self._read:
            self._heard.popleft()
        first = self._heard[0].sequence if self._heard else self._last + 1
        start = max(0, after - first + 1)
        return [self._heard[at] for at in range(start, min(start + limit, len(self._heard)))]

    async def trim(self, keys_before: datetime, events_keep: int, limit: int) -> int:
        """Drops old keys, the eldest first, and events that this process has heard of, but none
        that its follower has not read.
        """
        old_before = micros(keys_before + await self._clock.offset())

        async def work(session: Session) -> int:
            old = await session.find(
                "keys",
                {"at": {"$lt": old_before}},
                fields=("_id",),
                order=(("at", 1), ("_id", 1)),
                limit=limit,
            )
            if not old:
                return 0
            return await session.delete("keys", [{"_id": {"$in": [of["_id"] for of in old]}}])

        keys = await self._database.write(work)
        if self._read is None:  # a follower hears by itself
            await self._catch_up()
        surplus = 0
        while surplus < limit and len(self._heard) > events_keep:
            if self._read is not None and self._heard[0].sequence > self._read:
                break
            self._heard.popleft()
            surplus += 1
        return keys + surplus

    async def _catch_up(self) -> None:
        """Hears of what there is; others may go on changing things, so not for ever."""
        for _ in range(_REMEMBERED):
            if not await self._hear():
                return

    async def _hear(self) -> bool:
        """Hears of one more batch; False if there is none."""
        async with self._hearing:  # the follower, and who tidies
            try:
                told = await self._tail.next()
            except Lost:
                told = {"keys": [(topic, ANY) for topic in TOPICS]}
            if told is None:
                return False
            for topic, key in told["keys"]:
                self._note(topic, key)
            return True

    def _note(self, topic: str, key: str) -> None:
        self._last += 1
        self._heard.append(Event(self._last, topic, key))


def _unless_later(feed: Feed) -> tuple[Document, list[Document]]:
    """The change that writes a feed, but for one that has come further."""
    later = {"$gt": ["$watermark", feed.watermark]}
    own = {"$literal": feed_doc(feed)}
    return {"_id": feed_doc(feed)["_id"]}, [{"$replaceWith": {"$cond": [later, "$$ROOT", own]}}]


def _taken(owner: str, now: int, until: int) -> Document:
    """The change that makes a lease one owner's, if it was its own, nobody's, or has ended."""
    own = {"$eq": ["$owner", {"$literal": owner}]}
    nobodys = {"$in": [{"$ifNull": ["$owner", _NOBODY]}, [_NOBODY]]}
    ended = {"$lte": ["$until", now]}
    free = {"$or": [own, nobodys, ended]}
    fence = {"$ifNull": ["$fence", 0]}
    return {
        "$set": {
            "owner": {"$cond": [free, {"$literal": owner}, "$owner"]},
            "until": {"$cond": [free, until, "$until"]},
            "fence": {"$cond": [{"$and": [free, {"$not": [own]}]}, {"$add": [fence, 1]}, fence]},
        }
    }
