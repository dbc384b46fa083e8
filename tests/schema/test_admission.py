"""A mutation of which the caller may not do a part is refused whole, before any of it ran."""

from dataclasses import replace

import pytest

from resolvers.access import NOBODY, Principal, Role, Scope
from schema.info import RequestContext
from schema.operations import Operation, run
from tests.schema.asking import ask, schema_of
from tests.support import ASSOCIATE, GUEST, MANAGER, PARTNER, SHOPPER, SKU, Shop

HOLD = """reserveStock(input: {
  idempotencyKey: "k", channel: "mini-program", lines: [{sku: "BT-0001-30ML", quantity: 1}]
}) { reservation { status } }"""
ADJUST = """adjustStock(input: {
  idempotencyKey: "a", sku: "BT-0001-30ML", locationCode: "ST-01", delta: 1, reason: RECEIPT
}) { userErrors { code } }"""
NARROWED = Principal(
    Role.PARTNER, "partner:a", narrowed_to=frozenset({Scope.BROWSE, Scope.RESERVE})
)


@pytest.mark.parametrize("caller", [SHOPPER, ASSOCIATE, PARTNER])
async def test_what_stands_before_a_denied_field_is_not_done(shop: Shop, caller: Principal) -> None:
    before = await shop.available(SKU)
    context = RequestContext(shop.context(caller), [], "r-1")

    answer = await run(schema_of(), Operation(f"mutation {{ {HOLD} {ADJUST} }}"), context)

    assert answer.refused
    assert "data" not in answer.body
    [error] = answer.body["errors"]
    assert error["message"] == f"the role {caller.role} may not do this; it asks for stock:adjust"
    assert error["extensions"] == {"retryable": False, "code": "FORBIDDEN", "requestId": "r-1"}
    assert (error["locations"], "path" in error) == ([{"line": 3, "column": 31}], False)
    assert await shop.available(SKU) == before


@pytest.mark.parametrize(("caller", "code"), [(NOBODY, "UNAUTHENTICATED"), (GUEST, "FORBIDDEN")])
async def test_each_denied_field_is_told_once(shop: Shop, caller: Principal, code: str) -> None:
    answer = await ask(shop, f"mutation {{ {HOLD} again: {HOLD} {ADJUST} }}", caller)

    assert answer.data is None
    assert [error["extensions"]["code"] for error in answer.errors] == [code, code]


@pytest.mark.parametrize(
    "document",
    [
        "mutation { %s ... on Mutation { %s } }",
        "mutation { %s ...rest } fragment rest on Mutation { %s }",
        "mutation { %s ...rest } fragment rest on Mutation { ...more ...more } "
        "fragment more on Mutation { ... { %s } }",
        "mutation { %s ... @include(if: true) { %s } }",
        "mutation ($no: Boolean! = false) { %s ... @skip(if: $no) { %s } }",
        "mutation Do { %s %s } query Other { channels { code } }",
    ],
)
async def test_a_denied_field_is_found_wherever_it_stands(shop: Shop, document: str) -> None:
    before = await shop.available(SKU)
    context = RequestContext(shop.context(SHOPPER), [], "r-1")
    name = "Do" if "Do" in document else None

    answer = await run(schema_of(), Operation(document % (HOLD, ADJUST), None, name), context)

    assert (answer.refused, answer.codes) == (True, ("FORBIDDEN",))
    assert await shop.available(SKU) == before


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("mutation { %s ... @skip(if: true) { %s } }", {}),
        ("mutation { __typename %s ... @include(if: false) { %s } }", {}),
        ("mutation ($no: Boolean!) { %s ... @include(if: $no) { %s } }", {"no": False}),
        ("mutation ($yes: Boolean = true) { %s ...rest @skip(if: $yes) } "
         "fragment rest on Mutation { %s }", {}),
        ("mutation ($no: Boolean! = true) { %s ... @include(if: $no) { %s } }", {"no": False}),
    ],
)  # fmt: skip
async def test_what_is_left_out_is_not_asked_for(
    shop: Shop, document: str, variables: dict[str, bool]
) -> None:
    answer = await ask(shop, document % (HOLD, ADJUST), SHOPPER, **variables)

    assert answer.errors == []
    assert answer.data["reserveStock"]["reservation"]["status"] == "HELD"


async def test_a_narrowed_caller_does_what_is_left_and_nothing_else(shop: Shop) -> None:
    held = await ask(shop, f"mutation {{ {HOLD} }}", NARROWED)
    order = await ask(shop, "{ orders(first: 1) { nodes { id } } channels { code } }", NARROWED)
    watched = await ask(shop, '{ variant(by: {sku: "BT-0001-30ML"}) { sku unitCost { amount } } }')

    assert held.data["reserveStock"]["reservation"]["status"] == "HELD"
    assert order.errors[0]["message"] == "this key may not do this; it asks for orders:own"
    assert order.errors[0]["path"] == ["orders"]
    assert watched.data["variant"] == {"sku": SKU, "unitCost": None}


LEDGER = "adjustStock(input: %s) { stockLevel { ...deep } userErrors { code } }"
DEEP = "fragment deep on StockLevel { onHand entries(first: 1) { nodes { kind } } }"
INPUT = """{
  idempotencyKey: "k", sku: "BT-0001-30ML", locationCode: "ST-01", delta: 1, reason: RECEIPT
}"""


async def test_what_may_be_done_but_not_seen_is_not_done(shop: Shop) -> None:
    """Its answer could be told neither whole nor in part: ``entries`` is never null."""
    blind = replace(MANAGER, narrowed_to=frozenset({Scope.ADJUST}))

    denied = await ask(shop, f"mutation {{ {LEDGER % INPUT} }} {DEEP}", blind)
    seen = await ask(shop, f"mutation {{ {LEDGER % INPUT} }} {DEEP}", MANAGER)

    [error] = denied.errors
    assert (error["message"], error["locations"]) == (
        "this key may not do this; it asks for stock:history",
        [{"line": 3, "column": 90}],
    )
    assert denied.data is None
    assert seen.errors == []
