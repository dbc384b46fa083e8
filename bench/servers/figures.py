"""What may be said of several rounds: how far they lie apart, and a ratio or its refusal."""

import statistics
from collections.abc import Sequence

SPREAD_MAX = 0.30
"""How far the rounds of one row may lie apart, of their median, for a ratio to be made of them."""


def spread(figures: Sequence[float]) -> float:
    """How far the outermost of some figures lie apart, as a part of their median.

    Raises:
        ValueError: there are none.
    """
    if not figures:
        raise ValueError("no figures have no spread")
    return (max(figures) - min(figures)) / statistics.median(figures)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """How many times theirs ours is, by medians; none, if the rounds of either lie too far apart
    to say so, or there is a single one, which cannot tell.
    """
    if min(len(ours), len(theirs)) < 2 or max(spread(ours), spread(theirs)) > SPREAD_MAX:
        return None
    return statistics.median(ours) / statistics.median(theirs)


def percentile(figures: Sequence[float], of: int) -> float:
    """The smallest figure that ``of`` percent of all do not exceed (nearest rank).

    Raises:
        ValueError: there are no figures, or the percent is not from 1 to 100.
    """
    if not figures or not 1 <= of <= 100:
        raise ValueError(f"no {of} % of {len(figures)} figures")
    rank = -(-len(figures) * of // 100)
    return sorted(figures)[rank - 1]
