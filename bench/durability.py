"""Shows by strace that nobody is answered before the disk has it, and what a batch saves.

    python -m bench.durability [--holds N]

N holds one after another make at least N syncs; N at once far fewer; and between an answer and the
write of its batch to the log there is always a sync. Exit code 1 when that is not so. It needs
``strace``, which Debian has in a package of that name.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.stock_engine import hold_of, now, shop
from resolvers.engine import StockEngine

SECONDS_MAX = 120
IN_TURN, AT_ONCE = "in turn", "at once"
RESULTS = Path(__file__).parent / "results" / "durability.json"
_SYNCED = re.compile(r"\bf(?:data)?sync\b.*= 0$")
_LOGGED = re.compile(r"\bpwrite64\(\d+<[^>]*-wal>")
_ANSWERED = re.compile(r'\bwrite\(\d+<[^>]*/answers>, "answered')


@dataclass(frozen=True, slots=True)
class Seen:
    """What the system calls of one run came to; ``early`` answers came before their sync."""

    answers: int
    syncs: int
    early: int


async def work(directory: Path, holds: int, way: str) -> None:
    """Holds one after another, or all at once; each answer is written to a file of its own."""
    async with shop(str(directory / "store.db")) as store:
        engine = StockEngine(store.stock, now)
        file = os.open(directory / "answers", os.O_WRONLY | os.O_CREAT, 0o600)

        async def hold(at: int) -> None:
            await engine.run(hold_of(f"hold-{at:06}", "HOT"))
            os.write(file, f"answered {at}\n".encode())

        os.write(file, b"begun\n")
        if way == AT_ONCE:
            await asyncio.gather(*(hold(at) for at in range(holds)))
        else:
            for at in range(holds):
                await hold(at)
        os.write(file, b"ended\n")
        os.close(file)


def seen(lines: Sequence[str]) -> Seen:
    """Reads the calls of a run between its beginning and its end."""
    answers = syncs = early = 0
    synced = begun = False
    for line in lines:
        if '"begun' in line:
            begun = synced = True
        elif '"ended' in line:
            break
        elif begun and _LOGGED.search(line):
            synced = False
        elif begun and _SYNCED.search(line):
            synced = True
            syncs += 1
        elif begun and _ANSWERED.search(line):
            answers += 1
            early += not synced
    return Seen(answers, syncs, early)


def traced(way: str, holds: int) -> Seen:
    """One run under strace."""
    with tempfile.TemporaryDirectory(prefix="durability-") as directory:
        trace = Path(directory) / "trace"
        calls = "trace=pwrite64,fsync,fdatasync,write"
        words = ["strace", "-f", "-y", "-s", "16", "-e", calls, "-o", str(trace), sys.executable]
        child = [
            "-m",
            "bench.durability",
            "--holds",
            str(holds),
            "--child",
            directory,
            "--way",
            way,
        ]
        subprocess.run([*words, *child], check=True, timeout=SECONDS_MAX)
        return seen(trace.read_text(errors="replace").splitlines())


def main() -> None:
    """Runs both ways and says whether each kept its word."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--holds", type=int, default=200, choices=range(2, 251), metavar="N")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", default=IN_TURN, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        asyncio.run(work(asked.child, asked.holds, asked.way))
        return
    if shutil.which("strace") is None:
        sys.exit("strace is missing: on Debian, install the package strace")
    found = {way: traced(way, asked.holds) for way in (IN_TURN, AT_ONCE)}
    table = Table(title=f"{asked.holds} holds, durable SQLite, seen by strace")
    for name in ("", "answers", "syncs", "answers before their sync"):
        table.add_column(name, justify="right")
    for way, run in found.items():
        table.add_row(way, str(run.answers), str(run.syncs), str(run.early))
    Console().print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    result = {way: asdict(run) for way, run in found.items()}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    kept = (
        found[IN_TURN].syncs >= asked.holds
        and found[AT_ONCE].syncs * 10 <= asked.holds
        and all(run.answers == asked.holds and not run.early for run in found.values())
    )
    if not kept:
        sys.exit("an answer came before its sync, or a batch saved none")


if __name__ == "__main__":
    main()
