"""Keys, codes and names with strange signs in them: each is taken exactly as it stands, or refused
in words that name the field. Nothing is trimmed, folded or normalised; characters are code points.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from schema.ids import sealed_member
from tests.gateway.asked import Shop, opened_shop
from tests.gateway.house import CHANNEL, SKU
from tests.mutations import MUTATIONS, ONE, PLACE, RESERVE, SET_RULE
from tests.schema.asking import SHIP

BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}
HOLD = {"channel": CHANNEL, "lines": ONE}
ORDER = {**HOLD, "delivery": SHIP}
PAID = {"method": "cash", "amount": {"amount": "1.00", "currencyCode": "CNY"}}
RULE = {"code": "r", "kind": "SAFETY_STOCK", "quantity": 1}
ADJUSTED = {"sku": SKU, "locationCode": "WH-01", "delta": 1, "reason": "COUNT"}


@pytest.fixture(params=["memory", "sqlite"])
async def shop(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    shop = await opened_shop(tmp_path, request.param, units=40)
    yield shop
    await shop.house.runtime.close()


KEYS = (
    "k", "K", "k ", " k", " ", "  ", "к", "ｋ", "k\u200b", "\ufeffk", "\u202ek", "é", "e\u0301",
    "ﬁ", "fi", "😀", "👩\u200d👩", "👩👩", "\uffff", "\U0010ffff", "'; --", "$where", "k" * 255,
    "😀" * 255,
)  # fmt: skip
"""Each another key than the others, though people may not see it."""


async def test_every_sign_of_a_key_counts(shop: Shop) -> None:
    first = [await shop.send(RESERVE, **HOLD, idempotencyKey=key) for key in KEYS]
    again = [await shop.send(RESERVE, **HOLD, idempotencyKey=key) for key in KEYS]

    assert [(held["replayed"], held["userErrors"]) for held in first] == [(False, [])] * len(KEYS)
    assert len({held["reservation"]["id"] for held in first}) == len(KEYS)
    assert again == [{**held, "replayed": True} for held in first]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "k" * 256,
        "😀" * 256,
        "k" * 100_000,
        "\0",
        "k\0",
        "a\nb",
        "a\tb",
        "\x1b[2J",
        "\x7f",
        "\x85",
    ],
    ids=lambda key: ascii(key[:8]),
)
async def test_a_key_that_nobody_could_see_or_send_again_is_refused(shop: Shop, key: str) -> None:
    refused = await shop.send(RESERVE, **HOLD, idempotencyKey=key)

    blamed = {"code": "INVALID_INPUT", "field": ["input", "idempotencyKey"]}
    assert refused == {"reservation": None, "replayed": False, "userErrors": [blamed]}


@pytest.mark.parametrize("written", ["😀", r"\ud83d\ude00", r"\u{1F600}"])
async def test_a_key_is_the_same_however_it_is_written(shop: Shop, written: str) -> None:
    first = await shop.send(RESERVE, **HOLD, idempotencyKey="😀")
    document = f"""mutation {{ reserveStock(input: {{
      idempotencyKey: "{written}", channel: "{CHANNEL}", lines: [{{sku: "{SKU}", quantity: 1}}]
    }}) {{ replayed reservation {{ id }} }} }}"""

    again = await shop.ask(document)

    same = {"replayed": True, "reservation": {"id": first["reservation"]["id"]}}
    assert again["reserveStock"] == same


@pytest.mark.parametrize("half", [r"\ud83d", r"\ude00", r"\ude00\ud83d"])
async def test_half_of_a_pair_of_surrogates_is_no_text(shop: Shop, half: str) -> None:
    query = (
        f'mutation {{ removeStockRule(input: {{idempotencyKey: "k", code: "{half}"}}) {{ code }} }}'
    )
    variables = b'{"query": "mutation ($k: String!) { removeStockRule(input: {idempotencyKey: $k, '
    variables += b'code: \\"r\\"}) { code } }", "variables": {"k": "%s"}}' % half.encode()

    told = [await shop.post(body) for body in ({"query": query}, variables)]

    codes = [error["extensions"]["code"] for body in told for error in body["errors"]]
    assert codes == ["GRAPHQL_PARSE_FAILED", "BAD_REQUEST"]


TWINS = (
    "ВТ-0001-30ML", "ＢＴ-0001-30ML", "bt-0001-30ml", " BT-0001-30ML", "BT-0001-30ML ",
    "BT-0001\u200b-30ML", "\ufeffBT-0001-30ML", "BT-0001-30ML\0", "BT-0001-30ML\n",
    "BT-0001-30ML\x1fWH-01", "BT\u20100001\u201030ML", "BT-0001-30ML%", "", "\U0010ffff",
    "B" * 100_000,
)  # fmt: skip
"""They look like a SKU of ours at best."""

SHOWN = """query ($it: String!) {
  variant(by: {sku: $it}) { sku }
  barcode: variant(by: {barcode: $it}) { sku }
  product(by: {handle: $it}) { id }
  location(by: {code: $it}) { code }
  order(by: {number: $it}) { id }
  foreign: order(by: {external: {system: $it, id: $it}}) { id }
  availability(skus: [$it], channel: "mini-program") { sku }
  stockLevels(first: 1, filter: {sku: [$it]}) { nodes { id } }
  places: stockLevels(first: 1, filter: {locationCode: [$it]}) { nodes { id } }
  orders(first: 1, filter: {channel: [$it], locationCode: $it}) { nodes { id } }
}"""


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: ascii(twin[:20]))
async def test_what_only_looks_like_a_code_of_ours_is_none(shop: Shop, twin: str) -> None:
    shown = await shop.ask(SHOWN, it=twin)
    lines = [{"sku": twin, "quantity": 1}]
    told = [
        await shop.send(RESERVE, **{**HOLD, **part}, idempotencyKey="k")
        for part in ({"lines": lines}, {"channel": twin}, {"locationCode": twin})
    ]
    told += [
        await shop.send(BY_NAME["adjustStock"], **{**ADJUSTED, **part}, idempotencyKey="k")
        for part in ({"sku": twin}, {"locationCode": twin})
    ]
    told.append(await shop.send(BY_NAME["removeStockRule"], code=twin, idempotencyKey="k"))

    nothing: dict[str, Any] = {name: {"nodes": []} for name in ("stockLevels", "places", "orders")}
    assert shown == dict.fromkeys(shown) | nothing | {"availability": [None]}
    fields = ["lines.0.sku", "channel", "locationCode", "sku", "locationCode", "code"]
    assert [answer["userErrors"] for answer in told] == [
        [{"code": "NOT_FOUND", "field": ["input", *field.split(".")]}] for field in fields
    ]


UNPRINTABLE = ("\0", "a\x1bb", "a\u202eb", "n" * 256)

NAMES: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "memberId": ("placeOrder", lambda it: {**ORDER, "memberId": it}),
    "associateCode": ("placeOrder", lambda it: {**ORDER, "associateCode": it}),
    "payments.0.method": ("placeOrder", lambda it: {**ORDER, "payments": [{**PAID, "method": it}]}),
    "payments.0.reference": (
        "placeOrder",
        lambda it: {**ORDER, "payments": [{**PAID, "reference": it}]},
    ),
    "delivery.ship.recipient": (
        "placeOrder",
        lambda it: {**ORDER, "delivery": {"ship": {**SHIP["ship"], "recipient": it}}},
    ),
    "code": ("setStockRule", lambda it: {**RULE, "code": it}),
    "skus.0": ("setStockRule", lambda it: {**RULE, "skus": [it]}),
    "categories.0": ("setStockRule", lambda it: {**RULE, "categories": [it]}),
}


@pytest.mark.parametrize(("mutation", "input"), NAMES.values(), ids=NAMES.keys())
async def test_a_name_that_nobody_could_print_is_kept_nowhere(
    shop: Shop, mutation: str, input: Callable[[str], dict[str, Any]], request: Any
) -> None:
    field = request.node.callspec.id.partition("-")[2]
    told = [
        await shop.send(BY_NAME[mutation], **input(name), idempotencyKey="k")
        for name in UNPRINTABLE
    ]

    blamed = {"code": "INVALID_INPUT", "field": ["input", *field.split(".")]}
    assert [answer["userErrors"] for answer in told] == [[blamed]] * len(UNPRINTABLE)


async def test_a_hold_and_a_payment_ask_for_names_too(shop: Shop) -> None:
    placed = await shop.send(PLACE, **ORDER, idempotencyKey="k")
    paid = {"orderId": placed["order"]["id"], "payment": {**PAID, "reference": "\0"}}

    held = await shop.send(RESERVE, **HOLD, memberId="\0", idempotencyKey="h")
    payment = await shop.send(BY_NAME["recordPayment"], **paid, idempotencyKey="p")

    assert held["userErrors"] == [{"code": "INVALID_INPUT", "field": ["input", "memberId"]}]
    field = ["input", "payment", "reference"]
    assert payment["userErrors"] == [{"code": "INVALID_INPUT", "field": field}]


async def test_names_that_look_the_same_are_kept_apart(shop: Shop) -> None:
    composed, decomposed = "é", "e\u0301"
    for at, name in enumerate((composed, decomposed)):
        await shop.send(PLACE, **ORDER, memberId=name, idempotencyKey=f"o-{at}")
        await shop.send(SET_RULE, **{**RULE, "code": name, "quantity": at}, idempotencyKey=name)
    query = "query ($it: ID!) { orders(first: 9, filter: {memberId: $it}) { nodes { memberId } } }"

    orders = await shop.ask(query, it=decomposed)
    rules = await shop.ask("{ stockRules(first: 9) { nodes { code quantity } } }")

    assert orders["orders"]["nodes"] == [{"memberId": sealed_member(decomposed)}]
    assert rules["stockRules"]["nodes"] == [
        {"code": decomposed, "quantity": 1},
        {"code": composed, "quantity": 0},
    ]
