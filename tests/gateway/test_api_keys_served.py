"""API keys over HTTP, WebSocket and streams: what a partner may do, and how it ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.api_keys import KeyRing, mint
from gateway.key_commands import DEFAULT_SCOPES
from resolvers import partner_keys
from resolvers.domain.callers import ApiKey
from resolvers.partner_keys import NewKey
from tests.gateway.house import HOLD, NOON, PROMISE, House, opened, promised, talking
from tests.gateway.test_app_sse import streaming
from tests.gateway.test_listeners import hall_of

WATCH = 'subscription { stockChanged(skus: ["BT-0001-30ML"]) { onHand } }'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await opened(tmp_path)
    await house.stocked("WH-01", 7)
    await house.desk.keys.read()
    yield house
    await house.runtime.close()


async def key_of(house: House, **asked: Any) -> tuple[str, ApiKey]:
    """A new key of a partner, which the process has read."""
    text, minted = mint()
    wanted = NewKey("agency-1", DEFAULT_SCOPES, ("mini-program",))
    key = await partner_keys.create(house.runtime.store, replace(wanted, **asked), minted, NOON)
    await house.desk.keys.read()
    return text, key


async def hold(house: House, key: str, named: str = "k") -> httpx2.Response:
    body = {"query": HOLD, "variables": {"key": named, "quantity": 1}}
    return await house.post(body, Authorization=f"Bearer {key}")


def code(answer: httpx2.Response) -> str:
    [error] = answer.json()["errors"]
    return str(error["extensions"]["code"])


async def test_a_key_holds_and_its_successor_is_the_same_caller(house: House) -> None:
    first, _ = await key_of(house)
    held = (await hold(house, first)).json()["data"]["reserveStock"]

    second, minted = mint()
    await partner_keys.rotate(house.runtime.store, "agency-1", minted, NOON)
    await house.desk.keys.read()
    again = (await hold(house, second)).json()["data"]["reserveStock"]

    assert held["reservation"]["status"] == "HELD"
    assert again == held
    used = [line["key"] for line in house.lines if "key" in line]
    assert used == [first[4:14], second[4:14]]
    assert (await house.post({"query": PROMISE})).json() == promised(6)


async def test_a_narrowed_key_is_refused_with_the_name_of_the_scope(house: House) -> None:
    text, _ = await key_of(house, scopes=("catalog:read", "stock:read"))

    answer = await hold(house, text)
    asked = await house.post({"query": PROMISE}, Authorization=f"Bearer {text}")

    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["message"] == "this key may not do this; it asks for stock:reserve"
    assert asked.json() == promised(7)


async def test_a_key_never_widens_what_a_partner_may(house: House) -> None:
    text, _ = await key_of(house, scopes=("house:read", "rules:set"))

    answer = await house.post({"query": "{ backends { code } }"}, Authorization=f"Bearer {text}")

    [error] = answer.json()["errors"]
    assert error["message"] == "the role partner may not do this; it asks for house:read"


async def test_a_key_is_bound_to_its_channels(house: House) -> None:
    text, _ = await key_of(house, channels=("live-stream",))

    answer = await hold(house, text)

    assert code(answer) == "FORBIDDEN"
    assert (await house.post({"query": PROMISE})).json() == promised(7)


async def test_a_key_that_was_revoked_is_refused_and_never_said_back(house: House) -> None:
    text, key = await key_of(house)
    await partner_keys.revoke(house.runtime.store, key.id, NOON, "me")
    assert (await hold(house, text)).status_code == 200  # within the bound

    await house.desk.keys.read()
    revoked = await hold(house, text, "k2")
    unknown = await hold(house, mint()[0])
    torn = await hold(house, text[:-1])

    answers = [revoked, unknown, torn]
    assert [(answer.status_code, code(answer)) for answer in answers] == [
        (401, "UNAUTHENTICATED")
    ] * 3
    told = "".join(answer.text for answer in answers) + str(list(house.lines))
    assert "this API key was revoked" in told
    assert text[15:50] not in told
    assert key.digest not in told


async def test_without_a_fresh_look_at_the_store_a_key_is_to_be_sent_again(house: House) -> None:
    text, _ = await key_of(house)
    blind = replace(house.desk, keys=KeyRing(house.runtime.store.callers, lambda: NOON, 5.0))
    hall = hall_of(replace(house, desk=blind))
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.say({"type": "connection_init", "payload": {"token": text}})

        assert await talk.closed() == (1013, "Try again later")


@pytest.mark.parametrize("name", ["Authorization", "token"])
async def test_a_socket_is_closed_when_its_key_is_revoked(house: House, name: str) -> None:
    text, key = await key_of(house)
    other, _ = await key_of(house, partner="agency-2")
    hall = hall_of(house)
    async with talking(hall.app) as talk, talking(hall.app) as beside:
        for at, sent in ((talk, text), (beside, other)):
            await at.event()
            await at.introduce({name: sent if name == "token" else f"Bearer {sent}"})
        await talk.subscribe("w", WATCH)
        await talk.message()

        await partner_keys.revoke(house.runtime.store, key.id, NOON, "me")
        await house.desk.keys.read()

        assert await talk.closed() == (4403, "Forbidden")
        await beside.subscribe("q", PROMISE)
        assert (await beside.message())["payload"] == promised(7)


async def test_a_socket_is_closed_at_the_instant_at_which_its_key_ends(house: House) -> None:
    text, _ = await key_of(house, expires_at=NOON + timedelta(seconds=50))
    hall = hall_of(house)
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.introduce({"token": text})

        hall.now[0] += timedelta(seconds=50)
        hall.bells.ring(50.0)

        assert await talk.closed() == (4403, "Forbidden")


async def test_a_stream_ends_when_its_key_is_revoked(house: House) -> None:
    text, key = await key_of(house)
    given = {"authorization": f"Bearer {text}"}
    async with streaming(house.app, WATCH, headers=given) as stream:
        await stream.event()

        await partner_keys.revoke(house.runtime.store, key.id, NOON, "me")
        await house.desk.keys.read()

        _, body = await stream.event()
        assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await stream.event() == ("complete", None)


async def test_the_app_reads_the_keys_before_it_serves(tmp_path: Path) -> None:
    house = await opened(tmp_path)
    text, minted = mint()
    asked = NewKey("agency-1", DEFAULT_SCOPES)
    await partner_keys.create(house.runtime.store, asked, minted, NOON)

    async with house.app.router.lifespan_context(house.app):
        answer = await house.post({"query": PROMISE}, Authorization=f"Bearer {text}")

    assert answer.json() == promised(0)
    await house.runtime.close()
