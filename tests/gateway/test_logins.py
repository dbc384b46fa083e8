"""Logging in over HTTP, as a guest or by WeChat: who one is then, what one may do, what is kept."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.limits import minute_gate
from gateway.settings import Auth
from resolvers.access import Role
from resolvers.login import wechat_subject
from tests.connectors.wechat_desk import APP_ID, OPENID, SECRET, SESSION_KEY, Wechat, app_of
from tests.gateway.house import HOLD, NOON, House, house_of, opened, talking

GUEST = "mutation { guestLogin { token expiresAt userErrors { code } } }"
LOGIN = """mutation Login($input: WechatLoginInput!) {
  wechatLogin(input: $input) { token expiresAt userErrors { code message field } }
}"""
OWN = "query ($id: ID!) { reservation(id: $id) { id } }"


@pytest.fixture
def wechat() -> Wechat:
    return Wechat(good=OPENID, again=OPENID, other="o-other")


@pytest.fixture
async def house(tmp_path: Path, wechat: Wechat) -> AsyncIterator[House]:
    """A gateway that gives tokens to guests and to users of one app; two of an address a minute."""
    house = guesting(await opened(tmp_path), wechat)
    yield house
    await house.runtime.close()


def guesting(plain: House, wechat: Wechat, secret: str = SECRET) -> House:
    auth = Auth(guest_token_ttl_seconds=3600, logins_per_minute=2)
    runtime = replace(
        plain.runtime,
        settings=replace(plain.runtime.settings, auth=auth),
        apps={APP_ID: app_of(wechat, secret)},
        gate=minute_gate(auth.logins_per_minute, lambda: 0.0),
    )
    return house_of(runtime)


async def asked(
    house: House, query: str, token: str = "", address: str = "9.9.9.9", **variables: Any
) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with house.client(address) as client:
        body = {"query": query, "variables": variables}
        answer = await client.post("/graphql", json=body, headers=headers)
    return answer.json()


async def guest(house: House, token: str = "", address: str = "9.9.9.9") -> str:
    told = await asked(house, GUEST, token, address)
    return str(told["data"]["guestLogin"]["token"])


async def login(house: House, code: str = "good", app_id: str = APP_ID, **more: Any) -> Any:
    told = await asked(house, LOGIN, input={"appId": app_id, "code": code, **more})
    return told["data"]["wechatLogin"]


def code_of(told: Any) -> str:
    [error] = told["errors"]
    return str(error["extensions"]["code"])


async def subject(house: House, token: str) -> str:
    caller = await house.runtime.trust.authenticate(token)
    assert (caller.role, caller.member_id) == (Role.SHOPPER, None)
    return caller.subject


# ---- guests --------------------------------------------------------------------------------------


async def test_a_guest_holds_stock_of_its_own(house: House) -> None:
    await house.stocked("WH-01", 2)
    one, other = await guest(house), await guest(house)

    held = await asked(house, HOLD, one, key="k", quantity=1)
    again = await asked(house, HOLD, one, key="k", quantity=1)
    others = await asked(house, HOLD, other, key="k", quantity=1)

    id = held["data"]["reserveStock"]["reservation"]["id"]
    assert again["data"] == held["data"]
    assert others["data"]["reserveStock"]["reservation"]["id"] != id
    assert (await asked(house, OWN, one, id=id))["data"]["reservation"] == {"id": id}
    assert (await asked(house, OWN, other, id=id))["data"]["reservation"] is None


async def test_a_guest_stays_the_same_when_its_token_is_renewed(house: House) -> None:
    first = await guest(house)
    told = await asked(house, GUEST, first)

    renewed = told["data"]["guestLogin"]
    assert await subject(house, renewed["token"]) == await subject(house, first)
    assert renewed["expiresAt"] == (NOON + timedelta(hours=1)).isoformat().replace("+00:00", "Z")


async def test_one_address_is_given_so_many_tokens_a_minute(house: House) -> None:
    subjects = {await subject(house, await guest(house)) for _ in range(2)}

    refused = await asked(house, GUEST)

    assert len(subjects) == 2
    assert refused["errors"][0]["message"] == "too many logins from this address; try again in 30 s"
    assert (code_of(refused), refused["errors"][0]["extensions"]["retryable"]) == (
        "THROTTLED",
        True,
    )
    assert await guest(house, address="8.8.8.8")


async def test_nobody_uses_up_what_another_address_may_send(tmp_path: Path) -> None:
    house = await opened(tmp_path, mutations_per_second=1)

    codes = [
        code_of(await asked(house, GUEST, address=at)) for at in ("9.9.9.9", "9.9.9.9", "8.8.8.8")
    ]

    assert codes == ["FORBIDDEN", "THROTTLED", "FORBIDDEN"]
    await house.runtime.close()


async def test_a_token_that_a_login_gave_is_no_way_to_another_address(house: House) -> None:
    tokens = [await guest(house) for _ in range(2)]

    codes = [code_of(await asked(house, GUEST, token)) for token in tokens]
    by_wechat = await asked(house, LOGIN, tokens[0], input={"appId": APP_ID, "code": "good"})

    assert (codes, code_of(by_wechat)) == (["THROTTLED"] * 2, "THROTTLED")


async def test_guests_with_tokens_have_what_their_address_has(house: House) -> None:
    limits = replace(house.runtime.settings.limits, cost_per_second=1, cost_saved_max=20)
    runtime = replace(house.runtime, settings=replace(house.runtime.settings, limits=limits))
    poor, query = house_of(runtime), "{ products(first: 9) { nodes { id } } }"
    one, other = await guest(house), await guest(house)

    told = [
        "errors" in await asked(poor, query, token, address)
        for token, address in (
            ("", "9.9.9.9"),
            (one, "9.9.9.9"),
            (other, "9.9.9.9"),
            (one, "8.8.8.8"),
        )
    ]

    assert told == [False, True, True, False]


async def test_guests_with_tokens_share_the_connections_of_guests(house: House) -> None:
    few = replace(
        house.runtime,
        settings=replace(
            house.runtime.settings,
            sockets=replace(house.runtime.settings.sockets, guest_connections_max=1),
        ),
    )
    hall = house_of(few)
    one, other = await guest(house), await guest(house)
    async with talking(hall.app) as first:
        await first.event()
        await first.introduce({"token": one})
        async with talking(hall.app) as second:
            await second.event()
            await second.say({"type": "connection_init", "payload": {"token": other}})
            assert await second.closed() == (1013, "too many connections of guests")


async def test_who_is_somebody_is_no_guest(house: House) -> None:
    token = house.token(Role.SHOPPER, member="M-1")["Authorization"].removeprefix("Bearer ")

    assert code_of(await asked(house, GUEST, token)) == "FORBIDDEN"


async def test_guests_are_given_no_tokens_unless_the_settings_say_so(tmp_path: Path) -> None:
    house = await opened(tmp_path)

    assert code_of(await asked(house, GUEST)) == "FORBIDDEN"
    await house.runtime.close()


# ---- WeChat --------------------------------------------------------------------------------------


async def test_a_user_is_the_same_caller_at_every_login(house: House) -> None:
    await house.stocked("WH-01", 1)
    first, second = await login(house, "good"), await login(house, "again")

    own = await subject(house, first["token"])
    assert own == await subject(house, second["token"]) == wechat_subject(APP_ID, OPENID)
    assert first["expiresAt"] == (NOON + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    held = await asked(house, HOLD, first["token"], key="k", quantity=1)
    assert held["data"]["reserveStock"]["userErrors"] == []
    replayed = await asked(house, HOLD, second["token"], key="k", quantity=1)
    assert replayed["data"] == held["data"]


def test_a_user_of_two_apps_is_two_callers() -> None:
    assert wechat_subject("wx1", OPENID) != wechat_subject("wx2", OPENID)
    assert wechat_subject("wx1", OPENID) == "wechat:0ca0994fcfead5fc13a2649ce22ac271"


@pytest.mark.parametrize(
    ("asking", "code", "field"),
    [
        ({"code": "bad"}, "INVALID_INPUT", "code"),
        ({"code": ""}, "INVALID_INPUT", "code"),
        ({"code": "x" * 257}, "INVALID_INPUT", "code"),
        ({"code": "x\r\nHost: evil"}, "INVALID_INPUT", "code"),
        ({"code": "码"}, "INVALID_INPUT", "code"),
        ({"app_id": "wx-unknown"}, "NOT_FOUND", "appId"),
    ],
)
async def test_what_cannot_log_in_is_told_as_data(
    house: House, asking: dict[str, str], code: str, field: str
) -> None:
    told = await login(house, **asking)

    assert told["token"] is None
    [error] = told["userErrors"]
    assert (error["code"], error["field"]) == (code, ["input", field])


async def test_a_phone_number_is_not_taken_and_the_code_stays_good(
    house: House, wechat: Wechat
) -> None:
    refused = await login(house, phoneCode="p-1")

    assert refused["userErrors"][0]["message"] == (
        "no phone numbers are kept here yet; leave phoneCode out, the code is still good"
    )
    assert wechat.asked == 0
    assert (await login(house))["token"] is not None


async def test_two_requests_with_one_code_are_one_login(house: House, wechat: Wechat) -> None:
    wechat.gate.clear()
    both = [asyncio.create_task(login(house)) for _ in range(2)]
    await wechat.heard.wait()
    wechat.gate.set()

    one, other = await asyncio.gather(*both)

    assert wechat.asked == 1
    assert await subject(house, one["token"]) == await subject(house, other["token"])


@pytest.mark.parametrize(
    ("instead", "code", "retryable"),
    [
        ((200, b'{"errcode": -1}'), "BACKEND_UNAVAILABLE", True),
        ((200, b'{"errcode": 45011}'), "THROTTLED", True),
        ((200, b'{"errcode": 40226}'), "FORBIDDEN", False),
        ((500, b"hush"), "BACKEND_UNAVAILABLE", True),
        ((200, b"<html>"), "BACKEND_UNAVAILABLE", True),
    ],
)
async def test_an_outage_is_an_error_that_says_whether_to_try_again(
    house: House, wechat: Wechat, instead: tuple[int, bytes], code: str, *, retryable: bool
) -> None:
    wechat.instead = instead

    told = await asked(house, LOGIN, input={"appId": APP_ID, "code": "good"})

    assert (code_of(told), told["errors"][0]["extensions"]["retryable"]) == (code, retryable)


async def test_an_app_that_is_not_let_in_is_ours_to_mend(
    tmp_path: Path, wechat: Wechat, caplog: pytest.LogCaptureFixture
) -> None:
    house = guesting(await opened(tmp_path), wechat, secret="wrong-secret")

    told = await asked(house, LOGIN, input={"appId": APP_ID, "code": "good"})

    assert code_of(told) == "INTERNAL"
    assert "mini: errcode 40125: the AppSecret is wrong" in caplog.text
    assert "wrong-secret" not in caplog.text + str(told)
    await house.runtime.close()


async def test_nothing_that_is_kept_or_logged_names_a_user(
    house: House, wechat: Wechat, caplog: pytest.LogCaptureFixture
) -> None:
    await house.stocked("WH-01", 1)
    one = await login(house, "other")
    held = await asked(house, HOLD, one["token"], key="k", quantity=1)

    [kept] = await house.runtime.store.stock.due_reservations(NOON + timedelta(days=1), 9)
    assert kept.subject == wechat_subject(APP_ID, "o-other")
    assert held["data"]["reserveStock"]["userErrors"] == []
    everything = f"{list(house.lines)} {caplog.text} {kept}"
    secrets = ("o-other", SESSION_KEY, SECRET, one["token"])
    assert [word for word in secrets if word in everything] == []
