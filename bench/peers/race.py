"""The race itself: buyers who stand ready, one moment at which all begin, a bounded end."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from bench.peers.figures import Books, Case, Heard, Kind, Run, judged

HOLD_SECONDS = 8.0
CUT_SECONDS = 60.0
PREPARE_SECONDS = 180.0
BOOKS_SECONDS = 60.0
REASON_MAX = 90
_ID = re.compile(r"\b(?=\w*\d)[\w-]{12,}\b|\d{4,}")


class Outcome(Enum):
    """What a buyer was told, in order."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # nothing is left


class Failed(Exception):
    """An error, whatever is left; the message is the server's, cut and without ids."""

    def __init__(self, told: object) -> None:
        super().__init__(_ID.sub("…", str(told))[:REASON_MAX])


class Buyer(Protocol):
    """One who is connected, and has whatever is made ready before a race."""

    async def connects(self) -> None:
        """Opens its connection anew, as servers hang up on those who have waited for others."""

    async def buys(self) -> Outcome:
        """One unit, once.

        Raises:
            Failed: neither promised nor refused.
            ConnectionError: the server has hung up.
        """

    @property
    def wants_more(self) -> bool:
        """Whether it can buy again."""

    def close(self) -> None:
        """Hangs up."""


class Stall(Protocol):
    """A product that runs, with so many server processes, and sells one hot SKU."""

    name: str
    steps: Mapping[Kind, str]

    async def stocked(self, case: Case) -> None:
        """Makes so many units of one SKU free, and no more."""

    async def ready(self, case: Case, seconds: float) -> Sequence[Buyer]:
        """Buyers of the case, or as many as could be made ready in so long."""

    async def books(self) -> Books:
        """What is written down of the SKU that was last stocked."""

    async def restarted(self) -> None:
        """Ends the server processes in the middle of what they do, and starts them again."""


@dataclass(slots=True)
class _Tally:
    """What has been heard so far."""

    began: float
    accepted_at: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    refused: int = 0
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds: that buyers go on, until a race is cut off, and to make it ready."""

    hold: float = HOLD_SECONDS
    cut: float = CUT_SECONDS
    prepare: float = PREPARE_SECONDS


async def race(
    stall: Stall, case: Case, bounds: Bounds, cpu: Callable[[], float] = lambda: 0.0
) -> Run:
    """One race of one case, and what the product's own books say of it afterwards; ``cpu`` tells
    the seconds of the processor that its servers have had.
    """
    await stall.stocked(case)
    buyers = await stall.ready(case, bounds.prepare)
    try:
        before = await _within(BOOKS_SECONDS, stall.books)
        await asyncio.gather(*(buyer.connects() for buyer in buyers))
        heard = await _run(buyers, bounds, cpu)
    finally:
        for buyer in buyers:
            buyer.close()
    if heard.cut:  # what still runs there would slow whoever is next
        await stall.restarted()
    after = await _within(BOOKS_SECONDS, stall.books)
    return judged(case, len(buyers), heard, after.since(before))


async def _run(buyers: Sequence[Buyer], bounds: Bounds, cpu: Callable[[], float]) -> Heard:
    before = cpu()
    tally = _Tally(time.perf_counter())
    until = tally.began + bounds.hold
    tasks = [asyncio.create_task(_shops(buyer, tally, until)) for buyer in buyers]
    if not tasks:
        return Heard((), (), 0, {}, 0, bounds.cut, cut=True, cpu=0.0)
    done, late = await asyncio.wait(tasks, timeout=bounds.cut)
    seconds = time.perf_counter() - tally.began
    spent = cpu() - before
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        task.result()  # a bug of the bench is no answer of a server
    return Heard(
        tuple(tally.accepted_at),
        tuple(tally.took),
        tally.refused,
        dict(tally.failed),
        len(late),
        seconds,
        cut=bool(late),
        cpu=spent,
    )


async def _shops(buyer: Buyer, tally: _Tally, until: float) -> None:
    """Buys one unit after the other until nothing is left, or for as long as buyers go on."""
    while (began := time.perf_counter()) < until:
        try:
            outcome = await buyer.buys()
        except ConnectionError:
            tally.failed["connection lost"] += 1
            return
        except Failed as failure:
            tally.failed[str(failure)] += 1
            if buyer.wants_more:
                continue
            return
        ended = time.perf_counter()
        if outcome is Outcome.REFUSED:
            tally.refused += 1
            return
        tally.accepted_at.append(ended - tally.began)
        tally.took.append(ended - began)
        if not buyer.wants_more:
            return


async def _within(seconds: float, ask: Callable[[], Awaitable[Books]]) -> Books:
    async with asyncio.timeout(seconds):
        return await ask()
