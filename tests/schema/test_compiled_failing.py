"""Where a part of a query fails, all else of it is answered as if there were no plans: by the same
door and in the same request (G1, G5).

What one field reads is read for others, too. So one that fails, and with it whoever waits beside
it, must not take from the others what they wait for.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from resolvers.access import Principal
from schema.compiled.running import Compiled
from schema.in_order import errors_in_order
from schema.info import RequestContext
from schema.operations import Operation, run
from schema.root import BOUNDS, build_schema
from tests.support import CHANNEL, GUEST, OPERATOR, SKU, Shop, open_shop, open_store

SKUS = (SKU, "BT-0001-50ML", "BT-0002-30ML", "BT-0003-30ML")
OF_ALL = f"skus: {json.dumps(SKUS)}"
BOTH = 'ids: ["VmFyaWFudDpCVC0wMDAxLTMwTUw", "UHJvZHVjdDphbWJlci1lc3NlbmNlLTAwMQ"]'
NOWHERE = "near: {latitude: 31, longitude: 999}"
ONE = f'variant(by: {{sku: "{SKU}"}})'
FEW_SECONDS = 5


@pytest.fixture(params=["memory", "sqlite"])
async def shop(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[Shop]:
    """A shop of which nothing was heard for a day, so that answers about it have warnings."""
    store = await open_store(str(tmp_path)) if request.param == "sqlite" else None
    shop = await open_shop(store)
    for sku in SKUS:
        await shop.stocked(sku, "WH-01", 7)
    shop.clock.advance(days=1)
    yield shop
    await shop.close()


async def answered(shop: Shop, text: str, caller: Principal, *, compiled: bool) -> Any:
    schema = build_schema(compiled=compiled)
    if compiled:
        schema.compiled = Compiled(schema, BOUNDS, after=0)
    context = RequestContext(shop.context(caller), [], "r-1")
    async with asyncio.timeout(FEW_SECONDS):
        return (await run(schema, Operation(text, {}), context)).body


DOCUMENTS = {
    "beside what is read once": f"""{{ variants(skus: ["{SKU}"]) {{
        availability(channel: "nope") {{ sku }} product {{ handle }} }} }}""",
    "the same is read elsewhere": f"""{{
        a: {ONE} {{ product {{ handle }} availability(channel: "nope") {{ sku }} }}
        b: {ONE} {{ product {{ handle }} }} }}""",
    "the same, at a wrong place": f"""{{
        a: {ONE} {{ product {{ handle }} x: availability(channel: "store", {NOWHERE}) {{ sku }} }}
        b: {ONE} {{ product {{ handle }} }} }}""",
    "the same stock is read elsewhere": f"""{{ nodes({BOTH}) {{
        ... on Variant {{ x: availability(channel: "store", {NOWHERE}) {{ sku }} }}
        ... on Product {{ variants(first: 1) {{ nodes {{
          availability(channel: "{CHANNEL}") {{ sku }} }} }} }} }} }}""",
    "after others have warned": f"""{{ products(first: 2) {{ nodes {{ variants(first: 2) {{ nodes {{
        availability(channel: "{CHANNEL}") {{ availableToPromise }}
        product {{ variants(first: 2) {{ nodes {{
          availability(channel: "nope") {{ sku }} }} }} }} }} }} }} }} }}""",
    "before what fails otherwise": f"""{{
        a: variants({OF_ALL}) {{ availability(channel: "nope") {{ sku }} }}
        b: {ONE} {{ availability(channel: "{CHANNEL}") {{
          pickup(first: 0) {{ availableToPromise }} }} }} }}""",
    "one by one": f"""{{ nodes({BOTH}) {{ id }} q: variants({OF_ALL}) {{
        x: availability(channel: "store", method: PICKUP) {{
          pickup(first: 0) {{ availableToPromise }} }}
        product {{ variants(first: 1) {{ nodes {{
          stockLevels(first: 2) {{ nodes {{ variant {{ sku }} }} }} }} }} }} }} }}""",
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_what_fails_takes_nothing_from_others(shop: Shop, name: str) -> None:
    caller = OPERATOR if name == "one by one" else GUEST
    told = [
        await answered(shop, DOCUMENTS[name], caller, compiled=compiled)
        for compiled in (False, True)
    ]

    assert json.dumps(told[1]) == json.dumps(told[0])
    assert {error["extensions"]["code"] for error in told[0]["errors"]} <= {
        "NOT_FOUND",
        "INVALID_INPUT",
    }
    assert told[0]["errors"]


async def test_errors_and_warnings_come_by_their_places(shop: Shop) -> None:
    told = await answered(shop, DOCUMENTS["one by one"], OPERATOR, compiled=True)

    assert [error["path"][:2] for error in told["errors"]] == [["q", at] for at in range(4)]
    warned = [it.get("sku") or it["path"] for it in told["extensions"]["warnings"]]
    assert warned == [["q"], SKU, "BT-0002-30ML", "BT-0003-30ML"]


def test_an_error_stands_where_its_answer_ends() -> None:
    class At:
        """An error as far as its place goes."""

        def __init__(self, *path: str | int) -> None:
            self.path = list(path) or None

    data = {"b": [{"x": None, "y": 1}, None], "a": None}
    came = [At("a"), At("b", 1, "x"), At("b", 0, "x"), At("a", "z"), At()]
    told: Any = errors_in_order(came, data)  # type: ignore[arg-type]  # by shape

    assert [it.path for it in told] == [None, ["b", 0, "x"], ["b", 1, "x"], ["a"], ["a", "z"]]
