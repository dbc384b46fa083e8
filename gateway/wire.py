"""What clients send and are sent, as JSON: operations read out of it, refusals written into it.

Pure: what carries the bytes stands in ``gateway.graphql_http`` and ``gateway.graphql_ws``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from schema.documents import SOURCE_CHARS_MAX
from schema.operations import Operation

BYTES_MAX = 1_048_576
"""Longest request: a hundred lines with every field filled take a tenth of it."""

_MEMBERS = (b'"query"', b'"variables"', b'"operationName"', b'"extensions"')


class TurnedAway(Exception):
    """A request that is refused before anything runs. ``status`` is for HTTP alone."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retryable = retryable
        self.headers = dict(headers or {})

    def error(self, request_id: str) -> dict[str, Any]:
        """It as a GraphQL error."""
        return error(self.message, self.code, request_id, retryable=self.retryable)


def error(message: str, code: str, request_id: str, *, retryable: bool = False) -> dict[str, Any]:
    """A GraphQL error that belongs to no field, as ``schema.errors`` shapes the others."""
    extensions = {"code": code, "retryable": retryable, "requestId": request_id}
    return {"message": message, "extensions": extensions}


def internal(request_id: str) -> dict[str, Any]:
    """What a client is told of a bug."""
    return error(
        f"something went wrong in here; quote request {request_id}", "INTERNAL", request_id
    )


def malformed(message: str) -> TurnedAway:
    """The refusal of something that is no GraphQL request."""
    return TurnedAway(400, "BAD_REQUEST", message)


def decoded(text: bytes | str, what: str) -> object:
    """JSON as plain values.

    Raises:
        TurnedAway: it is not JSON, not UTF-8, nested too deeply, or a number has no end.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        raise malformed(f"{what} is not JSON: {wrong.msg}") from wrong


def require_said_once(text: bytes, what: str = "the body") -> None:
    """Looks whether a request's own members stand there once each, in JSON that was decoded before.

    A proxy that heeds the first of two queries and a gateway that runs the last would let pass what
    neither means to.

    Raises:
        TurnedAway: one of them is there twice.
    """
    if b"\\u" not in text and all(text.count(name) < 2 for name in _MEMBERS):
        return  # nearly every request: no second look
    try:
        said = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except RecursionError as deep:
        raise malformed(f"{what} is nested too deeply") from deep
    for pairs in [said] if isinstance(said, _Pairs) else said:
        names = [name for name, _ in pairs] if isinstance(pairs, _Pairs) else []
        if len(names) > len(set(names)):
            raise malformed(f"{what} says a member twice")


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object as they stand there."""


def encoded(body: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Plain values as JSON."""
    return orjson.dumps(body)


def operation_of(body: object, what: str = "the body") -> Operation:
    """The operation in a decoded request.

    Raises:
        TurnedAway: it is not the object that GraphQL over HTTP and WebSocket agree on.
    """
    if not isinstance(body, dict):
        raise malformed(f"{what} is not a JSON object")
    query = body.get("query")
    if not isinstance(query, str) or not query.strip():
        raise malformed('"query" is not a GraphQL document')
    variables = body.get("variables")
    if not isinstance(variables, dict | None):
        raise malformed('"variables" is not a JSON object')
    name = body.get("operationName")
    if not isinstance(name, str | None):
        raise malformed('"operationName" is not a name')
    if not isinstance(body.get("extensions"), dict | None):
        raise malformed('"extensions" is not a JSON object')
    return Operation(query, variables, name or None)


def operations_of(body: object, most: int) -> Operation | list[Operation]:
    """The operation in a decoded body, or those in a list of 1 to ``most``.

    Together their documents are no longer than one may be: what a document costs to read grows with
    it, and a list is no way around that.

    Raises:
        TurnedAway: it is neither.
    """
    if not isinstance(body, list):
        return operation_of(body)
    if not 1 <= len(body) <= most:
        raise malformed(f"the list has {len(body)} operations; send 1 to {most}")
    operations = [operation_of(each, f"operation {at}") for at, each in enumerate(body, start=1)]
    if sum(len(operation.document) for operation in operations) > SOURCE_CHARS_MAX:
        raise malformed(f"the documents of a list have at most {SOURCE_CHARS_MAX} characters")
    return operations
