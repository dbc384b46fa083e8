"""Measures a large store: how soon it is open, and what memory serving from it takes.

    python -m bench.large_store [--skus N] [--places N] [--rounds N] [--seconds S] [--data DIR]

A retailer's catalogue and one count of every SKU at every place are written first, through the
engine: five million positions take minutes and some gigabytes of disk. Then a process that only
opens that store, as ``gateway`` would, and serves holds by Zipf from it, is measured from outside:
in turn with the file in the system's cache and without. No HTTP; its memory is the most that the
process ever had resident, the asking callers included. Linux only. ``--data`` keeps the store, or
takes one that was kept.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.progress import said
from connectors.sandbox import chain
from gateway.bootstrap import STORE_FILE, Runtime, assemble
from gateway.ids import wall_clock
from gateway.settings import Settings
from gateway.tokens import principal_of
from gateway.workers import running
from resolvers.access import Role
from resolvers.domain import facts
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Product, Provenance, Variant
from resolvers.domain.feeds import Feed
from resolvers.domain.locations import Location
from resolvers.domain.reservation import Line
from resolvers.domain.values import Money
from resolvers.engine import Command
from resolvers.reservations import ReserveStock, reserve_stock

IN_FLIGHT = 100
SKUS_PER_COUNT = 200  # as many as the following of a backend writes at a time
VARIANTS_EACH = 4
PRODUCTS_PER_SAVE = 500
DEEP, SHALLOW = 10_000, 20
"""Units of each SKU in the warehouse, and at most in any other place."""

CHANNEL = chain.CHANNELS[0].code
OPEN_SECONDS_MAX, RESIDENT_MIB_MAX = 10.0, 1024.0
SECONDS_MAX = 300
COLD, WARM = "not cached", "cached"
RESULTS = Path(__file__).parent / "results" / "large_store.json"


@dataclass(frozen=True, slots=True)
class Served:
    """What one process came to. ``first_s`` is from its start to its first hold that was answered,
    ``open_s`` what of it went into opening the store; memory is the most that was resident.
    """

    open_s: float
    first_s: float
    opened_mib: float
    resident_mib: float
    holds_per_second: float
    p50_ms: float
    p99_ms: float


def places_of(many: int) -> list[Location]:
    """The make-believe chain's places again and again, until there are enough."""
    own = chain.LOCATIONS
    return [replace(own[at % len(own)], code=f"L-{at:03}") for at in range(many)]


def sku_of(at: int) -> str:
    """The n-th SKU."""
    return f"SKU-{at:06}"


def product_of(at: int, skus: int) -> Product:
    """The n-th product, with a few variants."""
    heard = (Provenance("erp", f"P-{at:06}", chain.SEEDED_AT),)
    variants = tuple(
        Variant(
            sku_of(number),
            f"p-{at:06}",
            {"zh-CN": f"保湿面霜 {number} 号", "en": f"Cream No. {number}"},
            (f"69{number:011}",),
            (("size", f"{number % VARIANTS_EACH * 15 + 15} ml"),),
            {channel.code: Money(9900 + number % 500, "CNY") for channel in chain.CHANNELS},
            provenance=heard,
        )
        for number in range(at * VARIANTS_EACH, min(skus, (at + 1) * VARIANTS_EACH))
    )
    titles = {"zh-CN": f"保湿面霜系列 {at}", "en": f"Creams {at}"}
    return Product(
        f"p-{at:06}",
        titles,
        variants,
        f"Brand {at % 40}",
        categories=(f"category-{at % 25}",),
        provenance=heard,
    )


def opened(data: Path) -> Runtime:
    """A gateway without a backend over the store in a directory."""
    return assemble(Settings(), data, (), chain.CHANNELS, wall_clock)


def count_of(feed: Feed, numbers: range) -> Command:
    """One place's word on some SKUs: in the warehouse many, elsewhere a few."""
    deep = DEEP if feed.location == "L-000" else 0
    levels = {sku_of(at): (deep + at % SHALLOW + 1, 0) for at in numbers}
    told = facts.Count(feed, levels)

    def decide(books: Books) -> tuple[Change, str]:
        return facts.count(books, told), feed.location

    return Command(None, "", Scope(frozenset(levels), feeds=frozenset([feed.key])), decide)


async def build(data: Path, skus: int, places: int) -> None:
    """Writes the catalogue, and a count of every SKU at every place."""
    runtime = opened(data)
    now = wall_clock()
    try:
        found = places_of(places)
        await runtime.store.catalog.save_locations(found)
        products = -(-skus // VARIANTS_EACH)
        for start in range(0, products, PRODUCTS_PER_SAVE):
            said(f"writing products: {start} of {products}")
            numbers = range(start, min(products, start + PRODUCTS_PER_SAVE))
            shown = [product_of(at, skus) for at in numbers]
            await runtime.store.catalog.save_products(shown, now)
        feeds = [Feed("erp", "stock", at.code, 1, now) for at in found]
        for start in range(0, skus, SKUS_PER_COUNT):
            said(f"counting: {start * places} of {skus * places}")
            numbers = range(start, min(skus, start + SKUS_PER_COUNT))
            counts = [count_of(feed, numbers) for feed in feeds]
            await asyncio.gather(*(runtime.engine.run(told) for told in counts))
    finally:
        await runtime.close()


def most_resident() -> float:
    """MiB that this process had resident at its most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return round(int(value.split()[0]) / 1024, 1)
    raise RuntimeError("this system does not say what a process has resident")


async def serve(data: Path, skus: int, seconds: float, seed: int, started: float) -> Served:
    """Opens the store and keeps it busy with holds of one unit for some seconds."""
    began = time.monotonic()
    runtime = opened(data)
    took, at_first = time.monotonic() - began, most_resident()
    dice = random.Random(seed)
    ranked = [sku_of(at) for at in range(skus)]
    dice.shuffle(ranked)  # what is asked for most lies all over the file
    weights = [1 / at for at in range(1, skus + 1)]
    drawn = iter(dice.choices(ranked, weights, k=500_000))
    numbers = count(1)
    times: list[float] = []

    async def hold() -> None:
        at = next(numbers)
        caller = principal_of(Role.SHOPPER, member=f"M-{at % 10_000:05}")
        asked = ReserveStock(f"{seed}-{at}", CHANNEL, (Line(next(drawn), 1),))
        since = time.perf_counter()
        await reserve_stock(runtime.context(caller), asked)
        times.append(time.perf_counter() - since)

    async def keep_asking(until: float) -> None:
        while time.monotonic() < until:
            await hold()

    async with running(runtime):
        await hold()
        first = time.monotonic() - started
        times.clear()
        began = time.monotonic()
        await asyncio.gather(*(keep_asking(began + seconds) for _ in range(IN_FLIGHT)))
        busy = time.monotonic() - began
    await runtime.close()
    cuts = statistics.quantiles(times, n=100)
    return Served(
        round(took, 2),
        round(first, 2),
        at_first,
        most_resident(),
        round(len(times) / busy, 1),
        round(cuts[49] * 1e3, 1),
        round(cuts[98] * 1e3, 1),
    )


def forget(file: Path) -> None:
    """Drops a file from the system's cache of pages, so that it is read from the disk again."""
    with file.open("rb") as opened_file:
        os.fsync(opened_file.fileno())
        os.posix_fadvise(opened_file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_whole(file: Path) -> None:
    """Reads a file once, so that its pages are in the system's cache."""
    with file.open("rb", buffering=0) as opened_file:
        while opened_file.read(1 << 24):
            pass


def in_a_process(data: Path, skus: int, seconds: float, seed: int) -> Served:
    """The same in a process of its own."""
    words = [
        sys.executable,
        "-m",
        "bench.large_store",
        "--skus",
        str(skus),
        "--seconds",
        str(seconds),
    ]
    words += ["--child", str(data), "--seed", str(seed), "--started", str(time.monotonic())]
    limit = seconds + SECONDS_MAX
    told = subprocess.run(words, check=True, timeout=limit, stdout=subprocess.PIPE).stdout
    return Served(**json.loads(told))


def median(rounds: Sequence[Served]) -> Served:
    """The middle of each column."""
    rows = [asdict(row) for row in rounds]
    return Served(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


def table(found: dict[str, list[Served]], title: str) -> Table:
    """The rounds for people."""
    shown = Table(title=title)
    shown.add_column("file")
    for name in ("open s", "first hold s", "MiB opened", "MiB at most", "holds/s"):
        shown.add_column(name, justify="right")
    for name in ("p50 ms", "p99 ms"):
        shown.add_column(name, justify="right")
    for way, rounds in found.items():
        shown.add_row(way, *(f"{value:g}" for value in asdict(median(rounds)).values()))
    worst_open = max(row.open_s for rounds in found.values() for row in rounds)
    most = max(row.resident_mib for rounds in found.values() for row in rounds)
    shown.add_row("worst", f"{worst_open:g}", "", "", f"{most:g}")
    shown.add_row("target", f"{OPEN_SECONDS_MAX:g}", "", "", f"{RESIDENT_MIB_MAX:g}")
    return shown


def main() -> None:
    """Builds the store if it is not there, runs the rounds and keeps what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--skus", type=int, default=100_000, choices=range(1, 10**6), metavar="N")
    parser.add_argument("--places", type=int, default=50, choices=range(1, 1000), metavar="N")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 51), metavar="N")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a round")
    parser.add_argument("--data", type=Path, help="directory of the store; absent: one for now")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    seconds = min(asked.seconds, 60.0)
    if asked.child is not None:
        served = serve(asked.child, asked.skus, seconds, asked.seed, asked.started)
        print(json.dumps(asdict(asyncio.run(served))))
        return
    with ExitStack() as stack:
        data = asked.data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="large-store-"))
        )
        file, began = data / STORE_FILE, time.monotonic()
        if not file.exists():
            asyncio.run(build(data, asked.skus, asked.places))
        built, size = time.monotonic() - began, file.stat().st_size / 1024**3
        found: dict[str, list[Served]] = {COLD: [], WARM: []}
        for at in range(asked.rounds):
            for way, rounds in found.items():
                said(f"{way}, round {at + 1} of {asked.rounds}")
                (forget if way == COLD else read_whole)(file)
                rounds.append(in_a_process(data, asked.skus, seconds, time.time_ns() % 10**9))
    said("")
    title = (
        f"{asked.skus * asked.places:,} positions, {size:.1f} GiB, written in {built:.0f} s;"
        f" holds by Zipf, {IN_FLIGHT} in flight, medians"
    )
    Console().print(table(found, title))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": wall_clock().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "skus": asked.skus,
        "places": asked.places,
        "gib": round(size, 2),
        "built_s": round(built, 1),
        "rounds": {way: [asdict(row) for row in rounds] for way, rounds in found.items()},
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
