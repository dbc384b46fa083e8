"""A proxy before one real system, whose behavior is switched while it runs.

It listens on 127.0.0.1, in a thread of its own, passes each request on and answers in the system's
place as its fault says. One connection carries one request: what is under way when a fault ends
ends as it began.
"""

import asyncio
import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Self

import httpx2

from tests.badlands.dialects import Answer, Dialect, said
from tests.badlands.faults import Fault
from tests.live.processes import free_port

HEAD_BYTES_MAX = 65_536
ENDING_TURNS = 10
BACKLOG = 100
PATIENCE_SECONDS = 60.0
"""Longest that a connection lives, whatever its fault is."""

OFF = timedelta(minutes=10)
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
KEPT_HEADERS = ("content-type", "vendure-auth-token", "retry-after", "www-authenticate")
DROPPED_HEADERS = frozenset({"host", "connection", "accept-encoding", "content-length"})


@dataclass(frozen=True)
class _Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Proxy:
    """Stands before the system at ``upstream``, a port. Use it in a ``with``."""

    def __init__(self, upstream: int, dialect: Dialect) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.calls = 0
        self._upstream = f"http://127.0.0.1:{upstream}"
        self._dialect = dialect
        self._fault: Fault | None = None
        self._client: httpx2.AsyncClient | None = None
        self._loop = asyncio.new_event_loop()
        self._listening: socket.socket | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._started())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    def fail(self, fault: Fault | None) -> None:
        """Fails so from now on; None: passes everything on."""
        self._do(self._switched(fault))

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_SECONDS)

    async def _started(self) -> None:
        # No connection outlives its answer: a system that was restarted is met as it is.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.AsyncClient(timeout=PATIENCE_SECONDS, limits=limits, trust_env=False)
        self._open()

    async def _ended(self) -> None:
        self._shut()
        await asyncio.sleep(0)  # whoever was just taken is served, so that it can be ended
        under_way = list(self._connections)
        for connection in under_way:
            connection.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        assert self._client is not None
        await self._client.aclose()
        for _ in range(ENDING_TURNS):  # transports are closed some turns after they were told
            await asyncio.sleep(0)

    def _open(self) -> None:
        # No asyncio.Server: one that is closed while it takes a connection forgets to close that,
        # and the caller waits for as long as it likes.
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=BACKLOG)
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening, self._accept, self._listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            caller, _ = listening.accept()
        except OSError:  # gone again before its turn came
            return
        connection = self._loop.create_task(self._serve(caller))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    def _shut(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for writer in list(self._writers):
            _reset(writer)

    async def _switched(self, fault: Fault | None) -> None:
        before, self._fault = self._fault, fault
        if fault is Fault.REFUSED:
            self._shut()
        elif before is Fault.REFUSED:
            self._open()

    async def _serve(self, caller: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=caller)
        self._writers.add(writer)
        gone = (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, httpx2.HTTPError)
        try:
            with contextlib.suppress(*gone):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    request = await _read(reader)
                    self.calls += 1
                    await self._answer(request, reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(
        self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        fault = self._fault
        match fault:
            case Fault.REFUSED:  # taken just before
                _reset(writer)
            case Fault.HANGING:
                await reader.read()  # until the caller has gone
            case Fault.TRICKLE:
                for byte in _wire(await self._passed(request)):
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1)
            case Fault.RESET:
                answer = await self._passed(request)
                writer.write(_wire(answer)[: -max(1, len(answer.body) // 2)])
                await writer.drain()
                _reset(writer)
            case Fault.ANSWER_LOST:
                await self._passed(request)
                _reset(writer)
            case _:
                writer.write(_wire(await self._said(fault, request)))
                await writer.drain()

    async def _said(  # noqa: PLR0911  # a table of what is said
        self, fault: Fault | None, request: _Request
    ) -> Answer:
        match fault:
            case Fault.FAILS:
                return Answer(500, b"<h1>Internal Server Error</h1>", {"Content-Type": "text/html"})
            case Fault.THROTTLED:
                return said(429, {"detail": "slow down"}, Retry_After="1")
            case Fault.THROTTLED_BARE:
                return said(429, {"detail": "slow down"})
            case Fault.NOT_JSON:
                return Answer(200, b"<html>under repair</html>", {"Content-Type": "text/html"})
            case Fault.WRONG_SHAPE:
                return said(200, {"result": {"v2": []}, "data": {"v2": []}, "v2": []})
            case Fault.ERROR_IN_200:
                return self._dialect.failed(request.body)
            case Fault.EXPIRED if not self._dialect.logs_in(request.body):
                return self._dialect.expired(request.body)
            case Fault.FIELD_GONE:
                return _changed(await self._passed(request), self._without)
            case Fault.CLOCK_AHEAD:
                return await self._off(request, OFF)
            case Fault.CLOCK_BEHIND:
                return await self._off(request, -OFF)
            case _:
                return await self._passed(request)

    def _without(self, value: Any) -> Any:
        match value:
            case dict():
                return {
                    name: self._without(part)
                    for name, part in value.items()
                    if name != self._dialect.gone
                }
            case list():
                return [self._without(part) for part in value]
            case _:
                return value

    async def _off(self, request: _Request, by: timedelta) -> Answer:
        """As a system whose clock is off: what it says, and what it understands."""
        asked = _Request(
            request.method,
            _moved_text(request.target, -by),
            request.headers,
            _moved_body(request.body, -by),
        )
        answer = _changed(await self._passed(asked), lambda value: _moved(value, by))
        date = format_datetime(datetime.now(UTC) + by, usegmt=True)
        return Answer(answer.status, answer.body, {**answer.headers, "Date": date})

    async def _passed(self, request: _Request) -> Answer:
        headers = {
            name: value for name, value in request.headers.items() if name not in DROPPED_HEADERS
        }
        assert self._client is not None
        async with self._client.stream(
            request.method,
            self._upstream + request.target,
            headers={**headers, "accept-encoding": "identity"},
            content=request.body,
        ) as reply:
            # As it came: Tryton calls every longer answer packed, also one that is not.
            body = b"".join([chunk async for chunk in reply.aiter_raw()])
        kept = {name: reply.headers[name] for name in KEPT_HEADERS if name in reply.headers}
        return Answer(reply.status_code, body, kept)


async def _read(reader: asyncio.StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    if len(head) > HEAD_BYTES_MAX:
        raise ValueError("the head is too long")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (at.partition(":") for at in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return _Request(method, target, headers, body)


def _wire(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} -", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [f"Content-Length: {len(answer.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + answer.body


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection as a crash does: without a farewell."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _changed(answer: Answer, change: Callable[[Any], Any]) -> Answer:
    """The same with something else in its JSON; what is no JSON stays."""
    try:
        value = json.loads(answer.body)
    except ValueError:
        return answer
    body = json.dumps(change(value), ensure_ascii=False).encode()
    return Answer(answer.status, body, answer.headers)


def _moved_body(body: bytes, by: timedelta) -> bytes:
    return _changed(Answer(200, body, {}), lambda value: _moved(value, by)).body if body else body


def _moved(value: Any, by: timedelta) -> Any:
    """The same with every stamp later by so much: ISO 8601 in UTC, and Tryton's objects."""
    match value:
        case {"__class__": "datetime"}:
            parts: dict[str, int] = {name: at for name, at in value.items() if name != "__class__"}
            later = datetime(**parts, tzinfo=UTC) + by
            return {"__class__": "datetime", **{part: getattr(later, part) for part in parts}}
        case dict():
            return {name: _moved(part, by) for name, part in value.items()}
        case list():
            return [_moved(part, by) for part in value]
        case str():
            return _moved_text(value, by)
        case _:
            return value


def _moved_text(text: str, by: timedelta) -> str:
    def later(found: re.Match[str]) -> str:
        told = found.group()
        zone = "Z" if told.endswith("Z") else "+00:00"
        at = datetime.fromisoformat(told) + by
        digits = "milliseconds" if "." in told else "seconds"
        return at.isoformat(timespec=digits).removesuffix("+00:00") + zone

    return STAMP.sub(later, text)
