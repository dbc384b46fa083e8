"""Measures what connections cost that stay open and say nothing: memory by the thousand, idle CPU.

    python -m bench.idle_sockets [--seconds S] [--out FILE]

A gateway of the sandbox's ERP runs in a process of its own. Guests open WebSockets that have
introduced themselves, with and without a subscription, and streams of events: a thousand, then
another thousand. Memory is what the server has resident (``VmRSS``), CPU its user and system time
over some seconds in which nothing happens: by default as long as the pause between two signs of
life, so that each client gets one. Each kind has a fresh process. Clients share the machine, and do
nothing but answer the signs of life.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.over_http import configured
from bench.progress import said

RESULTS = Path(__file__).parent / "results" / "idle_sockets.json"
PROTOCOL = Subprotocol("graphql-transport-ws")
STEPS = (0, 1000, 2000)
AT_ONCE = 50
"""Handshakes under way at the same time."""

SETTLE_SECONDS = 3.0
WARM_UP = 50
"""Connections that come and go before anything is measured."""

SETTINGS = """
[server]
drain_seconds = 0
shutdown_seconds = 5

[sockets]
connections_max = 4096
guest_connections_max = 4096

[limits]
cost_per_second = 0

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""
WATCH = {
    "query": """subscription {
      stockChanged(skus: ["BT-0001-30ML"], locationCodes: ["WH-01"]) { onHand }
    }"""
}

Close = Callable[[], Awaitable[Any]]
Open = Callable[[str, int], Awaitable[Close]]
"""Opens one idle connection to a host and port; what closes it again."""


@dataclass(frozen=True, slots=True)
class Step:
    """So many connections of one kind: memory in MiB, CPU in percent of one core."""

    kind: str
    connections: int
    resident_mib: float
    kib_each: float
    idle_cpu_percent: float


async def socket(host: str, port: int, compression: str | None = None) -> ClientConnection:
    """A WebSocket that has introduced itself."""
    opened = await connect(
        f"ws://{host}:{port}/graphql",
        subprotocols=[PROTOCOL],
        ping_interval=None,
        compression=compression,
    )
    await opened.send('{"type": "connection_init"}')
    assert json.loads(await opened.recv())["type"] == "connection_ack"
    return opened


async def silent(host: str, port: int) -> Close:
    """One without an operation."""
    return (await socket(host, port)).close


async def watching(host: str, port: int, compression: str | None = None) -> Close:
    """One with a subscription whose first state has come."""
    opened = await socket(host, port, compression)
    await opened.send(json.dumps({"type": "subscribe", "id": "1", "payload": WATCH}))
    told = json.loads(await opened.recv())
    assert told["type"] == "next", told
    return opened.close


async def compressed(host: str, port: int) -> Close:
    """The same of a client that offers compression, as browsers do."""
    return await watching(host, port, "deflate")


async def streaming(host: str, port: int) -> Close:
    """A stream of events of the same subscription."""
    reader, writer = await asyncio.open_connection(host, port)
    body = json.dumps(WATCH).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    assert b" 200 " in await reader.readline()
    await reader.readuntil(b"event: next\n")
    reading = asyncio.create_task(_read_on(reader))

    async def close() -> None:
        reading.cancel()
        writer.close()

    return close


async def _read_on(reader: asyncio.StreamReader) -> None:
    """Takes the signs of life, as a client must: who does not read them has left."""
    while await reader.read(4096):
        pass


KINDS: Mapping[str, Open] = {
    "WebSocket, nothing under way": silent,
    "WebSocket, a subscription": watching,
    "the same, compressed": compressed,
    "stream of events": streaming,
}


def resident_kib(pid: int) -> int:
    """What a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has ended")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


async def opened(how: Open, at: tuple[str, int], count: int) -> list[Close]:
    """So many more connections, some handshakes at a time."""
    closes: list[Close] = []
    while len(closes) < count:
        some = min(AT_ONCE, count - len(closes))
        closes += await asyncio.gather(*(how(*at) for _ in range(some)))
    return closes


async def measured(kind: str, seconds: float) -> list[Step]:
    """One kind of connection, step by step, on a process of its own."""
    found: list[Step] = []
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="idle-")))
        config = root / "shop.toml"
        config.write_text(SETTINGS, encoding="utf-8")
        pid, host, port = await stack.enter_async_context(configured(root / "data", config))
        door = (host, port)
        for close in await opened(KINDS[kind], door, WARM_UP):
            await close()
        closes: list[Close] = []
        for count in STEPS:
            more = count - len(closes)
            closes += await opened(KINDS[kind], door, more)
            await asyncio.sleep(SETTLE_SECONDS)
            said(f"{kind}: {count} open, {seconds:g} s of nothing")
            worked = cpu_seconds(pid)
            await asyncio.sleep(seconds)
            worked = cpu_seconds(pid) - worked
            resident = resident_kib(pid)
            base = found[0].resident_mib * 1024 if found else resident
            found.append(
                Step(
                    kind,
                    count,
                    round(resident / 1024, 1),
                    round((resident - base) / count, 1) if count else 0.0,
                    round(100 * worked / seconds, 2),
                )
            )
        await asyncio.gather(*(close() for close in closes))
    said("")
    return found


def table(steps: list[Step]) -> Table:
    """The steps for people."""
    shown = Table(title="Connections that say nothing")
    for name in ("kind", "open", "MiB resident", "KiB each", "idle CPU %"):
        shown.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    for step in steps:
        kind, *figures = asdict(step).values()
        shown.add_row(kind, *(f"{figure:g}" for figure in figures))
    return shown


def main() -> None:
    """Runs every kind and keeps what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a silence")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * STEPS[-1]:
        sys.exit(f"{STEPS[-1]} connections need more open files than {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * STEPS[-1], hard))  # the server inherits it
    steps = [step for kind in KINDS for step in asyncio.run(measured(kind, asked.seconds))]

    Console().print(table(steps))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "seconds": asked.seconds,
        "steps": [asdict(step) for step in steps],
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
