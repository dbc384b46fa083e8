"""What travels below a socket's messages: every way to misuse it ends with the protocol's code, and
none of them with a traceback in the log.
"""

import asyncio
import random
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.wire import BYTES_MAX
from tests.e2e.child import PROTOCOL, Child, demo

BROKEN = 300
"""Connections that send bytes which are no frames, or frames in pieces that do not fit."""


async def test_whatever_comes_over_the_wire_ends_with_a_code(tmp_path: Path) -> None:
    with demo(tmp_path / "data") as child:
        url = f"{child.address.replace('http', 'ws')}/graphql"
        assert await code_for(url, "x" * (BYTES_MAX + 1)) == 1009
        assert await code_for(url, ["x" * BYTES_MAX, "x"]) == 1009
        assert await code_for(url, b"{}") == 4400
        assert await code_for(url, b"\xff\xfe", text=True) == 1007
        assert await code_for(url, [b'{"type": "\xe4', b'\xff"}'], text=True) == 1007
        assert await code_for(url, "", protocol=Subprotocol("graphql-ws")) == 4406
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url, subprotocols=[PROTOCOL], origin=Origin("https://evil.example"))

        chance = random.Random(5)
        for _ in range(BROKEN):
            await send_raw(child, frame(chance) + frame(chance))

        assert httpx2.get(f"{child.address}/health/live").status_code == 200
        assert child.stop() == 0
    assert "Traceback" not in child.log()


def frame(chance: random.Random) -> bytes:
    """Bytes that are a frame at best: of any kind, whole or a piece, with any content."""
    content = chance.randbytes(chance.randrange(60))
    if chance.random() < 0.3:
        return content
    first = chance.choice([0x81, 0x82, 0x80, 0x01, 0x02, 0x00, 0x88, 0x89, 0x8A, 0xC1, 0x83])
    length = chance.choice([len(content), len(content) - 4, 126, 127]) & 0x7F
    return bytes([first, 0x80 | length]) + content


async def code_for(
    url: str,
    message: str | bytes | list[str] | list[bytes],
    *,
    text: bool | None = None,
    protocol: Subprotocol = PROTOCOL,
) -> int | None:
    """The code with which a connection ends that sends a message; a list is sent in pieces."""
    async with connect(url, subprotocols=[protocol], max_size=None) as socket:
        with suppress(ConnectionClosed):  # it may be hung up on in the middle
            await socket.send(message, text=text)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def send_raw(child: Child, data: bytes) -> None:
    """Shakes hands, sends some bytes, and reads until the server has hung up or waits for more."""
    at = urlsplit(child.address)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    head = (
        f"GET /graphql HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    assert b" 101 " in await reader.readline()
    writer.write_eof()
    await reader.read()
    writer.close()
