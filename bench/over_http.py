"""A demo in a process of its own and a kept-alive connection to it, for benches over HTTP."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench.processor import taken

START_SECONDS = 60
STOP_SECONDS = 20

CALM_SECONDS = 60
"""Longest wait for a process to have done what it does first: a demo merges and publishes what its
systems sell for some sixteen seconds, and then answers half as much again.
"""

CALM_SHARE = 0.1
"""Of a core in each of two seconds: what following its systems takes it afterwards."""


class Asker(asyncio.Protocol):
    """One kept-alive connection: a request, then its answer, then the next."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[bytes] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Wakes whoever asked, once the whole answer is here."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(head + end + body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells whoever still waits."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the server hung up"))

    def hang_up(self) -> None:
        """Closes it."""
        if self._transport is not None:
            self._transport.close()

    async def ask(self, request: bytes) -> bytes:
        """Sends a request; the whole answer.

        Raises:
            ConnectionError: the server has hung up, as it does on a connection that is idle.
        """
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionResetError("the server had hung up before it was asked")
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered


@asynccontextmanager
async def served(data: Path, **settings: str) -> AsyncIterator[tuple[str, int]]:
    """One process of the demo on a free port of loopback, with settings from its environment; its
    host and port. What it logs stands beside its data.
    """
    async with served_by(data, settings) as (_, host, port):
        yield host, port


@asynccontextmanager
async def served_by(
    data: Path, settings: Mapping[str, str], *words: str
) -> AsyncIterator[tuple[int, str, int]]:
    """The same, and more words of its command; its process id stands before its host and port. It
    has done then what it does first.
    """
    async with _process(data, ["demo", *words], settings) as (process, host, port):
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            await process.stdout.readuntil(b"Stop with")
        await _calm(process.pid)
        yield process.pid, host, port


async def _calm(pid: int) -> None:
    """Waits until a process has little to do unasked; after ``CALM_SECONDS`` it says so instead."""
    quiet, until = 0, time.monotonic() + CALM_SECONDS
    while quiet < 2 and time.monotonic() < until:
        before, began = taken([pid]), time.monotonic()
        await asyncio.sleep(1)
        share = (taken([pid]) - before) / (time.monotonic() - began)
        quiet = quiet + 1 if share < CALM_SHARE else 0
    if quiet < 2:
        sys.stderr.write(
            "the demo is still at work by itself; what follows is measured beside that\n"
        )


@asynccontextmanager
async def configured(
    data: Path, config: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[int, str, int]]:
    """The same of ``gateway serve`` with a file of settings, once it is ready; its process id
    stands before its host and port.
    """
    command = ["serve", "--config", str(config)]
    async with _process(data, command, settings or {}) as (process, host, port):
        asking = f"GET /health/ready HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        async with asyncio.timeout(START_SECONDS):
            made = await asyncio.get_running_loop().create_connection(Asker, host, port)
            while b" 200 " not in (await made[1].ask(asking)).partition(b"\r\n")[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            made[0].close()
        yield process.pid, host, port


@asynccontextmanager
async def _process(
    data: Path, words: Sequence[str], settings: Mapping[str, str]
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, int]]:
    """A gateway that has said where it listens; it is ended behind the block."""
    command = ["-m", "gateway", *words, "--port", "0", "--data", str(data)]
    env = {**os.environ, **settings}
    with (data.parent / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=subprocess.PIPE, stderr=log, env=env
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                address = (await process.stdout.readline()).decode().split("http://")[1].strip()
            host, _, port = address.rpartition(":")
            yield process, host, int(port)
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
