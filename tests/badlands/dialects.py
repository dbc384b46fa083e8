"""What each system says on a bad day, in its own words: for the proxy that says it in its place.

Recorded from the real systems, or read in their sources; none of the gateway's code is used.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer over HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Dialect:
    """One system's way to fail. The functions take a request's body.

    ``logs_in`` says whether a request is a login; ``gone`` is the field that a new version of the
    system does not have any more.
    """

    failed: Callable[[bytes], Answer]
    expired: Callable[[bytes], Answer]
    logs_in: Callable[[bytes], bool]
    gone: str


def said(status: int, value: Any, **headers: str) -> Answer:
    """An answer in JSON."""
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(status, body, {"Content-Type": "application/json", **told})


def _call(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _tryton_failed(body: bytes) -> Answer:
    """Any exception that Tryton has not thought of: HTTP 200, its text, and a traceback."""
    error = ["OperationalError('database is locked')", "Traceback (most recent call last): …"]
    return said(200, {"id": _call(body).get("id"), "error": error})


def _vendure_failed(_: bytes) -> Answer:
    error = {
        "message": "timeout exceeded when trying to connect",
        "path": ["productVariants"],
        "extensions": {"code": "INTERNAL_SERVER_ERROR"},
    }
    return said(200, {"errors": [error], "data": None})


def _vendure_forbids(_: bytes) -> Answer:
    error = {
        "message": "You are not currently authorized to perform this action",
        "extensions": {"code": "FORBIDDEN"},
    }
    return said(200, {"errors": [error], "data": None})


TRYTON = Dialect(
    failed=_tryton_failed,
    expired=lambda _: Answer(401, b"401 Unauthorized", {"Content-Type": "text/html"}),
    logs_in=lambda body: str(_call(body).get("method", "")) == "common.db.login",
    gone="internal_quantity",
)
VENDURE = Dialect(
    failed=_vendure_failed,
    expired=_vendure_forbids,
    logs_in=lambda body: "login(" in str(_call(body).get("query", "")),
    gone="updatedAt",
)
BOTTLECRM = Dialect(
    failed=lambda _: said(200, {"error": True, "errors": "connection already closed"}),
    expired=lambda _: said(403, {"detail": "Authentication credentials were not provided."}),
    logs_in=lambda _: False,
    gone="tags",
)
