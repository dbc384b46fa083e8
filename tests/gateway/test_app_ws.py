"""GraphQL over WebSocket: graphql-transport-ws as its protocol says, and every way to misuse it."""

import asyncio
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap import Runtime
from gateway.settings import Sockets
from resolvers.access import Principal
from resolvers.context import Context
from tests.gateway.house import HOLD, NOON, PROMISE, SKU, House, house_of, opened, promised, talking

WATCH = (
    "subscription ($skus: [String!]!) { stockChanged(skus: $skus) { onHand location { code } } }"
)


async def test_a_query_is_answered_and_completed(house: House) -> None:
    async with talking(house.app) as talk:
        assert (await talk.event())["subprotocol"] == "graphql-transport-ws"
        await talk.introduce()

        await talk.subscribe("1", PROMISE)

        assert await talk.message() == {"type": "next", "id": "1", "payload": promised(0)}
        assert await talk.message() == {"type": "complete", "id": "1"}


async def test_old_facts_are_told_of_here_too(house: House) -> None:
    await house.stocked("WH-01", 7, observed_at=NOON - timedelta(hours=1))
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()

        await talk.subscribe("1", PROMISE)

        [warning] = (await talk.message())["payload"]["extensions"]["warnings"]
        assert (warning["code"], warning["sku"]) == ("STALE", SKU)


async def test_a_subscription_tells_the_present_state_and_each_later_one(house: House) -> None:
    await house.stocked("WH-01", 7)
    tail = asyncio.create_task(house.runtime.watch.tail())
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()

        await talk.subscribe("w", WATCH, skus=[SKU])
        first = await talk.message()
        await house.stocked("ST-01", 3)
        second = await talk.message()

        assert first["payload"]["data"]["stockChanged"] == level("WH-01", 7)
        assert second["payload"]["data"]["stockChanged"] == level("ST-01", 3)
    tail.cancel()


async def test_a_watch_ends_with_the_token_that_began_it(house: House) -> None:
    now = [NOON]
    tokens = replace(house.runtime.tokens, clock=lambda: now[0])
    aging = house_of(replace(house.runtime, tokens=tokens))
    await aging.stocked("WH-01", 7)
    tail = asyncio.create_task(aging.runtime.watch.tail())
    async with talking(aging.app) as talk:
        await talk.event()
        await talk.introduce(aging.token())
        await talk.subscribe("w", WATCH, skus=[SKU])
        first = await talk.message()

        now[0] += timedelta(minutes=2)
        await aging.stocked("ST-01", 3)

        assert first["payload"]["data"]["stockChanged"] == level("WH-01", 7)
        assert await talk.closed() == (4403, "Forbidden")
    tail.cancel()


def level(location: str, units: int) -> dict[str, Any]:
    return {"onHand": units, "location": {"code": location}}


async def test_what_a_client_completes_is_told_no_more_and_its_id_is_free(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("w", WATCH, skus=[SKU])
        await talk.message()

        await talk.say({"type": "complete", "id": "w"})
        await talk.say({"type": "complete", "id": "unknown"})
        await talk.subscribe("w", PROMISE)

        assert await talk.message() == {"type": "next", "id": "w", "payload": promised(7)}
        assert await talk.message() == {"type": "complete", "id": "w"}


async def test_a_refused_operation_is_an_error_of_its_own(house: House) -> None:
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()

        await talk.subscribe("1", "{ nonsense }")
        error = await talk.message()
        await talk.subscribe("1", "{ channels {")

        assert (error["type"], error["id"]) == ("error", "1")
        assert codes(error) == ["GRAPHQL_VALIDATION_FAILED"]
        assert codes(await talk.message()) == ["GRAPHQL_PARSE_FAILED"]


def codes(message: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in message["payload"]]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "token"])
async def test_a_token_comes_with_the_introduction(house: House, name: str) -> None:
    await house.stocked("WH-01", 7)
    authorization = house.token()["Authorization"]
    given = authorization.removeprefix("Bearer ") if name == "token" else authorization
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce({name: given})

        await talk.subscribe("h", HOLD, key="k", quantity=1)

        held = (await talk.message())["payload"]["data"]["reserveStock"]
        assert (held["reservation"]["status"], held["userErrors"]) == ("HELD", [])


async def test_a_token_may_come_with_the_handshake(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with talking(house.app, house.token()) as talk:
        await talk.event()
        await talk.introduce()

        await talk.subscribe("h", HOLD, key="k", quantity=1)

        held = (await talk.message())["payload"]["data"]["reserveStock"]
        assert held["reservation"]["status"] == "HELD"


async def test_without_a_token_nothing_is_held(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()

        await talk.subscribe("h", HOLD, key="k", quantity=1)

        refused = await talk.message()
        assert (refused["type"], codes(refused)) == ("error", ["UNAUTHENTICATED"])
    assert (await house.post({"query": PROMISE})).json() == promised(7)


@pytest.mark.parametrize(
    "payload", [{"token": "nonsense"}, {"Authorization": "Basic x"}, {"authorization": ""}]
)
async def test_a_token_that_cannot_be_trusted_closes_the_door(house: House, payload: Any) -> None:
    async with talking(house.app) as talk:
        await talk.event()

        await talk.say({"type": "connection_init", "payload": payload})

        assert await talk.closed() == (4403, "Forbidden")


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        '"x"',
        "null",
        "[" * 10_000,
        "{}",
        {"type": 5},
        {"type": "nonsense"},
        {"type": "start", "id": "1"},
        {"type": "subscribe"},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": "1", "payload": None},
        {"type": "subscribe", "id": "1", "payload": {}},
        {"type": "subscribe", "id": "1", "payload": []},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": 5}},
        {"type": "subscribe", "id": "", "payload": {"query": "{ a }"}},
        {"type": "subscribe", "id": "x" * 129, "payload": {"query": "{ a }"}},
        {"type": "subscribe", "id": {}, "payload": {"query": "{ a }"}},
        {"type": "subscribe", "id": 1, "payload": {"query": "{ a }"}},
        {"type": "complete"},
        {"type": "complete", "id": []},
    ],
    ids=lambda message: str(message)[:60],
)
async def test_a_message_that_makes_no_sense_closes_with_4400(house: House, message: Any) -> None:
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()

        await talk.say(message)

        assert (await talk.closed())[0] == 4400


@pytest.mark.parametrize("payload", [[], "x", 5, {"token": 5}, {"Authorization": {}}])
async def test_an_introduction_that_makes_no_sense_closes_with_4400(
    house: House, payload: Any
) -> None:
    async with talking(house.app) as talk:
        await talk.event()

        await talk.say({"type": "connection_init", "payload": payload})

        assert (await talk.closed())[0] == 4400


async def test_bytes_are_no_messages(house: House) -> None:
    async with talking(house.app) as talk:
        await talk.event()

        await talk.sent.put({"type": "websocket.receive", "bytes": b"{}"})

        assert (await talk.closed())[0] == 4400


async def test_who_has_not_introduced_itself_may_only_ping(house: House) -> None:
    async with talking(house.app) as talk:
        await talk.event()
        await talk.say({"type": "ping"})
        assert await talk.message() == {"type": "pong"}

        await talk.subscribe("1", PROMISE)

        assert await talk.closed() == (4401, "Unauthorized")


async def test_one_introduction_is_enough(house: House) -> None:
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()

        await talk.say({"type": "connection_init"})

        assert await talk.closed() == (4429, "Too many initialisation requests")


async def test_an_id_stands_for_one_operation_at_a_time(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("w", WATCH, skus=[SKU])
        await talk.message()

        await talk.subscribe("w", PROMISE)

        assert (await talk.closed())[0] == 4409


async def test_another_protocol_is_not_spoken(house: House) -> None:
    async with talking(house.app, subprotocols=("graphql-ws",)) as talk:
        assert (await talk.event())["subprotocol"] is None

        assert await talk.closed() == (4406, "Subprotocol not acceptable")


async def test_a_ping_is_answered_however_deep_it_is(house: House) -> None:
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()

        deep: dict[str, Any] = {}
        for _ in range(260):
            deep = {"a": deep}

        await talk.say({"type": "pong"})
        await talk.say({"type": "ping", "payload": {"at": 1}})
        await talk.say({"type": "ping", "payload": deep})

        assert await talk.message() == {"type": "pong"}
        assert await talk.message() == {"type": "pong"}


OPERATIONS_MAX = Sockets().operations_max


async def test_operations_of_one_connection_have_a_bound(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        for at in range(OPERATIONS_MAX):
            await talk.subscribe(str(at), WATCH, skus=[SKU])
        for _ in range(OPERATIONS_MAX):
            assert (await talk.message())["type"] == "next"

        await talk.subscribe("one more", PROMISE)
        refused = await talk.message()
        await talk.say({"type": "complete", "id": "0"})
        await talk.subscribe("one more", PROMISE)

        assert (refused["type"], refused["id"], codes(refused)) == (
            "error",
            "one more",
            ["THROTTLED"],
        )
        assert (await talk.message())["type"] == "next"


async def test_mutations_of_one_caller_have_a_bound_here_too(tmp_path: Path) -> None:
    house = await opened(tmp_path, mutations_per_second=1)
    async with talking(house.app, house.token()) as talk:
        await talk.event()
        await talk.introduce()

        await talk.subscribe("1", "mutation { __typename }")
        assert (await talk.message())["type"] == "next"
        await talk.message()
        await talk.subscribe("2", "mutation { __typename }")

        assert codes(await talk.message()) == ["THROTTLED"]


class Broken(Runtime):
    """One with a bug that no field is to blame for."""

    def context(self, principal: Principal) -> Context:
        raise AttributeError("'object' has none of it")


async def test_a_bug_ends_its_operation_and_not_the_connection(house: House) -> None:
    broken = Broken(
        **{it.name: getattr(house.runtime, it.name) for it in fields(Runtime) if it.init}
    )
    async with talking(house_of(broken).app) as talk:
        await talk.event()
        await talk.introduce()

        await talk.subscribe("1", PROMISE)
        error = await talk.message()
        await talk.say({"type": "ping"})

        assert (error["type"], codes(error)) == ("error", ["INTERNAL"])
        assert "object" not in error["payload"][0]["message"]
        assert await talk.message() == {"type": "pong"}


async def test_when_the_client_goes_away_its_subscriptions_end(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("w", WATCH, skus=[SKU])
        await talk.message()
        assert "gateway_open_sockets 1.0" in (await house.get("/metrics")).text

    left = [task.get_name() for task in asyncio.all_tasks()]
    assert [name for name in left if name.startswith("operation")] == []
    assert "gateway_open_sockets 0.0" in (await house.get("/metrics")).text
