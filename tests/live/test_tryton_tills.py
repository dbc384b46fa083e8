"""Tickets of several shops' tills at a real Tryton, as orders and in the numbers."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from connectors.erp.tryton_orders_translate import RETURNED_GOODS
from resolvers.backend_ports import Level
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.orders import OrderStatus
from resolvers.domain.values import Money
from tests.live.tryton.door import Erp
from tests.live.tryton.house import RunningTryton
from tests.live.tryton.rpc import Witness, today

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(900)]  # the first run installs Tryton

CHANNELS = (
    Channel("web", "Web", ChannelKind.ONLINE, "CNY"),
    Channel("shanghai", "Shanghai", ChannelKind.IN_STORE, "CNY"),
    Channel("beijing", "Beijing", ChannelKind.IN_STORE, "CNY", ("BJ01",)),
    Channel("pudong", "Pudong", ChannelKind.IN_STORE, "CNY"),
)
SKU, OTHER = "LG0206-01", "LG0207-01"
CASH, WECHAT = "现金 Cash", "微信支付 WeChat Pay"


@pytest.fixture
async def erp(own_tryton: RunningTryton) -> AsyncIterator[Erp]:
    door = Erp(own_tryton, channels=CHANNELS, options={"till_channels": "SH02=pudong"})
    yield door
    await door.close()


@pytest.fixture(scope="module")
def till(own_tryton: RunningTryton) -> Witness:
    return own_tryton.witness("shop")


def ring_up(
    till: Witness,
    shop: str,
    lines: Sequence[tuple[str, float, int]],
    paid: Sequence[tuple[str, int]],
) -> tuple[int, str]:
    """Somebody sells, takes back and is paid at a till; the ticket's id and number."""
    point = till.only("sale.point", [["storage_location.parent.code", "=", shop]])["id"]
    sold = [
        {
            "product": till.only("product.product", [["code", "=", sku]])["id"],
            "quantity": quantity,
            "unit_list_price": Decimal(price),
            "unit_gross_price": Decimal(price),
        }
        for sku, quantity, price in lines
    ]
    methods = {
        row["name"]: row["id"]
        for row in till.search_read("sale.point.payment.method", [], ["name"])
    }
    payments = [{"method": methods[name], "amount": Decimal(amount)} for name, amount in paid]
    ticket = till.add(
        "sale.point.sale",
        point=point,
        date=today(),
        lines=[["create", sold]],
        payments=[["create", payments]],
    )
    till.call("sale.point.sale", "process", [ticket])
    row = till.only("sale.point.sale", [["id", "=", ticket]], "number", "state")
    assert row["state"] == "done"
    return ticket, row["number"]


async def test_tickets_of_three_shops_are_of_their_own_channels_and_places(erp, till):
    _, cursor = await erp.orders()
    numbers = {
        shop: ring_up(till, shop, [(SKU, 1.0, 100)], [(CASH, 100)])[1]
        for shop in ("SH01", "SH02", "BJ01")
    }

    orders, _ = await erp.orders(cursor)

    told = {shop: orders[number] for shop, number in numbers.items()}
    assert {shop: order.channel for shop, order in told.items()} == {
        "SH01": "shanghai",
        "SH02": "pudong",
        "BJ01": "beijing",
    }
    assert {shop: order.origin_location for shop, order in told.items()} == {
        shop: shop for shop in numbers
    }


async def test_a_ticket_of_one_sku_twice_that_was_paid_in_two_ways(erp, till):
    _, cursor = await erp.orders()
    lines = [(SKU, 1.0, 100), (SKU, 2.0, 90)]
    _, number = ring_up(till, "SH01", lines, [(CASH, 80), (WECHAT, 200)])

    orders, _ = await erp.orders(cursor)

    order = orders[number]
    assert [(line.sku, line.quantity) for line in order.lines] == [(SKU, 1), (SKU, 2)]
    assert {paid.method: paid.amount for paid in order.payments} == {
        CASH: Money(8_000, "CNY"),
        WECHAT: Money(20_000, "CNY"),
    }
    assert order.total == order.paid == Money(28_000, "CNY")


async def test_what_comes_back_at_a_till_is_returned_and_lies_there_once_it_is_posted(
    erp, till, witness
):
    witness.count_stock("SH02", SKU, 4)
    before = await erp.level("SH02", SKU)
    _, cursor = await erp.orders()

    ticket, number = ring_up(till, "SH02", [(SKU, -1.0, 100)], [(CASH, -100)])
    orders, cursor = await erp.orders(cursor)
    paid = await erp.level("SH02", SKU)
    till.call("sale.point.sale", "post", [ticket])
    posted = await erp.level("SH02", SKU)
    again, _ = await erp.orders(cursor)

    order = orders[number]
    assert (order.status, order.channel) == (OrderStatus.RETURNED, "pudong")
    assert [(line.quantity, line.returned) for line in order.lines] == [(0, 1)]
    assert (paid, posted) == (before, Level(5, before.elsewhere))
    assert again[number].status is OrderStatus.RETURNED


async def test_an_exchange_at_a_till_is_paid_by_what_came_back(erp, till):
    _, cursor = await erp.orders()
    _, number = ring_up(till, "SH01", [(SKU, -1.0, 100), (OTHER, 1.0, 130)], [(WECHAT, 30)])

    orders, _ = await erp.orders(cursor)

    order = orders[number]
    assert order.status is OrderStatus.FULFILLED
    assert [(paid.method, paid.amount) for paid in order.payments] == [
        (WECHAT, Money(3_000, "CNY")),
        (RETURNED_GOODS, Money(10_000, "CNY")),
    ]
    assert order.total == order.paid == Money(13_000, "CNY")


async def test_a_ticket_that_is_called_off_before_it_is_paid_was_never_an_order(erp, till):
    """Tryton cancels no ticket that was paid; one that was not has no number and no goods."""
    _, cursor = await erp.orders()
    before = await erp.level("SH01", OTHER)
    point = till.only("sale.point", [["storage_location.parent.code", "=", "SH01"]])["id"]
    product = till.only("product.product", [["code", "=", OTHER]])["id"]
    price = {"unit_list_price": Decimal(130), "unit_gross_price": Decimal(130)}
    line = {"product": product, "quantity": 1.0, **price}
    ticket = till.add("sale.point.sale", point=point, date=today(), lines=[["create", [line]]])

    till.call("sale.point.sale", "cancel", [ticket])
    orders, _ = await erp.orders(cursor)

    assert f"erp-ticket-{ticket}" not in {order.id for order in orders.values()}
    assert await erp.level("SH01", OTHER) == before
