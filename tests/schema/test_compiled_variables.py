"""Variables that are what their types say are as the library has them: all else is its own (G5)."""

import random
from typing import Any

import pytest
from graphql import (
    GraphQLSchema,
    build_schema,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.execution.values import get_variable_values

from schema.compiled.variables import plain_values
from schema.documents import read
from schema.root import build_schema as build_own

SCHEMA: GraphQLSchema = build_schema(
    "enum Colour { RED } input Box { text: String!, boxes: [Box], many: [Int!], size: Int = 3 }"
    " input One @oneOf { a: Int, b: Int } type Query {"
    " a(box: Box, one: One, c: Colour, f: Float, b: Boolean, id: ID): Int }"
)


def both(defined: str, said: dict[str, Any]) -> tuple[Any, Any]:
    """What we make of some variables, and what the library does."""
    document = read(f"query({defined}) {{ a }}")
    [operation] = document.operations
    ours = plain_values(SCHEMA, document, operation, said)
    return ours, get_variable_values(SCHEMA, operation.variable_definitions or (), dict(said))


@pytest.mark.parametrize(
    ("defined", "said"),
    [
        ("$s: String!", {"s": "text"}),
        ("$s: String", {"s": "", "more": 1}),
        ('$s: String = "else", $id: ID!', {"s": "text", "id": "7"}),
        ("$s: String, $i: Int", {"s": None}),
        ('$s: String = "else"', {"s": None}),
        ("$c: Colour!", {"c": "RED"}),
        ("$box: Box!", {"box": {"text": "text", "boxes": [{"text": ""}, None]}}),
        ("$box: Box", {"box": {"text": "text", "many": None, "size": 7}}),
        ("$list: [Int]", {"list": [1, None]}),
        ("$list: [[Int!]!]!", {"list": [[1], []]}),
        ("$i: Int!", {"i": -(2**31 - 1)}),
        ("$i: Int, $f: Float!, $b: Boolean", {"i": 7, "f": -0.5, "b": False}),
    ],
)
def test_plain_values_are_the_librarys(defined: str, said: dict[str, Any]) -> None:
    ours, theirs = both(defined, said)

    assert ours.coerced == theirs.coerced
    assert [shown(of) for of in ours.sources.items()] == [
        shown(of) for of in theirs.sources.items()
    ]


def shown(source: tuple[str, Any]) -> tuple[Any, ...]:
    name, (signature, value) = source
    return name, str(signature.type), value, signature.default and signature.default.literal


@pytest.mark.parametrize(
    ("defined", "said"),
    [
        ("$s: String!", {}),
        ("$s: String!", {"s": None}),
        ("$s: String!", {"s": 7}),
        ("$s: String!", {"s": ["text"]}),
        ('$s: String = "else"', {}),
        ("$i: Int!", {"i": True}),
        ("$i: Int!", {"i": 2**31}),
        ("$i: Int!", {"i": 7.0}),
        ("$f: Float!", {"f": 7}),
        ("$f: Float!", {"f": float("nan")}),
        ("$f: Float!", {"f": float("inf")}),
        ("$b: Boolean!", {"b": 1}),
        ("$id: ID!", {"id": 7}),
        ("$c: Colour!", {"c": "BLUE"}),
        ("$box: Box!", {"box": {}}),
        ("$box: Box!", {"box": {"text": 7}}),
        ("$box: Box!", {"box": {"text": "text", "more": 1}}),
        ("$box: Box!", {"box": ["text"]}),
        ("$one: One", {"one": {"a": 1}}),
        ("$list: [Int!]", {"list": [None]}),
        ("$list: [Int]", {"list": 1}),
        ("$none: Nothing", {"none": 1}),
    ],
)
def test_anything_else_is_left_to_the_library(defined: str, said: dict[str, Any]) -> None:
    assert both(defined, said)[0] is None


def test_an_operation_without_variables_has_none() -> None:
    document = read("query None { a }")

    assert plain_values(SCHEMA, document, document.operations[0], {"more": 1}) == ({}, {})


# ---- our own inputs ----------------------------------------------------------------------------

OWN = build_own()._schema  # noqa: SLF001  # the library has no other door to it
INPUTS = sorted(
    name
    for name, kind in OWN.type_map.items()
    if is_input_object_type(kind) or name in ("DateTime", "Decimal")
)
TIMES = 60
ODD: tuple[Any, ...] = (
    None,
    True,
    7,
    -0.5,
    "",
    "text",
    [],
    {},
    [None],
    {"": 1},
    2**40,
    "2026-03-01T09:30:00Z",
    "1.5",
)


def value(kind: Any, dice: random.Random, odd: float) -> Any:
    """A value of a type as a client sends it, of which so much is something else."""
    if dice.random() < odd:
        return dice.choice(ODD)
    if is_non_null_type(kind):
        return value(kind.of_type, dice, odd)
    if is_list_type(kind):
        return [value(kind.of_type, dice, odd) for _ in range(dice.randrange(3))]
    if is_enum_type(kind):
        return dice.choice(list(kind.values))
    if is_input_object_type(kind):
        return fields_of(kind, dice, odd)
    return {
        "Int": dice.randrange(-5, 5),
        "Float": dice.random(),
        "Boolean": dice.random() < 0.5,
        "DateTime": "2026-03-01T09:30:00+08:00",
        "Decimal": "1280.00",
    }.get(kind.name, "text")


def fields_of(kind: Any, dice: random.Random, odd: float) -> dict[str, Any]:
    fields = list(kind.fields.items())
    if getattr(kind.out_type, "__name__", "") == "check_one_of":
        name, it = dice.choice(fields)
        return {name: value(it.type, dice, odd) or "text"}
    return {
        name: value(it.type, dice, odd)
        for name, it in fields
        if is_required_input_field(it) or dice.random() < 0.7
    }


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_of_ours_is_as_the_library_makes_it(name: str) -> None:
    dice, plain = random.Random(name), 0
    document = read(f"query Of{name}($v: {name}) {{ __typename }}")
    [operation] = document.operations
    for at in range(TIMES):
        said = {"v": value(OWN.type_map[name], dice, odd=0.0 if at < TIMES // 2 else 0.1)}

        ours = plain_values(OWN, document, operation, said)

        theirs = get_variable_values(OWN, operation.variable_definitions or (), said)
        if ours is not None:
            assert not isinstance(theirs, list), said
            assert ours.coerced == theirs.coerced, said
            plain += 1
    assert plain >= TIMES // 2, "those of which nothing is odd"
