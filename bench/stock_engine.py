"""Measures the stock engine on a durable store: decisions a second, 500 in flight, no HTTP.

    python -m bench.stock_engine [--store sqlite|mongo] [--rounds N] [--seconds S] [--out FILE]

Each case runs with the engine's own batch limit and with a limit of 1, in turn, on the same schema
(SQLite: write-ahead log, ``synchronous=FULL``; MongoDB: majority and journal, over a stand-in that
syncs at every commit, or the server that GATEWAY_TEST_MONGO_URL names); the ratio of the medians is
what group commit is worth. Then several processes on one store. A decision is one hold, give-back
or count that was answered after its batch was on disk. Client, engine and a stand-in share the
machine; the event loop is the server's. At a limit of 1 nobody gives up, as a command may have to
wait for all the others.
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
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from connectors.sandbox import chain
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.sqlite.engine import open_sqlite
from gateway.serving import run
from resolvers.domain import facts, holds
from resolvers.domain.backing import Hold
from resolvers.domain.books import Batch, Books, Change, Key, Known, Scope
from resolvers.domain.callers import AuditRecord, Deed
from resolvers.domain.errors import Contended
from resolvers.domain.feeds import Feed
from resolvers.domain.reservation import Line
from resolvers.engine import BATCH_MAX, WAIT_SECONDS, Command, StockEngine
from resolvers.ports import Clock, StockStore, Store
from tests.mongod import fresh_name, mongod

IN_FLIGHT = 500
ZIPF_SKUS = 1000
PLENTY = 10**6
PATIENCE = 600.0
RESULTS = Path(__file__).parent / "results"
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

    key = Key("bench", "reserveStock", id)
    return Command(key, "1", Scope(frozenset([sku])), decide, kept(key))


def kept(key: Key) -> AuditRecord:
    """The record of a mutation, as the schema makes it."""
    at = now()
    return AuditRecord(
        key.key, at, key.subject, "shopper", key.mutation, key.key, Deed.DONE, request_id=key.key
    )


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
            return Command(
                key, "1", scope, lambda books: (holds.release(books, known), known), kept(key)
            )
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


async def measured(
    store: Store,
    batch_max: int,
    make: Make,
    name: str,
    seconds: float,
    *,
    in_flight: int = IN_FLIGHT,
) -> Round:
    """Keeps so many commands in flight for some seconds."""
    counted = Counted(store.stock)
    engine = StockEngine(
        counted,  # type: ignore[arg-type]  # by shape
        now,
        batch_max=batch_max,
        wait_seconds=PATIENCE if batch_max == 1 else WAIT_SECONDS,
    )
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
    await asyncio.gather(*(keep_asking(began + seconds) for _ in range(in_flight)))
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


@contextmanager
def places(kind: str) -> Iterator[Callable[[], str]]:
    """Makes places for stores that were not there yet: files, or databases of one server."""
    with tempfile.TemporaryDirectory(prefix="stock-engine-") as directory:
        if kind == "sqlite":
            numbers = count(1)
            yield lambda: str(Path(directory) / f"store-{next(numbers)}.db")
            return
        with mongod(Path(directory), durable=True) as url:
            yield lambda: f"{url}#{fresh_name()}"


def opened(place: str) -> Store:
    """The store at a place."""
    if place.startswith("mongodb"):
        url, _, name = place.partition("#")
        return open_mongo(url, name, now, fresh_name())
    return open_sqlite(Path(place))


@asynccontextmanager
async def shop(place: str) -> AsyncIterator[Store]:
    """A fresh store, its warehouse full."""
    store = opened(place)
    try:
        await stocked(StockEngine(store.stock, now))
        yield store
    finally:
        await store.close()


async def one_process(place: str, case: str, batch_max: int, seconds: float, seed: int) -> Round:
    """One round of one case on a store of its own."""
    async with shop(place) as store:
        make = CASES[case](random.Random(seed))
        await measured(store, batch_max, make, "warm", min(1.0, seconds))
        return await measured(store, batch_max, make, "run", seconds)


def child(
    place: str, name: str, start: float, seconds: float, answers: "multiprocessing.Queue[Round]"
) -> None:
    """One of several processes on one store, all of them begun at an instant."""

    async def work() -> Round:
        store = opened(place)
        try:
            await store.stock.rules()
            await asyncio.sleep(max(0.0, start - time.time()))
            return await measured(store, BATCH_MAX, hot(random.Random(0)), name, seconds)
        finally:
            await store.close()

    answers.put(run(work()))


def several(place: str, processes: int, seconds: float) -> list[Round]:
    """Some processes at once on one store and one SKU."""
    context = multiprocessing.get_context("spawn")

    async def fill() -> None:
        async with shop(place):
            pass

    run(fill())
    answers = context.Queue()
    start = time.time() + 3 + processes
    children = [
        context.Process(target=child, args=(place, f"p{at}", start, seconds, answers))
        for at in range(processes)
    ]
    for process in children:
        process.start()
    found = [answers.get(timeout=seconds + 120) for _ in children]
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
    parser.add_argument("--store", choices=("sqlite", "mongo"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 51), metavar="N")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    seconds = min(asked.seconds, 60.0)
    shown = Table(title=f"Stock engine, durable {asked.store}, {IN_FLIGHT} in flight, medians")
    shown.add_column("case")
    for name in COLUMNS:
        shown.add_column(name, justify="right")
    result: dict[str, object] = {
        "at": now().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "store": asked.store,
    }
    with places(asked.store) as fresh:
        for case in CASES:
            result[case] = limits(fresh, case, asked.rounds, seconds, shown)
        for processes in (1, 2, 4):
            rounds = max(1, asked.rounds // 2)
            result[f"{processes} processes"] = shared(fresh, processes, rounds, seconds, shown)
    sys.stderr.write("\r" + " " * 60 + "\r")
    Console().print(shown)
    names = {"sqlite": "stock_engine.json", "mongo": "stock_engine_mongo.json"}
    out = asked.out or RESULTS / names[asked.store]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def limits(
    fresh: Callable[[], str], case: str, count: int, seconds: float, shown: Table
) -> dict[str, object]:
    """One case at the engine's own limit and at 1, in turn."""
    rounds: dict[int, list[Round]] = {BATCH_MAX: [], 1: []}
    for at in range(count):
        for limit, own in rounds.items():
            sys.stderr.write(f"\r{case}, limit {limit}, round {at + 1} of {count}   ")
            own.append(run(one_process(fresh(), case, limit, seconds, at)))
    middle = {limit: median(own) for limit, own in rounds.items()}
    for limit, row in middle.items():
        shown.add_row(f"{case}, limit {limit}", *(f"{v:g}" for v in asdict(row).values()))
    ratio = middle[BATCH_MAX].decisions_per_second / middle[1].decisions_per_second
    shown.add_row(f"{case}, ratio", f"{ratio:.1f} x")
    return {
        "ratio": round(ratio, 2),
        "limits": {str(limit): [asdict(row) for row in own] for limit, own in rounds.items()},
    }


def shared(
    fresh: Callable[[], str], processes: int, rounds: int, seconds: float, shown: Table
) -> dict[str, object]:
    """Some processes on one store: what they do in all, and the least that one of them does."""
    sys.stderr.write(f"\r{processes} processes on one store           ")
    found = [several(fresh(), processes, seconds) for _ in range(rounds)]
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
    return {"totals": totals, "shares": shares, "contended": lost}


if __name__ == "__main__":
    main()
