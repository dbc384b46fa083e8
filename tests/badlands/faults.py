"""The ways to fail, and which of them nobody can be expected to notice."""

from enum import StrEnum


class Fault(StrEnum):
    """What happens to every call while it lasts. Its value is its name on the page."""

    REFUSED = "connection refused"
    HANGING = "accepts, never answers"
    TRICKLE = "one byte a second"
    RESET = "reset in mid-body"
    ANSWER_LOST = "does it, loses the answer"
    FAILS = "HTTP 500"
    THROTTLED = "HTTP 429, Retry-After: 1"
    THROTTLED_BARE = "HTTP 429 alone"
    NOT_JSON = "a page instead of JSON"
    WRONG_SHAPE = "JSON of another shape"
    ERROR_IN_200 = "HTTP 200 with an error"
    EXPIRED = "credentials refused"
    FIELD_GONE = "a field is gone"
    CLOCK_AHEAD = "clock ten minutes ahead"
    CLOCK_BEHIND = "clock ten minutes behind"
    RESTORED = "restored from yesterday"


GRAVEST = (Fault.REFUSED, Fault.HANGING, Fault.RESET, Fault.FAILS)
"""Those that are tried with every pair of backends; each other is with one."""

SILENT = frozenset({Fault.CLOCK_AHEAD, Fault.CLOCK_BEHIND, Fault.RESTORED})
"""Answers stay well formed: nothing is to be named, but nothing may be missed either."""
