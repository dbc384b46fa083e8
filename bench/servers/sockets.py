"""What open sockets cost a server: memory of silent ones, and telling many of one change.

Every server is a fresh process. A change is one hold of the watched SKU, posted over HTTP; it has
been told when the last subscriber has it, and the next is posted a moment later.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass

from bench.over_http import Asker
from bench.servers.cases import PLACE, WATCH, asked, hold
from bench.servers.figures import percentile
from bench.servers.house import Server
from bench.servers.processes import cpu_seconds, resident_mib
from bench.servers.socket_client import Socket

AT_ONCE = 50
"""Handshakes under way at the same time."""

WARM_UP = 50
"""Sockets that come and go before anything is measured."""

TOLD_BEFORE = 10
"""Changes that are told before any is measured."""

SETTLE_SECONDS = 3.0
PAUSE_SECONDS = 0.02
TOLD_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Idle:
    """Sockets that have introduced themselves and say nothing; what each of the second half has
    added to the memory, in KiB.
    """

    sockets: int
    kib_each: float
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Telling:
    """Changes told to every subscriber: from the posting to the last that has it, in milliseconds;
    the server's CPU for one change, its posting and all its subscribers included.
    """

    subscribers: int
    changes: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float


async def opened(server: Server, count: int) -> list[Socket]:
    """So many sockets, some handshakes at a time."""
    found: list[Socket] = []
    while len(found) < count:
        some = min(AT_ONCE, count - len(found))
        found += await asyncio.gather(
            *(Socket.opened(server.host, server.port, server.shopper) for _ in range(some))
        )
    return found


async def idle(server: Server, count: int) -> Idle:
    """What a server has in memory for so many sockets, against as many as were open before them:
    the first ones fill what it had free.
    """
    for socket in await opened(server, WARM_UP):
        socket.close()
    await asyncio.sleep(SETTLE_SECONDS)
    sockets = await opened(server, count)
    await asyncio.sleep(SETTLE_SECONDS)
    before = resident_mib(server.pid)
    sockets += await opened(server, count)
    await asyncio.sleep(SETTLE_SECONDS)
    after = resident_mib(server.pid)
    for socket in sockets:
        socket.close()
    await asyncio.sleep(SETTLE_SECONDS)
    return Idle(len(sockets), round((after - before) * 1024 / count, 1), round(after, 1))


async def telling(server: Server, sku: str, subscribers: int, changes: int) -> Telling:
    """Tells so many subscribers of one SKU of one change after another."""
    loop = asyncio.get_running_loop()
    poster = (await loop.create_connection(Asker, server.host, server.port))[1]
    body = hold(sku, PLACE).body
    sockets = await opened(server, subscribers)
    for at in range(0, subscribers, AT_ONCE):
        some = sockets[at : at + AT_ONCE]
        watch = {"skus": [sku], "at": [PLACE]}
        first = await asyncio.gather(*(socket.subscribed(WATCH, watch) for socket in some))
    units = first[0]["stockChanged"]["availableToPromise"]
    took: list[float] = []
    used = 0.0
    for at in range(-TOLD_BEFORE, changes):
        if at == 0:
            used = cpu_seconds(server.pid)
        units -= 1
        # A number follows its name with a space at some servers and without at others.
        heard = [socket.wait_for(f"{units}".encode()) for socket in sockets]
        began = time.perf_counter()
        _, found = await asked(poster, server, body, server.shopper)
        if found["reserveStock"]["userErrors"]:
            raise RuntimeError(f"{server.name} refused a hold: {found}")
        async with asyncio.timeout(TOLD_SECONDS):
            times = await asyncio.gather(*heard)
        if at >= 0:
            took.append(max(times) - began)
        await asyncio.sleep(PAUSE_SECONDS)
    used = cpu_seconds(server.pid) - used
    for socket in sockets:
        socket.close()
    return Telling(
        subscribers,
        changes,
        round(statistics.median(took) * 1e3, 2),
        round(percentile(took, 99) * 1e3, 2),
        round(used * 1e3 / changes, 2),
    )
