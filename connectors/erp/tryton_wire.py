"""What Tryton's JSON-RPC says: values that JSON does not have, packed bodies, and errors as ours.

No network and no trade here: the client is in ``tryton_rpc``, the meaning of rows in the rest.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)

Row = Mapping[str, Any]
"""One record as Tryton gives it: fields by name, those of another record under ``"<field>."``."""

ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""Largest answer, unpacked. The largest of all is the stock report: about 80 bytes an SKU."""

LOGIN = "common.db.login"

_KIND = "__class__"
_GZIP = b"\x1f\x8b"
_MESSAGE_MAX = 160
_E_MAIL = re.compile(r"[^\s@\"']+@[^\s@\"']+")
_MANY_DIGITS = re.compile(r"(?<![\w-])\+?\d(?:[ -]?\d){6,}")


class Intent(Enum):
    """What a call is for: a read may be repeated at will, a write must be looked up first."""

    READ = "read"
    WRITE = "write"


class NoDatabase(BackendUnavailable):
    """Tryton has no database of this name, or cannot open it now."""


class Questioned(BackendRefused):
    """Tryton asks whether this is meant; ``name`` is the question's, by which one says yes."""

    def __init__(self, message: str, *, backend: str, name: str) -> None:
        super().__init__(message, backend=backend, kind="CONFLICT")
        self.name = name


class FailedInside(BackendRefused):
    """An exception of the server itself: the question was rolled back, and asked again it may well
    be answered. It is a refusal all the same: one model that always fails so is no outage.
    """


class LockedOut(BackendUnavailable):
    """Tryton takes no login for a while, not even a right one."""


def encoded(call: int, method: str, params: Sequence[object]) -> bytes:
    """The body of a call. With other keys than these three Tryton answers in another manner."""
    body = {"id": call, "method": method, "params": params}
    return json.dumps(body, default=_to_wire, ensure_ascii=False).encode()


def decoded(body: bytes) -> Any:
    """The values of an answer; instants come as aware UTC.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(body, object_hook=_from_wire)


def unpacked(body: bytes) -> bytes:
    """The body as JSON.

    Whether it is packed is told by its first bytes: Tryton labels every longer answer ``gzip``,
    also one that is not.

    Raises:
        ValueError: damaged, or larger than ``ANSWER_BYTES_MAX``.
    """
    if not body.startswith(_GZIP):
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, ANSWER_BYTES_MAX)
    except zlib.error as error:
        raise ValueError("the packed body is damaged") from error
    if not unpacker.eof:
        raise ValueError("the packed body is cut off or too large")
    return plain


def result(answer: Any, method: str, intent: Intent, backend: str) -> Any:
    """What a call gave: HTTP 200 also carries refusals.

    Raises:
        BackendRefused, BackendUnavailable: it was refused.
        ValueError: it is no answer to a call.
    """
    if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
        raise ValueError("it is no answer to a call")
    if "error" in answer:
        raise _refusal(answer["error"], method, intent, backend)
    return answer["result"]


def misfit(answer: Any, fields: Sequence[str]) -> str | None:
    """What is wrong with an answer that should be rows with these fields; None if nothing is.

    What a field says is not looked at, but that it is there, also in records of records: a field
    that a module has taken away must not look like a bug of ours.
    """
    if not isinstance(answer, list):
        return "it is no list of rows"
    wanted = _tree(("id", *fields))
    if all(_fits(row, wanted) for row in answer):
        return None
    lacking = next(
        (name for name in ("id", *fields) if not all(_fits(it, _tree((name,))) for it in answer)),
        "its fields",
    )
    return f"a row lacks {lacking}"


def _tree(fields: Sequence[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for field in fields:
        name, dot, rest = field.partition(".")
        below = tree.setdefault(name + dot, [])
        below += [rest] if dot else []
    return {name: _tree(below) for name, below in tree.items()}


def _fits(row: Any, wanted: Mapping[str, Any]) -> bool:
    """Says whether a row has all that is wanted; a record that there is not lacks nothing."""
    if not isinstance(row, dict) or not row.keys() >= wanted.keys():
        return False
    for name, below in wanted.items():
        if below and row[name] is not None:
            many = row[name] if isinstance(row[name], list) else [row[name]]
            if not all(_fits(it, below) for it in many):
                return False
    return True


def status_error(
    status: int, method: str, intent: Intent, backend: str, retry_after: float | None = None
) -> CommerceError:
    """An HTTP status other than 200 and 401 (which the client mends) as one of our errors."""
    if status == 429:
        return _limited(method, backend, retry_after)
    if status in _UNDONE:
        return _UNDONE[status](backend)
    if 400 <= status < 500:
        why = "it does not offer this" if status == 403 else f"it answered HTTP {status}"
        return refused(f"{method}: {why}", "PERMANENT", backend)
    if status >= 500 and intent is Intent.WRITE:
        return unknown_outcome(method, f"HTTP {status}", backend)
    if status == 504:
        return BackendTimedOut(f"{backend}: {method} took too long there", backend=backend)
    return BackendUnavailable(f"{backend}: {method}: HTTP {status}", backend=backend)


def _limited(method: str, backend: str, retry_after: float | None) -> CommerceError:
    """HTTP 429: Tryton limits nothing but logins, and never says for how long; any other is that of
    a proxy before it.
    """
    if method == LOGIN and retry_after is None:
        return locked_out(backend)
    told = f"{backend}: it is asked too much"
    return BackendThrottled(told, backend=backend, retry_after=retry_after)


def no_database(backend: str) -> NoDatabase:
    """HTTP 404: also when SQLite is locked while somebody logs in, so it may pass."""
    return NoDatabase(f"{backend}: it cannot open this database", backend=backend)


def locked_out(backend: str) -> LockedOut:
    """The login is not looked at for a while."""
    why = "too many wrong passwords; the login is locked for about 5 minutes"
    return LockedOut(f"{backend}: {why}", backend=backend)


def _busy(backend: str) -> BackendUnavailable:
    """HTTP 503: Tryton has rolled back, or a proxy had nobody to pass the call to."""
    return BackendUnavailable(f"{backend}: busy, nothing was done", backend=backend)


_UNDONE: Mapping[int, Callable[[str], CommerceError]] = {
    404: no_database,
    503: _busy,
}


def refused(message: str, kind: str, backend: str) -> BackendRefused:
    """A refusal, with the backend's name before its message."""
    return BackendRefused(f"{backend}: {message}", backend=backend, kind=kind)


def unknown_outcome(method: str, why: str, backend: str) -> UnknownOutcome:
    """A write of which nobody knows whether it was done."""
    return UnknownOutcome(f"{backend}: {method} may have been done: {why}", backend=backend)


def _refusal(error: Any, method: str, intent: Intent, backend: str) -> CommerceError:
    match error:
        case ["RateLimitException", *_]:
            return locked_out(backend)
        case ["UserError", [message, *_]]:
            said, kind = f"UserError: {_short(message)}", "INVALID"
        case ["UserWarning", [name, message, *_]]:
            asked = f"{backend}: UserWarning: {_short(message)}"
            return Questioned(asked, backend=backend, name=str(name))
        case ["ConcurrencyException", *_]:
            said, kind = "ConcurrencyException: changed by somebody else", "CONFLICT"
        case ["LoginException", *_]:
            said, kind = "LoginException: it wants more than a password", "AUTH"
        case _:
            what = _short(error[0]) if isinstance(error, list) and error else "it says no why"
            said, kind = f"{method} failed inside the server: {what}", "PERMANENT"
    if kind == "PERMANENT" and intent is Intent.WRITE:
        # Rolled back, so nothing was done; a server that is just starting fails so, too.
        return BackendUnavailable(f"{backend}: {said}", backend=backend)
    if kind == "PERMANENT":
        return FailedInside(f"{backend}: {said}", backend=backend, kind=kind)
    return refused(said, kind, backend)


def _short(message: object) -> str:
    """A message on one line that names nobody: a record's name may hold a phone number or mail."""
    text = " ".join(str(message).split())
    text = _MANY_DIGITS.sub("…", _E_MAIL.sub("…", text))
    return text if len(text) <= _MESSAGE_MAX else f"{text[: _MESSAGE_MAX - 1]}…"


def _to_wire(value: object) -> Any:
    match value:
        case Decimal():
            return {_KIND: "Decimal", "decimal": str(value)}
        case datetime():
            assert value.utcoffset() == timedelta(0), "Tryton's instants are UTC"
            time = {part: getattr(value, part) for part in ("hour", "minute", "second")}
            return {
                **_to_wire(value.date()),
                **time,
                "microsecond": value.microsecond,
                _KIND: "datetime",
            }
        case date():
            return {_KIND: "date", "year": value.year, "month": value.month, "day": value.day}
        case Mapping() | set() | frozenset() | Sequence():
            return dict(value) if isinstance(value, Mapping) else list(value)
        case _:
            raise TypeError(f"no form on the wire for {type(value).__name__}")


def _from_wire(value: dict[str, Any]) -> Any:
    match value:
        case {"__class__": "Decimal", "decimal": number}:
            return Decimal(number)
        case {"__class__": "datetime", **parts}:
            return datetime(**parts, tzinfo=UTC)
        case {"__class__": "date", **parts}:
            return date(**parts)
        case _:
            return value
