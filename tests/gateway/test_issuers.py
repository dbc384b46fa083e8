"""Issuers of tokens: how their keys are looked for, kept and changed, and what they may grant.

Their keys come from real servers on loopback; the age of what is kept is told by a clock of ours.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.identity.key_sets import ANSWER_BYTES_MAX, key_fetcher
from gateway.jwks import Algorithm, KeyRing
from resolvers.access import Principal, Role
from resolvers.domain.errors import BackendTimedOut, BackendUnavailable, Unauthenticated
from tests.gateway.house import SKU, house_of, talking
from tests.gateway.issuing import (
    NAME,
    Keys,
    ec_pen,
    ed_pen,
    publishing,
    rsa_pen,
    settings,
    trusting,
)

STOCK = "subscription ($skus: [String!]!) { stockChanged(skus: $skus) { onHand } }"
ASK = {"query": "{ channels { code } }"}


@pytest.fixture
async def keys() -> AsyncIterator[Keys]:
    async with publishing(rsa_pen()) as keys:
        yield keys


class Watch:
    """A clock of seconds that is turned by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def ring_of(keys: Keys, clock: Watch) -> KeyRing:
    fetch = key_fetcher("acme", keys.url, 5.0)
    return KeyRing(
        "acme", fetch, fresh_seconds=600, outage_seconds=3600, pause_seconds=10, clock=clock
    )


async def has(ring: KeyRing, *kids: str) -> list[bool]:
    return [await ring.find(kid, Algorithm.RS256) is not None for kid in kids]


# ---- how keys are looked for and kept ------------------------------------------------------------


async def test_a_new_key_is_found_when_the_first_token_names_it(keys: Keys) -> None:
    clock = Watch()
    ring = ring_of(keys, clock)
    assert await has(ring, "r-1", "r-1") == [True, True]
    assert keys.asked == 1

    keys.show(rsa_pen(), rsa_pen("r-2"))
    clock.at += 10

    assert await has(ring, "r-2", "r-1", "r-3") == [True, True, False]
    assert keys.asked == 2


async def test_a_key_that_was_taken_back_opens_nothing_after_the_cache(keys: Keys) -> None:
    clock = Watch()
    ring = ring_of(keys, clock)
    assert await has(ring, "r-1") == [True]

    keys.show(rsa_pen("r-2"))

    clock.at += 599
    assert await has(ring, "r-1") == [True]
    clock.at += 1
    assert await has(ring, "r-1", "r-2") == [False, True]
    assert keys.asked == 2


async def test_unknown_keys_are_looked_for_once_in_a_pause(keys: Keys) -> None:
    clock = Watch()
    ring = ring_of(keys, clock)

    for pause in range(1, 4):
        found = await asyncio.gather(*(ring.find(f"k-{at}", Algorithm.RS256) for at in range(500)))
        assert (set(found), keys.asked) == ({None}, pause)
        clock.at += 10


async def test_all_who_come_first_share_one_look(keys: Keys) -> None:
    keys.gate.clear()
    ring = ring_of(keys, Watch())
    waiting = [asyncio.create_task(ring.find("r-1", Algorithm.RS256)) for _ in range(50)]
    await keys.heard.wait()
    waiting[0].cancel()  # whoever began the look goes away
    keys.gate.set()

    found = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert all(key is not None for key in found)
    assert keys.asked == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("500 Internal Server Error", b""),
        ("302 Found", b""),
        ("200 OK", b"<html>"),
        ("200 OK", b"[" * 100_000),
        ("200 OK", b'{"keys": {}}'),
        ("200 OK", b'{"keys": [' + b"0," * 100 + b"0]}"),
        ("200 OK", b" " * (ANSWER_BYTES_MAX + 1)),
    ],
)
async def test_while_an_issuer_makes_no_sense_what_is_known_goes_on(
    keys: Keys, status: str, body: bytes
) -> None:
    clock = Watch()
    ring = ring_of(keys, clock)
    assert await has(ring, "r-1") == [True]
    keys.status, keys.body = status, body

    clock.at += 600
    assert await has(ring, "r-1", "r-1") == [True, True]
    assert keys.asked == 2
    with pytest.raises(BackendUnavailable, match="the keys of issuer acme cannot be had now"):
        await ring.find("r-2", Algorithm.RS256)
    clock.at += 3600
    with pytest.raises(BackendUnavailable):
        await ring.find("r-1", Algorithm.RS256)

    keys.status = "200 OK"
    keys.show(rsa_pen())
    clock.at += 10
    assert await has(ring, "r-1") == [True]


async def test_who_comes_while_an_old_set_is_looked_at_anew_does_not_wait(keys: Keys) -> None:
    clock = Watch()
    ring = ring_of(keys, clock)
    assert await has(ring, "r-1") == [True]
    clock.at += 600
    keys.gate.clear()
    keys.heard.clear()
    first = asyncio.create_task(ring.find("r-1", Algorithm.RS256))
    await keys.heard.wait()

    assert await has(ring, "r-1") == [True]
    assert not first.done()

    keys.gate.set()
    assert await first is not None


async def test_a_look_that_is_under_way_ends_with_the_gateway(keys: Keys) -> None:
    keys.gate.clear()
    ring = ring_of(keys, Watch())
    asking = asyncio.create_task(ring.find("r-1", Algorithm.RS256))
    await keys.heard.wait()

    await ring.close()

    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_an_issuer_that_is_slow_or_away_is_told_apart(keys: Keys) -> None:
    keys.gate.clear()
    with pytest.raises(BackendTimedOut, match=r"^acme: no answer within 0\.1 s: http"):
        await key_fetcher("acme", keys.url, 0.1)()
    with pytest.raises(BackendUnavailable, match=r"^acme: no connection: http://127\."):
        await key_fetcher("acme", "http://127.0.0.1:9/", 5.0)()


async def test_a_token_without_a_name_of_a_key_is_for_the_only_one(keys: Keys) -> None:
    ring = ring_of(keys, Watch())
    keys.show(rsa_pen(), ec_pen(), ec_pen("e-2"))

    assert await ring.find(None, Algorithm.RS256) is not None
    assert await ring.find(None, Algorithm.ES256) is None


# ---- over HTTP and WebSocket ---------------------------------------------------------------------


async def test_a_token_is_not_thrown_away_because_its_issuer_is_silent(
    tmp_path: Path, keys: Keys
) -> None:
    keys.status = "503 Service Unavailable"
    token = f"Bearer {rsa_pen().token()}"
    async with trusting(tmp_path, settings(keys)) as house:
        answer = await house.post(ASK, Authorization=token)
        async with talking(house.app, {"authorization": token}) as talk:
            await talk.event()
            await talk.say({"type": "connection_init"})
            closed = await talk.closed()

    [error] = answer.json()["errors"]
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert error["message"] == "the keys of issuer acme cannot be had now; try again in 1 s"
    assert (error["extensions"]["code"], error["extensions"]["retryable"]) == (
        "BACKEND_UNAVAILABLE",
        True,
    )
    assert closed == (1013, "Try again later")


async def test_a_key_that_was_taken_back_ends_the_connections_that_it_opened(
    tmp_path: Path, keys: Keys
) -> None:
    clock = Watch()
    async with trusting(tmp_path, settings(keys)) as plain:
        issuer = replace(plain.runtime.issuers[NAME], keys=ring_of(keys, clock))
        house = house_of(replace(plain.runtime, issuers={NAME: issuer}))
        tail = asyncio.create_task(house.runtime.watch.tail())
        async with talking(house.app) as talk:
            await talk.event()
            await talk.introduce({"token": rsa_pen().token()})
            await house.stocked("WH-01", 2)
            await talk.subscribe("1", STOCK, skus=[SKU])
            assert (await talk.message())["payload"] == {"data": {"stockChanged": {"onHand": 2}}}

            keys.show(rsa_pen("r-2"))
            clock.at += 600
            await house.stocked("WH-01", 1)

            assert await talk.closed() == (4403, "Forbidden")
        tail.cancel()


async def test_our_own_tokens_go_on_beside_an_issuers(tmp_path: Path, keys: Keys) -> None:
    keys.status = "503 Service Unavailable"
    async with trusting(tmp_path, settings(keys)) as house:
        assert (await house.post(ASK, **house.token(Role.SHOPPER))).status_code == 200


# ---- what an issuer may grant --------------------------------------------------------------------

STAFF: dict[str, Any] = {
    "roles": (Role.MANAGER, Role.ASSOCIATE, Role.PARTNER, Role.OPERATOR),
    "role_claim": "realm.roles",
    "role_values": {"lead": "manager", "floor": "associate", "agency": "partner", "it": "operator"},
    "member_claim": "member",
    "associate_claim": "staff_no",
    "locations_claim": "shops",
    "channels_claim": "https://acme.example/channels",
}


@pytest.mark.parametrize(
    ("claims", "caller"),
    [
        (
            {"realm": {"roles": ["x", "floor", "lead"]}, "shops": ["ST-01"], "staff_no": "A-7"},
            Principal(Role.MANAGER, "issuer:acme:u-1", None, "A-7", ("ST-01",)),
        ),
        (
            {"realm": {"roles": "floor"}, "shops": "ST-02", "member": "M-1"},
            Principal(Role.ASSOCIATE, "issuer:acme:u-1", "M-1", None, ("ST-02",)),
        ),
        (
            {"realm.roles": ["agency"], "https://acme.example/channels": ["douyin"]},
            Principal(Role.PARTNER, "issuer:acme:u-1", channels=("douyin",)),
        ),
        ({"realm": {"roles": ["it"]}}, Principal(Role.OPERATOR, "issuer:acme:u-1")),
    ],
)
async def test_claims_say_who_calls(
    tmp_path: Path, keys: Keys, claims: dict[str, Any], caller: Principal
) -> None:
    async with trusting(tmp_path, settings(keys, **STAFF)) as house:
        assert await house.runtime.trust.authenticate(rsa_pen().token(**claims)) == caller


NO_ROLE = "the token has no role that its issuer may grant"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, NO_ROLE),
        ({"realm": {"roles": ["admin", "manager"]}}, NO_ROLE),
        ({"realm": "floor"}, NO_ROLE),
        ({"realm": {"roles": {"lead": True}}}, "the token's realm.roles makes no sense"),
        ({"realm": {"roles": ["lead"]}}, "the token does not say its shops"),
        ({"realm": {"roles": ["lead"]}, "shops": []}, "the token does not say its shops"),
        ({"realm": {"roles": ["lead"]}, "shops": [None]}, "the token's shops makes no sense"),
        (
            {"realm": {"roles": ["agency"]}},
            "the token does not say its https://acme.example/channels",
        ),
        ({"realm": {"roles": ["it"]}, "member": ""}, "the token's member makes no sense"),
    ],
)
async def test_an_issuer_grants_only_what_its_settings_name(
    tmp_path: Path, keys: Keys, claims: dict[str, Any], reason: str
) -> None:
    async with trusting(tmp_path, settings(keys, **STAFF)) as house:
        with pytest.raises(Unauthenticated) as refused:
            await house.runtime.trust.authenticate(rsa_pen().token(**claims))

    assert str(refused.value) == reason


async def test_an_issuer_may_be_bound_to_some_algorithms(tmp_path: Path, keys: Keys) -> None:
    keys.show(rsa_pen(), ed_pen())
    only = settings(keys, algorithms=(Algorithm.EDDSA,))
    async with trusting(tmp_path, only) as house:
        assert (await house.runtime.trust.authenticate(ed_pen().token())).role is Role.SHOPPER
        with pytest.raises(Unauthenticated, match="algorithm is none that is trusted here"):
            await house.runtime.trust.authenticate(rsa_pen().token())
