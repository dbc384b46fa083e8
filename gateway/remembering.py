"""Values of headers, read once: the same few come with nearly every request."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

REMEMBERED = 256
"""Most values of one header whose meaning is kept; the one not asked for longest makes room."""

CHARS_MAX = 512
"""Longest value that is kept: a browser's Accept has 150 signs."""


def remembering(read: Callable[[str], T]) -> Callable[[str], T]:
    """A pure function of a header's value, which looks at each of the usual ones once."""
    known = lru_cache(REMEMBERED)(read)

    @wraps(read)
    def remembered(value: str) -> T:
        return known(value) if len(value) <= CHARS_MAX else read(value)

    return remembered
