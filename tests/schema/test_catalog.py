"""Products, variants, places and channels, as they are found and as they answer."""

from typing import Any

import pytest

from connectors.sandbox import goods
from resolvers.access import NOBODY
from schema.ids import seal
from tests.schema.asking import ask
from tests.support import Shop, open_shop

PRODUCT = """query ($by: ProductBy!) { product(by: $by) {
  id handle brand description categories media { url alt }
  zh: title(locale: "zh-CN") en: title(locale: "en-GB") other: title(locale: "fr")
  provenance { system externalId observedAt ageSeconds stale }
} }"""

VARIANT = """query ($by: VariantBy!) { variant(by: $by) {
  id sku barcodes title(locale: "en") options { name value } components { quantity }
  product { handle }
  sold: price(channel: "mini-program") { amount currencyCode }
  unsold: price(channel: "none") { amount }
} }"""

AMBER = {
    "id": seal("Product", "amber-essence-001"),
    "handle": "amber-essence-001",
    "brand": "Velorine",
    "description": "Velorine 琥珀系列：水润精华。示例商品，仅供演示。",
    "categories": ["beauty/skincare"],
    "media": [{"url": "https://media.example.com/amber-essence-001.jpg", "alt": "琥珀水润精华"}],
    "zh": "琥珀水润精华",
    "en": "Amber Hydrating Essence",
    "other": "琥珀水润精华",
    "provenance": [
        {
            "system": "erp",
            "externalId": "700001",
            "observedAt": "2026-03-02T12:00:00Z",
            "ageSeconds": 0.0,
            "stale": False,
        }
    ],
}

ESSENCE = {
    "id": seal("Variant", "BT-0001-30ML"),
    "sku": "BT-0001-30ML",
    "barcodes": [goods.barcode(1, 0)],
    "title": "Amber Hydrating Essence 30ml",
    "options": [{"name": "size", "value": "30ml"}],
    "components": [],
    "product": {"handle": "amber-essence-001"},
    "sold": {"amount": "760.00", "currencyCode": "CNY"},
    "unsold": None,
}


@pytest.mark.parametrize("by", [{"handle": "amber-essence-001"}, {"id": AMBER["id"]}])
async def test_a_product_is_found_by_each_of_its_names(shop: Shop, by: dict[str, str]) -> None:
    assert (await ask(shop, PRODUCT, by=by)).data == {"product": AMBER}


@pytest.mark.parametrize(
    "by", [{"sku": "BT-0001-30ML"}, {"id": ESSENCE["id"]}, {"barcode": goods.barcode(1, 0)}]
)
async def test_a_variant_is_found_by_each_of_its_names(shop: Shop, by: dict[str, str]) -> None:
    assert (await ask(shop, VARIANT, by=by)).data == {"variant": ESSENCE}


@pytest.mark.parametrize(
    ("document", "name", "by"),
    [
        (PRODUCT, "product", {"handle": "none"}),
        (PRODUCT, "product", {"id": "amber-essence-001"}),
        (PRODUCT, "product", {"id": seal("Variant", "BT-0001-30ML")}),
        (VARIANT, "variant", {"sku": "bt-0001-30ml"}),
        (VARIANT, "variant", {"barcode": "0"}),
        (VARIANT, "variant", {"id": "BT-0001-30ML"}),
    ],
)
async def test_what_is_not_there_is_null(
    shop: Shop, document: str, name: str, by: dict[str, str]
) -> None:
    answer = await ask(shop, document, by=by)

    assert (answer.data, answer.errors) == ({name: None}, [])


async def test_variants_come_in_the_order_asked_with_null_for_the_unknown(shop: Shop) -> None:
    skus = ["BT-0002-30ML", "none", "BT-0001-30ML", "BT-0002-30ML"]

    answer = await ask(shop, "query ($s: [String!]!) { variants(skus: $s) { sku } }", s=skus)

    found = [one and one["sku"] for one in answer.data["variants"]]
    assert found == ["BT-0002-30ML", None, "BT-0001-30ML", "BT-0002-30ML"]


async def test_a_bundle_names_its_parts() -> None:
    shop = await open_shop()
    await shop.furnish(goods.catalogue())
    document = """{ variant(by: {sku: "BT-0313-SET"}) {
      components { quantity variant { sku } }
    } }"""

    answer = await ask(shop, document)

    parts = goods.variants_by_sku()["BT-0313-SET"].components
    assert answer.data["variant"]["components"] == [
        {"quantity": part.quantity, "variant": {"sku": part.sku}} for part in parts
    ]
    assert len(parts) == 2


@pytest.mark.parametrize(
    ("filter", "count"),
    [
        ({"search": "amber"}, 10),
        ({"search": "琥珀"}, 10),
        ({"brand": ["Lumarelle"]}, 10),
        ({"category": ["beauty"]}, 20),
        ({"category": ["leather"]}, 0),
        ({"channel": "store"}, 20),
        ({"inStock": True}, 1),
        ({"search": "amber", "brand": ["Lumarelle"]}, 0),
    ],
)
async def test_products_are_found_by_what_they_are(
    shop: Shop, filter: dict[str, Any], count: int
) -> None:
    document = """query ($f: ProductFilter) {
      products(first: 100, filter: $f) { nodes { handle } }
    }"""

    answer = await ask(shop, document, f=filter)

    assert len(answer.data["products"]["nodes"]) == count


async def test_a_location_says_where_it_is_and_when_it_opens(shop: Shop) -> None:
    document = """{ location(by: {code: "ST-01"}) {
      id code name kind region capabilities address phone timeZone activeFrom activeTo
      geo { latitude longitude } openingHours { weekday opens closes }
    } }"""

    answer = await ask(shop, document, NOBODY)

    assert answer.data["location"] == {
        "id": seal("Location", "ST-01"),
        "code": "ST-01",
        "name": "上海静安店",
        "kind": "STORE",
        "region": "华东",
        "capabilities": ["PICKUP", "SHIP_FROM", "RETURN", "SERVICE"],
        "address": "上海市静安区示例西路 101 号",
        "phone": "+862100000001",
        "timeZone": "Asia/Shanghai",
        "activeFrom": None,
        "activeTo": None,
        "geo": {"latitude": 31.2304, "longitude": 121.4737},
        "openingHours": [
            {"weekday": day, "opens": "10:00", "closes": "22:00"} for day in range(1, 8)
        ],
    }


@pytest.mark.parametrize(
    ("filter", "codes"),
    [
        ({"kind": ["WAREHOUSE", "DARK_STORE"]}, ["DS-01", "WH-01"]),
        ({"region": ["华南"], "capability": ["PICKUP"]}, ["ST-06", "ST-07", "ST-08"]),
        ({"capability": []}, None),
    ],
)
async def test_locations_are_found_by_what_they_are(
    shop: Shop, filter: dict[str, Any], codes: list[str] | None
) -> None:
    document = """query ($f: LocationFilter) {
      locations(first: 100, filter: $f) { nodes { code } }
    }"""

    answer = await ask(shop, document, f=filter)

    found = [place["code"] for place in answer.data["locations"]["nodes"]]
    assert found == codes if codes is not None else len(found) == 12


async def test_channels_say_what_they_are_and_what_they_are_paid_in(shop: Shop) -> None:
    answer = await ask(shop, "{ channels { code kind currencyCode } }")

    assert answer.data["channels"][:2] == [
        {"code": "mini-program", "kind": "ONLINE", "currencyCode": "CNY"},
        {"code": "store", "kind": "IN_STORE", "currencyCode": "CNY"},
    ]


async def test_a_catalogue_that_was_not_heard_for_long_is_served_with_a_warning(
    shop: Shop,
) -> None:
    shop.clock.advance(seconds=301)

    answer = await ask(shop, "{ all: products(first: 1) { nodes { provenance { stale } } } }")

    assert answer.data["all"]["nodes"] == [{"provenance": [{"stale": True}]}]
    assert answer.errors == []
    assert answer.warnings == [
        {
            "code": "STALE",
            "message": "the catalogue of erp was last heard 301 s ago",
            "path": ["all"],
        }
    ]


async def test_a_fact_is_as_fresh_as_the_last_word_of_its_system(shop: Shop) -> None:
    shop.clock.advance(hours=5)
    await shop.heard("catalog")

    answer = await ask(shop, PRODUCT, by={"handle": "amber-essence-001"})

    [fact] = answer.data["product"]["provenance"]
    assert (fact["observedAt"], fact["stale"]) == ("2026-03-02T17:00:00Z", False)
    assert answer.warnings == []
