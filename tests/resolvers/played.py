"""A source of stock that says what a test wants it to, and the shop that follows it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

from connectors.sandbox import chain
from resolvers.backend_ports import (
    Backend,
    Capabilities,
    Idempotency,
    Level,
    Probe,
    Role,
    StockReading,
    WriteResult,
)
from resolvers.domain.errors import BackendRefused
from resolvers.domain.feeds import Feed
from resolvers.domain.movements import Movement
from resolvers.domain.outbox import Adjustment
from resolvers.domain.sources import BY_SEQUENCE, StockSource, Watermark
from resolvers.domain.stock import EntryKind
from resolvers.reading import Memory
from resolvers.sync import sync_backend
from tests.support import NOON, OPERATOR, SKU, Shop

HERE, THERE = "WH-01", "ST-01"
CLOCK = StockSource(watermark=Watermark.CLOCK)


class Erp:
    """A system that says what a test wants it to.

    It tells ``size`` movements a page, and empty pages for ever if it is ``endless``; ``meanwhile``
    is done once while it is being read.
    """

    def __init__(self) -> None:
        self.told: dict[str, StockReading] = {}
        self.moved: list[Movement] = []
        self.refuses = False
        self.asked: list[int] = []
        self.size = 20_000
        self.endless = False
        self.pages = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    def says(self, location: str, units: int, watermark: int | None, elsewhere: int = 0) -> None:
        levels = {SKU: Level(units, elsewhere)}
        self.told[location] = StockReading(location, levels, watermark)

    async def probe(self) -> Probe:
        return Probe(good=True, detail="it is there")

    async def read(self, location: str) -> StockReading:
        if self.refuses:
            raise BackendRefused("no numbers today", backend="erp", kind="AUTH")
        told, meanwhile = self.told[location], self.meanwhile
        if location == HERE and meanwhile is not None:
            self.meanwhile = None
            await meanwhile()
        return told

    async def movements(self, location: str, after: int) -> AsyncIterator[Sequence[Movement]]:
        self.asked += [after] if location == HERE else []
        told = [it for it in self.moved if location == HERE and it.sequence > after]
        for at in range(0, len(told), self.size):
            yield told[at : at + self.size]
        while self.endless and location == HERE:
            self.pages += 1
            yield []

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult:
        return WriteResult(adjustment.reference, "1")


class Followed:
    """A shop with two places, and one pass after another over the system that owns them."""

    def __init__(self, declared: StockSource) -> None:
        self.erp = Erp()
        can = Capabilities((Role.STOCK_FEED,), Idempotency.NONE, stock=declared)
        moves = None if declared.watermark is Watermark.NONE else self.erp
        self.backend = Backend(
            "erp", "any", can, self.erp, stock=self.erp, movements=moves, stock_sink=self.erp
        )
        self.shop = Shop(backends=[self.backend])
        self.memory = Memory()
        self.erp.says(HERE, 10, 10)
        self.erp.says(THERE, 5, 10)

    async def opens(self) -> None:
        places = [at for at in chain.LOCATIONS if at.code in (HERE, THERE)]
        await self.shop.furnish(locations=places)
        await self.sync()

    async def sync(self) -> bool:
        return await sync_backend(self.shop.context(OPERATOR), self.backend, self.memory)

    async def sync_by_hand(self) -> bool:
        ctx = self.shop.context(OPERATOR)
        return await sync_backend(ctx, self.backend, Memory(), whole=True)

    async def on_hand(self, location: str = HERE) -> int:
        streams = await self.shop.store.stock.streams([SKU], self.shop.clock())
        return streams[SKU].position(location).on_hand if SKU in streams else 0

    async def feed(self, location: str = HERE) -> Feed:
        feeds = {feed.key: feed for feed in await self.shop.store.house.feeds()}
        return feeds["erp", "stock", location]


async def followed(declared: StockSource = BY_SEQUENCE) -> Followed:
    it = Followed(declared)
    await it.opens()
    return it


def receipt(id: str, units: int, sequence: int, after: int | None = None) -> Movement:
    return Movement(id, SKU, units, sequence, EntryKind.RECEIPT, f"GR-{id}", after=after)


def micros(later: timedelta) -> int:
    return int((NOON + later).timestamp() * 1_000_000)
