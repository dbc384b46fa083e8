"""GraphQL over WebSocket: the protocol ``graphql-transport-ws``, and no other.

Nothing is queued here. An operation sends its next message when the transport has taken the one
before, so a slow client holds back its own subscriptions, and each of them skips to the last state.
"""

import asyncio
import logging
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.clients import UNNAMED, calling, calls, client_of
from gateway.desk import Desk
from gateway.listeners import Ending, Full, Listeners, Seat
from gateway.notes import begin, note
from gateway.origins import may_connect
from gateway.settings_process import Sockets
from gateway.timers import Later, Timers, later
from gateway.wire import BYTES_MAX, Asked, TurnedAway, asked_of, decoded, encoded, error, internal
from resolvers.access import NOBODY, Principal
from schema.operations import Answer, Kind

PROTOCOL = "graphql-transport-ws"

ID_CHARS_MAX = 128

GOING_AWAY = 1001
"""The code with which the gateway leaves; every other one is about the client."""

log = logging.getLogger(__name__)


class GraphqlSockets:
    """The endpoint, as an ASGI app."""

    def __init__(self, desk: Desk, listeners: Listeners, after: Later = later) -> None:
        self._desk = desk
        self._listeners = listeners
        self._later = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Talks with one client until either hangs up."""
        websocket = WebSocket(scope, receive, send)
        origin, host = websocket.headers.get("origin"), websocket.headers.get("host", "")
        if not may_connect(origin, host, self._listeners.bounds.origins):
            await websocket.close()  # before accepting, this is 403
            return
        offered = PROTOCOL in websocket.scope["subprotocols"]
        await websocket.accept(PROTOCOL if offered else None)
        if not offered:
            await websocket.close(4406, "Subprotocol not acceptable")
            return
        timers = Timers(self._desk.runtime.clock, self._later)
        with self._desk.telemetry.metrics.sockets.track_inprogress():
            await _Connection(websocket, self._desk, self._listeners, timers).talk()


class _Closing(Exception):
    """The connection ends with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _invalid(reason: str) -> _Closing:
    return _Closing(4400, reason)


def _forbidden() -> _Closing:
    return _Closing(4403, "Forbidden")


@dataclass(slots=True, eq=False)
class _Connection:
    """One client: who it is, and what it has under way."""

    websocket: WebSocket
    desk: Desk
    listeners: Listeners
    timers: Timers
    caller: Principal = NOBODY
    authorization: str | None = None
    ending: Ending[_Closing] = field(default_factory=Ending)
    operations: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    watching: set[asyncio.Task[None]] = field(default_factory=set)
    quiet_seconds: float = 0.0
    ping: asyncio.Task[None] | None = None

    @property
    def bounds(self) -> Sockets:
        return self.listeners.bounds

    async def talk(self) -> None:
        """Takes messages until the connection ends; what is under way ends with it."""
        try:
            with self.listeners.seated(self._leave) as seat:
                await self._close(await self._listen(seat))
        except Full as full:
            await self._close(_Closing(1013, str(full)))

    async def _close(self, closing: _Closing | None) -> None:
        """Says why the connection ends; None: the client has ended it."""
        if closing is not None:
            note(closed=closing.code)
            with suppress(WebSocketDisconnect):
                await self.websocket.close(closing.code, closing.reason)

    async def _listen(self, seat: Seat) -> _Closing | None:
        """Talks on a seat; how the connection is to be closed, if the client has not done it."""
        late = _Closing(4408, "Connection initialisation timeout")
        try:
            async with self.ending:
                self.timers.after("init", self.bounds.init_seconds, lambda: self.ending.now(late))
                await self._introduced(seat)
                self.timers.stop("init")
                self.timers.every("beat", self.bounds.keep_alive_seconds, self._beat)
                with self.desk.keys.ending(self.caller, lambda: self.ending.now(_forbidden())):
                    while True:
                        await self._take(await self._message())
        except _Closing as reason:
            return reason
        except WebSocketDisconnect:
            pass
        finally:
            self.timers.close()
            await self._wind_up()
        return self.ending.reason

    async def _wind_up(self) -> None:
        """Ends what is under way. When we are the ones who leave, what is no subscription may be
        answered first.
        """
        under_way = list(self.operations.values())
        ends = self.watching if self._is_leaving() else under_way
        for task in ends:
            task.cancel()
        if self.ping is not None:
            self.ping.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _leave(self) -> None:
        self.ending.now(_Closing(GOING_AWAY, "Going away"))

    def _is_leaving(self) -> bool:
        return self.ending.reason is not None and self.ending.reason.code == GOING_AWAY

    def _beat(self) -> None:
        """A sign of life; a client that has wanted nothing for long is hung up on instead."""
        self.quiet_seconds += self.bounds.keep_alive_seconds
        if self.operations:
            self.quiet_seconds = 0.0
        elif self.quiet_seconds >= self.bounds.idle_seconds:
            self.ending.now(_Closing(1000, "Idle"))
            return
        if self.ping is None or self.ping.done():  # else it reads nothing: one waits already
            self.ping = asyncio.create_task(self._ping(), name="ping")

    async def _ping(self) -> None:
        with suppress(WebSocketDisconnect):
            await self._send({"type": "ping"})

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

    async def _introduced(self, seat: Seat) -> None:
        """Waits until the client has said who it is."""
        message = await self._message()
        while message["type"] != "connection_init":
            if message["type"] == "subscribe":
                raise _Closing(4401, "Unauthorized")
            await self._take(message)
            message = await self._message()
        self._named(_require_object(message))
        self.authorization = self._authorization(_require_object(message))
        await self._recognize()
        try:
            self.listeners.claim(seat, self.caller)
        except Full as full:
            raise _Closing(1013, str(full)) from full
        if self.caller.good_until is not None:
            self.timers.at("token", self.caller.good_until, lambda: self.ending.now(_forbidden()))
        await self._send({"type": "connection_ack"})

    def _named(self, payload: dict[str, Any]) -> None:
        """Notes which program calls; a page cannot say it in a header of the handshake."""
        client = client_of(payload)
        if client is not UNNAMED:
            calls(client)
            note(client=client.name, client_version=client.version)

    async def _recognize(self) -> None:
        """Says who calls, now: a connection does not outlive the token that it came with."""
        try:
            self.caller = await self.desk.caller(self.authorization, self.websocket.client)
        except TurnedAway as refusal:
            self.desk.turned_away(refusal)
            if refusal.retryable:  # nobody could say; the token may be good
                raise _Closing(1013, "Try again later") from refusal
            raise _forbidden() from refusal

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
            asked = asked_of(message.get("payload"), "the payload")
        except TurnedAway as wrong:
            raise _invalid(wrong.message[:100]) from wrong
        await self._recognize()
        self.quiet_seconds = 0.0
        if len(self.operations) >= self.bounds.operations_max:
            told = f"{self.bounds.operations_max} operations are under way on this connection"
            request_id = self.desk.runtime.new_id()
            await self._send(_refusal(id, error(told, "THROTTLED", request_id, retryable=True)))
            return
        work = self._run(id, asked)
        self.operations[id] = asyncio.create_task(work, name=f"operation {id}")

    # ---- messages out --------------------------------------------------------------------------

    async def _run(self, id: str, asked: Asked) -> None:
        """Runs one operation to its end, which has its line in the log as a request has."""
        request_id = self.desk.runtime.new_id()
        begin(request_id=request_id)
        try:
            last = await self._answered(id, asked, request_id)
            self._ended(id)
            if last is not None:
                await self._send(last)
        except WebSocketDisconnect:
            pass  # nobody is there to hear of it
        finally:
            self.desk.telemetry.log.info("operation")

    async def _answered(self, id: str, asked: Asked, request_id: str) -> dict[str, Any] | None:
        """Sends what an operation answers; the message that ends it, if one is still to be sent."""
        kind: Kind | None = None
        refused = False
        try:
            client = calling().name
            operation = self.desk.operation(asked, self.caller, client)
            kind = self.desk.admit(operation, self.caller)
            if kind is Kind.SUBSCRIPTION:
                self._watches()
                async with aclosing(self.desk.states(operation, self.caller, request_id)) as states:
                    async for answer in states:
                        await self._recognize()
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
            self.ending.now(reason)
            return None
        except Exception:  # the outermost place of an operation: its connection goes on
            log.exception("an operation failed in our own code")
            return _refusal(id, internal(request_id))
        return None if refused else {"type": "complete", "id": id}

    def _watches(self) -> None:
        """Notes that the operation at hand is a subscription, which ends when we leave."""
        task = asyncio.current_task()
        assert task is not None, "an operation runs in a task of its own"
        self.watching.add(task)
        task.add_done_callback(self.watching.discard)
        if self._is_leaving():
            task.cancel()

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
