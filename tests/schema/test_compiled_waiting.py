"""What waits is read once for all objects of a list, and told as if each had been asked (G5)."""

# mypy: disable-error-code="untyped-decorator"
# The library's decorators are untyped.

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import strawberry

from resolvers.access import Principal, Role, Scope
from schema.access import OPEN, Ask, guard
from schema.compiled.explain import explained
from schema.compiled.running import Compiled
from schema.fields import read_together
from schema.info import Info, RequestContext
from schema.limits import Bounds
from schema.operations import Operation, run
from schema.root import Schema, build_schema
from tests.support import CHANNEL, SHOPPER, counted, open_shop, open_store

Friends = Annotated["Person", strawberry.lazy("tests.schema.test_compiled_waiting")]


async def _ages(people: Sequence["Person"], info: Info, plus: int = 0) -> list[int]:
    asked(info).append([person.name for person in people])
    if any(person.name == "nobody" for person in people):
        raise LookupError("nobody has no age")
    given = [len(person.name) + plus for person in people]
    return given[1:] if getattr(info.context.ctx, "is_short", False) else given


async def _friends(people: Sequence["Person"], info: Info) -> list[list["Person"]]:
    asked(info).append([f"friends of {person.name}" for person in people])
    return [[Person(name=person.name * 2)] for person in people]


def asked(info: Info) -> list[Any]:
    ctx: Any = info.context.ctx
    found: list[Any] = ctx.asked
    return found


@strawberry.type
class Person:
    name: str

    @strawberry.field(metadata=read_together(_ages))
    @staticmethod
    async def age(person: strawberry.Parent["Person"], info: Info, plus: int = 0) -> int | None:
        return (await _ages([person], info, plus))[0]

    @strawberry.field(metadata=read_together(_ages))
    @staticmethod
    async def secret_age(
        person: strawberry.Parent["Person"], info: Info, plus: int = 0
    ) -> int | None:
        return (await _ages([person], info, plus))[0]

    @strawberry.field(graphql_type=list[Friends], metadata=read_together(_friends))
    @staticmethod
    async def friends(person: strawberry.Parent["Person"], info: Info) -> Any:
        return (await _friends([person], info))[0]


@strawberry.type
class Query:
    @strawberry.field
    @staticmethod
    async def people(info: Info, names: list[str]) -> list[Person]:
        asked(info).append("people")
        return [Person(name=name) for name in names]


TABLE: dict[str, Ask] = {
    "Person.secretAge": Scope.COSTS,
    "Person.*": OPEN,
    "Query.*": OPEN,
}
BOUNDS = Bounds(depth=20, aliases=50, directives=50, root_fields=50, cost=10**6)


def social() -> Schema:
    schema = Schema(query=Query)
    guard(schema._schema, TABLE)  # noqa: SLF001  # the library has no other door to it
    schema.compiled = Compiled(schema, BOUNDS, after=0)
    return schema


def caller(role: Role = Role.SHOPPER, *, is_short: bool = False) -> RequestContext:
    ctx: Any = SimpleNamespace(principal=Principal(role, role.value), asked=[], is_short=is_short)
    ctx.renewed = lambda: ctx
    return RequestContext(ctx, [], "r-1")


async def both(text: str, context: RequestContext) -> tuple[Any, list[Any], Any]:
    """What a plan answers, and what it has asked for; then what the library answers."""
    schema = social()
    ctx: Any = context.ctx
    assert schema.compiled is not None
    found = await schema.compiled.run(text, None, {}, context)
    seen = list(ctx.asked)
    return found, seen, await schema.execute(text, {}, context)


async def test_a_list_asks_once_for_each_field_and_level() -> None:
    text = """{ people(names: ["a", "bb"]) { age older: age(plus: 10) name
      friends { age friends { age } } } }"""
    found, seen, expected = await both(text, caller())

    assert found.data == expected.data
    assert list(found.data["people"][0]) == ["age", "older", "name", "friends"]
    assert seen == [
        "people",
        ["a", "bb"],
        ["a", "bb"],
        ["friends of a", "friends of bb"],
        ["aa", "bbbb"],
        ["friends of aa", "friends of bbbb"],
        ["aaaa", "bbbbbbbb"],
    ]


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ('{ people(names: ["a", "nobody"]) { name age } }', caller()),
        ('{ people(names: ["a", "bb"]) { name age } }', caller(is_short=True)),
        ('{ people(names: ["a"]) { friends { age } } }', caller(is_short=True)),
    ],
    ids=["one has failed", "too few values", "too few, further down"],
)
async def test_what_fails_is_left_to_the_library_whole(text: str, context: RequestContext) -> None:
    found, _, expected = await both(text, context)

    assert found is None
    assert expected.errors


async def test_an_empty_list_asks_for_nothing() -> None:
    found, seen, expected = await both("{ people(names: []) { age } }", caller())

    assert found.data == expected.data == {"people": []}
    assert seen == ["people"]


@pytest.mark.parametrize("role", list(Role))
async def test_what_is_hidden_is_not_asked_for(role: Role) -> None:
    text = '{ people(names: ["a", "bb"]) { secretAge } }'
    found, seen, expected = await both(text, caller(role))
    principal = caller(role).ctx.principal

    assert found.data == expected.data
    assert (found.data["people"][0]["secretAge"] == 1) is principal.may(Scope.COSTS)
    together = [["a", "bb"]] if principal.may(Scope.COSTS) else []
    assert [it for it in seen if it == ["a", "bb"]] == together


def test_what_a_mutation_answers_is_asked_one_by_one() -> None:
    """Where its errors come among others cannot be found out by doing it again."""
    asked_for = "{ lines { pins { location { code } } } }"
    release = 'releaseReservation(input: {idempotencyKey: "k", reservationId: $id})'
    changing = f"mutation($id: ID!) {{ {release} {{ reservation {asked_for} }} }}"
    reading = f"query($id: ID!) {{ reservation(id: $id) {asked_for} }}"
    told = [explained(build_schema(), text, BOUNDS, SHOPPER, {}) for text in (changing, reading)]

    assert "ReservationPin.location is resolved, since it may wait" in told[0]
    assert "ReservationPin.location is waited for, once for all of a list" in told[1]


PROMISES = """query($channel: String!, $method: FulfillmentMethod) {
  products(first: 3) { nodes { variants(first: 3) { nodes { sku product { handle }
    provenance { system observedAt }
    availability(channel: $channel, method: $method) { availableToPromise stale } } } } } }"""


@pytest.mark.parametrize("said", [{}, {"method": "PICKUP"}])
async def test_promises_of_a_list_are_one_question_and_warn_as_ever(
    said: dict[str, Any], tmp_path: Path
) -> None:
    store, questions = counted(await open_store(str(tmp_path)))
    shop = await open_shop(store)
    for sku in ("BT-0001-30ML", "BT-0001-50ML", "BT-0002-30ML"):
        await shop.stocked(sku, "WH-01", 7)
    shop.clock.advance(days=1)
    answers = []
    for compiled in (False, True):
        schema = build_schema(compiled=compiled)
        if compiled:
            schema.compiled = Compiled(schema, BOUNDS, after=0)
        questions.clear()
        context = RequestContext(shop.context(SHOPPER), [], "r-1")
        operation = Operation(PROMISES, {"channel": CHANNEL, **said})
        answers.append((await run(schema, operation, context)).body)
        assert questions["stock.streams"] == 1
    await shop.close()

    assert answers[0] == answers[1]
    warned = answers[0]["extensions"]["warnings"]
    assert [warning["code"] for warning in warned] == ["STALE"] * len(warned)
    of_goods = {"BT-0001-30ML", "BT-0001-50ML"} if "method" not in said else set()
    assert {warning.get("sku") for warning in warned} >= of_goods
