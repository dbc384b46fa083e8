"""WeChat's login: what a code is exchanged for, what each error means, and what nobody may read."""

import asyncio
import logging

import pytest

from connectors.identity.wechat import ANSWER_BYTES_MAX, WechatApp
from resolvers.domain.errors import (
    BackendRefused,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    Forbidden,
    InvalidInput,
    Overloaded,
)
from tests.connectors.wechat_desk import APP_ID, OPENID, SECRET, Wechat, app_of


async def test_a_code_is_exchanged_once() -> None:
    wechat = Wechat()
    app = app_of(wechat)

    assert await app.user("good") == OPENID
    with pytest.raises(InvalidInput, match=r"^this code has been used; call wx\.login for a new"):
        await app.user("good")
    assert wechat.asked == 2


async def test_who_sends_a_code_again_meanwhile_shares_the_answer() -> None:
    wechat = Wechat()
    wechat.gate.clear()
    app = app_of(wechat)
    waiting = [asyncio.create_task(app.user("good")) for _ in range(20)]
    await wechat.heard.wait()
    waiting[0].cancel()  # the phone that began it goes away
    wechat.gate.set()

    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert set(answers[1:]) == {OPENID}
    assert wechat.asked == 1


@pytest.mark.parametrize(
    ("body", "error", "told"),
    [
        (b'{"errcode": 40029}', InvalidInput, "this is no code, or one that is too old"),
        (b'{"errcode": 45011}', Overloaded, "this user logs in too often; try again in a minute"),
        (b'{"errcode": 40226}', Forbidden, "WeChat does not let this user log in"),
        (b'{"errcode": -1}', BackendUnavailable, "mini: errcode -1"),
        (b'{"errcode": 40164}', BackendRefused, "address is not on the app's list"),
        (b'{"errcode": 99999, "openid": "o"}', BackendUnavailable, "mini: errcode 99999"),
        (b'{"errcode": "40029"}', BackendUnavailable, "mini: an errcode that is no number"),
        (b'{"errcode": 0}', BackendUnavailable, "mini: an answer without an openid"),
        (b'{"openid": ""}', BackendUnavailable, "mini: an answer without an openid"),
        (b'{"openid": 7}', BackendUnavailable, "mini: an answer without an openid"),
        (b"[]", BackendUnavailable, "mini: an answer that is no object"),
        (b"<html>", BackendUnavailable, "mini: an answer that is no JSON"),
        (b"[" * 60_000, BackendUnavailable, "mini: an answer that is no JSON"),
        (
            b" " * (ANSWER_BYTES_MAX + 1),
            BackendUnavailable,
            f"mini: more than {ANSWER_BYTES_MAX} bytes",
        ),
    ],
)
async def test_what_an_answer_means(body: bytes, error: type[CommerceError], told: str) -> None:
    wechat = Wechat()
    wechat.instead = 200, body

    with pytest.raises(error) as refused:
        await app_of(wechat).user("good")

    assert told in str(refused.value)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_another_status_is_no_answer(status: int) -> None:
    wechat = Wechat()
    wechat.instead = status, b'{"openid": "o"}'

    with pytest.raises(BackendUnavailable, match=f"^mini: HTTP {status}$"):
        await app_of(wechat).user("good")


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    wechat = Wechat()
    wechat.gate.clear()

    with pytest.raises(BackendTimedOut, match=r"^mini: no answer within 0\.05 s; log in with a"):
        await app_of(wechat, timeout_seconds=0.05).user("good")


async def test_a_wechat_that_is_away_is_told() -> None:
    away = WechatApp(
        code="mini", app_id=APP_ID, secret=SECRET, url="http://127.0.0.1:9/", timeout_seconds=5.0
    )

    with pytest.raises(BackendUnavailable, match=r"^mini: no connection$"):
        await away.user("good")
    await away.close()


async def test_a_real_connection_carries_a_login_and_is_let_go() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked = f"appid={APP_ID}&secret={SECRET}&grant_type=authorization_code&js_code=a%26b"
        assert head.startswith(f"GET /j?{asked} HTTP/1.1\r\n")
        body = b'{"openid":"o-1","session_key":"k"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/j"
    app = WechatApp(code="mini", app_id=APP_ID, secret=SECRET, url=url, timeout_seconds=5.0)

    assert await app.user("a&b") == "o-1"

    await app.close()
    server.close()
    await server.wait_closed()


async def test_what_is_under_way_ends_with_the_gateway() -> None:
    wechat = Wechat()
    wechat.gate.clear()
    app = app_of(wechat)
    asking = asyncio.create_task(app.user("good"))
    await wechat.heard.wait()

    await app.close()

    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("code", ["good", "bad"])
@pytest.mark.parametrize("secret", [SECRET, "wrong-secret"])
async def test_neither_secrets_nor_users_are_in_the_log_or_in_an_error(
    caplog: pytest.LogCaptureFixture, code: str, secret: str
) -> None:
    caplog.set_level(logging.DEBUG)
    errors = []
    try:
        await app_of(Wechat(), secret).user(code)
    except CommerceError as error:
        errors.append(repr(error))
    away = WechatApp(
        code="mini", app_id=APP_ID, secret=secret, url="http://127.0.0.1:9/", timeout_seconds=5.0
    )
    with pytest.raises(CommerceError) as refused:
        await away.user(code)

    told = "".join([caplog.text, *errors, repr(refused.value), repr(away)])
    assert [
        word for word in (secret, OPENID, "tiihtN", "js_code", f"={code}") if word in told
    ] == []
