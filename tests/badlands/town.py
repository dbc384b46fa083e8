"""Three real systems, each behind its proxy, and gateways on all of them: how they are started,
what people do in them, and how it is seen from outside.

The ERP and its tills are Tryton, the marketplace is Vendure, the members are in BottleCRM.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.badlands import dialects
from tests.badlands.proxy import Proxy
from tests.live.retailer import CRM, ERP, SHOP, open_retailer
from tests.live.served import Served, command, token
from tests.live.tryton.house import RunningTryton
from tests.live.tryton.rpc import today
from tests.live.vendure import seed as shop_seed
from tests.live.vendure.api import Api
from tests.live.vendure.connected import variant_id
from tests.live.vendure.house import RunningVendure
from tests.live_crm.house import RunningCrm
from tests.live_crm.witness import Witness as CrmStaff

BACKENDS = (ERP, SHOP, CRM)

SOLD_ONLINE, SOLD_AT_TILL, TILL = "BT0103-01", "BT0102-01", "SH01"
STOCKED = 2000
REGULAR = "person-000001"

DEADLINE_SECONDS = 5.0
"""The longest that a request may take, as these gateways are configured."""

COMMAND_SECONDS = 90

SETTINGS = f"""
[server]
drain_seconds = 0
shutdown_seconds = 2

[retailer]
name = "Zhaoshan Retail"
time_zone = "Asia/Shanghai"
currency = "CNY"

[limits]
deadline_seconds = {DEADLINE_SECONDS}

[sync]
poll_seconds = 0.4
quiet_seconds = 0.4
scan_seconds = 1.5

[publication]
whole_seconds = 2.0

[[channels]]
code = "web"
name = "Web"
kind = "MARKETPLACE"

[[channels]]
code = "mini-program"
name = "Mini program"
kind = "ONLINE"

[[channels]]
code = "store"
name = "Stores"
kind = "IN_STORE"

[[backends]]
code = "erp"
vendor = "tryton"
url = "{{erp}}"
database = "retail"
user = "gateway"
password_env = "BAD_DAYS_ERP"
timeout_seconds = 3.0

[[backends]]
code = "shop"
vendor = "vendure"
url = "{{shop}}"
user = "{{shop_user}}"
password_env = "BAD_DAYS_SHOP"
timeout_seconds = 3.0
publish = true

[backends.options]
channels = "__default_channel__=web, mini=mini-program"
location = "CW01"
barcode_field = "barcode"

[[backends]]
code = "crm"
vendor = "bottlecrm"
url = "{{crm}}"
password_env = "BAD_DAYS_CRM"
timeout_seconds = 5.0
"""

BACKENDS_QUERY = """
{ backends { code status breaker pendingOut parkedIn lastError pendingPublications
  failedPublications
  pressure { silentSeconds callsPerSecond } } }
"""
LEVELS = """
query Levels($at: String!, $after: String) {
  stockLevels(first: 100, after: $after, filter: { locationCode: [$at] }) {
    nodes { onHand variant { sku } } pageInfo { hasNextPage endCursor } } }
"""
LEVEL_PAGES_MAX = 50
PLACES = ("CW01", "SH01", "SH02", "BJ01", "GZ01")

FIELDS: Mapping[str, str] = {
    "catalogue": '{ variant(by: { sku: "BT0103-01" }) { title price(channel: "mini-program")'
    " { amount } } }",
    "availability": '{ availability(skus: ["BT0103-01", "BT0102-01"], channel: "mini-program")'
    " { availableToPromise } }",
    "stock": '{ stockLevels(first: 5, filter: { sku: ["BT0102-01"] }) { nodes { onHand'
    " location { code } } } }",
    "listings": "{ unmatchedListings(first: 20) { nodes { sellerCode prices { price { amount } }"
    " } } }",
    "members": "{ members(first: 5) { nodes { id tier } } }",
    "orders": "{ orders(first: 5) { nodes { number status } } }",
}
"""One question for each kind of thing."""


class Failed(AssertionError):
    """An answer that no fault of a backend excuses."""


@dataclass
class Town:
    """All of it, running."""

    tryton: RunningTryton
    vendure: RunningVendure
    bottle: RunningCrm
    proxies: Mapping[str, Proxy]
    config: Path
    data: Path
    variables: Mapping[str, str]
    gateways: list[Served] = field(default_factory=list)

    def another_gateway(self) -> Served:
        """Starts one more process on the same store."""
        gateway = Served(self.data, self.variables, self.config)
        self.gateways.append(gateway)
        return gateway

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One of the gateway's commands at this store, to its end; what it said."""
        return subprocess.run(
            [command(), *words, "--config", self.config, "--data", self.data],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def secrets(self) -> Sequence[str]:
        """What must be in no log and no answer."""
        return [*self.variables.values(), "13800131001", "lin.xiaotong@example.com"]


@contextlib.asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """Starts everything, with one gateway, which has read all of it when this returns."""
    with contextlib.ExitStack() as stack:
        retailer = await asyncio.to_thread(stack.enter_context, open_retailer(folder))
        tryton, vendure, bottle = retailer.erp, retailer.shop, retailer.crm
        spoken = {
            ERP: (tryton.port, dialects.TRYTON),
            SHOP: (vendure.port, dialects.VENDURE),
            CRM: (bottle.port, dialects.BOTTLECRM),
        }
        proxies = {code: stack.enter_context(Proxy(*how)) for code, how in spoken.items()}
        config = folder / "gateway.toml"
        urls = {code: proxy.url for code, proxy in proxies.items()}
        config.write_text(SETTINGS.format(**urls, shop_user=vendure.user), encoding="utf-8")
        variables = {
            "BAD_DAYS_ERP": tryton.house.password("gateway"),
            "BAD_DAYS_SHOP": vendure.password,
            "BAD_DAYS_CRM": bottle.token,
        }
        data = folder / "data"
        data.mkdir()
        built = Town(tryton, vendure, bottle, proxies, config, data, variables)
        await asyncio.to_thread(_stock_up, tryton)
        try:
            await asyncio.to_thread(built.another_gateway().wait_until_ready)
            yield built
        finally:
            for proxy in proxies.values():
                proxy.fail(None)
            for gateway in built.gateways:
                await asyncio.to_thread(gateway.stop)


def _stock_up(tryton: RunningTryton) -> None:
    keeper = tryton.witness()
    keeper.count_stock("CW01", SOLD_ONLINE, STOCKED)
    keeper.count_stock(TILL, SOLD_AT_TILL, STOCKED)


class People:
    """Who works in the systems themselves, behind the proxies, and looks from outside at what the
    gateway makes of it. One change at a time at each system.
    """

    def __init__(self, built: Town) -> None:
        self._town = built
        self._keeper = built.tryton.witness()
        self._till = self._keeper.only("stock.location", [["code", "=", TILL]])["id"]
        self._owner: Api = built.vendure.admin()
        self._gift = variant_id(self._owner, shop_seed.UNKNOWN_SKU)
        self._staff = CrmStaff(built.bottle.port, built.bottle.house.token("staff"))
        self._regular = str(self._staff.by_reference()[REGULAR]["id"])
        self._changes = 0
        self.expected: dict[str, Any] = {}
        for code in BACKENDS:
            self.as_it_is(code)

    def log_in_again(self) -> None:
        """After the systems have forgotten everybody."""
        self._keeper = self._town.tryton.witness()
        self._owner = self._town.vendure.admin()

    def change(self, code: str) -> None:
        """Something happens in a system; from now on it is expected to be seen."""
        self._changes += 1
        at = self._changes
        if code == ERP:
            self._keeper.sell_at_till(TILL, SOLD_AT_TILL, 1)
        elif code == SHOP:
            self._reprice(10_000 + at)
        else:
            self._staff.change(self._regular, last_name=f"王{at}")
        self.as_it_is(code)

    def _on_hand(self) -> int:
        where = {"locations": [self._till], "stock_date_end": today()}
        [row] = self._keeper.search_read(
            "product.product", [["code", "=", SOLD_AT_TILL]], ["quantity"], context=where
        )
        return int(row["quantity"])

    def _reprice(self, price: int) -> None:
        self._owner.ask(
            "mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i)"
            " { id } }",
            i=[{"id": self._gift, "price": price}],
        )

    def _price(self) -> int:
        row = self._owner.ask(
            "query($i: ID!) { productVariant(id: $i) { priceWithTax } }", i=self._gift
        )
        return int(row["priceWithTax"])

    def as_it_is(self, code: str) -> None:
        """Expects what a system says now, whoever has changed it."""
        if code == ERP:
            self.expected[ERP] = self._on_hand()
        elif code == SHOP:
            self.expected[SHOP] = f"{self._price() / 100:.2f}"
        else:
            person = self._staff.ask("GET", f"contacts/{self._regular}/")["contact_obj"]
            self.expected[CRM] = person["last_name"] + person["first_name"]

    def on_hand(self, place: str) -> Mapping[str, int]:
        """What lies at a place, as the ERP's people count it; what there is none of is left out."""
        return {sku: units for sku, units in self._keeper.on_hand(place).items() if units}

    def sales(self, numbers: set[str]) -> dict[str, list[str]]:
        """States of the ERP's sales by order number."""
        found: dict[str, list[str]] = {}
        for sale in self._keeper.sales("UC"):
            number = sale["reference"].split("/")[0]
            if number in numbers:
                found.setdefault(number, []).append(sale["state"])
        return found


class Asker:
    """Somebody who asks one gateway, and tells what no bad day excuses from what is its due."""

    def __init__(self, gateway: Served, role: str, *options: str) -> None:
        bearer = token(gateway.data, role, *options)
        self._client = httpx2.AsyncClient(
            base_url=gateway.url,
            headers={"Authorization": f"Bearer {bearer}"},
            timeout=4 * DEADLINE_SECONDS,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer.

        Raises:
            Failed: it has errors, or is none.
        """
        data, _ = await self.timed(query, **variables)
        return data

    async def timed(self, query: str, **variables: Any) -> tuple[dict[str, Any], float]:
        """The same, and how long it took, in seconds."""
        began = time.monotonic()
        answer = await self._client.post("/graphql", json={"query": query, "variables": variables})
        took = time.monotonic() - began
        if answer.status_code != 200:
            raise Failed(f"HTTP {answer.status_code}: {answer.text[:300]}")
        body = answer.json()
        if body.get("errors"):
            raise Failed(str(body["errors"])[:300])
        return body["data"], took

    async def seen(self) -> dict[str, Any]:
        """What the gateway says where people make changes, by backend."""
        told = await self.ask(
            """query Seen($sku: String!, $at: String!) {
              stockLevels(first: 1, filter: { sku: [$sku], locationCode: [$at] }) {
                nodes { onHand } }
              unmatchedListings(first: 20) { nodes { sellerCode prices { price { amount } } } }
              member(by: { card: "C00000001" }) { displayName } }""",
            sku=SOLD_AT_TILL,
            at=TILL,
        )
        gifts = [
            listing["prices"]
            for listing in told["unmatchedListings"]["nodes"]
            if listing["sellerCode"] == shop_seed.UNKNOWN_SKU
        ]
        member = told["member"] or {}
        return {
            ERP: told["stockLevels"]["nodes"][0]["onHand"],
            SHOP: gifts[0][0]["price"]["amount"] if gifts and gifts[0] else None,
            CRM: member.get("displayName"),
        }

    async def on_hand(self, place: str) -> Mapping[str, int]:
        """The same as the gateway says it."""
        found: dict[str, int] = {}
        after = None
        for _ in range(LEVEL_PAGES_MAX):
            page = (await self.ask(LEVELS, at=place, after=after))["stockLevels"]
            found |= {it["variant"]["sku"]: it["onHand"] for it in page["nodes"] if it["onHand"]}
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
        raise Failed("a list that never ends")

    async def backends(self) -> dict[str, dict[str, Any]]:
        rows = (await self.ask(BACKENDS_QUERY))["backends"]
        return {row["code"]: row for row in rows}
