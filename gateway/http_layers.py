"""What stands between the doorman and GraphQL over HTTP, as the settings want it.

Pages of other origins are let in here, and long answers are compressed. Sockets pass by.
"""

import asyncio
import gzip
from collections.abc import Sequence
from functools import partial

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.graphql_http import weight_of
from gateway.remembering import remembering

PREFLIGHT_SECONDS = 7200
"""How long a browser need not ask again before it sends; Chromium heeds no longer time."""

LONG_BYTES = 1024
"""Answers from here on are compressed; a shorter one fills no second packet."""

LARGE_BYTES = 131_072
"""From here on compressing takes milliseconds, in which the event loop has other things to do."""

LEVEL = 4
"""Of zlib's nine: its usual 9 takes three times as long over an introspection for a tenth less."""

DEPENDS = "Accept, Authorization, Accept-Encoding"
"""What every answer depends on; where pages of other origins are let in, it is the origin, too."""

_VARY = (b"vary", DEPENDS.encode())


class Compression:
    """Compresses long answers for clients that take gzip, but no stream: what comes in parts is to
    go on as it comes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        given = ",".join(Headers(scope=scope).getlist("accept-encoding"))
        if not given or not takes_gzip(given):  # on what this depends is said around all of it
            await self.app(scope, receive, send)
            return
        held: Message | None = None

        async def compressing(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and not _is_stream(message):
                held = message  # its headers are known when its body is
                return
            if held is not None:
                start, held = held, None
                body = message.get("body", b"")
                if len(body) >= LONG_BYTES and not message.get("more_body", False):
                    start, message = await _compressed(start, body)
                await send(start)
            await send(message)

        await self.app(scope, receive, compressing)


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start["headers"]
    )


async def _compressed(start: Message, body: bytes) -> tuple[Message, Message]:
    """An answer that came whole, in gzip."""
    pack = partial(gzip.compress, body, LEVEL, mtime=0)
    packed = await asyncio.to_thread(pack) if len(body) >= LARGE_BYTES else pack()
    head = {**start, "headers": list(start["headers"])}
    headers = MutableHeaders(scope=head)
    headers["content-encoding"], headers["content-length"] = "gzip", f"{len(packed)}"
    return head, {"type": "http.response.body", "body": packed}


class Varying:
    """Says on which headers of a request an answer depends, each once, also where this one does
    not: what is kept without compression must not be all that is ever kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = headers.getlist("vary")
                if own:
                    said = ",".join([DEPENDS, *own]).split(",")
                    headers["vary"] = ", ".join({name.strip().title(): None for name in said})
                else:
                    message["headers"].append(_VARY)
            await send(message)

        await self.app(scope, receive, telling)


@remembering
def takes_gzip(accept_encoding: str) -> bool:
    """Says whether a client takes answers in gzip, by the value of its Accept-Encoding header."""
    wishes: dict[str, float] = {}
    for entry in accept_encoding.split(","):
        coding, _, parameters = entry.partition(";")
        wishes[coding.strip().lower()] = weight_of(parameters)
    return wishes.get("gzip", 0.0) > 0


class Origins:
    """Origins of pages elsewhere whose scripts may ask; they may be exchanged at any time."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)


class Pages:
    """Lets pages of the named origins ask; without any, no browser lets any page do so."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._named: tuple[str, ...] = ()
        self._layer = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if self._named is not self._origins.allowed:
            self._named = self._origins.allowed
            self._layer = _cors(self._app, self._named) if self._named else self._app
        await self._layer(scope, receive, send)


def layered(endpoint: ASGIApp, origins: Origins) -> ASGIApp:
    """An endpoint with the layers around it."""
    return Varying(Pages(Compression(endpoint), origins))


class Shortcut:
    """Leads requests for one path straight to where they are answered, before routes are looked
    through one by one; nearly every request is for it.
    """

    def __init__(self, app: ASGIApp, path: str, endpoint: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        direct = scope["type"] == "http" and scope["path"] == self._path
        app = self._endpoint if direct and not scope.get("root_path") else self._app
        await app(scope, receive, send)


def _cors(app: ASGIApp, allowed: Sequence[str]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=allowed,
        allow_methods=("GET", "POST"),
        allow_headers=("*",),  # that is what the browser asks for, whatever it is
        allow_credentials=False,  # a caller is known by a token; a cookie says nothing here
        expose_headers=("X-Request-Id", "Retry-After"),
        max_age=PREFLIGHT_SECONDS,
    )
