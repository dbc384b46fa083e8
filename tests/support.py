"""A shop without its process: a store, its engine, a clock that is turned by hand, and callers.

Its goods, places and channels are the sandbox's; what lies where is what a test counts there. No
worker runs and no backend is asked.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from connectors.sandbox import chain, goods
from connectors.stores.memory.engine import open_memory
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.sqlite.engine import open_sqlite
from gateway.ids import new_id, wall_clock
from resolvers import stock
from resolvers.access import Principal, Role
from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.directory import Directory
from resolvers.domain import facts
from resolvers.domain.books import Batch, Books, Change, Key, Known, Scope
from resolvers.domain.catalog import Product
from resolvers.domain.feeds import Feed
from resolvers.domain.locations import Channel, Location
from resolvers.domain.values import utc
from resolvers.engine import Command, StockEngine
from resolvers.ground import easing
from resolvers.intake import Intake
from resolvers.live import LiveDesk
from resolvers.loaders import Loaders
from resolvers.ports import Clock as TellsTime
from resolvers.ports import StockStore, Store
from resolvers.recording import Recorder
from resolvers.terms import Terms
from resolvers.watch import Watch

NOON = utc(2026, 3, 2, 12)
SKU = "BT-0001-30ML"
CHANNEL = "mini-program"

SHOPPER = Principal(Role.SHOPPER, "member:M-1", "M-1")
OTHER_SHOPPER = Principal(Role.SHOPPER, "member:M-2", "M-2")
ASSOCIATE = Principal(Role.ASSOCIATE, "associate:A-1", None, "A-1", ("ST-01",))
MANAGER = Principal(Role.MANAGER, "associate:A-9", None, "A-9", ("ST-01",))
PARTNER = Principal(Role.PARTNER, "partner", channels=(CHANNEL,))
OPERATOR = Principal(Role.OPERATOR, "operator")
GUEST = Principal(Role.GUEST, "guest")


class Clock:
    """Time that stands still until it is turned."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Turns it on, by what a ``timedelta`` takes."""
        self.now += timedelta(**by)


class Shop:
    """One house over one store."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        clock: Clock | None = None,
        channels: Sequence[Channel] = chain.CHANNELS,
        backends: Sequence[Backend] = (),
        terms: Terms | None = None,
    ) -> None:
        self.store = open_memory() if store is None else store
        self.clock = clock or Clock()
        self.engine = StockEngine(self.store.stock, self.clock)
        self.directory = Directory(self.store.catalog, channels, self.clock)
        self.backends: Mapping[str, Backend] = {backend.code: backend for backend in backends}
        self.terms = terms or Terms()
        self.watch = Watch(self.store.house)
        self.recorder = Recorder(self.store.callers, "record")
        self.intake = Intake(self.store.inbox)
        self.live = LiveDesk(self.clock)
        self._numbers = count(1)
        self._watermarks = count(1)

    def new_id(self) -> str:
        """An id that nobody has used: ``id-000001`` and so on."""
        return f"id-{next(self._numbers):06}"

    def context(self, principal: Principal = SHOPPER) -> Context:
        """What one request of a caller carries."""
        return Context(
            principal,
            self.store,
            self.engine,
            self.directory,
            Loaders(self.store, self.clock, self.backends),
            self.terms,
            self.backends,
            self.watch,
            self.clock,
            self.new_id,
            self.recorder,
            self.intake,
            live=self.live,
        )

    async def furnish(
        self,
        products: Sequence[Product] | None = None,
        locations: Sequence[Location] = chain.LOCATIONS,
    ) -> None:
        """Puts places and goods into the mirror: the sandbox's first twenty products unless more is
        said, heard of just now."""
        shown = goods.catalogue()[:20] if products is None else products
        await self.store.catalog.save_locations(locations)
        await self.store.catalog.save_products(shown, self.clock())
        await self.heard("catalog")

    async def heard(self, entity: str, location: str = "") -> None:
        """Notes that the ERP was heard of an entity just now."""
        await self.store.house.save_feeds([self._feed(entity, location)])

    async def stocked(self, sku: str, location: str, units: int) -> None:
        """Lets the ERP say, just now, how much of a SKU lies at a location."""
        told = facts.Count(self._feed("stock", location), {sku: (units, 0)})
        ease = await easing(self.context(), [sku])

        def decide(books: Books) -> tuple[Change, str]:
            return ease(books, facts.count(books, told)), location

        scope = Scope(skus=frozenset([sku]), feeds=frozenset([told.feed.key]))
        await self.engine.run(Command(None, "", scope, decide))

    async def available(self, sku: str, channel: str = CHANNEL) -> int:
        """What a channel may promise of a SKU now."""
        [promise] = await stock.availability(self.context(), [sku], channel)
        assert promise is not None
        return promise.availability.available

    async def close(self) -> None:
        """Shuts the store's door, when all records are in it."""
        await self.live.close()
        await self.recorder.close()
        await self.store.close()

    def _feed(self, entity: str, location: str) -> Feed:
        return Feed("erp", entity, location, next(self._watermarks), self.clock())


async def open_shop(store: Store | None = None, **parts: Any) -> Shop:
    """A shop with the sandbox's places and first goods, its shelves empty."""
    shop = Shop(store, **parts)
    await shop.furnish()
    return shop


def counted(store: Store) -> tuple[Store, Counter[str]]:
    """The same store, and how often each of its questions was asked, like ``stock.streams``."""
    asked: Counter[str] = Counter()

    def role(name: str) -> Any:
        return _Counted(name, getattr(store, name), asked)

    seen = Store(
        role("stock"),
        role("outbox"),
        role("catalog"),
        role("house"),
        role("callers"),
        role("inbox"),
        role("members"),
        role("listings"),
        role("publications"),
        role("upkeep"),
        store.close,
    )
    return seen, asked


async def open_store(place: str) -> Store:
    """Opens the store at a place, or makes it there: a directory, whose store is SQLite's, or the
    address of a MongoDB with the name of a database behind a ``#``.
    """
    if place.startswith("mongodb"):
        url, _, name = place.partition("#")
        return open_mongo(url, name, wall_clock, new_id())
    return open_sqlite(Path(place) / "store.db")


POINTS = ("before", "inside", "after")
"""Where a process may end: before a batch, inside its transaction, or after its commit and before
anybody is answered.
"""


class Crossed:
    """A stock store that says at which point of a batch it is; whoever listens may end it there."""

    def __init__(self, behind: StockStore, crossed: Callable[[str], None]) -> None:
        self._behind = behind
        self._crossed = crossed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    async def transact(
        self, scope: Scope, keys: Sequence[Key], clock: TellsTime, decide: Callable[[Known], Batch]
    ) -> Batch:
        """One batch, unless it ends on the way."""

        def decided(known: Known) -> Batch:
            batch = decide(known)
            self._crossed("inside")
            return batch

        self._crossed("before")
        batch = await self._behind.transact(scope, keys, clock, decided)
        self._crossed("after")
        return batch


class _Counted:
    """One role of a store, that counts its calls."""

    def __init__(self, role: str, behind: object, asked: Counter[str]) -> None:
        self._role = role
        self._behind = behind
        self._asked = asked

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._behind, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self._asked[f"{self._role}.{name}"] += 1
            return await method(*arguments, **named)

        return call


def nested(levels: int) -> Any:
    """A value in lists in lists, so many."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value
