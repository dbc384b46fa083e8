"""Who needs exactly one place's unit gets it if others' units can stand elsewhere; what is oversold
all the same is listed with whom it touches (S4). Over every embedded store.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.stores.memory.engine import open_memory
from connectors.stores.sqlite.engine import open_sqlite
from resolvers import orders, reservations, stock
from resolvers.domain.errors import (
    CallerLimitReached,
    Forbidden,
    InsufficientStock,
    InvalidInput,
)
from resolvers.domain.orders import OrderStatus
from resolvers.domain.reservation import Line, Status
from resolvers.domain.stock import Pin
from resolvers.domain.values import Money
from resolvers.oversells import browse_oversells, orders_touched, touched
from resolvers.placing import AskedLine, AskedPayment
from resolvers.reservations import Held, ReserveStock
from resolvers.terms import Terms
from tests.resolvers.asking import PICKUP, order_of
from tests.support import (
    CHANNEL,
    MANAGER,
    OPERATOR,
    OTHER_SHOPPER,
    PARTNER,
    SHOPPER,
    SKU,
    Shop,
    open_shop,
)

SHOP, WAREHOUSE, OTHER_SKU = "ST-01", "WH-01", "BT-0001-50ML"


@pytest.fixture(params=["memory", "sqlite"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """Five units in the warehouse, none in the shops; a shop keeps one for whoever stands there."""
    store = open_memory() if request.param == "memory" else open_sqlite(tmp_path / "store.db")
    shop = await open_shop(store, terms=replace(Terms(), live_units_max=6))
    await shop.stocked(SKU, WAREHOUSE, 5)
    yield shop
    await shop.close()


async def hold(shop: Shop, key: str, units: int, at: str | None = None, who=SHOPPER) -> Held:
    asked = ReserveStock(key, CHANNEL, (Line(SKU, units),), location=at)
    held, _ = await reservations.reserve_stock(shop.context(who), asked)
    return held


async def pins_of(shop: Shop, held: Held) -> list[tuple[str, int]]:
    now = await reservations.reservation(shop.context(OPERATOR), held.reservation.id)
    assert now is not None
    return [(pin.location, pin.quantity) for pin in now.pins]


async def test_units_that_nobody_wanted_there_move_for_who_needs_exactly_that_place(shop):
    first = await hold(shop, "first", 4)
    await shop.stocked(SKU, SHOP, 6)

    second = await hold(shop, "second", 5, WAREHOUSE, OTHER_SHOPPER)

    assert await pins_of(shop, first) == [(SHOP, 4)]
    assert await pins_of(shop, second) == [(WAREHOUSE, 5)]
    assert await shop.available(SKU) == 1


async def test_the_answer_to_who_made_room_has_its_own_units_only(shop):
    await hold(shop, "first", 4)
    await shop.stocked(SKU, SHOP, 6)

    second = await hold(shop, "second", 3, WAREHOUSE, OTHER_SHOPPER)

    [line] = second.lines
    assert [(pin.location, pin.quantity) for pin in line.pins] == [(WAREHOUSE, 3)]
    assert {pin.reservation for pin in second.pins} == {second.reservation.id}


async def test_an_order_that_makes_room_makes_nothing_firm_but_its_own(shop):
    await shop.stocked(SKU, WAREHOUSE, 0)
    await shop.stocked(SKU, SHOP, 6)
    first = await hold(shop, "first", 4)
    await shop.stocked(SKU, WAREHOUSE, 9)
    bought = order_of(
        "buy",
        delivery=PICKUP,
        lines=(AskedLine(SKU, 4),),
        payments=(AskedPayment("WECHAT", Money(4 * 76000, "CNY")),),
    )

    placed, _ = await orders.place_order(shop.context(PARTNER), bought)

    assert placed.status is OrderStatus.CONFIRMED
    held = await reservations.reservation(shop.context(OPERATOR), first.reservation.id)
    assert held is not None
    assert held.reservation.status is Status.HELD
    assert all(pin.tentative and pin.until == held.reservation.expires_at for pin in held.pins)
    assert sum(pin.quantity for pin in held.pins) == 4
    positions = (await shop.store.stock.streams([SKU], shop.clock()))[SKU].positions
    assert sum(position.hard for position in positions.values()) == 4
    assert positions[SHOP].hard == 4


async def test_what_others_need_exactly_there_stays(shop):
    await hold(shop, "first", 4, WAREHOUSE)
    await shop.stocked(SKU, SHOP, 6)

    with pytest.raises(InsufficientStock) as refused:
        await hold(shop, "second", 2, WAREHOUSE, OTHER_SHOPPER)

    assert refused.value.available == 1


async def test_only_units_that_nobody_wanted_there_make_room(shop):
    exact = await hold(shop, "first", 2, WAREHOUSE)
    loose = await hold(shop, "second", 2)
    await shop.stocked(SKU, SHOP, 6)

    with pytest.raises(InsufficientStock) as refused:
        await hold(shop, "third", 4, WAREHOUSE, OTHER_SHOPPER)
    await hold(shop, "fourth", 3, WAREHOUSE, OTHER_SHOPPER)

    assert refused.value.available == 3
    assert await pins_of(shop, exact) == [(WAREHOUSE, 2)]
    assert await pins_of(shop, loose) == [(SHOP, 2)]


async def test_units_move_no_further_than_another_place_has_room(shop):
    first = await hold(shop, "first", 4)
    await shop.stocked(SKU, SHOP, 3)  # one of them is kept for people in the shop

    with pytest.raises(InsufficientStock) as refused:
        await hold(shop, "second", 4, WAREHOUSE, OTHER_SHOPPER)

    assert refused.value.available == 3
    assert await pins_of(shop, first) == [(WAREHOUSE, 4)]


async def test_a_pickup_place_promises_what_it_could_give_once_others_have_moved(shop):
    await shop.stocked(SKU, WAREHOUSE, 0)
    await shop.stocked(SKU, SHOP, 6)
    await hold(shop, "first", 4)
    await shop.stocked(SKU, WAREHOUSE, 3)

    [promise] = await stock.availability(shop.context(), [SKU], CHANNEL)
    assert promise is not None
    places = await stock.pickup_places(shop.context(), promise, 20)

    assert [(at.location.code, at.available) for at in places] == [(SHOP, 4)]


async def test_a_hold_that_became_an_order_for_one_shop_stays_there(shop):
    await shop.stocked(SKU, WAREHOUSE, 0)
    await shop.stocked(SKU, SHOP, 6)
    held = await hold(shop, "first", 4)
    await orders.place_order(
        shop.context(SHOPPER), order_of("place", held.reservation.id, delivery=PICKUP)
    )
    await shop.stocked(SKU, WAREHOUSE, 9)

    with pytest.raises(InsufficientStock):
        await hold(shop, "second", 2, SHOP, OTHER_SHOPPER)

    assert await pins_of(shop, held) == [(SHOP, 4)]


async def test_a_count_that_finds_less_moves_promises_to_where_stock_stands(shop):
    held = await hold(shop, "first", 4)
    await shop.stocked(SKU, SHOP, 6)

    await shop.stocked(SKU, WAREHOUSE, 1)

    assert await pins_of(shop, held) == [(SHOP, 3), (WAREHOUSE, 1)]
    assert (await browse_oversells(shop.context(OPERATOR), 10, None)).nodes == []


async def test_a_place_is_freed_of_what_it_keeps_for_people_in_the_shop_as_well(shop):
    await shop.stocked(SKU, WAREHOUSE, 0)
    await shop.stocked(SKU, SHOP, 6)
    first = await hold(shop, "first", 5)
    await shop.stocked(SKU, SHOP, 5)
    await shop.stocked(SKU, WAREHOUSE, 9)

    second = await hold(shop, "second", 1, SHOP, OTHER_SHOPPER)

    assert await pins_of(shop, first) == [(SHOP, 3), (WAREHOUSE, 2)]
    assert await pins_of(shop, second) == [(SHOP, 1)]


async def test_units_that_come_take_over_what_another_place_owes(shop):
    await shop.stocked(SKU, WAREHOUSE, 0)
    await shop.stocked(SKU, SHOP, 6)
    held = await hold(shop, "first", 5)
    await shop.stocked(SKU, SHOP, 3)
    [owing] = (await browse_oversells(shop.context(OPERATOR), 10, None)).nodes

    await shop.stocked(SKU, WAREHOUSE, 9)

    assert (owing.level.location.code, owing.missing) == (SHOP, 2)
    assert await pins_of(shop, held) == [(SHOP, 3), (WAREHOUSE, 2)]
    assert (await browse_oversells(shop.context(OPERATOR), 10, None)).nodes == []


async def test_what_cannot_move_is_listed_with_whom_it_touches(shop):
    held = await hold(shop, "first", 4)
    await shop.stocked(SKU, WAREHOUSE, 1)
    placed, _ = await orders.place_order(
        shop.context(SHOPPER), order_of("place", held.reservation.id)
    )

    page = await browse_oversells(shop.context(OPERATOR), 10, None)

    [found] = page.nodes
    assert (found.level.location.code, found.missing) == (WAREHOUSE, 3)
    [reservation] = await touched(shop.context(OPERATOR), found)
    assert reservation.reservation.id == held.reservation.id
    assert [order.id for order in await orders_touched(shop.context(OPERATOR), found)] == [
        placed.id
    ]
    shop.clock.advance(days=1)  # nobody has paid: the promise has ended by itself
    assert (await browse_oversells(shop.context(OPERATOR), 10, None)).nodes == []


async def test_shop_staff_see_what_their_own_shop_owes(shop):
    await hold(shop, "first", 4)
    await shop.stocked(SKU, WAREHOUSE, 1)

    assert (await browse_oversells(shop.context(MANAGER), 10, None)).nodes == []
    with pytest.raises(Forbidden):
        await browse_oversells(shop.context(SHOPPER), 10, None)


async def test_some_lines_are_given_back_and_the_hold_lives_on(shop):
    held = await hold(shop, "first", 4)
    ctx, id = shop.context(SHOPPER), held.reservation.id

    after, replayed = await reservations.release_reservation(ctx, "part", id, (Line(SKU, 3),))
    again, told_again = await reservations.release_reservation(ctx, "part", id, (Line(SKU, 3),))

    assert (after.reservation.status, after.reservation.lines) == (Status.HELD, (Line(SKU, 1),))
    assert (replayed, told_again) == (False, True)
    assert again.reservation == after.reservation
    assert [(pin.location, pin.quantity) for pin in after.pins] == [(WAREHOUSE, 1)]
    assert await shop.available(SKU) == 4


async def test_lines_that_stay_whole_are_shown_with_their_units_when_others_are_given_back(shop):
    await shop.stocked(OTHER_SKU, WAREHOUSE, 2)
    asked = ReserveStock("both", CHANNEL, (Line(SKU, 2), Line(OTHER_SKU, 2)))
    held, _ = await reservations.reserve_stock(shop.context(SHOPPER), asked)

    after, _ = await reservations.release_reservation(
        shop.context(SHOPPER), "part", held.reservation.id, (Line(SKU, 1),)
    )

    assert [(line.sku, [pin.quantity for pin in line.pins]) for line in after.lines] == [
        (SKU, [1]),
        (OTHER_SKU, [2]),
    ]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (Line(SKU, 5), ("input", "lines", "0", "quantity")),
        (Line(SKU, 0), ("input", "lines", "0", "quantity")),
        (Line("NOBODY", 1), ("input", "lines", "0", "sku")),
    ],
)
async def test_more_than_a_hold_has_is_not_given_back(shop, line, field):
    held = await hold(shop, "first", 4)

    with pytest.raises(InvalidInput) as refused:
        await reservations.release_reservation(
            shop.context(SHOPPER), "part", held.reservation.id, (line,)
        )

    assert refused.value.field == field
    assert await shop.available(SKU) == 1


async def test_giving_every_line_back_releases_the_hold(shop):
    held = await hold(shop, "first", 4)

    after, _ = await reservations.release_reservation(
        shop.context(SHOPPER), "all", held.reservation.id, (Line(SKU, 4),)
    )

    assert (after.reservation.status, after.pins) == (Status.RELEASED, ())
    assert await shop.available(SKU) == 5


async def test_one_shopper_has_no_more_units_live_than_it_may(shop):
    await shop.stocked(SKU, WAREHOUSE, 50)
    await hold(shop, "first", 4)

    with pytest.raises(CallerLimitReached) as refused:
        await hold(shop, "second", 3)

    assert refused.value.left == 2
    await hold(shop, "third", 2)
    await hold(shop, "others", 6, who=OTHER_SHOPPER)
    await hold(shop, "staff", 20, who=OPERATOR)
    shop.clock.advance(minutes=15)  # the instant at which the first two end
    await hold(shop, "fourth", 6)


async def test_units_that_were_ordered_count_until_the_order_is_called_off(shop):
    await shop.stocked(SKU, WAREHOUSE, 50)
    held = await hold(shop, "first", 6)
    placed, _ = await orders.place_order(
        shop.context(SHOPPER), order_of("place", held.reservation.id)
    )
    assert placed.status is OrderStatus.PENDING
    with pytest.raises(CallerLimitReached):
        await hold(shop, "second", 1)

    paid, _ = await orders.record_payment(
        shop.context(PARTNER), "pay", placed.id, AskedPayment("CARD", placed.total)
    )
    assert paid.status is OrderStatus.CONFIRMED
    with pytest.raises(CallerLimitReached):
        await hold(shop, "again", 1)

    await orders.cancel_order(shop.context(SHOPPER), "cancel", placed.id)
    await hold(shop, "third", 6)


async def test_who_was_promised_most_of_a_place_is_found_past_a_hundred_pins(shop):
    await shop.stocked(SKU, WAREHOUSE, 300)
    for at in range(120):
        await hold(shop, f"key-{at:03}", 1, who=OPERATOR)

    pins = await shop.store.stock.pins(SKU, WAREHOUSE, None, 100)
    rest = await shop.store.stock.pins(SKU, WAREHOUSE, pins[-1].reservation, 100)

    assert (len(pins), len(rest)) == (100, 20)
    assert all(isinstance(pin, Pin) for pin in (*pins, *rest))
    assert pins[-1].reservation < rest[0].reservation
