"""A subscription that is run straight from its document tells what the library would (G5)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from resolvers.access import NOBODY, Principal
from schema.info import RequestContext
from schema.operations import Operation, watch
from schema.root import build_schema
from tests.schema.asking import hold
from tests.support import MANAGER, SHOPPER, SKU, Shop

STOCK, FAST = build_schema(compiled=False), build_schema(compiled=True)

WATCH = """subscription W($skus: [String!]!, $at: [String!], $cost: Boolean = false) {
  stockChanged(skus: $skus, locationCodes: $at) {
    id softReserved location { code } ... on StockLevel { onHand }
    variant { sku unitCost @include(if: $cost) { amount } }
    entries(first: 1) @include(if: $cost) { nodes { kind } }
  }
}"""
ONE = {"skus": [SKU], "at": ["WH-01"]}

CASES: Mapping[str, tuple[str, Mapping[str, Any], str | None, Principal]] = {
    "told": (WATCH, ONE, None, SHOPPER),
    "told by name": (WATCH, ONE, "W", SHOPPER),
    "told what others are not": (WATCH, {**ONE, "cost": True}, None, MANAGER),
    "told in part": (WATCH, {**ONE, "cost": True}, None, SHOPPER),
    "no such name": (WATCH, ONE, "X", SHOPPER),
    "no variables": (WATCH, {}, None, SHOPPER),
    "a variable of another type": (WATCH, {"skus": [1]}, None, SHOPPER),
    "an unknown SKU": (WATCH, {"skus": [SKU, "none"]}, None, SHOPPER),
    "an unknown field": ("subscription { stockChanged(skus: []) { nonsense } }", {}, None, SHOPPER),
    "not for everybody": ("subscription { stockSignal { kind } }", {}, None, NOBODY),
    "no subscription": ("{ channels { code } }", {}, None, SHOPPER),
}


@pytest.fixture
async def awake(shop: Shop) -> AsyncIterator[Shop]:
    """A shop whose watchers are woken."""
    tail = asyncio.create_task(shop.watch.tail())
    await asyncio.sleep(0)
    yield shop
    tail.cancel()


@pytest.mark.parametrize("name", CASES)
async def test_the_same_is_told(awake: Shop, name: str) -> None:
    document, variables, named, caller = CASES[name]
    told = []
    async with asyncio.timeout(10):
        streams = [
            watch(
                schema,
                Operation(document, variables, named),
                RequestContext(awake.context(caller), [], "r-1"),
            )
            for schema in (STOCK, FAST)
        ]
        async with aclosing(streams[0]) as theirs, aclosing(streams[1]) as ours:
            told.append((await anext(theirs), await anext(ours)))
            if name.startswith("told"):
                await hold(awake, "k", locationCode="WH-01")
                told.append((await anext(theirs), await anext(ours)))

    for theirs_told, ours_told in told:
        assert ours_told == theirs_told
        assert ("data" in ours_told.body) == name.startswith("told")
    if name == "told":
        [first, second] = [ours.body["data"]["stockChanged"] for _, ours in told]
        assert (first["softReserved"], second["softReserved"]) == (0, 1)
