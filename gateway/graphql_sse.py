"""GraphQL as a stream of events: the protocol ``graphql-sse`` with a connection for each operation.

It stands before the endpoint of plain HTTP and takes only who asks for ``text/event-stream``.
Nothing is queued: the next event is made when the transport has taken the one before.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.clients import calling
from gateway.desk import Desk
from gateway.graphql_http import GRAPHQL, JSON, one_asked_in, weight_of
from gateway.listeners import Ending, Full, Listeners
from gateway.notes import note
from gateway.origins import may_connect
from gateway.remembering import remembering
from gateway.timers import Later, Timers, later
from gateway.wire import TurnedAway, encoded, error, internal
from resolvers.access import Principal
from resolvers.domain.errors import Unauthenticated
from schema.operations import Kind, Operation

EVENTS = "text/event-stream"

RETRY_SECONDS = 5
"""When it is worth coming again to a process that is full."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects events makes them late
]

log = logging.getLogger(__name__)


class _End(Enum):
    """Why a stream ends from outside."""

    CLIENT_LEFT = auto()
    WE_LEAVE = auto()
    TOKEN_ENDED = auto()


class GraphqlStreams:
    """The endpoint, as an ASGI app; ``rest`` answers whoever wants no stream."""

    def __init__(
        self, desk: Desk, listeners: Listeners, rest: ASGIApp, after: Later = later
    ) -> None:
        self._desk = desk
        self._listeners = listeners
        self._rest = rest
        self._later = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        given = ",".join(Headers(scope=scope).getlist("accept"))
        asks = scope["method"] in ("GET", "POST")
        if not asks or not given or not wants_events(given):
            await self._rest(scope, receive, send)
            return
        request = Request(scope, receive)
        kind: Kind | None = None
        request_id = request.state.request_id
        try:
            self._require_known_page(request)
            caller = await self._desk.caller(request.headers.get("authorization"), request.client)
            asked = await one_asked_in(request)
            operation = self._desk.operation(asked, caller, calling().name)
            kind = self._desk.admit(operation, caller)
            _require_post(request.method, kind)
            with self._seated(caller) as ending:
                stream = _Stream(self._desk, operation, caller, request_id, send)
                if kind is Kind.SUBSCRIPTION:
                    timers = Timers(self._desk.runtime.clock, self._later)
                    keep_alive = self._listeners.bounds.keep_alive_seconds
                    await stream.watch(receive, ending, timers, keep_alive)
                else:
                    await stream.answer(kind)
        except TurnedAway as refusal:  # nothing has been sent yet
            self._desk.turned_away(refusal, kind)
            note(codes=[refusal.code])
            body = encoded({"errors": [refusal.error(request_id)]})
            headers = {"Cache-Control": "no-store", **refusal.headers}
            response = Response(body, refusal.status, headers, f"{JSON}; charset=utf-8")
            await response(scope, receive, send)

    def _require_known_page(self, request: Request) -> None:
        given = request.headers
        origin, host, site = given.get("origin"), given.get("host", ""), given.get("sec-fetch-site")
        if not may_connect(origin, host, self._listeners.bounds.origins, site):
            raise TurnedAway(403, "FORBIDDEN", "pages of this origin may not open a stream")

    @contextmanager
    def _seated(self, caller: Principal) -> Iterator[Ending[_End]]:
        """A place for one stream, and how it is ended when the process stops."""
        ending: Ending[_End] = Ending()
        try:
            with self._listeners.seated(lambda: ending.now(_End.WE_LEAVE)) as seat:
                self._listeners.claim(seat, caller)
                with self._desk.telemetry.metrics.streams.track_inprogress():
                    yield ending
        except Full as full:
            again = {"Retry-After": str(RETRY_SECONDS)}
            raise TurnedAway(503, "THROTTLED", str(full), retryable=True, headers=again) from full


def _require_post(method: str, kind: Kind | None) -> None:
    if kind is Kind.MUTATION and method == "GET":
        told = "a mutation is sent by POST"
        raise TurnedAway(405, "METHOD_NOT_ALLOWED", told, headers={"Allow": "POST"})


@dataclass(frozen=True, slots=True)
class _Stream:
    """One operation and the response that tells of it."""

    desk: Desk
    operation: Operation
    caller: Principal
    request_id: str
    send: Send

    async def answer(self, kind: Kind | None) -> None:
        """Runs a query or mutation to its end, whatever happens meanwhile."""
        await self._begin()
        try:
            answer = await self.desk.answer(self.operation, kind, self.caller, self.request_id)
            body = answer.body
        except TurnedAway as refusal:
            self.desk.turned_away(refusal, kind)
            body = {"errors": [refusal.error(self.request_id)]}
        except Exception:  # the outermost place of an operation whose response has begun
            log.exception("an operation failed in our own code")
            body = self._bug()
        await self._tell("next", body)
        await self._end()

    async def watch(
        self, receive: Receive, ending: Ending[_End], timers: Timers, keep_alive_seconds: float
    ) -> None:
        """Tells of every state of a subscription, until it or its token ends or somebody leaves."""
        signs = _Signs(self.send, lambda: ending.now(_End.CLIENT_LEFT))
        async with ending:
            await self._begin()
            gone = asyncio.create_task(_until_gone(receive, ending), name="stream")
            timers.every("beat", keep_alive_seconds, signs.give)
            if self.caller.good_until is not None:
                timers.at("token", self.caller.good_until, lambda: ending.now(_End.TOKEN_ENDED))
            try:
                ended = self.desk.keys.ending(self.caller, lambda: ending.now(_End.TOKEN_ENDED))
                with ended:
                    await self._states()
            finally:
                timers.close()
                gone.cancel()
                signs.stop()
        if ending.reason is _End.CLIENT_LEFT:
            return
        if ending.reason is _End.TOKEN_ENDED:
            told = "the token or key has ended; come with a new one"
            refused = error(told, Unauthenticated.code, self.request_id)
            await self._tell("next", {"errors": [refused]})
        await self._end()

    async def _states(self) -> None:
        states = self.desk.states(self.operation, self.caller, self.request_id)
        try:
            async with aclosing(states):
                async for answer in states:
                    await self._tell("next", answer.body)
                    if answer.refused:
                        return
        except Exception:  # as above
            log.exception("a subscription failed in our own code")
            await self._tell("next", self._bug())

    def _bug(self) -> dict[str, Any]:
        return {"errors": [internal(self.request_id)]}

    async def _begin(self) -> None:
        await self.send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _write(self.send, _SIGN_OF_LIFE)  # so that the head is not waited for

    async def _tell(self, event: str, body: Mapping[str, Any]) -> None:
        await _write(self.send, b"event: %s\ndata: %s\n\n" % (event.encode(), encoded(body)))

    async def _end(self) -> None:
        body = b"event: complete\ndata:\n\n"
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


@dataclass(slots=True)
class _Signs:
    """Signs of life: comments, which clients do not see and proxies do."""

    send: Send
    unread: Callable[[], None]
    last: asyncio.Task[None] | None = None

    def give(self) -> None:
        """Sends one, unless the client has not even read the one before: then it is gone."""
        if self.last is not None and not self.last.done():
            self.unread()
        else:
            self.last = asyncio.create_task(_write(self.send, _SIGN_OF_LIFE), name="sign of life")

    def stop(self) -> None:
        if self.last is not None:
            self.last.cancel()


_SIGN_OF_LIFE = b":\n\n"


async def _write(send: Send, part: bytes) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": True})


async def _until_gone(receive: Receive, ending: Ending[_End]) -> None:
    """Waits until the client hangs up: it has nothing more to say."""
    while (await receive())["type"] != "http.disconnect":
        pass
    ending.now(_End.CLIENT_LEFT)


@remembering
def wants_events(accept: str) -> bool:
    """Says whether a client would rather have events than JSON; wildcards say nothing of it."""
    wishes: dict[str, float] = {}
    for entry in accept.split(","):
        named, _, parameters = entry.partition(";")
        media = named.strip().lower()
        if media in (EVENTS, JSON, GRAPHQL):
            wishes.setdefault(media, weight_of(parameters))
    first = max(wishes, key=lambda media: wishes[media], default=None)  # of equals the first
    return first == EVENTS and wishes[EVENTS] > 0
