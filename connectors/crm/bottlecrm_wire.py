"""BottleCRM over HTTP: what one call answers, and what its refusals mean.

It never says 401: a dead token and a database that is down are both 403 with the same words. The
one is said at once, the other after the CRM has waited for its database.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NoReturn

from connectors.governor import Lane
from connectors.wire import Call, Intent, Reply, Wire
from resolvers.domain.errors import BackendRefused, BackendUnavailable

Row = Mapping[str, Any]

REFUSED_AT_ONCE_SECONDS = 3.0
"""A refusal that took longer is none: the CRM has waited for something of its own. Refusals took
2 to 30 ms; with the database gone they come after 30 s."""

ADMINISTRATOR = "ADMIN"

TOLD_MAX = 200
NO_QUERY: Mapping[str, str] = MappingProxyType({})


class Illegible(ValueError):
    """An answer is not of the shape that it always had."""


class CrmClient:
    """Reads from one organization with a personal access token."""

    def __init__(
        self, wire: Wire, token: str, *, refused_at_once_seconds: float = REFUSED_AT_ONCE_SECONDS
    ) -> None:
        self.code = wire.code
        self._wire = wire
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._at_once_seconds = refused_at_once_seconds

    async def get(
        self, path: str, query: Mapping[str, str] = NO_QUERY, lane: Lane = Lane.BACKGROUND
    ) -> Row | None:
        """What lies at a path below ``/api/``; None if nothing does.

        Raises:
            BackendUnavailable: nobody is there, it failed, or its answer makes no sense.
            BackendThrottled: it is asked too much.
            BackendTimedOut: no answer in time.
            BackendRefused: the token is dead or may not read this; ``kind`` is ``AUTH``.
        """
        return await self._asked(Call("GET", path, Intent.READ, self._headers, query), lane)

    async def look_up(self, path: str, wanted: Row, lane: Lane = Lane.BACKGROUND) -> Row | None:
        """What is found by a question in a body, which changes nothing; raises as ``get``."""
        headers = {**self._headers, "Content-Type": "application/json"}
        content = json.dumps(wanted).encode()
        return await self._asked(
            Call("POST", path, Intent.READ, headers, content=content),
            lane,
        )

    async def answers(self) -> None:
        """Asks whether anybody is there, without showing a token: with one that may do little, the
        CRM's own word on its health is a refusal.
        """
        reply = await self._wire.send(Call("GET", "/healthz/", Intent.READ))
        if reply.status != 200:
            self._unavailable("/healthz/", f"HTTP {reply.status}")

    async def require_sight(self, lane: Lane = Lane.BACKGROUND) -> None:
        """Makes sure that the token sees everybody: to whomever it does not see the CRM says that
        they are not there.

        Raises:
            BackendRefused: its owner is no administrator, or no more. Also as ``get``.
        """
        answer = await self.get("/profile/", lane=lane)
        with self.legible("profile"):
            role = member_of(member_of(answer or {}, "user_obj", dict), "role", str)
        if role != ADMINISTRATOR:
            told = f"{self.code}: the owner of its token is no administrator, and sees but a part"
            raise BackendRefused(told, backend=self.code, kind="AUTH")

    async def close(self) -> None:
        """Lets go of the network."""
        await self._wire.close()

    @contextmanager
    def legible(self, what: str) -> Iterator[None]:
        """Translates an answer that cannot be read."""
        try:
            yield
        except Illegible as why:
            self._unavailable(what, f"its answer makes no sense: {why}")

    async def _asked(self, call: Call, lane: Lane) -> Row | None:
        below = Call(
            call.method, f"/api{call.path}", call.intent, call.headers, call.query, call.content
        )
        reply = await self._wire.send(below, lane)
        if reply.status == 403 and self._is_at_once(reply):
            reply = await self._wire.send(below, lane)  # it says so for a moment of its own too
        if reply.status == 404:
            return None
        if reply.status in {401, 403} and self._is_at_once(reply):
            told = f"{self.code}: its token is refused: {_detail(reply)}"
            raise BackendRefused(told, backend=self.code, kind="AUTH")
        if reply.status == 400:
            told = f"{self.code}: {call.path}: {_detail(reply)}"
            raise BackendRefused(told, backend=self.code, kind="INVALID")
        if reply.status != 200:
            self._unavailable(call.path, f"HTTP {reply.status} after {reply.seconds:.0f} s")
        return self._read(call.path, reply)

    def _is_at_once(self, reply: Reply) -> bool:
        return reply.seconds < self._at_once_seconds

    def _read(self, path: str, reply: Reply) -> Row:
        try:
            told = json.loads(reply.body)
        except ValueError:
            self._unavailable(path, "its answer is not JSON")
        if not isinstance(told, dict):
            self._unavailable(path, "its answer is not an object")
        return told

    def _unavailable(self, what: str, why: str) -> NoReturn:
        raise BackendUnavailable(f"{self.code}: {what}: {why}", backend=self.code) from None


def member_of(row: Row, name: str, kind: type[Any]) -> Any:
    """A part of an answer that is always there, and always of one kind.

    Raises:
        Illegible: it is not.
    """
    found = row.get(name)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise Illegible(f"{name} is {type(found).__name__}, not {kind.__name__}")
    return found


def rows_of(answer: Row | None, name: str) -> Sequence[Row]:
    """The objects that an answer lists; raises as ``member_of``."""
    if answer is None:
        raise Illegible("there is nothing at that address")
    found: list[Any] = member_of(answer, name, list)
    if not all(isinstance(row, dict) for row in found):
        raise Illegible(f"{name} holds something that is no object")
    return found


def _detail(reply: Reply) -> str:
    """What a refusal says in words, if it says any."""
    try:
        told = json.loads(reply.body)
    except ValueError:
        return "no reason given"
    said = told.get("detail") or told.get("errors") if isinstance(told, dict) else told
    return "".join(sign for sign in str(said) if sign.isprintable())[:TOLD_MAX]
