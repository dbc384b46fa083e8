"""Variables that are plain scalars are as the library has them; all others are left to it (G5)."""

from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema
from graphql.execution.values import get_variable_values

from schema.compiled.variables import plain_values
from schema.documents import read

SCHEMA: GraphQLSchema = build_schema(
    "enum Colour { RED } input Box { text: String } type Query {"
    " a(s: String, i: Int, f: Float, b: Boolean, id: ID, c: Colour, box: Box, list: [Int]): Int }"
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
        ("$c: Colour!", {"c": "RED"}),
        ("$box: Box!", {"box": {"text": "text"}}),
        ("$list: [Int]", {"list": [1]}),
        ("$none: Nothing", {"none": 1}),
    ],
)
def test_anything_else_is_left_to_the_library(defined: str, said: dict[str, Any]) -> None:
    assert both(defined, said)[0] is None


def test_an_operation_without_variables_has_none() -> None:
    document = read("query None { a }")

    assert plain_values(SCHEMA, document, document.operations[0], {"more": 1}) == ({}, {})
