"""Orders of a Shopify shop and its tills, and its people."""

from datetime import timedelta
from typing import Any

import pytest

from resolvers.backend_ports import Backend
from resolvers.domain.catalog import Provenance
from resolvers.domain.locations import Method
from resolvers.domain.members import Consent, IdentityKind, Member, member_id
from resolvers.domain.orders import Order, OrderStatus, Payment
from resolvers.domain.values import Money
from tests.shopify.standin import ShopifyStandin
from tests.shopify.standin_shop import TILL
from tests.support import NOON


async def ordered(backend: Backend, cursor: str = "") -> tuple[list[Order], str]:
    assert backend.order_source is not None
    found: list[Order] = []
    async for page, after in backend.order_source.orders(cursor):
        found += page
        cursor = after
    return found, cursor


async def known(backend: Backend, cursor: str = "") -> tuple[list[Member], str]:
    assert backend.members is not None
    found: list[Member] = []
    async for page in backend.members.members(cursor):
        found += page.items
        cursor = page.cursor
    return found, cursor


# ---- orders -----------------------------------------------------------------------------------


async def test_an_order_is_read_with_its_exact_money_and_its_buyer(
    shop: ShopifyStandin, backend: Backend
) -> None:
    buyer = shop.person("Lin", "lin@example.test", None)
    payment = {
        "id": "gid://shopify/OrderTransaction/1",
        "kind": "SALE",
        "status": "SUCCESS",
        "createdAt": "2026-03-02T12:00:00Z",
        "formattedGateway": "Alipay",
        "amountSet": shop.bag("251.00"),
    }
    refund = {**payment, "kind": "REFUND"}
    address = {"name": "Lin", "phone": "13800138000", "countryCodeV2": "CN", "province": "Zhejiang"}
    address |= {"city": "Hangzhou", "address1": "1 West Lake", "address2": "", "zip": "310000"}
    id = shop.order(
        {"sku": "BT-1", "units": 2, "price": "128.00"},
        {"sku": None, "units": 1, "price": "5.00"},
        total="251.00",
        totalShippingPriceSet=shop.bag("10.00"),
        customer={"id": buyer},
        shippingAddress=address,
        transactions=[payment, refund],
    )

    [[order], _] = await ordered(backend)

    stamp = NOON + timedelta(milliseconds=100)  # confirmed, within the second of its stamp
    assert order.external == (Provenance("shop", id, stamp),)
    assert order.updated_at == NOON
    assert (order.number, order.channel, order.status) == ("#1002", "web", OrderStatus.CONFIRMED)
    assert [(it.sku, it.quantity, it.unit_price.minor) for it in order.lines] == [
        ("BT-1", 2, 12800)
    ]
    assert (order.total.minor, order.shipping_minor, order.discounts_minor) == (25100, 1000, 1500)
    assert order.payments == (
        Payment("Alipay", Money(25100, "CNY"), NOON, "gid://shopify/OrderTransaction/1"),
    )
    assert order.member_id == member_id("shop", buyer)
    assert order.delivery is not None
    assert order.delivery.method is Method.SHIP
    assert order.delivery.address is not None
    assert order.delivery.address.street == "1 West Lake"


async def test_what_is_sold_at_a_till_belongs_to_the_shops_and_their_place(
    shop: ShopifyStandin, backend: Backend
) -> None:
    line = {"sku": "BT-1", "units": 1, "price": "128.00", "unfulfilledQuantity": 0}
    shop.order(line, retailLocation={"id": TILL}, sourceName="pos", total="128.00")

    [[order], _] = await ordered(backend)

    assert (order.channel, order.status) == ("shops", OrderStatus.FULFILLED)
    assert order.origin_location == "ST-01"
    assert order.delivery is not None
    assert (order.delivery.method, order.delivery.location) == (Method.TAKEAWAY, "ST-01")


LINE = {"sku": "BT-1", "units": 3, "price": "100.00"}


@pytest.mark.parametrize(
    ("line", "left", "order", "status", "units", "total"),
    [
        ({}, 0, {"displayFinancialStatus": "PENDING"}, "PENDING", (3, 0, 0), 30000),
        ({"unfulfilledQuantity": 2}, 0, {}, "PARTIALLY_FULFILLED", (3, 1, 0), 30000),
        # one unit was taken off before it left
        (
            {"currentQuantity": 2, "unfulfilledQuantity": 2},
            0,
            {"current": "200.00"},
            "CONFIRMED",
            (2, 0, 0),
            20000,
        ),
        # one of three that have left came back
        (
            {"currentQuantity": 2, "unfulfilledQuantity": 0},
            3,
            {"current": "200.00"},
            "FULFILLED",
            (3, 3, 1),
            30000,
        ),
        (
            {"currentQuantity": 0, "unfulfilledQuantity": 0},
            3,
            {"current": "0.00"},
            "RETURNED",
            (3, 3, 3),
            30000,
        ),
    ],
)
async def test_units_that_left_came_back_or_were_taken_off(
    shop: ShopifyStandin,
    backend: Backend,
    line: dict[str, Any],
    left: int,
    order: dict[str, Any],
    status: str,
    units: tuple[int, int, int],
    total: int,
) -> None:
    told = dict(order)
    if "current" in told:
        told["currentTotalPriceSet"] = shop.bag(told.pop("current"))
    id = shop.order({**LINE, **line}, total="300.00", **told)
    if left:
        sent = {"quantity": left, "lineItem": shop.orders[id]["_lines"][0]}
        page = {"nodes": [sent], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        shop.orders[id]["fulfillments"] = lambda _, first: [
            {"status": "SUCCESS", "fulfillmentLineItems": lambda _, first: page}
        ]

    [[found], _] = await ordered(backend)

    only = found.lines[0]
    assert (found.status, (only.quantity, only.fulfilled, only.returned)) == (status, units)
    assert found.total.minor == total


async def test_an_order_that_was_called_off_says_so_with_all_its_units(
    shop: ShopifyStandin, backend: Backend
) -> None:
    id = shop.order(LINE)
    shop.clock.advance(minutes=1)
    order = shop.orders[id]
    order["_lines"][0] |= {"currentQuantity": 0, "unfulfilledQuantity": 0}
    order["cancelledAt"] = "2026-03-02T12:01:00Z"
    shop.touch(order)

    [[found], _] = await ordered(backend)

    assert (found.status, found.lines[0].quantity) == (OrderStatus.CANCELED, 3)


async def test_of_two_states_in_one_second_the_one_that_is_further_on_is_the_later(
    shop: ShopifyStandin, backend: Backend
) -> None:
    id = shop.order(LINE, displayFinancialStatus="PENDING")
    stamps = []
    for change in (
        {},
        {"displayFinancialStatus": "PAID"},
        {"_unfulfilled": 2},
        {"_unfulfilled": 1},
        {"_unfulfilled": 0},
        {"cancelledAt": "2026-03-02T12:00:00Z"},
    ):
        shop.orders[id] |= change
        line = shop.orders[id]["_lines"][0]
        line["unfulfilledQuantity"] = change.get("_unfulfilled", line["unfulfilledQuantity"])
        [[order], _] = await ordered(backend)
        stamps.append(order.external[0].observed_at)

    assert sorted(set(stamps)) == stamps
    assert stamps[-1] - stamps[0] < timedelta(seconds=1)


async def test_a_large_order_is_read_to_its_last_line(
    shop: ShopifyStandin, backend: Backend
) -> None:
    shop.order(*({"sku": f"S{at}", "units": 1, "price": "1.00"} for at in range(120)))
    [[order], _] = await ordered(backend)

    assert (len(order.lines), order.total.minor) == (120, 12000)


async def test_an_order_in_another_currency_is_left_out(
    shop: ShopifyStandin, backend: Backend
) -> None:
    shop.currency = "JPY"
    shop.order({"sku": "A", "units": 1, "price": "1280"}, total="1280")

    assert (await ordered(backend))[0] == []


async def test_orders_since_a_cursor(shop: ShopifyStandin, backend: Backend) -> None:
    first = shop.order(LINE)
    shop.order(LINE)
    shop.clock.advance(minutes=10)
    _, cursor = await ordered(backend)
    shop.clock.advance(minutes=10)
    shop.touch(shop.orders[first])

    assert [it.external[0].external_id for it in (await ordered(backend, cursor))[0]] == [first]


# ---- people -----------------------------------------------------------------------------------


async def test_a_customer_is_known_by_id_mail_and_phone(
    shop: ShopifyStandin, backend: Backend
) -> None:
    id = shop.person("Lin", "Lin@Example.test", "138 0013 8000", "vip", " vip", "tea")
    [[member], _] = await known(backend)

    assert member.id == member_id("shop", id)
    assert {(it.kind, it.value) for it in member.identities} == {
        (IdentityKind.EXTERNAL, id),
        (IdentityKind.EMAIL, "lin@example.test"),
        (IdentityKind.PHONE, "+8613800138000"),
    }
    assert (member.display_name, member.tags) == ("Lin", ("tea", "vip"))
    assert member.consents == (
        Consent("EMAIL_MARKETING", True, NOON),
        Consent("SMS_MARKETING", False, NOON),
    )
    assert backend.members is not None
    assert await backend.members.member(id) == member
    assert await backend.members.member("gid://shopify/Customer/9") is None
    assert await backend.members.member("no id of theirs") is None


async def test_people_since_a_cursor(shop: ShopifyStandin, backend: Backend) -> None:
    first = shop.person("Lin", None, None)
    shop.person("Wu", None, None)
    shop.clock.advance(minutes=10)
    _, cursor = await known(backend)
    shop.clock.advance(minutes=10)
    shop.touch(shop.customers[first])

    assert [it.provenance.external_id for it in (await known(backend, cursor))[0]] == [first]


async def test_a_customer_of_whom_the_app_may_know_nothing(
    shop: ShopifyStandin, backend: Backend
) -> None:
    shop.person("", None, None)
    [[member], _] = await known(backend)

    assert member.display_name is None
    assert [it.kind for it in member.identities] == [IdentityKind.EXTERNAL]
