"""What stands around the endpoint: pages of other origins, and compression."""

import gzip
from pathlib import Path

import pytest
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.http_layers import LARGE_BYTES, LONG_BYTES, Compression
from gateway.origins import is_script_origin
from gateway.settings import Server
from tests.conformance.asking import POSTED, Sent, ask
from tests.gateway.house import House, opened

SHOP = "https://shop.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-anything",
}
ASKED = {"query": "{ channels { code } }"}


def allowing(headers: object) -> dict[str, str]:
    """What an answer says to the browser of a page elsewhere."""
    return {
        name.removeprefix("access-control-"): value
        for name, value in dict(headers).items()  # type: ignore[call-overload]
        if name.startswith("access-control-")
    }


async def test_no_page_elsewhere_is_let_in_by_default(house: House) -> None:
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": SHOP, **PREFLIGHT})
    sent = await house.post(ASKED, Origin=SHOP)

    assert Server().allowed_origins == ()
    assert (before.status_code, allowing(before.headers)) == (405, {})
    assert allowing(sent.headers) == {}


async def test_a_named_page_is_let_in_and_asks_seldom(tmp_path: Path) -> None:
    house = await opened(tmp_path, allowed_origins=(SHOP,))
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": SHOP, **PREFLIGHT})
        health = await client.get("/health/live", headers={"Origin": SHOP})
    sent = await house.post(ASKED, Origin=SHOP)
    refused = await house.post(b"{", Origin=SHOP)

    assert before.status_code == 200
    assert allowing(before.headers) == {
        "allow-origin": SHOP,
        "allow-methods": "GET, POST",
        "allow-headers": "authorization,content-type,x-anything",
        "max-age": "7200",
    }
    letting = {"allow-origin": SHOP, "expose-headers": "X-Request-Id, Retry-After"}
    assert allowing(sent.headers) == allowing(refused.headers) == letting
    vary = "Accept, Authorization, Accept-Encoding, Origin"
    assert (sent.status_code, refused.status_code, sent.headers["vary"]) == (200, 400, vary)
    assert allowing(health.headers) == {}


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example.evil.test", "http://shop.example", "https://SHOP.example", "null"],
)
async def test_a_page_that_is_not_named_is_not_let_in(tmp_path: Path, origin: str) -> None:
    house = await opened(tmp_path, allowed_origins=(SHOP,))
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": origin, **PREFLIGHT})
    sent = await house.post(ASKED, Origin=origin)

    assert before.status_code == 400
    assert "allow-origin" not in allowing(before.headers) | allowing(sent.headers)


async def test_any_page_is_let_in_without_its_cookies(tmp_path: Path) -> None:
    house = await opened(tmp_path, allowed_origins=("*",))
    async with house.client() as client:
        before = await client.options("/graphql", headers={"Origin": SHOP, **PREFLIGHT})
    sent = await house.post(ASKED, Origin=SHOP, Cookie="a=b")

    assert allowing(before.headers)["allow-origin"] == allowing(sent.headers)["allow-origin"] == "*"
    assert "allow-credentials" not in allowing(before.headers) | allowing(sent.headers)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("*", True),
        ("https://shop.example", True),
        ("http://localhost:5173", True),
        ("http://[::1]:8000", True),
        ("shop.example", False),
        ("https://shop.example/", False),
        ("https://Shop.example", False),
        ("https://shop.example:443", False),
        ("http://shop.example:80", False),
        ("https://*.shop.example", False),
        ("https://me@shop.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(text: str, *, fits: bool) -> None:
    assert is_script_origin(text) is fits


LONG = {"query": "{ __schema { types { name description } } }"}


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("br;q=1.0, gzip;q=0.1", "gzip"),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip;q=0", None),
        ("identity, gzip; q=0.0", None),
        ("xgzip", None),
    ],
)
async def test_a_long_answer_is_compressed_for_who_takes_it(
    house: House, accepted: str, encoding: str | None
) -> None:
    heard = await ask(house.app, Sent.body(LONG, ("accept-encoding", accepted)))
    plain = await ask(house.app, Sent.body(LONG))

    assert heard.headers.get("content-encoding") == encoding
    assert (
        heard.headers["vary"] == plain.headers["vary"] == "Accept, Authorization, Accept-Encoding"
    )
    assert int(heard.headers["content-length"]) == len(heard.content)
    content = gzip.decompress(heard.content) if encoding else heard.content
    assert content == plain.content
    assert len(plain.content) > 10 * LONG_BYTES


async def test_a_short_answer_is_sent_as_it_is(house: House) -> None:
    heard = await ask(house.app, Sent.body(ASKED, ("accept-encoding", "gzip")))

    assert "content-encoding" not in heard.headers
    assert len(heard.codes) == 0 and len(heard.content) < LONG_BYTES


async def test_an_answer_is_compressed_and_open_to_another_page(tmp_path: Path) -> None:
    house = await opened(tmp_path, allowed_origins=(SHOP,))

    heard = await ask(house.app, Sent.body(LONG, ("accept-encoding", "gzip"), ("origin", SHOP)))

    assert heard.headers["vary"] == "Accept, Authorization, Accept-Encoding, Origin"
    assert (heard.headers["content-encoding"], allowing(heard.headers)["allow-origin"]) == (
        "gzip",
        SHOP,
    )


@pytest.mark.parametrize("size", [LONG_BYTES - 1, LONG_BYTES])
async def test_what_is_long_begins_at_one_kibibyte(size: int) -> None:
    app = Compression(Response("a" * size, media_type="text/plain"))

    heard = await ask(app, Sent(headers=[*POSTED, ("accept-encoding", "gzip")]))

    assert ("content-encoding" in heard.headers) is (size == LONG_BYTES)


async def test_a_stream_of_events_is_never_compressed() -> None:
    events = [f"event: next\ndata: {'a' * 2000}\n\n", "event: complete\n\n"]
    app = Compression(StreamingResponse(iter(events), media_type="text/event-stream"))

    heard = await ask(app, Sent(headers=[*POSTED, ("accept-encoding", "gzip")]))

    assert "content-encoding" not in heard.headers
    assert heard.content.decode() == "".join(events)


@pytest.mark.parametrize("size", [LARGE_BYTES - 1, LARGE_BYTES])
async def test_what_is_large_is_compressed_beside_the_event_loop_and_is_the_same(size: int) -> None:
    app = Compression(Response("a" * size, media_type="text/plain"))

    heard = await ask(app, Sent(headers=[*POSTED, ("accept-encoding", "gzip")]))

    assert heard.headers["content-length"] == f"{len(heard.content)}"
    assert gzip.decompress(heard.content) == b"a" * size


async def test_an_answer_that_fails_before_its_body_has_not_begun() -> None:
    sent: list[Message] = []

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    scope = {"type": "http", "headers": [(b"accept-encoding", b"gzip")]}
    with pytest.raises(RuntimeError):
        await Compression(failing)(scope, receive, send)

    assert sent == []
