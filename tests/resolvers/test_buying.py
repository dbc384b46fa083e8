"""Hold, place, pay, cancel: one buyer's way, and every way in which it is refused (S4, O1, O7)."""

import asyncio
from dataclasses import replace

import pytest

from gateway.tokens import principal_of
from resolvers import orders, reservations
from resolvers.access import NOBODY, Role
from resolvers.domain.catalog import Component
from resolvers.domain.errors import (
    Forbidden,
    IdempotencyKeyReused,
    InsufficientStock,
    InvalidInput,
    NoEligibleLocation,
    NotFound,
    OrderNotOpen,
    Refused,
    ReservationExpired,
    ReservationNotHeld,
    Several,
    Unauthenticated,
)
from resolvers.domain.locations import Method
from resolvers.domain.orders import Address, Delivery, Order, OrderStatus
from resolvers.domain.outbox import WriteStatus
from resolvers.domain.reservation import Line, Status
from resolvers.domain.values import Money
from resolvers.orders import AskedLine, AskedPayment, PlaceOrder
from resolvers.ports import OrderFilter
from resolvers.reservations import ReserveStock
from tests.resolvers.conftest import MANAGER, OTHER, PARTNER, SHOPPER, House

SKU = "BT-0001-30ML"
SET = "BT-0313-SET"
SHIP = Delivery(
    Method.SHIP, address=Address("林若溪", "+8612000000001", "CN", "上海", "上海", "示例路 1 号")
)
PICKUP = Delivery(Method.PICKUP, "ST-01")


def asked(key: str, quantity: int = 1, sku: str = SKU, **more: object) -> ReserveStock:
    return ReserveStock(key, "mini-program", (Line(sku, quantity),), **more)  # type: ignore[arg-type]


def order_of(key: str, reservation: str | None = None, **more: object) -> PlaceOrder:
    details = {"delivery": SHIP, "reservation_id": reservation, **more}
    return PlaceOrder(key, "mini-program", **details)  # type: ignore[arg-type]


async def state_of(house: House) -> object:
    """Everything that a refusal must leave as it was."""
    store = house.runtime.store
    return (
        await store.house.last_event(),
        await store.stock.entries(SKU),
        await store.outbox.pending_writes("erp"),
    )


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

    canceled, _ = await orders.cancel_order(house(SHOPPER), "c", order.id)

    assert canceled.status is OrderStatus.CANCELED
    assert await house.promised(SKU) == before
    assert await house.push() == 1
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


@pytest.mark.parametrize(
    ("ask", "error", "field"),
    [
        (asked("k", 0), InvalidInput, "lines.0.quantity"),
        (asked("k", -1), InvalidInput, "lines.0.quantity"),
        (asked("k", 1_000_001), InvalidInput, "lines.0.quantity"),
        (asked("k", 1, "NO-SUCH"), NotFound, "lines.0.sku"),
        (asked("k" * 256), InvalidInput, "idempotencyKey"),
        (asked(""), InvalidInput, "idempotencyKey"),
        (asked("a\nb"), InvalidInput, "idempotencyKey"),
        (asked("k", ttl_seconds=0), InvalidInput, "ttlSeconds"),
        (asked("k", ttl_seconds=3601), InvalidInput, "ttlSeconds"),
        (asked("k", location="ST-99"), NotFound, "locationCode"),
        (asked("k", location="WH-01", method=Method.PICKUP), NoEligibleLocation, ""),
        (asked("k", 100_000), InsufficientStock, "lines.0"),
        (ReserveStock("k", "nowhere", (Line(SKU, 1),)), NotFound, "channel"),
        (ReserveStock("k", "mini-program", ()), InvalidInput, "lines"),
        (
            ReserveStock("k", "mini-program", tuple(Line(f"S{n}", 1) for n in range(101))),
            InvalidInput,
            "lines",
        ),
    ],
)
async def test_a_hold_that_cannot_be_meant_is_refused_and_nothing_has_changed(
    house: House, ask: ReserveStock, error: type[Refused], field: str
) -> None:
    state = await state_of(house)

    with pytest.raises(error) as refusal:
        await reservations.reserve_stock(house(SHOPPER), ask)

    assert ".".join(refusal.value.field).removeprefix("input").removeprefix(".") == field
    assert await state_of(house) == state


async def test_the_same_sku_twice_is_summed_and_a_refusal_names_its_first_line(
    house: House,
) -> None:
    twice = ReserveStock("k", "mini-program", (Line(SKU, 1), Line(SKU, 2)))
    held, _ = await reservations.reserve_stock(house(SHOPPER), twice)
    short = (Line("BT-0001-50ML", 1), Line(SKU, 9000), Line(SKU, 1), Line("BT-0002-30ML", 9000))

    with pytest.raises(Several) as several:
        await reservations.reserve_stock(house(SHOPPER), ReserveStock("s", "mini-program", short))

    assert held.reservation.lines == (Line(SKU, 3),)
    assert [refusal.field[-1] for refusal in several.value.refusals] == ["1", "3"]


async def test_a_shopper_names_no_price_and_no_payment(house: House) -> None:
    state = await state_of(house)
    own_price = order_of("p", lines=(AskedLine(SKU, 1, Money(1, "CNY")),))
    own_payment = order_of(
        "p", lines=(AskedLine(SKU, 1),), payments=(AskedPayment("CASH", Money(76000, "CNY")),)
    )

    for ask, field in ((own_price, "lines.0.unitPrice"), (own_payment, "payments")):
        with pytest.raises(InvalidInput) as refusal:
            await orders.place_order(house(SHOPPER), ask)
        assert ".".join(refusal.value.field) == f"input.{field}"

    assert await state_of(house) == state
    trusted, _ = await orders.place_order(house(PARTNER), own_payment)
    assert trusted.status is OrderStatus.CONFIRMED


async def test_what_is_somebody_elses_is_not_there(house: House) -> None:
    held, _ = await reservations.reserve_stock(house(SHOPPER), asked("k"))
    order, _ = await orders.place_order(house(SHOPPER), order_of("p", lines=(AskedLine(SKU, 1),)))

    assert await reservations.reservation(house(OTHER), held.reservation.id) is None
    assert await orders.order_by_id(house(OTHER), order.id) is None
    assert (await orders.browse_orders(house(OTHER), OrderFilter(), 10, None)).nodes == []
    for attempt in (
        reservations.release_reservation(house(OTHER), "r", held.reservation.id),
        orders.place_order(house(OTHER), order_of("q", held.reservation.id)),
        orders.cancel_order(house(OTHER), "c", order.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(Forbidden):
        await orders.record_payment(
            house(SHOPPER), "pay", order.id, AskedPayment("CASH", order.total)
        )
    with pytest.raises(Forbidden):
        await reservations.reserve_stock(house(SHOPPER), asked("m", member_id="M-2"))
    with pytest.raises(Unauthenticated):
        await reservations.reserve_stock(house(NOBODY), asked("n"))


async def test_a_hold_of_an_order_is_not_released_or_extended_by_itself(house: House) -> None:
    order, _ = await orders.place_order(house(SHOPPER), order_of("p", lines=(AskedLine(SKU, 1),)))
    id = order.reservation_id or ""

    for attempt in (
        reservations.release_reservation(house(SHOPPER), "r", id),
        reservations.extend_reservation(house(SHOPPER), "x", id, 60),
        orders.place_order(house(SHOPPER), order_of("q", id)),
    ):
        with pytest.raises(ReservationNotHeld):
            await attempt


async def test_a_token_bound_to_a_channel_opens_no_more_than_its_own_orders(
    house: House,
) -> None:
    await orders.place_order(house(SHOPPER), order_of("p", lines=(AskedLine(SKU, 1),)))
    bound = principal_of(Role.SHOPPER, member="M-2", channels=("mini-program",))
    elsewhere = principal_of(Role.PARTNER, channels=("marketplace-a",))

    assert (await orders.browse_orders(house(bound), OrderFilter(), 10, None)).nodes == []
    assert (await orders.browse_orders(house(elsewhere), OrderFilter(), 10, None)).nodes == []
    assert len((await orders.browse_orders(house(PARTNER), OrderFilter(), 10, None)).nodes) == 1
    assert elsewhere.subject != PARTNER.subject


async def test_only_the_shops_own_people_sell_what_is_kept_for_whoever_stands_there(
    house: House,
) -> None:
    there = await house.on_hand(SKU, "ST-04")
    ask = ReserveStock("k", "store", (Line(SKU, there),), location="ST-04")

    with pytest.raises(InsufficientStock) as refusal:
        await reservations.reserve_stock(house(SHOPPER), ask)
    held, _ = await reservations.reserve_stock(house(MANAGER), ask)

    assert refusal.value.available == there - 1
    assert held.reservation.lines == (Line(SKU, there),)


async def test_a_hold_that_was_given_back_stays_so_when_the_clock_is_set_back(
    house: House,
) -> None:
    held, _ = await reservations.reserve_stock(house(SHOPPER), asked("k", 2, ttl_seconds=60))
    house.clock.turn(seconds=60)
    await reservations.reserve_stock(house(SHOPPER), asked("touches the stream"))
    house.clock.turn(seconds=-1)

    for attempt in (
        reservations.extend_reservation(house(SHOPPER), "x", held.reservation.id, 600),
        orders.place_order(house(SHOPPER), order_of("p", held.reservation.id)),
    ):
        with pytest.raises(ReservationExpired):
            await attempt


async def test_a_bundle_whose_recipe_changed_during_its_hold_is_pinned_anew(
    house: House,
) -> None:
    ask = ReserveStock("k", "mini-program", (Line(SET, 1),))
    held, _ = await reservations.reserve_stock(house(SHOPPER), ask)
    catalog = house.runtime.store.catalog
    variant = (await catalog.variants([SET]))[SET]
    product = (await catalog.products([variant.product]))[variant.product]
    other = (Component("BT-0001-30ML", 1), Component("BT-0002-30ML", 2))
    changed = replace(product, variants=(replace(variant, components=other),))
    await catalog.save_products([changed], house.clock())

    placed, _ = await orders.place_order(house(SHOPPER), order_of("p", held.reservation.id))
    payment = AskedPayment("WECHAT", placed.total)
    paid, _ = await orders.record_payment(house(PARTNER), "pay", placed.id, payment)
    await house.push()

    assert paid.status is OrderStatus.CONFIRMED
    sold = [(line.sku, line.quantity) for sale in await house.erp.sales() for line in sale.lines]
    units: dict[str, int] = {}
    for sku, quantity in sold:
        units[sku] = units.get(sku, 0) + quantity
    assert units == {"BT-0001-30ML": 1, "BT-0002-30ML": 2}


async def test_money_that_is_not_owed_is_refused(house: House) -> None:
    order, _ = await orders.place_order(house(SHOPPER), order_of("p", lines=(AskedLine(SKU, 1),)))

    for key, money in (
        ("more", Money(76001, "CNY")),
        ("nothing", Money(0, "CNY")),
        ("dollars", Money(76000, "USD")),
    ):
        with pytest.raises(InvalidInput):
            await orders.record_payment(house(PARTNER), key, order.id, AskedPayment("CASH", money))

    half = AskedPayment("CASH", Money(38000, "CNY"))
    first, _ = await orders.record_payment(house(PARTNER), "half", order.id, half)
    second, _ = await orders.record_payment(house(PARTNER), "rest", order.id, half)
    assert (first.status, second.status) == (OrderStatus.PENDING, OrderStatus.CONFIRMED)
    with pytest.raises(OrderNotOpen):
        await orders.record_payment(house(PARTNER), "again", order.id, half)
