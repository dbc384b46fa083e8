"""Our own schema over the sandbox's goods: by a plan and without one every answer is the same, to
every role, and so is what mutations do (G5, G6).
"""

import asyncio
import os
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from graphql import FieldNode, parse, parse_value, print_ast, visit
from graphql.language import Visitor
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from resolvers.access import NOBODY, Principal, Role
from schema.compiled.running import Compiled
from schema.info import RequestContext
from schema.operations import Operation, run
from schema.root import BOUNDS, Schema, build_schema
from tests.schema.asking import HOLD, PAY, PLACE, SHIP
from tests.support import CHANNEL, MANAGER, OPERATOR, SHOPPER, SKU, Shop, open_shop

GENERATED = int(os.environ.get("COMPILED_GENERATED", "60"))
"""Documents that are made of the schema; `make compiled` makes more."""

CALLERS = (SHOPPER, OPERATOR, MANAGER, Principal(Role.GUEST, "guest"), NOBODY)
GIVEN = {
    "first": "2",
    "channel": f'"{CHANNEL}"',
    "by": f'{{sku: "{SKU}"}}',
    "skus": f'["{SKU}", "nothing"]',
    "sku": f'"{SKU}"',
    "locale": '"en"',
}
"""What some arguments are, so that there is something to answer; others are as they were made."""

SCALARS = {
    name: st.just(nodes.String("2026-03-01T09:30:00Z")) for name in ("DateTime", "Decimal", "JSON")
} | {"_Any": st.just(nodes.Object([]))}

BY_PRODUCT = '{handle: "none"}'


def of(*, compiled: bool) -> Schema:
    schema = build_schema(compiled=compiled)
    if compiled:
        schema.compiled = Compiled(schema, BOUNDS, after=0)
    return schema


STOCK, FAST = of(compiled=False), of(compiled=True)


class Answerable(Visitor):
    """Gives arguments values that are there, and takes away what narrows or goes on after."""

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode:
        kept = []
        for argument in node.arguments or ():
            name = argument.name.value
            if name in ("after", "filter", "near"):
                continue
            text = BY_PRODUCT if (node.name.value, name) == ("product", "by") else GIVEN.get(name)
            if text is not None:
                argument = replace(argument, value=parse_value(text))  # noqa: PLW2901  # the same
            kept.append(argument)
        return replace(node, arguments=tuple(kept))


def bytes_of(answer: Any) -> bytes:
    return msgspec.json.encode(answer.body)


async def asked(schema: Schema, shop: Shop, text: str, caller: Principal, **said: Any) -> bytes:
    context = RequestContext(shop.context(caller), [], "r-1")
    return bytes_of(await run(schema, Operation(text, said), context))


async def stocked() -> Shop:
    """A shop with goods, a hold, an order that is paid, and one that is not."""
    shop = await open_shop()
    await shop.stocked(SKU, "WH-01", 50)
    await shop.stocked(SKU, "ST-01", 5)
    line = {"channel": CHANNEL, "lines": [{"sku": SKU, "quantity": 1}]}
    await asked(STOCK, shop, HOLD, SHOPPER, input={"idempotencyKey": "h", **line})
    for key in ("a", "b"):
        placing = {"idempotencyKey": key, **line, "delivery": SHIP}
        await asked(STOCK, shop, PLACE, SHOPPER, input=placing)
    return shop


def test_what_is_made_of_the_schema_is_answered_alike_to_every_role() -> None:
    with asyncio.Runner() as runner:
        shop = runner.run(stocked())
        plans = FAST.compiled
        assert plans is not None
        before = plans.plans.made

        @settings(
            max_examples=GENERATED,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(queries(STOCK.as_str(), custom_scalars=SCALARS))
        def alike(made: str) -> None:
            text = print_ast(visit(parse(made), Answerable()))
            for caller in CALLERS:
                expected = runner.run(asked(STOCK, shop, text, caller))
                assert runner.run(asked(FAST, shop, text, caller)) == expected, text

        alike()

        assert plans.plans.made - before > GENERATED / 4
        runner.run(shop.close())


EVERYTHING = """query All($with: Boolean!, $own: Boolean!, $channel: String = "mini-program") {
  products(first: 20) { edges { cursor node { ...P } } nodes { ...P saidBy { attribute systems } }
    pageInfo { hasNextPage endCursor startCursor hasPreviousPage } }
  variant(by: {sku: "BT-0001-30ML"}) { ...V barcodes components { quantity }
    stockLevels(first: 5) @include(if: $with) { nodes { __typename id onHand location { code name
      geo { latitude longitude } } provenance { system observedAt ageSeconds stale } } } }
  none: variant(by: {sku: "none"}) { ...V }
  locations(first: 3) { nodes { code kind } }
  channels { code name kind }
  me @include(if: $own) { __typename id }
  orders(first: 5) @include(if: $own) { nodes { id number status total { amount currencyCode }
    lines { sku quantity }
    delivery { method address { recipient phone street postalCode city } }
    history { at } } }
}
fragment P on Product { id title(locale: "en") zh: title brand categories @skip(if: $with)
  variants(first: 2) { nodes { ...V } } }
fragment V on Variant { sku options { name value } unitCost { amount }
  price(channel: $channel) { amount currencyCode }
  availability(channel: $channel) { availableToPromise asOf stale } }
"""


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.subject)
@pytest.mark.parametrize("with_levels", [True, False])
async def test_a_document_of_everything_is_answered_alike(
    caller: Principal, with_levels: bool
) -> None:
    shop = await stocked()

    said = {"with": with_levels, "own": not caller.is_guest}
    expected = await asked(STOCK, shop, EVERYTHING, caller, **said)
    found = await asked(FAST, shop, EVERYTHING, caller, **said)

    assert found == expected
    assert found.startswith(b'{"data":{"products":{"edges":[{')
    await shop.close()


async def test_mutations_do_and_answer_the_same() -> None:
    done: list[list[bytes]] = []
    for schema in (STOCK, FAST):
        shop = await open_shop()
        await shop.stocked(SKU, "WH-01", 3)
        told = []
        line = {"channel": CHANNEL, "lines": [{"sku": SKU, "quantity": 2}]}
        for key, caller in (("k", SHOPPER), ("k", SHOPPER), ("m", SHOPPER), ("n", NOBODY)):
            told.append(
                await asked(schema, shop, HOLD, caller, input={"idempotencyKey": key, **line})
            )
        other = {"idempotencyKey": "k", "channel": CHANNEL, "lines": []}
        told.append(await asked(schema, shop, HOLD, SHOPPER, input=other))
        one = {"channel": CHANNEL, "lines": [{"sku": SKU, "quantity": 1}], "delivery": SHIP}
        told.append(await asked(schema, shop, PLACE, SHOPPER, input={"idempotencyKey": "p", **one}))
        paying = {"idempotencyKey": "q", "orderId": "no id", "payments": []}
        told.append(await asked(schema, shop, PAY, SHOPPER, input=paying))
        told.append(await asked(schema, shop, HOLD, SHOPPER, input={"idempotencyKey": 7}))
        done.append(told)
        await shop.close()

    assert done[0] == done[1]
    assert b'"INSUFFICIENT_STOCK"' in done[1][2]
    assert b'"UNAUTHENTICATED"' in done[1][3]
    assert b'"replayed":true' in done[1][1]


async def test_mutations_of_one_document_are_done_one_after_the_other() -> None:
    text = """mutation Two($a: ReserveStockInput!, $b: ReserveStockInput!) {
      first: reserveStock(input: $a) { reservation { id } userErrors { code } }
      second: reserveStock(input: $b) { reservation { id } userErrors { __typename code field } }
    }"""
    done = []
    for schema in (STOCK, FAST):
        shop = await open_shop()
        await shop.stocked(SKU, "WH-01", 1)
        line = {"channel": CHANNEL, "lines": [{"sku": SKU, "quantity": 1}]}
        both = {"a": {"idempotencyKey": "a", **line}, "b": {"idempotencyKey": "b", **line}}
        done.append(await asked(schema, shop, text, SHOPPER, **both))
        await shop.close()

    assert done[0] == done[1]
    assert b"INSUFFICIENT_STOCK" in done[1].partition(b"second")[2]
