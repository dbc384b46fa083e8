"""Shows where a request's CPU goes in a gateway that serves over HTTP, layer by layer.

    python -m bench.profile [--seconds S] [--connections N] [--only NAME] [--out FILE]

A demo in a process of its own is asked by kept-alive connections: a hold, a hold that becomes an
order, a list of products, and the shortest query. First the CPU of each of its threads for one
request is read from the system; then py-spy looks at the stack that holds the interpreter while the
same goes on, and each look at the event loop's thread counts for the layer of the innermost frame
that is known, so that a library's time is its caller's. These parts are scaled to that thread's
CPU: looking slows a program, but not one layer more than another. Linux only.
"""

import argparse
import asyncio
import json
import platform
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.hot_sku import (
    CHANNEL,
    HOLD,
    PLACE_ORDER,
    UNLIMITED,
    Buyer,
    connected,
    stocked,
    tokens_of,
)
from bench.over_http import served_by
from bench.progress import said

RESULTS = Path(__file__).parent / "results" / "profile.json"
WARM_UP_SECONDS, ANSWER_SECONDS = 2.0, 60.0
LOOKS_PER_SECOND = 400
UNITS = 500_000

PRODUCTS = """query Shelf { products(first: 20) { nodes {
  id brand title handle categories variants(first: 5) { nodes { sku } } } } }"""
SHORTEST = "query Shortest { channels { code } }"

_BEFORE = (
    r"/schema/(documents|limits|cost|admission|inspection|hints|usage|overlaps|one_of|reach)\.py"
    r"|/graphql/(language|validation)/"
)
LAYERS: Sequence[tuple[str, str]] = (
    ("encode", r" \(.*/gateway/wire\.py.*\bencoded|^encoded "),
    ("log line", r"/gateway/(doorman|logs|notes|redaction)\.py|/structlog/|/logging/"),
    (
        "metrics, usage",
        r"/gateway/(metrics|tracing|usage|telemetry|monitor)\.py|/prometheus_client/",
    ),
    ("who calls", r"/gateway/(tokens|trust|jwt_parts|api_keys|issuers|jwks|clients)\.py|/jwt/"),
    ("desk, limits", r"/gateway/(desk|answers|limits|documents|listeners)\.py"),
    ("HTTP layers", r"/gateway/http_layers\.py|/starlette/(middleware|routing|applications|_exc)"),
    (
        "GraphQL over HTTP",
        r"/gateway/(graphql_http|graphql_sse|wire|caching|batches)\.py|/starlette/",
    ),
    ("parse, measure, validate", _BEFORE),
    ("execute", r"/graphql/|/strawberry/|/schema/"),
    ("flows, rules", r"/resolvers/"),
    ("store, in the loop", r"/connectors/|/sqlite3/"),
    ("wire: uvicorn, httptools", r"/uvicorn/|/httptools/|/gateway/(http_protocol|ws_protocol)\.py"),
    ("event loop", r"/asyncio/|/uvloop/|/gateway/serving\.py|/concurrent/|/threading\.py"),
)
BEHIND = re.compile(r"/gateway/(workers|follower|publisher|monitor)\.py|/resolvers/watch\.py")
"""Work that goes on behind requests, whatever is called for it."""

LOOP, STORE, BACKGROUND = "loop", "store's threads", "work behind requests"
ROWS = (*(name for name, _ in LAYERS), STORE, BACKGROUND)
_THREAD = re.compile(r"^Thread (\d+) \(.*?\): \"(.*)\"", re.MULTILINE)
_LAYERS = [(name, re.compile(pattern)) for name, pattern in LAYERS]


@dataclass(frozen=True, slots=True)
class Found:
    """One kind of request: how many a second, CPU of one, and each layer's part of that."""

    requests_per_second: float
    cpu_us: float
    layers: Mapping[str, float]
    looks: int


Ask = Callable[[Buyer, str], Awaitable[object]]


async def hold(buyer: Buyer, key: str) -> str:
    """A hold of one unit; its id."""
    payload = await buyer.send(HOLD, key=key, sku="BT-0001-30ML", channel=CHANNEL)
    assert not payload["userErrors"], payload
    id: str = payload["reservation"]["id"]
    return id


async def place(buyer: Buyer, key: str) -> None:
    """A hold that becomes an order: two requests."""
    id = await hold(buyer, f"h-{key}")
    payload = await buyer.send(PLACE_ORDER, key=f"o-{key}", id=id, channel=CHANNEL)
    assert not payload["userErrors"], payload


async def products(buyer: Buyer, _: str) -> None:
    """A page of products."""
    found = await buyer.send(PRODUCTS)
    assert len(found["nodes"]) == 20, found


async def shortest(buyer: Buyer, _: str) -> None:
    """What can hardly be less."""
    assert await buyer.send(SHORTEST)


KINDS: Mapping[str, Ask] = {
    "hold": hold,
    "hold and place": place,
    "20 products": products,
    "shortest": shortest,
}


def layer_of(stack: str) -> str:
    """The layer of the innermost frame that is known; frames stand outermost first."""
    if BEHIND.search(stack):
        return BACKGROUND
    for frame in reversed(stack.split(";")):
        for name, pattern in _LAYERS:
            if pattern.search(frame):
                return name
    return "event loop"


def cpu_ns(pid: int, names: Mapping[int, str]) -> Counter[str]:
    """CPU that the threads of a process have used: the loop's, the store's, and all others."""
    used: Counter[str] = Counter()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):
            took = int((thread / "schedstat").read_text().split()[0])
            id, name = int(thread.name), names.get(int(thread.name), "")
            whose = STORE if name.startswith("store") else BACKGROUND
            used[LOOP if id == pid else whose] += took
    return used


async def spied(*words: str) -> str:
    """What py-spy says."""
    spy = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "py-spy"),
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told = (await spy.communicate())[0].decode()
    assert spy.returncode == 0, told
    return told


async def names_of(pid: int) -> dict[int, str]:
    """The threads of a process by name."""
    told = await spied("dump", "--pid", str(pid))
    return {int(id): name for id, name in _THREAD.findall(told)}


async def asked(buyers: Sequence[Buyer], ask: Ask, until: Callable[[], bool], name: str) -> int:
    """Asks on every connection until it is enough; how many times."""
    times, run = count(), time.time_ns()

    async def keep_asking(buyer: Buyer) -> None:
        while not until():
            await ask(buyer, f"{name}-{run}-{next(times)}")

    await asyncio.gather(*(keep_asking(buyer) for buyer in buyers))
    return next(times)


def for_seconds(seconds: float) -> Callable[[], bool]:
    """True when so many have passed."""
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= until


async def looked_at(
    pid: int, buyers: Sequence[Buyer], ask: Ask, seconds: float, folder: Path
) -> Counter[str]:
    """How often each layer was seen at work in the event loop's thread."""
    out = folder / f"stacks-{time.monotonic_ns()}"
    words = (
        *("record", "--pid", str(pid), "--duration", f"{max(1, round(seconds))}", "--gil"),
        *("--rate", str(LOOKS_PER_SECOND), "--format", "raw", "--full-filenames"),
        *("--threads", "--output", str(out)),
    )
    spying = asyncio.create_task(spied(*words))
    await asked(buyers, ask, spying.done, "looked")
    await spying
    seen: Counter[str] = Counter()
    for line in out.read_text(encoding="utf-8").splitlines():
        stack, _, times = line.rpartition(" ")
        if stack.startswith(f"thread ({pid})"):
            seen[layer_of(stack)] += int(times)
    return seen


async def bench(connections: int, seconds: float, kinds: Sequence[str]) -> dict[str, Found]:
    """Starts a demo, and looks at each kind of request."""
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory(prefix="profile-") as directory:
        folder = Path(directory)
        async with served_by(folder / "state", UNLIMITED) as (pid, host, port):
            operator, members = tokens_of(folder / "state", connections)
            await stocked(await connected((host, port), operator), UNITS)
            for kind in kinds:
                said(kind)
                ask = KINDS[kind]
                buyers = [await connected((host, port), token) for token in members]
                async with asyncio.timeout(3 * seconds + ANSWER_SECONDS):
                    await asked(buyers, ask, for_seconds(WARM_UP_SECONDS), "warm")
                    names = await names_of(pid)
                    before, began = cpu_ns(pid, names), time.perf_counter()
                    times = await asked(buyers, ask, for_seconds(seconds), "timed")
                    used, took = cpu_ns(pid, names) - before, time.perf_counter() - began
                    seen = await looked_at(pid, buyers, ask, seconds, folder)
                found[kind] = found_of(used, times, took, seen)
    said("")
    return found


def found_of(used: Counter[str], times: int, took: float, seen: Counter[str]) -> Found:
    """The parts of one request, in microseconds."""
    each = {whose: ns / times / 1e3 for whose, ns in used.items()}
    loop_us, looks = each.pop(LOOP), seen.total()
    parts = Counter({name: loop_us * at / looks for name, at in seen.items()})
    parts.update(each)
    rounded = {name: round(us, 1) for name, us in parts.items()}
    own = sum(us for name, us in parts.items() if name != BACKGROUND)
    return Found(round(times / took, 1), round(own, 1), rounded, looks)


def table(found: Mapping[str, Found]) -> Table:
    """The layers for people."""
    shown = Table(title="CPU of one request, us")
    shown.add_column("layer")
    for kind in found:
        shown.add_column(kind, justify="right")
    for name in ROWS:
        shown.add_row(name, *(f"{it.layers.get(name, 0.0):,.0f}" for it in found.values()))
    shown.add_row("together, but for work behind", *(f"{it.cpu_us:,.0f}" for it in found.values()))
    shown.add_row("requests/s", *(f"{it.requests_per_second:,.0f}" for it in found.values()))
    return shown


def main() -> None:
    """Runs the profile and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each part")
    parser.add_argument("--connections", type=int, default=8, choices=range(1, 257), metavar="N")
    parser.add_argument("--only", choices=[*KINDS], help="one kind of request")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    kinds = [given.only] if given.only else [*KINDS]
    found = asyncio.run(bench(given.connections, min(given.seconds, 60.0), kinds))
    Console().print(table(found))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "connections": given.connections,
        "kinds": {
            kind: {
                "requests_per_second": it.requests_per_second,
                "cpu_us": it.cpu_us,
                "looks": it.looks,
                "layers": dict(it.layers),
            }
            for kind, it in found.items()
        },
    }
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
