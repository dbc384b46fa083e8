"""When a system that failed is asked again: the circuit breaker, as a pure state machine.

CLOSED, it is asked. OPEN, it is not, for a pause that doubles each time. HALF_OPEN, one caller asks
whether it is back, and everybody else is turned away until that is known. Times are seconds of any
steady clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether a system is asked."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    """After how many failures in a row a system is left alone, and for how long, in seconds."""

    failures_max: int = 5
    pause_first: float = 1.0
    pause_max: float = 30.0
    probe_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of one system's failures.

    ``until`` is when the pause ends; ``probing`` when the one who asks must have an answer, after
    which somebody else may ask; None if nobody does. ``pauses`` counts those in a row.
    """

    failures: int = 0
    pauses: int = 0
    until: float = 0.0
    probing: float | None = None

    def state(self, now: float, terms: BreakerTerms) -> BreakerState:
        """What it is at a moment."""
        if self.failures < terms.failures_max:
            return BreakerState.CLOSED
        if now < self.until or (self.probing is not None and now < self.probing):
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

    def asked(self, now: float, terms: BreakerTerms) -> "Breaker | None":
        """What it is once somebody asks; None if nobody may."""
        match self.state(now, terms):
            case BreakerState.CLOSED:
                return self
            case BreakerState.OPEN:
                return None
            case BreakerState.HALF_OPEN:
                return replace(self, probing=now + terms.probe_seconds)

    def answered(self) -> "Breaker":
        """What it is after an answer, whatever that says: the system is there."""
        return Breaker()

    def failed(self, now: float, terms: BreakerTerms) -> "Breaker":
        """What it is after a call that got no answer."""
        failures = self.failures + 1
        if failures < terms.failures_max:
            return replace(self, failures=failures)
        if self.until > now:  # others had asked before it opened
            return replace(self, failures=failures)
        pause = min(terms.pause_max, terms.pause_first * 2.0 ** min(self.pauses, 20))
        return Breaker(failures, self.pauses + 1, now + pause)

    def left(self) -> "Breaker":
        """What it is after a call that was given up and says nothing: somebody else may ask."""
        return replace(self, probing=None)
