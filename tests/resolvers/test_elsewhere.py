"""Orders from elsewhere, and corrections of what lies there: once, in doubt less (O1, S2)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from resolvers import orders, stock
from resolvers.domain.errors import Forbidden, InvalidInput, OrderNotOpen, StockMoved
from resolvers.domain.orders import OrderStatus
from resolvers.domain.values import Money
from resolvers.placing import AskedPayment
from resolvers.stock import AdjustStock
from resolvers.taking import take_orders
from tests.resolvers.asking import SKU, paid_order
from tests.resolvers.conftest import ADMIN, MANAGER, SHOPPER, House, opened

# ---- orders from elsewhere ----------------------------------------------------------------------


async def listed(house: House, units: int) -> str:
    """Somebody buys at the marketplace; the order's number there."""
    listing = next(id for id, sku in (await house.marketplace.stands_for()).items() if sku == SKU)
    return await house.marketplace.order({listing: units})


async def test_orders_wait_for_the_first_places_and_goods_and_are_then_given_theirs(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        await listed(house, 3)
        early = await house.sync("marketplace-a")
        await house.sync()
        await house.push()

        assert not early
        assert [sale.lines[0].quantity for sale in await house.erp.sales()] == [3]


async def test_a_call_off_counts_by_the_stamps_of_its_own_system(house: House) -> None:
    number = await listed(house, 3)
    await house.sync()
    await house.push()
    order = await orders.order_by_external(house(ADMIN), "marketplace-a", number)
    assert order is not None
    house.clock.turn(minutes=1)
    await house.marketplace.call_off(number)
    house.clock.turn(seconds=1)
    await house.erp.ship(order.number, {SKU: 1})
    await house.sync("erp")  # our own stamp of the shipment is the newer one

    await house.sync("marketplace-a")

    seen = await orders.order_by_external(house(ADMIN), "marketplace-a", number)
    assert seen is not None
    assert seen.status is OrderStatus.CANCELED


async def test_what_leaves_after_its_marketplace_has_called_it_fulfilled_is_promised_no_more(
    house: House,
) -> None:
    """O6: else its units would be promised to it for ever."""
    before = await house.promised(SKU)
    number = await listed(house, 2)
    await house.sync()
    await house.push()
    order = await orders.order_by_external(house(ADMIN), "marketplace-a", number)
    assert order is not None
    [heard, *_] = order.external
    told = replace(
        order,
        status=OrderStatus.FULFILLED,
        lines=tuple(replace(line, fulfilled=line.quantity) for line in order.lines),
        external=(replace(heard, observed_at=heard.observed_at + timedelta(seconds=1)),),
    )
    marketplace = house.runtime.backends["marketplace-a"]
    await take_orders(house(ADMIN), marketplace, [replace(told, number=number)])

    await house.erp.ship(order.number, {SKU: 2})
    await house.sync("erp")
    await house.sync("erp")

    assert await house.promised(SKU) == before - 2


async def test_an_order_from_elsewhere_is_changed_where_it_was_placed(house: House) -> None:
    number = await listed(house, 1)
    await house.sync()
    order = await orders.order_by_external(house(ADMIN), "marketplace-a", number)
    assert order is not None
    payment = AskedPayment("CASH", Money(1, "CNY"))

    for attempt in (
        orders.cancel_order(house(ADMIN), "c", order.id),
        orders.cancel_order(house(ADMIN), "l", order.id, [(order.lines[0].id, 1)]),
        orders.record_payment(house(ADMIN), "p", order.id, payment),
    ):
        with pytest.raises(OrderNotOpen):
            await attempt


async def test_a_part_is_called_off_under_the_reference_that_it_was_sold_under(
    house: House,
) -> None:
    warehouse = await house.on_hand(SKU, "WH-01")
    number = await listed(house, warehouse + 2)
    await house.sync()
    assert (await house.push(), await house.push()) == (1, 1)
    references = {sale.location: sale.reference for sale in await house.erp.sales()}
    assert set(references) == {"DS-01", "WH-01"}
    house.clock.turn(minutes=1)
    await house.erp.ship(references["WH-01"])
    await house.sync("erp")

    await house.marketplace.call_off(number)
    await house.sync("marketplace-a")
    await house.push()

    assert {sale.location: sale.status for sale in await house.erp.sales()} == {
        "DS-01": "CANCELED",
        "WH-01": "SHIPPED",
    }


async def test_a_departure_told_after_its_count_is_not_deducted_twice(house: House) -> None:
    order = await paid_order(house, "one", 1)
    await house.push()
    before = await house.on_hand(SKU, "WH-01")
    feed = house.runtime.backends["erp"].stock
    assert feed is not None
    await house.erp.ship(order.number)
    told = await feed.read("WH-01")

    await house.follow(replace(told, departed=()))
    await house.follow(told)

    assert await house.on_hand(SKU, "WH-01") == before - 1


# ---- corrections --------------------------------------------------------------------------------


async def test_a_correction_is_seen_at_once_told_to_the_erp_and_counted_once(
    house: House,
) -> None:
    before = await house.on_hand(SKU, "ST-01")
    ask = AdjustStock("k", SKU, "ST-01", "RECEIPT", delta=5, note="behind the counter")
    level, replayed = await stock.adjust_stock(house(MANAGER), ask)
    again, replayed_again = await stock.adjust_stock(house(MANAGER), ask)

    assert level is not None
    assert again is not None
    assert (level.position.on_hand, replayed) == (before + 5, False)
    entry = (await house.runtime.store.stock.entries(SKU))[-1]
    assert (entry.note, entry.source) == ("behind the counter", MANAGER.subject)
    assert (again.position.on_hand, replayed_again) == (before + 5, True)
    await house.erp.receive("ST-01", SKU, 1)
    await house.sync("erp")
    assert await house.on_hand(SKU, "ST-01") == before + 6, "the ERP had not been told"
    await house.push()
    await house.sync("erp")
    await house.sync("erp")
    assert await house.on_hand(SKU, "ST-01") == before + 6
    assert await house.erp.on_hand("ST-01", SKU) == before + 6
    assert await house.runtime.store.stock.unseen("ST-01") == []


async def test_units_whose_booking_was_not_answered_are_not_counted_twice(house: House) -> None:
    before = await house.on_hand(SKU, "ST-01")
    await house.erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))
    await stock.adjust_stock(house(MANAGER), AdjustStock("k", SKU, "ST-01", "RECEIPT", delta=5))
    await house.push()
    await house.erp.set_knobs(Knobs())

    await house.sync("erp")
    in_doubt = await house.on_hand(SKU, "ST-01")
    house.clock.turn(seconds=60)
    await house.push()
    await house.sync("erp")

    assert (in_doubt, await house.on_hand(SKU, "ST-01")) == (before + 5, before + 5)


@pytest.mark.parametrize("delta", [-1, 2])
async def test_a_correction_that_the_erp_refuses_is_taken_back(house: House, delta: int) -> None:
    before = await house.on_hand(SKU, "ST-01")
    await stock.adjust_stock(house(MANAGER), AdjustStock("k", SKU, "ST-01", "COUNT", delta=delta))
    await house.erp.set_knobs(Knobs(fail=Fault.REFUSE))

    await house.push()
    refused = await house.on_hand(SKU, "ST-01")
    await house.erp.set_knobs(Knobs())
    await house.sync("erp")

    assert refused <= before, "until the ERP says so nothing more is promised"
    assert await house.on_hand(SKU, "ST-01") == before
    assert await house.runtime.store.stock.unseen("ST-01") == []


async def test_a_recount_is_refused_when_the_shelf_has_moved_on(house: House) -> None:
    before = await house.on_hand(SKU, "ST-01")
    wrong = AdjustStock("k", SKU, "ST-01", "COUNT", on_hand=3, expected=before + 1)
    below = AdjustStock("k", SKU, "ST-01", "LOSS", delta=-before - 1)
    both = AdjustStock("k", SKU, "ST-01", "COUNT", delta=1, on_hand=3, expected=before)

    for ask, error in ((wrong, StockMoved), (below, InvalidInput), (both, InvalidInput)):
        with pytest.raises(error):
            await stock.adjust_stock(house(MANAGER), ask)
    elsewhere = AdjustStock("k", SKU, "ST-02", "COUNT", delta=1)
    with pytest.raises(Forbidden):
        await stock.adjust_stock(house(MANAGER), elsewhere)
    with pytest.raises(Forbidden):
        await stock.adjust_stock(house(SHOPPER), wrong)

    assert await house.on_hand(SKU, "ST-01") == before
    right = AdjustStock("k", SKU, "ST-01", "COUNT", on_hand=before + 2, expected=before)
    level, _ = await stock.adjust_stock(house(MANAGER), right)
    assert level is not None
    assert level.position.on_hand == before + 2
