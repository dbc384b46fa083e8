"""Asks a gateway for ten times what it can do, and looks at what becomes of those whom it lets in.

    python -m bench.overload [--seconds S] [--wait W] [--rude] [--out FILE]

First it is found how many connections saturate one process: each asks for the promises of a SKU
three times and then holds one unit, again and again, at once when it was answered; the least number
of them that has 95 % of the best throughput is taken, by the medians of three climbs. Then ten
times as many do the same for a minute. An answer is admitted, or shed (429 or 503); whoever is shed
asks again when it is told to (Retry-After, a second), or with --rude after a tenth of that. Then
those of the first part come back alone: it has recovered when half a second of theirs is nearly as
fast as it was. Clients and server share the machine.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.hot_sku import CHANNEL, HOLD, Buyer, connected, levels_of, stocked, tokens_of
from bench.over_http import configured
from bench.progress import said

RESULTS = Path(__file__).parent / "results" / "overload.json"
LADDER = (1, 2, 4, 8, 16, 32, 64)
CLIMBS, STEP_SECONDS, WARM_UP_SECONDS, ANSWER_SECONDS = 3, 2.0, 2.0, 60.0
AFTER_SECONDS = 4.0
TIMES, ENOUGH = 10, 0.95
RUDE_PART = 10
P99_TIMES_MAX, RECOVERY_MAX_SECONDS, WINDOW_SECONDS = 5.0, 2.0, 0.5
RECOVERED_TIMES = 2.0
UNITS = 1_000_000
SKU = "BT-0001-30ML"
SETTINGS = """
[[channels]]
code = "mini-program"
name = "Mini program"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""
NO_LIMIT_OF_ONE_CALLER = {
    "GATEWAY_SERVER_MUTATIONS_PER_SECOND": "0",
    "GATEWAY_LIMITS_COST_PER_SECOND": "0",
}
PROMISES = """query ($skus: [String!]!, $channel: String!) {
  availability(skus: $skus, channel: $channel) { availableToPromise stale }
}"""


@dataclass(slots=True)
class Heard:
    """What some connections were answered: when each admitted answer came, and how long it took;
    how many were shed, by status.
    """

    admitted: list[tuple[float, float]] = field(default_factory=list)
    shed: dict[str, int] = field(default_factory=dict)

    def percentile_ms(self, percent: int) -> float:
        """Of admitted answers."""
        times = [took for _, took in self.admitted]
        return round(statistics.quantiles(times, n=100)[percent - 1] * 1e3, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """Some connections for some seconds; times in milliseconds, of what was admitted."""

    connections: int
    admitted_per_second: float
    shed_per_second: float
    p50_ms: float
    p99_ms: float


def resident_mb(pid: int) -> float:
    """Memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def question(buyer: Buyer, at: int, name: str) -> bytes:
    """What a connection asks next."""
    if at % 4 < 3:
        return buyer.request(PROMISES, skus=[SKU], channel=CHANNEL)
    return buyer.request(HOLD, key=f"{name}-{at}", sku=SKU, channel=CHANNEL)


async def asked(
    door: tuple[str, int],
    tokens: Sequence[str],
    seconds: float,
    name: str,
    *,
    rude: bool = False,
) -> Heard:
    """Has a connection of each caller ask, one question after another, for some seconds."""
    heard, run = Heard(), f"{name}-{time.time_ns()}"
    buyers = [await connected(door, token) for token in tokens]
    until = time.perf_counter() + seconds

    async def keep_asking(number: int, buyer: Buyer) -> None:
        at = number
        while (began := time.perf_counter()) < until:
            answer = await buyer.ask(question(buyer, at, f"{run}-{number}"))
            status = answer[9:12].decode()
            if status == "200":
                ended = time.perf_counter()
                assert b'"errors"' not in answer, answer
                heard.admitted.append((ended, ended - began))
                at += 1
                continue
            assert status in ("429", "503"), answer
            heard.shed[status] = heard.shed.get(status, 0) + 1
            told = int(answer.lower().partition(b"retry-after: ")[2].partition(b"\r\n")[0])
            await asyncio.sleep((told / RUDE_PART if rude else told) * random.uniform(0.5, 1.5))
        buyer.hang_up()

    async with asyncio.timeout(seconds + ANSWER_SECONDS):
        await asyncio.gather(*(keep_asking(at, buyer) for at, buyer in enumerate(buyers)))
    return heard


def step_of(connections: int, heard: Heard, seconds: float) -> Step:
    """What it came to."""
    return Step(
        connections,
        round(len(heard.admitted) / seconds, 1),
        round(sum(heard.shed.values()) / seconds, 1),
        heard.percentile_ms(50),
        heard.percentile_ms(99),
    )


def medians(steps: Sequence[Step]) -> list[Step]:
    """Each rung once, with the middle of what its climbs came to: others use the machine, too."""
    rungs = []
    for connections in LADDER:
        rows = [asdict(step) for step in steps if step.connections == connections]
        middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        rungs.append(Step(**{**middle, "connections": connections}))
    return rungs


def saturation(steps: Sequence[Step]) -> Step:
    """The least number of connections that has nearly the best throughput."""
    best = max(step.admitted_per_second for step in steps)
    return next(step for step in steps if step.admitted_per_second >= ENOUGH * best)


def recovery(heard: Heard, began: float, bound_ms: float) -> float | None:
    """Seconds until half a second's admitted answers were as fast as before; None: not at all."""
    last = max(at for at, _ in heard.admitted)
    beginning = began
    while beginning + WINDOW_SECONDS <= last:
        ends = beginning + WINDOW_SECONDS
        window = [took * 1e3 for at, took in heard.admitted if beginning <= at < ends]
        if len(window) > 1 and statistics.quantiles(window, n=100)[98] <= bound_ms:
            return round(beginning - began, 2)
        beginning += WINDOW_SECONDS / 5
    return None


async def bench(seconds: float, wait: float | None, *, rude: bool) -> dict[str, Any]:
    """Climbs the ladder, overloads, and lets it recover."""
    settings = dict(NO_LIMIT_OF_ONE_CALLER)
    if wait is not None:
        settings["GATEWAY_LIMITS_WAIT_SECONDS"] = f"{wait:g}"
    with tempfile.TemporaryDirectory(prefix="overload-") as directory:
        data, config = Path(directory) / "state", Path(directory) / "gateway.toml"
        await asyncio.to_thread(config.write_text, SETTINGS)
        async with configured(data, config, settings) as (pid, host, port):
            operator_token, tokens = tokens_of(data, LADDER[-1] * TIMES)
            operator = await connected((host, port), operator_token)
            await stocked(operator, UNITS)
            door, steps = (host, port), []
            await asked(door, tokens[:4], WARM_UP_SECONDS, "warm")
            for climb in range(CLIMBS):
                for connections in LADDER:
                    said(f"climb {climb + 1}, {connections} connections")
                    who = tokens[:connections]
                    heard = await asked(door, who, STEP_SECONDS, f"s{climb}-{connections}")
                    steps.append(step_of(connections, heard, STEP_SECONDS))
            steps = medians(steps)
            at = saturation(steps)
            many = tokens[: at.connections * TIMES]
            said(f"{len(many)} connections")
            memory: list[float] = []

            async def watch() -> None:
                while True:
                    memory.append(resident_mb(pid))
                    await asyncio.sleep(1)

            watching = asyncio.create_task(watch())
            flood = await asked(door, many, seconds, "flood", rude=rude)
            watching.cancel()
            began = time.perf_counter()
            after = await asked(door, tokens[: at.connections], AFTER_SECONDS, "after")
            operator = await connected(door, operator_token)
            levels = await levels_of(operator)
    owed = [it["softReserved"] + it["hardReserved"] - it["onHand"] for it in levels]
    over, third = step_of(len(many), flood, seconds), max(1, len(memory) // 3)
    recovered = recovery(after, began, at.p99_ms * RECOVERED_TIMES)
    grew = statistics.median(memory[-third:]) - statistics.median(memory[third : 2 * third])
    said("")
    return {
        "steps": [asdict(step) for step in steps],
        "saturation": asdict(at),
        "overload": {
            **asdict(over),
            "seconds": seconds,
            "shed": flood.shed,
            "p99_to_saturation": round(over.p99_ms / at.p99_ms, 2),
            "memory_mb": [round(mb, 1) for mb in memory],
            "memory_grew_mb": round(grew, 1),
            "recovered_seconds": recovered,
            "oversold": max(0, *owed),
        },
        "kept": {
            f"p99 of admitted <= {P99_TIMES_MAX:g} x that at saturation": over.p99_ms
            <= P99_TIMES_MAX * at.p99_ms,
            f"recovers within {RECOVERY_MAX_SECONDS:g} s": recovered is not None
            and recovered <= RECOVERY_MAX_SECONDS,
            "nothing oversold": max(owed) <= 0,
        },
    }


def table(result: dict[str, Any]) -> Table:
    """The steps for people."""
    shown = Table(title="Three looks and a hold, again and again")
    for name in ("connections", "admitted/s", "shed/s", "p50 ms", "p99 ms"):
        shown.add_column(name, justify="right")
    for step in (*result["steps"], result["overload"]):
        names = ("connections", "admitted_per_second", "shed_per_second", "p50_ms", "p99_ms")
        shown.add_row(*(f"{step[name]:,g}" for name in names))
    return shown


def main() -> None:
    """Runs the bench and keeps its result; exits with 1 if anything was oversold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the overload")
    parser.add_argument("--wait", type=float, help="[limits] wait_seconds; by default its own")
    parser.add_argument("--rude", action="store_true", help="ask again sooner than told")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    result = asyncio.run(bench(min(given.seconds, 600.0), given.wait, rude=given.rude))
    console, over = Console(), result["overload"]
    console.print(table(result))
    console.print(
        f"saturated by {result['saturation']['connections']}; p99 {over['p99_to_saturation']:g} x,"
        f" recovered after {over['recovered_seconds']} s, memory {over['memory_grew_mb']:+g} MB"
        " from its second third to its last"
    )
    for bound, so in result["kept"].items():
        console.print(f"{bound}: {'kept' if so else 'NOT KEPT'}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    head = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "wait_seconds": given.wait,
        "rude": given.rude,
    }
    given.out.write_text(json.dumps({**head, **result}, indent=2) + "\n", encoding="utf-8")
    if over["oversold"]:
        sys.exit("units were promised that are not there")


if __name__ == "__main__":
    main()
