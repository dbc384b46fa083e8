"""Low and out of stock through the schema: as a filter of levels, and as signals (S6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from connectors.sandbox import goods
from resolvers.access import Principal
from tests.schema.asking import ask, hold, states
from tests.support import ASSOCIATE, GUEST, OPERATOR, PARTNER, SHOPPER, SKU, Shop

LEVELS = """query ($filter: StockLevelFilter) {
  stockLevels(first: 100, filter: $filter) { nodes {
    location { code } safetyStock availableToPromise
  } }
}"""

SIGNALS = """subscription ($at: [String!], $kinds: [StockSignalKind!]) {
  stockSignal(locationCodes: $at, kinds: $kinds) {
    kind lowUnits asOf
    stockLevel { availableToPromise location { code } variant { sku } }
  }
}"""

SET = """mutation ($input: SetStockRuleInput!) {
  setStockRule(input: $input) { userErrors { code field message } }
}"""


@pytest.fixture
async def awake(shop: Shop) -> AsyncIterator[Shop]:
    """A shop whose watchers are woken, as the process wakes them."""
    tail = asyncio.create_task(shop.watch.tail())
    await asyncio.sleep(0)
    yield shop
    tail.cancel()


async def test_levels_are_asked_for_by_what_they_are_short_of(shop: Shop) -> None:
    await ask(
        shop, SET, OPERATOR,
        input={"idempotencyKey": "k", "code": "keep", "kind": "SAFETY_STOCK", "quantity": 3},
    )  # fmt: skip

    low = await ask(shop, LEVELS, filter={"lowStock": True})
    out = await ask(shop, LEVELS, filter={"outOfStock": True, "sku": [SKU]})
    neither = await ask(shop, LEVELS, filter={"lowStock": False, "outOfStock": False})

    def level(at: str, available: int) -> dict[str, object]:
        return {"location": {"code": at}, "safetyStock": 3, "availableToPromise": available}

    assert low.data["stockLevels"]["nodes"] == [level("WH-01", 2)]
    assert out.data["stockLevels"]["nodes"] == [level("ST-01", 0)]
    assert neither.data["stockLevels"]["nodes"] == []


async def test_signals_are_followed_with_the_level_that_they_are_about(awake: Shop) -> None:
    asked = {"at": ["WH-01"], "kinds": ["OUT_OF_STOCK", "LOW_STOCK"]}

    async with aclosing(states(awake, SIGNALS, ASSOCIATE, **asked)) as answers:  # type: ignore[type-var]  # it is a generator
        await hold(awake, "k", lines=[{"sku": SKU, "quantity": 4}], locationCode="WH-01")
        async with asyncio.timeout(5):
            answer = await anext(answers)

    assert answer.errors == []
    assert answer.data["stockSignal"] == {
        "kind": "LOW_STOCK",
        "lowUnits": 3,
        "asOf": "2026-03-02T12:00:00Z",
        "stockLevel": {
            "availableToPromise": 1,
            "location": {"code": "WH-01"},
            "variant": {"sku": SKU},
        },
    }


@pytest.mark.parametrize("who", [GUEST, SHOPPER, PARTNER])
async def test_signals_are_for_the_people_of_the_house(shop: Shop, who: Principal) -> None:
    answers = [answer async for answer in states(shop, SIGNALS, who)]

    assert [answer.code for answer in answers] == ["FORBIDDEN"]


async def test_a_place_that_there_is_not_has_no_signals(shop: Shop) -> None:
    answers = [answer async for answer in states(shop, SIGNALS, OPERATOR, at=["none"])]

    assert [answer.code for answer in answers] == ["NOT_FOUND"]
    assert answers[0].errors[0]["extensions"]["field"] == ["locationCodes", "0"]


async def test_a_rule_about_a_bundle_is_refused(shop: Shop) -> None:
    await shop.furnish(goods.catalogue())
    rule = {
        "idempotencyKey": "k",
        "code": "r",
        "kind": "CAP",
        "quantity": 1,
        "skus": ["BT-0313-SET"],
    }

    answer = await ask(shop, SET, OPERATOR, input=rule)

    assert answer.data["setStockRule"]["userErrors"] == [
        {
            "code": "INVALID_INPUT",
            "field": ["input", "skus", "0"],
            "message": "a bundle lies on no shelf; name its parts",
        }
    ]
