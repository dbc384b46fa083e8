"""The time of the cluster: by how much this process's clock is off, and when that is too much.

Processes on several machines write one stream, and its time never runs back: a clock that runs
ahead would let everybody's holds end early, one behind would let its own live too long.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from connectors.stores.unusable import StoreUnusable
from resolvers.ports import Clock

OFF_MOST = timedelta(seconds=2)
"""How far a process's clock may be off the server's, before it refuses to write."""

_MEASURED_AGAIN_SECONDS = 60.0
_STEP_SECONDS = 0.2  # more than any clock is wrong by in a minute unless somebody set it
_TRIES = 3

ServerTime = Callable[[], Awaitable[datetime]]
"""Asks the server what time it is."""


class ClusterClock:
    """Corrects this process's clock by what the server's says."""

    def __init__(
        self, ask: ServerTime, clock: Clock, timer: Callable[[], float] = time.monotonic
    ) -> None:
        """``timer`` measures when the offset was looked at last, in seconds since any start."""
        self._ask = ask
        self._clock = clock
        self._timer = timer
        self._offset = timedelta()
        self._measured: tuple[float, datetime] | None = None

    async def offset(self) -> timedelta:
        """What is to be added to this process's clock.

        Raises:
            StoreUnusable: the clock is off by more than two seconds.
        """
        if not self._fresh():
            self._offset = min([await self._measure() for _ in range(_TRIES)])[1]
            self._measured = (self._timer(), self._clock())
        if abs(self._offset) > OFF_MOST:
            self._measured = None  # once it is set right, it is seen at once
            raise StoreUnusable(
                f"this machine's clock is {self._offset.total_seconds():+.1f} s off the store's;"
                " nothing is written until one of both is set right (see that NTP runs)"
            )
        return self._offset

    def _fresh(self) -> bool:
        """Says whether it was measured of late, and the clock has not been set since."""
        if self._measured is None:
            return False
        passed = self._timer() - self._measured[0]
        told = (self._clock() - self._measured[1]).total_seconds()
        return passed <= _MEASURED_AGAIN_SECONDS and abs(told - passed) <= _STEP_SECONDS

    async def _measure(self) -> tuple[timedelta, timedelta]:
        """How long the answer took, and the offset, sure to half of that."""
        asked = self._clock()
        server = await self._ask()
        answered = self._clock()
        took = answered - asked
        return took, server - (asked + took / 2)
