"""Our mirror against a backend's own word: what differs is named, what is under way is not (G4, G6,
S2, O6).
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from resolvers import orders
from resolvers.domain import facts
from resolvers.domain.books import Known, Scope
from resolvers.domain.errors import BackendUnavailable, Forbidden
from resolvers.domain.feeds import Feed
from resolvers.domain.outbox import WriteStatus
from resolvers.domain.reconciling import StockDifference, stock_differences
from resolvers.domain.sources import StockSource, Watermark
from resolvers.domain.stock import Position, Stream, Unseen
from resolvers.engine import Command
from resolvers.reconciling import Asked, Reconciled, reconcile
from resolvers.stock import AdjustStock, adjust_stock
from tests.resolvers.asking import SKU, paid_order
from tests.resolvers.conftest import ADMIN, PARTNER, House
from tests.support import NOON

PLACE = "ST-01"
AGAIN = Asked(tell_again=True)


class Erp:
    """The house's ERP as it is compared, and who reads it meanwhile."""

    def __init__(self, house: House, data: Path) -> None:
        self.house = house
        self.file = data / "sandbox" / "erp.sqlite"
        self.followed: list[str] = []

    async def compared(
        self, asked: Asked | None = None, follow: Callable[[], Awaitable[object]] | None = None
    ) -> Reconciled:
        async def followed(entity: str) -> None:
            self.followed.append(entity)
            await (self.house.sync("erp") if follow is None else follow())

        backend = self.house.runtime.backends["erp"]
        return await reconcile(self.house(ADMIN), backend, asked or Asked(), followed)

    @contextmanager
    def restored_after(self) -> Iterator[None]:
        """What happens to it in the block is lost: it is restored to its beginning."""
        saved = self.file.with_suffix(".saved")
        with closing(sqlite3.connect(self.file)) as now, closing(sqlite3.connect(saved)) as kept:
            now.backup(kept)
        yield
        with closing(sqlite3.connect(self.file)) as now, closing(sqlite3.connect(saved)) as kept:
            kept.backup(now)

    async def drifts(self, units: int) -> None:
        """Lets the mirror believe so many units more than its reading said, and nobody see it."""
        feeds = {feed.key: feed for feed in await self.house.runtime.store.house.feeds()}
        feed = feeds["erp", "stock", PLACE]
        on_hand = await self.house.on_hand(SKU, PLACE) + units
        told = facts.Count(feed, {SKU: (on_hand, 0)})
        scope = Scope(skus=frozenset([SKU]), feeds=frozenset([feed.key]))
        await self.house.runtime.engine.run(
            Command(None, "", scope, lambda books: (facts.count(books, told), PLACE))
        )

    async def sold(self) -> list[str]:
        return [sale.reference for sale in await self.house.erp.sales()]


@pytest.fixture
def erp(house: House, tmp_path: Path) -> Erp:
    return Erp(house, tmp_path)


async def settled(house: House) -> None:
    while await house.push():
        pass


async def test_a_mirror_that_follows_agrees_and_nobody_is_asked_to_read(erp):
    found = await erp.compared()

    assert found.agrees
    assert (found.locations, found.looked_up, erp.followed) == (12, 0, [])


async def test_what_the_mirror_has_wrong_is_named_exactly_and_nothing_is_corrected(erp, house):
    before = await house.on_hand(SKU, PLACE)
    await erp.drifts(3)
    entries = await house.runtime.store.stock.entries(SKU)

    found = await erp.compared()

    assert found.stock == (StockDifference(PLACE, SKU, "on_hand", before + 3, before),)
    assert not found.agrees
    assert erp.followed == ["stock"], "whoever reads it was given a chance"
    assert await house.runtime.store.stock.entries(SKU) == entries


def test_what_was_not_looked_through_to_its_end_does_not_agree():
    """G4: whoever reads the exit code alone would take it for all well."""
    assert Reconciled(looked_up=20_000).agrees
    assert not Reconciled(looked_up=20_000, cut_off=True).agrees
    assert not Reconciled(uncompared=((PLACE, "it was never read"),)).agrees


async def test_what_was_only_under_way_is_not_named(erp, house):
    await house.erp.receive(PLACE, SKU, 5)

    found = await erp.compared()

    assert (found.stock, erp.followed) == ((), ["stock"])


async def test_what_nobody_follows_is_named(erp, house):
    before = await house.on_hand(SKU, PLACE)
    await house.erp.receive(PLACE, SKU, 5)

    async def nobody() -> None:
        """The sync stands still."""

    found = await erp.compared(follow=nobody)

    assert found.stock == (StockDifference(PLACE, SKU, "on_hand", before, before + 5),)


async def test_what_begins_to_differ_while_others_are_looked_at_again_is_not_named(erp, house):
    await house.erp.receive(PLACE, SKU, 5)

    async def follow() -> None:
        await house.sync("erp")
        await house.erp.receive(PLACE, "BT-0001-50ML", 2)

    assert (await erp.compared(follow=follow)).stock == ()


async def test_our_own_correction_that_the_erp_has_not_seen_is_no_difference(erp, house):
    await adjust_stock(house(ADMIN), AdjustStock("one", SKU, PLACE, "DAMAGE", delta=-1))

    waiting = await erp.compared()
    await house.push()
    taken = await erp.compared()

    assert (waiting.stock, taken.stock) == ((), ())


async def test_a_location_that_was_never_read_is_called_so(erp, house):
    store = house.runtime.store
    known = await store.catalog.locations()
    await store.catalog.save_locations([*known, replace(known[0], code="XX-01")])

    found = await erp.compared()

    assert found.uncompared == (("XX-01", "it was never read"),)
    assert not found.agrees


async def test_an_erp_that_cannot_be_asked_raises_and_changes_nothing(erp, house):
    await paid_order(house, "one")
    await settled(house)
    await house.erp.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    before = await house.runtime.store.house.last_event()

    with pytest.raises(BackendUnavailable):
        await erp.compared(AGAIN)

    assert await house.runtime.store.house.last_event() == before


async def test_who_may_not_operate_compares_nothing(erp, house):
    backend = house.runtime.backends["erp"]

    with pytest.raises(Forbidden):
        await reconcile(house(PARTNER), backend, Asked(), lambda _: house.sync("erp"))


@pytest.mark.parametrize(
    ("unseen", "number", "named"),
    [
        ((), 5, [(3, 5)]),
        ((Unseen("a", SKU, PLACE, -2, acknowledged=5),), 5, []),
        ((Unseen("a", SKU, PLACE, -2, acknowledged=4),), 5, []),
        ((Unseen("a", SKU, PLACE, -2, acknowledged=3),), 5, [(3, 5)]),
        ((Unseen("a", SKU, PLACE, -2, sent=True),), 9, []),
        ((Unseen("a", SKU, PLACE, -2),), 5, []),
        ((Unseen("a", SKU, PLACE, -2),), 6, [(3, 4)]),
        ((Unseen("a", SKU, "WH-01", -2, sent=True),), 5, [(3, 5)]),
    ],
)
def test_what_a_source_without_watermarks_may_hold_or_not_is_no_difference(unseen, number, named):
    before = Feed("erp", "stock", PLACE, 4, NOON)
    stream = Stream(
        SKU, {PLACE: Position(SKU, PLACE, on_hand=3)}, unseen={it.id: it for it in unseen}
    )
    later = replace(before, watermark=5, observed_at=NOON + timedelta(seconds=2))
    told = facts.Count(later, {SKU: (number, 0)}, StockSource(watermark=Watermark.NONE))
    known = Known(NOON + timedelta(seconds=3), {SKU: stream}, feeds={before.key: before})

    found = stock_differences(known, told)

    assert [(it.ours, it.theirs) for it in found] == named


# ---- sales ------------------------------------------------------------------------------------


async def test_a_sale_that_a_restored_erp_has_no_more_is_named_told_again_and_there_once(
    erp, house
):
    kept = await paid_order(house, "kept")
    await settled(house)
    with erp.restored_after():
        lost = await paid_order(house, "lost")
        await settled(house)
        await house.erp.receive(PLACE, SKU, 5)
        await house.sync("erp")

    found = await erp.compared()
    assert [(it.order_number, it.has_left) for it in found.sales] == [(lost.number, False)]
    assert (found.looked_up, found.told_again, len(found.restored)) == (2, (), 12)
    assert [(it.sku, it.ours - it.theirs) for it in found.stock] == [(SKU, 5)]
    assert await house.push() == 0, "looking has nothing told"

    again = await erp.compared(AGAIN)
    assert again.told_again == (lost.number,)
    assert (await erp.compared(AGAIN)).told_again == (), "it waits already"
    await settled(house)

    assert sorted(await erp.sold()) == sorted([kept.number, lost.number])
    after = await erp.compared(AGAIN)
    assert (after.sales, after.told_again, after.looked_up) == ((), (), 2)
    await settled(house)
    assert sorted(await erp.sold()) == sorted([kept.number, lost.number])


async def test_a_sale_that_came_back_by_itself_is_found_and_not_made_twice(erp, house):
    """Somebody restored the newer backup between the look and the second telling."""
    with erp.restored_after():
        order = await paid_order(house, "one")
        await settled(house)
        newer = erp.file.with_suffix(".newer")
        with closing(sqlite3.connect(erp.file)) as now, closing(sqlite3.connect(newer)) as kept:
            now.backup(kept)
    assert (await erp.compared(AGAIN)).told_again == (order.number,)
    with closing(sqlite3.connect(erp.file)) as now, closing(sqlite3.connect(newer)) as kept:
        kept.backup(now)

    await settled(house)

    assert await erp.sold() == [order.number]
    [write] = (await house.runtime.store.outbox.writes_of([order.id]))[order.id]
    assert (write.status, write.attempts, write.last_error) == (WriteStatus.DONE, 2, None)


async def test_a_canceled_sale_is_expected_nowhere(erp, house):
    with erp.restored_after():
        order = await paid_order(house, "one")
        await settled(house)
        await orders.cancel_order(house(PARTNER), "cancel", order.id)
        waiting = await erp.compared()
        await settled(house)
        canceled = await erp.compared()

    restored = await erp.compared(AGAIN)

    assert [it.looked_up for it in (waiting, canceled, restored)] == [0, 0, 0]
    await settled(house)
    assert await erp.sold() == []


async def test_a_sale_whose_goods_have_left_is_named_and_never_told_again(erp, house):
    with erp.restored_after():
        order = await paid_order(house, "one")
        await settled(house)
        await house.erp.ship(order.number)
        await house.sync("erp")

    found = await erp.compared(AGAIN)

    assert [(it.order_number, it.has_left) for it in found.sales] == [(order.number, True)]
    assert found.told_again == ()
    await settled(house)
    assert await erp.sold() == []


async def test_sales_are_looked_up_for_so_many_days_only(erp, house):
    with erp.restored_after():
        order = await paid_order(house, "one")
        await settled(house)
    house.clock.turn(days=3)

    short, long = await erp.compared(Asked(days=2)), await erp.compared(Asked(days=4))

    assert (short.looked_up, short.sales) == (0, ())
    assert [it.order_number for it in long.sales] == [order.number]


async def test_a_backend_that_cannot_be_asked_for_sales_says_so(erp, house):
    backends = house.runtime.backends
    mute = replace(backends["erp"], sale_lookup=None)
    house.runtime = replace(house.runtime, backends={**backends, "erp": mute})
    await paid_order(house, "one")
    await settled(house)

    assert (await erp.compared()).looked_up is None
