"""Locations as a process reads them: once for all who ask at a time (G5)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from resolvers.directory import Directory
from resolvers.domain.locations import Location, LocationKind
from tests.support import Clock

HERE = Location("W", "Warehouse", LocationKind.WAREHOUSE)
WAITING_SECONDS = 30


class Slow:
    """The locations of a store that answers, or fails, when it is told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.told = asyncio.Event()
        self.failure: Exception | None = None

    async def locations(self) -> Sequence[Location]:
        self.reads += 1
        await self.told.wait()
        if self.failure is not None:
            raise self.failure
        return [HERE]


class Scene:
    """A directory over such a store, and fifty who ask at once."""

    def __init__(self) -> None:
        self.store = Slow()
        self.clock = Clock()
        store: Any = self.store  # the rest of a store is not asked for
        self.directory = Directory(store, [], self.clock)

    async def asked_by(self, many: int) -> list[asyncio.Task[Any]]:
        tasks = [asyncio.create_task(self.directory.locations()) for _ in range(many)]
        await asyncio.sleep(0)
        return tasks


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_all_who_ask_at_a_time_are_told_in_one_turn_of_the_loop(scene):
    """What they ask for next is then asked for together."""
    waiting = await scene.asked_by(50)
    scene.store.told.set()

    told, late = await asyncio.wait(
        waiting, timeout=WAITING_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )

    assert (scene.store.reads, len(told), len(late)) == (1, 50, 0)
    assert [task.result() for task in told] == [{"W": HERE}] * 50


async def test_what_was_read_is_read_again_after_a_second(scene):
    scene.store.told.set()
    await scene.directory.locations()
    scene.clock.advance(seconds=0.99)
    await scene.directory.locations()
    assert scene.store.reads == 1

    scene.clock.advance(seconds=0.01)
    await scene.directory.locations()

    assert scene.store.reads == 2


async def test_who_is_called_off_takes_nothing_from_the_others(scene):
    first, other = await scene.asked_by(2)
    first.cancel()
    await asyncio.sleep(0)
    scene.store.told.set()

    assert await other == {"W": HERE}
    assert (first.cancelled(), scene.store.reads) == (True, 1)


async def test_a_failure_is_told_to_all_who_asked_and_who_asks_next_reads_again(scene):
    waiting = await scene.asked_by(2)
    scene.store.failure = OSError("the disk is away")
    scene.store.told.set()
    assert [type(it) for it in await asyncio.gather(*waiting, return_exceptions=True)] == [
        OSError,
        OSError,
    ]

    scene.store.failure = None

    assert await scene.directory.locations() == {"W": HERE}
