"""Measures the query of the README, over HTTP, against ``gateway demo`` in a process of its own.

    python bench/demo_query.py [--connections N] [--rounds N] [--seconds S] [--out FILE]

Every connection is kept alive and asks again as soon as it was answered. Client and server share
the machine, so the numbers compare one state of the code with another, not with other products.
"""

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gateway.welcome import QUERY, QUERY_VARIABLES

START_SECONDS = 60
STOP_SECONDS = 20
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


class Asker(asyncio.Protocol):
    """One kept-alive connection that sends the same request again and again."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[bytes] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Wakes whoever asked, once the whole answer is here."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(head + end + body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells whoever still waits."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the server hung up"))

    async def ask(self) -> bytes:
        """Sends the request; the whole answer."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        return await self._answered


def request(host: str) -> bytes:
    """The README's query as bytes on the wire."""
    body = json.dumps({"query": QUERY, "variables": QUERY_VARIABLES}).encode()
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


async def measured(askers: list[Asker], seconds: float) -> Round:
    """Asks on every connection for some seconds."""
    times: list[float] = []

    async def keep_asking(asker: Asker, until: float) -> None:
        last = b""
        while (began := time.perf_counter()) < until:
            last = await asker.ask()
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


@asynccontextmanager
async def demo() -> AsyncIterator[tuple[str, int]]:
    """A demo on a free port of loopback, with fresh data; its host and port."""
    with tempfile.TemporaryDirectory() as data, (Path(data) / "log").open("wb") as log:
        words = ["-m", "gateway", "demo", "--port", "0", "--data", f"{data}/state"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                address = (await process.stdout.readline()).decode().split("http://")[1].strip()
                await process.stdout.readuntil(b"Stop with")
            host, _, port = address.rpartition(":")
            yield host, int(port)
        finally:
            if process.returncode is None:
                process.terminate()
                await asyncio.wait_for(process.wait(), STOP_SECONDS)


async def bench(connections: int, rounds: int, seconds: float) -> list[Round]:
    """Starts a demo, warms it up, and measures."""
    async with demo() as (host, port):
        loop = asyncio.get_running_loop()
        text = request(f"{host}:{port}")
        askers = [
            (await loop.create_connection(lambda: Asker(text), host, port))[1]
            for _ in range(connections)
        ]
        await measured(askers, WARM_UP_SECONDS)
        return [await measured(askers, seconds) for _ in range(rounds)]


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
