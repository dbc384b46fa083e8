"""Measures the query of the README, over HTTP, against ``gateway demo`` in a process of its own.

    python -m bench.demo_query [--connections N] [--rounds N] [--seconds S] [--out FILE]

Every connection is kept alive and asks again as soon as it was answered. Client and server share
the machine, so the numbers compare one state of the code with another, not with other products.
"""

import argparse
import asyncio
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.over_http import Asker, served
from gateway.welcome import QUERY, QUERY_VARIABLES

ANSWER_SECONDS = 30
WARM_UP_SECONDS = 2.0
RESULTS = Path(__file__).parent / "results" / "demo_query.json"


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to; times in milliseconds."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float


def request(host: str, query: str = QUERY, variables: Mapping[str, Any] = QUERY_VARIABLES) -> bytes:
    """A query, the README's unless another is given, as bytes on the wire."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check(answer: bytes) -> None:
    """Makes sure that it is the answer and not a quick refusal."""
    head, _, body = answer.partition(b"\r\n\r\n")
    found = json.loads(body)
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert "errors" not in found, found
    assert found["data"]["variant"]["sku"] == QUERY_VARIABLES["sku"], found


async def measured(
    askers: list[Asker],
    text: bytes,
    seconds: float,
    check: Callable[[bytes], None] = check,
) -> Round:
    """Asks on every connection for some seconds."""
    times: list[float] = []

    async def keep_asking(asker: Asker, until: float) -> None:
        last = b""
        while (began := time.perf_counter()) < until:
            last = await asker.ask(text)
            times.append(time.perf_counter() - began)
        check(last)

    began = time.perf_counter()
    async with asyncio.timeout(seconds + ANSWER_SECONDS):
        await asyncio.gather(*(keep_asking(asker, began + seconds) for asker in askers))
    took = time.perf_counter() - began
    cuts = statistics.quantiles(times, n=100)
    return Round(
        len(times), round(len(times) / took, 1), round(cuts[49] * 1e3, 2), round(cuts[98] * 1e3, 2)
    )


async def bench(connections: int, rounds: int, seconds: float) -> list[Round]:
    """Starts a demo, warms it up, and measures."""
    with tempfile.TemporaryDirectory() as directory:
        async with served(Path(directory) / "state") as (host, port):
            loop = asyncio.get_running_loop()
            text = request(f"{host}:{port}")
            askers = [
                (await loop.create_connection(Asker, host, port))[1] for _ in range(connections)
            ]
            await measured(askers, text, WARM_UP_SECONDS)
            return [await measured(askers, text, seconds) for _ in range(rounds)]


def median(rounds: list[Round]) -> Round:
    """The middle of each column."""
    rows = [asdict(row) for row in rounds]
    return Round(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


def table(rounds: list[Round], connections: int) -> Table:
    """The rounds for people."""
    shown = Table(title=f"README's query, {connections} connections")
    for name in ("round", "requests", "requests/s", "p50 ms", "p99 ms"):
        shown.add_column(name, justify="right")
    named = [(str(at), row) for at, row in enumerate(rounds, start=1)]
    for name, row in [*named, ("median", median(rounds))]:
        shown.add_row(name, *(f"{value:g}" for value in asdict(row).values()))
    return shown


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connections", type=int, default=16, choices=range(1, 257), metavar="N")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 101), metavar="N")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()

    rounds = asyncio.run(bench(asked.connections, asked.rounds, min(asked.seconds, 60.0)))

    Console().print(table(rounds, asked.connections))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "connections": asked.connections,
        "median": asdict(median(rounds)),
        "rounds": [asdict(row) for row in rounds],
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
