"""Measures growth: a hold of a hot SKU with years behind it, against one in an empty store.

    python -m bench.growth [--entries N] [--live N] [--rounds N] [--seconds S] [--out FILE]

The history is written first, in batches as large as the engine's own: holds that were given back
days ago, then holds that live, each with its reservation and its key, everything through the books
and the store's one door for appends. A copy of it is trimmed and compacted as the gateway does by
itself. Then holds run through the engine on all three stores in turn, 500 in flight and one alone,
each store opened anew for every round and warmed up. Durable SQLite, no HTTP. The processor's time
for a hold is shown too: it says more where others keep the machine busy.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.progress import said
from bench.stock_engine import IN_FLIGHT, PLACES, PLENTY, WEB, Round, hold_of, measured, median, now
from connectors.stores.sqlite.engine import open_sqlite
from resolvers.domain import facts
from resolvers.domain.books import Batch, Books, Change, Key, Known, Recorded, Scope
from resolvers.domain.feeds import Feed
from resolvers.domain.limits import business_day
from resolvers.domain.reservation import (
    Line,
    Reservation,
    Status,
    hold_entries,
    release_entries,
)
from resolvers.domain.stock import Pin, Taker
from resolvers.engine import BATCH_MAX, Command, StockEngine
from resolvers.ports import Store
from resolvers.upkeep import KEYS_KEPT, compact

SKU, PLACE = "HOT", PLACES[0].code
MEMBERS = 10_000
LIVE_FOR = timedelta(days=1)
LONG_AGO = KEYS_KEPT + timedelta(days=1)
RATIO_MAX = 1.3
TRIMMED_AT_ONCE = 5_000
EMPTY, GROWN, COMPACTED = "empty", "grown", "grown, compacted"
WAYS = (f"{IN_FLIGHT} at once", "alone")
WHAT: Mapping[str, Callable[[Round], float]] = {
    "ms": lambda row: row.p50_ms,
    "CPU µs": lambda row: row.cpu_us,
}
"""What is said of a hold: the median of its time, and the processor's time for each."""

RESULTS = Path(__file__).parent / "results" / "growth.json"


@dataclass(frozen=True, slots=True)
class Past:
    """How a store has grown: entries in all, and of those the ones of holds that live."""

    entries: int
    live: int


Step = tuple[str, str, Change]
"""One decision of the past: its mutation, the reservation, and what it changed."""


def held(at: int, since: datetime) -> tuple[Reservation, Pin]:
    """The n-th hold of one unit, somebody's, since an instant."""
    id, member, until = f"past-{at:08}", f"M-{at % MEMBERS:05}", since + LIVE_FOR
    taker = Taker(WEB.code, business_day(since, "UTC"), member, "")
    hold = Reservation(
        id,
        Status.HELD,
        WEB.code,
        (Line(SKU, 1),),
        f"member:{member}",
        since,
        until,
        member,
        units=((SKU, 1),),
    )
    return hold, Pin(id, SKU, PLACE, 1, until, True, taker)


def given_back(numbers: range, since: datetime) -> Iterator[Step]:
    """Holds that ended: each was made, and given back."""
    for at in numbers:
        hold, pin = held(at, since)
        yield (
            "reserveStock",
            hold.id,
            Change(tuple(hold_entries([pin], since)), (pin,), reservations=(hold,)),
        )
        entries, pins = release_entries([pin], since)
        ended = replace(hold, status=Status.RELEASED, expires_at=None, version=1)
        yield (
            "releaseReservation",
            hold.id,
            Change(tuple(entries), tuple(pins), reservations=(ended,)),
        )


def living(numbers: range, since: datetime) -> Iterator[Step]:
    """Holds that live."""
    for at in numbers:
        hold, pin = held(at, since)
        change = Change(tuple(hold_entries([pin], since)), (pin,), reservations=(hold,))
        yield "reserveStock", hold.id, change


async def appended(store: Store, steps: Sequence[Step], at: datetime) -> None:
    """Writes some decisions as one batch, with their keys."""
    scope = Scope(frozenset([SKU]))

    def decide(known: Known) -> Batch:
        books = Books(known, scope)
        for mutation, id, change in steps:
            key = Key(change.reservations[0].subject, mutation, id)
            books.post(change, key.id)
            books.record(Recorded(key.id, "1", id, books.now))
        return books.batch()

    await store.stock.transact(scope, [], lambda: at, decide)


async def stocked(store: Store, at: datetime) -> None:
    """Lets the warehouse have more of the SKU than a bench can take."""
    told = facts.Count(Feed("erp", "stock", PLACE, 1, at), {SKU: (PLENTY, 0)})
    scope = Scope(frozenset([SKU]), feeds=frozenset([told.feed.key]))
    engine = StockEngine(store.stock, lambda: at)
    await engine.run(Command(None, "", scope, lambda books: (facts.count(books, told), PLACE)))


async def grow(file: Path, past: Past) -> None:
    """Writes the past of a store: what ended long ago, then what lives."""
    store = open_sqlite(file)
    try:
        recently = now()
        long_ago = recently - LONG_AGO
        await stocked(store, long_ago)
        ended = (past.entries - past.live) // 2
        done = 0
        for at, steps in (
            (long_ago, given_back(range(ended), long_ago)),
            (recently, living(range(ended, ended + past.live), recently)),
        ):
            while some := list(islice(steps, BATCH_MAX)):
                await appended(store, some, at)
                done += len(some)
                if done % (BATCH_MAX * 40) == 0:
                    said(f"writing the past: {done} of {past.entries} entries")
    finally:
        await store.close()


async def tidied(file: Path) -> None:
    """Drops what is past its retention, and folds the entries, as far as the gateway may."""
    store = open_sqlite(file)
    try:
        before, folded = now() - KEYS_KEPT, 0
        while await store.house.trim(before, TRIMMED_AT_ONCE, TRIMMED_AT_ONCE):
            said("dropping old keys")
        async for step in compact(store, before, now()):
            folded += step.entries
            said(f"compacting: {folded} entries folded")
    finally:
        await store.close()


@dataclass(frozen=True, slots=True)
class Visit:
    """What one round on one store came to."""

    open_ms: float
    at_once: Round
    alone: Round


async def visited(file: Path, name: str, seconds: float) -> Visit:
    """Opens a store, warms it up, and holds from it: many at once, then one after another."""
    began = time.perf_counter()
    store = open_sqlite(file)
    opened = time.perf_counter() - began
    try:
        await measured(store, BATCH_MAX, _hot, f"{name}-warm", min(1.0, seconds))
        at_once = await measured(store, BATCH_MAX, _hot, f"{name}-many", seconds)
        alone = await measured(store, BATCH_MAX, _hot, f"{name}-alone", seconds, in_flight=1)
    finally:
        await store.close()
    return Visit(round(opened * 1e3, 1), at_once, alone)


def _hot(id: str) -> Command:
    return hold_of(id, SKU)


async def fresh(file: Path) -> None:
    """An empty store, but for the SKU's stock."""
    store = open_sqlite(file)
    try:
        await stocked(store, now())
    finally:
        await store.close()


def table(found: Mapping[str, Sequence[Visit]], sizes: Mapping[str, int], title: str) -> Table:
    """The rounds for people: medians, and how much longer a hold takes than in an empty store."""
    shown = Table(title=title)
    shown.add_column("store")
    for name in ("MiB", "open ms", *(f"{way}, {what}" for way in WAYS for what in WHAT)):
        shown.add_column(name, justify="right")
    for name, visits in found.items():
        opened = statistics.median(visit.open_ms for visit in visits)
        cells = [f"{sizes[name] / 1024**2:.0f}", f"{opened:g}"]
        for rounds in ([visit.at_once for visit in visits], [visit.alone for visit in visits]):
            cells += [f"{median(rounds).p50_ms:g}", f"{median(rounds).cpu_us:g}"]
        shown.add_row(name, *cells)
        if name != EMPTY:
            own = ratios(found[EMPTY], visits).values()
            shown.add_row("  to empty", "", "", *(f"{value:.2f} x" for value in own))
    target = f"{RATIO_MAX:g} x"
    shown.add_row("target", "", "", target, "", target, "")
    return shown


def ratios(empty: Sequence[Visit], visits: Sequence[Visit]) -> dict[str, float]:
    """How much longer a hold takes, and how much more of the processor, than in an empty store:
    medians over the rounds, many at once and alone.
    """
    pairs = list(zip(empty, visits, strict=True))
    many = [(own.at_once, base.at_once) for base, own in pairs]
    one = [(own.alone, base.alone) for base, own in pairs]
    return {
        f"{way}, {what}": round(statistics.median(of(own) / of(base) for own, base in rounds), 3)
        for way, rounds in zip(WAYS, (many, one), strict=True)
        for what, of in WHAT.items()
    }


def main() -> None:
    """Writes the past, runs the rounds and keeps what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=10**6, help="entries behind the SKU")
    parser.add_argument("--live", type=int, default=10**5, help="of those, of holds that live")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 51), metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    past, seconds = Past(asked.entries, asked.live), min(asked.seconds, 60.0)
    if not 0 <= past.live <= past.entries <= PLENTY * 10:
        parser.error("there are as many entries as live holds, or more")
    found: dict[str, list[Visit]] = {EMPTY: [], GROWN: [], COMPACTED: []}
    sizes: dict[str, int] = {}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="growth-")))
        files = {name: root / f"store-{at}.db" for at, name in enumerate(found)}
        began = time.perf_counter()
        asyncio.run(grow(files[GROWN], past))
        built = time.perf_counter() - began
        shutil.copyfile(files[GROWN], files[COMPACTED])
        began = time.perf_counter()
        asyncio.run(tidied(files[COMPACTED]))
        folded = time.perf_counter() - began
        for at in range(asked.rounds):
            for name, visits in found.items():
                said(f"{name}, round {at + 1} of {asked.rounds}")
                if name == EMPTY:
                    files[name].unlink(missing_ok=True)
                    asyncio.run(fresh(files[name]))
                visits.append(asyncio.run(visited(files[name], f"round-{at}", seconds)))
                sizes[name] = files[name].stat().st_size
    said("")
    title = (
        f"{past.entries:,} entries and {past.live:,} live holds behind one SKU, written in"
        f" {built:.0f} s, compacted in {folded:.0f} s; durable SQLite, medians"
    )
    Console().print(table(found, sizes, title))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": now().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        **asdict(past),
        "built_s": round(built, 1),
        "compacted_s": round(folded, 1),
        "ratios": {name: ratios(found[EMPTY], found[name]) for name in (GROWN, COMPACTED)},
        "bytes": sizes,
        "rounds": {name: [asdict(visit) for visit in visits] for name, visits in found.items()},
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
