"""Hold, place, pay, cancel: one buyer's way, and every way in which it is refused (S4, O1, O7)."""

import asyncio

import pytest

from resolvers import orders, reservations
from resolvers.domain.errors import (
    IdempotencyKeyReused,
    InsufficientStock,
    InvalidInput,
    OrderNotOpen,
    ReservationExpired,
)
from resolvers.domain.orders import Order, OrderStatus
from resolvers.domain.outbox import WriteStatus
from resolvers.domain.reservation import Status
from resolvers.domain.values import Money
from resolvers.filters import OrderFilter
from resolvers.placing import AskedLine, AskedPayment
from tests.resolvers.asking import PICKUP, SET, SKU, asked, order_of, state_of
from tests.resolvers.conftest import OTHER, PARTNER, SHOPPER, House


async def test_a_hold_placed_and_paid_becomes_one_sale_in_the_erp(house: House) -> None:
    before = await house.promised(SKU)
    held, _ = await reservations.reserve_stock(house(SHOPPER), asked("hold", 2))
    placed, _ = await orders.place_order(house(SHOPPER), order_of("place", held.reservation.id))
    paid, _ = await orders.record_payment(
        house(PARTNER), "pay", placed.id, AskedPayment("WECHAT", placed.total, "wx-1")
    )
    await house.push()

    assert (held.reservation.status, placed.status, paid.status) == (
        Status.HELD,
        OrderStatus.PENDING,
        OrderStatus.CONFIRMED,
    )
    assert placed.total == Money(152000, "CNY")
    [sale] = await house.erp.sales()
    assert (sale.reference, sale.location) == (placed.number, "WH-01")
    assert [(line.sku, line.quantity) for line in sale.lines] == [(SKU, 2)]
    writes = await house.runtime.store.outbox.writes_of([placed.id])
    assert [(w.status, w.external_id) for w in writes[placed.id]] == [
        (WriteStatus.DONE, "SO-000001")
    ]
    assert await house.promised(SKU) == before - 2


async def test_goods_that_left_are_fulfilled_and_counted_once(house: House) -> None:
    order = await confirmed(house, "one", 2)
    await house.push()
    before = await house.on_hand(SKU, "WH-01")

    await house.erp.ship(order.number, {SKU: 1})
    await house.sync("erp")
    await house.sync("erp")
    part = await orders.order_by_id(house(SHOPPER), order.id)
    await house.erp.ship(order.number)
    await house.sync("erp")
    whole = await orders.order_by_id(house(SHOPPER), order.id)

    assert part is not None
    assert whole is not None
    assert (part.status, part.lines[0].fulfilled) == (OrderStatus.PARTIALLY_FULFILLED, 1)
    assert (whole.status, whole.lines[0].fulfilled) == (OrderStatus.FULFILLED, 2)
    assert await house.on_hand(SKU, "WH-01") == before - 2
    held = await reservations.reservation(house(SHOPPER), order.reservation_id or "")
    assert held is not None
    assert (held.reservation.status, held.pins) == (Status.FULFILLED, ())


async def confirmed(house: House, name: str, quantity: int = 1, sku: str = SKU) -> Order:
    """An order that is paid for."""
    lines = (AskedLine(sku, quantity),)
    placed, _ = await orders.place_order(house(SHOPPER), order_of(f"place-{name}", lines=lines))
    payment = AskedPayment("WECHAT", placed.total)
    paid, _ = await orders.record_payment(house(PARTNER), f"pay-{name}", placed.id, payment)
    return paid


async def test_the_same_key_again_answers_as_before_and_with_other_content_is_refused(
    house: House,
) -> None:
    first, replayed_first = await reservations.reserve_stock(house(SHOPPER), asked("k", 2))
    state = await state_of(house)

    second, replayed_second = await reservations.reserve_stock(house(SHOPPER), asked("k", 2))
    with pytest.raises(IdempotencyKeyReused):
        await reservations.reserve_stock(house(SHOPPER), asked("k", 3))
    with pytest.raises(IdempotencyKeyReused):
        await reservations.reserve_stock(house(SHOPPER), asked("k", 0))

    assert (second, replayed_first, replayed_second) == (first, False, True)
    assert await state_of(house) == state
    other, replayed_other = await reservations.reserve_stock(house(OTHER), asked("k", 2))
    assert (other.reservation.id != first.reservation.id, replayed_other) == (True, False)


async def test_a_hold_is_promised_to_others_again_at_the_instant_it_ends(house: House) -> None:
    before = await house.promised(SKU)
    held, _ = await reservations.reserve_stock(house(SHOPPER), asked("k", 3, ttl_seconds=60))
    assert await house.promised(SKU) == before - 3

    house.clock.turn(seconds=60)

    assert await house.promised(SKU) == before
    seen = await reservations.reservation(house(SHOPPER), held.reservation.id)
    assert seen is not None
    assert (seen.reservation.status, seen.pins) == (Status.EXPIRED, ())
    with pytest.raises(ReservationExpired):
        await reservations.extend_reservation(house(SHOPPER), "x", held.reservation.id, 60)
    with pytest.raises(ReservationExpired):
        await orders.place_order(house(SHOPPER), order_of("p", held.reservation.id))


async def test_an_unpaid_order_keeps_its_stock_until_its_deadline_and_no_longer(
    house: House,
) -> None:
    before = await house.promised(SKU)
    held, _ = await reservations.reserve_stock(house(SHOPPER), asked("k", 2, ttl_seconds=60))
    order, _ = await orders.place_order(house(SHOPPER), order_of("p", held.reservation.id))

    house.clock.turn(seconds=1799)
    kept = await house.promised(SKU)
    house.clock.turn(seconds=1)

    assert kept == before - 2
    assert await house.promised(SKU) == before
    seen = await orders.order_by_id(house(SHOPPER), order.id)
    assert seen is not None
    assert seen.status is OrderStatus.CANCELED
    payment = AskedPayment("WECHAT", order.total)
    with pytest.raises(OrderNotOpen):
        await orders.record_payment(house(PARTNER), "pay", order.id, payment)
    assert await reservations.expire_due(house(SHOPPER), 10) == 1
    assert await reservations.expire_due(house(SHOPPER), 10) == 0
    page = await orders.browse_orders(
        house(SHOPPER), OrderFilter(statuses=(OrderStatus.CANCELED,)), 10, None
    )
    assert [found.history[-1].kind for found in page.nodes] == ["PAYMENT_OVERDUE"]


async def test_a_pickup_order_is_pinned_again_where_it_is_fetched(house: House) -> None:
    held, _ = await reservations.reserve_stock(house(SHOPPER), asked("k", 1))
    placed, _ = await orders.place_order(
        house(SHOPPER), order_of("p", held.reservation.id, delivery=PICKUP)
    )

    again = await reservations.reservation(house(SHOPPER), placed.reservation_id or "")

    assert [pin.location for pin in held.pins] == ["WH-01"]
    assert again is not None
    assert [(pin.location, pin.tentative) for pin in again.pins] == [("ST-01", False)]


async def test_a_bundle_holds_its_parts_and_is_sold_as_them_to_the_last_fen(house: House) -> None:
    order = await confirmed(house, "set", 1, SET)
    await house.push()

    [sale] = await house.erp.sales()
    assert sum(line.quantity * line.unit_price.minor for line in sale.lines) == order.total.minor
    assert {line.sku for line in sale.lines} == {part.sku for part in order.lines[0].components}
    await house.erp.ship(order.number)
    await house.sync("erp")
    seen = await orders.order_by_id(house(SHOPPER), order.id)
    assert seen is not None
    assert (seen.status, seen.lines[0].fulfilled) == (OrderStatus.FULFILLED, 1)


async def test_a_canceled_order_gives_back_at_once_and_the_erp_is_told_in_order(
    house: House,
) -> None:
    before = await house.promised(SKU)
    order = await confirmed(house, "one")
    assert await house.push() == 1

    canceled, _ = await orders.cancel_order(house(SHOPPER), "c", order.id, reason="changed mind")

    assert (canceled.status, canceled.history[-1].note) == (OrderStatus.CANCELED, "changed mind")
    assert await house.promised(SKU) == before
    assert await house.push() == 1
    assert [(sale.reference, sale.status) for sale in await house.erp.sales()] == [
        (order.number, "CANCELED")
    ]


async def test_units_of_an_unpaid_order_can_be_canceled_and_only_of_such_a_one(
    house: House,
) -> None:
    before = await house.promised(SKU)
    lines = (AskedLine(SKU, 3),)
    order, _ = await orders.place_order(house(SHOPPER), order_of("p", lines=lines))
    line = order.lines[0].id

    less, _ = await orders.cancel_order(house(SHOPPER), "c1", order.id, [(line, 2)])
    with pytest.raises(InvalidInput):
        await orders.cancel_order(house(SHOPPER), "c2", order.id, [(line, 1)])
    payment = AskedPayment("WECHAT", less.total)
    await orders.record_payment(house(PARTNER), "pay", order.id, payment)
    with pytest.raises(OrderNotOpen):
        await orders.cancel_order(house(SHOPPER), "c3", order.id, [(line, 1)])

    assert (less.lines[0].quantity, less.total) == (1, Money(76000, "CNY"))
    assert await house.promised(SKU) == before - 1


async def test_a_thousand_buyers_of_the_last_units_get_exactly_those(house: House) -> None:
    left = await house.promised(SKU)
    outcomes = await asyncio.gather(
        *(reservations.reserve_stock(house(SHOPPER), asked(f"k{at}")) for at in range(left + 200)),
        return_exceptions=True,
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, InsufficientStock)]
    assert (len(outcomes) - len(refused), len(refused)) == (left, 200)
    assert {(error.requested, error.available) for error in refused} == {(1, 0)}
    assert await house.promised(SKU) == 0
