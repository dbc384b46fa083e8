"""HTTP as connectors speak it: one backend's connections, bounded in time and size, under its
governor, with every failure translated.

What a vendor's answer means stands in the vendor's own module: a status below 500 is handed over as
it is, but 429.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import NoReturn

import httpx2

from connectors.governor import Governor, Lane
from resolvers.domain.errors import (
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)

ANSWER_BYTES_MAX = 32 * 1024 * 1024
"""Largest answer that is read; a page of any vendor is far below."""


class Intent(StrEnum):
    """Whether a call can be made twice without harm: a READ can, a WRITE may have happened."""

    READ = "READ"
    WRITE = "WRITE"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a backend may take, in seconds: to connect, between two bytes, and in all."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 20.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a path below the backend's address, and what goes with it."""

    method: str
    path: str
    intent: Intent
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer below 500, and the seconds that it took. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float = 0.0


class Wire:
    """One backend's HTTP. Made without network; the first call connects."""

    def __init__(
        self,
        governor: Governor,
        base_url: str,
        patience: Patience,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.code = governor.code
        self._governor = governor
        self._base_url = base_url.rstrip("/")
        self._patience = patience
        self._transport = transport
        self._http: httpx2.AsyncClient | None = None

    async def send(
        self,
        call: Call,
        lane: Lane = Lane.BACKGROUND,
        judge: Callable[[Reply], None] = lambda _: None,
    ) -> Reply:
        """Makes one call, in its turn.

        ``judge`` raises what an answer says that is none: HTTP 200 is no success for every vendor,
        and the governor has to learn of that, too.

        Raises:
            BackendUnavailable: nobody is there, it failed (a read), or nothing was sent.
            BackendThrottled: it is asked too much.
            BackendTimedOut: a read had no answer in time.
            UnknownOutcome: a write was sent and no answer came, or one that says nothing.
        """
        async with self._governor.turn(lane):
            try:
                async with asyncio.timeout(self._patience.total):
                    reply = await self._sent(call)
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
                raise BackendUnavailable(
                    f"{self.code}: no connection to {self._base_url}", backend=self.code
                ) from None
            except (httpx2.TimeoutException, TimeoutError):
                raise self._late(call) from None
            except (httpx2.RequestError, httpx2.StreamError, httpx2.InvalidURL) as error:
                self._broken(call, type(error).__name__)
            judge(reply)
            return reply

    async def close(self) -> None:
        """Lets go of the network."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _sent(self, call: Call) -> Reply:
        began = time.monotonic()
        async with self._client().stream(
            call.method,
            f"{self._base_url}{call.path}",
            headers=dict(call.headers),
            params=dict(call.query) or None,
            content=call.content,
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    self._broken(call, "its answer is too large")
            if response.status_code == 429:
                raise BackendThrottled(
                    f"{self.code}: it is asked too much",
                    backend=self.code,
                    retry_after=retry_after(response.headers.get("retry-after")),
                )
            if response.status_code >= 500:
                self._broken(call, f"HTTP {response.status_code}")
            told = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, told, bytes(body), time.monotonic() - began)

    def _late(self, call: Call) -> CommerceError:
        told = f"{self.code}: no answer to {call.path} within {self._patience.total:g} s"
        kind = BackendTimedOut if call.intent is Intent.READ else UnknownOutcome
        return kind(told, backend=self.code)

    def _broken(self, call: Call, why: str) -> NoReturn:
        kind = BackendUnavailable if call.intent is Intent.READ else UnknownOutcome
        raise kind(f"{self.code}: {call.path}: {why}", backend=self.code) from None

    def _client(self) -> httpx2.AsyncClient:
        """The client, made inside the running loop. It follows no redirect: a backend that has
        moved is configured anew, and a credential goes nowhere else.
        """
        if self._http is None:
            self._http = httpx2.AsyncClient(
                transport=self._transport,
                timeout=httpx2.Timeout(self._patience.read, connect=self._patience.connect),
                follow_redirects=False,
                trust_env=False,
            )
        return self._http


def retry_after(told: str | None, now: datetime | None = None) -> float | None:
    """The seconds of a Retry-After header: a number, or a date; None if it says nothing."""
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            at = parsedate_to_datetime(told)
        except ValueError:
            return None
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return seconds if 0 <= seconds < 86_400 else None
