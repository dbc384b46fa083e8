"""A WebSocket of graphql-transport-ws that costs its client next to nothing.

It hears of a message what a measurement needs: whether some words stand in it, and when. Frames of
a server are read as RFC 6455 has them; none of these servers breaks a message into several.
"""

import asyncio
import json
import os
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Self

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
OPEN_SECONDS = 30
UPGRADED = b" 101 "
"""What stands in the first line of an answer to a handshake that succeeded."""


def frame(kind: int, payload: bytes) -> bytes:
    """A frame of a client. The mask is zeros: it protects proxies, and none is on loopback."""
    size = len(payload)
    head = bytes([0x80 | kind])
    if size < 126:
        head += bytes([0x80 | size])
    else:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


def frames(received: bytearray) -> list[tuple[int, bytes]]:
    """Takes the whole frames off the front of what was received: their kinds and payloads."""
    found = []
    while len(received) >= 2:
        kind, size, start = received[0] & 0x0F, received[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(received[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(received[2:10], "big"), 10
        if len(received) < start + size:
            break
        found.append((kind, bytes(received[start : start + size])))
        del received[: start + size]
    return found


class Socket(asyncio.Protocol):
    """One connection; ``heard`` is the time at which the awaited words came."""

    def __init__(self) -> None:
        """A connection that is not open yet."""
        self.transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._upgraded = False
        self._wanted = b""
        self._told = b""
        self._heard: asyncio.Future[float] | None = None

    @classmethod
    async def opened(cls, host: str, port: int, token: str) -> Self:
        """A socket that has introduced itself and was acknowledged."""
        made = await asyncio.get_running_loop().create_connection(cls, host, port)
        socket = made[1]
        key = b64encode(os.urandom(16)).decode()
        head = (
            f"GET /graphql HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: graphql-transport-ws\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        async with asyncio.timeout(OPEN_SECONDS):
            upgraded = socket.wait_for(UPGRADED)
            made[0].write(head.encode())
            await upgraded
            acknowledged = socket.wait_for(b'"connection_ack"')
            made[0].write(frame(TEXT, b'{"type":"connection_init"}'))
            await acknowledged
        return socket

    async def subscribed(self, document: str, variables: Mapping[str, Any]) -> Any:
        """Starts a subscription; the data of its first message."""
        payload = {"query": document, "variables": variables}
        told = self.wait_for(b'"next"')
        assert self.transport is not None
        text = json.dumps({"id": "1", "type": "subscribe", "payload": payload})
        self.transport.write(frame(TEXT, text.encode()))
        async with asyncio.timeout(OPEN_SECONDS):
            await told
        return json.loads(self._told)["payload"]["data"]

    def wait_for(self, words: bytes) -> asyncio.Future[float]:
        """The time at which a message with some words comes."""
        self._wanted = words
        self._heard = asyncio.get_running_loop().create_future()
        return self._heard

    def close(self) -> None:
        """Hangs up."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Reads frames, gives signs of life, and hears what is awaited."""
        self._received += data
        if not self._upgraded:
            head, end, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not end:
                return
            if UPGRADED not in head.partition(b"\r\n")[0]:
                self._fail(ConnectionRefusedError(head.decode(errors="replace")[:200]))
                return
            self._upgraded, self._received = True, bytearray(rest)
            self._hear(UPGRADED)
        for kind, payload in frames(self._received):
            if kind == PING and self.transport is not None:
                self.transport.write(frame(PONG, payload))
            elif kind == CLOSE:
                self._fail(ConnectionResetError(f"closed: {payload[2:]!r}"))
            else:
                self._hear(payload)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells whoever still waits."""
        self._fail(exc or ConnectionResetError("the server hung up"))

    def _hear(self, words: bytes) -> None:
        if self._heard is not None and not self._heard.done() and self._wanted in words:
            self._told = words
            self._heard.set_result(time.perf_counter())

    def _fail(self, error: Exception) -> None:
        if self._heard is not None and not self._heard.done():
            self._heard.set_exception(error)
