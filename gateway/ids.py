"""Ids that nobody has used: the time in milliseconds, then 80 random bits, in base 32 without the
signs that people confuse (Crockford's).
"""

import secrets
from datetime import UTC, datetime

_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(one + other for one in _SIGNS for other in _SIGNS)  # half the steps for each id


def wall_clock() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh id of 26 signs, sortable by the time it was made."""
    milliseconds = int(wall_clock().timestamp() * 1000)
    value = milliseconds << 80 | secrets.randbits(80)
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
