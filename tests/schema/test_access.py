"""Who may ask for what: each root field for nobody, a wrong role and a right one."""

import re

import pytest
from graphql import build_schema

from resolvers.access import NOBODY, SCOPES, Principal, Role, Scope
from schema.access import ACCESS, OPEN, guard, row_of
from tests.schema.asking import HOLD, PAY, PLACE, SHIP, ask, hold, place, states
from tests.support import (
    ASSOCIATE,
    CHANNEL,
    GUEST,
    MANAGER,
    OPERATOR,
    PARTNER,
    SHOPPER,
    SKU,
    Shop,
)

ADJUST = """mutation Adjust($input: AdjustStockInput!) {
  adjustStock(input: $input) { stockLevel { onHand } userErrors { code } }
}"""


def asked_of(field: str) -> Scope:
    ask = ACCESS[field]
    assert isinstance(ask, Scope)
    return ask


def test_nothing_but_a_login_can_be_done_by_a_caller_that_has_no_token() -> None:
    mutations = [row for row in ACCESS if row.startswith("Mutation.")]
    logins = [row for row in mutations if ACCESS[row] == OPEN]

    assert logins == ["Mutation.wechatLogin", "Mutation.guestLogin"]
    others = [row for row in mutations if row not in logins]
    assert len(others) == 14
    assert [row for row in others if asked_of(row) in SCOPES[Role.GUEST]] == []


def test_a_schema_with_a_field_that_has_no_row_is_not_built() -> None:
    with pytest.raises(AssertionError, match=r"no row in ACCESS: \['Query.secrets'\]"):
        guard(build_schema("type Query { secrets: String }"))


def test_a_type_without_a_row_is_named_field_by_field_and_a_row_of_its_own_comes_first() -> None:
    schema = build_schema("type Query { a: Thing } type Thing { b: String c: String }")

    with pytest.raises(AssertionError, match=r"no row in ACCESS: \['Thing.c'\]"):
        guard(schema, {"Query.a": OPEN, "Thing.b": Scope.COSTS})
    assert row_of({"Thing.b": Scope.COSTS, "Thing.*": OPEN}, "Thing", "b") == "Thing.b"


@pytest.mark.parametrize("row", ["Query.b", "Thing.*", "Query.*"])
def test_a_row_without_a_field_is_named(row: str) -> None:
    with pytest.raises(AssertionError, match=rf"no field for the rows: \['{re.escape(row)}'\]"):
        guard(build_schema("type Query { a: String }"), {"Query.a": OPEN, row: OPEN})


def test_a_field_at_the_root_has_a_row_of_its_own() -> None:
    """Whoever adds one says who may ask for it."""
    roots = ("Query", "Mutation", "Subscription")

    assert [row for row in ACCESS if row in {f"{root}.*" for root in roots}] == []


def test_a_field_that_asks_nothing_is_left_as_it_is() -> None:
    schema = build_schema("type Query { a: String b: String }")
    assert schema.query_type is not None
    fields = schema.query_type.fields
    for field in fields.values():
        field.resolve = str

    guard(schema, {"Query.a": OPEN, "Query.b": Scope.COSTS})

    assert (fields["a"].resolve is str, fields["b"].resolve is str) == (True, False)


@pytest.mark.parametrize(
    ("caller", "code"), [(NOBODY, "UNAUTHENTICATED"), (GUEST, "FORBIDDEN"), (SHOPPER, None)]
)
async def test_only_a_shopper_may_hold(shop: Shop, caller: Principal, code: str | None) -> None:
    asked = {
        "idempotencyKey": "k",
        "channel": CHANNEL,
        "lines": [{"sku": SKU, "quantity": 1}],
    }
    before = await shop.available(SKU)

    answer = await ask(shop, HOLD, caller, input=asked)

    assert [error["extensions"]["code"] for error in answer.errors] == ([code] if code else [])
    assert await shop.available(SKU) == before - (0 if code else 1)


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (NOBODY, "UNAUTHENTICATED"),
        (SHOPPER, "FORBIDDEN"),
        (ASSOCIATE, "FORBIDDEN"),
        (MANAGER, None),
    ],
)
async def test_only_a_manager_may_correct_stock(
    shop: Shop, caller: Principal, code: str | None
) -> None:
    """The shop is the ERP's, which is not connected here: that is data, not denial."""
    asked = {
        "idempotencyKey": "k",
        "sku": SKU,
        "locationCode": "ST-01",
        "delta": 1,
        "reason": "RECEIPT",
    }

    answer = await ask(shop, ADJUST, caller, input=asked)

    if code is None:
        assert answer.data["adjustStock"]["userErrors"] == [{"code": "NOT_AUTHORITATIVE"}]
    else:
        assert answer.code == code


@pytest.mark.parametrize(
    ("caller", "code"), [(NOBODY, "UNAUTHENTICATED"), (SHOPPER, "FORBIDDEN"), (PARTNER, None)]
)
async def test_only_a_trusted_caller_may_record_a_payment(
    shop: Shop, caller: Principal, code: str | None
) -> None:
    order = (await place(shop, "o"))["order"]
    payment = {"method": "cash", "amount": {"amount": "760.00", "currencyCode": "CNY"}}
    asked = {"idempotencyKey": "k", "orderId": order["id"], "payment": payment}

    answer = await ask(shop, PAY, caller, input=asked)

    if code is None:
        assert answer.data["recordPayment"]["order"]["status"] == "CONFIRMED"
    else:
        assert answer.code == code
        assert (await place(shop, "o"))["order"]["status"] == "PENDING"


@pytest.mark.parametrize(
    ("caller", "code"), [(NOBODY, "UNAUTHENTICATED"), (MANAGER, "FORBIDDEN"), (OPERATOR, None)]
)
async def test_only_an_operator_sees_the_house(
    shop: Shop, caller: Principal, code: str | None
) -> None:
    answer = await ask(shop, "{ backends { code } }", caller)

    assert (answer.data if code is None else answer.code) == (code or {"backends": []})


async def test_a_cost_is_null_to_whoever_may_not_see_it(shop: Shop) -> None:
    document = '{ variant(by: {sku: "BT-0001-30ML"}) { unitCost { amount currencyCode } } }'

    shopper = await ask(shop, document, SHOPPER)
    manager = await ask(shop, document, MANAGER)

    assert (shopper.data, shopper.errors) == ({"variant": {"unitCost": None}}, [])
    cost = {"amount": "220.40", "currencyCode": "CNY"}
    assert manager.data == {"variant": {"unitCost": cost}}


async def test_anybody_may_browse(shop: Shop) -> None:
    document = """{
      products(first: 1) { nodes { handle } }
      channels { code }
      availability(skus: ["BT-0001-30ML"], channel: "mini-program") { availableToPromise }
      stockLevels(first: 1) { nodes { onHand } }
    }"""

    answer = await ask(shop, document, NOBODY)

    assert answer.errors == []
    assert answer.data["products"]["nodes"] == [{"handle": "amber-essence-001"}]


async def test_a_denied_field_leaves_the_others_alone(shop: Shop) -> None:
    document = '{ order(by: {number: "x"}) { id } channels { code } }'

    answer = await ask(shop, document, NOBODY)

    assert answer.code == "UNAUTHENTICATED"
    assert answer.data["order"] is None
    assert len(answer.data["channels"]) == 5


@pytest.mark.parametrize(("caller", "code"), [(NOBODY, "UNAUTHENTICATED"), (GUEST, "FORBIDDEN")])
async def test_a_hold_is_watched_by_callers_that_may_hold(
    shop: Shop, caller: Principal, code: str
) -> None:
    held = await hold(shop, "k")
    document = "subscription ($id: ID!) { reservationChanged(id: $id) { id } }"

    answers = [
        answer async for answer in states(shop, document, caller, id=held["reservation"]["id"])
    ]

    assert [answer.code for answer in answers] == [code]


async def test_a_partner_places_orders_in_its_own_channel_only(shop: Shop) -> None:
    asked = {
        "idempotencyKey": "k",
        "channel": "store",
        "lines": [{"sku": SKU, "quantity": 1}],
        "delivery": SHIP,
    }

    answer = await ask(shop, PLACE, PARTNER, input=asked)

    assert answer.code == "FORBIDDEN"
