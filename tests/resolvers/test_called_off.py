"""A sale of ours that its backend's people have called off frees what it held (O6)."""

from dataclasses import replace

import pytest

from resolvers import orders
from resolvers.domain.called_off import SALE_CALLED_OFF
from resolvers.domain.catalog import Provenance
from resolvers.domain.orders import Order, OrderStatus
from resolvers.domain.outbox import WriteAction
from resolvers.taking import take_orders
from tests.resolvers.asking import SKU, paid_order, state_of
from tests.resolvers.conftest import ADMIN, PARTNER, House


def back(house: House, order: Order, **more: object) -> Order:
    """The order's sale as the ERP tells it, canceled."""
    [(location, reference), *_] = order.sales
    told = replace(
        order,
        id="erp-sale-1",
        number=reference,
        status=OrderStatus.CANCELED,
        system="erp",
        origin_location=location,
        external=(Provenance("erp", "sale:1", house.clock()),),
    )
    return replace(told, **more)  # type: ignore[arg-type]


async def tell(house: House, *told: Order) -> None:
    await take_orders(house(ADMIN), house.runtime.backends["erp"], told)


async def now(house: House, order: Order) -> Order:
    found = await orders.order_by_id(house(ADMIN), order.id)
    assert found is not None
    return found


async def test_the_order_is_canceled_and_its_units_are_free_and_nobody_is_told(
    house: House,
) -> None:
    before = await house.promised(SKU)
    order = await paid_order(house, "k", 2)
    await house.push()
    assert await house.promised(SKU) == before - 2

    await tell(house, back(house, order))

    after = await now(house, order)
    writes = (await house.runtime.store.outbox.writes_of([order.id]))[order.id]
    assert after.status is OrderStatus.CANCELED
    assert (after.history[-1].by, after.history[-1].kind) == ("erp", "CANCELED")
    assert await house.promised(SKU) == before
    assert [write.action for write in writes] == [WriteAction.PLACE_SALE]


async def test_hearing_it_again_changes_nothing(house: House) -> None:
    order = await paid_order(house, "k")
    await house.push()
    await tell(house, back(house, order))
    there = await state_of(house)

    await tell(house, back(house, order), back(house, order))

    assert await state_of(house) == there


@pytest.mark.parametrize(
    "more",
    [{"origin_location": "ST-09"}, {"origin_location": None}, {"status": OrderStatus.CONFIRMED}],
    ids=["another place", "no place", "not called off"],
)
async def test_what_is_not_its_sale_called_off_changes_nothing(
    house: House, more: dict[str, object]
) -> None:
    order = await paid_order(house, "k")
    await house.push()
    there = await state_of(house)

    await tell(house, back(house, order, **more))

    assert (await now(house, order)).status is OrderStatus.CONFIRMED
    assert await state_of(house) == there


async def test_what_we_have_called_off_ourselves_is_known(house: House) -> None:
    order = await paid_order(house, "k")
    await house.push()
    await orders.cancel_order(house(PARTNER), "off", order.id)
    await house.push()
    there = await state_of(house)

    await tell(house, back(house, order))

    assert await state_of(house) == there


async def test_of_an_order_from_several_places_only_its_history_says_so_once(house: House) -> None:
    stocked = await house.on_hand(SKU, "WH-01") if await house.sync() else 0
    order = await paid_order(house, "k", stocked + 1)
    await house.push()
    assert len(order.sales) > 1
    promised = await house.promised(SKU)

    await tell(house, back(house, order))
    await tell(house, back(house, order))

    after = await now(house, order)
    assert after.status is OrderStatus.CONFIRMED
    assert [event.note for event in after.history if event.kind == SALE_CALLED_OFF] == [
        order.sales[0][0]
    ]
    assert await house.promised(SKU) == promised
