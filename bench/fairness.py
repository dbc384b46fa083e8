"""How evenly connections come to several processes behind one port.

    python -m bench.fairness [--processes N] [--rounds N] [--out FILE]

Processes on the server's own event loop answer each connection with their number: with one
listening socket that all have inherited, or with a socket each at a shared port. Connections come
all at once, or one by one. What is told is what the fullest process had of a fair share, and how
many had none. `docs/adr/0017` rests on it.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.table import Table

from gateway.doors import BACKLOG, listening, reserved, sharing
from gateway.serving import run

RESULTS = Path(__file__).parent / "results" / "fairness.json"
HOST = "127.0.0.1"
COUNTS = (16, 64, 512)
PAUSE_SECONDS, ANSWER_SECONDS = 0.002, 30
LIFE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Dealt:
    """What one round came to."""

    way: str
    coming: str
    connections: int
    fullest_to_fair: float
    idle: int


class Numbered(asyncio.Protocol):
    """Tells whoever connects which process it came to."""

    def __init__(self, number: int) -> None:
        self._number = number

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tells it."""
        cast("asyncio.Transport", transport).write(bytes([self._number]))


def process(number: int, inherited: socket.socket | None, port: int) -> int:
    """Starts one process that answers; its id."""
    pid = os.fork()
    if pid:
        return pid
    listener = inherited or sharing(HOST, port)

    async def answer() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: Numbered(number), sock=listener, backlog=BACKLOG)
        await asyncio.sleep(LIFE_SECONDS)

    try:
        run(answer())
    finally:
        os._exit(0)


@contextmanager
def crew(way: str, count: int) -> Iterator[int]:
    """So many processes that answer; their port."""
    with reserved(HOST, 0) as port:
        inherited = listening(HOST, 0) if way == "one socket" else None
        at = port if inherited is None else inherited.getsockname()[1]
        pids = [process(number, inherited, port) for number in range(count)]
        try:
            yield at
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            if inherited is not None:
                inherited.close()


async def dealt(port: int, connections: int, coming: str) -> Counter[int]:
    """How many connections each process had."""
    found: Counter[int] = Counter()
    writers = []

    async def connect() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        found[(await reader.readexactly(1))[0]] += 1
        writers.append(writer)

    async with asyncio.timeout(ANSWER_SECONDS):
        if coming == "at once":
            await asyncio.gather(*(connect() for _ in range(connections)))
        else:
            for _ in range(connections):
                await connect()
                await asyncio.sleep(PAUSE_SECONDS)
    for writer in writers:
        writer.close()
    return found


async def until_all_answer(port: int, count: int) -> None:
    """Waits until every process of a shared port was seen; one socket answers at once."""
    seen: Counter[int] = Counter()
    async with asyncio.timeout(ANSWER_SECONDS):
        while len(seen) < count:
            seen += await dealt(port, 8, "at once")


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=int, default=4, choices=range(2, 17), metavar="N")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 101), metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = []
    shown = Table(title=f"{given.processes} processes: the fullest to a fair share, and idle ones")
    for name in ("connections", "coming", "way", "fullest / fair", "idle"):
        shown.add_column(name, justify="right")
    for connections in COUNTS:
        for coming in ("at once", "one by one"):
            for way in ("one socket", "shared port"):
                for _ in range(given.rounds):
                    with crew(way, given.processes) as port:
                        asyncio.run(until_all_answer(port, given.processes))
                        found = asyncio.run(dealt(port, connections, coming))
                    fullest = max(found.values()) * given.processes / connections
                    idle = given.processes - len(found)
                    rows.append(Dealt(way, coming, connections, round(fullest, 2), idle))
                    shown.add_row(f"{connections}", coming, way, f"{fullest:.2f}", f"{idle}")
    Console().print(shown)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processes": given.processes,
        "rows": [asdict(row) for row in rows],
    }
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
