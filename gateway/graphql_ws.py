"""GraphQL over WebSocket: the protocol ``graphql-transport-ws``, and no other.

Nothing is queued here. An operation sends its next message when the transport has taken the one
before, so a slow client holds back its own subscriptions, and each of them skips to the last state.
"""

import asyncio
import logging
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.desk import Desk
from gateway.wire import BYTES_MAX, TurnedAway, decoded, encoded, error, internal, operation_of
from resolvers.access import NOBODY, Principal
from schema.operations import Answer, Kind, Operation

PROTOCOL = "graphql-transport-ws"

INIT_SECONDS = 10.0
"""How long a client may take to introduce itself."""

OPERATIONS_MAX = 100
"""Most operations under way on one connection."""

ID_CHARS_MAX = 128

log = logging.getLogger(__name__)


class GraphqlSockets:
    """The endpoint, as an ASGI app."""

    def __init__(self, desk: Desk, init_seconds: float = INIT_SECONDS) -> None:
        self._desk = desk
        self._init_seconds = init_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Talks with one client until either hangs up."""
        websocket = WebSocket(scope, receive, send)
        if not of_same_host(websocket.headers.get("origin"), websocket.headers.get("host", "")):
            await websocket.close()  # before accepting, this is 403
            return
        offered = PROTOCOL in websocket.scope["subprotocols"]
        await websocket.accept(PROTOCOL if offered else None)
        if not offered:
            await websocket.close(4406, "Subprotocol not acceptable")
            return
        with self._desk.telemetry.metrics.sockets.track_inprogress():
            await _Connection(websocket, self._desk).talk(self._init_seconds)


def of_same_host(origin: str | None, host: str) -> bool:
    """Says whether a page of ``origin`` was served by ``host``; programs send no origin."""
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False


class _Closing(Exception):
    """The connection ends with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _invalid(reason: str) -> _Closing:
    return _Closing(4400, reason)


@dataclass(slots=True)
class _Connection:
    """One client: who it is, and what it has under way."""

    websocket: WebSocket
    desk: Desk
    caller: Principal = NOBODY
    authorization: str | None = None
    operations: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def talk(self, init_seconds: float) -> None:
        """Takes messages until the connection ends; what is under way ends with it."""
        closing: _Closing | None = None
        try:
            try:
                async with asyncio.timeout(init_seconds):
                    await self._introduced()
            except TimeoutError as late:
                raise _Closing(4408, "Connection initialisation timeout") from late
            while True:
                await self._take(await self._message())
        except _Closing as reason:
            closing = reason
        except WebSocketDisconnect:
            pass
        finally:
            under_way = list(self.operations.values())
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        if closing is not None:
            structlog.contextvars.bind_contextvars(closed=closing.code)
            with suppress(WebSocketDisconnect):
                await self.websocket.close(closing.code, closing.reason)

    # ---- messages in ---------------------------------------------------------------------------

    async def _message(self) -> dict[str, Any]:
        """The next message of the client."""
        event = await self.websocket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        text = event.get("text")
        if text is None:
            raise _invalid("Messages are text")
        if len(text) > BYTES_MAX:  # our own server has counted the bytes before
            raise _Closing(1009, "The message is too big")
        try:
            message = decoded(text, "the message")
        except TurnedAway as wrong:
            raise _invalid("The message is not JSON") from wrong
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _invalid("A message is an object with a type")
        return message

    async def _introduced(self) -> None:
        """Waits until the client has said who it is."""
        message = await self._message()
        while message["type"] != "connection_init":
            if message["type"] == "subscribe":
                raise _Closing(4401, "Unauthorized")
            await self._take(message)
            message = await self._message()
        self.authorization = self._authorization(_require_object(message))
        self._recognize()
        await self._send({"type": "connection_ack"})

    def _recognize(self) -> None:
        """Says who calls, now: a connection does not outlive the token that it came with."""
        try:
            self.caller = self.desk.caller(self.authorization)
        except TurnedAway as refusal:
            self.desk.turned_away(refusal)
            raise _Closing(4403, "Forbidden") from refusal

    def _authorization(self, payload: dict[str, Any]) -> str | None:
        """The token that came with the introduction, else the one of the handshake.

        Browsers cannot put a header on the handshake, so the first is what a page uses.
        """
        for name in ("Authorization", "authorization", "token"):
            given = payload.get(name)
            if given is None:
                continue
            if not isinstance(given, str):
                raise _invalid("The token is not a text")
            bare = name == "token" and not given.lower().startswith("bearer ")
            return f"Bearer {given}" if bare else given
        return self.websocket.headers.get("authorization")

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                _require_object(message)
                await self._send({"type": "pong"})  # without the payload: who knows how deep it is
            case "pong":
                _require_object(message)  # that is all: the transport looks after dead clients
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                if (task := self.operations.pop(_id_of(message), None)) is not None:
                    task.cancel()
            case "connection_init":
                raise _Closing(4429, "Too many initialisation requests")
            case _:
                raise _invalid("There is no message of this type")

    async def _subscribe(self, message: dict[str, Any]) -> None:
        id = _id_of(message)
        if id in self.operations:
            raise _Closing(4409, "There is a subscriber of this id already")
        try:
            operation = operation_of(message.get("payload"), "the payload")
        except TurnedAway as wrong:
            raise _invalid(wrong.message[:100]) from wrong
        self._recognize()
        if len(self.operations) >= OPERATIONS_MAX:
            told = f"{OPERATIONS_MAX} operations are under way on this connection"
            request_id = self.desk.runtime.new_id()
            await self._send(_refusal(id, error(told, "THROTTLED", request_id, retryable=True)))
            return
        work = self._run(id, operation)
        self.operations[id] = asyncio.create_task(work, name=f"operation {id}")

    # ---- messages out --------------------------------------------------------------------------

    async def _run(self, id: str, operation: Operation) -> None:
        """Runs one operation to its end, which has its line in the log as a request has."""
        request_id = self.desk.runtime.new_id()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            last = await self._answered(id, operation, request_id)
            self._ended(id)
            if last is not None:
                await self._send(last)
        except WebSocketDisconnect:
            pass  # nobody is there to hear of it
        finally:
            self.desk.telemetry.log.info("operation")

    async def _answered(
        self, id: str, operation: Operation, request_id: str
    ) -> dict[str, Any] | None:
        """Sends what an operation answers; the message that ends it, if one is still to be sent."""
        kind: Kind | None = None
        refused = False
        try:
            kind = self.desk.admit(operation, self.caller)
            if kind is Kind.SUBSCRIPTION:
                async with aclosing(self.desk.states(operation, self.caller, request_id)) as states:
                    async for answer in states:
                        self._recognize()
                        refused = await self._tell(id, answer)
            else:
                answer = await self.desk.answer(operation, kind, self.caller, request_id)
                refused = await self._tell(id, answer)
        except TurnedAway as refusal:
            self.desk.turned_away(refusal, kind)
            return _refusal(id, refusal.error(request_id))
        except WebSocketDisconnect:
            raise
        except _Closing as reason:  # nothing more may be told on this connection
            with suppress(WebSocketDisconnect, RuntimeError):
                await self.websocket.close(reason.code, reason.reason)
            return None
        except Exception:  # the outermost place of an operation: its connection goes on
            log.exception("an operation failed in our own code")
            return _refusal(id, internal(request_id))
        return None if refused else {"type": "complete", "id": id}

    async def _tell(self, id: str, answer: Answer) -> bool:
        """Sends an answer; says whether it was a refusal, after which nothing follows."""
        if answer.refused:
            self._ended(id)
            await self._send(_refusal(id, *answer.body["errors"]))
        else:
            await self._send({"type": "next", "id": id, "payload": answer.body})
        return answer.refused

    def _ended(self, id: str) -> None:
        """Frees the id before the last message goes out: the client may use it again at once."""
        if self.operations.get(id) is asyncio.current_task():
            del self.operations[id]

    async def _send(self, message: dict[str, Any]) -> None:
        await self.websocket.send_text(encoded(message).decode())


def _id_of(message: dict[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= ID_CHARS_MAX:
        raise _invalid(f"An id is 1 to {ID_CHARS_MAX} characters")
    return id


def _require_object(message: dict[str, Any]) -> dict[str, Any]:
    """The payload of a message that may have one; none is an empty one."""
    payload = message.get("payload")
    if not isinstance(payload, dict | None):
        raise _invalid("The payload is not an object")
    return payload or {}


def _refusal(id: str, *errors: dict[str, Any]) -> dict[str, Any]:
    return {"type": "error", "id": id, "payload": list(errors)}
