"""GraphQL over HTTP: POST for everything but subscriptions, GET for queries.

Follows the working draft "GraphQL over HTTP": both media types, and 4xx for what did not run under
``application/graphql-response+json``. Who may call and how often stands in ``gateway.desk``.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.batches import answered
from gateway.caching import NO_STORE, cache_control, revalidated
from gateway.clients import calling
from gateway.desk import Desk
from gateway.notes import note
from gateway.remembering import remembering
from gateway.wire import (
    BYTES_MAX,
    Asked,
    TurnedAway,
    all_asked_of,
    asked_of,
    decoded,
    encoded,
    malformed,
    require_said_once,
)
from resolvers.domain.errors import Forbidden, Unauthenticated
from schema.operations import Answer, Kind

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"

PROOFS = (
    "authorization",
    "graphql-require-preflight",
    "apollo-require-preflight",
    "x-apollo-operation-name",
    "x-requested-with",
)
"""Headers that a page of another site cannot send unless its browser has asked us before."""

BODY_SECONDS = 30.0
"""How long a body may take to come; then nobody waits for the rest."""

_HEADERS = {"Cache-Control": NO_STORE, "X-Content-Type-Options": "nosniff"}
_DENIED = {Unauthenticated.code: 401, Forbidden.code: 403}
_UTF8 = ("utf-8", "utf8")


class GraphqlHttp:
    """The endpoint, as an ASGI app for every method.

    ``batch_max`` is how many operations one body may hold as a list; with 0 a list is refused.
    """

    def __init__(self, desk: Desk, batch_max: int = 0, body_seconds: float = BODY_SECONDS) -> None:
        self._desk = desk
        self._batch_max = batch_max
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        media, kind, request_id = JSON, None, request.state.request_id
        try:
            if request.method not in ("GET", "POST"):
                raise _not_allowed("GET, POST", "GraphQL is asked by GET or POST")
            media = accepted(request.headers.getlist("accept"))
            self._desk.require_room()
            caller = await self._desk.caller(request.headers.get("authorization"), request.client)
            asked = await asked_in(request, self._batch_max, self._body_seconds)
            client = calling().name
            if not isinstance(asked, Asked):
                answers = await answered(self._desk, asked, caller, request_id, client)
                return _response(answers, 200, media, {})
            operation = self._desk.operation(asked, caller, client)
            kind = self._desk.admit(operation, caller)
            _require_fitting(request.method, kind)
            shown = request.headers.get("x-cost") == "1"
            answer = await self._desk.answer(operation, kind, caller, request_id, show_cost=shown)
        except TurnedAway as refusal:
            self._desk.turned_away(refusal, kind)
            note(codes=[refusal.code])
            body = {"errors": [refusal.error(request_id)]}
            status = refusal.status_in_json if media == JSON else refusal.status
            return _response(body, status, media, refusal.headers)
        status = _status(answer, media)
        told = {"Cache-Control": cache_control(answer, caller)}
        if status == 401:
            told["WWW-Authenticate"] = "Bearer"
        return revalidated(request, _response(answer.body, status, media, told), media)


def _require_fitting(method: str, kind: Kind | None) -> None:
    if kind is Kind.SUBSCRIPTION:
        raise TurnedAway(
            400, "BAD_REQUEST", "a subscription needs a WebSocket, graphql-transport-ws"
        )
    if kind is Kind.MUTATION and method == "GET":
        raise _not_allowed("POST", "a mutation is sent by POST")


def _status(answer: Answer, media: str) -> int:
    """Clients of plain JSON learn from the body alone; older ones take 4xx for a broken network."""
    if not answer.refused or media != GRAPHQL:
        return 200
    return next((_DENIED[code] for code in answer.codes if code in _DENIED), 400)


def _response(body: Any, status: int, media: str, headers: dict[str, str]) -> Response:
    return Response(
        encoded(body), status, {**_HEADERS, **headers}, media_type=f"{media}; charset=utf-8"
    )


def _not_allowed(allow: str, message: str) -> TurnedAway:
    return TurnedAway(405, "METHOD_NOT_ALLOWED", message, headers={"Allow": allow})


# ---- what is asked -----------------------------------------------------------------------------


async def asked_in(
    request: Request, batch_max: int = 0, seconds: float = BODY_SECONDS
) -> Asked | list[Asked]:
    """What a request asks for: by GET in its query string, by POST in its body.

    A list if the body is one, of at most ``batch_max`` operations. A body has ``seconds`` to come.

    Raises:
        TurnedAway: nothing that can be read, or more than is allowed.
    """
    if request.method == "GET":
        _require_deliberate(request.headers)
        return _asked(request)
    return await _sent(request, batch_max, seconds)


async def one_asked_in(request: Request, seconds: float = BODY_SECONDS) -> Asked:
    """The one operation that a stream is asked for. A browser's own reader of streams can send no
    header of ours, so that by GET none is asked for: who may open one is seen by its origin.

    Raises:
        TurnedAway: nothing that can be read.
    """
    asked = _asked(request) if request.method == "GET" else await _sent(request, 0, seconds)
    assert isinstance(asked, Asked), "a list is refused unless some are allowed"
    return asked


def _asked(request: Request) -> Asked:
    """The operation in a query string; variables and extensions are JSON in it."""
    given = request.query_params
    if len(given.multi_items()) > len(given):
        raise malformed("the query string says a parameter twice")
    plain = ("query", "documentId", "operationName")
    body: dict[str, object] = {name: given.get(name) for name in plain}
    for name in ("variables", "extensions"):
        if given.get(name):
            body[name] = decoded(given[name], f'"{name}"')
    return asked_of(body, "the query string")


def _require_deliberate(headers: Headers) -> None:
    """Refuses what a link, a picture or a form on any page may have made a browser send.

    A body needs no such look: it is JSON, of which a browser asks before it sends it elsewhere.
    """
    if not _is_json(headers) and not any(headers.get(name) for name in PROOFS):
        raise TurnedAway(
            400,
            "PREFLIGHT_REQUIRED",
            f"a GET needs a header that no form can send: Content-Type: {JSON},"
            " or GraphQL-Require-Preflight with any value",
        )


async def _sent(request: Request, batch_max: int, seconds: float) -> Asked | list[Asked]:
    """The operation in a body, or its list of them."""
    _require_plain_json(request.headers)
    try:
        async with asyncio.timeout(seconds):
            text = await _body(request)
    except TimeoutError as late:
        raise TurnedAway(
            408,
            "REQUEST_TIMEOUT",
            f"the body did not come within {seconds:g} s",
            retryable=True,
            headers={"Connection": "close"},
        ) from late
    body = decoded(text, "the body")
    asked = asked_of(body) if batch_max == 0 else all_asked_of(body, batch_max)
    require_said_once(text)
    return asked


def _require_plain_json(headers: Headers) -> None:
    if not _is_json(headers):
        raise TurnedAway(415, "UNSUPPORTED_MEDIA_TYPE", f"send {JSON} in UTF-8")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise TurnedAway(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "send the body as it is, not compressed",
            headers={"Accept-Encoding": "identity"},
        )


def _is_json(headers: Headers) -> bool:
    """Says whether the one content type of a request is JSON in UTF-8."""
    given = headers.getlist("content-type")
    return len(given) == 1 and _names_json(given[0])


@remembering
def _names_json(content_type: str) -> bool:
    media, _, parameters = content_type.partition(";")
    charset = _parameter(parameters, "charset") or "utf-8"
    return media.strip().lower() == JSON and charset.lower() in _UTF8


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and len(declared) < 20:
        _require_short(int(declared))
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        _require_short(length)
        parts.append(part)
    return b"".join(parts)


def _require_short(length: int) -> None:
    if length > BYTES_MAX:
        raise TurnedAway(
            413,
            "PAYLOAD_TOO_LARGE",
            f"a request has at most {BYTES_MAX} bytes",
            headers={"Connection": "close"},  # nobody reads the rest
        )


def _parameter(parameters: str, name: str) -> str | None:
    """A parameter of a media type."""
    for part in parameters.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return None


# ---- how it is answered --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Range:
    """One entry of an Accept header and how much it is wanted."""

    media: str
    weight: float
    place: int

    def grade(self, media: str) -> int:
        """How closely it names a media type; 0: not at all."""
        closeness = {media: 3, f"{media.split('/', 1)[0]}/*": 2, "*/*": 1}
        return closeness.get(self.media, 0)


def accepted(headers: Sequence[str]) -> str:
    """The media type that a client wants most; plain JSON if it has no wish.

    Raises:
        TurnedAway: it wants neither.
    """
    return _accepted(",".join(headers)) if headers else JSON


@remembering
def _accepted(header: str) -> str:
    ranges = _ranges(header)
    if not ranges:
        return JSON
    best: tuple[float, int, int] = (0.0, 0, 0)
    chosen = ""
    for media in (JSON, GRAPHQL):
        closest = max(ranges, key=lambda at: (at.grade(media), at.weight, -at.place))
        if closest.grade(media) == 0 or closest.weight == 0:
            continue
        wish = (closest.weight, closest.grade(media), -closest.place)
        if not chosen or wish > best:
            chosen, best = media, wish
    if not chosen:
        raise TurnedAway(406, "NOT_ACCEPTABLE", f"answers are {JSON} or {GRAPHQL}")
    return chosen


def _ranges(header: str) -> list[_Range]:
    ranges = []
    for place, entry in enumerate(header.split(",")):
        media, _, parameters = entry.partition(";")
        if not media.strip():
            continue
        charset = _parameter(parameters, "charset") or "utf-8"
        weight = weight_of(parameters) if charset.lower() in _UTF8 else 0.0
        ranges.append(_Range(media.strip().lower(), weight, place))
    return ranges


def weight_of(parameters: str) -> float:
    """How much an entry of an Accept header is wanted: 0 to 1, and 1 if it does not say."""
    try:
        weight = float(_parameter(parameters, "q") or 1)
    except ValueError:
        return 1.0
    return min(max(weight, 0.0), 1.0)
