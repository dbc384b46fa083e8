"""What the connector reads from a real Vendure shop (S5, M1)."""

import pytest

from resolvers.backend_ports import Backend
from resolvers.domain.members import IdentityKind, member_id
from resolvers.domain.orders import OrderStatus
from resolvers.domain.values import Money
from tests.live.vendure import seed
from tests.live.vendure.api import REFUSED
from tests.live.vendure.connected import closed, connected, listings, members, orders, variant_id
from tests.live.vendure.house import RunningVendure

pytestmark = [pytest.mark.live_vendure, pytest.mark.timeout(600)]

OFFERS = {offer.sku: offer for style in seed.styles() for offer in style.offers}


async def test_the_doctor_finds_it_well(backend: Backend):
    probe = await backend.health.probe()

    assert (probe.good, probe.detail) == (True, "Vendure, in CNY; ready")


async def test_a_wrong_password_is_told_with_what_to_do(vendure: RunningVendure):
    backend = connected(vendure, password="wrong")

    probe = await backend.health.probe()

    assert probe.good is False
    assert probe.detail == "shop: it refused: INVALID_CREDENTIALS_ERROR"
    assert "backends.shop.password_env" in probe.remedy
    await closed(backend)


async def test_every_page_of_listings_is_what_was_entered(backend: Backend):
    found, _ = await listings(backend)

    assert {sku: it.barcodes for sku, it in found.items()} == {
        sku: (offer.barcode,) if offer.barcode else () for sku, offer in OFFERS.items()
    }
    assert len(found) == 111  # three pages
    assert {sku: dict(it.prices)["web"] for sku, it in found.items()} == {
        sku: Money(offer.price, "CNY") for sku, offer in OFFERS.items()
    }
    assert {sku for sku, it in found.items() if not it.active} == {seed.HIDDEN_SKU}
    assert {it.published for it in found.values()} == {seed.OPENING_UNITS}
    bag = found["LG0101-01"]
    assert bag.product_title == "山岚 Shanlan 羊皮链条包 Lambskin Chain Bag"
    assert bag.title == "山岚 Shanlan 羊皮链条包 Lambskin Chain Bag 黑 Black"


async def test_a_price_is_that_of_its_channel(backend: Backend):
    found, _ = await listings(backend)

    # Leather is sold in one channel only; every fifth SKU costs less in the other.
    assert [code for code, _ in found["LG0101-01"].prices] == ["web"]
    differing = {
        it.id: prices["web"].minor - prices["mini-program"].minor
        for it in found.values()
        if (prices := dict(it.prices)).keys() == {"web", "mini-program"}
        and prices["web"] != prices["mini-program"]
    }
    assert set(differing.values()) == {1000}
    assert all(int(id) % seed.CHEAPER_EVERY == 0 for id in differing)
    assert len(differing) == 12


async def test_a_changed_price_a_new_title_and_a_deletion_are_seen(
    vendure: RunningVendure, backend: Backend
):
    _, cursor = await listings(backend)
    _, cursor = await listings(backend, cursor)  # looks back once
    admin, mini = vendure.admin(), vendure.admin(seed.MINI)
    dearer, cheaper = variant_id(admin, "BT0107-01"), variant_id(admin, "BT0108-01")

    seed.change_variants(admin, [{"id": dearer, "price": 8800}])
    seed.change_variants(mini, [{"id": cheaper, "price": 12000}])
    found, cursor = await listings(backend, cursor)

    assert {sku: dict(it.prices) for sku, it in found.items()} == {
        "BT0107-01": {"web": Money(8800, "CNY"), "mini-program": Money(7900, "CNY")},
        "BT0108-01": {"web": Money(14900, "CNY"), "mini-program": Money(12000, "CNY")},
    }
    assert (await listings(backend, cursor))[0] == {}  # nothing twice

    product = admin.ask("query($i: ID!) { productVariant(id: $i) { product { id } } }", i=dearer)[
        "product"
    ]["id"]
    words = [{"languageCode": "en", "name": "新名 New name"}]
    admin.made("updateProduct", {"id": product, "translations": words})
    found, cursor = await listings(backend, cursor)
    assert {it.product_title for it in found.values()} == {"新名 New name"}
    assert len(found) == 2  # both of its variants

    gift = variant_id(admin, seed.UNKNOWN_SKU)
    admin.ask("mutation($i: ID!) { deleteProductVariant(id: $i) { result } }", i=gift)
    assert backend.listings is not None
    assert await backend.listings.listing(gift) is None
    pages = [page async for page in backend.listings.listings("")]
    assert pages[-1].whole and sum(len(page.items) for page in pages) == 110


async def test_what_a_shopper_orders_arrives_exactly(vendure: RunningVendure, backend: Backend):
    admin = vendure.admin()
    _, cursor = await orders(backend)
    lipstick, cream = variant_id(admin, "BT0109-01"), variant_id(admin, "BT0111-02")
    shopper = vendure.shopper(seed.MINI)
    shopper.logs_in("wu.ruoxi@example.com", seed.CUSTOMER_PASSWORD)
    shopper.takes(lipstick, 2)
    shopper.takes(cream, 3)
    shopper.lives("吴若溪", "136 0013 1003")
    placed = shopper.pays()

    found, cursor = await orders(backend, cursor)

    order = found[placed["code"]]
    assert (order.channel, order.status) == ("mini-program", OrderStatus.CONFIRMED)
    mini = {row.sku: row for row in OFFERS.values()}
    prices = {"BT0109-01": mini["BT0109-01"].price, "BT0111-02": mini["BT0111-02"].price}
    told = {line["id"]: line["unitPriceWithTax"] for line in placed["lines"]}
    assert [(line.sku, line.quantity, line.unit_price.minor) for line in order.lines] == [
        ("BT0109-01", 2, told[order.lines[0].id]),
        ("BT0111-02", 3, told[order.lines[1].id]),
    ]
    assert all(prices[line.sku] - line.unit_price.minor in (0, 1000) for line in order.lines)
    assert order.shipping == Money(1200, "CNY")
    assert order.total == order.paid == Money(placed["totalWithTax"], "CNY")
    assert order.member_id == member_id("shop", "3")
    assert [(it.system, it.external_id) for it in order.external] == [("shop", placed["id"])]
    assert order.delivery is not None
    assert order.delivery.address is not None
    assert order.delivery.address.phone == "+8613600131003"
    assert (await orders(backend, cursor))[0] == {}


async def test_a_discount_a_shipment_a_cancellation_and_a_refund_are_followed(
    vendure: RunningVendure, backend: Backend
):
    admin = vendure.admin()
    shopper = vendure.shopper()
    shopper.takes(variant_id(admin, "BT0112-03"), 3)
    shopper.redeems(seed.COUPON)
    shopper.says_who("Ruoxi", "Wu", "guest@example.com", "+86 136 0013 9999")
    placed = shopper.pays("pickup")
    found, cursor = await orders(backend)
    order = found[placed["code"]]
    assert order.discounts.minor == order.subtotal.minor // 10
    assert order.total == order.paid == Money(placed["totalWithTax"], "CNY")

    [line] = placed["lines"]
    way = {"code": "manual-fulfillment", "arguments": [
        {"name": "method", "value": "courier"}, {"name": "trackingCode", "value": "T1"}
    ]}  # fmt: skip
    parcel = admin.ask(
        "mutation($i: FulfillOrderInput!) { addFulfillmentToOrder(input: $i)"
        f" {{ ... on Fulfillment {{ id }} {REFUSED} }} }}",
        i={"lines": [{"orderLineId": line["id"], "quantity": 2}], "handler": way},
    )
    admin.ask(
        'mutation($i: ID!) { transitionFulfillmentToState(id: $i, state: "Shipped")'
        f" {{ ... on Fulfillment {{ id }} {REFUSED} }} }}",
        i=parcel["id"],
    )
    found, cursor = await orders(backend, cursor)
    order = found[placed["code"]]
    assert order.status is OrderStatus.PARTIALLY_FULFILLED
    assert [(it.quantity, it.fulfilled) for it in order.lines] == [(3, 2)]

    admin.ask(
        "mutation($i: CancelOrderInput!) { cancelOrder(input: $i)"
        f" {{ ... on Order {{ id }} {REFUSED} }} }}",
        i={
            "orderId": placed["id"],
            "lines": [{"orderLineId": line["id"], "quantity": 1}],
            "cancelShipping": False,
            "reason": "one is enough",
        },
    )
    [payment] = admin.ask("query($i: ID!) { order(id: $i) { payments { id } } }", i=placed["id"])[
        "payments"
    ]
    back = placed["totalWithTax"] // 3
    admin.ask(
        "mutation($i: RefundOrderInput!) { refundOrder(input: $i)"
        f" {{ ... on Refund {{ id }} {REFUSED} }} }}",
        i={
            "paymentId": payment["id"],
            "amount": back,
            "reason": "canceled",
            "lines": [],
            "shipping": 0,
            "adjustment": 0,
        },
    )
    found, cursor = await orders(backend, cursor)
    order = found[placed["code"]]
    assert [(it.quantity, it.fulfilled, it.returned) for it in order.lines] == [(2, 2, 0)]
    assert order.status is OrderStatus.FULFILLED
    assert order.total == Money(back * 2, "CNY")
    assert [(it.kind, it.note) for it in order.history if it.kind == "REFUNDED"] == [
        ("REFUNDED", f"{Money(back, 'CNY').amount} CNY")
    ]


async def test_customers_are_found_by_telephone_and_mail(vendure: RunningVendure, backend: Backend):
    found, cursor = await members(backend)

    known = {name: (it.display_name, it.first(IdentityKind.PHONE)) for name, it in found.items()}
    assert known["wu.ruoxi@example.com"] == ("吴若溪", "+8613600131003")
    assert known["shen.zhixia@example.com"] == ("沈知夏", "+8613700132001")  # written at home
    assert known["han.muzhi@example.com"] == ("韩牧之", None)
    _, cursor = await members(backend, cursor)

    admin = vendure.admin()
    changed = {"id": "8", "phoneNumber": "+86 137 0013 2002"}
    admin.made("updateCustomer", changed, f"... on Customer {{ id }} {REFUSED}")
    found, cursor = await members(backend, cursor)

    assert {name: it.first(IdentityKind.PHONE) for name, it in found.items()} == {
        "han.muzhi@example.com": "+8613700132002"
    }
    assert backend.members is not None
    assert await backend.members.member("99999") is None
