"""The same key again, over every store: after its hold's end, after others took the units, after
old entries were folded; and as soon as it is forgotten it is as good as new (G5, S4).
"""

import pytest

from resolvers import orders, reservations
from resolvers.domain.errors import IdempotencyKeyReused
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery, OrderStatus
from resolvers.domain.reservation import Line, Status
from resolvers.placing import PlaceOrder
from resolvers.ports import Store
from resolvers.reservations import Held, ReserveStock
from resolvers.upkeep import KEYS_KEPT, check, compact
from tests.support import CHANNEL, OPERATOR, SKU, Shop, open_shop


@pytest.fixture
async def house(store: Store) -> Shop:
    """A shop with three units of one SKU."""
    shop = await open_shop(store)
    await shop.stocked(SKU, "WH-01", 3)
    return shop


async def held(house: Shop, key: str, units: int) -> tuple[Held, bool]:
    asked = ReserveStock(key, CHANNEL, (Line(SKU, units),), ttl_seconds=60)
    return await reservations.reserve_stock(house.context(OPERATOR), asked)


async def live(house: Shop) -> int:
    """Units that are promised now, by the ledger and by what is left of three."""
    await reservations.expire_due(house.context(OPERATOR), 100)
    assert [finding async for step in check(house.store) for finding in step.findings] == []
    position = (await house.store.stock.streams([SKU], house.clock()))[SKU].position("WH-01")
    assert await house.available(SKU) == 3 - position.soft
    return position.soft


async def fold(house: Shop) -> int:
    before = house.clock() - KEYS_KEPT
    return sum([step.entries async for step in compact(house.store, before, house.clock())])


async def test_after_its_hold_has_expired_a_key_answers_with_that_hold_and_holds_nothing(house):
    first, _ = await held(house, "key", 2)
    house.clock.advance(seconds=60)

    again, replayed = await held(house, "key", 2)

    assert (again.reservation.id, again.reservation.status) == (
        first.reservation.id,
        Status.EXPIRED,
    )
    assert (replayed, again.pins, await live(house)) == (True, (), 0)
    with pytest.raises(IdempotencyKeyReused):
        await held(house, "key", 1)
    assert await live(house) == 0


async def test_after_others_took_the_units_of_an_expired_hold_its_key_takes_none_of_them(house):
    first, _ = await held(house, "key", 3)
    house.clock.advance(seconds=60)
    other, _ = await held(house, "other", 3)

    again, replayed = await held(house, "key", 3)

    assert (again.reservation.id, replayed, again.pins) == (first.reservation.id, True, ())
    found = await reservations.reservation(house.context(OPERATOR), other.reservation.id)
    assert found is not None
    assert (found.reservation.status, await live(house)) == (Status.HELD, 3)


async def test_a_hold_and_its_order_answer_to_their_keys_after_old_entries_are_folded(house):
    first, _ = await held(house, "key", 2)
    ctx = house.context(OPERATOR)
    asked = PlaceOrder("key", CHANNEL, Delivery(Method.SHIP), reservation_id=first.reservation.id)
    order, _ = await orders.place_order(ctx, asked)
    await orders.cancel_order(ctx, "key", order.id)
    given_back, _ = await held(house, "other", 1)
    await reservations.release_reservation(ctx, "key", given_back.reservation.id)
    house.clock.advance(hours=49)
    assert await fold(house) > 0
    assert await house.store.stock.entries(SKU) == []

    again = [
        (await held(house, "key", 2))[0].reservation.id,
        (await held(house, "other", 1))[0].reservation.id,
    ]
    released, replayed = await reservations.release_reservation(
        house.context(OPERATOR), "key", given_back.reservation.id
    )
    placed, placed_before = await orders.place_order(house.context(OPERATOR), asked)

    assert again == [first.reservation.id, given_back.reservation.id]
    assert (released.reservation.status, replayed) == (Status.RELEASED, True)
    assert (placed.id, placed.status, placed_before) == (order.id, OrderStatus.CANCELED, True)
    assert await house.store.stock.entries(SKU) == []
    assert await live(house) == 0


async def test_a_key_that_was_forgotten_past_its_days_is_as_good_as_new(house):
    first, _ = await held(house, "key", 2)
    house.clock.advance(hours=47)
    await fold(house)
    await house.store.house.trim(house.clock() - KEYS_KEPT, 100, 100)
    assert (await held(house, "key", 2))[1] is True

    house.clock.advance(hours=2)
    await house.store.house.trim(house.clock() - KEYS_KEPT, 100, 100)
    await fold(house)
    again, replayed = await held(house, "key", 2)

    assert (again.reservation.id != first.reservation.id, replayed) == (True, False)
    assert await live(house) == 2
