"""Who listens: every connection that stays open, by WebSocket or as a stream of events.

They share the bounds of ``[sockets]``, and all of them are sent away when the process is to stop.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from gateway.settings_process import Sockets
from resolvers.access import Principal

Reason = TypeVar("Reason")

_GUESTS = ""  # no token has an empty subject


class Full(Exception):
    """There is no room for one more connection; the message says whose room it is."""


class Ending(Generic[Reason]):
    """A block that can be ended from outside, once: whatever it waits for is interrupted, and
    ``reason`` says why. None: it has ended by itself, or not at all yet.
    """

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self._scope = asyncio.timeout(None)
        self._is_open = False
        self._is_over = False

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        self._is_open = True
        if self.reason is not None:
            self._interrupt()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._is_open, self._is_over = False, True
        try:
            await self._scope.__aexit__(kind, error, trace)
        except TimeoutError:
            return True
        return False

    def now(self, reason: Reason) -> None:
        """Ends the block, unless it has ended or is ending; one that is yet to begin, at once."""
        if self.reason is None and not self._is_over:
            self.reason = reason
            if self._is_open:
                self._interrupt()

    def _interrupt(self) -> None:
        self._scope.reschedule(asyncio.get_running_loop().time())


@dataclass(slots=True, eq=False)
class Seat:
    """One connection's place; ``leave`` asks it to end, in its own words."""

    leave: Callable[[], None]
    whose: str | None = None


class Listeners:
    """The connections of one process. ``stopping`` says that it was told to stop."""

    def __init__(self, bounds: Sockets) -> None:
        self.bounds = bounds
        self.stopping = False
        self._dismissed = False
        self._seats: set[Seat] = set()
        self._of: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def seated(self, leave: Callable[[], None]) -> Iterator[Seat]:
        """A place for as long as the block lasts.

        Raises:
            Full: this process has as many connections as it may, or is about to stop.
        """
        if self._dismissed:
            raise Full("the gateway is stopping")
        if len(self._seats) >= self.bounds.connections_max:
            raise Full("too many connections to the gateway")
        seat = Seat(leave)
        self._seats.add(seat)
        self._empty.clear()
        try:
            yield seat
        finally:
            self._seats.discard(seat)
            self._unclaim(seat)
            if not self._seats:
                self._empty.set()

    def claim(self, seat: Seat, caller: Principal) -> None:
        """Counts a place as its caller's. All guests are one caller with a bound of their own.

        Raises:
            Full: the caller has as many connections as one may have.
        """
        whose = _GUESTS if caller.is_guest else caller.subject
        if whose == seat.whose:
            return
        bounds = self.bounds
        most = bounds.guest_connections_max if caller.is_guest else bounds.caller_connections_max
        if self._of[whose] >= most:
            raise Full(f"too many connections of {'guests' if caller.is_guest else 'this caller'}")
        self._unclaim(seat)
        self._of[whose] += 1
        seat.whose = whose

    def _unclaim(self, seat: Seat) -> None:
        if seat.whose is None:
            return
        self._of[seat.whose] -= 1
        if not self._of[seat.whose]:
            del self._of[seat.whose]
        seat.whose = None

    async def dismiss(self, within_seconds: float) -> None:
        """Sends everybody away, lets nobody in any more, and waits until all have gone, but no
        longer than ``within_seconds``.
        """
        self.stopping = self._dismissed = True
        for seat in list(self._seats):
            seat.leave()
        try:
            async with asyncio.timeout(within_seconds):
                await self._empty.wait()
        except TimeoutError:
            return
