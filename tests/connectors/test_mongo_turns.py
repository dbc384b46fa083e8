"""Turns at a stream in MongoDB: first come, first served; who is dead keeps nobody waiting (S6)."""

import asyncio

import pytest

from connectors.stores.mongo.client import Database
from connectors.stores.mongo.layout import prepare
from connectors.stores.mongo.turns import TURN_SECONDS, Turns
from tests.mongod import fresh_name

pytestmark = pytest.mark.mongo


@pytest.fixture
async def database(mongo_url):
    opened = Database(mongo_url, fresh_name(), prepare)
    yield opened
    await opened.close()


async def queue_of(database: Database, sku: str) -> list[str]:
    found = await database.plain(lambda session: session.one("turns", {"_id": sku}))
    return [] if found is None else [one["owner"] for one in found["queue"]]


async def test_nobody_queues_where_nobody_stands(database):
    async with Turns(database, "one").turn(["A", "B"]):
        assert await queue_of(database, "A") == []


async def test_who_sees_another_stand_there_comes_after_it_and_all_come_round(database):
    first, order = asyncio.Event(), []

    async def work(owner: str, *, beaten: bool) -> None:
        async with Turns(database, owner).turn(["A"]) as turn:
            if beaten:
                await turn.take(["A"])
                first.set()
                await until_queued(["one", "two", "three"])
            order.append(owner)

    async def until_queued(owners: list[str]) -> None:
        async with asyncio.timeout(20):
            while await queue_of(database, "A") != owners:  # noqa: ASYNC110  # it is elsewhere
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work("one", beaten=True))
        await first.wait()
        tasks.create_task(work("two", beaten=False))
        await until_queued(["one", "two"])
        tasks.create_task(work("three", beaten=False))

    assert order == ["one", "two", "three"]
    assert await queue_of(database, "A") == []


async def test_who_says_nothing_more_keeps_nobody_waiting(database):
    await Turns(database, "dead").join("A")
    began = asyncio.get_running_loop().time()

    async with Turns(database, "one").turn(["A"]):
        waited = asyncio.get_running_loop().time() - began
        assert await queue_of(database, "A") == ["one"]

    assert waited >= TURN_SECONDS / 2


async def test_who_works_long_is_not_taken_for_dead(database):
    async with Turns(database, "one").turn([]) as turn:
        await turn.take(["A"])
        await asyncio.sleep(TURN_SECONDS + 0.5)
        await Turns(database, "two").join("A")
        assert await queue_of(database, "A") == ["one", "two"]
