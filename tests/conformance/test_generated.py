"""Operations that schemathesis makes of our own schema, the same in every run: valid ones and wrong
ones, of every root field and every role. None may be a failure of our own.

Alone its values would name nothing that exists, so that some of them are replaced by names of the
house: only then do answers go deep.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast

import orjson
import pytest
import schemathesis
from graphql import (
    ArgumentNode,
    GraphQLSchema,
    IntValueNode,
    Node,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    Visitor,
    introspection_from_schema,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.graphql import nodes, scalar

from resolvers.access import Role
from tests.conformance.asking import POSTED, Heard, Sent, ask
from tests.conformance.conftest import failed
from tests.gateway.house import CHANNEL, SKU, House, opened
from tests.schema.asking import HOLD, PLACE, SHIP, schema_of

EXAMPLES = {
    GenerationMode.POSITIVE: {"Query": 25, "Mutation": 80},
    GenerationMode.NEGATIVE: {"Query": 10, "Mutation": 15},
}
"""Most operations of one root field of a query, and of a mutation, whose values are deeper."""

ROLES = (None, *Role, Role.OPERATOR, Role.OPERATOR, Role.OPERATOR)
"""Whom operations are asked by: the one who may do all of it more often."""
BOUND: Mapping[Role, Mapping[str, Any]] = {
    Role.SHOPPER: {"member": "M-1"},
    Role.ASSOCIATE: {"associate": "A-1", "locations": ("ST-01",)},
    Role.MANAGER: {"associate": "A-9"},
    Role.PARTNER: {"channels": (CHANNEL,)},
}

scalar("DateTime", st.datetimes().map(lambda at: nodes.String(f"{at.isoformat()}Z")))
scalar("Decimal", st.decimals(-10, 10**6, places=2).map(lambda number: nodes.String(f"{number}")))


def words(ids: Mapping[str, str]) -> dict[str, list[str]]:
    """Names of the house by the name of the argument or field that they are a value of."""
    some_of = {
        ("id", "ids"): list(ids.values()),
        ("sku", "skus"): [SKU, SKU, "BT-0002-30ML", "ＢＴ-0001-30ML"],
        ("locationCode", "locationCodes", "originLocationCode"): ["ST-01", "WH-01"],
        ("channel", "channels"): [CHANNEL, "store"],
    }
    return {
        **{name: [id] for name, id in ids.items()},
        **{name: some for names, some in some_of.items() for name in names},
        "code": ["ST-01", "WH-01", "rule-1"],
        "handle": ["amber-essence-001"],
        "idempotencyKey": [f"key-{at}" for at in range(40)],
        "memberId": ["M-1"],
        "currencyCode": ["CNY", "JPY"],
    }


COUNTS = {"first": (1, 3, 100), "quantity": (1, 2), "ttlSeconds": (1, 600), "delta": (1, -1)}
ONE_OF = ("by", "delivery")
OFTEN = 0.85
SEED = 20_260_302


class _Housed(Visitor):
    """Puts names and counts of the house in the place of some values."""

    def __init__(self, names: Mapping[str, list[str]], dice: Random) -> None:
        super().__init__()
        self._names = names
        self._dice = dice

    def enter(self, node: Node, *_: Any) -> Node | None:
        if isinstance(node, ArgumentNode | ObjectFieldNode) and self._dice.random() < OFTEN:
            return replace(node, value=self._value(node.name.value, node.value))
        return None

    def _value(self, name: str, value: ValueNode) -> ValueNode:
        if name in ONE_OF and isinstance(value, ObjectValueNode):
            told = [field for field in value.fields if not isinstance(field.value, NullValueNode)]
            return replace(value, fields=tuple(told[:1]))
        if name in COUNTS and isinstance(value, IntValueNode):
            return IntValueNode(value=str(self._dice.choice(COUNTS[name])))
        if name in self._names:
            return cast("ValueNode", visit(value, _Named(self._names[name], self._dice)))
        return NullValueNode() if name == "after" else value


class _Named(Visitor):
    """Puts a name in the place of some texts."""

    def __init__(self, names: list[str], dice: Random) -> None:
        super().__init__()
        self._names = names
        self._dice = dice

    def enter(self, node: Node, *_: Any) -> ValueNode | None:
        if isinstance(node, StringValueNode | IntValueNode):
            return StringValueNode(value=self._dice.choice(self._names))
        return None


async def furnished(tmp_path: Path) -> tuple[House, Mapping[str, str]]:
    """A house with units, a hold and an order, and ids of it by the names of arguments."""
    house = await opened(tmp_path, cost_per_second=0)
    await house.stocked("WH-01", 100_000)
    token, lines = house.token(**BOUND[Role.SHOPPER]), [{"sku": SKU, "quantity": 3}]

    async def told(query: str, **variables: Any) -> Any:
        answer = await house.post({"query": query, "variables": variables}, **token)
        [made] = answer.json()["data"].values()
        return made

    asked = {"idempotencyKey": "first", "channel": CHANNEL, "lines": lines}
    held = (await told(HOLD, input=asked))["reservation"]
    order = (await told(PLACE, input={**asked, "delivery": SHIP}))["order"]
    variant = await told(f'{{ variant(by: {{sku: "{SKU}"}}) {{ id product {{ id }} }} }}')
    return house, {
        "reservationId": held["id"],
        "orderId": order["id"],
        "orderLineId": order["lines"][0]["id"],
        "variantId": variant["id"],
        "productId": variant["product"]["id"],
    }


def generated(told: Callable[[str], None], schema: GraphQLSchema, mode: GenerationMode) -> None:
    """Tells of each operation that is made of a schema."""
    loaded = schemathesis.graphql.from_dict({"data": introspection_from_schema(schema)})
    for found in loaded.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES[mode][operation.label.partition(".")[0]],
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def each(case: Any) -> None:
            told(case.body)

        each()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", list(EXAMPLES), ids=lambda mode: mode.value)
def test_operations_made_of_the_schema_are_all_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: GenerationMode
) -> None:
    dice = Random(SEED)
    heard: list[Heard] = []
    with asyncio.Runner() as runner:
        house, ids = runner.run(furnished(tmp_path))
        names = words(ids)
        tokens = {role: house.token(role, **BOUND.get(role, {}))["Authorization"] for role in Role}

        def told(document: str) -> None:
            role = dice.choice(ROLES)
            document = print_ast(visit(parse(document), _Housed(names, dice)))
            given = [] if role is None else [("authorization", tokens[role])]
            sent = Sent(headers=[*POSTED, *given], parts=[orjson.dumps({"query": document})])
            answer = runner.run(ask(house.app, sent))
            heard.append(answer)

            assert answer.status == 200, document
            assert "INTERNAL" not in answer.codes, document

        generated(told, schema_of()._schema, mode)  # noqa: SLF001
        moved = len(runner.run(house.runtime.store.stock.entries(SKU)))
        runner.run(house.runtime.close())

    assert [record.getMessage() for record in caplog.records if failed(record)] == []
    good = sum(answer.codes == [] for answer in heard)
    if mode is GenerationMode.POSITIVE:
        assert (len(heard) > 1000, good > len(heard) // 2, moved > 3) == (True, True, True)
    else:
        assert (len(heard) > 200, good < len(heard) // 4) == (True, True)
