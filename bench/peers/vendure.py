"""Vendure in the race: a guest each with a filled cart; some server processes over one database.

It has no hold: a cart promises nothing, and its stock is counted down by the payment.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.peers import durable
from bench.peers.carts import Carts
from bench.peers.figures import Books, Case, Kind
from bench.peers.line import Line
from bench.peers.race import Failed, Outcome
from tests.live.processes import free_port
from tests.live.vendure.api import REFUSED
from tests.live.vendure.house import OWNER, RunningVendure, VendureHouse

NAME = "Vendure 3.7.3"
STEPS = {
    Kind.PURCHASE: "transitionOrderToState(ArrangingPayment), addPaymentToOrder: two requests; a"
    " session, and a cart with its line, customer, address and courier, were made before the clock",
}
SKU = "BT0101-01"
SOLD = ("PaymentAuthorized", "PaymentSettled")
FILLING = 4  # carts that are filled at once
FILL_SECONDS = 60.0
ORDER = f"... on Order {{ id state }} {REFUSED}"

VARIANT = (
    "query($s: String!) { productVariants(options: {filter: {sku: {eq: $s}}}) { items { id } } }"
)
LEVELS = """query($id: ID!) { productVariant(id: $id) {
  stockLevels { stockLocationId stockOnHand stockAllocated } } }"""
PLACED = """query($states: [String!]!) {
  orders(options: {filter: {state: {in: $states}}, take: 1}) { totalItems } }"""
STOCK = """mutation($input: [UpdateProductVariantInput!]!) {
  updateProductVariants(input: $input) { id } }"""

ADD = f"""mutation($v: ID!) {{
  addItemToOrder(productVariantId: $v, quantity: 1) {{ {ORDER} }} }}"""
WHO = f"mutation($i: CreateCustomerInput!) {{ setCustomerForOrder(input: $i) {{ {ORDER} }} }}"
WHERE = f"mutation($i: CreateAddressInput!) {{ setOrderShippingAddress(input: $i) {{ {ORDER} }} }}"
WAYS = "{ eligibleShippingMethods { id } }"
WAY = f"mutation($m: [ID!]!) {{ setOrderShippingMethod(shippingMethodId: $m) {{ {ORDER} }} }}"
ARRANGE = f'mutation {{ transitionOrderToState(state: "ArrangingPayment") {{ {ORDER} }} }}'
SETTLE = f"""mutation {{
  addPaymentToOrder(input: {{method: "test-pay", metadata: {{}}}}) {{ {ORDER} }} }}"""
GONE = ("INSUFFICIENT_STOCK_ERROR", "ORDER_STATE_TRANSITION_ERROR")


class _Guest:
    """One session with its cart, which is paid once."""

    wants_more = False

    def __init__(self, line: Line) -> None:
        self.filled = True
        self._line = line

    async def fills(self, variant: str, name: str) -> bool:
        """Makes the cart ready for payment."""
        who = {"firstName": "Buyer", "lastName": name, "emailAddress": f"{name}@example.com"}
        where = {"streetLine1": "1 Example Road", "city": "Shanghai", "countryCode": "CN"}
        for document, variables in (
            (ADD, {"v": variant}),
            (WHO, {"i": who}),
            (WHERE, {"i": where}),
        ):
            if not _good(await self._asks(document, **variables)):
                return False
        ways = await self._asks(WAYS)
        if not isinstance(ways, list) or not ways:
            return False
        return _good(await self._asks(WAY, m=[ways[0]["id"]]))

    async def connects(self) -> None:
        await self._line.connect()

    async def buys(self) -> Outcome:
        state, self.filled = "", False
        for document in (ARRANGE, SETTLE):
            told = await self._asks(document)
            if not _good(told):
                if told.get("errorCode") in GONE:
                    self.filled = document is ARRANGE  # else it waits for another payment
                    return Outcome.REFUSED
                raise Failed(told.get("message"))
            state = told["state"]
        if state not in SOLD:
            raise Failed(f"the order is {state}")
        return Outcome.ACCEPTED

    def close(self) -> None:
        self._line.close()

    async def _asks(self, document: str, **variables: Any) -> Any:
        """The answer's one field; of an error, one that has its code and message."""
        body = {"query": document, "variables": variables}
        answer = await self._line.send("POST", "/shop-api", body)
        if (token := answer.headers.get("vendure-auth-token")) is not None:
            self._line.headers["Authorization"] = f"Bearer {token}"
        if answer.body is None:
            return {"errorCode": answer.status, "message": f"status {answer.status}"}
        if errors := answer.body.get("errors"):
            return {"errorCode": "ERROR", "message": errors[0]["message"]}
        [payload] = answer.body["data"].values()
        return payload


def _good(told: Any) -> bool:
    return isinstance(told, dict) and "errorCode" not in told


class Vendure:
    """Some processes of one shop."""

    name = NAME
    steps: Mapping[Kind, str] = STEPS

    def __init__(self, running: Sequence[RunningVendure]) -> None:
        self._running = running
        self._admin = running[0].admin()
        self._carts = Carts(self._guest, FILLING)
        self._variant: str = self._admin.ask(VARIANT, s=SKU)["items"][0]["id"]

    async def stocked(self, case: Case) -> None:
        """Adds what is allocated to the units, as it stays allocated."""
        levels = [
            {
                "stockLocationId": level["stockLocationId"],
                "stockOnHand": level["stockAllocated"] + (0 if at else case.units),
            }
            for at, level in enumerate(await self._levels())
        ]
        changed = {"id": self._variant, "trackInventory": "TRUE", "stockLevels": levels}
        await asyncio.to_thread(self._admin.ask, STOCK, input=[changed])

    async def ready(self, case: Case, seconds: float) -> Sequence[_Guest]:
        """Guests with filled carts, which promise nothing to anybody."""
        return await self._carts.ready(case.buyers, seconds)

    async def books(self) -> Books:
        """Orders paid, of one unit each, and what the shop has allocated of the SKU."""
        placed = await asyncio.to_thread(self._admin.ask, PLACED, states=list(SOLD))
        allocated = sum(level["stockAllocated"] for level in await self._levels())
        return Books(placed["totalItems"], allocated)

    async def restarted(self) -> None:
        """Kills every process, and starts each again."""
        for shop in self._running:
            await asyncio.to_thread(shop.kill)
        for shop in self._running:
            await asyncio.to_thread(shop.start_again)

    async def _guest(self, at: int) -> _Guest | None:
        """A guest with a filled cart at one process; None if the server failed at it."""
        made = _Guest(Line(self._running[at % len(self._running)].port))
        try:
            async with asyncio.timeout(FILL_SECONDS):
                if await made.fills(self._variant, f"buyer-{at}"):
                    return made
        except (ConnectionError, TimeoutError):
            pass
        made.close()
        return None

    async def _levels(self) -> Sequence[Mapping[str, Any]]:
        found = await asyncio.to_thread(self._admin.ask, LEVELS, id=self._variant)
        levels: Sequence[Mapping[str, Any]] = found["stockLevels"]
        return levels


@asynccontextmanager
async def vendure(folder: Path, processes: int, facts: dict[str, str]) -> AsyncIterator[Vendure]:
    """The shop on a durable copy of its database; ``facts`` gets what its PostgreSQL says."""
    house = await asyncio.to_thread(VendureHouse.ready)
    password = house.password("database")
    log = folder / "postgres.log"
    cluster = await asyncio.to_thread(durable.copied, house.cluster, OWNER, password, log)
    shops: list[RunningVendure] = []
    try:
        facts |= durable.shown(cluster)
        for at in range(processes):
            beside = folder / f"shop-{at}"
            beside.mkdir()
            shop = RunningVendure(house, beside, cluster, free_port())
            await asyncio.to_thread(shop.start_again)
            shops.append(shop)
        yield Vendure(shops)
    finally:
        for shop in shops:
            shop.stop()
        cluster.removed()
