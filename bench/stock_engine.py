"""Measures the stock engine on durable SQLite: decisions a second, 500 in flight, no HTTP.

    python bench/stock_engine.py [--rounds N] [--seconds S] [--out FILE]

Each case runs with the engine's own batch limit and with a limit of 1, in turn, on the same schema
and PRAGMAs (write-ahead log, ``synchronous=FULL``); the ratio of the medians is what group commit
is worth. Then several processes on one file. A decision is one hold, give-back or count that was
answered after its batch was on disk. It runs on the event loop that the server runs on. Client and
engine share the machine.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from connectors.sandbox import chain
from connectors.stores.sqlite.engine import open_sqlite
from gateway.serving import run
from resolvers.domain import facts, holds
from resolvers.domain.backing import Hold
from resolvers.domain.books import Batch, Books, Change, Key, Known, Scope
from resolvers.domain.errors import Contended
from resolvers.domain.feeds import Feed
from resolvers.domain.reservation import Line
from resolvers.engine import BATCH_MAX, Command, StockEngine
from resolvers.ports import Clock, StockStore, Store

IN_FLIGHT = 500
ZIPF_SKUS = 1000
PLENTY = 10**6
RESULTS = Path(__file__).parent / "results" / "stock_engine.json"
WEB, PLACES = chain.CHANNELS[0], tuple(chain.LOCATIONS)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to. A sync is one durable commit of the write-ahead log."""

    decisions_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    batch: float
    syncs_per_decision: float
    contended: int


class Counted:
    """A stock store that counts its transactions; each that writes is one commit, one sync."""

    def __init__(self, behind: StockStore) -> None:
        self._behind = behind
        self.commits = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._behind, name)

    async def transact(
        self, scope: Scope, keys: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        """One transaction."""
        batch = await self._behind.transact(scope, keys, clock, decide)
        self.commits += not batch.empty
        return batch


Make = Callable[[str], Command]
"""Makes the next command, given an id that nobody has used."""


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def hold_of(id: str, sku: str) -> Command:
    """A hold of one unit, anywhere."""
    hold = Hold(id, "bench", WEB, (Line(sku, 1),), PLACES, 900, channels={WEB.code: WEB})

    def decide(books: Books) -> tuple[Change, str]:
        return holds.reserve(books, hold), id

    return Command(Key("bench", "reserveStock", id), "1", Scope(frozenset([sku])), decide)


def hot(_: random.Random) -> Make:
    """Everybody wants one SKU."""
    return lambda id: hold_of(id, "HOT")


def zipf(dice: random.Random) -> Make:
    """A thousand SKUs, the n-th asked for a n-th as often; one in five decisions is a give-back."""
    skus = [f"Z-{at:04}" for at in range(ZIPF_SKUS)]
    weights = [1 / at for at in range(1, ZIPF_SKUS + 1)]
    drawn = iter(dice.choices(skus, weights, k=1_000_000))
    held: list[tuple[str, str]] = []

    def make(id: str) -> Command:
        if len(held) > IN_FLIGHT * 2 and dice.random() < 0.2:
            known, sku = held.pop(0)
            scope = Scope(frozenset([sku]), frozenset([known]))
            key = Key("bench", "releaseReservation", id)
            return Command(key, "1", scope, lambda books: (holds.release(books, known), known))
        sku = next(drawn)
        held.append((id, sku))
        return hold_of(id, sku)

    return make


CASES: Mapping[str, Callable[[random.Random], Make]] = {"hot SKU": hot, "Zipf mix": zipf}


async def stocked(engine: StockEngine) -> None:
    """Fills the warehouse, more than a bench can take."""
    place = PLACES[0].code
    skus = ["HOT", *(f"Z-{at:04}" for at in range(ZIPF_SKUS))]
    told = facts.Count(Feed("erp", "stock", place, 1, now()), dict.fromkeys(skus, (PLENTY, 0)))
    scope = Scope(frozenset(skus), feeds=frozenset([told.feed.key]))
    await engine.run(Command(None, "", scope, lambda books: (facts.count(books, told), place)))


async def measured(store: Store, batch_max: int, make: Make, name: str, seconds: float) -> Round:
    """Keeps 500 commands in flight for some seconds."""
    counted = Counted(store.stock)
    engine = StockEngine(counted, now, batch_max=batch_max)  # type: ignore[arg-type]  # by shape
    numbers = count(1)
    times: list[float] = []
    contended = 0

    async def keep_asking(until: float) -> None:
        nonlocal contended
        while (began := time.perf_counter()) < until:
            try:
                await engine.run(make(f"{name}-{next(numbers):08}"))
            except Contended:
                contended += 1
            else:
                times.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(keep_asking(began + seconds) for _ in range(IN_FLIGHT)))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    cuts = statistics.quantiles(times, n=100)
    made = len(times)
    return Round(
        round(made / took, 1),
        round(cuts[49] * 1e3, 2),
        round(cuts[98] * 1e3, 2),
        round(used / made * 1e6, 1),
        round(made / counted.commits, 1),
        round(counted.commits / made, 4),
        contended,
    )


@asynccontextmanager
async def shop(directory: Path) -> AsyncIterator[Store]:
    """A fresh store on disk, its warehouse full."""
    store = open_sqlite(directory / "store.db")
    try:
        await stocked(StockEngine(store.stock, now))
        yield store
    finally:
        await store.close()


async def one_process(case: str, batch_max: int, seconds: float, seed: int) -> Round:
    """One round of one case on a store of its own."""
    with tempfile.TemporaryDirectory(prefix="stock-engine-") as directory:
        async with shop(Path(directory)) as store:
            make = CASES[case](random.Random(seed))
            await measured(store, batch_max, make, "warm", min(1.0, seconds))
            return await measured(store, batch_max, make, "run", seconds)


def child(
    directory: str, name: str, start: float, seconds: float, answers: "multiprocessing.Queue[Round]"
) -> None:
    """One of several processes on one file, all of them begun at an instant."""

    async def work() -> Round:
        store = open_sqlite(Path(directory) / "store.db")
        try:
            await asyncio.sleep(max(0.0, start - time.time()))
            return await measured(store, BATCH_MAX, hot(random.Random(0)), name, seconds)
        finally:
            await store.close()

    answers.put(run(work()))


def several(processes: int, seconds: float) -> list[Round]:
    """Some processes at once on one file and one SKU."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="stock-engine-") as directory:

        async def fill() -> None:
            async with shop(Path(directory)):
                pass

        run(fill())
        answers = context.Queue()
        start = time.time() + 3 + processes
        children = [
            context.Process(target=child, args=(directory, f"p{at}", start, seconds, answers))
            for at in range(processes)
        ]
        for process in children:
            process.start()
        found = [answers.get(timeout=seconds + 60) for _ in children]
        for process in children:
            process.join(timeout=20)
        return found


def median(rounds: Sequence[Round]) -> Round:
    """The middle of each column."""
    rows = [asdict(row) for row in rounds]
    return Round(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


COLUMNS = ("decisions/s", "p50 ms", "p99 ms", "CPU µs", "batch", "syncs/decision", "contended")


def main() -> None:
    """Runs every case and keeps what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 51), metavar="N")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    console, seconds = Console(), min(asked.seconds, 60.0)
    shown = Table(title=f"Stock engine, durable SQLite, {IN_FLIGHT} in flight, medians")
    shown.add_column("case")
    for name in COLUMNS:
        shown.add_column(name, justify="right")
    result: dict[str, object] = {
        "at": now().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    for case in CASES:
        rounds: dict[int, list[Round]] = {BATCH_MAX: [], 1: []}
        for at in range(asked.rounds):
            for limit, own in rounds.items():
                sys.stderr.write(f"\r{case}, limit {limit}, round {at + 1} of {asked.rounds}   ")
                own.append(run(one_process(case, limit, seconds, at)))
        middle = {limit: median(own) for limit, own in rounds.items()}
        for limit, row in middle.items():
            shown.add_row(f"{case}, limit {limit}", *(f"{v:g}" for v in asdict(row).values()))
        ratio = middle[BATCH_MAX].decisions_per_second / middle[1].decisions_per_second
        shown.add_row(f"{case}, ratio", f"{ratio:.1f} x")
        result[case] = {
            "ratio": round(ratio, 2),
            "limits": {str(limit): [asdict(row) for row in own] for limit, own in rounds.items()},
        }
    for processes in (1, 2, 4):
        sys.stderr.write(f"\r{processes} processes on one file           ")
        found = [several(processes, seconds) for _ in range(max(1, asked.rounds // 2))]
        totals = [sum(row.decisions_per_second for row in rows) for rows in found]
        shares = [
            min(row.decisions_per_second for row in rows) * processes / total
            for rows, total in zip(found, totals, strict=True)
        ]
        lost = [sum(row.contended for row in rows) for rows in found]
        shown.add_row(
            f"{processes} processes",
            f"{statistics.median(totals):g}",
            *[""] * 5,
            f"{statistics.median(lost):g}",
        )
        shown.add_row("  least share of a fair one", f"{min(shares):.2f}")
        result[f"{processes} processes"] = {"totals": totals, "shares": shares, "contended": lost}
    sys.stderr.write("\r" + " " * 60 + "\r")
    console.print(shown)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
