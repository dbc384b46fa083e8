"""One kept-alive HTTP connection of one buyer, the same for every server of the race."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httptools

CONNECT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what the JSON of the body holds; None of a body that is no JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Line(asyncio.Protocol):
    """A request, then its answer, then the next."""

    def __init__(self, host: str, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._told: dict[str, str] = {}

    @classmethod
    async def opened(cls, port: int, headers: Mapping[str, str] | None = None) -> Self:
        """A connection to a server on loopback; ``headers`` go with every request."""
        host = f"127.0.0.1:{port}"
        async with asyncio.timeout(CONNECT_SECONDS):
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: cls(host, headers or {}), "127.0.0.1", port
            )
        return line

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Sends JSON and waits for the answer, for as long as the caller lets it.

        Raises:
            ConnectionError: the server has hung up.
        """
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionResetError("the server had hung up before it was asked")
        content = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", f"Host: {self._host}"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        if body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write("\r\n".join(head).encode() + b"\r\n\r\n" + content)
        return await self._answered

    def close(self) -> None:
        """Hangs up."""
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
