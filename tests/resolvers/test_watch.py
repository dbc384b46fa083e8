"""Who watches is woken once for all that has changed, soon after this process has written (G5)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import pytest

from resolvers.ports import ANY, Event, HouseStore
from resolvers.watch import Key, Watch

AT, ELSEWHERE, RULES = ("stock", "A"), ("stock", "B"), ("rule", ANY)
HOURS = 3600
"""Between two looks: nothing that a test waits for is seen by chance."""


class Log:
    """The events of a store, as a tail reads them."""

    def __init__(self) -> None:
        self.written: list[Event] = []

    def write(self, *keys: Key) -> None:
        self.written += [
            Event(at, *key) for at, key in enumerate(keys, start=len(self.written) + 1)
        ]

    async def last_event(self) -> int:
        return len(self.written)

    async def events(self, after: int, limit: int) -> list[Event]:
        return self.written[after : after + limit]


class Watched:
    """A log, and who watches it by a tail that looks when it is told."""

    def __init__(self) -> None:
        self.log = Log()
        self.watch = Watch(cast("HouseStore", self.log), HOURS)

    async def changes(self, *keys: Key) -> AsyncGenerator[set[Key], None]:
        """Changes of some keys from now on."""
        found = cast("AsyncGenerator[set[Key], None]", self.watch.changes(keys))
        assert await anext(found) == set(keys)
        return found

    def write(self, *keys: Key) -> None:
        """Events of this process."""
        self.log.write(*keys)
        self.watch.written()


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    tail = asyncio.create_task(made.watch.tail())
    await asyncio.sleep(0)
    yield made
    tail.cancel()


async def test_what_has_changed_together_is_told_together_and_once(watched: Watched) -> None:
    changes = await watched.changes(AT, ELSEWHERE, RULES)

    async with asyncio.timeout(5):
        watched.write(AT, ("rule", "r-1"), AT, ("order", "o-1"), ("stock", "C"))
        first = await anext(changes)
        watched.write(("stock", ANY))
        second = await anext(changes)

    assert (first, second) == ({AT, RULES}, {AT, ELSEWHERE})
    await changes.aclose()


async def test_who_stops_watching_leaves_the_others(watched: Watched) -> None:
    first, second = await watched.changes(AT), await watched.changes(AT)

    await first.aclose()
    watched.write(AT)

    async with asyncio.timeout(5):
        assert await anext(second) == {AT}
    await second.aclose()


async def test_a_change_of_this_process_does_not_wait_for_the_next_look(watched: Watched) -> None:
    """As often as there is one, also when it comes while the tail pauses after the one before."""
    changes = await watched.changes(AT)

    async with asyncio.timeout(5):
        for _ in range(3):
            watched.write(AT)
            assert await anext(changes) == {AT}
    await changes.aclose()


async def test_a_change_of_another_process_is_seen_by_a_later_look() -> None:
    log = Log()
    watch = Watch(cast("HouseStore", log))
    changes = cast("AsyncGenerator[set[Key], None]", watch.changes([AT]))
    await anext(changes)
    tail = asyncio.create_task(watch.tail())
    await asyncio.sleep(0)
    log.write(AT)

    async with asyncio.timeout(5):
        assert await anext(changes) == {AT}
        log.write(AT)
        assert await anext(changes) == {AT}
    tail.cancel()
    await changes.aclose()
