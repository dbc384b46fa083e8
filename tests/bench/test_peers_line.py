"""A buyer's connection: whole answers however they are cut, and a new one where need be (G5)."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bench import processor
from bench.peers.line import Line

WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nX-Token: a\r\n\r\n{"a": 1}'
PIECES = (
    b'HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n4\r\n: 2}\r\n0\r\n\r\n'
)

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def line_to(server: Server) -> AsyncIterator[Line]:
    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        line = Line(listening.sockets[0].getsockname()[1], {"X-Who": "buyer"})
        try:
            yield line
        finally:
            line.close()


async def test_answers_come_whole_one_after_the_other_on_one_connection() -> None:
    asked: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (WHOLE, PIECES):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            for byte in answer:
                writer.write(bytes([byte]))
                await writer.drain()
        writer.close()

    async with line_to(server) as line:
        first = await line.send("GET", "/one")
        second = await line.send("GET", "/two")

    assert (first.status, first.body, first.headers["x-token"]) == (200, {"a": 1}, "a")
    assert (second.status, second.body) == (201, {"a": 2})
    assert [request.split()[1] for request in asked] == [b"/one", b"/two"]
    assert b"X-Who: buyer" in asked[0]


async def test_a_server_that_hangs_up_instead_of_answering_is_no_answer() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with line_to(server) as line:
        with pytest.raises(ConnectionError):
            await line.send("POST", "/", {"a": 1})


async def test_one_that_had_hung_up_before_is_called_anew() -> None:
    gone = asyncio.Event()
    calls = 0

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(WHOLE)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with line_to(server) as line:
        await line.send("GET", "/")
        await gone.wait()
        async with asyncio.timeout(10):
            while line.connected:  # noqa: ASYNC110 (nobody tells of it)
                await asyncio.sleep(0)
        answer = await line.send("GET", "/")

    assert (answer.body, calls) == ({"a": 1}, 2)


def test_what_a_child_and_its_ended_child_took_of_the_processor_is_seen() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\n"
    program = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}], check=True)\n"
        "print('done', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"done\n"
        alone = processor.taken([child.pid])
        mine = processor.children(os.getpid())

    assert alone >= 0.25
    assert child.pid in mine
    assert processor.taken([child.pid]) == 0
