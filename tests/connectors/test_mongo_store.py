"""The MongoDB store where it differs from one file: processes, a cluster, its refusals (G5).

Two stores that are opened on one database are two processes to it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import pytest

from connectors.stores.mongo.client import Database
from connectors.stores.mongo.clock import ClusterClock
from connectors.stores.mongo.driver import DriverError
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.mongo.house import MongoHouse
from connectors.stores.mongo.layout import VERSION, prepare
from connectors.stores.mongo.session import Document, Session
from connectors.stores.mongo.tail import Lost, Tail
from connectors.stores.unusable import StoreUnusable
from gateway.ids import wall_clock
from resolvers.domain.books import Change, Key
from resolvers.domain.errors import Contended
from resolvers.ports import ANY, TOPICS, Event, Store
from tests.contract.shop import NOON, Shop, order
from tests.mongod import fresh_name, mongod

pytestmark = pytest.mark.mongo


def opened(url: str, name: str, owner: str) -> Store:
    return open_mongo(url, name, wall_clock, owner)


@pytest.fixture
async def two(mongo_url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two processes on one database."""
    name = fresh_name()
    stores = opened(mongo_url, name, "one"), opened(mongo_url, name, "two")
    yield stores
    for store in stores:
        await store.close()


async def put(database: Database, collection: str, document: dict[str, object]) -> None:
    async def work(session: Session) -> None:
        await session.put(collection, [document])

    await database.write(work)


async def test_what_one_process_changes_is_told_in_the_others_in_the_order_of_commits(two):
    one, other = Shop(two[0]), two[1]
    assert await other.house.last_event() == 0

    await one.post(Change(orders=(order("1"), order("2"))))
    await one.post(Change(orders=(order("1"),)))

    assert await other.house.last_event() == 3
    told = await other.house.events(0, 10)
    assert told == [Event(1, "order", "1"), Event(2, "order", "2"), Event(3, "order", "1")]
    assert await other.house.events(2, 10) == told[2:]


class Broken:
    """A tail that is broken off at its first look, and then tells of one change."""

    def __init__(self) -> None:
        self._told: Iterator[Document | None] = iter([None, {"keys": [["order", "1"]]}])

    async def next(self) -> Document | None:
        told = next(self._told, None)
        if told is None:
            raise Lost
        return told


async def server_time() -> datetime:
    return wall_clock()


async def test_when_the_tail_was_broken_off_anything_may_have_changed(mongo_url):
    database = Database(mongo_url, fresh_name(), prepare)
    clock = ClusterClock(server_time, wall_clock)
    house = MongoHouse(database, clock, Broken())  # type: ignore[arg-type]  # by shape

    told = await house.events(0, len(TOPICS) + 1)

    every = [Event(at, topic, ANY) for at, topic in enumerate(TOPICS, start=1)]
    assert told == [*every, Event(len(TOPICS) + 1, "order", "1")]
    await database.close()


async def test_a_transaction_that_is_always_beaten_gives_up_and_leaves_nothing(mongo_url):
    name = fresh_name()
    passed = iter(range(0, 100, 4))
    database = Database(mongo_url, name, prepare, timer=lambda: next(passed), wait_seconds=10)
    rival = Database(mongo_url, name, prepare)
    tries = 0

    async def work(session: Session) -> None:
        nonlocal tries
        tries += 1
        await session.one("callers", {"_id": "hot"})
        await put(rival, "callers", {"_id": "hot", "touched": tries})
        await session.put("callers", [{"_id": "hot", "touched": -1}])

    with pytest.raises(Contended, match="others were faster"):
        await database.write(work)

    assert tries == 3  # after 4 and 8 seconds of 10 it was tried again
    found = await rival.plain(lambda session: session.one("callers", {"_id": "hot"}))
    assert found == {"_id": "hot", "touched": 3}
    await database.close()
    await rival.close()


async def test_another_programs_database_is_not_taken_for_a_store(mongo_url):
    name = fresh_name()

    async def nothing(_: Database) -> None:
        """Makes nothing."""

    theirs = Database(mongo_url, name, nothing)
    await theirs.make("customers", [])
    await theirs.close()
    store = opened(mongo_url, name, "one")

    with pytest.raises(StoreUnusable, match="is another program's database; name another one"):
        await store.stock.rules()
    await store.close()


async def test_a_store_of_a_newer_version_is_refused(mongo_url):
    name = fresh_name()
    database = Database(mongo_url, name, prepare)
    await put(
        database,
        "meta",
        {"_id": "layout", "program": "unified-commerce-gateway", "version": VERSION + 1},
    )
    await database.close()
    store = opened(mongo_url, name, "one")

    with pytest.raises(
        StoreUnusable, match=f"is of version {VERSION + 1}, this program knows {VERSION}; run"
    ):
        await store.stock.recorded_answer(Key("me", "reserveStock", "key"))
    await store.close()


async def test_a_store_of_the_first_version_is_brought_up_to_date(mongo_url):
    name = fresh_name()
    database = Database(mongo_url, name, prepare)
    layout = {"_id": "layout", "program": "unified-commerce-gateway"}
    await put(database, "meta", {**layout, "version": 1})
    await database.close()
    store = opened(mongo_url, name, "one")
    await store.house.feeds()
    await store.close()

    async def nothing(_: Database) -> None:
        """Makes nothing."""

    as_it_is = Database(mongo_url, name, nothing)
    found = await as_it_is.plain(lambda session: session.find("meta", {}))
    assert found == [{**layout, "version": VERSION}]
    await as_it_is.close()


async def test_a_server_alone_is_refused_with_what_to_do(tmp_path):
    with mongod(tmp_path / "alone", alone=True) as url:
        store = opened(url, fresh_name(), "one")
        with pytest.raises(StoreUnusable, match="is a server alone, which has no transactions"):
            await store.house.feeds()
        await store.close()


async def test_an_address_that_cannot_be_one_is_refused_without_showing_a_password():
    with pytest.raises(
        StoreUnusable, match="has an address that MongoDB's driver does not"
    ) as told:
        opened("mongodb://me:hush@db:notaport/", "gateway", "one")

    assert "hush" not in f"{told.value} {told.value.__cause__!r}"


async def test_a_clock_that_is_far_off_writes_nothing(mongo_url):
    store = open_mongo(mongo_url, fresh_name(), lambda: NOON, "one")

    with pytest.raises(StoreUnusable, match=r"clock is .* off the store's; nothing is written"):
        await Shop(store).receive("A", "WH", 1)

    assert await store.stock.skus(None, 10) == []
    await store.close()


class Server:
    """What a tail asks: a stream that fails while ``down``, and forgets what was long ago."""

    began = "long ago"

    def __init__(self) -> None:
        self.asked_from: list[object] = []
        self.down = False

    async def ready(self) -> None:
        """At once."""

    def watch(self, _: str, start: object, __: int) -> "Server":
        self.asked_from.append(start)
        return self

    @property
    def alive(self) -> bool:
        return True

    async def try_next(self) -> dict[str, object] | None:
        if self.down or self.asked_from[-1] is not None:
            raise DriverError("the history is lost")
        return {"fullDocument": {"_id": 1}}

    def told_of(self, _: Exception) -> Exception:
        return Contended("it does not answer")

    async def close(self) -> None:
        """At once."""


async def test_a_tail_that_the_cluster_forgot_goes_on_from_now():
    server = Server()
    tail = Tail(server, "events")  # type: ignore[arg-type]  # by shape

    with pytest.raises(Lost):
        await tail.next()

    assert await tail.next() == {"_id": 1}
    assert server.asked_from == ["long ago", None]


async def test_a_tail_says_that_nobody_answers_and_what_was_lost_once_somebody_does():
    server = Server()
    server.down = True
    tail = Tail(server, "events")  # type: ignore[arg-type]  # by shape

    for _ in range(2):
        with pytest.raises(Contended, match="does not answer"):
            await tail.next()
    server.down = False

    with pytest.raises(Lost):
        await tail.next()
    assert await tail.next() == {"_id": 1}


async def test_a_batch_of_very_many_changes_is_told_whole_however_slow_its_follower(mongo_url):
    database = Database(mongo_url, fresh_name(), prepare)
    clock = ClusterClock(server_time, wall_clock)
    keys = [["stock", f"S{at}"] for at in range(25_000)]
    house = MongoHouse(database, clock, Told(keys))  # type: ignore[arg-type]  # by shape
    seen: list[str] = []

    while len(page := await house.events(len(seen), 1000)) == 1000:
        await house.trim(wall_clock(), 10, 100_000)
        seen += [event.key for event in page]

    assert seen == [key for _, key in keys]
    await database.close()


class Told:
    """A tail that tells of one batch."""

    def __init__(self, keys: list[list[str]]) -> None:
        self._told: Iterator[Document] = iter([{"keys": keys}])

    async def next(self) -> Document | None:
        return next(self._told, None)


async def test_who_is_canceled_in_a_transaction_leaves_all_of_it_or_nothing(mongo_url):
    database = Database(mongo_url, fresh_name(), prepare)
    await database.ready()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(session: Session) -> None:
        await session.put("callers", [{"_id": "one"}])
        begun.set()
        await go_on.wait()
        await session.put("callers", [{"_id": "other"}])

    writing = asyncio.create_task(database.write(work))
    await begun.wait()
    writing.cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)

    with pytest.raises(asyncio.CancelledError):
        await writing
    found = await database.plain(lambda session: session.find("callers", {}, order=(("_id", 1),)))
    assert [of["_id"] for of in found] == ["one", "other"]
    await database.close()


async def test_who_is_canceled_while_it_reads_does_not_wait_for_the_answer(mongo_url):
    database = Database(mongo_url, fresh_name(), prepare)
    await database.ready()
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def slow(session: Session) -> None:
        await session.one("callers", {"_id": "one"})
        await go_on.wait()
        ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await database.read(slow)

    assert not ended.is_set()
    go_on.set()
    await database.close()
    assert ended.is_set()


async def test_an_address_that_prefers_secondaries_reads_and_writes_at_the_primary(mongo_url):
    url = f"{mongo_url}?readPreference=secondaryPreferred"
    store = open_mongo(url, fresh_name(), wall_clock, "one")

    shop = Shop(store)
    shop.now = wall_clock()
    await shop.receive("A", "WH", 3)

    assert await store.stock.skus(None, 10) == ["A"]
    await store.close()
