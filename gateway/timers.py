"""The timers of one connection, which need no task of their own."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from resolvers.ports import Clock

LONGEST_SECONDS = 3600.0
"""Longest wait for an instant before the clock is looked at again: it may have been set."""


class Handle(Protocol):
    """A call that is yet to come."""

    def cancel(self) -> None:
        """Forgets it."""


Later = Callable[[float, Callable[[], None]], Handle]
"""Calls something after some seconds."""


def later(seconds: float, call: Callable[[], None]) -> Handle:
    """Calls something after some seconds, on the event loop that runs."""
    return asyncio.get_running_loop().call_later(seconds, call)


class Timers:
    """Named timers; one that is set again under its name replaces the one before."""

    def __init__(self, clock: Clock, after: Later = later) -> None:
        self._clock = clock
        self._later = after
        self._handles: dict[str, Handle] = {}

    def after(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        """Calls once, after some seconds."""
        self.stop(name)
        self._handles[name] = self._later(seconds, call)

    def every(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        """Calls again and again, with some seconds between."""

        def again() -> None:
            self.every(name, seconds, call)
            call()

        self.after(name, seconds, again)

    def at(self, name: str, instant: datetime, call: Callable[[], None]) -> None:
        """Calls once, when the clock says that an instant has come, however it was set."""

        def look() -> None:
            if self._clock() >= instant:
                call()
            else:
                self.at(name, instant, call)

        left = (instant - self._clock()).total_seconds()
        self.after(name, min(max(left, 0.0), LONGEST_SECONDS), look)

    def stop(self, name: str) -> None:
        """Forgets one timer, if it is set."""
        if (handle := self._handles.pop(name, None)) is not None:
            handle.cancel()

    def close(self) -> None:
        """Forgets them all."""
        for name in list(self._handles):
            self.stop(name)
