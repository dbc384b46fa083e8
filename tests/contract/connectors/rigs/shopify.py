"""Shopify's stand-in, which executes what it is asked on the cut of the real schema."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import httpx2

from connectors.marketplace import shopify
from connectors.marketplace.shopify_operations import SET_QUANTITIES
from resolvers.backend_ports import Backend, Role
from resolvers.event_ports import RawMessage
from tests.contract.connectors.rig import Feeds, Reasons, Things
from tests.contract.connectors.tap import HttpRig
from tests.shopify.conftest import OPTIONS, TILLS, WEB
from tests.shopify.standin import CLIENT_ID, CLIENT_SECRET, POINTS_MAX, URL, ShopifyStandin


class OfShop(Things, ABC):
    """Things whose change is a stamp of whole seconds."""

    edge = 30
    filled = 45
    """More than a page of ten."""

    @property
    def shop(self) -> ShopifyStandin:
        shop: ShopifyStandin = self.rig.shop
        return shop

    @abstractmethod
    def rows(self) -> dict[str, Any]:
        """All of them in the stand-in, by id."""

    @abstractmethod
    def add(self, at: int) -> None:
        """Has one more of them."""

    async def there(self) -> set[str]:
        while len(self.rows()) < self.filled:
            self.add(len(self.rows()))
        self.shop.clock.advance(minutes=10)  # nothing of it is new any more
        return set(self.rows())

    async def change(self, count: int) -> set[str]:
        return self.touched(count, 1)

    async def change_at_once(self, count: int) -> set[str]:
        return self.touched(count, 0)

    async def delete(self) -> str:
        id = next(iter(self.rows()))
        del self.rows()[id]
        return id

    def touched(self, count: int, seconds: int) -> set[str]:
        self.shop.clock.advance(minutes=10)
        changed = list(self.rows())[:count]
        for id in changed:
            self.touch(id)
            self.shop.clock.advance(seconds=seconds)
        return set(changed)

    def touch(self, id: str) -> None:
        self.shop.touch(self.rows()[id])


class Listings(OfShop):
    def rows(self) -> dict[str, Any]:
        return self.shop.variants

    def add(self, at: int) -> None:
        self.shop.offer(f"Tea {at}", {"sku": f"S{at}", "available": 9})

    def touch(self, id: str) -> None:
        self.shop.sell(id)

    async def delete(self) -> str:
        id = await super().delete()
        self.shop.products = {
            at: row
            for at, row in self.shop.products.items()
            if any(it["id"] in self.shop.variants for it in row["variants"](None, first=9)["nodes"])
        }
        return id

    async def twins(self) -> set[str]:
        return {self.shop.offer(title, {"sku": "TWIN"})[0] for title in ("Tea", "The same tea")}


class Orders(OfShop):
    def rows(self) -> dict[str, Any]:
        return self.shop.orders

    def add(self, at: int) -> None:
        self.shop.order({"sku": f"S{at}", "units": 1, "price": "12.00"})


class People(OfShop):
    edge = 260
    filled = 300
    """People cost little: a page has 250."""

    def rows(self) -> dict[str, Any]:
        return self.shop.customers

    def add(self, at: int) -> None:
        self.shop.person(f"Lin {at}", None, None)


class ShopifyRig(HttpRig):
    name = "Shopify (stand-in)"
    roles = (
        Role.LISTING_SOURCE, Role.PUBLICATION_SINK, Role.ORDER_SOURCE, Role.MEMBER_SOURCE,
        Role.LIVE_PRICES, Role.EVENT_RECEIVER,
    )  # fmt: skip
    feeds: ClassVar[Feeds] = {
        Role.LISTING_SOURCE: Listings,
        Role.ORDER_SOURCE: Orders,
        Role.MEMBER_SOURCE: People,
    }
    cannot: ClassVar[Reasons] = {"stale": "what it signs bears no time"}
    writes = (SET_QUANTITIES.text.split("(")[0].encode(),)
    login = b"/admin/oauth/access_token"
    secret = CLIENT_SECRET.encode()

    def __init__(self, system: Any, folder: Path) -> None:
        self.shop = ShopifyStandin()
        self._numbers = count(1)
        super().__init__(system, folder)

    def way(self) -> httpx2.AsyncBaseTransport:
        return self.shop.transport()

    def clock(self) -> datetime:
        return self.shop.clock()

    def made(self, **otherwise: Any) -> Backend:
        told: dict[str, Any] = {
            "code": "shop",
            "url": URL,
            "user": CLIENT_ID,
            "password": CLIENT_SECRET,
            "channels": (WEB, TILLS),
            "data": self.folder,
            "options": OPTIONS,
            "clock": self.clock,
            "timer": self.timer,
            "sleep": self.shop.sleep,
            "transport": self.tap,
        }
        return shopify.backend(**{**told, **otherwise})

    async def ask(self, backend: Backend) -> object:
        assert backend.publication is not None
        return await backend.publication.published(["gid://shopify/ProductVariant/9"])

    async def expire(self) -> None:
        self.shop.tokens.clear()

    def throttle(self) -> None:
        self.shop.spend(POINTS_MAX)

    def turned_away(self) -> int:
        return self.shop.throttled

    async def offered(self, count: int) -> Sequence[str]:
        made = [{"sku": f"P{next(self._numbers)}", "available": 9} for _ in range(count)]
        return self.shop.offer("Published", *made)

    async def for_sale(self, listing: str) -> int:
        return self.shop.available(listing)

    async def sell(self, listing: str) -> None:
        self.shop.sell(listing)

    async def reprice(self, listing: str) -> None:
        self.shop.variants[listing]["price"] = f"{300 + next(self._numbers)}.00"
        self.shop.touch(self.shop.variants[listing])

    def receiving(self, *secrets: bytes) -> Backend:
        return self.connect(user=None, password="shpat_static", webhook_secrets=secrets)

    async def messages(self) -> Sequence[RawMessage]:
        first = self.shop.message("orders/create", {"id": 5}, "w-1")
        second = self.shop.message("orders/cancelled", {"id": 5}, "w-2")
        return first, second, self.shop.message("orders/cancelled", {"id": 5}, "w-2")
