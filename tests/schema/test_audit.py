"""What every mutation leaves behind, and who may read it."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    build_schema,
    is_required_input_field,
)

from resolvers.access import NOBODY, Principal
from resolvers.engine import StockEngine
from resolvers.filters import AuditFilter
from schema.access import ACCESS
from schema.ids import seal
from schema.info import RequestContext
from schema.operations import Operation, run
from tests.schema.asking import HOLD, ask, hold, place, schema_of
from tests.support import CHANNEL, GUEST, OPERATOR, OTHER_SHOPPER, PARTNER, SHOPPER, SKU, Shop

AUDIT = """query Audit($first: Int!, $after: String, $filter: AuditFilter) {
  auditRecords(first: $first, after: $after, filter: $filter) {
    nodes { id at subject role action key result target codes client requestId }
    pageInfo { endCursor hasNextPage }
  }
}"""
CANCEL = """mutation Cancel($input: CancelOrderInput!) {
  cancelOrder(input: $input) { userErrors { code } }
}"""
LOGINS = ("guestLogin", "wechatLogin")
"""Open to everybody, and without a key."""

MUTATIONS = sorted(row.partition(".")[2] for row in ACCESS if row.startswith("Mutation."))


async def records(shop: Shop, **asked: Any) -> list[Any]:
    """What the operator reads, the newest first."""
    answer = await ask(shop, AUDIT, OPERATOR, first=100, filter=asked)
    assert answer.errors == []
    return list(answer.data["auditRecords"]["nodes"])


async def told(shop: Shop, **asked: Any) -> list[tuple[str, str, list[str]]]:
    """Action, result and codes of each, the eldest first."""
    found = [(it["action"], it["result"], it["codes"]) for it in await records(shop, **asked)]
    return found[::-1]


def least(of: GraphQLInputType, name: str = "") -> Any:
    """The least that an input may be; texts are ``x``, keys ``k``."""
    if isinstance(of, GraphQLNonNull):
        return least(of.of_type, name)
    if isinstance(of, GraphQLList):
        return [least(of.of_type, name)]
    if isinstance(of, GraphQLInputObjectType) and of.is_one_of:
        first, asked = next(iter(of.fields.items()))
        return {first: least(asked.type)}
    if isinstance(of, GraphQLInputObjectType):
        return {
            field: least(asked.type, field)
            for field, asked in of.fields.items()
            if is_required_input_field(asked)
        }
    if isinstance(of, GraphQLEnumType):
        return next(iter(of.values))
    plain = {"Int": 1, "Boolean": True, "Money": "1.00", "Decimal": "1.00"}
    return plain.get(of.name, "k" if name == "idempotencyKey" else "x")


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_every_mutation_leaves_a_record_of_whoever_has_a_token(
    shop: Shop, mutation: str
) -> None:
    mutations = build_schema(schema_of().as_str()).mutation_type
    assert mutations is not None
    field = mutations.fields[mutation]
    document, said, key = f"mutation {{ {mutation} {{ __typename }} }}", {}, None
    if field.args:
        asked = field.args["input"].type
        document = f"mutation M($input: {asked}) {{ {mutation}(input: $input) {{ __typename }} }}"
        said = {"input": least(asked)}
        key = said["input"].get("idempotencyKey")

    for caller in (OPERATOR, GUEST, NOBODY):
        await ask(shop, document, caller, **said)

    kept = await records(shop)
    assert [(it["subject"], it["action"], it["key"]) for it in kept] == [
        ("guest", mutation, key),
        ("operator", mutation, key),
    ]
    assert kept[0]["result"] == ("REFUSED" if mutation not in LOGINS else kept[1]["result"])
    assert mutation in LOGINS or kept[0]["codes"] == ["FORBIDDEN"]


async def test_what_was_done_is_kept_with_it_and_once(shop: Shop) -> None:
    made = (await hold(shop, "k"))["reservation"]

    assert (
        len(await shop.store.callers.audit_page(AuditFilter(), None, 9)) == 1
    )  # nothing was flushed
    assert await records(shop) == [
        {
            "id": seal("AuditRecord", "record-000000001"),
            "at": "2026-03-02T12:00:00Z",
            "subject": "member:M-1",
            "role": "shopper",
            "action": "reserveStock",
            "key": "k",
            "result": "DONE",
            "target": made["id"],
            "codes": [],
            "client": None,
            "requestId": "r-1",
        }
    ]


async def test_replays_refusals_and_denials_are_told_apart(shop: Shop) -> None:
    made = (await hold(shop, "k"))["reservation"]
    await hold(shop, "k")
    await hold(shop, "k", lines=[{"sku": SKU, "quantity": 2}])
    await hold(shop, "k2", lines=[{"sku": SKU, "quantity": 99}, {"sku": "no", "quantity": 99}])
    await ask(shop, HOLD, PARTNER, input=_input(channel="store"))

    assert await told(shop) == [
        ("reserveStock", "DONE", []),
        ("reserveStock", "REPLAYED", []),
        ("reserveStock", "REFUSED", ["IDEMPOTENCY_KEY_REUSED"]),
        ("reserveStock", "REFUSED", ["NOT_FOUND"]),
        ("reserveStock", "REFUSED", ["FORBIDDEN"]),
    ]
    assert [it["target"] for it in await records(shop, target=made["id"])] == [made["id"]] * 2


async def test_a_key_that_says_who_somebody_is_is_kept_as_its_hash(shop: Shop) -> None:
    key = "order-13800138000"
    await hold(shop, key)
    await hold(shop, key)

    kept = [it["key"] for it in await records(shop, key=key)]

    assert kept == [f"sha256:{sha256(key.encode()).hexdigest()}"] * 2
    assert "13800138000" not in str(await records(shop))


async def test_who_tried_to_cancel_somebody_elses_order_is_found_by_the_order(shop: Shop) -> None:
    order = (await place(shop, "o"))["order"]

    asked = {"idempotencyKey": "c", "orderId": order["id"]}
    await ask(shop, CANCEL, OTHER_SHOPPER, input=asked)

    found = await records(shop, target=order["id"])
    assert [(it["subject"], it["action"], it["result"]) for it in found] == [
        ("member:M-2", "cancelOrder", "REFUSED"),
        ("member:M-1", "placeOrder", "DONE"),
    ]


async def test_each_mutation_of_a_document_has_a_record_of_its_own(shop: Shop) -> None:
    document = f"""mutation {{
      a: reserveStock(input: {{idempotencyKey: "a", channel: "{CHANNEL}",
        lines: [{{sku: "{SKU}", quantity: 1}}]}}) {{ replayed }}
      b: reserveStock(input: {{idempotencyKey: "b", channel: "{CHANNEL}",
        lines: [{{sku: "{SKU}", quantity: 99}}]}}) {{ replayed }}
      c: reserveStock(input: {{idempotencyKey: "a", channel: "{CHANNEL}",
        lines: [{{sku: "{SKU}", quantity: 1}}]}}) {{ replayed }}
    }}"""

    await ask(shop, document)

    assert [(it["key"], it["result"]) for it in reversed(await records(shop))] == [
        ("a", "DONE"),
        ("b", "REFUSED"),
        ("a", "REPLAYED"),
    ]


async def test_what_was_not_ready_has_failed(shop: Shop) -> None:
    shop.engine = StockEngine(shop.store.stock, shop.clock, queue_max=0)

    answer = await ask(shop, HOLD, SHOPPER, input=_input())

    assert answer.code == "THROTTLED"
    assert await told(shop) == [("reserveStock", "FAILED", ["THROTTLED"])]


async def test_what_is_cut_off_is_unanswered(shop: Shop) -> None:
    context = RequestContext(shop.context(), [], "r-1", client="till")
    asked = Operation(HOLD, {"input": _input()})
    task = asyncio.create_task(run(schema_of(), asked, context))
    while not shop.engine.waiting:  # noqa: ASYNC110  # it comes to the engine by itself
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    [kept] = await records(shop)
    assert (kept["result"], kept["codes"], kept["client"]) == ("FAILED", ["UNANSWERED"], "till")


async def test_nothing_that_a_caller_wrote_is_kept_but_a_key_that_can_be_one(shop: Shop) -> None:
    await ask(shop, CANCEL, input={"idempotencyKey": "k\x00", "orderId": seal("Order", "林 138")})
    await ask(shop, CANCEL, input={"idempotencyKey": "k" * 256, "orderId": "林若溪"})

    found = [(it["key"], it["target"], it["codes"]) for it in await records(shop)]
    assert found == [(None, None, ["INVALID_INPUT"])] * 2


async def test_pages_and_filters(shop: Shop) -> None:
    for at, caller in enumerate((SHOPPER, OTHER_SHOPPER, SHOPPER)):
        await hold(shop, f"k{at}", caller)
        shop.clock.advance(minutes=1)

    first = (await ask(shop, AUDIT, OPERATOR, first=2)).data["auditRecords"]
    rest = await ask(shop, AUDIT, OPERATOR, first=2, after=first["pageInfo"]["endCursor"])

    assert [it["key"] for it in first["nodes"]] == ["k2", "k1"]
    assert [it["key"] for it in rest.data["auditRecords"]["nodes"]] == ["k0"]
    assert rest.data["auditRecords"]["pageInfo"]["hasNextPage"] is False
    assert [it["key"] for it in await records(shop, subject="member:M-2")] == ["k1"]
    assert [it["key"] for it in await records(shop, action=["placeOrder"])] == []
    assert [it["key"] for it in await records(shop, result=["DONE"], key="k2")] == ["k2"]
    since = await records(shop, since="2026-03-02T12:01:00Z", until="2026-03-02T12:02:00Z")
    assert [it["key"] for it in since] == ["k1"]


@pytest.mark.parametrize("caller", [NOBODY, SHOPPER, PARTNER])
async def test_only_an_operator_reads_records(shop: Shop, caller: Principal) -> None:
    answer = await ask(shop, AUDIT, caller, first=1)

    assert answer.code == ("UNAUTHENTICATED" if caller == NOBODY else "FORBIDDEN")


@pytest.mark.parametrize("asked", [{"first": 0}, {"first": 101}, {"first": 1, "after": "x"}])
async def test_a_page_that_cannot_be_meant_is_refused(shop: Shop, asked: dict[str, Any]) -> None:
    assert (await ask(shop, AUDIT, OPERATOR, **asked)).code == "INVALID_INPUT"


def _input(**more: Any) -> dict[str, Any]:
    lines = [{"sku": SKU, "quantity": 1}]
    return {"idempotencyKey": "k", "channel": CHANNEL, "lines": lines, **more}
