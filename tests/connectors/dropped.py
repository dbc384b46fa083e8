"""A folder as a shop's systems fill it: real files, whose time is turned by hand."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from connectors.pos import folder
from resolvers.backend_ports import Backend
from resolvers.domain.inbox import Message
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.event_ports import Pulled
from tests.support import NOON, Clock

STORE = Channel("store", "门店", ChannelKind.IN_STORE, "CNY")
WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")

PRODUCTS = """sku,title,product,price,barcodes
DR-S,红色连衣裙 S,dress,399.00,690001;690002
DR-M,红色连衣裙 M,dress,399,
BAG,"手袋, 小号",,1280.5,
"""
PLACES = """code,name,kind,capabilities
SH01,南京西路店,STORE,PICKUP;SHIP_FROM
WH01,Warehouse,WAREHOUSE,SHIP_FROM
"""
STOCK = "sku,on_hand,as_of\nDR-S,5,2026-03-02T12:00:00Z\nBAG,2.0,2026-03-02T12:00:00Z\n"
TICKETS = """number,location,time,sku,quantity,price,associate,reference
T-1,SH01,2026-03-02T20:10:00,DR-S,2,399.00,A-1,
T-1,SH01,2026-03-02T20:10:00,BAG,1,1280.50,A-1,
T-2,SH01,2026-03-02T12:11:00Z,DR-S,1,399.00,,
"""

T = TypeVar("T")


@dataclass
class Shop:
    """The folder of one shop, and the connector that looks into it."""

    root: Path
    clock: Clock
    backend: Backend

    def put(self, name: str, content: str | bytes, *, age: float = 60.0) -> Path:
        """Puts a file down, written so many seconds ago."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        written = (self.clock.now - timedelta(seconds=age)).timestamp()
        os.utime(path, (written, written))
        return path

    def names(self, of: str) -> list[str]:
        """What lies in one of its folders, hidden things aside."""
        at = self.root / of
        return sorted(it.name for it in at.iterdir() if it.name[0] != ".") if at.exists() else []

    async def skus(self, cursor: str = "") -> list[str]:
        """The SKUs of its catalogue, those that changed since a cursor."""
        assert self.backend.catalog is not None
        products, _ = await all_of(self.backend.catalog.products(cursor))
        return [variant.sku for product in products for variant in product.variants]

    async def left_out(self) -> list[str]:
        """What its messages say of what made no sense."""
        assert self.backend.puller is not None
        return [json.loads(it.body)["left_out"] for it in await self.backend.puller.pull(100)]

    def again(self, **options: str) -> "Shop":
        """The same folder, as another process finds it."""
        return Shop(self.root, self.clock, connected(self.root, self.clock, **options))


def connected(root: Path, clock: Clock, **options: str) -> Backend:
    return folder.backend(
        code="till",
        channels=[STORE, WEB],
        time_zone="Asia/Shanghai",
        options={"path": str(root), **options},
        clock=clock,
    )


def opened(root: Path, now: datetime = NOON + timedelta(hours=1), **options: str) -> Shop:
    """A folder with goods, places and a count at noon, looked into an hour later."""
    clock = Clock(now)
    shop = Shop(root, clock, connected(root, clock, **options))
    shop.put("products.csv", PRODUCTS)
    shop.put("locations.csv", PLACES)
    shop.put("stock-SH01.csv", STOCK)
    return shop


async def all_of(pages: AsyncIterator[tuple[Sequence[T], str]]) -> tuple[list[T], str]:
    found: list[T] = []
    cursor = ""
    async for items, cursor in pages:  # noqa: B007  # the last one is the answer
        found += items
    return found, cursor


def message(pulled: Pulled) -> Message:
    """A message that was fetched, as the house keeps it."""
    return Message("m", "till", pulled.dedupe_key, NOON, pulled.body)


async def closed(backend: Backend) -> None:
    """Shuts its thread."""
    assert backend.close is not None
    await asyncio.to_thread(backend.close)
