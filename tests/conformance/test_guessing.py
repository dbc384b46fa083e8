"""Whoever guesses over the network is told no more than the schema alone would tell: the settings
reach every way in. What a list of words can find stands in ``tests/schema/test_limits_names.py``.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import House, opened, talking

GUESSES = {
    "a field": "{ chanels { code } }",
    "a field within": "{ channels { cod } }",
    "an argument": "{ products(frist: 1) { nodes { id } } }",
    "a type": "{ channels { ... on Chanel { code } } }",
    "a value": "{ products(first: 1, sort: TITLE_AS) { nodes { id } } }",
    "a mutation": "mutation { reserveStok { replayed } }",
    "a key of an input": '{ product(by: {handl: "x"}) { id } }',
}
HIDDEN = ("channels", "code", "first", "Channel", "TITLE_ASC", "reserveStock", "handle", "Query")
"""What the guesses are near to, and where that stands."""

SCHEMA = (
    "{ __schema { types { name } } }",
    '{ __type(name: "Query") { fields { name } } }',
    "{ a: __schema { queryType { name } } __typename }",
)


async def by_post(house: House, query: str) -> list[Any]:
    told: list[Any] = (await house.post({"query": query})).json()["errors"]
    return told


async def by_get(house: House, query: str) -> list[Any]:
    told: list[Any] = (await house.get(query=query)).json()["errors"]
    return told


async def by_list(house: House, query: str) -> list[Any]:
    [answer] = (await house.post([{"query": query}])).json()
    return list(answer["errors"])


async def by_socket(house: House, query: str) -> list[Any]:
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("1", query)
        message = await talk.message()
    assert message["type"] == "error"
    return list(message["payload"])


WAYS = (by_post, by_get, by_list, by_socket)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_guess_is_answered_with_what_it_said(tmp_path: Path, way: Any) -> None:
    house = await opened(tmp_path, batch_max=1, introspection=False)
    for query in GUESSES.values():
        if way is by_get and query.startswith("mutation"):
            continue
        for error in await way(house, query):
            said = set(query.replace("(", " ").replace(":", " ").split())
            assert "Did you mean" not in error["message"]
            for name in HIDDEN:
                assert name in said or f"'{name}'" not in error["message"], (query, error)
    for query in SCHEMA:
        errors = await way(house, query)
        assert all("introspection has been disabled" in error["message"] for error in errors)
        assert errors
    await house.runtime.close()


@pytest.mark.parametrize("query", GUESSES.values(), ids=GUESSES.keys())
async def test_where_the_schema_may_be_asked_for_nothing_is_suggested_either(
    house: House, query: str
) -> None:
    for error in await by_post(house, query):
        assert "Did you mean" not in error["message"]
