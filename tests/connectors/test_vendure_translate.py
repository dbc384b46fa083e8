"""What real answers of Vendure become: recorded from 3.7.3 with the seed of the live tests."""

import json
from typing import Any

import pytest

from connectors.marketplace.vendure_orders_translate import OrderTerms, translate_order
from connectors.marketplace.vendure_translate import (
    Place,
    by_id,
    for_sale,
    full_name,
    translate_listing,
    translate_member,
)
from connectors.marketplace.vendure_wire import NotLetIn, data
from connectors.wire import Intent, Reply
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import BackendRefused, BackendUnavailable, UnknownOutcome
from resolvers.domain.listings import Listing
from resolvers.domain.members import IdentityKind, member_id
from resolvers.domain.orders import Order, OrderStatus
from resolvers.domain.values import Money
from tests.connectors.vendure_scripted import MINI, NOW, WEB, recorded

TERMS = OrderTerms("shop", {"__default_channel__": WEB, "mini": MINI}, "CN")


def yuan(amount: int) -> Money:
    return Money(amount * 100, "CNY")


def listing(id: str) -> Listing:
    told = recorded("listings")
    variant = by_id(told["variants"])[id]
    prices = [
        (channel, by_id(told[name])[id])
        for channel, name in ((WEB, "web"), (MINI, "mini"))
        if id in by_id(told[name])
    ]
    product = by_id(told["products"])[variant["productId"]]
    return translate_listing(variant, product, prices, Place("1"), system="shop", at=NOW)


def order(id: str) -> Order:
    told = translate_order(by_id(recorded("orders"))[id], TERMS)
    assert told is not None
    return told


def test_a_variant_is_a_listing_with_a_price_in_each_channel():
    told = listing("5")

    assert (told.id, told.seller_code, told.barcodes) == ("5", "BT0103-01", ("6958101030010",))
    assert told.prices == (("web", yuan(159)), ("mini-program", yuan(149)))
    assert told.product_title == "朝露 Zhaolu 玻尿酸爽肤水 Hyaluronic Toner"
    assert told.title == "朝露 Zhaolu 玻尿酸爽肤水 Hyaluronic Toner 150 ml"
    assert told.provenance == Provenance("shop", "5", NOW)
    assert (told.published, told.active) == (20, True)
    assert listing("60").active is False  # not for sale
    assert listing("111").barcodes == ()


def test_what_may_be_sold_is_less_what_buyers_have_paid_for_and_what_is_kept_back():
    variant = recorded("listings")["variants"][0]
    level = {"stockLocationId": "1", "stockOnHand": 9, "stockAllocated": 2}
    at = {**variant, "stockLevels": [level]}

    assert for_sale(at, Place("1")) == 7
    assert for_sale(at, Place("1", threshold=3)) == 4
    own = {**at, "useGlobalOutOfStockThreshold": False, "outOfStockThreshold": -5}
    assert for_sale(own, Place("1", threshold=3)) == 12
    assert for_sale({**at, "stockLevels": [{**level, "stockAllocated": 12}]}, Place("1")) == 0
    assert for_sale(at, Place("2")) == 0  # never lay there
    assert for_sale({**at, "trackInventory": "FALSE"}, Place("1")) is None
    assert for_sale({**at, "trackInventory": "INHERIT"}, Place("1", tracked=False)) is None


def test_an_order_that_was_discounted_sent_and_cut_owes_what_the_shop_says():
    told = order("2")  # three ordered at ten per cent off, two sent, one called off, 10 back

    assert [(line.sku, line.quantity, line.fulfilled) for line in told.lines] == [
        ("BT0101-02", 2, 2)
    ]
    assert (told.subtotal, told.discounts, told.shipping) == (
        yuan(258), Money(2580, "CNY"), yuan(0)
    )  # fmt: skip
    assert told.total == Money(23220, "CNY")
    assert told.paid == Money(34830, "CNY")
    assert told.status is OrderStatus.FULFILLED
    assert [(event.kind, event.note) for event in told.history] == [
        ("PLACED", None), ("PAID", None), ("REFUNDED", "10.00 CNY"), ("FULFILLED", None)
    ]  # fmt: skip
    assert told.channel == "web"


def test_units_that_came_back_after_they_were_sent_are_returned_and_stay_in_the_total():
    told = order("4")  # two of a line were sent, and one of them called off afterwards

    assert [(at.sku, at.quantity, at.fulfilled, at.returned) for at in told.lines] == [
        ("BT0105-02", 2, 2, 1), ("BT0106-01", 1, 0, 0)
    ]  # fmt: skip
    assert told.status is OrderStatus.PARTIALLY_FULFILLED
    assert told.total.minor == 72_120 + 48_900


def test_an_order_that_was_called_off_is_kept_as_it_was_placed():
    told = order("1")

    assert (told.status, told.channel) == (OrderStatus.CANCELED, "mini-program")
    assert [(line.sku, line.quantity) for line in told.lines] == [
        ("BT0101-01", 2), ("BT0102-01", 1)
    ]  # fmt: skip
    assert told.member_id == member_id("shop", "3")
    assert told.delivery is not None
    assert told.delivery.address is not None
    assert told.delivery.address.phone == "+8613600131003"


def test_money_that_is_only_promised_is_no_payment():
    told = order("3")

    assert (told.status, told.payments, told.total) == (OrderStatus.CONFIRMED, (), yuan(341))


def test_an_order_of_a_channel_or_a_currency_that_is_not_ours_is_left_out():
    row = by_id(recorded("orders"))["1"]

    assert translate_order(row, OrderTerms("shop", {"__default_channel__": WEB}, "CN")) is None
    assert translate_order({**row, "currencyCode": "EUR"}, TERMS) is None


def test_a_customer_is_known_by_id_mail_and_telephone():
    customers = by_id(recorded("customers"))
    told = translate_member(customers["3"], system="shop", region="CN", at=NOW)

    assert told.id == member_id("shop", "3")
    assert told.display_name == "吴若溪"
    assert {it.kind: it.value for it in told.identities} == {
        IdentityKind.EXTERNAL: "3",
        IdentityKind.EMAIL: "wu.ruoxi@example.com",
        IdentityKind.PHONE: "+8613600131003",
    }
    without = translate_member(customers["8"], system="shop", region="CN", at=NOW)
    assert without.first(IdentityKind.PHONE) is None


def test_names_are_written_as_where_they_come_from():
    assert full_name("若溪", "吴") == "吴若溪"
    assert full_name("Ruoxi", "Wu") == "Ruoxi Wu"
    assert full_name(" ", None) is None


def told_by(name: str, intent: Intent) -> Any:
    status = 400 if name == "unknown field" else 200
    body = json.dumps(recorded("errors")[name]).encode()
    return data(Reply(status, {}, body), intent, "shop")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("too many rows", "INVALID"),
        ("unknown variant", "NOT_FOUND"),
        ("unknown channel", "NOT_FOUND"),
        ("unknown field", "PERMANENT"),
        ("logged out", "AUTH"),
    ],
)
def test_a_refusal_has_a_kind_and_none_of_the_shops_own_words(name, kind):
    with pytest.raises(BackendRefused) as caught:
        told_by(name, Intent.WRITE)

    assert caught.value.kind == kind
    assert isinstance(caught.value, NotLetIn) == (name == "logged out")
    message = recorded("errors")[name]["errors"][0]["message"]
    assert message not in str(caught.value)


def test_an_error_without_a_code_is_a_failure_of_the_shop():
    with pytest.raises(BackendUnavailable, match=r"^shop: it failed inside$"):
        told_by("unknown location", Intent.READ)
    with pytest.raises(UnknownOutcome, match="may have been done"):
        told_by("unknown location", Intent.WRITE)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": null}', b"{}"])
def test_an_answer_that_makes_no_sense_is_a_failure_of_the_shop(body):
    with pytest.raises(BackendUnavailable, match="makes no sense"):
        data(Reply(200, {}, body), Intent.READ, "shop")
