"""What an operation costs in points, and how much of it is looked at to know."""

from functools import cache
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema

from schema.cost import LENGTHS, WEIGHTS
from schema.documents import read
from schema.limits import Bounds, Measure, Size, measured, too_many_values
from tests.schema.asking import schema_of
from tests.support import nested

BOUNDS = Bounds()


@cache
def core() -> GraphQLSchema:
    return schema_of()._schema  # noqa: SLF001


def measure(document: str, **variables: Any) -> Measure:
    return measured(core(), read(document), variables, BOUNDS)


def size(document: str, **variables: Any) -> Size:
    [(_, found)] = measure(document, **variables).sizes
    return found


def cost(document: str, **variables: Any) -> int:
    found = size(document, **variables)
    return found.cost + found.sized


def bomb(fragments: int) -> str:
    """A document whose every fragment spreads the next one twice."""
    made = [f"fragment F{fragments} on Variant {{ sku }}"]
    for at in range(fragments):
        twice = f"a: product {{ id }} ...F{at + 1} ... on Variant {{ ...F{at + 1} }}"
        made.append(f"fragment F{at} on Variant {{ {twice} }}")
    return f'{{ variant(by: {{sku: "x"}}) {{ ...F0 }} }} {" ".join(made)}'


PAGES = "query Pages($n: Int!) { products(first: $n) { nodes { id product: variants(first: 10) {"
PAGES += " nodes { sku } } } } }"


@pytest.mark.parametrize(
    ("document", "variables", "points"),
    [
        ("{ __typename }", {}, 0),
        ("{ channels { code name } }", {}, 1),
        ("{ __schema { types { name } } }", {}, 10_000),
        ("{ products(first: 100) { nodes { id title } } }", {}, 5 + 100),
        ("{ products(first: 100) { pageInfo { endCursor } edges { node { id } } } }", {}, 206),
        (PAGES, {"n": 20}, 5 + 20 * (1 + 1 + 10)),
        (PAGES, {"n": 1}, 5 + 12),
        (PAGES, {}, 5 + 100 * 12),
        (PAGES, {"n": 1_000_000}, 5 + 100 * 12),
        (PAGES, {"n": -1}, 5 + 12),
        (PAGES.replace("Int!", "Int = 3"), {}, 5 + 3 * 12),
        ("query($s: [String!]!) { variants(skus: $s) { product { id } } }", {"s": ["a"] * 7}, 14),
        ('{ variants(skus: ["a", "b"]) { product { id } } }', {}, 4),
        ('{ availability(skus: ["a"], channel: "c") { explain { quantity } } }', {}, 42),
        ("{ reconciliation(first: 1) { nodes { __typename } } }", {}, 201),
        (
            "{ products(first: 2) { ...P } more: products(first: 3) { ...P } }"
            " fragment P on ProductConnection { nodes { id } }",
            {},
            (5 + 2) + (5 + 3),
        ),
        ("mutation($i: X!) { a: placeOrder(input: $i) { order { id } } }", {}, 11),
        ("{ nonsense { more } }", {}, 2),
    ],
)
def test_points_are_the_objects_that_an_answer_is_made_of(
    document: str, variables: dict[str, Any], points: int
) -> None:
    assert cost(document, **variables) == points


def test_everything_is_counted_wherever_it_is_spread() -> None:
    document = """{
      a: channels @include(if: true) { ...C }
      b: channels { ...C @skip(if: false) }
    }
    fragment C on Channel { c: code name }"""

    assert size(document)._asdict() == {
        "depth": 2,
        "roots": 2,
        "fields": 6,
        "leaves": 6,
        "aliases": 4,
        "directives": 2,
        "cost": 2,
        "sized": 0,
    }


@pytest.mark.parametrize("fragments", [10, 20, 40])
def test_the_pass_looks_at_each_node_once_however_often_it_is_spread(fragments: int) -> None:
    found = measure(bomb(fragments))

    [(_, asked)] = found.sizes
    assert asked.fields == 1 + 2 * (2**fragments - 1) + 2**fragments
    within_bounds = asked.fields <= BOUNDS.fields
    assert within_bounds is False
    assert found.visited == 3 + 5 * fragments


def test_pairs_of_one_name_are_counted_no_further_than_is_allowed() -> None:
    few = measure("{ channels { code code code } }")
    through = measure(
        "{ channels { code ...A ...B } } fragment A on Channel { code } "
        "fragment B on Channel { ... on Channel { code } }"
    )
    many = measure("{ channels { " + "code " * 900 + "} }")

    assert (few.overlaps, through.overlaps) == (3, 3)
    assert many.overlaps == 900 * 899 // 2
    assert (many.visited, many.compared) == (901, 901)


def test_no_word_stands_for_a_variable_that_is_left_out() -> None:
    document = "query P($first: Int = 2) { products(first: $first) { nodes { id } } }"
    told = cost(document.replace("P(", "Told("))

    cost(document, first="absent")

    assert cost(document) == told


def test_another_length_is_measured_anew_and_another_quantity_is_not() -> None:
    document = "query($n: Int!, $by: ProductBy!) { products(first: $n) { nodes { id } } }"

    first = measure(document, n=3, by={"id": "1"})

    assert measure(document, n=3, by={"id": "2"}) is first
    assert measure(document, n=4, by={"id": "1"}) is not first


def test_what_is_weighed_is_in_the_schema() -> None:
    kinds = [kind for kind in core().type_map.values() if isinstance(kind, GraphQLObjectType)]
    names = {f"{kind.name}.{name}" for kind in kinds for name in kind.fields}

    assert set(WEIGHTS) <= names
    assert set(LENGTHS) <= {name.partition(".")[2] for name in names}


@pytest.mark.parametrize(
    ("variables", "limit", "asked"),
    [
        ({}, None, None),
        ({"a": [1] * 99}, None, None),
        ({"a": [1] * 100}, "variables", 101),
        ({"a": {"b": {"c": [1] * 1_000_000}}}, "variables", 1_000_003),
        ({"a": nested(31)}, None, None),
        ({"a": nested(32)}, "variablesDepth", 33),
    ],
)
def test_variables_hold_so_many_values(
    variables: dict[str, Any], limit: str | None, asked: int | None
) -> None:
    refused = too_many_values(variables, 100)

    told = {} if refused is None else (refused.extensions or {})["limit"]
    assert (told.get("name"), told.get("asked")) == (limit, asked)
