"""Kept-alive HTTP connections of buyers, the same for every server of the race."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httptools

CONNECT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what the JSON of the body holds; None of a body that is no JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Line:
    """A buyer's connection: a request, then its answer, then the next. It is made again where the
    server has hung up meanwhile, as servers do on who is idle.
    """

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        """``headers`` go with every request, as they are when it is sent."""
        self.headers = dict(headers or {})
        self._port = port
        self._wire: _Wire | None = None

    @property
    def connected(self) -> bool:
        """Whether a request can be sent on the connection that there is."""
        return self._wire is not None and self._wire.open

    async def connect(self) -> None:
        """A new connection to the server on loopback."""
        self.close()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, self._wire = await asyncio.get_running_loop().create_connection(
                _Wire, "127.0.0.1", self._port
            )

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Sends JSON and waits for the answer, for as long as the caller lets it.

        Raises:
            ConnectionError: the server has hung up before it answered.
        """
        if not self.connected:
            await self.connect()
        assert self._wire is not None
        content = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        if body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return await self._wire.send("\r\n".join(head).encode() + b"\r\n\r\n" + content)

    def close(self) -> None:
        """Hangs up."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None


class _Wire(asyncio.Protocol):
    """One connection, for as long as it lasts."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._told: dict[str, str] = {}

    @property
    def open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    async def send(self, request: bytes) -> Answer:
        """Sends it, and waits for the answer."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        """Hangs up at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells whoever still waits."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Hands bytes to the parser, which calls back below."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._answered is not None and not self._answered.done():
                self._answered.set_exception(ConnectionError(f"this is no HTTP: {error}"))
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of an answer."""
        self._told[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        """A piece of an answer."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Wakes whoever asked."""
        content, told = b"".join(self._body), self._told
        self._body, self._told = [], {}
        try:
            read = json.loads(content)
        except ValueError:
            read = None
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(Answer(self._parser.get_status_code(), read, told))
