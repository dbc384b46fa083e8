"""Access tokens for Shopify's Admin API: one that stays, or one that is asked for anew.

Three ways, by the kind of app: a token that never ends (apps made in a shop's admin), client
credentials (an organisation's own apps: a token of a day, asked for again), and refresh tokens
(public apps: a token of an hour, and a new refresh token with each).
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from connectors.marketplace.shopify_wire import NotLetIn, refused
from connectors.wire import Call, Intent, Reply, Wire
from resolvers.domain.errors import BackendRefused, BackendUnavailable

PATH = "/admin/oauth/access_token"

EARLY = timedelta(seconds=120)
"""So long before its end a token is renewed, that no call meets the end on its way."""

PAUSE = timedelta(seconds=60)
"""How long nobody asks again after Shopify has refused to give a token."""


@dataclass(frozen=True, slots=True)
class App:
    """The app as its organisation knows it. The secret also signs what Shopify sends."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """An access token, and when it ends (None: never)."""

    token: str = field(repr=False)
    ends_at: datetime | None = None

    def good(self, now: datetime) -> bool:
        """Says whether a call that begins now can use it."""
        return self.ends_at is None or now < self.ends_at - EARLY


class TokenSource(Protocol):
    """Gives the access token that is good now."""

    async def token(self) -> str:
        """The token, asked for if there is none that is good.

        Raises:
            BackendRefused: Shopify gives none.
            BackendUnavailable, BackendTimedOut: it could not be asked.
        """

    async def renew(self, refused: str) -> None:
        """Lets go of a token that Shopify has refused, unless it was renewed meanwhile."""


class StaticToken:
    """A token that never ends."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """The token."""
        return self._token

    async def renew(self, refused: str) -> None:
        """There is no other: the next call is refused as this one was."""


Ask = Callable[[], Awaitable[Access]]
"""Asks Shopify for an access token."""


class RenewedToken:
    """A token that is asked for when the last one ends: once, however many calls wait for it."""

    def __init__(self, ask: Ask, clock: Callable[[], datetime]) -> None:
        self._ask = ask
        self._clock = clock
        self._door = asyncio.Lock()
        self._access: Access | None = None
        self._refusal: tuple[datetime, BackendRefused] | None = None

    async def token(self) -> str:
        """The token."""
        async with self._door:
            if self._access is None or not self._access.good(self._clock()):
                self._access = await self._asked()
            return self._access.token

    async def renew(self, refused: str) -> None:
        """Lets go of a token, if it is still the one in use; who needs one asks for it."""
        async with self._door:
            if self._access is not None and self._access.token == refused:
                self._access = None

    async def _asked(self) -> Access:
        if self._refusal is not None and self._clock() - self._refusal[0] < PAUSE:
            raise self._refusal[1]
        try:
            access = await self._ask()
        except BackendRefused as error:
            self._refusal = (self._clock(), error)
            raise
        self._refusal = None
        return access


def client_credentials(wire: Wire, app: App, clock: Callable[[], datetime]) -> Ask:
    """Asks with what the app is known by."""

    async def ask() -> Access:
        given = await _given(wire, {**_known_by(app), "grant_type": "client_credentials"})
        return given.access(clock())

    return ask


class RefreshTokens:
    """Asks with the last refresh token, and keeps the new one before what came with it is used.

    Shopify takes the last refresh token again until its successor is used, so that an answer that
    was lost, or a process that ended before it had kept it, costs nothing.
    """

    def __init__(
        self, wire: Wire, app: App, first: str, kept: Path, clock: Callable[[], datetime]
    ) -> None:
        """``first`` is the refresh token of the app's installation, ``kept`` the file of the
        newest: another first one begins anew.
        """
        self._wire = wire
        self._app = app
        self._first = first
        self._kept = kept
        self._clock = clock

    async def __call__(self) -> Access:
        """A new access token."""
        known = await asyncio.to_thread(self._read)
        given = await _given(
            self._wire,
            {**_known_by(self._app), "grant_type": "refresh_token", "refresh_token": known},
        )
        if given.refresh_token is None:
            raise BackendUnavailable(
                f"{self._wire.code}: it gives no refresh token", backend=self._wire.code
            )
        await asyncio.to_thread(self._write, given.refresh_token)
        return given.access(self._clock())

    def _read(self) -> str:
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(self._kept.read_text(encoding="utf-8"))
            if told["of"] == self._origin and isinstance(told["refresh_token"], str):
                return str(told["refresh_token"])
        return self._first

    def _write(self, token: str) -> None:
        part = self._kept.with_name(f"{self._kept.name}.part")
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        place = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(place, "w", encoding="utf-8") as file:
            json.dump({"of": self._origin, "refresh_token": token}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._kept)

    @property
    def _origin(self) -> str:
        return sha256(self._first.encode()).hexdigest()


class _Given(msgspec.Struct):
    access_token: str
    expires_in: int | None = None
    refresh_token: str | None = None

    def access(self, now: datetime) -> Access:
        ends = None if self.expires_in is None else now + timedelta(seconds=self.expires_in)
        return Access(self.access_token, ends)


def _known_by(app: App) -> Mapping[str, str]:
    return {"client_id": app.id, "client_secret": app.secret}


async def _given(wire: Wire, form: Mapping[str, str]) -> _Given:
    """One question for a token. It counts as a read: to ask twice does no harm."""
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    given: list[_Given] = []

    def judge(reply: Reply) -> None:
        if reply.status in (400, 401, 403):
            why = "it gives no access token: app id, secret or refresh token are not good"
            raise NotLetIn(f"{wire.code}: {why}", backend=wire.code, kind="AUTH")
        if reply.status != 200:
            why = f"it gives no access token: HTTP {reply.status}"
            raise refused(why, "PERMANENT", wire.code)
        try:
            given.append(msgspec.json.decode(reply.body, type=_Given))
        except msgspec.DecodeError:
            raise BackendUnavailable(
                f"{wire.code}: what it gives is no access token", backend=wire.code
            ) from None

    content = urlencode(form).encode()
    await wire.send(Call("POST", PATH, Intent.READ, headers, content=content), judge=judge)
    return given[0]
