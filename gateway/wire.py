"""What clients send and are sent, as JSON: operations read out of it, refusals written into it.

Pure: what carries the bytes stands in ``gateway.graphql_http`` and ``gateway.graphql_ws``.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from schema.operations import Operation

BYTES_MAX = 1_048_576
"""Longest request: a hundred lines with every field filled take a tenth of it."""


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


def encoded(body: Mapping[str, Any]) -> bytes:
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
