"""Orders over the schema: placed, paid, called off, looked up, and refused."""

from dataclasses import replace
from typing import Any

import pytest

from resolvers.access import Principal
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Provenance
from resolvers.domain.orders import Order, OrderLine, OrderStatus
from resolvers.domain.taken import Taken, take
from resolvers.domain.values import Money
from resolvers.engine import Command
from schema.ids import seal
from tests.schema.asking import PAY, PLACE, SHIP, ask, hold, place
from tests.support import (
    CHANNEL,
    MANAGER,
    NOON,
    OPERATOR,
    OTHER_SHOPPER,
    PARTNER,
    SHOPPER,
    SKU,
    Shop,
)

ORDER = """query ($by: OrderBy!) { order(by: $by) {
  id number channel status placedAt updatedAt paymentDueAt
  lines { id sku title quantity unitPrice { amount } total { amount } fulfilledQuantity
          returnedQuantity }
  subtotal { amount currencyCode } total { amount } paid { amount }
  payments { method amount { amount currencyCode } recordedAt reference }
  history { kind at by }
  backendWrites { backend action status externalId attempts lastError }
  provenance { system externalId }
} }"""

CANCEL = """mutation ($input: CancelOrderInput!) {
  cancelOrder(input: $input) {
    order { status total { amount } lines { quantity } }
    replayed userErrors { code field }
  }
}"""

FULL = {"method": "wechat-pay", "amount": {"amount": "760.00", "currencyCode": "CNY"}}


async def test_an_order_waits_for_its_payment_and_is_firm_with_it(shop: Shop) -> None:
    made = (await place(shop, "o"))["order"]
    shop.clock.advance(minutes=5)
    payment = {**FULL, "reference": "WX-1"}

    paid = await ask(
        shop, PAY, PARTNER, input={"idempotencyKey": "p", "orderId": made["id"], "payment": payment}
    )
    answer = await ask(shop, ORDER, by={"id": made["id"]})

    assert made["status"] == "PENDING"
    assert paid.data["recordPayment"]["order"]["status"] == "CONFIRMED"
    order = answer.data["order"]
    assert order == {
        "id": made["id"],
        "number": made["number"],
        "channel": CHANNEL,
        "status": "CONFIRMED",
        "placedAt": "2026-03-02T12:00:00Z",
        "updatedAt": "2026-03-02T12:05:00Z",
        "paymentDueAt": None,
        "lines": [
            {
                "id": made["lines"][0]["id"],
                "sku": SKU,
                "title": "琥珀水润精华 30ml",
                "quantity": 1,
                "unitPrice": {"amount": "760.00"},
                "total": {"amount": "760.00"},
                "fulfilledQuantity": 0,
                "returnedQuantity": 0,
            }
        ],
        "subtotal": {"amount": "760.00", "currencyCode": "CNY"},
        "total": {"amount": "760.00"},
        "paid": {"amount": "760.00"},
        "payments": [
            {
                "method": "wechat-pay",
                "amount": {"amount": "760.00", "currencyCode": "CNY"},
                "recordedAt": "2026-03-02T12:05:00Z",
                "reference": "WX-1",
            }
        ],
        "history": [
            {"kind": "PAID", "at": "2026-03-02T12:05:00Z", "by": "partner"},
            {"kind": "CONFIRMED", "at": "2026-03-02T12:05:00Z", "by": "partner"},
        ],
        "backendWrites": [],
        "provenance": [],
    }


async def test_an_order_from_a_hold_takes_its_lines_and_its_units(shop: Shop) -> None:
    held = await hold(shop, "h", lines=[{"sku": SKU, "quantity": 2}])

    made = await place(shop, "o", reservationId=held["reservation"]["id"], lines=None)

    assert made["order"]["total"] == {"amount": "1520.00", "currencyCode": "CNY"}
    assert [(line["sku"], line["quantity"]) for line in made["order"]["lines"]] == [(SKU, 2)]
    assert made["order"]["paymentDueAt"] == "2026-03-02T12:30:00Z"
    assert await shop.available(SKU) == 5


async def test_an_order_sent_again_is_the_same_order(shop: Shop) -> None:
    first = await place(shop, "o")
    again = await place(shop, "o")

    assert again == {**first, "replayed": True}
    assert await shop.available(SKU) == 6


async def test_a_till_names_its_price_and_is_paid_at_once(shop: Shop) -> None:
    price = {"amount": "700.00", "currencyCode": "CNY"}

    made = await place(
        shop,
        "o",
        MANAGER,
        channel="store",
        lines=[{"sku": SKU, "quantity": 1, "unitPrice": price}],
        payments=[{"method": "cash", "amount": price}],
        delivery={"takeaway": {"locationCode": "ST-01"}},
        originLocationCode="ST-01",
    )

    assert made["userErrors"] == []
    assert made["order"]["status"] == "CONFIRMED"
    assert made["order"]["total"] == price


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"lines": None}, "INVALID_INPUT", ["input", "lines"]),
        ({"reservationId": "id-000001"}, "INVALID_INPUT", ["input", "reservationId"]),
        ({"reservationId": seal("Reservation", "none")}, "NOT_FOUND", ["input", "reservationId"]),
        ({"payments": [FULL]}, "INVALID_INPUT", ["input", "payments"]),
        (
            {"lines": [{"sku": SKU, "quantity": 1, "unitPrice": FULL["amount"]}]},
            "INVALID_INPUT",
            ["input", "lines", "0", "unitPrice"],
        ),
        (
            {"delivery": {"pickup": {"locationCode": "WH-01"}}},
            "NO_ELIGIBLE_LOCATION",
            ["input", "delivery", "pickup", "locationCode"],
        ),
        (
            {"delivery": {"takeaway": {"locationCode": "none"}}},
            "NOT_FOUND",
            ["input", "delivery", "takeaway", "locationCode"],
        ),
        (
            {"delivery": {"ship": {**SHIP["ship"], "geo": {"latitude": 91.0, "longitude": 0.0}}}},
            "INVALID_INPUT",
            ["input", "delivery", "ship", "geo"],
        ),
        ({"originLocationCode": "none"}, "NOT_FOUND", ["input", "originLocationCode"]),
    ],
)
async def test_an_order_that_cannot_be_meant_names_the_value_and_keeps_nothing(
    shop: Shop, wrong: dict[str, Any], code: str, field: list[str]
) -> None:
    refused = await place(shop, "o", **wrong)

    assert refused["order"] is None
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [(code, field)]
    assert await shop.available(SKU) == 7


async def test_each_amount_with_too_many_digits_is_told_by_itself(shop: Shop) -> None:
    price = {"amount": "1.005", "currencyCode": "CNY"}
    line = {"sku": SKU, "quantity": 1, "unitPrice": price}

    refused = await place(shop, "o", PARTNER, lines=[line, {"sku": SKU, "quantity": 1}, line])

    assert [error["field"] for error in refused["userErrors"]] == [
        ["input", "lines", "0", "unitPrice", "amount"],
        ["input", "lines", "2", "unitPrice", "amount"],
    ]


async def test_exactly_one_delivery_is_asked_for(shop: Shop) -> None:
    both = {**SHIP, "pickup": {"locationCode": "ST-01"}}
    asked = {"idempotencyKey": "o", "channel": CHANNEL, "delivery": both, "lines": []}

    assert (await ask(shop, PLACE, input=asked)).code == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("amount", "field"),
    [
        ({"amount": "760.01", "currencyCode": "CNY"}, ["input", "payment", "amount"]),
        ({"amount": "0.00", "currencyCode": "CNY"}, ["input", "payment", "amount"]),
        ({"amount": "760.00", "currencyCode": "USD"}, ["input", "payment", "amount"]),
        ({"amount": "1.234", "currencyCode": "CNY"}, ["input", "payment", "amount", "amount"]),
    ],
)
async def test_a_payment_that_does_not_fit_changes_nothing(
    shop: Shop, amount: dict[str, str], field: list[str]
) -> None:
    made = (await place(shop, "o"))["order"]
    payment = {"method": "cash", "amount": amount}

    answer = await ask(
        shop, PAY, PARTNER, input={"idempotencyKey": "p", "orderId": made["id"], "payment": payment}
    )

    [error] = answer.data["recordPayment"]["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID_INPUT", field)
    seen = await ask(shop, ORDER, by={"id": made["id"]})
    assert (seen.data["order"]["status"], seen.data["order"]["payments"]) == ("PENDING", [])


async def test_an_order_called_off_gives_its_units_back(shop: Shop) -> None:
    made = (await place(shop, "o"))["order"]
    asked = {"idempotencyKey": "c", "orderId": made["id"], "reason": "too late"}

    first = await ask(shop, CANCEL, input=asked)
    again = await ask(shop, CANCEL, input=asked)
    other = await ask(shop, CANCEL, input={"idempotencyKey": "d", "orderId": made["id"]})

    assert first.data["cancelOrder"]["order"]["status"] == "CANCELED"
    assert again.data["cancelOrder"]["replayed"] is True
    [error] = other.data["cancelOrder"]["userErrors"]
    assert error["code"] == "ORDER_NOT_OPEN"
    assert await shop.available(SKU) == 7


async def test_units_of_a_line_are_called_off_by_its_id(shop: Shop) -> None:
    made = (await place(shop, "o", lines=[{"sku": SKU, "quantity": 3}]))["order"]
    [line] = made["lines"]
    asked = {"idempotencyKey": "c", "orderId": made["id"]}

    less = await ask(
        shop,
        CANCEL,
        input={**asked, "lines": [{"orderLineId": line["id"], "quantity": 2}]},
    )

    assert less.data["cancelOrder"]["order"] == {
        "status": "PENDING",
        "total": {"amount": "760.00"},
        "lines": [{"quantity": 1}],
    }
    assert await shop.available(SKU) == 6


async def test_each_id_that_is_no_lines_is_named_as_wrong(shop: Shop) -> None:
    made = (await place(shop, "o"))["order"]
    lines = [
        {"orderLineId": "id-000002.1", "quantity": 1},
        {"orderLineId": made["id"], "quantity": 1},
    ]

    answer = await ask(
        shop, CANCEL, input={"idempotencyKey": "c", "orderId": made["id"], "lines": lines}
    )

    assert answer.data["cancelOrder"]["userErrors"] == [
        {"code": "INVALID_INPUT", "field": ["input", "lines", at, "orderLineId"]}
        for at in ("0", "1")
    ]


@pytest.mark.parametrize(
    ("caller", "sees"), [(SHOPPER, True), (PARTNER, True), (OTHER_SHOPPER, False)]
)
async def test_an_order_is_seen_by_its_buyer_and_by_staff_only(
    shop: Shop, caller: Principal, sees: bool
) -> None:
    made = (await place(shop, "o"))["order"]
    document = "{ orders(first: 10) { nodes { number } } }"

    by_id = await ask(shop, ORDER, caller, by={"id": made["id"]})
    by_number = await ask(shop, ORDER, caller, by={"number": made["number"]})
    listed = await ask(shop, document, caller)
    canceled = await ask(shop, CANCEL, caller, input={"idempotencyKey": "c", "orderId": made["id"]})

    assert (by_id.data["order"] is not None) is sees
    assert by_number.data == by_id.data
    expected = [{"number": made["number"]}] if sees else []
    assert listed.data["orders"]["nodes"] == expected
    assert (canceled.data["cancelOrder"]["order"] is not None) is sees


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({}, True),
        ({"channel": [CHANNEL]}, True),
        ({"channel": ["store"]}, False),
        ({"status": ["PENDING", "CONFIRMED"]}, True),
        ({"status": ["CANCELED"]}, False),
        ({"locationCode": "ST-01"}, True),
        ({"locationCode": "ST-02"}, False),
        ({"placedFrom": "2026-03-02T12:00:00Z", "placedTo": "2026-03-02T12:00:01Z"}, True),
        ({"placedTo": "2026-03-02T12:00:00Z"}, False),
        ({"updatedSince": "2026-03-02T20:00:00+08:00"}, True),
        ({"updatedSince": "2026-03-02T12:00:01Z"}, False),
        ({"memberId": "M-1"}, True),
        ({"memberId": seal("Member", "M-1")}, True),
    ],
)
async def test_orders_are_found_by_what_they_are(
    shop: Shop, filter: dict[str, Any], found: bool
) -> None:
    await place(shop, "o", delivery={"pickup": {"locationCode": "ST-01"}})
    document = "query ($f: OrderFilter) { orders(first: 10, filter: $f) { nodes { status } } }"

    answer = await ask(shop, document, f=filter)

    assert answer.data["orders"]["nodes"] == ([{"status": "PENDING"}] if found else [])


async def test_an_order_of_another_system_is_found_by_what_it_calls_it(shop: Shop) -> None:
    order = Order(
        "x1",
        "UC-X1",
        "marketplace-a",
        OrderStatus.CONFIRMED,
        (OrderLine("x1.1", SKU, "Essence", 1, Money(76000, "CNY")),),
        "CNY",
        NOON,
        NOON,
        "marketplace-a",
        system="marketplace-a",
        external=(Provenance("marketplace-a", "A-77", NOON),),
    )
    told = Taken(order, "x1-hold", None, (), {})

    def decide(books: Books) -> tuple[Change, str]:
        return take(books, told), order.id

    await shop.engine.run(Command(None, "", Scope(orders=frozenset(["x1"])), decide))
    by = {"external": {"system": "marketplace-a", "id": "A-77"}}

    answer = await ask(shop, ORDER, OPERATOR, by=by)

    assert answer.data["order"]["number"] == "UC-X1"
    assert answer.data["order"]["provenance"] == [{"system": "marketplace-a", "externalId": "A-77"}]
    foreign = replace(PARTNER, channels=("marketplace-b",))
    assert (await ask(shop, ORDER, foreign, by=by)).data == {"order": None}
