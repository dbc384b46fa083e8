"""Sessions at Vendure's Admin API: logs in when it must, asks, and logs in again once.

A session says what its user may do in which channel. Vendure tells a session that is over from a
right that is missing by nothing, so that one new session is tried, and not soon another.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from connectors.governor import Lane
from connectors.marketplace.vendure_wire import (
    NotLetIn,
    Row,
    data,
    encoded,
    legible,
    refusal,
    refused,
    unreadable,
)
from connectors.wire import Call, Intent, Reply, Wire
from resolvers.domain.errors import BackendUnavailable

PATH = "/admin-api"

HOME = "__default_channel__"
"""Code of the channel that every shop has, and that holds all of its goods and orders."""

LOGIN_PAUSE_SECONDS = 60.0
"""How long nobody logs in again after a login was refused, or has not helped: each costs Vendure a
third of a second of hashing."""

_LOGIN = """mutation($user: String!, $password: String!) {
  login(username: $user, password: $password) {
    __typename
    ... on CurrentUser { channels { code token permissions } }
    ... on ErrorResult { errorCode }
  }
}"""
_NOTHING: Mapping[str, object] = MappingProxyType({})
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """A channel that a session may enter: its token, and what may be done there."""

    token: str = field(repr=False)
    rights: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Session:
    """A login that was accepted; ``channels`` are by code."""

    token: str = field(repr=False)
    channels: Mapping[str, Entry]
    since: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question, in a channel."""

    query: str
    variables: Mapping[str, object]
    channel: str
    intent: Intent
    headers: Mapping[str, str]


class VendureClient:
    """One user of one shop."""

    def __init__(
        self,
        wire: Wire,
        user: str,
        password: str,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.code = wire.code
        self._wire = wire
        self._user = user
        self._password = password
        self._timer = timer
        self._session: Session | None = None
        self._turned_away_at: float | None = None
        self._door = asyncio.Lock()
        self.written = 0
        """Writes that were answered: who finds more than before may have changed something."""

    async def read(
        self,
        query: str,
        variables: Mapping[str, object] = _NOTHING,
        *,
        channel: str = HOME,
        lane: Lane = Lane.BACKGROUND,
    ) -> Row:
        """Asks something, seen from a channel.

        Raises:
            BackendRefused: it said no, or there is no such channel for us.
            BackendUnavailable, BackendTimedOut: it could not be asked, or failed.
        """
        return await self._asked(query, variables, channel, Intent.READ, lane=lane)

    async def listed(
        self,
        query: str,
        options: Mapping[str, object],
        *,
        channel: str = HOME,
        lane: Lane = Lane.BACKGROUND,
    ) -> tuple[Sequence[Row], int]:
        """Some rows of a list that the query names ``rows``, and how many there are in all."""
        told = await self.read(query, {"options": options}, channel=channel, lane=lane)
        with legible("a list", self.code):
            return list(told["rows"]["items"]), int(told["rows"]["totalItems"])

    async def write(
        self,
        query: str,
        variables: Mapping[str, object],
        *,
        channel: str = HOME,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Row:
        """Changes something, in a channel; ``headers`` are for a plugin of the shop's.

        Raises:
            BackendRefused: it said no; nothing was done.
            UnknownOutcome: it may have been done.
            BackendUnavailable: nothing was sent.
        """
        answer = await self._asked(query, variables, channel, Intent.WRITE, headers)
        self.written += 1
        return answer

    async def session(self) -> Session:
        """The session, made if there is none.

        Raises:
            BackendRefused: it does not know this user with this password.
            BackendUnavailable, BackendTimedOut: it could not be asked.
        """
        async with self._door:
            if self._session is None:
                self._session = await self._log_in()
            return self._session

    async def close(self) -> None:
        """Lets go of the network; the session ends by itself."""
        await self._wire.close()

    async def _asked(
        self,
        query: str,
        variables: Mapping[str, object],
        channel: str,
        intent: Intent,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        lane: Lane = Lane.BACKGROUND,
    ) -> Row:
        asked = _Asked(query, variables, channel, intent, headers)
        session = await self.session()
        try:
            return await self._sent(session, asked, lane)
        except NotLetIn:
            if self._timer() - session.since < LOGIN_PAUSE_SECONDS:
                raise  # it was let in just now: the right is missing
            if self._session is session:
                self._session = None
        return await self._sent(await self.session(), asked, lane)

    async def _sent(self, session: Session, asked: "_Asked", lane: Lane) -> Row:
        entry = session.channels.get(asked.channel)
        if entry is None:
            raise refused(f"its user has no channel {asked.channel!r}", "AUTH", self.code)
        headers = {
            **asked.headers,
            "content-type": "application/json",
            "authorization": f"Bearer {session.token}",
            "vendure-token": entry.token,
        }
        content = encoded(asked.query, asked.variables)
        call = Call("POST", PATH, asked.intent, headers, content=content)
        return await self._answer(call, lane)

    async def _answer(self, call: Call, lane: Lane) -> Row:
        told: list[Row] = []

        def judge(reply: Reply) -> None:
            told.append(data(reply, call.intent, self.code))

        await self._wire.send(call, lane, judge)
        return told[0]

    async def _log_in(self) -> Session:
        """A new session. After a refusal it waits, so that a wrong password locks nobody."""
        away = self._turned_away_at
        if away is not None and self._timer() - away < LOGIN_PAUSE_SECONDS:
            raise refused("its login was refused a moment ago", "AUTH", self.code)
        content = encoded(_LOGIN, {"user": self._user, "password": self._password})
        headers = {"content-type": "application/json"}
        reply = await self._wire.send(
            Call("POST", PATH, Intent.READ, headers, content=content),
            judge=self._require_login,
        )
        self._turned_away_at = None
        row = data(reply, Intent.READ, self.code)["login"]
        return Session(reply.headers["vendure-auth-token"], _entries(row), self._timer())

    def _require_login(self, reply: Reply) -> None:
        """Raises what a refused login means.

        Raises:
            BackendRefused: Vendure does not know this user with this password.
            BackendUnavailable: it is no answer to a login.
        """
        row: Any = data(reply, Intent.READ, self.code).get("login")
        if not isinstance(row, dict):
            raise unreadable("the answer to a login", self.code)
        if "errorCode" in row:
            self._turned_away_at = self._timer()
            raise refusal(row["errorCode"], self.code)
        if not reply.headers.get("vendure-auth-token"):
            raise BackendUnavailable(
                f"{self.code}: it gives no token: bearer is not among its means to log in",
                backend=self.code,
            )
        try:
            _entries(row)
        except (KeyError, TypeError):
            raise unreadable("the answer to a login", self.code) from None


def _entries(row: Row) -> Mapping[str, Entry]:
    return {at["code"]: Entry(at["token"], frozenset(at["permissions"])) for at in row["channels"]}
