"""What clients send and are sent, as JSON: operations read out of it, refusals written into it.

Pure: what carries the bytes stands in ``gateway.graphql_http`` and ``gateway.graphql_ws``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schema.documents import SOURCE_CHARS_MAX

BYTES_MAX = 1_048_576
"""Longest request: a hundred lines with every field filled take a tenth of it."""

NAME_CHARS_MAX = 256
"""Longest name of a document."""

_MEMBERS = (b'"query"', b'"documentId"', b'"variables"', b'"operationName"', b'"extensions"')


class TurnedAway(Exception):
    """A request that is refused before anything runs. ``status`` is for HTTP alone, and so is
    ``status_in_json``, where clients of plain JSON know the refusal by another one.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        status_in_json: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.status_in_json = status_in_json or status
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


@dataclass(frozen=True, slots=True)
class Reference:
    """A document by name: its id or hash. ``automatic`` says that its client would send the text
    too, to have it kept (``extensions.persistedQuery``).
    """

    name: str
    automatic: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks to run: a text, a name that is to be found, or both, of one document."""

    text: str | None
    reference: Reference | None = None
    variables: Mapping[str, Any] | None = None
    name: str | None = None


def asked_of(body: object, what: str = "the body") -> Asked:
    """What a decoded request asks to run.

    Raises:
        TurnedAway: it is not the object that GraphQL over HTTP and WebSocket agree on.
    """
    if not isinstance(body, dict):
        raise malformed(f"{what} is not a JSON object")
    variables = body.get("variables")
    if not isinstance(variables, dict | None):
        raise malformed('"variables" is not a JSON object')
    name = body.get("operationName")
    if not isinstance(name, str | None):
        raise malformed('"operationName" is not a name')
    extensions = body.get("extensions")
    if not isinstance(extensions, dict | None):
        raise malformed('"extensions" is not a JSON object')
    reference = _reference(body.get("documentId"), (extensions or {}).get("persistedQuery"))
    query = body.get("query")
    if query is None and reference is not None:
        return Asked(None, reference, variables, name or None)
    if not isinstance(query, str) or not query.strip():
        raise malformed('"query" is not a GraphQL document')
    return Asked(query, reference, variables, name or None)


def _reference(id: object, persisted: object) -> Reference | None:
    """The document that a request names, by either protocol or, alike, by both."""
    if persisted is not None:
        persisted = _hash_in(persisted)
    if id is None:
        return None if persisted is None else Reference(persisted, automatic=True)
    if not isinstance(id, str) or not 0 < len(id) <= NAME_CHARS_MAX:
        raise malformed(f'"documentId" is not a name of 1 to {NAME_CHARS_MAX} characters')
    if persisted is not None and id.removeprefix("sha256:") != persisted:
        raise malformed('"documentId" and "persistedQuery" name two documents')
    return Reference(id, automatic=False)


def _hash_in(persisted: object) -> str:
    if not isinstance(persisted, dict):
        raise malformed('"persistedQuery" is not a JSON object')
    version, digest = persisted.get("version"), persisted.get("sha256Hash")
    if type(version) is not int or version != 1:
        raise malformed('the "version" of "persistedQuery" is not 1')
    if not isinstance(digest, str) or not 0 < len(digest) <= NAME_CHARS_MAX:
        raise malformed('the "sha256Hash" of "persistedQuery" is not a hash')
    return digest


def all_asked_of(body: object, most: int) -> Asked | list[Asked]:
    """What a decoded body asks to run, or a list of 1 to ``most`` does.

    Raises:
        TurnedAway: it is neither, or its documents are too long together.
    """
    if not isinstance(body, list):
        return asked_of(body)
    if not 1 <= len(body) <= most:
        raise malformed(f"the list has {len(body)} operations; send 1 to {most}")
    asked = [asked_of(each, f"operation {at}") for at, each in enumerate(body, start=1)]
    require_short([each.text or "" for each in asked])
    return asked


def require_short(documents: Sequence[str]) -> None:
    """Looks whether the documents of a list are together no longer than one may be: what a document
    costs to read grows with it, and a list is no way around that.

    Raises:
        TurnedAway: they are longer.
    """
    if sum(map(len, documents)) > SOURCE_CHARS_MAX:
        raise malformed(f"the documents of a list have at most {SOURCE_CHARS_MAX} characters")
