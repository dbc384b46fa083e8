"""What real answers become: recorded from Tryton 8.0 with the seed of the live tests, and cut to a
few rows each."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.erp.tryton_orders_translate import (
    RETURNED_GOODS,
    OrderTerms,
    by_sale,
    translate_sale,
    translate_ticket,
)
from connectors.erp.tryton_sale_terms import is_ours
from connectors.erp.tryton_tills import Tills
from connectors.erp.tryton_translate import (
    CatalogTerms,
    slug,
    translate_categories,
    translate_location,
    translate_product,
    translate_warehouse,
    units,
)
from connectors.erp.tryton_wire import decoded
from resolvers.domain.catalog import Product, Provenance
from resolvers.domain.locations import Capability, Channel, ChannelKind, LocationKind, Method
from resolvers.domain.orders import Delivery, Order, OrderEvent, OrderStatus, Payment
from resolvers.domain.values import Money, utc
from tests.connectors.tryton_scripted import NOW, recorded

STORE = Channel("store", "Shops", ChannelKind.IN_STORE, "CNY")
TILLS = Tills({}, STORE)
WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")


def rows(name: str) -> dict[str, Any]:
    told: dict[str, Any] = decoded(json.dumps(recorded(name)).encode())
    return told


def yuan(amount: int) -> Money:
    return Money(amount * 100, "CNY")


def products() -> dict[str, Product]:
    told = rows("catalog")
    categories = translate_categories(told["categories"])
    terms = CatalogTerms("erp", "zh-CN", "CNY", ("store", "web"), categories)
    return {
        template["code"]: translate_product(
            template,
            [row for row in told["variants"] if row["template"] == template["id"]],
            terms,
            NOW,
        )
        for template in told["templates"]
    }


def test_a_template_is_a_product_and_its_variants_are_skus():
    product = products()["BT0101"]

    first, second = product.variants
    assert product.handle == "bt0101"
    assert product.titles == {"zh-CN": "朝露 Zhaolu 玫瑰洁面乳 Rose Cleanser"}
    assert product.brand is None
    assert product.categories == ("美妆-beauty",)
    assert product.updated_at == datetime(2026, 11, 25, 1, 48, 12, 758804, UTC)
    assert product.provenance == (Provenance("erp", "template:1", NOW),)
    assert (first.sku, second.sku) == ("BT0101-01", "BT0101-02")
    assert first.product == "bt0101"
    assert first.titles == {"zh-CN": "朝露 Zhaolu 玫瑰洁面乳 Rose Cleanser 100 ml"}
    assert first.barcodes == ("6958101010012",)
    assert first.options == (("size", "100 ml"),)
    assert first.prices == {"store": yuan(89), "web": yuan(89)}
    assert second.prices["web"] == yuan(129)
    assert first.unit_cost == Money(3115, "CNY")
    assert first.provenance == (Provenance("erp", "product:1", NOW),)


def test_what_is_no_size_is_an_option_without_a_better_name():
    product = products()["BT0109"]

    assert [variant.options for variant in product.variants] == [
        (("option", "正红 Red"),),
        (("option", "豆沙 Rosewood"),),
        (("option", "砖红 Brick"),),
        (("option", "裸粉 Nude"),),
    ]


def test_an_inactive_sku_vanishes_and_what_is_not_for_sale_has_no_price():
    product = products()["BT0102"]

    (left,) = product.variants
    assert left.sku == "BT0102-01"
    assert left.prices == {}
    assert left.options == (), "one that is alone differs from nothing"
    assert product.updated_at == datetime(2026, 11, 25, 2, 17, 47, 250779, UTC)


def test_an_inactive_template_loses_every_sku():
    told = rows("catalog")
    terms = CatalogTerms("erp", "en", "CNY", (), {})

    product = translate_product(
        {**told["templates"][0], "active": 0}, told["variants"][:2], terms, NOW
    )

    assert (product.handle, product.variants) == ("bt0101", ())


def test_a_template_without_a_code_is_known_by_its_record():
    template = {**rows("catalog")["templates"][0], "code": None}
    terms = CatalogTerms("main-erp", "en", "CNY", (), {})

    assert translate_product(template, [], terms, NOW).handle == "main-erp-1"


def test_categories_are_paths_and_the_accountants_are_not_among_them():
    nested = [
        {"id": 1, "name": "Beauty & Care", "parent": None, "accounting": 0},
        {"id": 2, "name": "Skin-care", "parent": 1, "accounting": 0},
        {"id": 3, "name": "VAT 13%", "parent": None, "accounting": 1},
    ]

    assert translate_categories(nested) == {1: "beauty-care", 2: "beauty-care/skin-care"}
    assert slug(" 美妆 Beauty ") == "美妆-beauty"


def test_a_warehouse_with_zones_ships_and_one_without_is_a_shop():
    central, shop = (translate_warehouse(row) for row in rows("company")["warehouses"])

    warehouse = translate_location(central, "erp", "Asia/Shanghai")
    store = translate_location(shop, "erp", "Asia/Shanghai")

    assert (warehouse.code, warehouse.kind) == ("CW01", LocationKind.WAREHOUSE)
    assert warehouse.capabilities == (Capability.SHIP_FROM,)
    assert warehouse.address is None
    assert (store.code, store.kind) == ("SH01", LocationKind.STORE)
    assert store.capabilities == (Capability.PICKUP, Capability.SHIP_FROM, Capability.RETURN)
    assert store.address == "淮海中路 588 号, 上海, 200020, 中国 China"
    assert (store.authority, store.time_zone, store.phone) == ("erp", "Asia/Shanghai", None)


def test_a_part_of_a_unit_is_no_unit_to_sell():
    assert [units(quantity) for quantity in (2.0, 2.7, 2.9999999999, -1.0, -1.5)] == [
        2,
        2,
        3,
        -1,
        -2,
    ]


# ---- orders -----------------------------------------------------------------------------------


def sales(terms: OrderTerms | None = None) -> Mapping[int, Order | None]:
    told = rows("orders")
    lines = by_sale(told["sale_lines"])
    terms = terms or OrderTerms("erp", WEB, TILLS)
    return {
        row["id"]: translate_sale(row, lines.get(row["id"], ()), terms) for row in told["sales"]
    }


def tickets(terms: OrderTerms | None = None) -> Mapping[int, Order | None]:
    told = rows("orders")
    lines, payments = by_sale(told["ticket_lines"]), by_sale(told["payments"])
    terms = terms or OrderTerms("erp", WEB, TILLS)
    return {
        row["id"]: translate_ticket(row, lines[row["id"]], payments[row["id"]], terms)
        for row in told["tickets"]
    }


def test_a_sale_of_the_staff_is_an_order_at_prices_with_tax():
    order = sales()[2]

    assert order is not None
    assert (order.id, order.number, order.channel) == ("erp-sale-2", "PO-77", "web")
    assert order.status is OrderStatus.CONFIRMED
    assert [(line.sku, line.quantity, line.unit_price) for line in order.lines] == [
        ("BT0104-01", 3, yuan(329)),
        ("LG0102-01", 1, yuan(2980)),
    ]
    assert order.lines[0].title == "朝露 Zhaolu 烟酰胺精华 Niacinamide Serum 30 ml"
    assert (order.system, order.subject, order.origin_location) == ("erp", "backend:erp", "CW01")
    assert [(at.system, at.external_id) for at in order.external] == [("erp", "sale:2")]
    assert [event.kind for event in order.history] == ["PLACED", "CONFIRMED"]
    assert order.placed_at < order.updated_at
    assert (order.delivery, order.member_id, order.payments) == (None, None, ())


def test_the_state_of_a_sale_follows_its_shipments():
    told = sales()

    states = {id: order.status for id, order in told.items() if order is not None}
    assert states[3] is OrderStatus.FULFILLED
    assert states[4] is OrderStatus.CANCELED
    assert states[5] is OrderStatus.PARTIALLY_FULFILLED
    assert told[3] is not None and [line.fulfilled for line in told[3].lines] == [1]
    assert told[5] is not None and [line.fulfilled for line in told[5].lines] == [1, 0]
    assert told[3].number == "3", "Tryton's own number, where people gave none"


def test_a_second_part_that_is_sent_makes_an_order_younger_than_its_sale():
    row = next(row for row in rows("orders")["sales"] if row["id"] == 5)
    lines = [line for line in rows("orders")["sale_lines"] if line["sale"] == 5]
    for move in lines[0]["moves."]:
        move["last_modified_at"] = utc(2026, 11, 25, 9)

    order = translate_sale(row, lines, OrderTerms("erp", WEB, TILLS))

    assert order is not None
    assert order.updated_at == utc(2026, 11, 25, 9)


def test_a_sale_whose_shipments_were_all_canceled_for_good_is_canceled():
    row = {**rows("orders")["sales"][1], "shipment_state": "none"}
    lines = [line for line in rows("orders")["sale_lines"] if line["sale"] == row["id"]]
    for line in lines:
        for move in line["moves."]:
            move["state"] = "cancelled"

    order = translate_sale(row, lines, OrderTerms("erp", WEB, TILLS))

    assert order is not None
    assert order.status is OrderStatus.CANCELED


@pytest.mark.parametrize(
    ("units", "state", "returned"),
    [(1.0, "done", 1), (9.0, "done", 1), (1.0, "draft", 0)],
    ids=["all", "more than left", "only announced"],
)
def test_what_came_back_of_a_sale_is_returned_as_far_as_it_had_left(units, state, returned):
    row = next(row for row in rows("orders")["sales"] if row["id"] == 3)
    lines = [line for line in rows("orders")["sale_lines"] if line["sale"] == 3]
    came = utc(2026, 11, 26, 9)
    move = {
        "state": state,
        "internal_quantity": units,
        "from_location.": {"type": "customer"},
        "last_modified_at": came,
    }
    back = {"product.": {"code": lines[0]["product."]["code"]}, "moves.": [move]}

    order = translate_sale(row, lines, OrderTerms("erp", WEB, TILLS), [back])

    assert order is not None
    assert [line.returned for line in order.lines] == [returned]
    assert order.status is (OrderStatus.RETURNED if returned else OrderStatus.FULFILLED)
    assert order.updated_at == came


def test_what_is_no_order_for_the_house_is_left_out():
    row = rows("orders")["sales"][1]
    lines = [line for line in rows("orders")["sale_lines"] if line["sale"] == row["id"]]
    terms = OrderTerms("erp", WEB, TILLS)
    dollars = Channel("us", "US", ChannelKind.ONLINE, "USD")

    assert translate_sale({**row, "origin": "sale.sale,1"}, lines, terms) is None, "a return"
    assert translate_sale({**row, "state": "cancelled", "number": None}, lines, terms) is None
    assert translate_sale(row, [], terms) is None
    assert translate_sale(row, lines, OrderTerms("erp", dollars, TILLS)) is None
    assert translate_sale(row, lines, OrderTerms("erp", None, TILLS)) is None


def test_our_own_sale_is_known_by_its_mark_and_its_reference_together():
    ours, theirs = rows("orders")["sales"][:2]

    assert is_ours(ours)
    assert not is_ours(theirs)
    assert not is_ours({**ours, "reference": None}), "a copy that people made of it"


def test_a_till_ticket_is_an_order_that_was_paid_and_taken_away():
    order = tickets()[1]

    placed = datetime(2026, 11, 25, 2, 17, 53, 144274, UTC)
    posted = datetime(2026, 11, 25, 2, 17, 53, 759150, UTC)
    assert order is not None
    assert (order.id, order.number, order.channel) == ("erp-ticket-1", "SH01-000001", "store")
    assert order.status is OrderStatus.FULFILLED
    assert [(line.sku, line.quantity, line.fulfilled) for line in order.lines] == [
        ("BT0101-01", 1, 1)
    ]
    assert order.delivery == Delivery(Method.TAKEAWAY, location="SH01")
    assert order.origin_location == "SH01"
    assert order.payments == (Payment("现金 Cash", yuan(89), placed),)
    assert order.total == order.paid == yuan(89)
    assert order.history == (
        OrderEvent("PLACED", placed, "erp"),
        OrderEvent("FULFILLED", posted, "erp"),
    )
    assert order.external == (Provenance("erp", "ticket:1", posted),)


def test_a_ticket_tells_what_was_sold_what_came_back_and_what_stayed_in_the_till():
    order = tickets()[3]

    assert order is not None
    assert [(line.sku, line.quantity, line.returned) for line in order.lines] == [
        ("LG0105-01", 1, 0),
        ("BT0111-01", 0, 1),
    ]
    assert [(at.method, at.amount) for at in order.payments] == [
        ("微信支付 WeChat Pay", yuan(800)),
        ("现金 Cash", yuan(50)),
        (RETURNED_GOODS, yuan(49)),
    ]


def test_a_ticket_without_a_channel_for_shops_is_left_out():
    assert set(tickets(OrderTerms("erp", WEB, Tills({}, None))).values()) == {None}
