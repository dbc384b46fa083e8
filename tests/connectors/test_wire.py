"""HTTP to a backend: every way to fail has its own error, and nothing is unbounded (G4)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from connectors.governor import Governor, GovernorTerms
from connectors.wire import Call, Intent, Patience, Wire, retry_after
from resolvers.domain.errors import (
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)

Handler = Callable[[httpx2.Request], Coroutine[None, None, httpx2.Response]]
QUICK = Patience(connect=0.05, read=0.05, total=0.1)


def wire(handler: Handler) -> Wire:
    transport = httpx2.MockTransport(handler)
    return Wire(Governor("shop", GovernorTerms()), "http://shop.test/", QUICK, transport=transport)


def call(intent: Intent = Intent.READ) -> Call:
    return Call("POST", "/api", intent, content=b"{}")


def answering(status: int, headers: dict[str, str] | None = None, content: Any = b"") -> Handler:
    async def handler(_: httpx2.Request) -> httpx2.Response:
        body = content() if callable(content) else content
        return httpx2.Response(status, headers=headers, content=body)

    return handler


def raising(error: type[httpx2.RequestError]) -> Handler:
    async def handler(request: httpx2.Request) -> httpx2.Response:
        raise error("it went wrong", request=request)

    return handler


async def never(_: httpx2.Request) -> httpx2.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def drip() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0.01)
        yield b"x"


async def flood() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1_000_000


async def test_an_answer_below_500_is_handed_over_as_it_is() -> None:
    at = wire(answering(404, headers={"X-Kind": "html"}, content=b"<p>no</p>"))
    reply = await at.send(call())
    await at.close()

    assert (reply.status, reply.headers["x-kind"], reply.body) == (404, "html", b"<p>no</p>")


@pytest.mark.parametrize(
    ("handler", "read", "write"),
    [
        (raising(httpx2.ConnectError), BackendUnavailable, BackendUnavailable),
        (raising(httpx2.ConnectTimeout), BackendUnavailable, BackendUnavailable),
        (raising(httpx2.ReadTimeout), BackendTimedOut, UnknownOutcome),
        (raising(httpx2.RemoteProtocolError), BackendUnavailable, UnknownOutcome),
        (raising(httpx2.ReadError), BackendUnavailable, UnknownOutcome),
        (never, BackendTimedOut, UnknownOutcome),
        (answering(500, content=b"<h1>oops</h1>"), BackendUnavailable, UnknownOutcome),
        (answering(200, content=drip), BackendTimedOut, UnknownOutcome),
        (answering(200, content=flood), BackendUnavailable, UnknownOutcome),
        (answering(429), BackendThrottled, BackendThrottled),
    ],
)
async def test_each_failure_has_its_own_error(
    handler: Handler, read: type[CommerceError], write: type[CommerceError]
) -> None:
    for intent, expected in ((Intent.READ, read), (Intent.WRITE, write)):
        at = wire(handler)
        with pytest.raises(expected) as told:
            await at.send(call(intent))
        assert type(told.value) is expected
        await at.close()


async def test_a_redirect_is_not_followed() -> None:
    at = wire(answering(302, headers={"Location": "http://elsewhere.test/"}))
    assert (await at.send(call())).status == 302
    await at.close()


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (None, None),
        ("57", 57.0),
        ("0.5", 0.5),
        ("Sat, 28 Nov 2026 10:00:30 GMT", 30.0),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("999999999", None),
    ],
)
def test_what_retry_after_says(told: str | None, seconds: float | None) -> None:
    assert retry_after(told, datetime(2026, 11, 28, 10, tzinfo=UTC)) == seconds
