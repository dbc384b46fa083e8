"""What a source tells moved between its readings is followed, and bounded (S2)."""

from resolvers import reservations
from resolvers.domain.books import Change, Scope
from resolvers.domain.movements import Movement
from resolvers.domain.reservation import Line
from resolvers.domain.stock import EntryKind, Unseen
from resolvers.engine import Command, Outcome, StockEngine
from resolvers.oversells import browse_oversells
from resolvers.ports import Clock, StockStore
from resolvers.reservations import ReserveStock
from resolvers.stocktaking import IN_DOUBT, PAGES_MAX, REMEMBERED_MAX
from tests.resolvers.conftest import House
from tests.resolvers.played import HERE, THERE, followed, receipt
from tests.support import CHANNEL, OPERATOR, SHOPPER, SKU


class Counting(StockEngine):
    """An engine that notes of how many SKUs each command is."""

    def __init__(self, store: StockStore, clock: Clock) -> None:
        super().__init__(store, clock)
        self.sizes: list[int] = []

    async def run(self, command: Command) -> Outcome:
        self.sizes.append(len(command.scope.skus))
        return await super().run(command)


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


async def test_movements_are_followed_while_readings_fail() -> None:
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


async def test_a_source_that_never_ends_telling_costs_no_more_than_a_pass_of_pages() -> None:
    it = await followed()
    it.erp.endless = True
    it.erp.says(HERE, 7, 11)

    assert await it.sync()

    assert it.erp.pages == PAGES_MAX
    assert await it.on_hand() == 7


async def test_what_one_page_tells_counts_as_remembered_for_the_next() -> None:
    it = await followed()
    it.erp.refuses = True
    it.erp.size = REMEMBERED_MAX
    it.erp.moved = [receipt(str(at), 1, 11 + at) for at in range(REMEMBERED_MAX + 1)]

    assert not await it.sync()

    unseen = await it.shop.store.stock.unseen(HERE)
    assert (len(unseen), await it.on_hand()) == (REMEMBERED_MAX, 10 + REMEMBERED_MAX)


async def test_a_large_page_is_booked_in_commands_that_hold_nobody_up_for_long() -> None:
    it = await followed()
    it.shop.engine = engine = Counting(it.shop.store.stock, it.shop.clock)
    it.erp.refuses = True
    it.erp.moved = [
        Movement(str(at), f"A-{at:03}", 1, 11 + at, EntryKind.RECEIPT, f"GR-{at}")
        for at in range(401)
    ]

    await it.sync()

    assert engine.sizes == [200, 200, 1]
    assert (await it.feed()).moved == 411
