"""A Tryton server for tests without one: what it answers is scripted, what it was asked is kept.

Answers are values as they stand on the wire; sessions it gives out by itself.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from connectors.erp.tryton_rpc import TrytonClient
from connectors.governor import Governor

FIXTURES = Path(__file__).parent / "fixtures" / "tryton"

NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)
"""Noon in Shanghai."""

Answer = Callable[[list[Any]], Any]


class Refused(Exception):
    """Makes a call fail the way Tryton does: with status 200."""

    def __init__(self, *error: Any) -> None:
        super().__init__(error)
        self.error = list(error)


class Status(Exception):
    """Makes a call be answered with another status than 200."""

    def __init__(self, status: int, body: str = "<!doctype html>") -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Bytes(httpx2.AsyncByteStream):
    """A body as it comes from the network, neither read nor unpacked yet."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class Scripted:
    """``answers`` are by method; a call of any other method fails the test."""

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.answers = dict(answers or {})
        self.calls: list[tuple[str, list[Any]]] = []
        self.requests: list[httpx2.Request] = []
        self.sessions = 0
        self.password = "good"

    def asked(self, method: str) -> list[list[Any]]:
        """The parameters of every call of a method, without the context."""
        return [params[:-1] for name, params in self.calls if name == method]

    def methods(self) -> list[str]:
        """What was called, in order, but for logging in."""
        return [name for name, _ in self.calls if name not in _LOGIN]

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        self.requests.append(request)
        self.calls.append((body["method"], body["params"]))
        try:
            answer = {"id": body["id"], "result": self._result(body["method"], body["params"])}
        except Refused as refusal:
            answer = {"id": body["id"], "error": refusal.error}
        except Status as other:
            return httpx2.Response(other.status, stream=Bytes(other.body.encode()))
        return httpx2.Response(200, stream=Bytes(json.dumps(answer).encode()))

    def _result(self, method: str, params: list[Any]) -> Any:
        if method in self.answers:
            return self.answers[method](params)
        if method == "common.db.login":
            if params[1]["password"] != self.password:
                raise Status(401)
            self.sessions += 1
            return [7, f"token-{self.sessions}", None]
        if method == "model.res.user.get_preferences":
            return {"company": 1, "language": "en"}
        if method == "common.db.logout":
            return None
        raise AssertionError(f"nobody scripted {method}")


_LOGIN = ("common.db.login", "model.res.user.get_preferences", "common.db.logout")


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def client_of(
    handler: Callable[[httpx2.Request], Any],
    clock: Clock | None = None,
    *,
    password: str = "good",
    timeout_seconds: float = 5.0,
    governor: Governor | None = None,
) -> TrytonClient:
    """A client whose network is a function."""
    return TrytonClient(
        code="erp",
        url="http://tryton.test/",
        database="retail",
        user="gateway",
        password=password,
        timeout_seconds=timeout_seconds,
        clock=clock or Clock(),
        transport=httpx2.MockTransport(handler),
        governor=governor,
    )


def recorded(name: str) -> Any:
    """What a real server has said once, on the wire."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def stamp(second: int, minute: int = 0, hour: int = 2) -> dict[str, Any]:
    """An instant of the seeded morning, on the wire."""
    day = {"__class__": "datetime", "year": 2026, "month": 11, "day": 25}
    return {**day, "hour": hour, "minute": minute, "second": second, "microsecond": 0}


def decimal(text: str) -> dict[str, str]:
    """An amount, on the wire."""
    return {"__class__": "Decimal", "decimal": text}


def search(rows: Sequence[Mapping[str, Any]]) -> Answer:
    """Answers a search with those rows that its paging asks for; the domain is not looked at."""

    def found(params: list[Any]) -> Any:
        after = max((at[2] for at in params[0] if at[:2] == ["id", ">"]), default=0)
        return [row for row in rows if row["id"] > after][: params[2]]

    return found


def of_company() -> dict[str, Answer]:
    """Answers to the questions after the company itself: its settings and its warehouses."""
    company = recorded("company")
    return {
        "model.company.company.search_read": search(company["company"]),
        "model.account.configuration.search_read": search(company["configuration"]),
        "model.sale.configuration.search_read": search(company["sales"]),
        "model.stock.location.search_read": search(company["warehouses"]),
    }
