"""The mirror follows its backends, and they are told once, whatever fails (S2, O1, G4)."""

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from resolvers import house as house_flows
from resolvers import orders, stock
from resolvers.domain.locations import GeoPoint
from resolvers.domain.orders import OrderStatus
from resolvers.domain.outbox import WriteStatus
from resolvers.filters import OrderFilter, ProductFilter, ProductSort
from resolvers.relay import push_due
from tests.resolvers.asking import SKU, paid_order
from tests.resolvers.conftest import ADMIN, PARTNER, SHOPPER, House


async def test_a_sale_at_a_till_lowers_what_is_promised_online(house: House) -> None:
    before = await house.promised(SKU)
    on_hand = await house.erp.on_hand("ST-05", SKU)
    assert on_hand >= 2, "one stays in the shop for its own people"

    number = await house.tills.sell("ST-05", SKU, 1, "AS-013")
    await house.sync()

    assert await house.promised(SKU) == before - 1
    ticket = await orders.order_by_external(house(ADMIN), "pos", number)
    assert ticket is not None
    assert (ticket.status, ticket.channel, ticket.associate_code) == (
        OrderStatus.FULFILLED,
        "store",
        "AS-013",
    )
    assert ticket.number.startswith("UC260302-")


async def test_what_the_erp_sold_itself_is_promised_to_nobody(house: House) -> None:
    before = await house.promised(SKU)

    await house.erp.sell_ahead("WH-01", SKU, 2)
    await house.sync("erp")

    assert await house.promised(SKU) == before - 2
    [promise] = await stock.availability(house(SHOPPER), [SKU], "mini-program")
    assert promise is not None
    assert [(t.kind, t.quantity) for t in promise.availability.terms if t.location == "WH-01"][
        -1
    ] == ("SOLD_ELSEWHERE", -2)


async def test_an_order_of_a_marketplace_takes_its_goods_and_is_told_to_the_erp(
    house: House,
) -> None:
    before = await house.promised(SKU)
    listing = next(id for id, sku in (await house.marketplace.stands_for()).items() if sku == SKU)
    number = await house.marketplace.order({listing: 3})
    await house.sync()
    await house.sync()
    await house.push()

    assert await house.promised(SKU) == before - 3
    order = await orders.order_by_external(house(ADMIN), "marketplace-a", number)
    assert order is not None
    assert (order.status, order.paid.minor) == (OrderStatus.CONFIRMED, 3 * 76000)
    [sale] = await house.erp.sales()
    assert (sale.reference, sale.lines[0].quantity) == (order.number, 3)

    house.clock.turn(minutes=1)
    await house.marketplace.call_off(number)
    await house.sync()
    await house.push()
    assert await house.promised(SKU) == before
    assert [sale.status for sale in await house.erp.sales()] == ["CANCELED"]


async def test_more_than_there_is_sold_by_a_marketplace_is_written_down_all_the_same(
    house: House,
) -> None:
    before = await house.promised(SKU)
    listing = next(id for id, sku in (await house.marketplace.stands_for()).items() if sku == SKU)
    number = await house.marketplace.order({listing: before + 5})
    await house.sync()

    order = await orders.order_by_external(house(ADMIN), "marketplace-a", number)
    assert order is not None
    assert [event.kind for event in order.history] == ["PLACED", "OVERSOLD"]
    assert await house.promised(SKU) == 0
    await house.erp.receive("DS-01", SKU, 7)  # where the order waits for its units
    await house.sync("erp")
    assert await house.promised(SKU) == 2


async def test_a_new_price_and_nothing_else_is_written_again(house: House) -> None:
    last = await house.runtime.store.house.last_event()
    house.clock.turn(seconds=2)
    await house.sync()
    quiet = await house.runtime.store.house.last_event()

    await house.erp.reprice(SKU, "mini-program", 70000)
    await house.sync("erp")

    assert quiet == last
    [event] = await house.runtime.store.house.events(last, 10)
    assert event.topic == "catalog"
    variant = (await house.runtime.store.catalog.variants([SKU]))[SKU]
    assert variant.prices["mini-program"].minor == 70000


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.TIMEOUT, Fault.REFUSE])
async def test_a_backend_that_is_down_costs_nobody_a_sale_and_hears_of_it_once(
    house: House, fault: Fault
) -> None:
    before = await house.promised(SKU)
    await house.erp.set_knobs(Knobs(fail=fault))
    assert not await house.sync("erp")
    order = await paid_order(house, "while down", 2)
    if fault is Fault.REFUSE:  # a login that fails is mended by people; a write refused is final
        await house.erp.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    assert await house.push() == 1
    assert await house.push() == 0, "it waits before it tries again"
    assert await house.promised(SKU) == before - 2

    await house.erp.set_knobs(Knobs())
    house.clock.turn(seconds=60)
    assert await house.push() == 1
    assert await house.sync("erp")

    assert [sale.reference for sale in await house.erp.sales()] == [order.number]
    assert await house.promised(SKU) == before - 2


async def test_a_write_whose_answer_was_lost_is_looked_up_before_it_is_sent_again(
    house: House,
) -> None:
    await house.erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))
    order = await paid_order(house, "lost")
    await house.push()
    [write] = (await house.runtime.store.outbox.writes_of([order.id]))[order.id]
    assert (write.status, write.attempts) == (WriteStatus.WAITING, 1)

    await house.erp.set_knobs(Knobs())
    assert await house.push() == 0, "the first try may still be running there"
    house.clock.turn(seconds=5)
    assert await house.push() == 1

    assert [sale.reference for sale in await house.erp.sales()] == [order.number]
    [write] = (await house.runtime.store.outbox.writes_of([order.id]))[order.id]
    assert (write.status, write.attempts) == (WriteStatus.DONE, 2)


async def test_a_write_that_was_begun_when_its_process_died_is_finished_once(
    house: House,
) -> None:
    order = await paid_order(house, "died")
    outbox = house.runtime.store.outbox
    [write] = await outbox.due_writes("erp", house.clock(), 10)
    assert write.sale is not None
    await house.erp.place([write.sale], second_try=False)  # then it was killed

    assert await house.push() == 1

    assert [sale.reference for sale in await house.erp.sales()] == [order.number]


async def test_a_write_that_the_erp_refuses_is_a_visible_failure_and_the_order_stands(
    house: House,
) -> None:
    await house.erp.set_knobs(Knobs(fail=Fault.REFUSE))
    order = await paid_order(house, "refused")
    await house.push()

    [write] = (await house.runtime.store.outbox.writes_of([order.id]))[order.id]
    assert (write.status, write.last_error) == (WriteStatus.FAILED, "erp takes no writes")
    seen = await orders.order_by_id(house(PARTNER), order.id)
    assert seen is not None
    assert seen.status is OrderStatus.CONFIRMED


async def test_only_who_holds_the_lease_sends(house: House) -> None:
    await paid_order(house, "one")
    now = house.clock()
    stale = await house.runtime.store.house.lease("push:erp", "gone", 1, now)
    assert stale is not None
    house.clock.turn(seconds=2)
    await house.runtime.store.house.lease("push:erp", "present", 60, house.clock())

    assert await push_due(house(ADMIN), house.runtime.backends["erp"], lambda: stale) == 0
    assert await house.erp.sales() == []


# ---- what people see ----------------------------------------------------------------------------


async def test_explain_sums_to_the_answer_for_every_sku_and_channel(house: House) -> None:
    await house.tills.sell("ST-01", "BT-0002-30ML", 1)
    await house.sync()
    page = await house.runtime.store.catalog.product_page(
        ProductFilter(), ProductSort.TITLE_ASC, None, 400
    )
    skus = [variant.sku for _, product in page for variant in product.variants]

    for channel in ("mini-program", "store", "live-stream"):
        for at in range(0, len(skus), 100):
            promises = await stock.availability(house(SHOPPER), skus[at : at + 100], channel)
            for promise in promises:
                assert promise is not None
                terms = promise.availability.terms
                assert sum(term.quantity for term in terms) == promise.availability.available


async def test_the_nearest_pickup_place_comes_first_and_says_when(house: House) -> None:
    hangzhou = GeoPoint(30.2741, 120.1551)
    [promise] = await stock.availability(
        house(SHOPPER), ["BT-0003-30ML"], "mini-program", near=hangzhou
    )
    assert promise is not None

    places = await stock.pickup_places(house(SHOPPER), promise, 3)

    distances = [place.distance_km for place in places]
    assert distances == sorted(distances, key=lambda km: km or 0.0)
    assert {place.ready_in_minutes for place in places} == {60}
    house.clock.turn(hours=2)  # 22:00 in Shanghai: ready an hour after they open at ten
    [late] = {p.ready_in_minutes for p in await stock.pickup_places(house(SHOPPER), promise, 3)}
    assert late == 13 * 60


async def test_backends_show_how_they_are_and_how_old_their_word_is(house: House) -> None:
    await house.erp.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    house.clock.turn(seconds=30)
    await house.sync("erp", "pos")
    await paid_order(house, "waits")

    views = {view.backend.code: view for view in await house_flows.backends(house(ADMIN))}

    assert set(views) == {"crm", "erp", "marketplace-a", "marketplace-b", "pos"}
    assert (views["erp"].status, views["erp"].breaker, views["erp"].pending_out) == (
        "DOWN",
        "OPEN",
        1,
    )
    assert views["erp"].last_error == "erp is not there"
    assert views["pos"].status == "UP"
    heard = {lag.entity: lag.observed_at for lag in views["pos"].lag}
    assert heard == {"orders": house.clock()}
    assert await house_flows.missing(house.runtime.store, house.runtime.backends) == []


async def test_orders_are_listed_for_staff_by_channel_newest_first(house: House) -> None:
    first = await paid_order(house, "one")
    house.clock.turn(seconds=1)
    second = await paid_order(house, "two")
    await house.tills.sell("ST-01", SKU, 1)
    await house.sync("pos")

    page = await orders.browse_orders(
        house(ADMIN), OrderFilter(channels=("mini-program",)), 1, None
    )
    rest = await orders.browse_orders(
        house(ADMIN), OrderFilter(channels=("mini-program",)), 5, page.edges[-1][0]
    )

    assert [order.id for order in (*page.nodes, *rest.nodes)] == [second.id, first.id]
    assert (page.has_next, rest.has_next, rest.has_previous) == (True, False, True)
