"""Clients that begin and do not end: nobody waits for them for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from gateway.graphql_http import GraphqlHttp
from gateway.http_protocol import BoundedHttp
from tests.conformance.asking import POSTED, Sent, ask
from tests.gateway.house import House

SOON = 0.5
GET = b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"


class Hasty(BoundedHttp):
    """The protocol with little patience."""

    head_seconds: ClassVar[float] = SOON


@dataclass
class Line:
    """A connection, from the client's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def said(self) -> bytes:
        """What the server says until it hangs up."""
        async with asyncio.timeout(10):
            return await self.reader.read()


async def late(scope: Any, receive: Any, send: Any) -> None:
    """An app that answers 204 after twice the server's patience."""
    await asyncio.sleep(2 * SOON)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The address of an app over loopback."""
    config = uvicorn.Config(app, http=Hasty, ws="websockets-sansio", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Hasty(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


@asynccontextmanager
async def connected() -> AsyncIterator[Line]:
    """A connection to the app that is late."""
    async with serving(late) as address:
        host, _, port = address.partition(":")
        line = Line(*await asyncio.open_connection(host, int(port)))
        yield line
        line.writer.close()
        await line.writer.wait_closed()


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"G", GET[:-2]])
async def test_a_head_that_does_not_come_is_hung_up_on(begun: bytes) -> None:
    async with connected() as line:
        line.writer.write(begun)

        assert await line.said() == b""


@pytest.mark.parametrize("begun", [b"\r\n", GET[:-2]])
async def test_so_is_a_second_head_that_does_not_come(begun: bytes) -> None:
    async with connected() as line:
        line.writer.write(GET)
        first = await line.reader.readuntil(b"\r\n\r\n")
        line.writer.write(begun)

        assert await line.said() == b""
    assert first.startswith(b"HTTP/1.1 204")


async def test_a_request_that_takes_its_time_is_answered() -> None:
    async with connected() as line:
        for _ in range(2):
            line.writer.write(GET)
            assert (await line.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")


async def test_a_body_that_does_not_come_is_408(house: House) -> None:
    coming = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def begun() -> Any:
        return coming.pop() if coming else await asyncio.Event().wait()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"request_id": "r-1"}
        await GraphqlHttp(house.desk, body_seconds=SOON)(scope, begun, send)

    heard = await ask(app, Sent(headers=POSTED))

    assert (heard.status, heard.codes) == (408, ["REQUEST_TIMEOUT"])
    assert heard.headers["connection"] == "close"


async def test_a_socket_that_is_open_is_left_alone() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        await asyncio.sleep(2 * SOON)
        await send({"type": "websocket.send", "text": "still here"})

    async with serving(app) as address, connect(f"ws://{address}") as socket:
        await socket.send("hello")

        assert await socket.recv() == "still here"
