"""What a race is and what it came to: cases, runs, and the arithmetic over several of them.

Pure. Times are seconds inside and milliseconds where people read them; rates are by the second.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

SPREAD_MAX = 0.30
ROUNDS_MIN = 3


class Kind(StrEnum):
    """What a buyer does."""

    HOLD = "hold"
    PURCHASE = "hold, place, pay"


@dataclass(frozen=True, slots=True)
class Case:
    """So many buyers after so many units of one SKU, at so many processes."""

    kind: Kind
    processes: int
    buyers: int
    units: int


@dataclass(frozen=True, slots=True)
class Books:
    """What a product has written down of a SKU: ``sold`` by its records of single promises,
    ``counted`` by the number that it sells from.
    """

    sold: int
    counted: int

    def since(self, before: "Books") -> "Books":
        """What came on top."""
        return Books(self.sold - before.sold, self.counted - before.counted)


@dataclass(frozen=True, slots=True)
class Heard:
    """What buyers heard: when each promise came, and how long it took, in seconds of the race."""

    accepted_at: tuple[float, ...]
    took: tuple[float, ...]
    refused: int
    failed: Mapping[str, int]
    unanswered: int
    seconds: float
    cut: bool
    cpu: float


@dataclass(frozen=True, slots=True)
class Run:
    """One race. ``failed`` are errors though units were there or might have been; ``unanswered``
    those whose answer had not come when the race was cut off; ``uncounted`` promises are not in the
    number that the product goes on selling from. ``cpu_ms`` is what servers and databases took of
    the processor for each promise, refusals included; ``reasons`` are those of the failed.
    """

    buyers: int
    accepted: int
    accepted_per_second: float
    answers_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    refused: int
    failed: int
    unanswered: int
    oversold: int
    uncounted: int
    cpu_ms: float | None
    seconds: float
    cut: bool
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Summary:
    """Several rounds of one case, by one measure: its median, its kindest round, and how far the
    rounds lie apart.
    """

    rounds: int
    median: float
    best: float
    spread: float


def percentile(values: Sequence[float], share: float) -> float | None:
    """The least value that so large a share of all does not exceed; None of nothing."""
    assert 0 < share <= 1
    if not values:
        return None
    return sorted(values)[math.ceil(share * len(values)) - 1]


def oversold(accepted: int, sold: int, units: int) -> int:
    """Units promised beyond what there was: to buyers, or in the product's own books, whichever is
    more. What was sold to a buyer who no longer waited is in the books alone.
    """
    return max(0, accepted - units, sold - units)


def rate(heard: Heard, units: int) -> float:
    """Promises a second until the last of them; over the whole time where the race was cut off
    with units left, as more of them would have been sold by a faster server.
    """
    accepted = len(heard.accepted_at)
    if not accepted:
        return 0.0
    whole = heard.cut and accepted < units
    return accepted / (heard.seconds if whole else max(heard.accepted_at))


def judged(case: Case, buyers: int, heard: Heard, grown: Books) -> Run:
    """A race as it goes to the books of this bench. ``buyers`` are those who were in it."""
    accepted = len(heard.accepted_at)
    failed = sum(heard.failed.values())
    answers = accepted + heard.refused + failed
    p50, p99 = (percentile(heard.took, share) for share in (0.50, 0.99))
    return Run(
        buyers=buyers,
        accepted=accepted,
        accepted_per_second=round(rate(heard, case.units), 2),
        answers_per_second=round(answers / heard.seconds, 2),
        p50_ms=None if p50 is None else round(p50 * 1e3, 1),
        p99_ms=None if p99 is None else round(p99 * 1e3, 1),
        refused=heard.refused,
        failed=failed,
        unanswered=heard.unanswered,
        oversold=oversold(accepted, grown.sold, case.units),
        uncounted=max(accepted, grown.sold) - grown.counted,
        cpu_ms=round(heard.cpu / accepted * 1e3, 2) if accepted else None,
        seconds=round(heard.seconds, 2),
        cut=heard.cut,
        reasons=heard.failed,
    )


def summed(runs: Sequence[Run]) -> Summary:
    """What was accepted a second in rounds of one product, of which there is at least one."""
    return _summary([run.accepted_per_second for run in runs], best=max)


def costs(runs: Sequence[Run]) -> Summary:
    """What a promise cost of the processor; a round that made none cost nobody knows how much."""
    return _summary([run.cpu_ms or 0.0 for run in runs], best=min)


def _summary(values: Sequence[float], best: Callable[[Sequence[float]], float]) -> Summary:
    median = statistics.median(values)
    spread = math.inf if min(values) == 0 else (max(values) - min(values)) / median
    return Summary(len(values), median, best(values), spread)


def ratio(ours: Summary, peer: Summary) -> float | str:
    """How many times as fast our median is as the peer's best round, or why nobody can say."""
    return _unfit(ours, peer) or ours.median / peer.best


def saving(ours: Summary, peer: Summary) -> float | str:
    """How many times our median cost the peer's cheapest round took, or why nobody can say."""
    return _unfit(ours, peer) or peer.best / ours.median


def _unfit(ours: Summary, peer: Summary) -> str:
    """Why two runs are not compared; empty if they are."""
    for who, summary in (("ours", ours), ("the peer's", peer)):
        if summary.rounds < ROUNDS_MIN:
            return f"none: {summary.rounds} of {ROUNDS_MIN} rounds ({who})"
        if math.isinf(summary.spread):
            return f"none: a round in which nothing was accepted ({who})"
        if summary.spread > SPREAD_MAX:
            return f"none: spread {summary.spread:.0%} ({who})"
    return ""
