"""Who waits for changes: subscriptions of this process, woken by the tail of the store's events.

One task tails the store for all of them. A watcher is told which key changed and reads the state
itself, so a slow one may miss some changes but never the last.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

from resolvers.ports import HouseStore

TAIL_SECONDS = 0.05
"""Pause between two looks at the tail; a change made by another process is seen this late."""

_EVENTS_MAX = 1000


class Watch:
    """Topics and keys that somebody waits for."""

    def __init__(self, store: HouseStore) -> None:
        self._store = store
        self._last: int | None = None
        self._waiting: dict[tuple[str, str], set[asyncio.Event]] = {}

    async def changes(self, keys: Iterable[tuple[str, str]]) -> AsyncIterator[set[tuple[str, str]]]:
        """Yields, first at once with every key, then whenever some of them have changed."""
        asked = set(keys)
        changed: dict[tuple[str, str], asyncio.Event] = {key: asyncio.Event() for key in asked}
        for key, event in changed.items():
            self._waiting.setdefault(key, set()).add(event)
        try:
            yield asked
            while True:
                await _any(changed.values())
                now = {key for key, event in changed.items() if event.is_set()}
                for key in now:
                    changed[key].clear()
                yield now
        finally:
            for key, event in changed.items():
                self._waiting[key].discard(event)
                if not self._waiting[key]:
                    del self._waiting[key]

    async def tail(self) -> None:
        """Follows the store's events for ever and wakes whoever waits for them.

        Called again after it failed, it goes on where it stood.
        """
        if self._last is None:
            self._last = await self._store.last_event()
        while True:
            events = await self._store.events(self._last, _EVENTS_MAX)
            for event in events:
                self._last = event.sequence
                for waiting in self._waiting.get((event.topic, event.key), ()):
                    waiting.set()
            if len(events) < _EVENTS_MAX:
                await asyncio.sleep(TAIL_SECONDS)


async def _any(events: Iterable[asyncio.Event]) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
