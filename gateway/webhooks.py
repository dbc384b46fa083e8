"""Where backends send us messages: verified on their raw bytes, kept, and only then acknowledged.

Whoever fails to prove itself learns nothing, not even whether there is such a backend. What is
logged is the request's id and a known backend's code: no body, no signature, and no token that
stands in a path.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.bootstrap import Runtime
from gateway.notes import note
from gateway.telemetry import Metrics
from resolvers.domain.errors import Unready
from resolvers.domain.inbox import BODY_BYTES_MAX, Message, known_by
from resolvers.event_ports import Acknowledgement, EventReceiver, RawMessage

PATHS = ("/webhooks/{backend}", "/webhooks/{backend}/{token}")

BODY_SECONDS = 10.0
"""How long a body may take to come; vendors themselves wait no longer for an answer."""

IN_HAND_BYTES_MAX = 64 * 1024 * 1024
"""Most bytes of all messages that come in or wait to be kept, known senders' or not: beyond that
senders are told to come again. It bounds what strangers can make a process hold.
"""

RETRY_SECONDS = 5
"""When a sender is asked to come again."""


class _Answered(Exception):
    """A message that was not taken, and what its sender is told."""

    def __init__(self, result: str, status: int, text: str = "", **headers: str) -> None:
        super().__init__(result)
        self.result = result
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = Response(text, status, named, media_type="text/plain" if text else None)


@dataclass(slots=True)
class Room:
    """Bytes that are in hand, of all requests together."""

    most: int
    held: int = 0

    @contextmanager
    def some(self) -> Iterator[Callable[[int], None]]:
        """What one request takes of it, piece by piece, and gives back at its end."""
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.held + count > self.most:
                raise _later()
            mine += count
            self.held += count

        try:
            yield take
        finally:
            self.held -= mine


class Webhooks:
    """The endpoint of all backends, as an ASGI app for every method."""

    def __init__(
        self,
        runtime: Runtime,
        metrics: Metrics,
        *,
        body_seconds: float = BODY_SECONDS,
        in_hand_max: int = IN_HAND_BYTES_MAX,
    ) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._body_seconds = body_seconds
        self._room = Room(in_hand_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        backend = self._runtime.backends.get(request.path_params["backend"])
        receiver = None if backend is None else backend.events
        known = "unknown" if backend is None or receiver is None else backend.code
        note(backend=known)
        try:
            told = await self._taken(request, known, receiver)
        except _Answered as refusal:
            response, result = refusal.response, refusal.result
        else:
            response, result = _acknowledged(told), "kept"
        note(result=result)
        self._metrics.messages.labels(known, result).inc()
        await response(scope, receive, send)

    async def _taken(
        self, request: Request, code: str, receiver: EventReceiver | None
    ) -> Acknowledgement:
        """Takes one message, and says what its sender wants to hear."""
        if request.method != "POST":
            raise _Answered("refused", 405, "messages are sent by POST", Allow="POST")
        with self._room.some() as take:
            body = await self._body(request, take)
            raw = RawMessage(
                request.method,
                request.url.path,
                request.url.query,
                _headers(request),
                body,
                self._runtime.clock(),
            )
            if receiver is None or not receiver.verify(raw):
                raise _Answered("refused", 401, WWW_Authenticate='Signature realm="webhooks"')
            message = Message(
                self._runtime.new_id(),
                code,
                known_by(receiver.dedupe_key(raw), body),
                raw.received_at,
                body,
                tuple(receiver.kept_headers(raw).items()),
            )
            try:
                await self._runtime.intake.keep(message)
            except (Unready, OSError) as error:
                raise _later() from error
        return receiver.acknowledgement

    async def _body(self, request: Request, take: Callable[[int], None]) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and len(declared) < 20:
            _require_short(int(declared))
        parts: list[bytes] = []
        length = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                async for part in request.stream():
                    length += len(part)
                    _require_short(length)
                    take(len(part))
                    parts.append(part)
        except TimeoutError as late:
            told = f"the body did not come within {self._body_seconds:g} s"
            raise _Answered("refused", 408, told, Connection="close") from late
        return b"".join(parts)


def _headers(request: Request) -> dict[str, str]:
    """The headers, each name once: of several of a name the first."""
    return dict(reversed(request.headers.items()))


def _require_short(length: int) -> None:
    if length > BODY_BYTES_MAX:
        told = f"a message has at most {BODY_BYTES_MAX} bytes"
        raise _Answered("refused", 413, told, Connection="close")  # nobody reads the rest


def _later() -> _Answered:
    headers = {"Retry_After": str(RETRY_SECONDS), "Connection": "close"}
    return _Answered("later", 503, "too much at a time; send it again", **headers)


def _acknowledged(told: Acknowledgement) -> Response:
    return Response(told.body, told.status, media_type=told.content_type)
