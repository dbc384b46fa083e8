"""Tickets of several shops: their channels, goods that come back, several ways to pay (O1, O5)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from connectors.erp.tryton_orders_translate import RETURNED_GOODS, OrderTerms, translate_ticket
from connectors.erp.tryton_tills import Tills, read
from connectors.options import BadOption
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.orders import Order, OrderStatus, Payment
from resolvers.domain.values import Money, utc

AT = utc(2026, 11, 25, 2)
WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")
STORE = Channel("store", "Shops", ChannelKind.IN_STORE, "CNY")
NORTH = Channel("north", "North", ChannelKind.IN_STORE, "CNY", ("BJ01",))
SOUTH = Channel("south", "South", ChannelKind.IN_STORE, "CNY", ("GZ01", "SH01"))
CHANNELS = (WEB, STORE, NORTH, SOUTH)


def yuan(amount: int) -> Money:
    return Money(amount * 100, "CNY")


def ticket(
    lines: Sequence[tuple[str, float, int]],
    payments: Sequence[tuple[str, int]],
    *,
    shop: str | None = "SH01",
    tills: Tills | None = None,
    **more: object,
) -> Order | None:
    row = {
        "id": 9,
        "number": "SH01-000009",
        "state": "posted",
        "currency.": {"id": 1, "code": "CNY"},
        "point.": {"storage_location.": {"warehouse.": shop and {"id": 10, "code": shop}}},
        "create_date": AT,
        "last_modified_at": AT,
        **more,
    }
    sold = [_line(at, *line) for at, line in enumerate(lines, start=1)]
    paid = [{"sale": 9, "method.": {"name": name}, "amount": Decimal(of)} for name, of in payments]
    return translate_ticket(row, sold, paid, OrderTerms("erp", WEB, tills or Tills({}, STORE)))


def _line(id: int, sku: str, quantity: float, price: int) -> Mapping[str, Any]:
    goods = {"id": 1, "code": sku, "name": sku, "description": None}
    line = {"id": id, "sale": 9, "product.": goods, "quantity": quantity}
    return {**line, "unit_gross_price": Decimal(price)}


# ---- channels ---------------------------------------------------------------------------------


def test_the_option_is_heeded_before_the_channels_own_places_and_those_before_the_first():
    tills = read({"till_channels": "SH01=north, SH02 = south"}, CHANNELS)

    shops = ("SH01", "SH02", "BJ01", "GZ01", "XX01")
    assert [at.code for shop in shops if (at := tills.channel_of(shop))] == [
        "north",
        "south",
        "north",
        "south",
        "store",
    ]


def test_without_a_channel_for_shops_there_are_no_tickets():
    assert read({}, (WEB,)).channel_of("SH01") is None


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("SH01", "'SH01'"),
        ("SH01=web", "'SH01=web'"),
        ("SH01=nowhere", "'SH01=nowhere'"),
        ("=store", "'=store'"),
        ("SH01=store,SH01=north", "'SH01=north'"),
    ],
)
def test_a_pair_that_cannot_be_meant_is_named(told, found):
    with pytest.raises(BadOption) as refusal:
        read({"till_channels": told}, CHANNELS)

    assert (refusal.value.option, refusal.value.found) == ("till_channels", found)


def test_a_ticket_is_of_the_channel_and_the_place_of_its_shop():
    tills = read({}, CHANNELS)

    told = [
        ticket([("A", 1, 89)], [("Cash", 89)], shop=shop, tills=tills) for shop in ("BJ01", "GZ01")
    ]

    assert [(at.channel, at.origin_location) for at in told if at is not None] == [
        ("north", "BJ01"),
        ("south", "GZ01"),
    ]


def test_a_till_whose_goods_lie_in_no_warehouse_has_no_orders():
    assert ticket([("A", 1, 89)], [("Cash", 89)], shop=None) is None


# ---- lines and payments -----------------------------------------------------------------------


def test_lines_of_the_same_sku_stay_apart_and_payments_are_summed_by_method():
    order = ticket(
        [("A", 1, 89), ("A", 2, 80)],
        [("Cash", 60), ("WeChat Pay", 149), ("Cash", 60), ("Cash", -20)],
    )

    assert order is not None
    assert [(line.id, line.sku, line.quantity) for line in order.lines] == [
        ("9.1", "A", 1),
        ("9.2", "A", 2),
    ]
    assert order.payments == (Payment("Cash", yuan(100), AT), Payment("WeChat Pay", yuan(149), AT))
    assert order.total == order.paid == yuan(249)


def test_goods_that_come_back_are_returned_units_and_nothing_sold():
    order = ticket([("A", -2, 89)], [("Cash", -178)])

    assert order is not None
    assert order.status is OrderStatus.RETURNED
    [line] = order.lines
    assert (line.quantity, line.fulfilled, line.returned) == (0, 0, 2)
    assert (line.unit_price, order.total, order.payments) == (yuan(89), yuan(0), ())
    assert (order.origin_location, order.delivery) == ("SH01", None)


@pytest.mark.parametrize(
    ("bought", "paid", "in_goods"),
    [
        (199, [("WeChat Pay", 110)], 89),
        (89, [], 89),
        (49, [("Cash", -40)], 49),
    ],
    ids=["dearer", "the same", "cheaper"],
)
def test_an_exchange_is_paid_by_what_came_back_as_far_as_that_goes(bought, paid, in_goods):
    order = ticket([("A", -1, 89), ("B", 1, bought)], paid)

    assert order is not None
    assert order.status is OrderStatus.FULFILLED
    assert [(line.sku, line.quantity, line.returned) for line in order.lines] == [
        ("A", 0, 1),
        ("B", 1, 0),
    ]
    assert order.payments[-1] == Payment(RETURNED_GOODS, yuan(in_goods), AT)
    assert order.total == order.paid == yuan(bought)


def test_a_ticket_that_was_called_off_is_canceled_and_one_without_a_number_is_none():
    canceled = ticket([("A", 1, 89)], [], state="cancelled")

    assert canceled is not None
    assert canceled.status is OrderStatus.CANCELED
    assert ticket([("A", 1, 89)], [], state="cancelled", number=None) is None
