"""Measures the gateway beside other GraphQL servers, all in one run, over HTTP and WebSockets.

    python -m bench.graphql_servers [--quick] [--rounds N] [--seconds S] [--out FILE]

GraphQL Yoga, Apollo Server, Mercurius with its compiler, Strawberry and Ariadne serve the part of
the gateway's schema that is asked for, from a file that the bench writes of what a gateway tells;
first all must give the same data. One process each, production mode, loopback, rounds in turns. The
gateway is the real process: it looks at tokens, counts what callers spend, logs, meters, folds what
can be promised, and keeps a hold in durable SQLite under its key. The others do none of it, which
is kinder to them: in memory, a wait of a millisecond for each batch of their loaders, a hold that
is a counter. ``--quick`` is a short run, to see that all works. Clients share the machine: what a
server does with a core of its own is the steadier figure, and a ratio is told of rounds that lie
within 30 % of their median, of no others. Needs Node.js, npm and wrk.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.over_http import Asker
from bench.progress import said
from bench.servers import house
from bench.servers.cases import (
    ADJUST,
    CHANNEL,
    EVERYTHING,
    KEY,
    PLACE,
    UNITS,
    Case,
    Goods,
    asked,
    cases,
    comparable,
    leaves,
    written,
)
from bench.servers.house import Server
from bench.servers.load import NotMeasured, Round, loaded
from bench.servers.page import as_json, markdown, tables
from bench.servers.sockets import Idle, Telling, idle, telling

RESULTS = Path(__file__).parent / "results" / "graphql_servers.json"
READY_SECONDS = 60
WARM_UP_SECONDS = 2
TRIES_MAX = 4
OPEN_FILES = 8192

Loads = dict[str, dict[str, list[Round]]]
Sockets = dict[str, list[tuple[Idle, Telling]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. Seconds are of one round of wrk."""

    rounds: int
    seconds: int
    socket_rounds: int
    half_of_sockets: int
    subscribers: int
    changes: int


FULL = Plan(5, 3, 3, 1000, 200, 100)
QUICK = Plan(2, 2, 1, 200, 50, 20)


async def connected(server: Server) -> Asker:
    """One kept-alive connection."""
    made = await asyncio.get_running_loop().create_connection(Asker, server.host, server.port)
    return made[1]


async def products_of(server: Server) -> list[Any]:
    """All that a gateway sells."""
    asker, after, found = await connected(server), None, []
    while True:
        body = json.dumps({"query": EVERYTHING, "variables": {"channel": CHANNEL, "after": after}})
        _, data = await asked(asker, server, body, server.shopper)
        found += data["products"]["nodes"]
        if not data["products"]["pageInfo"]["hasNextPage"]:
            return found
        after = data["products"]["pageInfo"]["endCursor"]


async def settled(servers: Sequence[Server]) -> list[Any]:
    """What all gateways sell, once they have read it and all tell the same twice in turn."""
    last: list[Any] = []
    async with asyncio.timeout(READY_SECONDS):
        while True:
            told = [await products_of(server) for server in servers]
            if told[0] and all(products == last for products in told):
                return last
            last = told[0]
            await asyncio.sleep(1)


async def stocked(server: Server, goods: Goods) -> None:
    """Gives a gateway the units that the others start with."""
    asker = await connected(server)
    for sku in (goods.held, goods.watched):
        variables = {"key": KEY, "sku": sku, "at": PLACE, "delta": UNITS}
        body = json.dumps({"query": ADJUST, "variables": variables})
        _, data = await asked(asker, server, body, server.operator)
        if data["adjustStock"]["userErrors"]:
            raise RuntimeError(f"{server.name} takes no stock: {data}")


async def agreed(servers: Sequence[Server], of: Sequence[Case]) -> dict[tuple[str, str], int]:
    """Makes sure that all servers give the same data; how long each answer is.

    Raises:
        RuntimeError: one gives other data than the first.
    """
    lengths: dict[tuple[str, str], int] = {}
    first: dict[str, Any] = {}
    for server in servers:
        asker = await connected(server)
        for case in of:
            answer, data = await asked(asker, server, case.body, server.shopper)
            told = comparable(data)
            if told != first.setdefault(case.name, told):
                raise RuntimeError(
                    f"{server.name} answers {case.name} with {str(told)[:500]},"
                    f" {servers[0].name} with {str(first[case.name])[:500]}"
                )
            lengths[server.name, case.name] = len(answer)
    return lengths


async def again(measure: Callable[[int], Awaitable[Round]], seconds: int) -> Round:
    """A round of some seconds; one that was not what it has to be is measured again, twice as long.

    Raises:
        NotMeasured: it never was.
    """
    for _ in range(TRIES_MAX - 1):
        try:
            return await measure(seconds)
        except NotMeasured as found:
            said("")
            sys.stderr.write(f"measured again: {found}\n")
            seconds *= 2
    return await measure(seconds)


async def rounds_of(
    servers: Sequence[Server], of: Sequence[Case], plan: Plan, folder: Path
) -> Loads:
    """Every case on every server, each round in turns; the first round is for warming up."""
    found: Loads = {case.name: {server.name: [] for server in servers} for case in of}
    for at in range(-1, plan.rounds):
        lengths = await agreed(servers, of)
        for case in of:
            for server in servers:
                said(f"round {at + 1} of {plan.rounds}: {case.name}, {server.name}")
                seconds = min(WARM_UP_SECONDS, plan.seconds) if at < 0 else plan.seconds
                length = lengths[server.name, case.name]
                one = partial(loaded, server, case, length=length, folder=folder)
                took = await again(one, seconds)
                if at >= 0:
                    found[case.name][server.name].append(took)
    await agreed(servers, of)
    said("")
    return found


async def sockets_of(names: Sequence[str], file: Path, goods: Goods, plan: Plan) -> Sockets:
    """Idle sockets and subscribers on a fresh process of every server, each round in turns."""
    found: Sockets = {name: [] for name in names}
    for at in range(plan.socket_rounds):
        for name in names:
            said(f"sockets, round {at + 1} of {plan.socket_rounds}: {name}")
            async with AsyncExitStack() as stack:
                if name in house.PEERS:
                    server = await stack.enter_async_context(house.peer(name, file))
                else:
                    root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sockets-")))
                    server = await stack.enter_async_context(house.gateway(name, root))
                    await settled([server])
                    await stocked(server, goods)
                nothing = await idle(server, plan.half_of_sockets)
                told = await telling(server, goods.watched, plan.subscribers, plan.changes)
                found[name].append((nothing, told))
    said("")
    return found


async def bench(plan: Plan) -> tuple[Loads, Sockets, Mapping[str, int]]:
    """Starts all servers, makes sure that they agree, and measures.

    Also how many leaves the answer of each case has.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="servers-")))
        file = folder / "shop.json"
        async with AsyncExitStack() as under_load:
            ours = [
                await under_load.enter_async_context(house.gateway(name, folder))
                for name in house.ways()
            ]
            said("the gateways read their catalogue")
            goods = written(file, await settled(ours))
            for server in ours:
                await stocked(server, goods)
            theirs = [
                await under_load.enter_async_context(house.peer(name, file)) for name in house.PEERS
            ]
            of = cases(goods)
            asker = await connected(theirs[0])
            counts = {
                case.name: leaves((await asked(asker, theirs[0], case.body, "none"))[1])
                for case in of
            }
            loads = await rounds_of([*ours, *theirs], of, plan, folder)
        # Neither its cache of documents nor sharing or compiling has a part in sockets.
        once = [name for name in (*house.ways(), *house.PEERS) if name not in house.SAME_SOCKETS]
        return loads, await sockets_of(once, file, goods, plan), counts


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a short run, to see that all works")
    parser.add_argument("--rounds", type=int, choices=range(1, 101), metavar="N")
    parser.add_argument("--seconds", type=int, choices=range(1, 61), metavar="S")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked_for = parser.parse_args()
    plan = QUICK if asked_for.quick else FULL
    plan = Plan(
        **{
            **{name: getattr(plan, name) for name in plan.__slots__},
            "rounds": asked_for.rounds or plan.rounds,
            "seconds": asked_for.seconds or plan.seconds,
        }
    )
    if lacks := house.missing():
        sys.exit("\n".join(lacks))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))  # the servers inherit it
    house.install()

    began = os.getloadavg()[0]
    loads, sockets, counts = asyncio.run(bench(plan))

    about = {
        case.name: f"{counts[case.name]:,} leaves, {case.connections} connections"
        for case in cases(Goods("", "", ""))
    }
    for shown in tables(loads, sockets, about):
        Console().print(shown)
    asked_for.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_at_start_and_end": [round(began, 1), round(os.getloadavg()[0], 1)],
        "versions": house.versions(),
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
        "leaves": counts,
        **as_json(loads, sockets),
    }
    asked_for.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    page = asked_for.out.with_suffix(".md")
    page.write_text(markdown(loads, sockets, about), encoding="utf-8")


if __name__ == "__main__":
    main()
