"""How much one backend is asked: turns, a rate that gives way, and a breaker.

Every call of every connector passes here, so that a system that hangs keeps its own callers waiting
and nobody else, and one that complains is asked less. What is sent over HTTP stands in
``connectors/wire.py``.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from aiolimiter import AsyncLimiter

from resolvers.backend_ports import Standing
from resolvers.domain.breakers import Breaker, BreakerState, BreakerTerms
from resolvers.domain.errors import (
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)

RATE_MIN = 0.1
"""Calls a second that are made whatever a system says: it has to be asked whether it is back."""

WAITING_MAX = 200
"""Most callers of one backend that wait for their turn; beyond that they are turned away."""

PAUSE_MAX_SECONDS = 300.0
"""Longest pause that a system may wish for. Who wants more is asked again and says so again."""

THROTTLE_PAUSE_SECONDS = 1.0
RECOVERY = 1.05
"""By how much the rate grows with each second of good answers, until it is what was declared."""

REGAINED_IN = 60.0
"""Good seconds after which all of the rate is back, however little of it was left."""


class Lane(StrEnum):
    """Who calls: somebody who waits for an answer now, or work in the background."""

    LIVE = "LIVE"
    BACKGROUND = "BACKGROUND"


@dataclass(frozen=True, slots=True)
class GovernorTerms:
    """What one backend may be asked.

    ``live_reserved`` of the ``calls_at_once`` are kept for callers who wait for an answer.
    ``turn_seconds`` bounds the wait for a turn.
    """

    calls_at_once: int = 8
    live_reserved: int = 2
    calls_per_second: float = 50.0
    turn_seconds: float = 10.0
    breaker: BreakerTerms = field(default_factory=BreakerTerms)

    def __post_init__(self) -> None:
        assert 0 <= self.live_reserved < self.calls_at_once
        assert self.calls_per_second >= RATE_MIN


class Governor:
    """Stands before one backend. One event loop uses it."""

    def __init__(
        self,
        code: str,
        terms: GovernorTerms,
        *,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        """``spread`` deals how far pauses differ between processes, 0 to 1."""
        self.code = code
        self._terms = terms
        self._timer = timer
        self._sleep = sleep
        self._spread = spread
        self._all = asyncio.Semaphore(terms.calls_at_once)
        self._background = asyncio.Semaphore(terms.calls_at_once - terms.live_reserved)
        self._rate = terms.calls_per_second
        self._grown_at = timer()
        self._limiter = _limiter(self._rate)
        self._silent_until = 0.0
        self._breaker = Breaker()
        self._waiting = 0
        self._under_way = 0

    def standing(self) -> Standing:
        """How it stands, for whoever looks after the house."""
        return Standing(
            self._breaker.state(self._timer(), self._terms.breaker),
            self._rate,
            self._under_way,
            self._waiting,
            max(0.0, self._silent_until - self._timer()),
        )

    @asynccontextmanager
    async def turn(self, lane: Lane = Lane.BACKGROUND) -> AsyncIterator[None]:
        """One call's turn. How the block ends says how the backend is.

        Raises:
            BackendUnavailable: the breaker is open, too many wait, or the turn did not come in
                time; nothing was sent.
        """
        if self._waiting >= WAITING_MAX:
            raise self._turned_away(f"{WAITING_MAX} calls wait for it already")
        gates = [self._all] if lane is Lane.LIVE else [self._background, self._all]
        taken: list[asyncio.Semaphore] = []
        self._waiting += 1
        try:
            try:
                async with asyncio.timeout(self._terms.turn_seconds):
                    self._require_asked()
                    for gate in gates:
                        await gate.acquire()
                        taken.append(gate)
                    await self._quiet()
                    await self._limiter.acquire()
                    self._ask()
            except TimeoutError:
                seconds = self._terms.turn_seconds
                raise self._turned_away(f"no turn to ask it within {seconds:g} s") from None
            finally:
                self._waiting -= 1
            self._under_way += 1
            try:
                async with self._judged():
                    yield
            finally:
                self._under_way -= 1
        finally:
            for gate in taken:
                gate.release()

    @asynccontextmanager
    async def _judged(self) -> AsyncIterator[None]:
        """Learns from how a call ends."""
        try:
            yield
        except BackendThrottled as throttled:
            self._breaker = self._breaker.answered()
            self._slow_down(throttled.retry_after)
            raise
        except (BackendUnavailable, BackendTimedOut, UnknownOutcome):
            self._breaker = self._breaker.failed(self._timer(), self._terms.breaker)
            raise
        except CommerceError:  # it answered, if only to say no
            self._breaker = self._breaker.answered()
            raise
        except BaseException:  # the caller has gone, or it is our bug: nothing was learned
            self._breaker = self._breaker.left()
            raise
        self._breaker = self._breaker.answered()
        self._speed_up()

    def _require_asked(self) -> None:
        """Turns away at once who would wait for nothing."""
        if self._breaker.state(self._timer(), self._terms.breaker) is BreakerState.OPEN:
            raise self._turned_away("it has failed several times; it is left alone for a while")

    def _ask(self) -> None:
        asked = self._breaker.asked(self._timer(), self._terms.breaker)
        if asked is None:
            raise self._turned_away("it has failed several times; it is left alone for a while")
        self._breaker = asked

    async def _quiet(self) -> None:
        """Waits out the pause that the backend asked for."""
        while (left := self._silent_until - self._timer()) > 0:
            await self._sleep(left)

    def _slow_down(self, retry_after: float | None) -> None:
        """Halves the rate, and is silent for as long as the backend wishes. What was sent before it
        first complained is one complaint: else a few calls at once would take all of the rate.
        """
        again = self._timer() < self._silent_until
        pause = THROTTLE_PAUSE_SECONDS if retry_after is None else retry_after
        pause = min(max(pause, 0.0), PAUSE_MAX_SECONDS) + self._spread() * 0.25
        self._silent_until = max(self._silent_until, self._timer() + pause)
        if not again:
            self._set_rate(max(RATE_MIN, self._rate / 2))

    def _speed_up(self) -> None:
        if self._rate < self._terms.calls_per_second and self._timer() - self._grown_at >= 1.0:
            most = self._terms.calls_per_second
            self._set_rate(min(most, max(self._rate * RECOVERY, self._rate + most / REGAINED_IN)))

    def _set_rate(self, rate: float) -> None:
        self._rate, self._grown_at = rate, self._timer()
        self._limiter = _limiter(rate)

    def _turned_away(self, why: str) -> BackendUnavailable:
        return BackendUnavailable(f"{self.code}: {why}", backend=self.code)


def _limiter(rate: float) -> AsyncLimiter:
    """Lets ``rate`` calls a second pass; as many as a second allows may come together."""
    burst = max(1.0, rate)
    return AsyncLimiter(burst, burst / rate)


class CostBucket:
    """The points that a backend gives for calls, as it last said.

    A call waits until its estimate has been saved up; what it cost is in the answer.
    """

    def __init__(
        self,
        maximum: float,
        restore_per_second: float,
        *,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Full at first; ``told`` corrects all three."""
        assert maximum > 0
        assert restore_per_second > 0
        self._maximum = maximum
        self._restore = restore_per_second
        self._timer = timer
        self._sleep = sleep
        self._points = maximum
        self._at = timer()
        self._line = asyncio.Lock()

    @property
    def points(self) -> float:
        """What may be spent now."""
        grown = (self._timer() - self._at) * self._restore
        return min(self._maximum, self._points + grown)

    async def spend(self, estimate: float) -> None:
        """Waits until so many points are there, first come first served, and takes them."""
        async with self._line:
            wanted = min(estimate, self._maximum)
            while (lacking := wanted - self.points) > 0:
                await self._sleep(lacking / self._restore)
            self._points, self._at = self.points - wanted, self._timer()

    def refund(self, points: float) -> None:
        """Gives back what a call was taken to cost and did not."""
        self._points, self._at = min(self._maximum, self.points + points), self._timer()

    def told(self, available: float, maximum: float, restore_per_second: float) -> None:
        """Takes over what an answer said. Answers may overtake each other: the lower number holds
        until time has restored it.
        """
        if maximum <= 0 or restore_per_second <= 0:
            return
        self._maximum, self._restore = maximum, restore_per_second
        self._points, self._at = min(self.points, max(0.0, available)), self._timer()
