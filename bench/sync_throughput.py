"""Measures how fast a backend is read into an empty store, against a bare client.

    python -m bench.sync_throughput [--rounds N] [--out FILE]

Three real systems are started, of one retailer: Tryton, Vendure and BottleCRM. In each round a new
gateway reads one of them whole, for the first time, on durable SQLite; every request that it makes
is written down. Then a bare HTTP client makes the same requests again, as many beside each other as
the gateway had, reads the answers to the end and does nothing with them, not even parse them. The
ratio is the bare client's time to the gateway's: 1 is as fast as the backend can be read at all.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from bench.progress import said
from connectors.crm import bottlecrm
from connectors.erp import tryton
from connectors.marketplace import vendure
from gateway.bootstrap import assemble
from gateway.ids import wall_clock
from gateway.settings import Settings
from gateway.tokens import principal_of
from resolvers.access import Role
from resolvers.backend_ports import Backend
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.reading import Memory
from resolvers.sync import sync_backend
from tests.live.retailer import CRM, ERP, SHOP, Retailer, open_retailer

RATIO_MIN = 0.8
TIMEOUT = 30.0
RESULTS = Path(__file__).parent / "results" / "sync_throughput.json"
CHANNELS = (
    Channel("web", "Web", ChannelKind.MARKETPLACE, "CNY"),
    Channel("mini-program", "Mini program", ChannelKind.ONLINE, "CNY"),
    Channel("store", "Stores", ChannelKind.IN_STORE, "CNY"),
)

Connect = Callable[[httpx2.AsyncBaseTransport], Backend]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was made."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    content: bytes


class Recorder(httpx2.AsyncBaseTransport):
    """Passes requests on, and writes them down, with how many were under way at most."""

    def __init__(self) -> None:
        self._network = httpx2.AsyncHTTPTransport()
        self._under_way = 0
        self.most = 0
        self.requests: list[Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Makes one request."""
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        content = await request.aread()
        headers = tuple(request.headers.items())
        self.requests.append(Request(request.method, str(request.url), headers, content))
        try:
            return await self._network.handle_async_request(request)
        finally:
            self._under_way -= 1

    async def aclose(self) -> None:
        """Lets go of the network."""
        await self._network.aclose()


@dataclass(frozen=True, slots=True)
class Round:
    """One reading and the same requests made bare, in seconds."""

    requests: int
    at_once: int
    mib: float
    gateway_s: float
    bare_s: float

    @property
    def ratio(self) -> float:
        """The bare client's time to the gateway's."""
        return self.bare_s / self.gateway_s


def connections(retailer: Retailer) -> Mapping[str, Connect]:
    """How each system is connected to over a transport."""
    erp, shop, crm = retailer.erp, retailer.shop, retailer.crm

    def to_erp(transport: httpx2.AsyncBaseTransport) -> Backend:
        return tryton.backend(
            code=ERP,
            url=erp.url,
            database=erp.database,
            user="gateway",
            password=erp.house.password("gateway"),
            channels=CHANNELS,
            timeout_seconds=TIMEOUT,
            transport=transport,
        )

    def to_shop(transport: httpx2.AsyncBaseTransport) -> Backend:
        options = {"channels": "__default_channel__=web, mini=mini-program", "location": "CW01"}
        return vendure.backend(
            code=SHOP,
            url=shop.url,
            user=shop.user,
            password=shop.password,
            channels=CHANNELS,
            timeout_seconds=TIMEOUT,
            options=options,
            transport=transport,
        )

    def to_crm(transport: httpx2.AsyncBaseTransport) -> Backend:
        return bottlecrm.backend(
            code=CRM,
            url=crm.url,
            token=crm.token,
            webhook_secrets=(),
            timeout_seconds=TIMEOUT,
            transport=transport,
        )

    return {ERP: to_erp, SHOP: to_shop, CRM: to_crm}


async def bare(requests: Sequence[Request], at_once: int) -> tuple[float, int]:
    """Makes the same requests again; how long that took, and how many bytes came."""
    waiting, received = iter(requests), 0

    async def client(session: httpx2.AsyncClient) -> None:
        nonlocal received
        for one in waiting:
            answer = await session.request(
                one.method, one.url, headers=list(one.headers), content=one.content
            )
            answer.raise_for_status()
            received += len(answer.content)

    limits = httpx2.Limits(max_connections=at_once)
    async with httpx2.AsyncClient(timeout=TIMEOUT, limits=limits, trust_env=False) as session:
        began = time.perf_counter()
        await asyncio.gather(*(client(session) for _ in range(at_once)))
        return time.perf_counter() - began, received


async def one_round(connect: Connect) -> Round:
    """One reading into a new store, and its like made bare while the session still holds."""
    recorder = Recorder()
    backend = connect(recorder)
    with tempfile.TemporaryDirectory(prefix="sync-throughput-") as data:
        runtime = assemble(Settings(), Path(data), (backend,), CHANNELS, wall_clock)
        began = time.perf_counter()
        ctx = runtime.context(principal_of(Role.ADMIN))
        good = await sync_backend(ctx, backend, Memory(), whole=True)
        took = time.perf_counter() - began
        if not good:
            sys.exit(f"{backend.code} could not be read")
        asked = list(recorder.requests)
        bare_s, received = await bare(asked, recorder.most)
        await runtime.close()
    mib = round(received / 1024**2, 2)
    return Round(len(asked), recorder.most, mib, round(took, 3), round(bare_s, 3))


def table(found: Mapping[str, Sequence[Round]]) -> Table:
    """The medians for people."""
    shown = Table(title="A first reading against a bare client, medians")
    shown.add_column("backend")
    for name in ("requests", "at once", "MiB", "gateway s", "bare s", "ratio", "worst"):
        shown.add_column(name, justify="right")
    for code, rounds in found.items():
        middle = [statistics.median(column) for column in zip(*map(_row, rounds), strict=True)]
        worst = min(it.ratio for it in rounds)
        shown.add_row(
            code, *(f"{value:g}" for value in middle[:-1]), f"{middle[-1]:.2f}", f"{worst:.2f}"
        )
    shown.add_row("target", "", "", "", "", "", f"{RATIO_MIN:g}", "")
    return shown


def _row(it: Round) -> tuple[float, ...]:
    return (it.requests, it.at_once, it.mib, it.gateway_s, it.bare_s, it.ratio)


async def measured(retailer: Retailer, rounds: int) -> Mapping[str, list[Round]]:
    """So many rounds of each backend, in turns; one before them is thrown away."""
    found: dict[str, list[Round]] = {}
    for at in range(rounds + 1):
        for code, connect in connections(retailer).items():
            said(f"round {at} of {rounds}: {code}")
            round_ = await one_round(connect)
            if at:
                found.setdefault(code, []).append(round_)
    said("")
    return found


def main() -> None:
    """Runs the rounds and keeps what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 51), metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="retailer-") as folder,
        open_retailer(Path(folder)) as retailer,
    ):
        found = asyncio.run(measured(retailer, asked.rounds))
    Console().print(table(found))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": wall_clock().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rounds": {code: [asdict(it) for it in rounds] for code, rounds in found.items()},
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
