"""Who waits for changes: subscriptions of this process, woken by the tail of the store's events.

One task tails the store for all of them. A watcher is told which key changed and reads the state
itself, so a slow one may miss some changes but never the last.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from resolvers.ports import ANY, TOPICS, HouseStore

TAIL_SECONDS = 0.05
"""Longest pause between two looks at the tail; a change of another process is seen this late."""

NEAR_SECONDS = 0.01
"""Shortest pause: so late is a change of this process seen, when others have just been."""

KEYS_MAX = 10_000
"""Most changed keys that are kept for one who follows whole topics; beyond, it is told to look at
everything again. A launch changes hundreds between two looks, a full reconciliation all.
"""

SHARED_MAX = 10_000
"""Most readings that are shared until the next change; with more, all are forgotten."""

_EVENTS_MAX = 1000

T = TypeVar("T")

Key = tuple[str, str]
"""A topic, and the key of what changed in it."""


class Follower:
    """What has changed in some topics since its owner last looked; None: too much to be kept."""

    def __init__(self) -> None:
        self.changed: set[Key] | None = None
        self.woken = asyncio.Event()

    def note(self, key: Key) -> None:
        """Keeps what has changed, and wakes the owner."""
        if key[1] == ANY:
            self.changed = None
        elif self.changed is not None:
            self.changed.add(key)
            if len(self.changed) > KEYS_MAX:
                self.changed = None
        self.woken.set()

    def taken(self) -> set[Key] | None:
        """What has changed since this was asked last, at first everything."""
        changed, self.changed = self.changed, set()
        self.woken.clear()
        return changed


class _Waiting:
    """Somebody who waits for keys: which of them have changed since it last looked."""

    __slots__ = ("changed", "woken")

    def __init__(self) -> None:
        self.changed: set[Key] = set()
        self.woken = asyncio.Event()

    def note(self, key: Key) -> None:
        self.changed.add(key)
        self.woken.set()

    async def taken(self) -> set[Key]:
        """Waits until some have."""
        await self.woken.wait()
        self.woken.clear()
        changed, self.changed = self.changed, set()
        return changed


class Watch:
    """Topics and keys that somebody waits for; the tail is looked at every ``tail_seconds``."""

    def __init__(self, store: HouseStore, tail_seconds: float = TAIL_SECONDS) -> None:
        self._store = store
        self._tail_seconds = tail_seconds
        self._last: int | None = None
        self._written = asyncio.Event()
        self._waiting: dict[Key, set[_Waiting]] = {}
        self._following: dict[str, set[Follower]] = {}
        self._shared: dict[Hashable, asyncio.Future[Any]] = {}

    async def changes(self, keys: Iterable[Key]) -> AsyncIterator[set[Key]]:
        """Yields, first at once with every key, then whenever some of them have changed."""
        asked = set(keys)
        waiting = _Waiting()  # one for all keys: a change wakes one task, once
        for key in asked:
            self._waiting.setdefault(key, set()).add(waiting)
        try:
            yield asked
            while True:
                yield await waiting.taken()
        finally:
            for key in asked:
                self._waiting[key].discard(waiting)
                if not self._waiting[key]:
                    del self._waiting[key]

    async def topics(self, *topics: str) -> AsyncIterator[set[Key] | None]:
        """Yields, first at once None, which is everything; then whatever has changed in some topics
        since, or None again when that is more than is kept.
        """
        follower = self.following(*topics)
        try:
            yield follower.taken()
            while True:
                await follower.woken.wait()
                yield follower.taken()
        finally:
            for topic in topics:
                self._following[topic].discard(follower)

    def following(self, *topics: str) -> Follower:
        """Who is told from now on, as long as this is watched, of whatever changes in some topics;
        it looks at it when it wants to.
        """
        follower = Follower()
        for topic in topics:
            self._following.setdefault(topic, set()).add(follower)
        return follower

    async def shared(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What is read under a key, once for all who ask before the next change is heard of: two
        hundred who watch one SKU cost one reading. Whoever hears of a change finds it read.
        """
        reading: asyncio.Future[T] | None = self._shared.get(key)
        if reading is None:
            if len(self._shared) >= SHARED_MAX:
                self._shared.clear()
            reading = self._shared[key] = asyncio.ensure_future(read())
            reading.add_done_callback(partial(self._read, key))
        return reading.result() if reading.done() else await asyncio.shield(reading)

    def _read(self, key: Hashable, reading: asyncio.Future[Any]) -> None:
        """Keeps no failure: who asks next reads again."""
        failed = reading.cancelled() or reading.exception() is not None
        if failed and self._shared.get(key) is reading:
            del self._shared[key]

    async def tail(self) -> None:
        """Follows the store's events for ever and wakes whoever waits for them.

        Called again after it failed, it goes on where it stood.
        """
        if self._last is None:
            self._last = await self._store.last_event()
            for topic in TOPICS:  # who began to watch before this may have missed something
                self._wake((topic, ANY))
        while True:
            events = await self._store.events(self._last, _EVENTS_MAX)
            for event in events:
                self._last = event.sequence
                self._wake((event.topic, event.key))
            if len(events) < _EVENTS_MAX:
                await self._pause()

    def written(self) -> None:
        """Says that this process may have written an event: the tail is looked at soon."""
        self._written.set()

    async def _pause(self) -> None:
        """Waits until the tail is worth another look. While telling of the last one keeps the loop
        busy, all else is given half as much of it alone.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(NEAR_SECONDS)
        took = loop.time() - began
        if took > 2 * NEAR_SECONDS:
            await asyncio.sleep(min(took / 2, TAIL_SECONDS))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._tail_seconds - NEAR_SECONDS):
                await self._written.wait()
        self._written.clear()

    def _wake(self, key: Key) -> None:
        topic, of = key
        self._shared.clear()
        asked = self._waiting if of == ANY else (key, (topic, ANY))
        for waited_for in asked:
            if waited_for[0] == topic:
                for waiting in self._waiting.get(waited_for, ()):
                    waiting.note(waited_for)
        for follower in self._following.get(topic, ()):
            follower.note(key)
