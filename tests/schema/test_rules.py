"""Stock rules through the schema: set, listed, found again, refused by field, removed (S3)."""

from tests.schema.asking import ask
from tests.support import MANAGER, OPERATOR, SHOPPER, Shop

SET = """
mutation Set($input: SetStockRuleInput!) {
  setStockRule(input: $input) {
    stockRule { id code kind version quantity channels precedence setBy activeTo }
    replayed
    userErrors { code message field }
  }
}
"""
REMOVE = """
mutation Remove($input: RemoveStockRuleInput!) {
  removeStockRule(input: $input) { code replayed userErrors { code field } }
}
"""
LISTED = "{ stockRules(first: 10) { nodes { code quantity locationCodes } } }"
PROMISED = """
{ availability(skus: ["BT-0001-30ML"], channel: "live-stream") {
    availableToPromise explain { kind quantity rule } } }
"""


def cap(key: str, **more: object) -> dict[str, object]:
    rule = {"code": "launch", "kind": "CAP", "quantity": 2, "channels": ["live-stream"]}
    return {"idempotencyKey": key, **rule, **more}


async def test_a_rule_is_in_force_as_soon_as_it_is_answered(shop: Shop) -> None:
    answer = await ask(shop, SET, OPERATOR, input=cap("k", activeTo="2030-01-01T00:00:00Z"))
    again = await ask(shop, SET, OPERATOR, input=cap("k", activeTo="2030-01-01T00:00:00Z"))
    promised = await ask(shop, PROMISED)

    set_once = answer.data["setStockRule"]
    assert set_once["userErrors"] == []
    rule = set_once["stockRule"]
    assert {name: rule[name] for name in ("code", "kind", "version", "quantity", "precedence")} == {
        "code": "launch",
        "kind": "CAP",
        "version": 1,
        "quantity": 2,
        "precedence": 100,
    }
    assert rule["activeTo"] == "2030-01-01T00:00:00Z"
    assert again.data["setStockRule"] == {**set_once, "replayed": True}
    [promise] = promised.data["availability"]
    assert promise["availableToPromise"] == 2
    assert {"kind": "CAP", "quantity": -3, "rule": "launch"} in promise["explain"]
    node = await ask(
        shop, "query($id: ID!) { node(id: $id) { ... on StockRule { code } } }", OPERATOR,
        id=rule["id"],
    )  # fmt: skip
    assert node.data == {"node": {"code": "launch"}}


async def test_a_rule_that_cannot_be_meant_names_each_field(shop: Shop) -> None:
    wrong = cap("k", quantity=-1, channels=["nowhere"])

    answer = await ask(shop, SET, OPERATOR, input=wrong)

    refused = answer.data["setStockRule"]
    assert refused["stockRule"] is None
    assert [(e["code"], e["field"]) for e in refused["userErrors"]] == [
        ("INVALID_INPUT", ["input", "quantity"]),
        ("INVALID_INPUT", ["input", "channels", "0"]),
    ]
    listed = await ask(shop, LISTED, MANAGER)
    assert listed.data == {"stockRules": {"nodes": []}}


async def test_a_removed_rule_keeps_nothing_back(shop: Shop) -> None:
    await ask(shop, SET, OPERATOR, input=cap("k"))
    removal = {"idempotencyKey": "x", "code": "launch"}

    gone = await ask(shop, REMOVE, OPERATOR, input=removal)
    unknown = await ask(shop, REMOVE, OPERATOR, input={**removal, "idempotencyKey": "y"})

    assert gone.data["removeStockRule"] == {"code": "launch", "replayed": False, "userErrors": []}
    assert unknown.data["removeStockRule"]["userErrors"] == [
        {"code": "NOT_FOUND", "field": ["input", "code"]}
    ]
    promised = await ask(shop, PROMISED)
    assert promised.data["availability"][0]["availableToPromise"] == 5


async def test_only_who_may_set_rules_does(shop: Shop) -> None:
    for caller in (SHOPPER, MANAGER):
        answer = await ask(shop, SET, caller, input=cap("k"))
        assert [error["extensions"]["code"] for error in answer.errors] == ["FORBIDDEN"]
    seen = await ask(shop, LISTED, SHOPPER)
    assert [error["extensions"]["code"] for error in seen.errors] == ["FORBIDDEN"]
