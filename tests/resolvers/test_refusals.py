"""What a buyer may not do, and that nothing has changed after it (S4, O7, G6)."""

from dataclasses import replace

import pytest

from gateway.tokens import principal_of
from resolvers import orders, reservations
from resolvers.access import NOBODY, Role
from resolvers.domain.catalog import Component
from resolvers.domain.errors import (
    Forbidden,
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
from resolvers.domain.orders import OrderStatus
from resolvers.domain.reservation import Line
from resolvers.domain.values import Money
from resolvers.filters import OrderFilter
from resolvers.placing import AskedLine, AskedPayment, PlaceOrder
from resolvers.reservations import ReserveStock
from tests.resolvers.asking import PICKUP, SET, SHIP, SKU, asked, order_of, state_of
from tests.resolvers.conftest import MANAGER, OTHER, PARTNER, SHOPPER, House


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
        (asked("k", location="WH-01", method=Method.PICKUP), NoEligibleLocation, "locationCode"),
        (
            ReserveStock("k", "live-stream", (Line(SKU, 1),), method=Method.TAKEAWAY),
            NoEligibleLocation,
            "method",
        ),
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
    there = await house.on_hand(SKU, "ST-01")
    ask = ReserveStock("k", "store", (Line(SKU, there),), location="ST-01")
    colleague = principal_of(Role.MANAGER, locations=("ST-02",))

    for stranger in (SHOPPER, colleague, principal_of(Role.PARTNER)):
        with pytest.raises(InsufficientStock) as refusal:
            await reservations.reserve_stock(house(stranger), ask)
    held, _ = await reservations.reserve_stock(house(MANAGER), ask)

    assert refusal.value.available == there - 1
    assert held.reservation.lines == (Line(SKU, there),)


async def test_people_of_a_shop_see_pay_and_cancel_what_is_their_shops(house: House) -> None:
    here, _ = await orders.place_order(
        house(SHOPPER), order_of("h", delivery=PICKUP, lines=(AskedLine(SKU, 1),))
    )
    there, _ = await orders.place_order(house(SHOPPER), order_of("t", lines=(AskedLine(SKU, 1),)))
    payment = AskedPayment("CASH", here.total)

    page = await orders.browse_orders(house(MANAGER), OrderFilter(), 10, None)
    assert [order.id for order in page.nodes] == [here.id]
    assert await orders.order_by_id(house(MANAGER), there.id) is None
    for attempt in (
        orders.record_payment(house(MANAGER), "p", there.id, payment),
        orders.cancel_order(house(MANAGER), "c", there.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    paid, _ = await orders.record_payment(house(MANAGER), "ok", here.id, payment)
    assert paid.status is OrderStatus.CONFIRMED


@pytest.mark.parametrize(
    ("channel", "origin"), [("marketplace-a", "ST-01"), ("store", "ST-02"), ("store", None)]
)
async def test_people_of_a_shop_name_prices_for_its_own_sales_only(
    house: House, channel: str, origin: str | None
) -> None:
    ask = PlaceOrder(
        "p",
        channel,
        SHIP,
        lines=(AskedLine(SKU, 1, Money(1, "CNY")),),
        payments=(AskedPayment("CASH", Money(1, "CNY")),),
        origin_location=origin,
    )

    with pytest.raises(Refused):
        await orders.place_order(house(MANAGER), ask)

    sold = replace(ask, channel="store", origin_location="ST-01")
    order, _ = await orders.place_order(house(MANAGER), sold)
    assert order.status is OrderStatus.CONFIRMED


async def test_a_hold_that_was_given_back_stays_so_when_the_clock_is_set_back(
    house: House,
) -> None:
    both = (Line(SKU, 2), Line("BT-0002-30ML", 1))
    ask = ReserveStock("k", "mini-program", both, ttl_seconds=1800)
    held, _ = await reservations.reserve_stock(house(SHOPPER), ask)
    unpaid, _ = await orders.place_order(
        house(SHOPPER),
        order_of("u", lines=tuple(AskedLine(line.sku, line.quantity) for line in both)),
    )
    house.clock.turn(seconds=1800)
    await reservations.reserve_stock(house(SHOPPER), asked("touches one of the two streams"))
    house.clock.turn(seconds=-1)

    payment = AskedPayment("WECHAT", unpaid.total)
    with pytest.raises(OrderNotOpen):
        await orders.record_payment(house(PARTNER), "pay", unpaid.id, payment)
    for attempt in (
        reservations.extend_reservation(house(SHOPPER), "x", held.reservation.id, 600),
        orders.place_order(house(SHOPPER), order_of("p", held.reservation.id)),
    ):
        with pytest.raises(ReservationExpired):
            await attempt


async def test_each_line_of_an_order_is_blamed_where_it_stood(house: House) -> None:
    unknown = order_of("u", lines=(AskedLine(SKU, 1), AskedLine(SKU, 1), AskedLine("NO-SUCH", 1)))
    negative = order_of("n", lines=(AskedLine(SKU, 0), AskedLine(SKU, -1)))

    with pytest.raises(NotFound) as missing:
        await orders.place_order(house(SHOPPER), unknown)
    with pytest.raises(Several) as several:
        await orders.place_order(house(SHOPPER), negative)

    assert missing.value.field == ("input", "lines", "2", "sku")
    assert [error.field[2] for error in several.value.refusals] == ["0", "1"]


async def test_what_nobody_can_deliver_to_and_what_names_nothing_is_refused(
    house: House,
) -> None:
    assert SHIP.address is not None
    nowhere = replace(SHIP, address=replace(SHIP.address, street=" ", country_code="C" * 201))
    order, _ = await orders.place_order(house(SHOPPER), order_of("p", lines=(AskedLine(SKU, 1),)))

    with pytest.raises(Several) as several:
        await orders.place_order(
            house(SHOPPER), order_of("q", lines=(AskedLine(SKU, 1),), delivery=nowhere)
        )
    with pytest.raises(InvalidInput):
        await orders.cancel_order(house(SHOPPER), "c", order.id, [])
    many = OrderFilter(channels=("mini-program",) * 101)
    with pytest.raises(InvalidInput):
        await orders.browse_orders(house(PARTNER), many, 10, None)

    assert [error.field[-1] for error in several.value.refusals] == ["countryCode", "street"]


async def test_a_replay_by_a_token_that_may_see_less_finds_nothing(house: House) -> None:
    held, _ = await reservations.reserve_stock(house(SHOPPER), asked("k"))
    await reservations.release_reservation(house(SHOPPER), "r", held.reservation.id)
    narrow = principal_of(Role.SHOPPER, member="M-1", channels=("store",))

    with pytest.raises(NotFound):
        await reservations.release_reservation(house(narrow), "r", held.reservation.id)


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
