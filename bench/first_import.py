"""Measures the first import of a large retailer: how long it takes, and what memory.

    python -m bench.first_import [--skus N] [--places N] [--rounds N] [--out FILE]

A process opens a new store and reads an ERP for the first time: its places, its catalogue in pages,
and a count of every SKU at every place. The ERP is made up on the spot, a page at a time, so that
what is measured is the gateway's own work; every reading brings strings of its own, as one from a
wire does. Memory is the most that the process ever had resident, looked at after each entity, too.
Beside it, in the same run, the same ERP is read to the end by a client that keeps nothing. Linux
only.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.large_store import VARIANTS_EACH, most_resident, places_of, product_of, sku_of
from bench.progress import said
from connectors.sandbox import chain
from gateway.bootstrap import assemble
from gateway.ids import wall_clock
from gateway.settings import Settings
from gateway.tokens import principal_of
from resolvers.access import Role as Caller
from resolvers.backend_ports import (
    Backend,
    Capabilities,
    Idempotency,
    Level,
    Probe,
    Role,
    StockReading,
)
from resolvers.domain.catalog import Product
from resolvers.domain.locations import Location
from resolvers.domain.sources import BY_SEQUENCE
from resolvers.reading import Memory
from resolvers.sync import entities, sync_entity

CODE = "erp"
PRODUCTS_PER_PAGE = 100
SHALLOW = 20
RESIDENT_MIB_MAX = 400.0
SECONDS_MAX = 3600
RESULTS = Path(__file__).parent / "results" / "first_import.json"


@dataclass(frozen=True, slots=True)
class Imported:
    """What one process came to. ``bare_s`` is how long its ERP takes to be read by somebody who
    keeps nothing; memory is in MiB, the most so far, after each entity.
    """

    seconds: float
    positions_per_second: float
    catalog_s: float
    stock_s: float
    bare_s: float
    started_mib: float
    catalog_mib: float
    most_mib: float


class MadeUpErp:
    """So many SKUs at so many places, made as they are asked for."""

    def __init__(self, skus: int, places: int) -> None:
        self._skus = skus
        self._places = [replace(at, authority=CODE) for at in places_of(places)]

    async def probe(self) -> Probe:
        """It is well."""
        return Probe(good=True, detail=f"{self._skus} SKUs")

    async def locations(self) -> Sequence[Location]:
        """Every place."""
        return self._places

    async def products(self, cursor: str) -> AsyncIterator[tuple[Sequence[Product], str]]:
        """Products in pages; nothing changes."""
        if cursor:
            yield (), cursor
            return
        products = -(-self._skus // VARIANTS_EACH)
        for start in range(0, products, PRODUCTS_PER_PAGE):
            numbers = range(start, min(products, start + PRODUCTS_PER_PAGE))
            yield [product_of(at, self._skus) for at in numbers], "end"

    async def read(self, location: str) -> StockReading:
        """What one place has."""
        levels = {sku_of(at): Level(at % SHALLOW + 1) for at in range(self._skus)}
        return StockReading(location, levels, 1)

    def backend(self) -> Backend:
        """The ERP as the house knows it."""
        return Backend(
            CODE,
            "made-up",
            Capabilities(
                roles=(Role.CATALOG_SOURCE, Role.LOCATION_SOURCE, Role.STOCK_FEED),
                idempotency=Idempotency.NONE,
                stock=BY_SEQUENCE,
            ),
            health=self,
            catalog=self,
            locations=self,
            stock=self,
        )


async def bare(erp: MadeUpErp) -> float:
    """Reads everything, and keeps nothing; how long that took."""
    began = time.perf_counter()
    async for _ in erp.products(""):
        pass
    for place in await erp.locations():
        await erp.read(place.code)
    return time.perf_counter() - began


async def read_first(data: Path, skus: int, places: int) -> Imported:
    """Reads the ERP into a new store."""
    erp = MadeUpErp(skus, places)
    backend = erp.backend()
    runtime = assemble(Settings(), data, (backend,), chain.CHANNELS, wall_clock)
    started, memory = most_resident(), Memory()
    took: dict[str, float] = {}
    most: dict[str, float] = {}
    for entity in entities(backend):
        began = time.perf_counter()
        ctx = runtime.context(principal_of(Caller.ADMIN))
        read = await sync_entity(ctx, backend, entity, memory, whole=True, told=_told)
        if not read.good:
            sys.exit(f"{entity} could not be read")
        took[entity], most[entity] = time.perf_counter() - began, most_resident()
    counted = await runtime.store.stock.skus(None, skus + 1)
    if len(counted) != skus:
        sys.exit(f"{len(counted)} SKUs were counted, not {skus}")
    await runtime.close()
    seconds = sum(took.values())
    return Imported(
        round(seconds, 1),
        round(skus * places / seconds, 1),
        round(took["catalog"], 1),
        round(took["stock"], 1),
        round(await bare(erp), 1),
        started,
        most["catalog"],
        most["stock"],
    )


def _told(entity: str, read: int) -> None:
    said(f"reading: {entity}, {read}")


def in_a_process(skus: int, places: int) -> Imported:
    """The same in a process of its own."""
    words = [sys.executable, "-m", "bench.first_import", "--skus", str(skus)]
    with tempfile.TemporaryDirectory(prefix="first-import-") as data:
        words += ["--places", str(places), "--child", data]
        told = subprocess.run(words, check=True, timeout=SECONDS_MAX, stdout=subprocess.PIPE)
    return Imported(**json.loads(told.stdout))


def table(rounds: Sequence[Imported], title: str) -> Table:
    """The middle of each column, and the worst of memory, for people."""
    shown = Table(title=title)
    shown.add_column("what")
    shown.add_column("median", justify="right")
    rows = [asdict(row) for row in rounds]
    for name in rows[0]:
        middle = statistics.median(row[name] for row in rows)
        shown.add_row(name.replace("_", " "), f"{middle:g}")
    shown.add_row("worst MiB", f"{max(row.most_mib for row in rounds):g}")
    shown.add_row("target MiB", f"{RESIDENT_MIB_MAX:g}")
    return shown


def main() -> None:
    """Runs the rounds and keeps what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--skus", type=int, default=100_000, choices=range(1, 10**6), metavar="N")
    parser.add_argument("--places", type=int, default=10, choices=range(1, 1000), metavar="N")
    parser.add_argument("--rounds", type=int, default=1, choices=range(1, 51), metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        imported = asyncio.run(read_first(asked.child, asked.skus, asked.places))
        print(json.dumps(asdict(imported)))
        return
    rounds = [in_a_process(asked.skus, asked.places) for _ in range(asked.rounds)]
    said("")
    title = f"First import of {asked.skus:,} SKUs at {asked.places} places, durable SQLite"
    Console().print(table(rounds, title))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": wall_clock().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "skus": asked.skus,
        "places": asked.places,
        "rounds": [asdict(row) for row in rounds],
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
