"""What Shopify's Admin API says: what an answer cost, and errors as ours (HTTP 200 is no success).

No network here: the client is in ``shopify_client``, the meaning of what was asked in the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import msgspec

from connectors.marketplace.shopify_operations import Operation
from connectors.wire import Intent, Reply
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendUnavailable,
    UnknownOutcome,
)

T = TypeVar("T")

_MESSAGE_MAX = 160


class NotLetIn(BackendRefused):
    """The access token is not, or no longer, good."""


class TooCostly(BackendRefused):
    """One question that costs more than any may: ask for less at once."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer says of points: what its question was taken to cost, what it did cost (all of
    it where that is not said, nothing where it was not answered), and what is left.
    """

    requested: float
    actual: float
    available: float
    maximum: float
    restore_per_second: float


@dataclass(frozen=True, slots=True)
class Envelope:
    """An answer, taken apart and not judged."""

    status: int
    body: Mapping[str, Any] | None
    cost: Cost | None


def encoded(operation: Operation, variables: Mapping[str, object]) -> bytes:
    """The body of a question."""
    return msgspec.json.encode({"query": operation.text, "variables": variables})


def opened(reply: Reply) -> Envelope:
    """Takes an answer apart; one that is no JSON has no body."""
    try:
        body = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        return Envelope(reply.status, None, None)
    return Envelope(reply.status, body, _cost(body))


def judged(envelope: Envelope, operation: Operation, backend: str) -> Mapping[str, Any]:
    """The data of an answer.

    Raises:
        NotLetIn: the access token is not good.
        TooCostly: it has to be asked for less at once.
        BackendThrottled: it is asked too much; nothing was done.
        BackendRefused: it said no; nothing was done.
        BackendUnavailable, UnknownOutcome: it failed, or its answer makes no sense.
    """
    if envelope.status != 200:
        raise _by_status(envelope.status, backend)
    if envelope.body is None:
        nonsense(operation, backend)
    errors = envelope.body.get("errors")
    if errors:
        _raise(errors, envelope.cost, operation, backend)
    data = envelope.body.get("data")
    if not isinstance(data, dict):
        nonsense(operation, backend)
    return data


def read_as(data: Mapping[str, Any], kind: type[T], operation: Operation, backend: str) -> T:
    """The data as its own record.

    Raises:
        BackendUnavailable, UnknownOutcome: it has another shape.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        nonsense(operation, backend, str(error))


def nonsense(operation: Operation, backend: str, why: str = "it is no answer") -> NoReturn:
    """Raises that an answer makes no sense; a write may have been done all the same."""
    kind = BackendUnavailable if operation.intent is Intent.READ else UnknownOutcome
    raise kind(f"{backend}: {operation.name}: {_short(why)}", backend=backend) from None


def refused(message: str, kind: str, backend: str) -> BackendRefused:
    """A refusal, with the backend's name before its message."""
    return BackendRefused(f"{backend}: {message}", backend=backend, kind=kind)


def _by_status(status: int, backend: str) -> BackendRefused:
    if status == 401:
        return NotLetIn(f"{backend}: its access token is not good", backend=backend, kind="AUTH")
    return refused(*_STATUS.get(status, (f"it answered HTTP {status}", "PERMANENT")), backend)


_STATUS: Mapping[int, tuple[str, str]] = {
    402: ("the shop is frozen until its plan is paid", "AUTH"),
    403: ("the app may not ask this", "AUTH"),
    404: ("there is no such shop, or no such version of its API", "NOT_FOUND"),
    423: ("the shop is locked", "AUTH"),
    430: ("it takes the calls for an attack", "AUTH"),
}


def _raise(errors: object, cost: Cost | None, operation: Operation, backend: str) -> NoReturn:
    told = errors if isinstance(errors, list) else [errors]
    codes = [_code(error) for error in told]
    said = f"{operation.name}: {_said(told)}"
    if "THROTTLED" in codes:
        wait = None
        if cost is not None and cost.restore_per_second > 0:
            wait = max(0.0, (cost.requested - cost.available) / cost.restore_per_second)
        raise BackendThrottled(
            f"{backend}: {operation.name}: it is asked too much", backend=backend, retry_after=wait
        )
    if "MAX_COST_EXCEEDED" in codes:
        raise TooCostly(f"{backend}: {said}", backend=backend, kind="PERMANENT")
    if not _FAILED.isdisjoint(codes):
        nonsense(operation, backend, "it failed inside the server")
    kind = "AUTH" if not _NOT_ALLOWED.isdisjoint(codes) else "PERMANENT"
    raise refused(said, kind, backend)


_FAILED = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})
_NOT_ALLOWED = frozenset({"ACCESS_DENIED", "SHOP_INACTIVE"})


def _code(error: object) -> str:
    match error:
        case {"extensions": {"code": str(code)}}:
            return code
        case _:
            return ""


def _said(errors: Sequence[object]) -> str:
    first = errors[0]
    message = first.get("message", first) if isinstance(first, dict) else first
    return _short(str(message))


def _short(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= _MESSAGE_MAX else f"{text[: _MESSAGE_MAX - 1]}…"


def _cost(body: Mapping[str, Any]) -> Cost | None:
    match body:
        case {
            "extensions": {
                "cost": {
                    "requestedQueryCost": int() | float() as requested,
                    "throttleStatus": {
                        "maximumAvailable": int() | float() as maximum,
                        "currentlyAvailable": int() | float() as available,
                        "restoreRate": int() | float() as restore,
                    },
                }
            }
        }:
            told = body["extensions"]["cost"].get("actualQueryCost", requested)
            actual = float(told) if isinstance(told, int | float) else 0.0
            return Cost(float(requested), actual, float(available), float(maximum), float(restore))
        case _:
            return None
