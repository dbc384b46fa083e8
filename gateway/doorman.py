"""The outermost layer of the app: the request's id, its line in the log, and the end of every bug.

A bug is logged whole and answered with nothing but the id.
"""

import logging
import re
import time
from collections.abc import Iterable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.clients import UNNAMED, calls, client_of
from gateway.notes import begin_anew, note
from gateway.telemetry import Telemetry
from gateway.wire import encoded, internal
from resolvers.domain.harmless import is_harmless
from resolvers.ports import IdMaker

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_WEBHOOKS = "/webhooks"

PATHS = frozenset(
    {"/", "/graphql", "/graphiql", "/health/live", "/health/ready", "/metrics", _WEBHOOKS}
)
"""Paths that are ours and are written down; a stranger may put anything into another."""

_CHATTER = ("/health/", "/metrics", "/graphiql/assets/")
"""Paths that machines ask for all the time; their lines are left out unless something failed."""

log = logging.getLogger(__name__)


class Doorman:
    """Stands in front of an app."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, new_id: IdMaker) -> None:
        self._app = app
        self._telemetry = telemetry
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets one request in."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        request_id = headers.get("x-request-id", "")
        given = REQUEST_ID.fullmatch(request_id) is not None and is_harmless(request_id)
        if not given:
            request_id = self._new_id()
        hides = given and scope.get("method") == "GET"
        scope.setdefault("state", {})["request_id"] = request_id
        begin_anew(request_id=request_id)
        self._introduce(headers)
        await self._watched(scope, receive, send, request_id, hides=hides)

    def _introduce(self, headers: dict[str, str]) -> None:
        """Notes which program calls, and of which trace the request is part."""
        client = client_of(headers)
        calls(client)
        if client is not UNNAMED:
            note(client=client.name, client_version=client.version)
        self._telemetry.tracing.arrived(headers)

    async def _watched(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, *, hides: bool
    ) -> None:
        """Lets a request in and writes its line; an answer to everybody ``hides`` the id."""
        began = time.perf_counter()
        status = 0

        async def telling(message: Message) -> None:
            nonlocal status
            if message["type"] in _BEGINNINGS:
                status = message.get("status", 101)
                headers = list(message.get("headers", ()))
                if not (hides and _is_for_everybody(headers)):
                    headers.append((b"x-request-id", request_id.encode()))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, telling)
        except ClientDisconnect:
            status = status or 499  # nobody is there to read an answer
        except Exception:  # the outermost place: what nobody foresaw ends here
            log.exception("a request failed in our own code")
            if status == 0 and scope["type"] == "http":
                self._telemetry.metrics.ended("unknown", "refused", ["INTERNAL"], None)
                await _confess(telling, request_id)
        path = _shown(scope["path"])
        if status < 400 and path.startswith(_CHATTER):
            return
        shown = path if path in PATHS else _OTHER_PATH
        told: dict[str, Any] = {"path": shown, "status": status or 403}
        if scope["type"] == "http":
            told["method"] = scope["method"] if scope["method"] in _METHODS else _OTHER_METHOD
        milliseconds = round((time.perf_counter() - began) * 1000, 2)
        self._telemetry.log.info(scope["type"], **told, milliseconds=milliseconds)


_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_OTHER_PATH = _OTHER_METHOD = "(another)"


def _shown(path: str) -> str:
    """A path as it may be logged: what stands behind the door of webhooks may be a secret."""
    return _WEBHOOKS if path.startswith(f"{_WEBHOOKS}/") else path


_BEGINNINGS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


def _is_for_everybody(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Says whether a cache may show an answer to others: they read no id that a stranger chose."""
    return any(
        name.lower() == b"cache-control" and value.startswith(b"public") for name, value in headers
    )


async def _confess(send: Send, request_id: str) -> None:
    body = encoded({"errors": [internal(request_id)]})
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
