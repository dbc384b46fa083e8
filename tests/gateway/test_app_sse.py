"""GraphQL as a stream of events: graphql-sse with a connection for each operation."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.graphql_http import GraphqlHttp
from gateway.graphql_sse import GraphqlStreams, wants_events
from tests.gateway.house import NOON, PROMISE, House, house_of, promised, talking
from tests.gateway.test_listeners import Hall, hall_of, settled

WATCH = 'subscription { stockChanged(skus: ["BT-0001-30ML"]) { onHand } }'
HOLD = """mutation { reserveStock(input: {
  idempotencyKey: "k", channel: "mini-program", lines: [{sku: "BT-0001-30ML", quantity: 1}]
}) { reservation { status } } }"""
POST = {"content-type": "application/json"}


@dataclass
class Stream:
    """One response, read as it comes."""

    heard: asyncio.Queue[dict[str, Any]]
    sent: asyncio.Queue[dict[str, Any]]
    task: asyncio.Task[None]
    status: int = 0
    headers: dict[str, str] | None = None

    async def part(self) -> bytes:
        """The next part of the body, as it was sent."""
        async with asyncio.timeout(5):
            return bytes((await self.heard.get())["body"])

    async def event(self) -> tuple[str, Any]:
        """The next event, and its data; comments are no events."""
        while (part := await self.part()).startswith(b":"):
            pass
        name, data, *rest = part.decode().split("\n")
        assert rest == ["", ""]
        told = data.removeprefix("data:").strip()
        return name.removeprefix("event: "), json.loads(told) if told else None

    async def json(self) -> Any:
        return json.loads(await self.part())

    async def ended(self) -> bool:
        """Whether the response ends by itself, with nothing more in it."""
        async with asyncio.timeout(5):
            await self.task
        return self.heard.empty()


@asynccontextmanager
async def streaming(
    app: Any,
    query: str,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    room: int = 0,
) -> AsyncIterator[Stream]:
    """A request for events; at the end the client goes away and the server must notice.

    The server waits when so many parts as there is ``room`` for are unread; 0: never.
    """
    given = {"host": "shop.test", "accept": "text/event-stream"}
    given |= {name.lower(): value for name, value in (headers or {}).items()}
    given |= POST if method == "POST" else {}
    scope = {
        "type": "http",
        "method": method,
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": urlencode({"query": query}).encode() if method == "GET" else b"",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "state": {"request_id": "asked"},
    }
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue(room)
    body = json.dumps({"query": query}).encode() if method == "POST" else b""
    await sent.put({"type": "http.request", "body": body, "more_body": False})
    task = asyncio.create_task(app(scope, sent.get, heard.put))
    try:
        async with asyncio.timeout(5):
            start = await heard.get()
        named = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        yield Stream(heard, sent, task, start["status"], named)
    finally:
        await sent.put({"type": "http.disconnect"})
        async with asyncio.timeout(5):
            await task


def streams_of(hall: Hall) -> GraphqlStreams:
    return GraphqlStreams(hall.desk, hall.listeners, GraphqlHttp(hall.desk), hall.bells)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_query_is_one_event_and_the_end(house: House, method: str) -> None:
    async with streaming(house.app, PROMISE, method) as stream:
        assert stream.status == 200
        assert stream.headers is not None
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store"
        assert await stream.event() == ("next", promised(0))
        assert await stream.event() == ("complete", None)
        assert await stream.ended()


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_subscription_tells_the_present_state_and_each_later_one(
    house: House, method: str
) -> None:
    await house.stocked("WH-01", 7)
    tail = asyncio.create_task(house.runtime.watch.tail())
    async with streaming(house.app, WATCH, method) as stream:
        first = await stream.event()
        await house.stocked("WH-01", 3)
        second = await stream.event()
    tail.cancel()

    assert first == ("next", {"data": {"stockChanged": {"onHand": 7}}})
    assert second == ("next", {"data": {"stockChanged": {"onHand": 3}}})


async def test_a_mutation_is_done_by_post_only(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with streaming(house.app, HOLD, "GET", house.token()) as stream:
        assert (stream.status, stream.headers and stream.headers["allow"]) == (405, "POST")
    async with streaming(house.app, HOLD, headers=house.token()) as stream:
        _, body = await stream.event()
        assert await stream.event() == ("complete", None)

    assert body["data"]["reserveStock"]["reservation"]["status"] == "HELD"


@pytest.mark.parametrize("query", ["{ nonsense }", "{ channels {", "subscription { nonsense }"])
async def test_a_document_that_is_refused_is_an_event(house: House, query: str) -> None:
    async with streaming(house.app, query) as stream:
        name, body = await stream.event()

        assert (stream.status, name, list(body)) == (200, "next", ["errors"])
        assert await stream.event() == ("complete", None)


async def test_what_is_no_request_is_refused_as_without_events(house: House) -> None:
    async with streaming(house.app, " ") as blank:
        assert blank.status == 400
        assert (await blank.json())["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    async with streaming(house.app, WATCH, headers={"authorization": "Bearer x"}) as untrusted:
        assert untrusted.status == 401
    async with streaming(house.app, PROMISE, headers={"accept": "application/json"}) as plain:
        assert plain.headers is not None
        assert plain.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_bug_ends_its_stream(house: House) -> None:
    nothing: Any = object()
    for part in ({"catalog": nothing}, {"stock": nothing}):
        store = replace(house.runtime.store, **part)
        broken = house_of(replace(house.runtime, store=store))
        query = PROMISE if "catalog" in part else WATCH
        async with streaming(broken.app, query) as stream:
            _, body = await stream.event()
            assert await stream.event() == ("complete", None)

        assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert "object" not in body["errors"][0]["message"]


async def test_a_quiet_stream_gives_signs_of_life(house: House) -> None:
    hall = hall_of(house, keep_alive_seconds=20)
    async with streaming(streams_of(hall), WATCH) as stream:
        assert await stream.part() == b":\n\n"
        await settled()
        for _ in range(3):
            hall.bells.ring(20)
            assert await stream.part() == b":\n\n"
    assert hall.bells.waiting() == []


async def test_who_reads_nothing_for_two_signs_of_life_has_left(house: House) -> None:
    await house.stocked("WH-01", 7)
    hall = hall_of(house, keep_alive_seconds=20)
    async with streaming(streams_of(hall), WATCH, room=1) as stream:
        await settled()
        hall.bells.ring(20)
        await settled()
        assert not stream.task.done()

        hall.bells.ring(20)
        await stream.task
    assert hall.bells.waiting() == []


async def test_a_stream_ends_at_the_instant_at_which_its_token_does(house: House) -> None:
    await house.stocked("WH-01", 7)
    hall = hall_of(house)
    async with streaming(streams_of(hall), WATCH, headers=house.token()) as stream:
        await stream.event()

        hall.now[0] = NOON + timedelta(seconds=90)
        hall.bells.ring(90.0)

        _, body = await stream.event()
        assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await stream.event() == ("complete", None)
        assert await stream.ended()


async def test_streams_and_sockets_share_one_bound(house: House) -> None:
    await house.stocked("WH-01", 7)
    hall = hall_of(house, guest_connections_max=1)
    async with talking(hall.app) as talk:
        await talk.event()
        await talk.introduce()

        async with streaming(streams_of(hall), WATCH) as stream:
            assert stream.status == 503
            assert stream.headers is not None
            assert stream.headers["retry-after"] == "5"
            [refused] = (await stream.json())["errors"]
    async with streaming(streams_of(hall), WATCH) as free:
        await free.event()

    assert refused["message"] == "too many connections of guests"
    assert refused["extensions"]["retryable"] is True


async def test_a_page_of_another_host_opens_no_stream_unless_it_is_named(house: House) -> None:
    page = {"origin": "https://partner.example"}
    named = hall_of(house, origins=("https://partner.example",))
    for app, status in ((house.app, 403), (streams_of(named), 200)):
        async with streaming(app, PROMISE, headers=page) as stream:
            assert stream.status == status


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), (None, 200)]
)
async def test_a_page_of_another_host_that_is_not_named_opens_none_either(
    house: House, site: str | None, status: int
) -> None:
    given = {} if site is None else {"sec-fetch-site": site}
    async with streaming(house.app, PROMISE, headers=given) as stream:
        assert stream.status == status


async def test_when_the_client_goes_away_its_stream_ends(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with streaming(house.app, WATCH) as stream:
        await stream.event()

    assert await stream.ended()
    assert not {"stream", "sign of life"} & {task.get_name() for task in asyncio.all_tasks()}


async def test_open_streams_are_counted(house: House) -> None:
    await house.stocked("WH-01", 7)
    async with streaming(house.app, WATCH) as stream:
        await stream.event()
        assert "gateway_open_streams 1.0" in (await house.get("/metrics")).text

    assert "gateway_open_streams 0.0" in (await house.get("/metrics")).text


async def test_who_is_sent_away_hears_that_it_is_complete(house: House) -> None:
    await house.stocked("WH-01", 7)
    hall = hall_of(house)
    async with streaming(streams_of(hall), WATCH) as stream, talking(hall.app) as talk:
        await stream.event()
        await talk.event()
        await talk.introduce()

        await hall.listeners.dismiss(5)

        assert await stream.event() == ("complete", None)
        assert await talk.closed() == (1001, "Going away")
    async with streaming(streams_of(hall), WATCH) as late:
        assert late.status == 503


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        ("text/event-stream", True),
        ("TEXT/EVENT-STREAM; charset=utf-8", True),
        ("text/event-stream, application/json", True),
        ("text/event-stream, multipart/mixed", True),
        ("application/json;q=0.5, text/event-stream", True),
        ("application/graphql-response+json, application/json, text/event-stream", False),
        ("text/event-stream;q=0.5, application/json", False),
        ("text/event-stream;q=0", False),
        ("application/json", False),
        ("text/*, */*", False),
        ("", False),
    ],
)
def test_who_wants_events(accept: str, *, wants: bool) -> None:
    assert wants_events(accept) is wants
