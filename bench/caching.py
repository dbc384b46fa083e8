"""Measures what it brings to give an answer twice, over HTTP, against ``gateway serve``.

    python -m bench.caching [--rounds N] [--seconds S] [--out FILE]

Three processes take turns: one without any of it, one that shares answers while they are made, one
that keeps them, too. Each is asked the README's query and a list of products by sixteen connections
at once, and the README's query by one, which nobody can share it with. Then somebody holds stock of
one SKU after another while sixteen ask for their promises, and the process that keeps answers says
how many of them it had. Clients and servers share the machine: compare within one run.
"""

import argparse
import asyncio
import json
import platform
import re
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.demo_query import Round, measured, median, request
from bench.over_http import Asker, configured
from gateway.ids import wall_clock
from gateway.settings import Auth
from gateway.tokens import SigningKey, Tokens, principal_of
from gateway.welcome import MUTATION, QUERY, QUERY_VARIABLES, hold
from resolvers.access import Role

RESULTS = Path(__file__).parent / "results" / "caching.json"
READY_SECONDS, WARM_UP_SECONDS = 60, 1.0
HELD_PER_SECOND = 20
COUNTERS = (
    'gateway_cache_asked_total{result="hit"}',
    "gateway_answers_shared_total",
    'gateway_cache_asked_total{result="miss"}',
)
UNREAD = re.compile(rb'"variant":null|"availableToPromise":0|"extensions"')
"""What the README's query is answered before everything has been read."""

SETTINGS = """
[limits]
cost_per_second = 0
wait_seconds = 0

[[channels]]
code = "mini-program"
name = "Mini program"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""

WAYS: Mapping[str, Mapping[str, str]] = {
    "neither": {"GATEWAY_CACHE_SHARE_READS": "false"},
    "shared": {"GATEWAY_CACHE_SHARE_READS": "true"},
    "shared and kept": {
        "GATEWAY_CACHE_SHARE_READS": "true",
        "GATEWAY_CACHE_ANSWERS_MAX_BYTES": "50000000",
    },
}
"""What a gateway does with answers, and the settings that make it do so."""

LIST = (
    "query List($channel: String!) { products(first: 20) { nodes { handle title brand media { url }"
    " variants(first: 3) { nodes { sku price(channel: $channel) { amount currencyCode } } } }"
    " pageInfo { endCursor } } }"
)
"""What a category's page asks."""

LOADS: Mapping[str, tuple[str, Mapping[str, Any], int]] = {
    "README's query, 16 connections": (QUERY, QUERY_VARIABLES, 16),
    "list of 20 products, 16 connections": (
        LIST,
        {"channel": QUERY_VARIABLES["channel"]},
        16,
    ),
    "README's query, 1 connection": (QUERY, QUERY_VARIABLES, 1),
}
"""A query, its variables, and how many ask it at once."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Queries while stock was held: how many there were, and how many were given an answer that was
    kept, or one that was being made for another.
    """

    skus: int
    holds: int
    asked: int
    kept: int
    shared: int

    @property
    def anew(self) -> float:
        """The part that was made anew."""
        return 1 - (self.kept + self.shared) / self.asked


def check(answer: bytes) -> None:
    """Makes sure that it is an answer that may be kept."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert json.loads(body).keys() == {"data"}, body


async def connected(door: tuple[str, int], count: int) -> list[Asker]:
    """Some connections to one gateway."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Asker, *door))[1] for _ in range(count)]


async def ready(asker: Asker, text: bytes) -> None:
    """Waits until the catalogue and the stock have been read."""
    async with asyncio.timeout(READY_SECONDS):
        while UNREAD.search(await asker.ask(text)):  # noqa: ASYNC110  # another process reads them
            await asyncio.sleep(0.1)


async def rounds_of(
    doors: Mapping[str, tuple[str, int]], rounds: int, seconds: float
) -> dict[str, dict[str, list[Round]]]:
    """Every load on every gateway, each round in turns."""
    found: dict[str, dict[str, list[Round]]] = {load: {way: [] for way in doors} for load in LOADS}
    for at in range(-1, rounds):
        for load, (query, variables, count) in LOADS.items():
            for way, door in doors.items():
                askers = await connected(door, count)
                text = request(":".join(map(str, door)), query, variables)
                await ready(askers[0], request(":".join(map(str, door))))
                long = WARM_UP_SECONDS if at < 0 else seconds
                took = await measured(askers, text, long, check)
                if at >= 0:
                    found[load][way].append(took)
    return found


async def hits(door: tuple[str, int], data: Path, seconds: float) -> Hits:
    """Asks for promises of every SKU of a list while some of them are held."""
    host = ":".join(map(str, door))
    [lister, *askers] = await connected(door, 17)
    answer = await lister.ask(request(host, LIST, {"channel": QUERY_VARIABLES["channel"]}))
    nodes = json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["products"]["nodes"]
    skus = [variant["sku"] for node in nodes for variant in node["variants"]["nodes"]]
    before = await counted(door)
    until = asyncio.get_running_loop().time() + seconds

    async def keep_asking(asker: Asker, at: int) -> None:
        while asyncio.get_running_loop().time() < until:
            at += 1
            sku = skus[at % len(skus)]
            await asker.ask(request(host, QUERY, {**QUERY_VARIABLES, "sku": sku}))

    holding = asyncio.create_task(keep_holding(door, data, skus, until))
    await asyncio.gather(*(keep_asking(asker, at * 4) for at, asker in enumerate(askers)))
    holds = await holding
    after = await counted(door)
    kept, shared, missed = (int(after[at] - before[at]) for at in COUNTERS)
    return Hits(len(skus), holds, kept + missed, kept, shared)


async def keep_holding(door: tuple[str, int], data: Path, skus: list[str], until: float) -> int:
    """Holds a unit of one SKU after another at a steady pace; how many were asked for."""
    auth, loop = Auth(), asyncio.get_running_loop()
    tokens = Tokens(SigningKey.of(data), auth.issuer, wall_clock, auth.clock_skew_seconds)
    token = tokens.issue(principal_of(Role.SHOPPER), 600)
    [asker] = await connected(door, 1)
    done = 0
    while loop.time() < until:
        variables = hold(f"bench-{done}-{loop.time()}")
        variables["input"]["lines"][0]["sku"] = skus[done % len(skus)]
        text = request(":".join(map(str, door)), MUTATION, variables)
        await asker.ask(text.replace(b"\r\n", f"\r\nAuthorization: Bearer {token}\r\n".encode(), 1))
        done += 1
        await asyncio.sleep(1 / HELD_PER_SECOND)
    return done


async def counted(door: tuple[str, int]) -> dict[str, float]:
    """What a gateway has counted of its answers."""
    [asker] = await connected(door, 1)
    text = (await asker.ask(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")).decode()
    rows = [line.rpartition(" ") for line in text.splitlines()]
    return {name: float(count) for name, _, count in rows if name in COUNTERS}


async def bench(rounds: int, seconds: float) -> tuple[dict[str, dict[str, list[Round]]], Hits]:
    """Starts the gateways and measures them."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "shop.toml"
        config.write_text(SETTINGS, encoding="utf-8")
        doors, data = {}, folder
        for at, (way, settings) in enumerate(WAYS.items()):
            data = folder / str(at) / "state"
            data.parent.mkdir()
            _, host, port = await stack.enter_async_context(configured(data, config, settings))
            doors[way] = (host, port)
        found = await rounds_of(doors, rounds, seconds)
        return found, await hits(list(doors.values())[-1], data, seconds)


def table(found: Mapping[str, Mapping[str, list[Round]]]) -> Table:
    """The medians for people."""
    shown = Table(title="Answers given twice, medians")
    for name in ("load", "answers", "requests/s", "p50 ms", "p99 ms", "x neither"):
        shown.add_column(name, justify="left" if name in ("load", "answers") else "right")
    for load, ways in found.items():
        first = median(ways["neither"]).requests_per_second
        for way, rounds in ways.items():
            row = median(rounds)
            shown.add_row(
                load,
                way,
                f"{row.requests_per_second:,.0f}",
                f"{row.p50_ms:g}",
                f"{row.p99_ms:g}",
                f"{row.requests_per_second / first:.2f}",
            )
    return shown


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 101), metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()

    found, hit = asyncio.run(bench(asked.rounds, min(asked.seconds, 60.0)))

    console = Console()
    console.print(table(found))
    console.print(
        f"{hit.asked:,} promises of {hit.skus} SKUs while {hit.holds} holds were made: {hit.kept:,}"
        f" were kept, {hit.shared:,} shared, {hit.anew:.1%} made anew"
    )
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "loads": {
            load: {
                way: {"median": asdict(median(rows)), "rounds": [asdict(row) for row in rows]}
                for way, rows in ways.items()
            }
            for load, ways in found.items()
        },
        "hits": asdict(hit),
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
