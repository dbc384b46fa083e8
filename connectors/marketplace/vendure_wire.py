"""What Vendure's Admin API says: answers, and errors as ours. No network and no trade here.

Vendure answers nearly everything with HTTP 200. An error that it has thought of has a code in
``extensions``; one without is a failure inside, for example a database that is away. Its messages
can hold anything, also people's data, so none of them is handed on.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from connectors.wire import Intent, Reply
from resolvers.domain.errors import (
    BackendRefused,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)

Row = Mapping[str, Any]
"""One object of an answer."""

_KINDS: Mapping[str, str] = {
    "FORBIDDEN": "AUTH",
    "INVALID_CREDENTIALS_ERROR": "AUTH",
    "NATIVE_AUTH_STRATEGY_ERROR": "AUTH",
    "ENTITY_NOT_FOUND": "NOT_FOUND",
    "CHANNEL_NOT_FOUND": "NOT_FOUND",
    "USER_INPUT_ERROR": "INVALID",
    "BAD_USER_INPUT": "INVALID",
    "ILLEGAL_OPERATION": "INVALID",
}
_FAILURE = "INTERNAL_SERVER_ERROR"
_CODE_CHARS_MAX = 60


class NotLetIn(BackendRefused):
    """The session is unknown or over, or its user may not do this: Vendure does not say which."""


def encoded(query: str, variables: Mapping[str, object]) -> bytes:
    """The body of a question."""
    return json.dumps({"query": query, "variables": dict(variables)}, ensure_ascii=False).encode()


def data(reply: Reply, intent: Intent, backend: str) -> Row:
    """What was answered.

    Raises:
        NotLetIn, BackendRefused: it understood and said no; nothing was done.
        BackendUnavailable: a read failed inside, or the answer is none.
        UnknownOutcome: the same of a write.
    """
    try:
        told = json.loads(reply.body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        if reply.status != 200:
            raise _elsewhere(reply.status, backend)
        raise _failed("its answer makes no sense", intent, backend)
    if told.get("errors"):
        raise _error(told["errors"], intent, backend)
    if reply.status != 200:
        raise _elsewhere(reply.status, backend)
    if not isinstance(told.get("data"), dict):
        raise _failed("its answer makes no sense", intent, backend)
    answered: Row = told["data"]
    return answered


def refused(why: str, kind: str, backend: str) -> BackendRefused:
    """A refusal, with the backend's name before its message."""
    return BackendRefused(f"{backend}: {why}", backend=backend, kind=kind)


def refusal(code: object, backend: str) -> BackendRefused:
    """A refusal that came as data, by its code."""
    shown = _shown(code)
    return refused(f"it refused: {shown}", _KINDS.get(shown, "PERMANENT"), backend)


def unreadable(what: str, backend: str) -> BackendUnavailable:
    """An answer of the wrong shape."""
    return BackendUnavailable(f"{backend}: {what} makes no sense", backend=backend)


@contextmanager
def legible(what: str, backend: str) -> Iterator[None]:
    """Turns what goes wrong where an answer has another shape than agreed into our error.

    Raises:
        BackendUnavailable: something of it was not there, or of another kind.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError):
        raise unreadable(what, backend) from None


def instant(text: str) -> datetime:
    """An instant as Vendure writes it, aware UTC.

    Raises:
        ValueError: it is none, or lies before the first or after the last day in UTC.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def written(at: datetime) -> str:
    """An instant as Vendure reads it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(errors: object, intent: Intent, backend: str) -> CommerceError:
    first = errors[0] if isinstance(errors, list) and errors else None
    more = first.get("extensions") if isinstance(first, dict) else None
    code = more.get("code") if isinstance(more, dict) else None
    if code is None or code == _FAILURE:
        return _failed("it failed inside", intent, backend)
    if code == "FORBIDDEN":
        return NotLetIn(
            f"{backend}: its user may not do this, or is logged out", backend=backend, kind="AUTH"
        )
    return refusal(code, backend)


def _elsewhere(status: int, backend: str) -> BackendRefused:
    """Somebody else answered, or Vendure does not offer its API there."""
    return refused(f"no Admin API there: HTTP {status}", "PERMANENT", backend)


def _failed(why: str, intent: Intent, backend: str) -> CommerceError:
    if intent is Intent.WRITE:
        return UnknownOutcome(f"{backend}: {why}; it may have been done", backend=backend)
    return BackendUnavailable(f"{backend}: {why}", backend=backend)


def _shown(code: object) -> str:
    """A code as it may be shown: words that programs speak, and nothing else."""
    text = str(code)[:_CODE_CHARS_MAX]
    return text if text.replace("_", "").isalnum() and text.isascii() else "for no known reason"
