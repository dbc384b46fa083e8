"""How soon a sale at a till lowers a marketplace's number, at default settings.

    python -m bench.publication [--sales N] [--out FILE]

A demo on durable SQLite, whose two marketplaces are told everything first; then tills sell one unit
after the other, and the time is taken until the marketplace offers one less. The tills' system, the
ERP, the gateway and the marketplace share the machine. Exit status: 1 if a sale is never told.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.over_http import served
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.marketplaces import TYPED_IN, SandboxMarketplace
from connectors.sandbox.tills import SandboxTills

RESULTS = Path(__file__).parent / "results" / "publication.json"
SHOPS = ("ST-01", "ST-02", "ST-03", "ST-04")
KEPT = 1
"""Units that each shop keeps for people in it: their sale lowers no other channel's promise."""
FIRST_WALK_SECONDS = 120.0
TOLD_SECONDS = 30.0
LOOK_SECONDS = 0.01
SKUS_MAX = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it. ``first_walk_seconds`` is from the open door until all was told."""

    listings: int
    first_walk_seconds: float
    sales: int
    p50_ms: float
    p99_ms: float
    max_ms: float


async def measure(root: Path, sales: int) -> Told:
    """Runs it on a demo of its own."""
    data = root / "data"
    began = time.perf_counter()
    async with served(data):
        market, tills = SandboxMarketplace(data, "a"), SandboxTills(data)
        listings = await market.stands_for()
        await _first_walk(market, list(listings))
        walked = time.perf_counter() - began
        times: list[float] = []
        erp = SandboxErp(data)
        stocked = {shop: (await erp.read(shop)).levels for shop in SHOPS}
        erp.close()
        there = [
            (listing, sku, shop)
            for listing, sku in list(listings.items())[:SKUS_MAX]
            for shop in SHOPS
            if sku in stocked[shop] and stocked[shop][sku].on_hand > KEPT
        ]
        for listing, sku, shop in there[:sales]:
            before = (await market.published([listing]))[listing]
            sent = time.perf_counter()
            await tills.sell(shop, sku, 1)
            if not await _lowered(market, listing, before):
                sys.exit(f"{sku}, sold in {shop}, was not told within {TOLD_SECONDS:g} s")
            times.append(time.perf_counter() - sent)
        market.close()
        tills.close()
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    figures = (round(at * 1e3, 1) for at in (cuts[49], cuts[98], max(times)))
    return Told(len(listings), round(walked, 1), len(times), *figures)


async def _first_walk(market: SandboxMarketplace, ids: Sequence[str]) -> None:
    async with asyncio.timeout(FIRST_WALK_SECONDS):
        last = -1
        while True:
            numbers = await market.published(ids)
            told = sum(number != TYPED_IN for number in numbers.values())
            if told and told == last:
                return
            last = told
            await asyncio.sleep(2)


async def _lowered(market: SandboxMarketplace, listing: str, before: int) -> bool:
    """Waits until the number has fallen; False if it does not."""
    until = time.perf_counter() + TOLD_SECONDS
    while time.perf_counter() < until:
        if (await market.published([listing]))[listing] < before:
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False


def main() -> None:
    """Runs and keeps what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sales", type=int, default=40)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="publication-") as folder:
        told = asyncio.run(measure(Path(folder), asked.sales))
    shown = Table(title="From a till to a marketplace, default settings")
    shown.add_column("what")
    shown.add_column("figure", justify="right")
    for name, figure in asdict(told).items():
        shown.add_row(name.replace("_", " "), f"{figure:g}")
    Console().print(shown)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "told": asdict(told),
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
