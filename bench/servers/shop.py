"""The shop that the servers of Python serve: the file of products in memory, and what is done to
it.

The same as `shop.mjs`, which says what is left out here and is kinder to these servers: rules, keys
that make a hold safe to send again, and any store.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvicorn
from aiodataloader import DataLoader
from starlette.types import ASGIApp

BATCH_WAITS_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and its currency."""

    amount: Decimal
    currency_code: str


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One SKU; its product is known by its handle."""

    id: str
    sku: str
    title: str
    handle: str
    prices: Mapping[str, Money]
    available_to_promise: int


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """One product and its variants."""

    id: str
    handle: str
    title: str
    brand: str | None
    description: str | None
    categories: Sequence[str]
    variants: Sequence[Variant]


class Shop:
    """Products by handle and SKU, units of each SKU at one place, and who watches them."""

    def __init__(self, file: Path) -> None:
        """Reads the file that the bench has written."""
        read = json.loads(file.read_text(encoding="utf-8"))
        self.place: str = read["place"]
        self.units: dict[str, int] = read["levels"]
        self.products = [_product(row) for row in read["products"]]
        self.of_handle = {product.handle: product for product in self.products}
        self.variants = {
            variant.sku: variant for product in self.products for variant in product.variants
        }
        self._reservations = 0
        self._watchers: defaultdict[str, set[asyncio.Queue[int]]] = defaultdict(set)

    def loader(self) -> DataLoader[str, int]:
        """What can be promised of each SKU, for one operation."""
        return DataLoader(self._availabilities)

    async def _availabilities(self, skus: list[str]) -> list[int]:
        await asyncio.sleep(BATCH_WAITS_SECONDS)
        return [self.variants[sku].available_to_promise for sku in skus]

    def reserve(self, lines: Sequence[tuple[str, int]]) -> str | None:
        """Takes units off the counter and tells whoever watches; the reservation's id, or none if
        there are too few.
        """
        if any(self.units.get(sku, 0) < quantity for sku, quantity in lines):
            return None
        for sku, quantity in lines:
            self.units[sku] -= quantity
            for told in self._watchers[sku]:
                if told.full():
                    told.get_nowait()
                told.put_nowait(self.units[sku])
        self._reservations += 1
        return str(self._reservations)

    async def changes(self, sku: str) -> AsyncIterator[int]:
        """Units of a SKU as they are, and whenever they change; what is overtaken is not told."""
        told: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        self._watchers[sku].add(told)
        try:
            yield self.units[sku]
            while True:
                yield await told.get()
        finally:
            self._watchers[sku].discard(told)


def _product(row: Mapping[str, Any]) -> Product:
    variants = [
        Variant(
            of["id"],
            of["sku"],
            of["title"],
            row["handle"],
            {
                at: Money(Decimal(has["amount"]), has["currencyCode"])
                for at, has in of["prices"].items()
            },
            of["availableToPromise"],
        )
        for of in row["variants"]
    ]
    names = ("id", "handle", "title", "brand", "description", "categories")
    return Product(**{name: row[name] for name in names}, variants=variants)


def serve(app: ASGIApp) -> None:
    """Serves on a free port of loopback as a busy server would: compiled loop and parser, no log of
    what is asked. Says where it listens, once it does.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )

    async def run() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event
            await asyncio.sleep(0.05)
        if server.started:
            [listener] = server.servers[0].sockets
            print(f"listening on {listener.getsockname()[1]}", flush=True)
        await serving

    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(run())
