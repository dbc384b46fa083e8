"""Documents made to make us work: how each is refused, and how little of it is looked at.

How much time that takes is measured by ``bench/limits.py``.
"""

from typing import Any

import pytest

from bench.bombs import BOMBS, fan_out
from schema.documents import invalid, read
from schema.info import RequestContext
from schema.limits import Bounds, beyond, measured
from schema.operations import Operation, run
from tests.schema.asking import ask, schema_of
from tests.support import SHOPPER, Shop

PARSER = ["GRAPHQL_PARSE_FAILED"]
INVALID = ["GRAPHQL_VALIDATION_FAILED"]
BOUNDS = Bounds()

REFUSED: dict[str, list[str]] = {
    "fragments, fan-out": ["fields"],
    "fragments, chain": [],
    "fragments, circle": ["overlaps"],
    "aliases": ["aliases", "rootFields"],
    "aliases of __typename": ["aliases", "rootFields"],
    "one object, repeated": ["rootFields", "overlaps"],
    "one field, repeated": ["overlaps"],
    "inline fragments": ["overlaps"],
    "pairs, just allowed": [],
    "directives": ["directives"],
    "directives, unknown": ["directives"],
    "deep fields": ["depth"],
    "deep inline fragments": PARSER,
    "deep list": PARSER,
    "operations": ["operations"],
    "unknown root fields": ["rootFields"],
    "unknown fields": INVALID,
    "arguments": INVALID,
    "variables, defined": INVALID,
    "white space": [],
    "block text": [],
    "a megabyte": PARSER,
    "variables, a list": ["variables"],
    "variables, nested": ["variablesDepth"],
    "introspection": ["cost", "rootFields"],
}
"""What each bomb is refused for; nothing, if it may run."""


@pytest.mark.parametrize("name", BOMBS)
async def test_each_bomb_is_refused_for_what_it_is(shop: Shop, name: str) -> None:
    document, variables = BOMBS[name]("b")
    operation = Operation(document, variables, "b0" if name == "operations" else None)

    answer = await run(schema_of(), operation, RequestContext(shop.context(SHOPPER), [], "r-1"))

    told = [error["extensions"] for error in answer.body.get("errors", ())]
    why = {error.get("limit", {"name": error["code"]})["name"] for error in told}
    assert why == set(REFUSED[name])
    assert answer.refused == (REFUSED[name] != [])


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_too_much_is_refused_before_it_is_validated(name: str) -> None:
    text, variables = BOMBS[name]("v")
    if REFUSED[name] == PARSER:
        return
    core = schema_of()._schema  # noqa: SLF001
    document = read(text)
    measure = measured(core, document, variables, BOUNDS)

    assert measure.visited < BOUNDS.tokens
    assert measure.compared < BOUNDS.tokens
    assert bool(beyond(BOUNDS, measure)) == (
        REFUSED[name] not in ([], INVALID) and not name.startswith("variables")
    )
    assert all(key[0] is not invalid for key in document.found)


def test_the_pass_grows_with_the_document_and_with_nothing_else() -> None:
    core = schema_of()._schema  # noqa: SLF001

    visited = [
        measured(core, read(fan_out(fragments)), {}, BOUNDS).visited
        for fragments in (4, 16, 32, 48, 60)
    ]

    assert visited == [2 + 1 + 3 * fragments for fragments in (4, 16, 32, 48, 60)]


async def test_a_document_is_read_validated_and_measured_once(shop: Shop) -> None:
    document = "query ReadOnce { channels { code } }"

    first = read(document)
    answers: list[Any] = [await ask(shop, document) for _ in range(3)]

    assert [answer.errors for answer in answers] == [[], [], []]
    assert read(document) is first
    known = "its measure, its faults, what its directives go by, and its variables"
    assert len(first.found) == 4, known
