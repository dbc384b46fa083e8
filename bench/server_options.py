"""Measures the options of the process that serves: its event loop, its HTTP parser, and garbage.

    python -m bench.server_options [--rounds N] [--seconds S] [--out FILE]

One process of the sandbox retailer for each choice, which follows no backend; all ask the README's
query, then the shortest one, over HTTP, in turns, as ``bench/observability.py`` does. What is
compared is CPU of the server's process, all its threads, for one request, against that of the
gateway as it serves. Linux only, as it reads ``/proc``.
"""

import argparse
import asyncio
import gc
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from rich.console import Console
from rich.table import Table

from bench.observability import Round, Served, asked, measured, started
from bench.progress import said
from gateway import serving
from gateway.app import create_app
from gateway.bootstrap import bootstrap_demo
from gateway.desk import desk_of
from gateway.http_protocol import BoundedHttp
from gateway.logs import configure_logging
from gateway.settings import Settings
from gateway.telemetry import telemetry_of
from gateway.workers import sync_once

QUESTIONS = ("README", "shortest")
WARM_UP_SECONDS = 1.0
AS_SERVED = "as served: uvloop, httptools"
RESULTS = Path(__file__).parent / "results" / "server_options.json"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to set a process up."""

    loop: str = "uvloop"
    http: Any = BoundedHttp
    collects: bool = True
    """Whether garbage is looked for as the gateway does, not as Python does by itself."""


CHOICES: Mapping[str, Choice] = {
    AS_SERVED: Choice(),
    "httptools without our bounds": Choice(http="httptools"),
    "h11, the parser in Python": Choice(http="h11"),
    "asyncio's own loop": Choice(loop="asyncio"),
    "asyncio's own loop, h11": Choice(loop="asyncio", http="h11"),
    "garbage as Python looks for it": Choice(collects=False),
}


def serve(choice: Choice, data: Path) -> None:
    """Serves until it is told to stop."""
    runtime = bootstrap_demo(Settings(), data)

    async def work() -> None:
        app = create_app(runtime, desk_of(runtime, telemetry_of(runtime)))
        config = uvicorn.Config(
            app, lifespan="off", http=choice.http, log_config=None, access_log=False
        )
        try:
            assert await sync_once(runtime, "erp")
            with serving.listening("127.0.0.1", 0) as listener:
                address = serving.address_of(listener, "127.0.0.1").removeprefix("http://")
                sys.stdout.write(f"{address}\n")
                sys.stdout.flush()
                await uvicorn.Server(config).serve([listener])
        finally:
            await runtime.close()

    if choice.loop == "uvloop" and choice.collects:
        serving.run(work())
        return
    if choice.collects:
        gc.freeze()
        gc.set_threshold(serving.COLLECT_AFTER)
        asyncio.run(work())
        return
    import uvloop  # noqa: PLC0415  # it is compared with what is there without it

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


@asynccontextmanager
async def served(name: str, folder: Path) -> AsyncIterator[Served]:
    """A process of one choice that is open."""
    data = folder / str(list(CHOICES).index(name))
    await asyncio.to_thread(data.mkdir)
    words = ("-m", "bench.server_options", "--serve", name, "--data", str(data))
    async with started(folder / "log", *words) as server:
        yield server


async def bench(rounds: int, seconds: float) -> dict[str, dict[str, list[Round]]]:
    """Every choice's rounds, by question; within a round the choices take turns."""
    found: dict[str, dict[str, list[Round]]] = {
        question: {name: [] for name in CHOICES} for question in QUESTIONS
    }
    with tempfile.TemporaryDirectory(prefix="options-") as folder:
        async with AsyncExitStack() as stack:
            servers = {
                name: await stack.enter_async_context(served(name, Path(folder)))
                for name in CHOICES
            }
            for question, of in found.items():
                for server in servers.values():
                    await measured(server, asked(question, server.host), WARM_UP_SECONDS)
                for at in range(rounds):
                    said(f"{question}, round {at + 1} of {rounds}")
                    names = list(servers)
                    for name in names[at % len(names) :] + names[: at % len(names)]:
                        server = servers[name]
                        text = asked(question, server.host)
                        of[name].append(await measured(server, text, seconds))
    said("")
    return found


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, choices=range(1, 101), metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--serve", choices=CHOICES, help="serve one choice; the bench does that")
    parser.add_argument("--data", type=Path, help="where the one that serves keeps its store")
    asked_for = parser.parse_args()
    if asked_for.serve:
        configure_logging()
        serve(CHOICES[asked_for.serve], asked_for.data)
        return

    found = asyncio.run(bench(asked_for.rounds, min(asked_for.seconds, 60.0)))

    shown = Table(title="What a request costs by the process's options, medians")
    for name in ("query", "options", "CPU us", "to as served", "p50 us"):
        shown.add_column(name, justify="left" if name in ("query", "options") else "right")
    result: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
    }
    for question, of in found.items():
        told = {}
        for name, rounds in of.items():
            cpu = statistics.median(row.cpu_us for row in rounds)
            p50 = statistics.median(row.p50_us for row in rounds)
            pairs = zip(rounds, of[AS_SERVED], strict=True)
            ratio = statistics.median(one.cpu_us / ours.cpu_us for one, ours in pairs)
            shown.add_row(question, name, f"{cpu:,.0f}", f"{ratio:.2f} x", f"{p50:,.0f}")
            told[name] = {
                "cpu_us": round(cpu, 1),
                "to_as_served": round(ratio, 3),
                "p50_us": round(p50, 1),
                "rounds": [asdict(row) for row in rounds],
            }
        result[question] = told
    Console().print(shown)
    asked_for.out.parent.mkdir(parents=True, exist_ok=True)
    asked_for.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
