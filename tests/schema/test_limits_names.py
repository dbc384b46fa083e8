"""What errors tell of the schema to somebody who guesses: nothing that the guess did not say.

The asking is that of the tool ``clairvoyance``: words out of a list, as fields, arguments, types,
values and keys of inputs, and the answers read for whatever looks like a name.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
)

from schema.errors import Telling, kept_back
from schema.info import RequestContext
from schema.limits import Bounds
from schema.operations import Operation, Schema, run
from schema.root import build_schema
from tests.support import SHOPPER, Shop

BATCH = 25
CLOSED = Bounds(introspection=False)
WORD = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@cache
def closed() -> Schema:
    return build_schema(CLOSED)


@cache
def open_schema(*, suggestions: bool) -> Schema:
    return build_schema(Bounds(suggestions=suggestions))


async def told(
    schema: Schema, shop: Shop, document: str, telling: Telling, variables: Mapping[str, Any]
) -> list[str]:
    """The messages that a request is answered with."""
    context = RequestContext(shop.context(SHOPPER), [], "r-1", telling)
    answer = await run(schema, Operation(document, variables), context)
    return [error["message"] for error in answer.body.get("errors", ())]


def names(schema: GraphQLSchema) -> set[str]:
    """Every name of ours: types, fields, arguments, values."""
    found: set[str] = set()
    for kind in schema.type_map.values():
        if kind.name.startswith("__") or kind.name in ("Int", "Float", "String", "Boolean", "ID"):
            continue
        found.add(kind.name)
        if isinstance(kind, GraphQLEnumType):
            found.update(kind.values)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            found.update(kind.fields)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            found.update(name for at in kind.fields.values() for name in at.args)
    return {name for name in found if len(name) > 3}


def guesses(words: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the tool asks for with a list of words."""
    for at in range(0, len(words), BATCH):
        some = words[at : at + BATCH]
        for kind in ("query", "mutation", "subscription"):
            yield f"{kind} {{ {' '.join(some[:1] if kind == 'subscription' else some)} }}", {}
        fields = " ".join(some)
        yield f"{{ products(first: 1) {{ nodes {{ {fields} }} }} }}", {}
        yield f"{{ channels {{ {' '.join(f'{word} {{ {word} }}' for word in some)} }} }}", {}
        arguments = ", ".join(f"{word}: 1" for word in some)
        yield f"{{ products({arguments}) {{ {fields} }} }}", {}
        yield f"{{ products(first: 1, sort: {some[0]}) {{ nodes {{ id }} }} }}", {}
        yield f"{{ channels {{ ... on {some[0]} {{ id }} }} }}", {}
        yield f"{{ channels {{ ...{some[0]} }} }}", {}
        yield f"{{ channels @{some[0]} {{ code }} }}", {}
        yield f"query($v: {some[0]}!) {{ product(by: $v) {{ id }} }}", {"v": {}}
        yield f"{{ product(by: {{{some[0]}: 1}}) {{ id }} }}", {}
        yield "query($v: ProductBy!) { product(by: $v) { id } }", {"v": dict.fromkeys(some, 1)}
        hold = "mutation($v: ReserveStockInput!) { reserveStock(input: $v) { replayed } }"
        yield hold, {"v": dict.fromkeys(some, 1)}
        yield "mutation { reserveStock }", {}
        yield "{ products availability node }", {}


async def test_near_misses_of_every_name_find_no_name(shop: Shop) -> None:
    ours = names(closed()._schema)  # noqa: SLF001
    near = sorted({word for name in ours for word in (name[:-1], f"{name}s")} - ours)
    assert len(near) > 500

    assert await found(shop, near, ours) == []


async def test_whoever_knows_every_name_finds_none_that_it_did_not_say(shop: Shop) -> None:
    ours = names(closed()._schema)  # noqa: SLF001

    assert await found(shop, sorted(ours), ours) == []


async def found(shop: Shop, words: list[str], ours: set[str]) -> list[tuple[str, set[str]]]:
    """Documents of guesses out of some words whose answers hold a name that they did not."""
    leaks = []
    for document, variables in guesses(words):
        said = set(WORD.findall(f"{document} {variables}"))
        messages = await told(closed(), shop, document, CLOSED.telling, variables)
        leaked = (set(WORD.findall(" ".join(messages))) & ours) - said - PLAIN
        if leaked:
            leaks.append((document, leaked))
    return leaks


PLAIN = {
    *(
        "error",
        "field",
        "message",
        "name",
        "value",
        "code",
        "kind",
        "query",
        "condition",
        "input",
        "since",
    ),
}
"""Names of ours that are also words of a sentence."""


@pytest.mark.parametrize(
    ("document", "variables", "hidden"),
    [
        ("{ chanels { code } }", {}, "Cannot query field 'chanels' on type 'Query'."),
        (
            "{ products(frist: 1, first: 1) { nodes { id } } }",
            {},
            "Unknown argument 'frist' on field 'Query.products'.",
        ),
        ("{ channels { ... on Chanel { code } } }", {}, "Unknown type 'Chanel'."),
        (
            "{ products(first: 1, sort: TITLE_AS) { nodes { id } } }",
            {},
            "Value 'TITLE_AS' does not exist in 'ProductSort' enum.",
        ),
        ("{ channels }", {}, "Field 'channels' of type '[Channel!]!' must have a selection"),
        ("query($b: ProductBy!) { product(by: $b) { id } }", {"b": {"handl": "x"}}, "handl"),
    ],
)
async def test_what_may_have_been_meant_is_told_in_development_only(
    shop: Shop, document: str, variables: dict[str, Any], hidden: str
) -> None:
    plain = await told(open_schema(suggestions=False), shop, document, Telling.WRONG, variables)
    helped = await told(open_schema(suggestions=True), shop, document, Telling.ALL, variables)

    assert hidden in " ".join(plain)
    assert "Did you mean" not in " ".join(plain)
    assert "Did you mean" in " ".join(helped)


async def test_without_introspection_nobody_is_told_the_schema(shop: Shop) -> None:
    for document in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
        messages = await told(closed(), shop, document, CLOSED.telling, {})
        assert len(messages) > 0
        assert {message[:39] for message in messages} == {"GraphQL introspection has been disabled"}

    assert await told(closed(), shop, "{ __typename channels { code } }", CLOSED.telling, {}) == []


def test_only_what_was_said_is_repeated() -> None:
    message = "Field 'a' of type '[Thing!]!' has no 'secret'. Did you mean 'b' or 'c'?"

    assert kept_back(message, Telling.ALL, "a") == message
    assert kept_back(message, Telling.WRONG, "a") == message.partition(" Did")[0]
    assert kept_back(message, Telling.SAID, "{ a }") == "Field 'a' of type '…' has no '…'."
