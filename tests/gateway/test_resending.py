"""A phone that lost the answer sends again: every mutation, over every way in, is done once and
answered the same. What only real processes can show stands in ``tests/e2e/test_resending.py``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull

from tests.gateway.asked import Shop, opened_shop
from tests.gateway.house import talking
from tests.mutations import ELSEWHERE, MUTATIONS, Mutation, more, replays
from tests.schema.asking import schema_of

KEY = "key"
every = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda it: it.name)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = await opened_shop(tmp_path)
    yield shop
    await shop.house.runtime.close()


def test_every_mutation_that_has_a_key_is_looked_at() -> None:
    kind = schema_of()._schema.mutation_type  # noqa: SLF001
    assert kind is not None
    keyed = set()
    for name, field in kind.fields.items():
        if "input" not in field.args:
            continue
        input = field.args["input"].type
        assert isinstance(input, GraphQLNonNull)
        assert isinstance(input.of_type, GraphQLInputObjectType)
        if "idempotencyKey" in input.of_type.fields:
            keyed.add(name)

    assert {mutation.name for mutation in MUTATIONS} == keyed - ELSEWHERE.keys()
    assert ELSEWHERE.keys() <= keyed


@every
@pytest.mark.parametrize("times", [2, 20])
async def test_sent_at_the_same_time_it_is_done_once(
    shop: Shop, mutation: Mutation, times: int
) -> None:
    input = await mutation.prepared(shop.ask, KEY)
    before = await shop.counted(mutation, KEY)

    answers = await asyncio.gather(*(shop.send(mutation, **input) for _ in range(times)))

    replays(answers)
    assert more(await shop.counted(mutation, KEY), before) == mutation.effect


@every
async def test_sent_again_after_an_hour_it_is_not_done_again(
    shop: Shop, mutation: Mutation
) -> None:
    input = await mutation.prepared(shop.ask, KEY)
    first = await shop.send(mutation, **input)
    shop.clock.advance(hours=1)
    before = await shop.counted(mutation, KEY)

    again = await shop.send(mutation, **input)

    assert (first["replayed"], again["replayed"], again["userErrors"]) == (False, True, [])
    assert identity(again) == identity(first)
    assert await shop.counted(mutation, KEY) == before


def identity(payload: Mapping[str, Any]) -> str:
    """What a payload is about: its object's id, or a code that is free again."""
    [thing] = [payload[name] for name in payload if name not in ("replayed", "userErrors")]
    return str(thing if isinstance(thing, str) else thing["id"])


async def by_post_twice(shop: Shop, mutation: Mutation, input: Any) -> list[Any]:
    return [await shop.send(mutation, **input), await shop.send(mutation, **input)]


async def by_a_list(shop: Shop, mutation: Mutation, input: Any) -> list[Any]:
    one = {"query": mutation.document, "variables": {"input": input}}
    return [answer["data"][mutation.name] for answer in await shop.post([one, one])]


async def by_aliases(shop: Shop, mutation: Mutation, input: Any) -> list[Any]:
    return list((await shop.ask(mutation.twice, input=input)).values())


async def by_socket_then_post(shop: Shop, mutation: Mutation, input: Any) -> list[Any]:
    async with talking(shop.house.app) as talk:
        await talk.event()
        await talk.introduce(shop.token)
        await talk.subscribe("1", mutation.document, input=input)
        told = (await talk.message())["payload"]["data"][mutation.name]
    return [told, await shop.send(mutation, **input)]


WAYS = (by_post_twice, by_a_list, by_aliases, by_socket_then_post)


@every
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_whichever_way_it_comes_again_it_is_done_once(
    shop: Shop, mutation: Mutation, way: Callable[..., Any]
) -> None:
    input = await mutation.prepared(shop.ask, KEY)
    before = await shop.counted(mutation, KEY)

    first, again = await way(shop, mutation, input)

    assert (first["replayed"], again["replayed"]) == (False, True)
    replays([first, again])
    assert more(await shop.counted(mutation, KEY), before) == mutation.effect


@every
async def test_under_the_same_key_other_content_is_refused(shop: Shop, mutation: Mutation) -> None:
    input = await mutation.prepared(shop.ask, KEY)
    await shop.send(mutation, **input)
    before = await shop.counted(mutation, KEY)

    refused = await shop.send(mutation, **{**input, **mutation.other})

    assert refused["userErrors"] == [
        {"code": "IDEMPOTENCY_KEY_REUSED", "field": ["input", "idempotencyKey"]}
    ]
    assert await shop.counted(mutation, KEY) == before
    assert (await shop.send(mutation, **input))["replayed"] is True


@every
async def test_a_caller_who_gives_up_leaves_it_done_once_at_most(
    shop: Shop, mutation: Mutation
) -> None:
    input = await mutation.prepared(shop.ask, KEY)
    before = await shop.counted(mutation, KEY)
    for patience in range(12):
        given_up = asyncio.create_task(shop.send(mutation, **input))
        for _ in range(patience):
            await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])

    again = await shop.send(mutation, **input)
    last = await shop.send(mutation, **input)

    assert {**again, "replayed": True} == last
    assert last["userErrors"] == []
    assert more(await shop.counted(mutation, KEY), before) == mutation.effect
