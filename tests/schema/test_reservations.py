"""Holds over the schema: what they answer, what refuses them, and that nothing changes then."""

from typing import Any

import pytest

from connectors.sandbox import goods
from resolvers.access import Principal, Role
from schema.ids import seal
from tests.schema.asking import HOLD, ask, hold, place
from tests.support import (
    ASSOCIATE,
    CHANNEL,
    GUEST,
    OTHER_SHOPPER,
    PARTNER,
    SHOPPER,
    SKU,
    Shop,
    open_shop,
)

EXTEND = """mutation ($input: ExtendReservationInput!) {
  extendReservation(input: $input) {
    reservation { id status expiresAt } replayed userErrors { code message field }
  }
}"""

RELEASE = """mutation ($input: ReleaseReservationInput!) {
  releaseReservation(input: $input) {
    reservation { id status expiresAt lines { quantity pins { quantity } } }
    replayed userErrors { code field }
  }
}"""

RESERVATION = """query ($id: ID!) { reservation(id: $id) {
  id status channel createdAt expiresAt memberId orderId order { number }
  lines { sku quantity pins { sku locationCode location { name } quantity tentative } }
} }"""


async def test_a_hold_says_what_backs_it_and_until_when(shop: Shop) -> None:
    made = await hold(shop, "k", lines=[{"sku": SKU, "quantity": 2}], ttlSeconds=600)

    answer = await ask(shop, RESERVATION, id=made["reservation"]["id"])

    assert answer.data["reservation"] == {
        "id": seal("Reservation", "id-000001"),
        "status": "HELD",
        "channel": CHANNEL,
        "createdAt": "2026-03-02T12:00:00Z",
        "expiresAt": "2026-03-02T12:10:00Z",
        "memberId": seal("Member", "M-1"),
        "orderId": None,
        "order": None,
        "lines": [
            {
                "sku": SKU,
                "quantity": 2,
                "pins": [
                    {
                        "sku": SKU,
                        "locationCode": "WH-01",
                        "location": {"name": "上海中央仓"},
                        "quantity": 2,
                        "tentative": True,
                    }
                ],
            }
        ],
    }
    assert await shop.available(SKU) == 5


async def test_the_same_key_answers_what_was_held_and_holds_no_more(shop: Shop) -> None:
    first = await hold(shop, "k")
    again = await hold(shop, "k")

    assert first["replayed"] is False
    assert again == {**first, "replayed": True}
    assert await shop.available(SKU) == 6


async def test_the_same_key_of_another_caller_is_another_key(shop: Shop) -> None:
    first = await hold(shop, "k")
    other = await hold(shop, "k", OTHER_SHOPPER)

    assert other["replayed"] is False
    assert other["reservation"]["id"] != first["reservation"]["id"]


async def test_each_line_that_is_short_is_told_by_itself(shop: Shop) -> None:
    lines = [
        {"sku": "BT-0002-30ML", "quantity": 1},
        {"sku": SKU, "quantity": 1},
        {"sku": "BT-0003-30ML", "quantity": 2},
    ]

    refused = await hold(shop, "k", lines=lines)

    assert refused["reservation"] is None
    assert refused["userErrors"] == [
        {
            "__typename": "InsufficientStockError",
            "code": "INSUFFICIENT_STOCK",
            "message": f"0 of {asked} units of {sku} can be promised now",
            "field": ["input", "lines", at],
            "sku": sku,
            "requested": asked,
            "availableToPromise": 0,
        }
        for at, sku, asked in [("0", "BT-0002-30ML", 1), ("2", "BT-0003-30ML", 2)]
    ]
    assert await shop.available(SKU) == 7


async def test_the_same_sku_in_two_lines_is_summed(shop: Shop) -> None:
    made = await hold(shop, "k", lines=[{"sku": SKU, "quantity": 2}, {"sku": SKU, "quantity": 3}])

    [line] = made["reservation"]["lines"]
    assert (line["sku"], line["quantity"]) == (SKU, 5)


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"channel": "none"}, "NOT_FOUND", ["input", "channel"]),
        ({"lines": []}, "INVALID_INPUT", ["input", "lines"]),
        ({"lines": [{"sku": SKU, "quantity": 1}] * 101}, "INVALID_INPUT", ["input", "lines"]),
        (
            {"lines": [{"sku": SKU, "quantity": 0}]},
            "INVALID_INPUT",
            ["input", "lines", "0", "quantity"],
        ),
        (
            {"lines": [{"sku": SKU, "quantity": 1_000_001}]},
            "INVALID_INPUT",
            ["input", "lines", "0", "quantity"],
        ),
        ({"lines": [{"sku": "none", "quantity": 1}]}, "NOT_FOUND", ["input", "lines", "0", "sku"]),
        ({"locationCode": "none"}, "NOT_FOUND", ["input", "locationCode"]),
        (
            {"locationCode": "WH-01", "method": "PICKUP"},
            "NO_ELIGIBLE_LOCATION",
            ["input", "locationCode"],
        ),
        ({"ttlSeconds": 0}, "INVALID_INPUT", ["input", "ttlSeconds"]),
        ({"ttlSeconds": 3601}, "INVALID_INPUT", ["input", "ttlSeconds"]),
        ({"idempotencyKey": ""}, "INVALID_INPUT", ["input", "idempotencyKey"]),
        ({"idempotencyKey": "k" * 256}, "INVALID_INPUT", ["input", "idempotencyKey"]),
    ],
)
async def test_a_hold_that_cannot_be_meant_names_the_value_and_holds_nothing(
    shop: Shop, wrong: dict[str, Any], code: str, field: list[str] | None
) -> None:
    refused = await hold(shop, "k", **wrong)

    assert refused["reservation"] is None
    [error] = refused["userErrors"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["__typename"] == "RequestError"
    assert await shop.available(SKU) == 7


async def test_a_key_that_comes_with_other_content_is_refused(shop: Shop) -> None:
    await hold(shop, "k")

    refused = await hold(shop, "k", lines=[{"sku": SKU, "quantity": 2}])

    assert [error["code"] for error in refused["userErrors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert await shop.available(SKU) == 6


async def test_a_hold_lives_on_from_when_it_is_extended(shop: Shop) -> None:
    id = (await hold(shop, "k"))["reservation"]["id"]
    shop.clock.advance(minutes=10)

    answer = await ask(
        shop, EXTEND, input={"idempotencyKey": "e", "reservationId": id, "ttlSeconds": 1800}
    )

    assert answer.data["extendReservation"] == {
        "reservation": {"id": id, "status": "HELD", "expiresAt": "2026-03-02T12:40:00Z"},
        "replayed": False,
        "userErrors": [],
    }


async def test_a_hold_whose_time_is_over_is_shown_with_the_refusal(shop: Shop) -> None:
    id = (await hold(shop, "k"))["reservation"]["id"]
    shop.clock.advance(minutes=15)

    extended = await ask(
        shop, EXTEND, input={"idempotencyKey": "e", "reservationId": id, "ttlSeconds": 60}
    )
    released = await ask(shop, RELEASE, input={"idempotencyKey": "r", "reservationId": id})

    for answer in (extended.data["extendReservation"], released.data["releaseReservation"]):
        assert answer["reservation"]["id"] == id
        assert answer["reservation"]["status"] == "EXPIRED"
        assert [error["code"] for error in answer["userErrors"]] == ["RESERVATION_EXPIRED"]
    assert await shop.available(SKU) == 7


async def test_a_hold_that_is_released_gives_its_units_back_at_once(shop: Shop) -> None:
    id = (await hold(shop, "k"))["reservation"]["id"]
    asked = {"idempotencyKey": "r", "reservationId": id, "reason": "changed my mind"}

    first = await ask(shop, RELEASE, input=asked)
    again = await ask(shop, RELEASE, input=asked)

    released = {
        "id": id,
        "status": "RELEASED",
        "expiresAt": None,
        "lines": [{"quantity": 1, "pins": []}],
    }
    assert first.data["releaseReservation"] == {
        "reservation": released,
        "replayed": False,
        "userErrors": [],
    }
    assert again.data["releaseReservation"]["replayed"] is True
    assert await shop.available(SKU) == 7


@pytest.mark.parametrize("id", ["id-000001", "", seal("Order", "id-000001"), "*" * 2000])
async def test_an_id_that_is_no_reservations_is_named_as_wrong(shop: Shop, id: str) -> None:
    await hold(shop, "k")

    answer = await ask(shop, RELEASE, input={"idempotencyKey": "r", "reservationId": id})

    assert answer.data["releaseReservation"] == {
        "reservation": None,
        "replayed": False,
        "userErrors": [{"code": "INVALID_INPUT", "field": ["input", "reservationId"]}],
    }
    assert await shop.available(SKU) == 6


@pytest.mark.parametrize(
    ("caller", "sees"), [(SHOPPER, True), (PARTNER, True), (OTHER_SHOPPER, False)]
)
async def test_a_hold_is_seen_by_its_buyer_and_by_staff_only(
    shop: Shop, caller: Principal, sees: bool
) -> None:
    id = (await hold(shop, "k"))["reservation"]["id"]

    seen = await ask(shop, RESERVATION, caller, id=id)
    given_back = await ask(
        shop, RELEASE, caller, input={"idempotencyKey": "r", "reservationId": id}
    )

    assert (seen.data["reservation"] is not None) is sees
    answer = given_back.data["releaseReservation"]
    assert [error["code"] for error in answer["userErrors"]] == ([] if sees else ["NOT_FOUND"])
    assert await shop.available(SKU) == (7 if sees else 6)


async def test_a_hold_leads_to_its_order(shop: Shop) -> None:
    id = (await hold(shop, "k"))["reservation"]["id"]
    order = (await place(shop, "o", reservationId=id, lines=None))["order"]

    answer = await ask(shop, RESERVATION, id=id)

    assert answer.data["reservation"]["orderId"] == order["id"]
    assert answer.data["reservation"]["order"] == {"number": order["number"]}


async def test_the_lines_of_a_bundle_are_backed_by_its_parts_and_nothing_is_told_twice() -> None:
    shop = await open_shop()
    await shop.furnish(goods.catalogue())
    essence, perfume = goods.variants_by_sku()["BT-0313-SET"].components
    for part in (essence, perfume):
        await shop.stocked(part.sku, "WH-01", 20)
    lines = [{"sku": "BT-0313-SET", "quantity": 2}, {"sku": essence.sku, "quantity": 3}]

    id = (await hold(shop, "k", lines=lines))["reservation"]["id"]

    answer = await ask(shop, RESERVATION, id=id)
    backed = [
        (line["sku"], [(pin["sku"], pin["quantity"]) for pin in line["pins"]])
        for line in answer.data["reservation"]["lines"]
    ]
    assert backed == [
        ("BT-0313-SET", [(essence.sku, 2 * essence.quantity), (perfume.sku, 2 * perfume.quantity)]),
        (essence.sku, [(essence.sku, 3)]),
    ]


async def test_staff_holds_for_a_member_and_a_member_for_itself_only(shop: Shop) -> None:
    for_member = await hold(shop, "k", ASSOCIATE, memberId="M-2")
    asked = {
        "idempotencyKey": "k",
        "channel": CHANNEL,
        "memberId": "M-2",
        "lines": [{"sku": SKU, "quantity": 1}],
    }

    stolen = await ask(shop, HOLD, SHOPPER, input=asked)

    seen = await ask(shop, RESERVATION, OTHER_SHOPPER, id=for_member["reservation"]["id"])
    assert seen.data["reservation"]["memberId"] == seal("Member", "M-2")
    assert stolen.code == "FORBIDDEN"


async def test_mutations_of_one_document_see_what_the_one_before_did(shop: Shop) -> None:
    document = """mutation ($h: ReserveStockInput!, $p: PlaceOrderInput!) {
      reserveStock(input: $h) { reservation { id } }
      placeOrder(input: $p) { order { id } userErrors { code } }
      again: reserveStock(input: $h) { replayed reservation { status order { status } } }
    }"""
    line = {"sku": SKU, "quantity": 1}
    held = {"idempotencyKey": "h", "channel": CHANNEL, "lines": [line]}
    id = (await hold(shop, "h"))["reservation"]["id"]
    ordered = {
        "idempotencyKey": "p",
        "channel": CHANNEL,
        "reservationId": id,
        "delivery": {"pickup": {"locationCode": "ST-01"}},
    }

    answer = await ask(shop, document, h=held, p=ordered)

    assert answer.errors == []
    assert answer.data["placeOrder"]["userErrors"] == []
    assert answer.data["again"] == {
        "replayed": True,
        "reservation": {"status": "HELD", "order": {"status": "PENDING"}},
    }


async def test_a_guest_without_a_member_may_only_look(shop: Shop) -> None:
    asked = {"idempotencyKey": "k", "channel": CHANNEL, "lines": [{"sku": SKU, "quantity": 1}]}

    assert (await ask(shop, HOLD, GUEST, input=asked)).code == "FORBIDDEN"
    assert (await ask(shop, RESERVATION, Principal(Role.GUEST, "g"), id="x")).code == "FORBIDDEN"
