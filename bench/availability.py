"""Measures availability: one question about 10 SKUs against one about 100, on durable SQLite.

    python -m bench.availability [--rounds N] [--seconds S] [--out FILE]

The sandbox retailer's goods and stock are read once, as a gateway reads them. Then it is asked with
nothing read yet, as each request asks, about SKUs drawn anew each time: by the flow that stands
behind the field ``availability``, and by the whole operation of that field. Both sizes take turns
within a round. No HTTP.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.progress import said
from connectors.sandbox import chain, goods
from gateway.bootstrap import Runtime, bootstrap_demo
from gateway.ids import wall_clock
from gateway.settings import Settings
from gateway.tokens import principal_of
from gateway.workers import sync_once
from resolvers import stock
from resolvers.access import Role
from schema.info import RequestContext
from schema.operations import Operation, run
from schema.root import build_schema

FEW, MANY = 10, 100
RATIO_MAX = 5.0
CHANNEL = chain.CHANNELS[0].code
SKUS = [v.sku for p in goods.catalogue() for v in p.variants if not v.components]
SCHEMA = build_schema()
DOCUMENT = """
query ($skus: [String!]!, $channel: String!) {
  availability(skus: $skus, channel: $channel) { sku availableToPromise }
}
"""
SHOPPER = principal_of(Role.SHOPPER, member="M-1")
RESULTS = Path(__file__).parent / "results" / "availability.json"


Ask = Callable[[Runtime, Sequence[str]], Awaitable[int]]
"""Asks about some SKUs as a request of its own; how many were answered."""


async def by_flow(runtime: Runtime, skus: Sequence[str]) -> int:
    """The question as the field asks it."""
    found = await stock.availability(runtime.context(SHOPPER), skus, CHANNEL)
    return sum(promise is not None for promise in found)


async def by_field(runtime: Runtime, skus: Sequence[str]) -> int:
    """The whole operation."""
    asked = Operation(DOCUMENT, {"skus": skus, "channel": CHANNEL})
    answer = await run(SCHEMA, asked, RequestContext(runtime.context(SHOPPER), [], "bench"))
    return sum(promise is not None for promise in answer.body["data"]["availability"])


WAYS: Mapping[str, Ask] = {"flow": by_flow, "operation": by_field}


@dataclass(frozen=True, slots=True)
class Round:
    """Medians of one round, in milliseconds a question: by the clock, and of the processor."""

    few_ms: float
    many_ms: float
    few_cpu_ms: float
    many_cpu_ms: float

    @property
    def ratio(self) -> float:
        """How much longer many take than few."""
        return self.many_ms / self.few_ms

    @property
    def cpu_ratio(self) -> float:
        """The same of the processor's time, which says more where others keep the machine busy."""
        return self.many_cpu_ms / self.few_cpu_ms


async def measured(runtime: Runtime, ask: Ask, dice: random.Random, seconds: float) -> Round:
    """Asks in turn about few and about many for some seconds."""
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    used: dict[int, list[float]] = {FEW: [], MANY: []}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for many in (FEW, MANY):
            skus = dice.sample(SKUS, many)
            began, cpu = time.perf_counter(), time.process_time()
            answered = await ask(runtime, skus)
            used[many].append(time.process_time() - cpu)
            times[many].append(time.perf_counter() - began)
            assert answered == many, "the sandbox sells what it has"
    medians = [statistics.median(of[many]) * 1e3 for of in (times, used) for many in (FEW, MANY)]
    return Round(*(round(value, 3) for value in medians))


async def bench(rounds: int, seconds: float) -> dict[str, list[Round]]:
    """Reads the retailer, warms up, and measures."""
    found: dict[str, list[Round]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="availability-") as directory:
        runtime = bootstrap_demo(Settings(), Path(directory))
        try:
            assert await sync_once(runtime, "erp")
            dice = random.Random(1)
            for ask in WAYS.values():
                await measured(runtime, ask, dice, min(1.0, seconds))
            for at in range(rounds):
                said(f"round {at + 1} of {rounds}")
                for way, ask in WAYS.items():
                    found[way].append(await measured(runtime, ask, dice, seconds))
        finally:
            await runtime.close()
    said("")
    return found


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, choices=range(1, 101), metavar="N")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()

    found = asyncio.run(bench(asked.rounds, min(asked.seconds, 60.0)))

    shown = Table(title=f"Availability at {len(chain.LOCATIONS)} places, durable SQLite, medians")
    for name in ("asked by", f"{FEW} SKUs, ms", f"{MANY} SKUs, ms", "ratio", "ratio of CPU"):
        shown.add_column(name, justify="right")
    result: dict[str, object] = {
        "at": wall_clock().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "places": len(chain.LOCATIONS),
    }
    for way, rounds in found.items():
        ratio, cpu_ratio = (
            statistics.median(values)
            for values in ([row.ratio for row in rounds], [row.cpu_ratio for row in rounds])
        )
        few = statistics.median(row.few_ms for row in rounds)
        many = statistics.median(row.many_ms for row in rounds)
        shown.add_row(way, f"{few:g}", f"{many:g}", f"{ratio:.1f} x", f"{cpu_ratio:.1f} x")
        result[way] = {
            "ratio": round(ratio, 2),
            "cpu_ratio": round(cpu_ratio, 2),
            "rounds": [asdict(row) for row in rounds],
        }
    shown.add_row("target, at most", "", "", f"{RATIO_MAX:g} x", "")
    Console().print(shown)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
