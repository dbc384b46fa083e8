"""Medusa in the race: holds through its reservations, purchases by completing carts.

A line in a cart promises nothing: stock is reserved by the completion.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bench.peers import durable
from bench.peers.carts import Carts
from bench.peers.figures import Books, Case, Kind
from bench.peers.line import Answer, Line
from bench.peers.medusa.house import (
    ADMIN,
    OWNER,
    VERSION,
    Locks,
    MedusaHouse,
    Redis,
    RunningMedusa,
)
from bench.peers.race import Failed, Outcome

NAME = f"Medusa {VERSION}"
STEPS = {
    Kind.HOLD: "POST /admin/reservations: one request; no time to live, no key, no limits",
    Kind.PURCHASE: "POST /store/carts/{id}/complete: one request; a cart with its line, address,"
    " courier and payment session was made before the clock",
}
PAYMENT = "pp_system_default"
FILLING = 3  # carts that are filled at once; more of them wait for the same locks
FILL_SECONDS = 60.0


class _Holder:
    """An administrator's connection that reserves unit after unit."""

    wants_more = True

    def __init__(self, line: Line, wish: Mapping[str, Any]) -> None:
        self._line = line
        self._wish = wish

    async def connects(self) -> None:
        await self._line.connect()

    async def buys(self) -> Outcome:
        answer = await self._line.send("POST", "/admin/reservations", self._wish)
        return Outcome.ACCEPTED if answer.status == 200 else _other(answer)

    def close(self) -> None:
        self._line.close()


class _Shopper:
    """A guest with a filled cart, which is completed once."""

    wants_more = False

    def __init__(self, line: Line, cart: str) -> None:
        self.filled = True
        self._line = line
        self._cart = cart

    async def connects(self) -> None:
        await self._line.connect()

    async def buys(self) -> Outcome:
        self.filled = False
        answer = await self._line.send("POST", f"/store/carts/{self._cart}/complete", {})
        if answer.status == 200 and (answer.body or {}).get("type") == "order":
            return Outcome.ACCEPTED
        refused = _other(answer)
        self.filled = True
        return refused

    def close(self) -> None:
        self._line.close()


def _other(answer: Answer) -> Outcome:
    """Of an answer that promises nothing: a refusal where it speaks of stock, else it failed."""
    told = answer.body if isinstance(answer.body, dict) else {}
    words = str(told.get("message") or (told.get("error") or {}).get("message") or "").lower()
    if answer.status in (200, 400) and ("inventory" in words or "stock" in words):
        return Outcome.REFUSED
    raise Failed(f"{answer.status} {words}")


class Medusa:
    """Some processes of one shop. Every race of holds has a SKU of its own, as long as there are
    some, for reservations of a SKU take longer the more of them there are; carts are of the last.
    """

    name = NAME
    steps: Mapping[Kind, str] = STEPS

    def __init__(
        self,
        house: MedusaHouse,
        servers: Sequence[RunningMedusa],
        redis: Redis | None,
        token: str,
    ) -> None:
        self._facts = house.facts()
        self._servers = servers
        self._redis = redis
        self._token = token
        self._admin = Line(servers[0].port, self._bearer())
        self._carts = Carts(self._shopper, FILLING)
        self._races = 0
        self._item = self._variant = ""

    async def stocked(self, case: Case) -> None:
        """Takes the case's SKU, and adds what is reserved of it to the units."""
        *skus, sku = self._facts["skus"]
        if case.kind is Kind.HOLD:
            sku = skus[self._races % len(skus)]
            self._races += 1
        [item] = (await self._asks("GET", f"/admin/inventory-items?sku={sku}"))["inventory_items"]
        found = await self._asks("GET", f"/admin/product-variants?sku={sku}&fields=id")
        self._item, self._variant = item["id"], found["variants"][0]["id"]
        reserved = (await self._level())["reserved_quantity"]
        place = f"/admin/inventory-items/{self._item}/location-levels/{self._facts['place']}"
        await self._asks("POST", place, {"stocked_quantity": reserved + case.units})

    async def ready(self, case: Case, seconds: float) -> Sequence[_Holder | _Shopper]:
        """Connections of the administrator, or shoppers with filled carts."""
        if case.kind is Kind.PURCHASE:
            return await self._carts.ready(case.buyers, seconds)
        wish = {
            "inventory_item_id": self._item,
            "location_id": self._facts["place"],
            "quantity": 1,
        }

        return [_Holder(Line(self._port(at), self._bearer()), wish) for at in range(case.buyers)]

    async def books(self) -> Books:
        """Rows of reservations, of one unit each, and the counter that is sold from."""
        path = f"/admin/reservations?inventory_item_id={self._item}&limit=1&fields=id"
        rows = (await self._asks("GET", path))["count"]
        return Books(rows, (await self._level())["reserved_quantity"])

    async def restarted(self) -> None:
        """Kills every process, and starts each again."""
        for server in self._servers:
            await asyncio.to_thread(server.kill)
        if self._redis is not None:  # locks of the killed would be waited for
            await _emptied(self._redis)
        for server in self._servers:
            await asyncio.to_thread(server.start)

    async def _shopper(self, at: int) -> _Shopper | None:
        """A guest at one process with all that an order needs; None if the server failed at it."""
        line = Line(self._port(at), {"x-publishable-api-key": self._facts["key"]})
        try:
            async with asyncio.timeout(FILL_SECONDS):
                cart = await self._cart(line, at)
        except (ConnectionError, TimeoutError):
            cart = None
        if cart is None:
            line.close()
            return None
        return _Shopper(line, cart)

    async def _cart(self, line: Line, at: int) -> str | None:
        where = {
            "first_name": "Buyer",
            "last_name": str(at),
            "address_1": "1 Example Road",
            "city": "Shanghai",
            "postal_code": "200000",
            "country_code": "cn",
        }
        begun = {
            "region_id": self._facts["region"],
            "sales_channel_id": self._facts["channel"],
            "email": f"buyer-{at}@example.com",
            "items": [{"variant_id": self._variant, "quantity": 1}],
            "shipping_address": where,
            "billing_address": where,
        }
        made = await line.send("POST", "/store/carts", begun)
        if made.status != 200:
            return None
        cart: str = made.body["cart"]["id"]
        way = {"option_id": self._facts["courier"]}
        chosen = await line.send("POST", f"/store/carts/{cart}/shipping-methods", way)
        asked = await line.send("POST", "/store/payment-collections", {"cart_id": cart})
        if chosen.status != 200 or asked.status != 200:
            return None
        sessions = f"/store/payment-collections/{asked.body['payment_collection']['id']}"
        session = {"provider_id": PAYMENT}
        paying = await line.send("POST", f"{sessions}/payment-sessions", session)
        return cart if paying.status == 200 else None

    async def _level(self) -> Mapping[str, Any]:
        path = f"/admin/inventory-items/{self._item}/location-levels"
        levels = (await self._asks("GET", path))["inventory_levels"]
        [level] = [at for at in levels if at["location_id"] == self._facts["place"]]
        found: Mapping[str, Any] = level
        return found

    async def _asks(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._admin.send(method, path, body)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered {answer.status}")
        return answer.body

    def _port(self, at: int) -> int:
        return self._servers[at % len(self._servers)].port

    def _bearer(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


@asynccontextmanager
async def medusa(
    folder: Path, processes: int, locks: Locks, facts: dict[str, str]
) -> AsyncIterator[Medusa]:
    """The shop on a durable copy of its database; ``facts`` gets what its PostgreSQL says."""
    house = await asyncio.to_thread(MedusaHouse.ready)
    async with AsyncExitStack() as stack:
        password, log = house.secret("database"), folder / "postgres.log"
        cluster = await asyncio.to_thread(durable.copied, house.cluster, OWNER, password, log)
        stack.callback(cluster.removed)
        facts |= durable.shown(cluster) | {f"locks of {processes} process(es)": locks}
        redis = Redis(folder) if locks is Locks.REDIS else None
        if redis is not None:
            stack.callback(redis.stop)
        variables = house.variables(cluster.port, locks, redis.port if redis else 0)
        servers = []
        for at in range(processes):
            server = RunningMedusa(house, folder / f"server-{at}", variables)
            await asyncio.to_thread(server.start)
            stack.callback(server.stop)
            servers.append(server)
        login = Line(servers[0].port)
        who = {"email": ADMIN, "password": house.secret("admin")}
        told = await login.send("POST", "/auth/user/emailpass", who)
        login.close()
        if told.status != 200:
            raise RuntimeError(f"Medusa's administrator was answered {told.status}")
        yield Medusa(house, servers, redis, told.body["token"])


async def _emptied(redis: Redis) -> None:
    async with asyncio.timeout(FILL_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
        writer.write(b"FLUSHALL\r\n")
        answer = await reader.readline()
        writer.close()
    if not answer.startswith(b"+OK"):
        raise RuntimeError("Redis does not forget its locks")
