"""The ledger through the schema: what moved, what is oversold, and that nothing drifts (S1)."""

from collections.abc import AsyncIterator

import pytest

from resolvers.upkeep_port import Row
from tests.schema.asking import ask
from tests.support import MANAGER, OPERATOR, OTHER_SHOPPER, SHOPPER, SKU, Shop, open_shop

ENTRIES = """query ($sku: [String!], $first: Int!, $after: String) {
  stockLevels(first: 1, filter: {sku: $sku, locationCode: ["ST-01"]}) { nodes {
    entriesSince
    entries(first: $first, after: $after) {
      nodes { kind onHand softReserved cause source channel condition }
      pageInfo { hasNextPage endCursor }
    }
  } }
}"""
HOLD = """mutation ($key: String!, $sku: String!) { reserveStock(input: {
  idempotencyKey: $key, channel: "mini-program", locationCode: "ST-01",
  lines: [{sku: $sku, quantity: 2}]
}) { reservation { id } userErrors { code } } }"""
OVERSELLS = """{ oversells(first: 10) { nodes {
  missing stockLevel { onHand location { code } } reservations { id } orders { number }
} } }"""


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Five units in a shop, two of them held for a shopper."""
    shop = await open_shop()
    await shop.stocked(SKU, "ST-01", 5)
    yield shop
    await shop.close()


async def test_what_moved_a_level_is_told_the_newest_first_page_by_page(shop):
    held = (await ask(shop, HOLD, key="k", sku=SKU)).data["reserveStock"]["reservation"]

    first = await ask(shop, ENTRIES, MANAGER, sku=[SKU], first=1)
    [level] = first.data["stockLevels"]["nodes"]
    page = level["entries"]["pageInfo"]
    rest = await ask(shop, ENTRIES, MANAGER, sku=[SKU], first=1, after=page["endCursor"])

    assert held is not None
    assert level["entriesSince"] is None
    [hold] = level["entries"]["nodes"]
    assert (hold["kind"], hold["softReserved"], hold["channel"]) == ("HOLD", 2, "mini-program")
    assert page["hasNextPage"] is True
    assert rest.data["stockLevels"]["nodes"][0]["entries"]["nodes"] == [
        {
            "kind": "COUNT",
            "onHand": 5,
            "softReserved": 0,
            "cause": "erp@2",
            "source": "erp",
            "channel": None,
            "condition": "SELLABLE",
        }
    ]


async def test_a_shopper_is_told_of_no_movements(shop):
    answer = await ask(shop, ENTRIES, SHOPPER, sku=[SKU], first=1)

    assert answer.code == "FORBIDDEN"


async def test_a_sound_house_has_nothing_to_reconcile_and_only_the_house_asks(shop):
    document = "{ reconciliation(first: 10) { nodes { sku quantity } pageInfo { hasNextPage } } }"

    asked = await ask(shop, document, OPERATOR)
    refused = await ask(shop, document, OTHER_SHOPPER)

    assert asked.data["reconciliation"] == {"nodes": [], "pageInfo": {"hasNextPage": False}}
    assert refused.code == "FORBIDDEN"


async def test_a_drift_says_what_and_where_by_how_much_and_who_moved_the_place_last(shop):
    [row] = await shop.store.upkeep.dump("positions", None, 2)
    wrong = row.body.replace(b'"on_hand":5', b'"on_hand":7')
    await shop.store.upkeep.load("positions", [Row(row.key, wrong)])

    answer = await ask(
        shop,
        """{ reconciliation(first: 10) { nodes {
          sku variant { sku } locationCode location { code } quantity of stored rebuilt difference
          source
        } } }""",
        OPERATOR,
    )

    assert answer.errors == []
    assert answer.data["reconciliation"]["nodes"] == [
        {
            "sku": SKU,
            "variant": {"sku": SKU},
            "locationCode": "ST-01",
            "location": {"code": "ST-01"},
            "quantity": "on_hand",
            "of": None,
            "stored": 7,
            "rebuilt": 5,
            "difference": 2,
            "source": "erp",
        }
    ]


async def test_what_is_oversold_is_told_with_whom_it_touches(shop):
    held = (await ask(shop, HOLD, key="k", sku=SKU)).data["reserveStock"]["reservation"]
    await shop.stocked(SKU, "ST-01", 1)

    answer = await ask(shop, OVERSELLS, OPERATOR)

    assert answer.data["oversells"]["nodes"] == [
        {
            "missing": 1,
            "stockLevel": {"onHand": 1, "location": {"code": "ST-01"}},
            "reservations": [held],
            "orders": [],
        }
    ]
