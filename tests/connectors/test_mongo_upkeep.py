"""The ledger of a MongoDB store under many batches, processes that fold at once, and loads in any
order (S2, G5).
"""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from connectors.stores.memory.engine import open_memory
from connectors.stores.mongo import compaction
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.mongo.layout import prepare
from connectors.stores.rows import PARTS, Journaled, Kept, row_of
from resolvers.copying import digest_of
from resolvers.domain.books import Change, Recorded
from resolvers.domain.ledger import drifts
from resolvers.domain.reservation import Reservation, Status, hold_entries, release_entries
from resolvers.domain.stock import Pin, Position, Taker
from resolvers.ports import Store
from resolvers.upkeep import check
from tests.contract.shop import NOON, Shop, minutes, receipt
from tests.mongod import fresh_name

pytestmark = pytest.mark.mongo


@pytest.fixture
def name() -> str:
    return fresh_name()


@pytest.fixture
async def database(mongo_url: str, name: str) -> AsyncIterator[Database]:
    opened = Database(mongo_url, name, prepare)
    yield opened
    await opened.close()


@pytest.fixture
async def shops(mongo_url: str, name: str) -> AsyncIterator[list[Shop]]:
    """Two processes' doors to one database."""

    async def server_time() -> datetime:
        return NOON

    stores = [
        open_mongo(mongo_url, name, lambda: NOON, owner, server_time=server_time)
        for owner in ("one", "other")
    ]
    yield [Shop(store) for store in stores]
    for store in stores:
        await store.close()


async def test_a_batch_of_very_many_entries_keeps_their_order(shops):
    shop = shops[0]
    await shop.receive("A", "WH", 1)
    many = [receipt("A", "WH", at) for at in range(1, 5_001)]
    await shop.post(Change(entries=(*many, receipt("A", "ST", 9))))
    await shop.receive("A", "WH", 7)
    whole = [receipt("A", "WH", 1), *many, receipt("A", "ST", 9), receipt("A", "WH", 7)]

    assert await shop.store.stock.entries("A") == whole
    places = await shop.store.stock.history("A", None, None, 9_999)
    assert [entry for _, entry in reversed(places)] == whole
    assert [place for place, _ in places] == sorted({place for place, _ in places}, reverse=True)
    assert await shop.position("A", "WH") == Position("A", "WH", 8 + sum(range(5_001)))
    account = (await shop.store.stock.accounts(["A"]))["A"]
    assert drifts(account) == []
    done = [(await shop.store.upkeep.compact(NOON + minutes(1), 5_000)).entries for _ in range(3)]
    assert done == [5_001, 2, 0]
    assert (await shop.store.stock.accounts(["A"]))[
        "A"
    ].folded.positions == account.stream.positions


async def test_a_batch_too_large_for_one_document_as_it_is_can_be_loaded_all_the_same(shops):
    one = replace(receipt("A", "WH", 0), note="瓶" * 300)
    many = tuple(replace(one, on_hand=at) for at in range(1, 15_001))
    row = row_of("journal", Journaled(1, NOON, many))
    assert len(row.body) > 16 * 1024**2

    await shops[0].store.upkeep.load("journal", [row])

    assert await shops[0].store.upkeep.dump("journal", None, 9) == [row]
    assert [it.on_hand for _, it in await shops[0].store.stock.history("A", "WH", None, 2)] == [
        15_000,
        14_999,
    ]


async def test_a_history_of_many_batches_is_the_same_page_by_page(shops):
    stock = shops[0].store.stock
    rows = [
        row_of("journal", Journaled(at, NOON, (receipt("A", f"P{at % 3}", at),)))
        for at in range(1, 301)
    ]
    await shops[0].store.upkeep.load("journal", rows)

    for location, step in ((None, 1), ("P0", 3)):
        whole = await stock.history("A", location, None, 999)
        paged, before = [], (2**63 - 1, 0)
        while page := await stock.history("A", location, before, 70):
            paged += page
            before = page[-1][0]
        assert [place for place, _ in whole] == [(at, 0) for at in range(300, 0, -step)]
        assert paged == whole
    assert len(await stock.entries("A")) == 300


async def test_what_is_written_after_a_load_comes_after_what_was_loaded(shops):
    shop = shops[0]
    ahead = 8 * 10**18  # of a store whose numbers were greater than this one's clock
    await shop.receive("A", "WH", 1)
    await shop.store.upkeep.load(
        "journal", [row_of("journal", Journaled(ahead, NOON, (receipt("A", "WH", 2),)))]
    )

    await shop.receive("A", "WH", 3)

    assert [it.on_hand for it in await shop.store.stock.entries("A")] == [1, 2, 3]


@pytest.mark.parametrize("parts", [PARTS, PARTS[::-1]])
async def test_rows_may_be_loaded_in_any_order_and_twice(shops, parts):
    source = Shop(open_memory())
    for at in range(12):
        await source.receive(f"S{at:02}", "WH", 9)
        await source.receive(f"S{at:02}", "ST", 9)
    await source.hold("R", *[(f"S{at:02}", "WH", 2) for at in range(12)])
    await source.store.upkeep.compact(NOON + minutes(1), 13)
    made = shops[0].store.upkeep

    for part in parts:
        rows = await source.store.upkeep.dump(part, None, 999)
        for start in range(0, len(rows), 5):
            await made.load(part, rows[start : start + 5])
        await made.load(part, rows[::-1])

    assert await made.parts() == await source.store.upkeep.parts()
    for part in PARTS:
        assert await digest_of(shops[0].store, part) == await digest_of(source.store, part)
    pages, after = [], None
    while page := await made.dump("positions", after, 7):
        pages += page
        after = page[-1].key
    assert pages == list(await source.store.upkeep.dump("positions", None, 999))
    assert [step.findings async for step in check(shops[0].store)] == [(), ()]
    await shops[0].receive("S00", "WH", 1)
    assert (await shops[0].position("S00", "WH")).on_hand == 10


async def test_holds_that_keys_answer_with_do_not_hide_those_that_may_go(shops):
    upkeep = shops[0].store.upkeep
    old = Reservation("", Status.RELEASED, "web", (), "caller", NOON, None)
    kept = [Kept(NOON + timedelta(seconds=at), replace(old, id=f"R{at:04}")) for at in range(130)]
    await upkeep.load("reservations", [row_of("reservations", it) for it in kept])
    keys = [Recorded(f"K{at}", "fingerprint", f"R{at:04}", NOON) for at in range(110)]
    await upkeep.load("keys", [row_of("keys", it) for it in keys])

    done = [await upkeep.compact(NOON + timedelta(days=1), 15) for _ in range(3)]

    assert [step.reservations for step in done] == [15, 5, 0]
    assert [step.more for step in done] == [True, False, False]
    assert (await upkeep.parts())["reservations"] == 110


async def test_two_processes_that_fold_at_once_fold_every_entry_once(shops):
    for _ in range(40):
        await shops[0].receive("A", "WH", 1)
        await shops[1].receive("B", "WH", 1)

    async def folded(store: Store) -> int:
        count = 0
        while (step := await store.upkeep.compact(NOON + minutes(1), 8)).more:
            count += step.entries
        return count + step.entries

    counts = await asyncio.gather(*(folded(shop.store) for shop in shops))

    assert sum(counts) == 80
    found = await shops[0].store.stock.accounts(["A", "B"])
    assert {sku: of.folded.entries for sku, of in found.items()} == {"A": 40, "B": 40}
    assert [step.findings async for step in check(shops[0].store)] == [(), ()]
    assert (await shops[0].store.upkeep.parts())["journal"] == 0


async def test_what_others_do_between_reading_and_writing_stays(shops, database):
    before = NOON + minutes(1)
    taken = [
        Pin(f"R{at}", "A", "WH", 2, NOON + timedelta(days=1), taker=Taker("web", "2026-03-02"))
        for at in range(2)
    ]
    await shops[0].post(Change(tuple(hold_entries(taken[:1], NOON)), (taken[0],)))
    given, gone = release_entries(taken[:1], NOON)
    await shops[0].post(Change(tuple(given), tuple(gone)))
    old = Reservation("old", Status.RELEASED, "web", (), "caller", NOON, None)
    await shops[0].post(Change(reservations=(old, replace(old, id="older"))))

    fold = await database.read(lambda session: compaction.folded(session, before, 9))
    over = await database.read(lambda session: compaction.ended(session, before, 9))
    await shops[1].post(Change(tuple(hold_entries(taken[1:], NOON)), (taken[1],)))
    recorded = Recorded("K", "fingerprint", "old", NOON)
    await shops[1].store.upkeep.load("keys", [row_of("keys", recorded)])

    assert (fold.entries, sorted(over)) == (2, ["old", "older"])
    assert await database.write(lambda session: compaction.put_folded(session, fold))
    assert not await database.write(lambda session: compaction.put_folded(session, fold))
    dropped = compaction.drop_reservations
    assert await database.write(lambda session: dropped(session, over, before)) == 1
    account = (await shops[0].store.stock.accounts(["A"]))["A"]
    assert account.stream.taken == {("live", "web"): 2, ("day", "2026-03-02 web"): 2}
    assert (drifts(account), account.folded.entries) == ([], 3)
    assert list(await shops[0].store.stock.reservations(["old", "older"])) == ["old"]


async def test_counts_that_come_to_nothing_are_dropped_while_others_count(shops):
    taker = Taker("web", "2026-02-27", "m1")
    await shops[0].receive("A", "WH", 50)
    over = asyncio.Event()

    async def buy(shop: Shop, name: str) -> None:
        for at in range(8):
            pin = Pin(f"{name}{at}", "A", "WH", 1, NOON + timedelta(days=1), taker=taker)
            held = Reservation(pin.reservation, Status.HELD, "web", (), "me", NOON, pin.until)
            await shop.post(Change(tuple(hold_entries([pin], NOON)), (pin,), reservations=(held,)))
            given = replace(held, status=Status.RELEASED)
            entries, pins = release_entries([pin], NOON)
            await shop.post(Change(tuple(entries), tuple(pins), reservations=(given,)))

    async def fold(store: Store) -> int:
        count = 0
        while not over.is_set():
            count += (await store.upkeep.compact(NOON + timedelta(days=2), 5)).entries
            await asyncio.sleep(random.uniform(0, 0.005))
        return count

    folding = asyncio.create_task(fold(shops[0].store))
    await asyncio.gather(buy(shops[0], "X"), buy(shops[1], "Y"))
    over.set()
    count = await folding

    assert count > 0
    account = (await shops[0].store.stock.accounts(["A"]))["A"]
    assert drifts(account) == []
    while (await shops[0].store.upkeep.compact(NOON + timedelta(days=2), 50)).more:
        pass
    account = (await shops[0].store.stock.accounts(["A"]))["A"]
    assert (account.folded.entries, account.folded.taken, account.stream.taken) == (33, {}, {})
    assert account.stream.positions == {"WH": Position("A", "WH", 50)}
    assert [step.findings async for step in check(shops[0].store)] == [(), ()]
