"""How soon a thing is looked at again: quickly while it changes, slowly when it is quiet. Pure."""

from dataclasses import dataclass, replace

QUIET_LOOKS = 10
"""Looks without a change after which something counts as quiet."""

FAILED_PAUSE_MAX = 15.0
"""Longest pause, in seconds, after looks that failed: a system that is back is seen soon."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Pauses between two looks, in seconds: while things change, when all is quiet, and after one
    that failed.
    """

    quick: float
    slow: float
    failed: float

    def __post_init__(self) -> None:
        assert 0 <= self.quick <= self.slow


@dataclass(frozen=True, slots=True)
class Beat:
    """What the last looks came to: how many in a row found nothing, or failed."""

    quiet: int = 0
    failures: int = 0

    def found(self, changed: int) -> "Beat":
        """After a look that found so many changes."""
        return Beat() if changed else Beat(self.quiet + 1)

    def failed(self) -> "Beat":
        """After a look that failed."""
        return replace(self, failures=self.failures + 1)


def pause(pace: Pace, beat: Beat) -> float:
    """Seconds until the next look."""
    if beat.failures:
        return min(FAILED_PAUSE_MAX, pace.failed * 2.0 ** min(beat.failures - 1, 20))
    if beat.quiet <= QUIET_LOOKS:
        return pace.quick
    return min(pace.slow, pace.quick * 2.0 ** min(beat.quiet - QUIET_LOOKS, 20))
