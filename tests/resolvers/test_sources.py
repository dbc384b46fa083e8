"""The house obeys what a source of stock declares, and believes nothing that cannot be so (S2).

The source is played here: what it says at each place, and what it tells moved.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.sandbox import chain
from resolvers import house as house_flows
from resolvers import reservations, stock
from resolvers.domain.books import Change, Scope
from resolvers.domain.errors import BackendRefused, Contended
from resolvers.domain.feeds import Feed
from resolvers.domain.movements import Movement
from resolvers.domain.outbox import Adjustment
from resolvers.domain.reservation import Line
from resolvers.domain.sources import BY_SEQUENCE, Granularity, Meaning, StockSource, Watermark
from resolvers.domain.stock import EntryKind, Unseen
from resolvers.engine import Command, Outcome, StockEngine
from resolvers.oversells import browse_oversells
from resolvers.ports import (
    Backend,
    Capabilities,
    Idempotency,
    Level,
    Probe,
    Role,
    StockReading,
    WriteResult,
)
from resolvers.relay import push_due
from resolvers.reservations import ReserveStock
from resolvers.stock import AdjustStock
from resolvers.sync import IN_DOUBT, REMEMBERED_MAX, Memory, sync_backend
from tests.resolvers.conftest import House
from tests.support import CHANNEL, NOON, OPERATOR, SHOPPER, SKU, Shop

HERE, THERE = "WH-01", "ST-01"
CLOCK = StockSource(watermark=Watermark.CLOCK)


class Erp:
    """A system that says what a test wants it to."""

    def __init__(self) -> None:
        self.told: dict[str, StockReading] = {}
        self.moved: list[Movement] = []
        self.refuses = False
        self.asked: list[int] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    def says(self, location: str, units: int, watermark: int | None, elsewhere: int = 0) -> None:
        levels = {SKU: Level(units, elsewhere)}
        self.told[location] = StockReading(location, levels, watermark)

    async def probe(self) -> Probe:
        return Probe(good=True, detail="it is there")

    async def read(self, location: str) -> StockReading:
        if self.refuses:
            raise BackendRefused("no numbers today", backend="erp", kind="AUTH")
        told, meanwhile = self.told[location], self.meanwhile
        if location == HERE and meanwhile is not None:
            self.meanwhile = None
            await meanwhile()
        return told

    async def movements(self, location: str, after: int) -> AsyncIterator[Sequence[Movement]]:
        self.asked += [after] if location == HERE else []
        yield [it for it in self.moved if location == HERE and it.sequence > after]

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult:
        return WriteResult(adjustment.reference, "1")


class Followed:
    """A shop with two places, and one pass after another over the system that owns them."""

    def __init__(self, declared: StockSource) -> None:
        self.erp = Erp()
        can = Capabilities((Role.STOCK_FEED,), Idempotency.NONE, stock=declared)
        moves = None if declared.watermark is Watermark.NONE else self.erp
        self.backend = Backend(
            "erp", "any", can, self.erp, stock=self.erp, movements=moves, stock_sink=self.erp
        )
        self.shop = Shop(backends=[self.backend])
        self.memory = Memory()
        self.erp.says(HERE, 10, 10)
        self.erp.says(THERE, 5, 10)

    async def opens(self) -> None:
        places = [at for at in chain.LOCATIONS if at.code in (HERE, THERE)]
        await self.shop.furnish(locations=places)
        await self.sync()

    async def sync(self) -> bool:
        return await sync_backend(self.shop.context(OPERATOR), self.backend, self.memory)

    async def sync_by_hand(self) -> bool:
        ctx = self.shop.context(OPERATOR)
        return await sync_backend(ctx, self.backend, Memory(), whole=True)

    async def on_hand(self, location: str = HERE) -> int:
        streams = await self.shop.store.stock.streams([SKU], self.shop.clock())
        return streams[SKU].position(location).on_hand if SKU in streams else 0

    async def feed(self, location: str = HERE) -> Feed:
        feeds = {feed.key: feed for feed in await self.shop.store.house.feeds()}
        return feeds["erp", "stock", location]


async def followed(declared: StockSource = BY_SEQUENCE) -> Followed:
    it = Followed(declared)
    await it.opens()
    return it


class OtherwiseBusy(StockEngine):
    """An engine that never comes to the SKU Z."""

    async def run(self, command: Command) -> Outcome:
        if "Z" in command.scope.skus:
            raise Contended("others write it")
        return await super().run(command)


def receipt(id: str, units: int, sequence: int, after: int | None = None) -> Movement:
    return Movement(id, SKU, units, sequence, EntryKind.RECEIPT, f"GR-{id}", after=after)


def micros(later: timedelta) -> int:
    return int((NOON + later).timestamp() * 1_000_000)


# ---- what moved ---------------------------------------------------------------------------------


async def test_the_ledger_says_what_moved_and_why_and_a_reading_adds_nothing(
    house: House,
) -> None:
    before = len(await house.runtime.store.stock.entries(SKU))
    number = await house.tills.sell("ST-05", SKU, 1)
    await house.erp.receive("ST-05", SKU, 4)
    await house.erp.write_off("ST-05", SKU, 2)

    await house.sync("erp")
    await house.sync("erp")

    entries = (await house.runtime.store.stock.entries(SKU))[before:]
    assert [(entry.kind, entry.cause, entry.on_hand) for entry in entries] == [
        (EntryKind.SALE, number, -1),
        (EntryKind.RECEIPT, "GR-000001", 4),
        (EntryKind.ADJUSTMENT, "BR-000001", -2),
    ]
    assert await house.on_hand(SKU, "ST-05") == await house.erp.on_hand("ST-05", SKU)
    assert await house.runtime.store.stock.unseen("ST-05") == []


async def test_movements_are_followed_while_readings_fail(house: House) -> None:
    """And nothing is told twice once they come again."""
    it = await followed()
    it.erp.refuses = True
    it.erp.moved = [receipt("1", -4, 11, after=10)]

    assert not await it.sync()
    assert not await it.sync()
    assert await it.on_hand() == 6
    assert (await it.feed()).error == "no numbers today"

    it.erp.refuses = False
    it.erp.says(HERE, 6, 11)
    assert await it.sync()
    assert await it.on_hand() == 6
    assert (await it.feed()).error == ""
    assert it.erp.asked == [10, 11, 11]


async def test_a_movement_that_leaves_less_than_was_promised_is_listed() -> None:
    it = await followed()
    asked = ReserveStock("k", CHANNEL, (Line(SKU, 9),), location=HERE)
    await reservations.reserve_stock(it.shop.context(SHOPPER), asked)
    it.erp.refuses = True
    it.erp.moved = [receipt("1", -4, 11, after=10)]

    await it.sync()

    page = await browse_oversells(it.shop.context(OPERATOR), 5, None)
    owing = [row.level.position for row in page.nodes]
    assert [(at.location, at.unpromised) for at in owing] == [(HERE, -3)]


async def test_a_movement_that_leaves_a_place_short_moves_what_may_lie_elsewhere() -> None:
    it = await followed()
    asked = ReserveStock("k", CHANNEL, (Line(SKU, 9),))
    held, _ = await reservations.reserve_stock(it.shop.context(SHOPPER), asked)
    assert [(pin.location, pin.quantity) for pin in held.pins] == [(HERE, 9)]
    it.erp.refuses = True
    it.erp.moved = [receipt("1", -4, 11, after=10)]

    await it.sync()

    [(_, pins)] = (await it.shop.store.stock.reservations([held.reservation.id])).values()
    assert [(pin.location, pin.quantity) for pin in pins] == [(THERE, 3), (HERE, 6)]


async def test_a_gap_is_seen_until_a_reading_holds_what_is_missing() -> None:
    it = await followed()
    it.erp.moved = [receipt("2", 3, 12, after=11)]

    await it.sync()
    assert (await it.on_hand(), (await it.feed()).error) == (10, IN_DOUBT)
    it.erp.says(HERE, 15, 12)
    await it.sync()
    assert (await it.on_hand(), (await it.feed()).error) == (15, "")


async def test_no_more_movements_are_taken_than_can_be_remembered() -> None:
    it = await followed()
    many = tuple(
        Unseen(f"erp/{HERE}/{SKU}/{at}", SKU, HERE, 1, 11 + at) for at in range(REMEMBERED_MAX)
    )
    scope = Scope(skus=frozenset([SKU]))
    await it.shop.engine.run(Command(None, "", scope, lambda _: (Change(unseen=many), SKU)))
    it.erp.refuses = True
    it.erp.moved = [receipt("x", -4, 99_999)]

    await it.sync()

    assert await it.on_hand() == 10


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
