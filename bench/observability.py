"""Measures what it costs a request that the gateway tells of it.

    python -m bench.observability [--rounds N] [--seconds S] [--out FILE]

One process for each variant of ``bench/observed_server.py``: nothing told; log, metrics and usage,
as a gateway runs by default; and traces beside them, sent to a collector that takes everything.
All ask the README's query, then the shortest one, over HTTP. Within a round the variants take
turns, and the first of a round is another each time; after some rounds all processes are made
anew. What is compared is CPU of the server's process, all its threads, for one request: other work
on the machine does not count as ours. Linux only, as it reads ``/proc``.
"""

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.demo_query import request
from bench.observed_server import VARIANTS
from bench.over_http import START_SECONDS, STOP_SECONDS, Asker
from bench.progress import said

CONNECTIONS = 4
RATIO_MAX = 1.05
WARM_UP_SECONDS = 1.0
SITTINGS = 4
"""How often all processes are started anew: a program takes up to 4 % more CPU in one process
than in another."""

ANSWER_SECONDS = 30
RESULTS = Path(__file__).parent / "results" / "observability.json"

SHORTEST = b'{"query":"query Shortest{channels{code}}","operationName":"Shortest"}'


@dataclass(frozen=True, slots=True)
class Round:
    """One variant in one round: requests, CPU of each, and the median time until its answer."""

    requests: int
    cpu_us: float
    p50_us: float


@dataclass(frozen=True, slots=True)
class Served:
    """One variant's process."""

    pid: int
    host: str

    def cpu_ns(self) -> int:
        """CPU that its threads have used."""
        used = 0
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(FileNotFoundError):
                used += int((thread / "schedstat").read_text().split()[0])
        return used


def asked(question: str, host: str) -> bytes:
    """A question as bytes on the wire, from a client that says its name."""
    if question == "README":
        text = request(host)
    else:
        head = f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        text = f"{head}Content-Length: {len(SHORTEST)}\r\n\r\n".encode() + SHORTEST
    return text.replace(b"\r\n", b"\r\nX-Client-Name: bench\r\nX-Client-Version: 1.0\r\n", 1)


@contextmanager
def collecting() -> Iterator[str]:
    """A collector that takes everything and keeps nothing; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@asynccontextmanager
async def started(log: Path, *words: str) -> AsyncIterator[Served]:
    """A program that prints its address when it is open; its log goes to a file."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=subprocess.PIPE, stderr=file
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                address = (await process.stdout.readline()).decode().strip()
            yield Served(process.pid, address)
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), STOP_SECONDS)


@asynccontextmanager
async def served(variant: str, folder: Path, collector: str) -> AsyncIterator[Served]:
    """A variant that is open."""
    data = folder / variant.replace(" ", "-").replace("%", "")
    await asyncio.to_thread(data.mkdir)
    words = ("-m", "bench.observed_server", variant, str(data), collector)
    async with started(folder / "log", *words) as server:
        yield server


async def measured(server: Served, text: bytes, seconds: float) -> Round:
    """Asks on some connections, made for this turn, for some seconds."""
    times: list[float] = []
    loop, (host, _, port) = asyncio.get_running_loop(), server.host.rpartition(":")
    made = [await loop.create_connection(Asker, host, int(port)) for _ in range(CONNECTIONS)]

    async def keep_asking(asker: Asker, until: float) -> None:
        while True:
            began = time.perf_counter()
            answer = await asker.ask(text)
            times.append(time.perf_counter() - began)
            if time.perf_counter() >= until:
                break
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b'"errors"' not in answer, answer

    used, until = server.cpu_ns(), time.perf_counter() + seconds
    async with asyncio.timeout(seconds + ANSWER_SECONDS):
        await asyncio.gather(*(keep_asking(asker, until) for _, asker in made))
    used = server.cpu_ns() - used
    for transport, _ in made:
        transport.close()
    cpu_us = used / len(times) / 1e3
    return Round(len(times), round(cpu_us, 2), round(statistics.median(times) * 1e6, 1))


async def sat(
    servers: Mapping[str, Served],
    found: dict[str, dict[str, list[Round]]],
    rounds: int,
    seconds: float,
) -> None:
    """Some rounds with the same processes."""
    for question, of in found.items():
        for server in servers.values():
            await measured(server, asked(question, server.host), WARM_UP_SECONDS)
        for at in range(rounds):
            names = list(servers)
            for variant in names[at % len(names) :] + names[: at % len(names)]:
                server = servers[variant]
                text = asked(question, server.host)
                of[variant].append(await measured(server, text, seconds))


async def bench(rounds: int, seconds: float) -> dict[str, dict[str, list[Round]]]:
    """Every variant's rounds, by question."""
    found: dict[str, dict[str, list[Round]]] = {
        question: {variant: [] for variant in VARIANTS} for question in ("README", "shortest")
    }
    with collecting() as collector:
        for sitting in range(SITTINGS):
            with tempfile.TemporaryDirectory(prefix="observability-") as folder:
                async with AsyncExitStack() as stack:
                    servers = {
                        variant: await stack.enter_async_context(
                            served(variant, Path(folder), collector)
                        )
                        for variant in VARIANTS
                    }
                    said(f"sitting {sitting + 1} of {SITTINGS}")
                    await sat(servers, found, rounds, seconds)
    said("")
    return found


def ratio(of: dict[str, list[Round]], variant: str) -> float:
    """The median of the rounds' ratios of CPU to that of the same round with nothing told."""
    pairs = zip(of[variant], of["off"], strict=True)
    return statistics.median(on.cpu_us / off.cpu_us for on, off in pairs)


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, choices=range(1, 101), metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked_for = parser.parse_args()

    found = asyncio.run(bench(asked_for.rounds, min(asked_for.seconds, 60.0)))

    shown = Table(title="What telling costs a request, medians")
    for name in ("query", "told", "CPU us", "to off", "p50 us"):
        shown.add_column(name, justify="left" if name in ("query", "told") else "right")
    result: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "connections": CONNECTIONS,
        "sittings": SITTINGS,
        "ratio_max": RATIO_MAX,
    }
    for question, of in found.items():
        told = {}
        for variant, rounds in of.items():
            cpu = statistics.median(row.cpu_us for row in rounds)
            p50 = statistics.median(row.p50_us for row in rounds)
            to_off = ratio(of, variant)
            shown.add_row(question, variant, f"{cpu:,.0f}", f"{to_off:.3f} x", f"{p50:,.0f}")
            told[variant] = {
                "cpu_us": round(cpu, 1),
                "to_off": round(to_off, 4),
                "p50_us": round(p50, 1),
                "rounds": [asdict(row) for row in rounds],
            }
        result[question] = told
    shown.add_row("target, at most", "", "", f"{RATIO_MAX:g} x", "")
    Console().print(shown)
    asked_for.out.parent.mkdir(parents=True, exist_ok=True)
    asked_for.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
