"""The house obeys what a source of stock declares, and believes nothing that cannot be so (S2)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.sandbox import chain
from resolvers import house as house_flows
from resolvers import stock
from resolvers.backend_ports import Level, StockReading
from resolvers.domain.errors import Contended
from resolvers.domain.sources import BY_SEQUENCE, Granularity, Meaning, StockSource, Watermark
from resolvers.engine import Command, Outcome, StockEngine
from resolvers.reading import Memory
from resolvers.relay import push_due
from resolvers.stock import AdjustStock
from resolvers.sync import sync_backend
from tests.resolvers.played import CLOCK, HERE, THERE, Followed, followed, micros, receipt
from tests.support import OPERATOR, SKU


class OtherwiseBusy(StockEngine):
    """An engine that never comes to the SKU Z."""

    async def run(self, command: Command) -> Outcome:
        if "Z" in command.scope.skus:
            raise Contended("others write it")
        return await super().run(command)


# ---- what cannot be so --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "watermark", "error"),
    [
        (CLOCK, micros(timedelta(hours=1)), "it is stamped 3600 s in the future"),
        (CLOCK, None, "the reading does not say when it was taken"),
        (BY_SEQUENCE, None, "the reading does not say when it was taken"),
        (BY_SEQUENCE, 9, "the reading was taken before the last one that was followed"),
    ],
)
async def test_a_reading_from_the_future_without_a_time_or_out_of_turn_changes_nothing(
    declared: StockSource, watermark: int | None, error: str
) -> None:
    it = await followed(declared)
    before = await it.feed()
    it.erp.says(HERE, 99, watermark)
    it.erp.says(THERE, 7, 12)

    assert not await it.sync()

    after = await it.feed()
    assert after.error.startswith(error)
    assert replace(after, error="") == before
    assert (await it.on_hand(HERE), await it.on_hand(THERE)) == (10, 7)
    [view] = await house_flows.backends(it.shop.context(OPERATOR))
    assert (view.status, view.last_error) == ("DEGRADED", after.error)


async def test_a_person_accepts_the_readings_of_a_system_that_was_restored() -> None:
    it = await followed()
    it.erp.says(HERE, 15, 50)
    await it.sync()
    it.erp.moved = [receipt("1", 4, 51, after=50)]
    await it.sync()
    assert await it.on_hand() == 19
    it.erp.moved = []
    it.erp.says(HERE, 12, 20)
    it.erp.says(THERE, 6, 20)

    assert not await it.sync()
    assert (await it.feed()).error.endswith("gateway sync CODE accepts it")
    assert (await it.on_hand(HERE), await it.on_hand(THERE)) == (19, 6)
    assert await it.sync_by_hand()

    feed = await it.feed()
    assert (await it.on_hand(HERE), await it.on_hand(THERE)) == (12, 6)
    assert (feed.watermark, feed.moved, feed.error) == (20, 0, "")
    assert await it.shop.store.stock.unseen(HERE) == []
    it.erp.says(HERE, 99, 19)
    assert not await it.sync()
    it.erp.moved = [receipt("1", 2, 21, after=20)]
    it.erp.says(HERE, 12, 20)
    assert await it.sync()
    assert (await it.on_hand(), it.erp.asked[-1]) == (14, 20)


async def test_a_movement_from_the_future_changes_nothing_and_the_reading_is_believed() -> None:
    it = await followed(CLOCK)
    it.erp.moved = [receipt("1", 5, 11), receipt("2", 5, micros(timedelta(hours=1)))]
    it.erp.says(HERE, 9, 12)

    assert not await it.sync()

    feed = await it.feed()
    assert (await it.on_hand(), feed.watermark, feed.moved) == (9, 12, 0)
    assert feed.error.startswith("it is stamped 3600 s in the future")


async def test_a_reading_that_was_followed_in_part_says_so_on_its_feed() -> None:
    it = await followed()
    levels = {f"A-{at:03}": Level(1) for at in range(200)} | {"Z": Level(1)}
    it.erp.told[HERE] = StockReading(HERE, levels, 11)
    it.shop.engine = OtherwiseBusy(it.shop.store.stock, it.shop.clock)

    assert not await it.sync()

    feed = await it.feed()
    assert (feed.watermark, feed.error) == (11, "others write it")


async def test_a_reading_of_more_than_is_counted_at_once_is_followed_whole() -> None:
    """S2: two rounds of commands and a bit, then one number of the last round changes."""
    it = await followed()
    levels = {f"A-{at:04}": Level(at % 7 + 1) for at in range(3_201)}
    it.erp.told[HERE] = StockReading(HERE, levels, 11)

    assert await it.sync()

    at = await it.shop.store.stock.streams(list(levels), it.shop.clock())
    assert {sku: stream.position(HERE).on_hand for sku, stream in at.items()} == {
        sku: level.on_hand for sku, level in levels.items()
    }
    it.erp.told[HERE] = StockReading(HERE, levels | {"A-3200": Level(50)}, 12)
    assert await it.sync()
    changed = (await it.shop.store.stock.streams(["A-3200"], it.shop.clock()))["A-3200"]
    assert changed.position(HERE).on_hand == 50


def test_what_is_remembered_of_readings_is_kept_once() -> None:
    def read(location: str) -> StockReading:
        return StockReading(location, {"".join(["SKU-", str(at)]): Level(4) for at in range(3)}, 1)

    memory = Memory()
    here, there = memory.compact(read(HERE)), memory.compact(read(THERE))

    assert (here, there) == (read(HERE), read(THERE))
    assert {id(sku) for sku in here.levels} == {id(sku) for sku in there.levels}
    assert len({id(level) for level in (*here.levels.values(), *there.levels.values())}) == 1


# ---- what is declared ---------------------------------------------------------------------------


async def test_a_net_number_has_what_the_source_sold_taken_off_once() -> None:
    it = await followed(StockSource(meaning=Meaning.NET))
    before = await it.shop.available(SKU)
    it.erp.says(HERE, 8, 11, elsewhere=2)

    await it.sync()
    await it.sync()

    assert (await it.on_hand(), await it.shop.available(SKU)) == (10, before - 2)
    it.memory = Memory()
    it.erp.says(HERE, 10, 12, elsewhere=2)
    await it.sync()
    assert await it.on_hand() == 12


async def test_a_source_with_one_number_a_sku_owns_one_place() -> None:
    it = await followed(StockSource(granularity=Granularity.SKU))

    feed = await it.feed()
    assert (
        feed.error == "it has one number a SKU, and is the authority of 2 locations; leave it one"
    )
    assert (await it.on_hand(), feed.observed_at) == (0, None)


async def test_without_watermarks_a_correction_stands_once_a_reading_began_after_its_answer() -> (
    None
):
    it = await followed(StockSource(watermark=Watermark.NONE))
    ctx = it.shop.context(OPERATOR)
    await stock.adjust_stock(ctx, AdjustStock("k", SKU, HERE, "RECEIPT", delta=5))
    lease = await it.shop.store.house.lease("push:erp", "test", 60, it.shop.clock())
    assert await push_due(ctx, it.backend, lambda: lease) == 1

    await it.sync()  # may have been under way
    assert await it.on_hand() == 10
    it.erp.says(HERE, 15, None)
    await it.sync()
    assert await it.on_hand() == 15
    assert await it.shop.store.stock.unseen(HERE) == []


async def test_without_watermarks_and_before_the_first_reading_the_first_may_be_under_way() -> None:
    it = Followed(StockSource(watermark=Watermark.NONE))
    await it.shop.furnish(locations=[at for at in chain.LOCATIONS if at.code == HERE])
    ctx = it.shop.context(OPERATOR)
    await stock.adjust_stock(ctx, AdjustStock("k", SKU, HERE, "RECEIPT", delta=5))
    lease = await it.shop.store.house.lease("push:erp", "test", 60, it.shop.clock())

    assert await push_due(ctx, it.backend, lambda: lease) == 1

    [unseen] = await it.shop.store.stock.unseen(HERE)
    assert (unseen.on_hand, unseen.acknowledged) == (5, 1)


async def test_without_watermarks_a_reading_that_another_process_overtook_is_let_go() -> None:
    it = await followed(StockSource(watermark=Watermark.NONE))
    ctx = it.shop.context(OPERATOR)

    async def another_process() -> None:
        it.shop.clock.advance(seconds=1)
        it.erp.says(HERE, 7, None)
        await sync_backend(ctx, it.backend, Memory())
        it.erp.says(HERE, 10, None)

    it.erp.meanwhile = another_process

    assert not await it.sync()
    feed = await it.feed()
    assert (await it.on_hand(), feed.watermark) == (7, 2)
    assert feed.error == "another process has followed a reading of its own meanwhile"
    assert await it.sync()
    assert (await it.on_hand(), (await it.feed()).error) == (10, "")
