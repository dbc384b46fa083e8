"""What a page of products costs whose stock and prices are asked live of real systems, beside what
those systems take by themselves.

    python -m bench.products_page [--rounds N]

A Tryton and a Vendure are started (and installed on the first run), a gateway is configured on both
so that it asks them for every page, and the page is asked for over HTTP. Between two pages a bare
client asks each system the one question that the gateway asks it, and a second gateway that asks
nobody is asked for the same page. The page may take 1.2 times the slower call. Exit status: 0 if it
does.
"""

import argparse
import asyncio
import base64
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

from bench.over_http import Asker, configured
from tests.live.tryton.house import RunningTryton, TrytonHouse
from tests.live.vendure.house import RunningVendure, VendureHouse

RATIO_MAX = 1.2
WARM = 10
RESULTS = Path(__file__).parent / "results" / "products_page.json"

PAGE = """{ products(first: 50) { nodes { handle title variants(first: 1) { nodes {
  sku price(channel: "web") { amount currencyCode }
  stockLevels(first: 1, locationCodes: ["CW01"]) {
    nodes { onHand availableToPromise provenance { system observedAt stale } } }
} } } } }"""

CONFIG = """
[retailer]
name = "Bench"
[limits]
cost_per_second = 0
[sync]
poll_seconds = 1
quiet_seconds = 3600
scan_seconds = 3600
[live]
after_seconds = {after}
deadline_ms = 5000
[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"
[[backends]]
code = "erp"
vendor = "tryton"
url = "{erp.url}"
database = "{erp.database}"
user = "gateway"
password_env = "BENCH_ERP_PASSWORD"
[[backends]]
code = "shop"
vendor = "vendure"
url = "{shop.url}"
user = "{shop.user}"
password_env = "BENCH_SHOP_PASSWORD"
[backends.options]
channels = "__default_channel__=web"
location = "CW01"
barcode_field = "barcode"
"""

LOGIN = """mutation($u: String!, $p: String!) {
  login(username: $u, password: $p) { __typename }
}"""
PRICES = """query($options: ProductVariantListOptions) {
  rows: productVariants(options: $options) { totalItems items { id priceWithTax currencyCode } }
}"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds, as medians and ninth deciles; ``ratio`` of the page to the slower call."""

    page: float
    page_p90: float
    mirror: float
    mirror_p90: float
    stock: float
    stock_p90: float
    prices: float
    prices_p90: float
    ratio: float
    rounds: int
    levels_live: int
    priced: int


class Bare:
    """Asks both systems what the gateway asks them, and does nothing with the answers."""

    def __init__(self, erp: RunningTryton, shop: RunningVendure) -> None:
        self._erp = erp
        self._shop = shop
        self._http = httpx2.AsyncClient(timeout=30, trust_env=False)
        self._session = ""
        self._context: dict[str, Any] = {}
        self._token = ""

    async def log_in(self) -> None:
        """Has both let it in."""
        secret = {"password": self._erp.house.password("gateway")}
        id, token, *_ = await self._rpc("common.db.login", ["gateway", secret, "en"])
        self._session = base64.b64encode(f"gateway:{id}:{token}".encode()).decode()
        self._context = await self._rpc("model.res.user.get_preferences", [True, {}])
        body = {"query": LOGIN, "variables": {"u": self._shop.user, "p": self._shop.password}}
        answer = await self._http.post(f"{self._shop.url}/admin-api", json=body)
        self._token = answer.headers["vendure-auth-token"]

    async def warehouse(self, code: str) -> int:
        """The id of a warehouse."""
        domain = [["code", "=", code], ["type", "=", "warehouse"]]
        rows = await self._search("stock.location", domain, ["id"], {})
        return int(rows[0]["id"])

    async def ids(self, skus: list[str]) -> list[str]:
        """Which variants of the shop the SKUs are."""
        options = {"filter": {"sku": {"in": skus}}, "take": 100}
        return [row["id"] for row in await self._prices(options)]

    async def stock(self, skus: list[str], warehouse: int) -> None:
        """What the gateway asks Tryton."""
        domain = [["code", "in", sorted(skus)]]
        await self._search(
            "product.product", domain, ["code", "quantity"], {"locations": [warehouse]}
        )

    async def prices(self, ids: list[str]) -> None:
        """What the gateway asks Vendure."""
        await self._prices({"filter": {"id": {"in": ids}}, "take": len(ids)})

    async def close(self) -> None:
        """Lets go of the network."""
        await self._http.aclose()

    async def _prices(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        body = {"query": PRICES, "variables": {"options": options}}
        headers = {"authorization": f"Bearer {self._token}"}
        answer = await self._http.post(f"{self._shop.url}/admin-api", json=body, headers=headers)
        rows: list[dict[str, Any]] = answer.json()["data"]["rows"]["items"]
        return rows

    async def _search(
        self, model: str, domain: list[Any], fields: list[str], more: dict[str, Any]
    ) -> list[dict[str, Any]]:
        params = [domain, 0, 200, [["id", "ASC"]], fields, {**self._context, **more}]
        rows: list[dict[str, Any]] = await self._rpc(f"model.{model}.search_read", params)
        return rows

    async def _rpc(self, method: str, params: list[Any]) -> Any:
        headers = {"authorization": f"Session {self._session}"} if self._session else {}
        body = {"id": 1, "method": method, "params": params}
        url = f"{self._erp.url}/{self._erp.database}/rpc/"
        told = (await self._http.post(url, json=body, headers=headers)).json()
        return told["result"]


async def measure(rounds: int, erp: RunningTryton, shop: RunningVendure, data: Path) -> Measured:
    """Rounds of the page and of both bare calls, one after another."""
    configs = {}
    for name, after in (("live", 0.001), ("mirror", 0)):
        (data / name).mkdir()
        configs[name] = data / f"{name}.toml"
        configs[name].write_text(CONFIG.format(erp=erp, shop=shop, after=after), encoding="utf-8")
    secrets = {
        "BENCH_ERP_PASSWORD": erp.house.password("gateway"),
        "BENCH_SHOP_PASSWORD": shop.password,
    }
    bare = Bare(erp, shop)
    await bare.log_in()
    async with (
        configured(data / "live", configs["live"], secrets) as (_, host, port),
        configured(data / "mirror", configs["mirror"], secrets) as (_, _, other_port),
    ):
        connect = asyncio.get_running_loop().create_connection
        _, asker = await connect(Asker, host, port)
        _, other = await connect(Asker, host, other_port)
        content = json.dumps({"query": PAGE}).encode()
        head = f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
        await settled(other, request)
        nodes = nodes_of(await settled(asker, request))
        skus = [node["sku"] for node in nodes]
        at, ids = await bare.warehouse("CW01"), await bare.ids(skus)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "page": lambda: asker.ask(request),
            "mirror": lambda: other.ask(request),
            "stock": lambda: bare.stock(skus, at),
            "prices": lambda: bare.prices(ids),
        }
        took: dict[str, list[float]] = {name: [] for name in calls}
        for turn in range(WARM + rounds):
            for name, call in calls.items():
                began = time.perf_counter()
                await call()
                if turn >= WARM:
                    took[name].append((time.perf_counter() - began) * 1000)
        nodes = nodes_of(await asker.ask(request))
    await bare.close()
    levels = [level for node in nodes for level in node["stockLevels"]["nodes"]]
    half = {name: statistics.median(values) for name, values in took.items()}
    tenth = {name: statistics.quantiles(values, n=10)[-1] for name, values in took.items()}
    return Measured(
        half["page"],
        tenth["page"],
        half["mirror"],
        tenth["mirror"],
        half["stock"],
        tenth["stock"],
        half["prices"],
        tenth["prices"],
        half["page"] / max(half["stock"], half["prices"]),
        rounds,
        sum(not level["provenance"]["stale"] for level in levels),
        sum(node["price"] is not None for node in nodes),
    )


async def settled(asker: Asker, request: bytes) -> bytes:
    """The page, once the gateway has read what it shows of both systems."""
    async with asyncio.timeout(60):
        while True:
            answer = await asker.ask(request)
            nodes = nodes_of(answer)
            if len(nodes) == 50 and sum(node["price"] is not None for node in nodes) > 40:
                return answer
            await asyncio.sleep(0.5)


def nodes_of(answer: bytes) -> list[dict[str, Any]]:
    """The variants of an answer that says nothing of errors or of fallen-back fields."""
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert "errors" not in body, body["errors"]
    assert "extensions" not in body, body["extensions"]
    return [
        variant
        for product in body["data"]["products"]["nodes"]
        for variant in product["variants"]["nodes"]
    ]


def table(found: Measured) -> str:
    """The figures for people."""
    rows = (
        ("page of 50 over HTTP", found.page, found.page_p90),
        ("the same from the mirror, nobody asked", found.mirror, found.mirror_p90),
        ("bare call: stock of 50 SKUs, Tryton", found.stock, found.stock_p90),
        ("bare call: prices of the same, Vendure", found.prices, found.prices_p90),
    )
    lines = [f"{'':40}{'median':>10}{'p90':>10}"]
    lines += [f"{name:40}{half:8.1f} ms{tenth:7.1f} ms" for name, half, tenth in rows]
    lines.append(f"{'page / slower call':40}{found.ratio:8.2f} x  (at most {RATIO_MAX} x)")
    lines.append(f"{found.levels_live} levels live, {found.priced} priced, {found.rounds} rounds")
    return "\n".join(lines)


def main() -> int:
    """Runs it, and says whether the page is quick enough."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory)
        for name in ("erp", "shop"):
            (data / name).mkdir()
        with (
            TrytonHouse.ready().start(data / "erp") as erp,
            VendureHouse.ready().start(data / "shop") as shop,
        ):
            found = asyncio.run(measure(options.rounds, erp, shop, data))
    print(table(found))
    RESULTS.parent.mkdir(exist_ok=True)
    told = {**asdict(found), "cores": os.cpu_count(), "at_most": RATIO_MAX}
    RESULTS.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if found.ratio <= RATIO_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
