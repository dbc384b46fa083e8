"""Who would have the plans do what a request says, or fill the house with them (G6)."""

# mypy: disable-error-code="untyped-decorator"
# The library's decorators are untyped.

import re
from functools import partial
from typing import Any

import pytest
import strawberry
from graphql import GraphQLField

from resolvers.access import Role
from schema.access import LAID
from schema.compiled import tree
from schema.compiled.plain import Call, Read, reading
from schema.compiled.plans import Plans
from schema.compiled.running import Compiled
from schema.documents import read
from schema.fields import IS_PURE, plain
from schema.info import RequestContext
from schema.operations import Operation, run
from schema.root import BOUNDS, Schema, build_schema
from tests.schema.corners import WIDE, context, cornered
from tests.support import GUEST, OPERATOR, SHOPPER, Shop

WORD = re.compile(r"[A-Za-z_]\w*")


def plans_of(schema: Schema) -> Plans:
    assert schema.compiled is not None
    return schema.compiled.plans


def codes(plans: Plans) -> list[str]:
    return [
        plan.code.text
        for sight in plans._sights.values()  # noqa: SLF001  # what no door shows
        for plan in sight.by_request.values()
    ]


async def ran(schema: Schema, text: str, **said: Any) -> Any:
    assert schema.compiled is not None
    return await schema.compiled.run(text, None, said, context(Role.ADMIN, 0.0))


HOSTILE = (
    "__import__",
    "exec_os_system",
    "lambda_x",
    "key_1",
    "level_3",
    "parent",
    "run",
    "type",
    "__builtins__",
    "None",
    "import",
    "v0",
    "x" * 200,
)


async def test_no_word_of_a_request_stands_in_code() -> None:
    schema = cornered()
    aliases = " ".join(f"{name}: name" for name in HOSTILE)
    text = f"""query {"Evil" * 9}($key_2: String! = "'); import os; ('") {{
      sureBox {{ {aliases} ...Evil_fragment later(text: $key_2) }} }}
    fragment Evil_fragment on Box {{ where(words: ["\\\\", "'''", "{{}}"]) evil_alias: shout }}"""

    answer = await ran(schema, text)

    assert list(answer.data["sureBox"])[: len(HOSTILE)] == list(HOSTILE)
    [code] = codes(plans_of(schema))
    bare = re.sub(r"#.*", "", code)
    numbered = re.compile(
        r"(key|level|value|read|bind|other|known|one_of|typename|mask)_\d+|v\d+i*"
    )
    known = {"def", "return", "if", "else", "is", "and", "or", "not", "for", "in", "None", "type"}
    known |= {"str", "int", "float", "bool", "list", "tuple", "id", "get", "inf"}
    known |= {"parent", "value", "run", "given", "name"}
    assert {word for word in WORD.findall(bare) if not numbered.fullmatch(word)} <= known
    assert "evil" not in code.lower()


async def test_code_has_nothing_of_python_at_hand() -> None:
    schema = cornered()
    await ran(schema, "{ sureBox { name } }")

    [sight] = plans_of(schema)._sights.values()  # noqa: SLF001  # what no door shows
    [plan] = sight.by_request.values()

    assert plan.code.space["__builtins__"] == {}


async def test_a_document_that_comes_once_is_not_compiled() -> None:
    schema = cornered()
    schema.compiled = Compiled(schema, WIDE)
    plans = plans_of(schema)

    assert await ran(schema, "{ sureBox { name } }") is None
    assert plans.made == 0
    assert await ran(schema, "{ sureBox { name } }") is not None
    assert plans.made == 1


async def test_plans_take_no_more_room_than_they_may() -> None:
    schema = cornered()
    plans = plans_of(schema)
    plans.entries_max, plans.chars_max = 8, 3_000

    for number in range(60):
        await ran(schema, f"{{ sureBox {{ a{number}: name number text key flag }} }}")
        assert len(plans) <= 8
        assert plans.chars == sum(map(len, codes(plans))) <= 3_000

    assert plans.made == 60
    assert len(plans) > 1


async def test_every_choice_of_directives_is_one_entry_and_no_more() -> None:
    schema = cornered()
    plans = plans_of(schema)
    plans.entries_max = 5
    names = [f"x{number}" for number in range(6)]
    asked = " ".join(f"{name}: name @include(if: ${name})" for name in names)
    text = f"query({' '.join(f'${name}: Boolean!' for name in names)}) {{ sureBox {{ {asked} }} }}"

    for choice in range(64):
        said = {name: bool(choice >> at & 1) for at, name in enumerate(names)}
        answer = await ran(schema, text, **said)
        assert set(answer.data["sureBox"]) == {name for name in names if said[name]}

    assert len(plans) == 5


async def test_what_is_too_large_runs_without_a_plan() -> None:
    schema = cornered()
    fields = " ".join(f"a{number}: name" for number in range(tree.FIELDS_MAX + 1))
    text = f"{{ sureBox {{ {fields} }} }}"
    parsed = await schema.execute(text, context_value=context(Role.ADMIN, 0.0))
    assert parsed.errors, "a document of so many words is refused before"
    spread = " ".join(f"b{number}: sure {{ ...F }}" for number in range(60))
    many = " ".join(f"a{number}: name" for number in range(20))
    text = f"{{ sureBox {{ {spread} }} }} fragment F on Box {{ {many} }}"

    assert await ran(schema, text) is None
    assert codes(plans_of(schema)) == []
    stock = await schema.execute(text, context_value=context(Role.ADMIN, 0.0))
    assert stock.errors is None


# ---- what only looks plain -----------------------------------------------------------------------


def field_of(schema: strawberry.Schema, kind: str, name: str) -> GraphQLField:
    found: Any = schema._schema.type_map[kind]  # noqa: SLF001  # the library has no other door to it
    field: GraphQLField = found.fields[name]
    return field


def test_a_resolver_under_something_else_is_not_plain() -> None:
    schema = cornered()
    field = field_of(schema, "Box", "name")
    assert isinstance(reading(field), Read)
    under = field.resolve
    assert under is not None

    def over(*given: Any, **more: Any) -> Any:
        return under(*given, **more)

    over.__name__, over.__qualname__, over.__wrapped__ = under.__name__, under.__qualname__, under  # type: ignore[attr-defined]  # as wraps does
    field.resolve = over

    assert isinstance(reading(field), Call)


def test_something_over_a_guard_is_not_plain() -> None:
    schema = build_schema()
    field = field_of(schema, "Variant", "unitCost")
    assert isinstance(reading(field), Read)
    guarded = field.resolve
    assert guarded is not None
    assert field.extensions[LAID].over is guarded

    field.resolve = partial(guarded)

    assert isinstance(reading(field), Call)


def test_what_may_wait_is_not_plain_whatever_it_says_of_itself() -> None:
    @strawberry.type
    class Query:
        @strawberry.field(metadata=IS_PURE)
        async def waits(self) -> str:
            return "late"

        @strawberry.field(metadata=IS_PURE)
        def of_itself(self) -> str:
            return "called with self"

        told: str = plain("told", "Told.")

    schema = strawberry.Schema(Query)

    assert isinstance(reading(field_of(schema, "Query", "waits")), Call)
    assert isinstance(reading(field_of(schema, "Query", "ofItself")), Call)
    assert isinstance(reading(field_of(schema, "Query", "told")), Read)


@pytest.mark.parametrize("first", [OPERATOR, SHOPPER, GUEST], ids=lambda who: who.subject)
async def test_a_plan_of_one_role_is_not_given_to_another(shop: Shop, first: Any) -> None:
    """Costs are an operator's to see; whoever's plan is made first, each sees as much as ever."""
    schema = build_schema()
    schema.compiled = Compiled(schema, BOUNDS, after=0)
    text = '{ variant(by: {sku: "BT-0001-30ML"}) { unitCost { amount } } }'

    for caller in (first, OPERATOR, SHOPPER, GUEST, OPERATOR):
        seen = await run(schema, Operation(text), RequestContext(shop.context(caller), [], "r"))
        cost = seen.body["data"]["variant"]["unitCost"]
        assert (cost is not None) == (caller is OPERATOR)

    assert plans_of(schema).made == 2
    assert read(text) is read(text)
