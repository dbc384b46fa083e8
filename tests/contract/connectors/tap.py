"""A tap on the way to a system that is spoken to over HTTP: what has passed, and what goes wrong.

Everything passes on to the system itself, or to its stand-in, unless a test has something happen.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import httpx2

from resolvers.backend_ports import Backend
from tests.contract.connectors.rig import WRONG, Rig

BUSY_SECONDS = 1.0
SILENT_SECONDS = 30.0
"""How long a question lies there: longer than any connector of the suite waits."""


class Lost(StrEnum):
    """What of the next write is lost."""

    QUESTION = "QUESTION"
    ANSWER = "ANSWER"


class Tap(httpx2.AsyncBaseTransport):
    """Stands before one system, whichever connector asks."""

    def __init__(
        self,
        behind: httpx2.AsyncBaseTransport,
        is_write: Callable[[httpx2.Request], bool],
        timer: Callable[[], float],
    ) -> None:
        self._behind = behind
        self._is_write = is_write
        self._timer = timer
        self.asked: list[httpx2.Request] = []
        self.turned_away = 0
        self.busy = False
        self.silent = False
        self.lost: Lost | None = None
        self._busy_until: float | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if self.silent:
            await asyncio.sleep(SILENT_SECONDS)
        if self._is_busy():
            self.turned_away += 1
            return httpx2.Response(429, headers={"retry-after": "1"}, request=request)
        lost = self.lost if self._is_write(request) else None
        if lost is not None:
            self.lost = None
        if lost is Lost.QUESTION:
            raise httpx2.ReadError("the question got lost", request=request)
        response = await self._behind.handle_async_request(request)
        if lost is Lost.ANSWER:
            await response.aread()
            await response.aclose()
            raise httpx2.ReadError("the answer got lost", request=request)
        return response

    async def aclose(self) -> None:
        """Stays open: other connectors of the test come this way, too."""

    async def ended(self) -> None:
        """Lets go of the network."""
        await self._behind.aclose()

    def _is_busy(self) -> bool:
        if not self.busy:
            return False
        if self._busy_until is None:
            self._busy_until = self._timer() + BUSY_SECONDS
        return self._timer() < self._busy_until


class HttpRig(Rig):
    """A rig whose bad days happen on the wire."""

    writes: ClassVar[Sequence[bytes]] = ()
    """Words of which one is in the body of a call that changes something."""
    login: ClassVar[bytes]
    """A word in the body, or the path, of a call that logs in."""

    def __init__(self, system: Any, folder: Path) -> None:
        super().__init__(system, folder)
        self.tap = Tap(self.way(), self._is_write, self.timer)

    def way(self) -> httpx2.AsyncBaseTransport:
        """To the system itself."""
        return httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_keepalive_connections=0))

    def _is_write(self, request: httpx2.Request) -> bool:
        return any(word in request.content for word in self.writes)

    async def close(self) -> None:
        self.tap.silent = False
        await super().close()
        await self.tap.ended()

    def stranger(self) -> Backend:
        return self.connect(password=WRONG)

    def elsewhere(self) -> Backend:
        return self.connect(url="http://127.0.0.1:9", transport=None)

    def logins(self) -> int:
        return sum(self.login in it.content + it.url.path.encode() for it in self.tap.asked)

    def throttle(self) -> None:
        self.tap.busy = True

    def turned_away(self) -> int:
        return self.tap.turned_away

    async def fall_silent(self) -> None:
        self.tap.silent = True

    async def lose_answer(self) -> None:
        self.tap.lost = Lost.ANSWER

    async def lose_question(self) -> None:
        self.tap.lost = Lost.QUESTION

    async def mend(self) -> None:
        self.tap.silent = False
        assert self.tap.lost is None, "a write has come by"
