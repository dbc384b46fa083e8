"""Sessions, turns, pages and failures of the network, without a network."""

import asyncio
import base64
import gzip
import json
from datetime import timedelta

import httpx2
import pytest

from connectors.erp.tryton_rpc import AUTH_PAUSE, PAGE
from connectors.governor import Governor, GovernorTerms
from resolvers.domain.breakers import BreakerState
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    UnknownOutcome,
)
from tests.connectors.tryton_scripted import Bytes, Clock, Scripted, Status, client_of, search

TODAY = "model.ir.date.today"
CREATE = "model.sale.sale.create"


def replies(*answers: httpx2.Response | Exception):
    """A server that lets the login through, and then gives these answers in turn."""
    server, left = Scripted(), list(answers)

    async def handle(request: httpx2.Request) -> httpx2.Response:
        method = json.loads(request.content)["method"]
        if method.startswith(("common.", "model.res.user")):
            return await server.handle(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


async def test_parallel_calls_share_one_login_and_its_context():
    server = Scripted({TODAY: lambda _: "x"})
    client = client_of(server.handle)

    await asyncio.gather(*(client.read(TODAY) for _ in range(8)))

    session = base64.b64encode(b"gateway:7:token-1").decode()
    assert server.sessions == 1
    assert server.methods() == [TODAY] * 8
    assert server.calls[-1] == (TODAY, [{"company": 1, "language": "en"}])
    assert server.requests[-1].headers["Authorization"] == f"Session {session}"
    assert server.requests[-1].headers["Accept-Encoding"] == "gzip"
    assert str(server.requests[-1].url) == "http://tryton.test/retail/rpc/"
    assert json.loads(server.requests[-1].content).keys() == {"id", "method", "params"}


async def test_what_a_call_adds_to_the_context_stays_with_that_call():
    server = Scripted({TODAY: lambda _: "x"})
    client = client_of(server.handle)

    await client.read(TODAY, context={"location": 5})
    await client.read(TODAY)

    contexts = [params[-1] for method, params in server.calls if method == TODAY]
    assert contexts == [
        {"company": 1, "language": "en", "location": 5},
        {"company": 1, "language": "en"},
    ]


async def test_a_session_that_the_server_forgot_is_renewed_once_for_all_callers():
    server = Scripted()

    def today(_):
        if server.requests[-1].headers["Authorization"] == first:
            raise Status(401, "")
        return "x"

    server.answers[TODAY] = today
    client = client_of(server.handle)
    await client.context()
    first = f"Session {base64.b64encode(b'gateway:7:token-1').decode()}"

    answers = await asyncio.gather(*(client.read(TODAY) for _ in range(4)))

    assert answers == ["x"] * 4
    assert server.sessions == 2


async def test_a_server_that_forgets_every_session_is_not_asked_for_ever():
    def forgotten(_):
        raise Status(401, "")

    server = Scripted({TODAY: forgotten})
    client = client_of(server.handle)

    with pytest.raises(BackendRefused) as raised:
        await client.read(TODAY)

    assert raised.value.kind == "AUTH"
    assert server.methods() == [TODAY, TODAY]


async def test_a_wrong_password_is_not_sent_again_before_a_pause():
    server, clock = Scripted(), Clock()
    client = client_of(server.handle, clock, password="bad")

    for _ in range(5):
        with pytest.raises(BackendRefused) as raised:
            await client.context()
        assert raised.value.kind == "AUTH"
    sent_at_once = len(server.requests)
    clock.now += AUTH_PAUSE
    server.password = "bad"
    context = await client.context()

    assert sent_at_once == 1
    assert context["company"] == 1
    assert "bad" not in raised.value.message


async def test_a_login_that_is_locked_is_left_alone_as_each_try_would_lock_it_for_longer():
    def locked(_):
        raise Status(429)

    server, clock = Scripted({"common.db.login": locked}), Clock()
    client = client_of(server.handle, clock)

    for _ in range(5):
        with pytest.raises(BackendUnavailable, match="too many wrong passwords"):
            await client.context()
    sent_at_once = len(server.requests)
    clock.now += AUTH_PAUSE
    del server.answers["common.db.login"]

    assert sent_at_once == 1
    assert (await client.context())["company"] == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_status_of_a_busy_server_is_nothing_that_was_done(status):
    client = client_of(replies(httpx2.Response(status, stream=Bytes(b"<html>"))))

    with pytest.raises(BackendUnavailable):
        async with client.writing():
            await client.write(CREATE, [{}])


async def test_a_limit_before_the_server_is_heeded_for_as_long_as_it_says():
    """G4: a proxy's 429 is no login that is locked, and no outage either."""
    governor = Governor("erp", GovernorTerms())
    limited = httpx2.Response(429, headers={"Retry-After": "7"}, stream=Bytes(b"slow down"))
    client = client_of(replies(limited), governor=governor)

    with pytest.raises(BackendThrottled) as raised:
        await client.read(TODAY)

    standing = governor.standing()
    assert raised.value.retry_after == 7
    assert standing.breaker is BreakerState.CLOSED
    assert 6.5 < standing.silent_seconds <= 7.25


@pytest.mark.parametrize(("status", "told"), [(500, "HTTP 500"), (503, "busy")])
async def test_a_server_that_answers_only_that_it_fails_is_left_alone(status, told):
    """The breaker learns of an answer that is none as of one that never came (G4)."""
    governor = Governor("erp", GovernorTerms())

    def failing(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, stream=Bytes(b"<html>"))

    client = client_of(failing, governor=governor)

    for _ in range(5):
        with pytest.raises(BackendUnavailable, match=told):
            await client.version()

    assert governor.standing().breaker is BreakerState.OPEN


async def test_an_answer_that_is_only_called_packed_is_understood():
    body = json.dumps({"id": 1, "result": ["x" * 2000]}).encode()
    labeled = {"Content-Encoding": "gzip"}
    client = client_of(
        replies(
            httpx2.Response(200, headers=labeled, stream=Bytes(body[:900], body[900:])),
            httpx2.Response(200, headers=labeled, stream=Bytes(gzip.compress(body))),
        )
    )

    assert await client.read(TODAY) == ["x" * 2000]
    assert await client.read(TODAY) == ["x" * 2000]


SILENT = httpx2.ReadTimeout("silence")
CUT = httpx2.RemoteProtocolError("cut")
NOBODY = httpx2.ConnectError("nobody")


@pytest.mark.parametrize(
    ("failure", "of_a_read", "of_a_write"),
    [
        (NOBODY, BackendUnavailable, BackendUnavailable),
        (httpx2.ConnectTimeout("nobody"), BackendUnavailable, BackendUnavailable),
        (SILENT, BackendTimedOut, UnknownOutcome),
        (httpx2.WriteTimeout("stuck"), BackendTimedOut, UnknownOutcome),
        (CUT, BackendUnavailable, UnknownOutcome),
        (httpx2.ReadError("reset"), BackendUnavailable, UnknownOutcome),
        (httpx2.Response(200, stream=Bytes(b"<html>")), BackendUnavailable, UnknownOutcome),
        (httpx2.Response(200, stream=Bytes(b"{}")), BackendUnavailable, UnknownOutcome),
    ],
)
async def test_a_write_is_unknown_where_a_read_just_failed(failure, of_a_read, of_a_write):
    reader, writer = client_of(replies(failure)), client_of(replies(again(failure)))

    with pytest.raises(of_a_read) as read:
        await reader.read(TODAY)
    with pytest.raises(of_a_write) as written:
        async with writer.writing():
            await writer.write(CREATE, [{}])

    assert type(read.value) is of_a_read
    assert type(written.value) is of_a_write
    assert written.value.backend == "erp"


def again(answer: httpx2.Response | Exception) -> httpx2.Response | Exception:
    """The same answer, unread."""
    if isinstance(answer, httpx2.Response):
        return httpx2.Response(answer.status_code, stream=answer.stream)
    return answer


async def test_a_server_that_never_answers_is_left_after_the_time_that_it_has():
    async def never(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = client_of(never, timeout_seconds=0.01)

    with pytest.raises(BackendTimedOut, match=r"within 0\.01 s"):
        await client.read(TODAY)


async def test_nobody_waits_for_ever_for_the_turn_to_write():
    client = client_of(Scripted().handle, timeout_seconds=0.01)

    async with client.writing():
        with pytest.raises(BackendUnavailable, match="no turn to write"):
            async with client.writing():
                raise AssertionError


async def test_no_more_than_four_questions_are_open_at_once():
    server, gate = Scripted({TODAY: lambda _: "x"}), asyncio.Event()
    waiting: list[int] = []

    async def handle(request: httpx2.Request) -> httpx2.Response:
        if b"today" in request.content:
            waiting.append(1)
            await gate.wait()
        return await server.handle(request)

    client = client_of(handle)
    asked = [asyncio.create_task(client.read(TODAY)) for _ in range(9)]
    for _ in range(200):  # whoever can come has come by then
        await asyncio.sleep(0)
    at_once = len(waiting)
    gate.set()
    answers = await asyncio.gather(*asked)

    assert at_once == 4
    assert answers == ["x"] * 9


async def test_all_rows_come_in_pages_that_go_on_after_the_last_id():
    rows = [{"id": id} for id in range(3, 3 + 2 * PAGE + 1)]
    server = Scripted({"model.x.search_read": search(rows)})
    client = client_of(server.handle)

    found = await client.every("x", [["state", "=", "done"]], ["id"])

    assert found == rows
    assert [params[0][-1] for params in server.asked("model.x.search_read")] == [
        ["id", ">", 0],
        ["id", ">", 2 + PAGE],
        ["id", ">", 2 + 2 * PAGE],
    ]
    assert {params[2] for params in server.asked("model.x.search_read")} == {PAGE}


async def test_closing_ends_the_session_at_the_server():
    server = Scripted({TODAY: lambda _: "x"})
    client = client_of(server.handle)
    await client.read(TODAY)

    await client.close()
    await client.close()

    assert [method for method, _ in server.calls].count("common.db.logout") == 1


@pytest.mark.parametrize("failure", [NOBODY, Status(401, ""), Status(503)])
async def test_closing_does_not_mind_a_server_that_is_gone(failure):
    def gone(_):
        raise failure

    server = Scripted({"common.db.logout": gone})
    client = client_of(server.handle)
    await client.context()

    await client.close()

    assert server.calls[-1][0] == "common.db.logout"


async def test_nothing_is_sent_before_somebody_asks():
    server = Scripted()

    await client_of(server.handle).close()

    assert server.requests == []


def test_the_pause_keeps_wrong_passwords_below_what_locks_the_login():
    assert timedelta(minutes=5) / AUTH_PAUSE < 5
