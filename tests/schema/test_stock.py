"""Promises, levels and corrections, with the terms and the age of what they rest on."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.sandbox import chain, goods
from resolvers.access import Principal, Role
from schema.ids import seal
from tests.schema.asking import ask, hold
from tests.support import CHANNEL, MANAGER, SHOPPER, SKU, Shop, open_shop

PROMISE = """query ($skus: [String!]!, $channel: String!, $method: FulfillmentMethod,
                    $near: GeoPointInput) {
  availability(skus: $skus, channel: $channel, method: $method, near: $near) {
    id sku channel availableToPromise asOf stale
    explain { kind quantity locationCode rule provenance { system externalId stale } }
    pickup { location { code } availableToPromise readyInMinutes distanceKm }
  }
}"""

LEVELS = """query ($filter: StockLevelFilter) {
  stockLevels(first: 100, filter: $filter) { nodes {
    id onHand softReserved hardReserved safetyStock availableToPromise incoming
    variant { sku } location { code } provenance { system ageSeconds stale }
  } }
}"""

ADJUST = """mutation ($input: AdjustStockInput!) {
  adjustStock(input: $input) {
    stockLevel { onHand location { code } }
    replayed
    userErrors { code field }
  }
}"""

ERP = {"system": "erp", "externalId": SKU, "stale": False}


async def test_a_promise_is_the_sum_of_its_terms(shop: Shop) -> None:
    await hold(shop, "k", lines=[{"sku": SKU, "quantity": 2}], locationCode="WH-01")

    answer = await ask(shop, PROMISE, skus=[SKU], channel=CHANNEL)

    [promise] = answer.data["availability"]
    assert promise["availableToPromise"] == 5
    assert sum(term["quantity"] for term in promise["explain"]) == 5
    assert promise["explain"] == [
        {"kind": kind, "quantity": units, "locationCode": at, "rule": rule, "provenance": ERP}
        for kind, units, at, rule in [
            ("ON_HAND", 3, "ST-01", None),
            ("SAFETY_STOCK", -1, "ST-01", "location"),
            ("ON_HAND", 5, "WH-01", None),
            ("SOFT_RESERVED", -2, "WH-01", None),
        ]
    ]
    assert promise["asOf"] == "2026-03-02T12:00:00Z"


async def test_promises_come_in_the_order_asked_with_null_for_the_unknown(shop: Shop) -> None:
    answer = await ask(shop, PROMISE, skus=["none", "BT-0002-30ML", SKU], channel=CHANNEL)

    units = [one and one["availableToPromise"] for one in answer.data["availability"]]
    assert units == [None, 0, 7]


async def test_only_places_that_can_serve_the_method_count(shop: Shop) -> None:
    answer = await ask(shop, PROMISE, skus=[SKU], channel=CHANNEL, method="PICKUP")

    [promise] = answer.data["availability"]
    assert promise["availableToPromise"] == 2


async def test_a_buyer_fetches_from_nearby_first(shop: Shop) -> None:
    await shop.stocked(SKU, "ST-02", 2)
    hangzhou = {"latitude": 30.25, "longitude": 120.16}

    answer = await ask(shop, PROMISE, skus=[SKU], channel=CHANNEL, near=hangzhou)

    [promise] = answer.data["availability"]
    assert [place["location"]["code"] for place in promise["pickup"]] == ["ST-02", "ST-01"]
    assert promise["pickup"][0]["distanceKm"] == pytest.approx(2.8, abs=0.1)
    assert promise["pickup"][0]["readyInMinutes"] == 60
    assert promise["pickup"][0]["availableToPromise"] == 1


@pytest.mark.parametrize(
    "asked",
    [{"channel": "store"}, {"method": "PICKUP"}, {"near": {"latitude": 31.0, "longitude": 121.0}}],
)
async def test_a_promise_asked_for_otherwise_has_an_id_of_its_own(
    shop: Shop, asked: dict[str, Any]
) -> None:
    """A client's cache would else show one buyer's distances to another."""
    plain = await ask(shop, PROMISE, skus=[SKU], channel=CHANNEL)

    other = await ask(shop, PROMISE, **{"skus": [SKU], "channel": CHANNEL, **asked})

    [one], [two] = plain.data["availability"], other.data["availability"]
    assert one["id"] != two["id"]
    assert one["id"] == seal("Availability", SKU, CHANNEL, "", "")


async def test_a_promise_on_old_numbers_is_served_and_marked(shop: Shop) -> None:
    shop.clock.advance(seconds=400)
    await shop.stocked(SKU, "ST-01", 3)

    answer = await ask(shop, PROMISE, skus=[SKU], channel=CHANNEL)

    [promise] = answer.data["availability"]
    assert (promise["availableToPromise"], promise["stale"]) == (7, True)
    marked = {term["locationCode"]: term["provenance"]["stale"] for term in promise["explain"]}
    assert marked == {"ST-01": False, "WH-01": True}
    assert answer.errors == []
    assert answer.warnings == [
        {
            "code": "STALE",
            "message": "erp was last heard 400 s ago; its numbers may have changed",
            "sku": SKU,
        }
    ]


async def test_what_the_house_itself_owns_is_never_stale() -> None:
    shop = await open_shop()
    await shop.furnish(locations=[replace(at, authority=None) for at in chain.LOCATIONS])
    await shop.stocked(SKU, "WH-01", 5)
    shop.clock.advance(days=3)

    answer = await ask(shop, PROMISE, skus=[SKU], channel=CHANNEL)

    [promise] = answer.data["availability"]
    assert (promise["availableToPromise"], promise["stale"]) == (5, False)
    assert promise["explain"][0]["provenance"]["system"] == "gateway"
    assert answer.warnings == []


async def test_a_level_says_what_is_there_and_what_is_promised_of_it(shop: Shop) -> None:
    await hold(shop, "k", locationCode="ST-01")

    answer = await ask(shop, LEVELS, filter={"locationCode": ["ST-01"]})

    assert answer.data["stockLevels"]["nodes"] == [
        {
            "id": seal("StockLevel", SKU, "ST-01"),
            "onHand": 3,
            "softReserved": 1,
            "hardReserved": 0,
            "safetyStock": 1,
            "availableToPromise": 1,
            "incoming": 0,
            "variant": {"sku": SKU},
            "location": {"code": "ST-01"},
            "provenance": {"system": "erp", "ageSeconds": 0.0, "stale": False},
        }
    ]


async def test_a_level_of_a_sku_that_the_catalogue_has_not_is_left_out(shop: Shop) -> None:
    """Its variant could not be told, and one such level would take the whole page away."""
    await shop.stocked("BT-0000-GONE", "WH-01", 9)

    answer = await ask(shop, LEVELS, filter={"locationCode": ["WH-01"]})

    assert [level["variant"]["sku"] for level in answer.data["stockLevels"]["nodes"]] == [SKU]


async def test_the_levels_of_a_variant_are_walked_by_location(shop: Shop) -> None:
    document = """query ($after: String, $codes: [String!]) { variant(by: {sku: "BT-0001-30ML"}) {
      stockLevels(first: 1, after: $after, locationCodes: $codes) {
        nodes { location { code } } pageInfo { hasNextPage endCursor }
      }
    } }"""

    first = (await ask(shop, document)).data["variant"]["stockLevels"]
    then = await ask(shop, document, after=first["pageInfo"]["endCursor"])
    there = await ask(shop, document, codes=["WH-01"])

    assert first["nodes"] == [{"location": {"code": "ST-01"}}]
    assert then.data["variant"]["stockLevels"]["nodes"] == [{"location": {"code": "WH-01"}}]
    assert there.data["variant"]["stockLevels"]["nodes"] == [{"location": {"code": "WH-01"}}]


@pytest.fixture
async def own() -> Shop:
    """A shop whose numbers the house itself owns: corrections need no backend."""
    shop = await open_shop()
    await shop.furnish(locations=[replace(at, authority=None) for at in chain.LOCATIONS])
    await shop.stocked(SKU, "ST-01", 3)
    return shop


def correction(key: str, **more: object) -> dict[str, object]:
    return {
        "idempotencyKey": key,
        "sku": SKU,
        "locationCode": "ST-01",
        "reason": "COUNT",
        **more,
    }


async def test_a_correction_moves_what_is_there_once(own: Shop) -> None:
    asked = correction("k", delta=-1)

    first = await ask(own, ADJUST, MANAGER, input=asked)
    again = await ask(own, ADJUST, MANAGER, input=asked)

    level = {"onHand": 2, "location": {"code": "ST-01"}}
    assert first.data["adjustStock"] == {"stockLevel": level, "replayed": False, "userErrors": []}
    assert again.data["adjustStock"] == {"stockLevel": level, "replayed": True, "userErrors": []}


async def test_a_recount_sets_what_is_there_if_it_was_what_was_expected(own: Shop) -> None:
    counted = {"onHand": 7, "expected": 3}

    good = await ask(own, ADJUST, MANAGER, input=correction("a", recount=counted))
    late = await ask(own, ADJUST, MANAGER, input=correction("b", recount=counted))

    assert good.data["adjustStock"]["stockLevel"]["onHand"] == 7
    assert late.data["adjustStock"] == {
        "stockLevel": None,
        "replayed": False,
        "userErrors": [{"code": "STOCK_MOVED", "field": ["input", "recount", "expected"]}],
    }


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({}, "INVALID_INPUT", ["input"]),
        ({"delta": 1, "recount": {"onHand": 1, "expected": 3}}, "INVALID_INPUT", ["input"]),
        ({"delta": 0}, "INVALID_INPUT", ["input", "delta"]),
        ({"delta": -4}, "INVALID_INPUT", ["input", "delta"]),
        (
            {"recount": {"onHand": -1, "expected": 3}},
            "INVALID_INPUT",
            ["input", "recount", "onHand"],
        ),
        ({"delta": 1, "sku": "none"}, "NOT_FOUND", ["input", "sku"]),
    ],
)
async def test_a_correction_that_cannot_be_meant_changes_nothing(
    own: Shop, wrong: dict[str, object], code: str, field: list[str]
) -> None:
    answer = await ask(own, ADJUST, MANAGER, input=correction("k", **wrong))

    assert answer.data["adjustStock"]["stockLevel"] is None
    assert answer.data["adjustStock"]["userErrors"] == [{"code": code, "field": field}]
    levels = await ask(own, LEVELS, SHOPPER, filter={"sku": [SKU]})
    assert levels.data["stockLevels"]["nodes"][0]["onHand"] == 3


async def test_staff_corrects_its_own_shop_only(own: Shop) -> None:
    answer = await ask(own, ADJUST, MANAGER, input=correction("k", delta=1, locationCode="ST-02"))

    assert answer.code == "FORBIDDEN"


async def test_a_bundle_is_promised_by_its_scarcest_part() -> None:
    shop = await open_shop()
    await shop.furnish(goods.catalogue())
    essence, perfume = goods.variants_by_sku()["BT-0313-SET"].components
    await shop.stocked(essence.sku, "WH-01", 4 * essence.quantity)
    await shop.stocked(perfume.sku, "WH-01", 9 * perfume.quantity)
    admin = Principal(Role.ADMIN, "admin")

    answer = await ask(shop, PROMISE, admin, skus=["BT-0313-SET"], channel=CHANNEL)

    [promise] = answer.data["availability"]
    assert promise["availableToPromise"] == 4
    assert promise["explain"] == [
        {
            "kind": "COMPONENT",
            "quantity": 4,
            "locationCode": None,
            "rule": f"{essence.quantity} x {essence.sku}",
            "provenance": None,
        }
    ]
