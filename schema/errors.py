"""Top-level errors as clients see them: a code, and whether the same request may succeed later.

Not a word of what went wrong inside. What a mutation refuses is no such error (``payloads``).

    GRAPHQL_PARSE_FAILED · GRAPHQL_VALIDATION_FAILED · BAD_USER_INPUT      the request itself
    LIMIT_EXCEEDED                                                         it asks for too much
    DOCUMENT_NOT_TRUSTED · PERSISTED_DOCUMENT_NOT_FOUND · PERSISTED_QUERY_…  which document
    NOT_FOUND · INVALID_INPUT · …                                          a query was refused
    UNAUTHENTICATED · FORBIDDEN                                            who calls may not
    CONTENDED · THROTTLED · BACKEND_UNAVAILABLE · BACKEND_TIMEOUT          retryable
    INTERNAL                                                               a bug: logged here, whole
"""

import logging
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from graphql import FieldNode, GraphQLError, GraphQLSyntaxError, Node, ValueNode
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from resolvers.domain.errors import Denied, Refused, Several, Unready

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
INTERNAL = "INTERNAL"

_OF_THE_LIBRARY = (PARSE_FAILED, VALIDATION_FAILED, BAD_USER_INPUT)
_BUILT_IN = ("Int", "Float", "String", "Boolean", "ID")
_MEANT = re.compile(r" ?Did you mean [^?]*\?")
_QUOTED = re.compile("'[^']*'")
_WORD = re.compile("[A-Za-z_][A-Za-z0-9_]*")

_OF_THE_REQUEST = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)
"""What the library raises when a request has no operation, or none that may run there."""

log = logging.getLogger(__name__)


class OverLimit(GraphQLError):
    """A request asks for more than one is allowed: how much, and of what."""

    def __init__(
        self, message: str, limit: str, asked: int, allowed: int, node: Node | None = None
    ) -> None:
        told = {"name": limit, "asked": asked, "allowed": allowed}
        super().__init__(message, node, extensions={"limit": told})


def unclear() -> GraphQLError:
    """The refusal of a document of several operations where nobody said which is meant."""
    return GraphQLError("the document has several operations; say in operationName which is meant")


class Telling(Enum):
    """Which names of the schema an error may tell."""

    ALL = "all"
    """Also what may have been meant instead."""

    WRONG = "wrong"
    """What is wrong, and what is missing."""

    SAID = "said"
    """None that the request did not say itself: for whom the schema is kept from."""


def formatted(
    error: GraphQLError, request_id: str, telling: Telling = Telling.WRONG, said: str = ""
) -> dict[str, Any]:
    """An error as it stands in an answer. A bug is logged here and nowhere else.

    ``extensions`` always has ``code``, ``retryable`` and ``requestId``; ``field`` where an argument
    is to blame, ``backend`` where one is, ``limit`` where a document is over one. ``said`` is the
    text of the request.
    """
    message, extensions = _told(error, request_id)
    if extensions["code"] in _OF_THE_LIBRARY:
        message = kept_back(message, telling, said)
    told: dict[str, Any] = {"message": message}
    if error.locations:
        told["locations"] = [location.formatted for location in error.locations]
    if error.path:
        told["path"] = error.path
    told["extensions"] = {"retryable": False, **extensions, "requestId": request_id}
    return told


def error_to(told: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """A formatted error of one request as it stands in the same answer to another."""
    extensions = {**told["extensions"], "requestId": request_id}
    internal = extensions["code"] == INTERNAL
    message = _quoting(request_id) if internal else told["message"]
    return {**told, "message": message, "extensions": extensions}


def mark_invalid(errors: list[GraphQLError] | None) -> None:
    """Notes on errors that they were found before anything ran."""
    for error in errors or ():
        error.extensions = {**(error.extensions or {}), "code": VALIDATION_FAILED}


def kept_back(message: str, telling: Telling, said: str) -> str:
    """A message of the library without the names that may not be told."""
    if telling is Telling.ALL:
        return message
    message = _MEANT.sub("", message)
    if telling is Telling.WRONG:
        return message
    known = {*_WORD.findall(said), *_BUILT_IN}

    def repeated(quoted: re.Match[str]) -> str:
        return quoted[0] if known.issuperset(_WORD.findall(quoted[0])) else "'…'"

    return _QUOTED.sub(repeated, message)


Told = tuple[str, dict[str, Any]]
"""A message and its extensions."""


def _told(error: GraphQLError, request_id: str) -> Told:
    cause = _cause(error)
    if isinstance(cause, Refused | Denied | Unready):
        return _told_by_house(cause)
    if isinstance(cause, OverLimit):
        return cause.message, {"code": LIMIT_EXCEEDED, **(cause.extensions or {})}
    if isinstance(cause, GraphQLSyntaxError):
        return error.message, {"code": PARSE_FAILED}
    if (error.extensions or {}).get("code") == VALIDATION_FAILED:
        return error.message, {"code": VALIDATION_FAILED}
    if _about_input(error, cause):
        return error.message, {"code": BAD_USER_INPUT}
    log.error("request %s failed at %s", request_id, error.path, exc_info=cause)
    return _quoting(request_id), {"code": INTERNAL}


def _quoting(request_id: str) -> str:
    return f"something went wrong in here; quote request {request_id}"


def _told_by_house(cause: Refused | Denied | Unready) -> Told:
    """What one of our own errors says; of several refusals, the first one's code."""
    if isinstance(cause, Several):
        return cause.message, _told_by_house(cause.refusals[0])[1]
    if isinstance(cause, Refused):
        field = {"field": list(cause.field)} if cause.field else {}
        return cause.message, {"code": cause.code, **field}
    if isinstance(cause, Unready):
        backend = {"backend": cause.backend} if cause.backend else {}
        return cause.message, {"code": cause.code, "retryable": True, **backend}
    return str(cause), {"code": cause.code}


def _cause(error: GraphQLError) -> Exception:
    """What was raised in the first place, under whatever the library has laid around it."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _about_input(error: GraphQLError, cause: Exception) -> bool:
    """Says whether the library refused a variable or an argument: then its words are the caller's.

    Whatever else it raises on its own is about our answer, and may quote what nobody should see.
    """
    if isinstance(cause, _OF_THE_REQUEST):
        return True
    if not isinstance(cause, GraphQLError):
        return False
    if error.path is None:
        return True
    return any(
        isinstance(node, ValueNode)
        or (isinstance(node, FieldNode) and cause.message.startswith("Argument "))
        for node in cause.nodes or ()
    )
