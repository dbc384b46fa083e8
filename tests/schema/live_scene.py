"""A sandbox retailer whose systems are asked live through gates that a test opens and shuts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.settings_live import Live
from resolvers.access import Principal
from resolvers.backend_ports import Backend, Standing
from resolvers.domain.breakers import BreakerState
from resolvers.domain.inbox import wish_of
from resolvers.live_ports import Prices, Spot, StockLook
from schema.info import RequestContext
from schema.operations import Operation, run
from tests.resolvers.conftest import SHOPPER, House
from tests.schema.asking import Answered, read, schema_of

SKU, OTHER_SKU = "BT-0001-30ML", "BT-0001-50ML"
AT = "WH-01"

LEVEL = """query($sku: String!) { variant(by: {sku: $sku}) {
  stockLevels(first: 1, locationCodes: ["WH-01"]) { nodes {
    onHand availableToPromise softReserved provenance { system observedAt stale }
  } }
} }"""
PRICE = """query($sku: String!) {
  variant(by: {sku: $sku}) { price(channel: "marketplace-a") { amount } }
}"""
PAGE = """{ products(first: 50) { nodes { variants(first: 1) { nodes {
  sku price(channel: "marketplace-a") { amount }
  stockLevels(first: 1, locationCodes: ["WH-01"]) { nodes { onHand provenance { stale } } }
} } } } }"""

LIVE = Live(after_seconds=10.0, deadline_ms=5_000)
SHORT = replace(LIVE, deadline_ms=40)
HANG_SECONDS = 30
"""Far beyond any deadline, and far below what a hanging call would take here: for ever."""


@dataclass
class Gate:
    """Stands before a sandbox system: counts what is asked, and keeps it waiting while shut."""

    behind: Any
    asked: list[list[Any]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    said: Callable[[Any], Any] = lambda told: told

    async def look(self, spots: Sequence[Spot]) -> StockLook:
        found: StockLook = await self._through(spots, self.behind.look)
        return found

    async def prices(self, listings: Sequence[str]) -> Mapping[str, Prices]:
        found: Mapping[str, Prices] = await self._through(listings, self.behind.prices)
        return found

    async def _through(self, keys: Sequence[Any], ask: Any) -> Any:
        self.asked.append(list(keys))
        self.came.set()
        await self.open.wait()
        told = self.said(await ask(keys))
        self.done.set()
        return told


@dataclass
class Left:
    """A governor's standing, as a test says."""

    breaker: BreakerState = BreakerState.CLOSED
    silent_seconds: float = 0.0

    def standing(self) -> Standing:
        return Standing(self.breaker, 50.0, 0, 0, self.silent_seconds)


class Scene:
    """The house, whose systems are asked through gates."""

    def __init__(self, house: House) -> None:
        self.house = house
        backends = dict(house.runtime.backends)
        self.erp = Gate(house.erp)
        self.shop = Gate(house.marketplace)
        backends["erp"] = replace(backends["erp"], live_stock=self.erp)
        backends["marketplace-a"] = replace(backends["marketplace-a"], live_prices=self.shop)
        self.erp.open.set()
        self.shop.open.set()
        self.backends: dict[str, Backend] = backends

    def stand(self, code: str, standing: Left) -> None:
        self.backends[code] = replace(self.backends[code], governor=standing)

    async def ask(self, document: str, sku: str = SKU, caller: Principal = SHOPPER) -> Answered:
        answer, _ = await self.answered(document, sku, caller)
        assert answer.errors == []
        return answer

    async def answered(
        self, document: str, sku: str = SKU, caller: Principal = SHOPPER
    ) -> tuple[Answered, RequestContext]:
        ctx = replace(self.house(caller), backends=self.backends)
        context = RequestContext(ctx, [], "r-1")
        variables = {"sku": sku} if "$sku" in document else {}
        async with asyncio.timeout(HANG_SECONDS):
            answer = await run(schema_of(), Operation(document, variables), context)
        return read(answer.body), context

    async def level(self, sku: str = SKU) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        answer = await self.ask(LEVEL, sku)
        return answer.data["variant"]["stockLevels"]["nodes"][0], answer.warnings

    async def price(self) -> tuple[str, list[dict[str, Any]]]:
        answer = await self.ask(PRICE)
        return answer.data["variant"]["price"]["amount"], answer.warnings

    async def listing(self) -> str:
        known = await self.house.marketplace.stands_for()
        return next(id for id, sku in known.items() if sku == SKU)

    async def wishes(self, code: str) -> list[tuple[str, ...]]:
        """Entities that are to be read of a backend, wish by wish."""
        await asyncio.sleep(0)
        await self.house.runtime.intake.close()
        due = await self.house.runtime.store.inbox.due_messages(code, self.house.clock(), 100)
        return [wish.entities for message in due if (wish := wish_of(message)) is not None]
