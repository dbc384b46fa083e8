"""Messages of a marketplace over HTTP: how many a second are taken, and how soon a buyer's screen
shows what one was about.

    python -m bench.inbox [--seconds S] [--connections N] [--told N] [--out FILE]

Intake: a demo on durable SQLite is sent signed messages of a topic that nobody knows, by some
connections at once, so that each is kept, worked off, and waits for a person; what was acknowledged
is compared with what waits, also in a process that is started anew on the same store.

Told: an order is placed in a marketplace, its message sent, and the time taken until a subscriber
of the SKU's stock hears of it. Client and server share the machine.
"""

import argparse
import asyncio
import hmac
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.hot_sku import Buyer, connected, tokens_of
from bench.over_http import Asker, served
from connectors.sandbox.couriers import secret_of
from connectors.sandbox.marketplaces import SandboxMarketplace

CODE = "marketplace-a"
RESULTS = Path(__file__).parent / "results" / "inbox.json"
PARKED = "{ backends { code parkedIn } }"
STOCK = """subscription ($skus: [String!]!) {
  stockChanged(skus: $skus) { variant { sku } }
}"""
QUIET_SECONDS = 2.0
HEARD_SECONDS = 10.0
SETTLED_SECONDS = 120.0
SKUS_MAX = 100


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of sending as fast as the connections could."""

    seconds: float
    acknowledged: int
    per_second: float
    p50_ms: float
    p99_ms: float
    kept: int
    kept_after_start: int


@dataclass(frozen=True, slots=True)
class Told:
    """Times from sending a message to a subscriber's hearing of what it was about."""

    messages: int
    median_ms: float
    p99_ms: float
    most_ms: float


class Sender:
    """Signs messages as the marketplace does."""

    def __init__(self, data: Path, at: tuple[str, int]) -> None:
        self._secret = secret_of(data)
        self._head = (
            f"POST /webhooks/{CODE} HTTP/1.1\r\nHost: {at[0]}\r\nContent-Type: application/json\r\n"
        )

    def request(self, topic: str, id: str, order: str) -> bytes:
        """A whole request."""
        body = json.dumps({"order": order, "buyer": "x" * 900}).encode()  # some 1 KB, as usual
        signed = hmac.digest(self._secret, body, "sha256").hex()
        head = (
            f"{self._head}X-Sandbox-Signature: {signed}\r\nX-Sandbox-Id: {id}\r\n"
            f"X-Sandbox-Topic: {topic}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def asker(at: tuple[str, int]) -> Asker:
    """A kept-alive connection."""
    return (await asyncio.get_running_loop().create_connection(Asker, *at))[1]


async def parked(operator: Buyer) -> int:
    """Messages that wait for a person."""
    found = {it["code"]: it["parkedIn"] for it in await operator.send(PARKED)}
    return int(found[CODE])


async def settled(operator: Buyer, wanted: int) -> int:
    """The same, once there are as many as wanted, or the patience is over."""
    until = time.monotonic() + SETTLED_SECONDS
    while (count := await parked(operator)) < wanted and time.monotonic() < until:  # noqa: ASYNC110  # another process does it
        await asyncio.sleep(0.5)
    return count


async def take(root: Path, seconds: float, connections: int) -> Taken:
    """Sends for some seconds, and counts."""
    data = root / "data"
    times: list[float] = []
    async with served(data) as at:
        token, _ = tokens_of(data, 0)
        sender = Sender(data, at)
        askers = [await asker(at) for _ in range(connections)]
        began = time.perf_counter()

        async def send(line: int) -> None:
            number = 0
            while (sent := time.perf_counter()) - began < seconds:
                number += 1
                id = f"m-{line}-{number}"
                answer = await askers[line].ask(sender.request("carts/update", id, id))
                assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
                times.append(time.perf_counter() - sent)

        await asyncio.gather(*(send(line) for line in range(connections)))
        took = time.perf_counter() - began
        kept = await settled(await connected(at, token), len(times))
    async with served(data) as at:
        after = await settled(await connected(at, token), len(times))
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return Taken(
        round(took, 1),
        len(times),
        round(len(times) / took, 1),
        round(cuts[49] * 1e3, 1),
        round(cuts[98] * 1e3, 1),
        kept,
        after,
    )


@asynccontextmanager
async def watching(at: tuple[str, int], token: str, skus: list[str]) -> AsyncIterator[Any]:
    """A subscriber of some SKUs' stock."""
    url = f"ws://{at[0]}:{at[1]}/graphql"
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(
        url,
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers=headers,
    ) as socket:
        await socket.send('{"type": "connection_init"}')
        await socket.recv()
        payload = {"query": STOCK, "variables": {"skus": skus}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield socket


async def heard(socket: ClientConnection) -> str:
    """The SKU that the next message is about; "" if it is about none."""
    message = json.loads(await socket.recv())
    assert message["type"] in {"next", "ping"}, message
    if message["type"] == "ping":
        await socket.send('{"type": "pong"}')
        return ""
    return str(message["payload"]["data"]["stockChanged"]["variant"]["sku"])


async def tell(root: Path, count: int) -> Told:
    """Places orders one by one and waits until each is heard of."""
    data = root / "told"
    times: list[float] = []
    async with served(data) as at:
        operator_token, _ = tokens_of(data, 0)
        sender, line = Sender(data, at), await asker(at)
        door = SandboxMarketplace(data, "a")
        listings = list((await door.stands_for()).items())[:SKUS_MAX]
        skus = [sku for _, sku in listings]
        async with watching(at, operator_token, skus) as socket:
            try:
                while True:  # the present state first
                    await asyncio.wait_for(heard(socket), QUIET_SECONDS)
            except TimeoutError:
                pass
            for number in range(count):
                listing, sku = listings[number % len(listings)]
                order = await door.order({listing: 1})
                request = sender.request("orders/create", f"o-{number}", order)
                sent = time.perf_counter()
                told = asyncio.create_task(line.ask(request))
                async with asyncio.timeout(HEARD_SECONDS):
                    while await heard(socket) != sku:
                        pass
                times.append(time.perf_counter() - sent)
                await told
        door.close()
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return Told(len(times), *(round(at * 1e3, 1) for at in (cuts[49], cuts[98], max(times))))


def table(taken: Taken, told: Told) -> Table:
    """Both for people."""
    shown = Table(title="Messages of a marketplace over HTTP, durable SQLite")
    shown.add_column("what")
    shown.add_column("figure", justify="right")
    for name, figure in (*asdict(taken).items(), *asdict(told).items()):
        shown.add_row(name.replace("_", " "), f"{figure:g}")
    return shown


async def both(seconds: float, connections: int, count: int) -> tuple[Taken, Told]:
    """Runs one after the other, each on a demo of its own."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as folder:
        taken = await take(Path(folder), seconds, connections)
        return taken, await tell(Path(folder), count)


def main() -> None:
    """Runs and keeps what came out; exits with 1 if anything that was acknowledged is lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long messages are sent")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--told", type=int, default=100, help="orders that a subscriber waits for")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    taken, told = asyncio.run(both(asked.seconds, asked.connections, asked.told))
    Console().print(table(taken, told))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "connections": asked.connections,
        "taken": asdict(taken),
        "told": asdict(told),
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if min(taken.kept, taken.kept_after_start) != taken.acknowledged:
        sys.exit("messages that were acknowledged are lost")


if __name__ == "__main__":
    main()
