"""Keeps the mirror: one pass reads what changed at a backend and lets the books follow.

An entity that fails is noted on its feed and costs only itself; a backend that is not there ends
the pass. Everything here may be done twice, or by two processes, and comes to the same.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from resolvers.context import Context
from resolvers.domain import facts
from resolvers.domain.books import Scope
from resolvers.domain.errors import (
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    Overloaded,
)
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.orders import Order, OrderStatus
from resolvers.domain.outbox import WriteAction
from resolvers.domain.reservation import Line, needed
from resolvers.domain.sales import number_of
from resolvers.domain.stock import Position
from resolvers.engine import Command
from resolvers.filters import LevelFilter
from resolvers.ground import Ease, easing
from resolvers.house import CATALOG, HEALTH, LOCATIONS, ORDERS, STOCK
from resolvers.orders import sinks
from resolvers.ports import Backend, Departed, Level, StockReading

LOCATIONS_EVERY = timedelta(seconds=60)
"""Places open and close rarely."""

READS_AT_ONCE = 4
"""Most questions that one backend is asked at a time."""

log = logging.getLogger(__name__)

_SKUS_PER_COMMAND = 200
_LEVELS_PER_READ = 2000
_ERROR_CHARS = 300


@dataclass(slots=True)
class Memory:
    """What the last pass over a backend read, so that the next one looks at differences only.

    Losing it costs time, nothing else.
    """

    readings: dict[str, StockReading] = field(default_factory=dict)


class _Pass:
    """One pass over one backend: its feeds as they were and as they are now."""

    def __init__(self, ctx: Context, backend: Backend, known: Mapping[FeedKey, Feed]) -> None:
        self.ctx = ctx
        self.backend = backend
        self._known = known
        self.good = True

    def feed(self, entity: str, location: str = "") -> Feed:
        """A feed of this backend."""
        key = (self.backend.code, entity, location)
        return self._known.get(key) or Feed(*key)

    def goods_are_known(self) -> bool:
        """Says whether every source of places and goods has been read: an order that is placed
        elsewhere can only then be given its goods.
        """
        return all(
            (feed := self._known.get((code, entity, ""))) is not None and feed.observed_at
            for code, backend in self.ctx.backends.items()
            for entity, source in ((LOCATIONS, backend.locations), (CATALOG, backend.catalog))
            if source is not None
        )

    async def save(self, *feeds: Feed) -> None:
        """Writes down how far reading came."""
        await self.ctx.store.house.save_feeds(feeds)

    @asynccontextmanager
    async def noting(self, entity: str, location: str = "") -> AsyncIterator[Feed]:
        """Notes on its feed if reading an entity fails, and goes on unless nobody is there."""
        feed = self.feed(entity, location)
        try:
            yield feed
        except CommerceError as error:
            self.good = False
            await self.save(replace(feed, error=str(error)[:_ERROR_CHARS]))
            if isinstance(error, BackendUnavailable | BackendTimedOut):
                raise
        except Exception:
            self.good = False
            log.exception("reading %s of %s failed in our own code", entity, self.backend.code)
            await self.save(replace(feed, error="internal error; see the log"))


async def sync_backend(
    ctx: Context, backend: Backend, memory: Memory, *, whole: bool = False
) -> bool:
    """Reads everything that a backend is read for; says whether all of it could be read.

    ``whole`` reads the catalogue and the orders from their beginning, not from where they stood.
    """
    known = {feed.key: feed for feed in await ctx.store.house.feeds()}
    this = _Pass(ctx, backend, known)
    try:
        if backend.locations is not None:
            await _locations(this)
        if backend.catalog is not None:
            await _catalog(this, whole=whole)
        if backend.stock is not None:
            await _stock(this, memory)
        if backend.order_source is not None:
            await _orders(this, whole=whole)
        if not backend.capabilities.roles:
            await _health(this)
    except (BackendUnavailable, BackendTimedOut) as error:
        await _mark_all(this, str(error))
    return this.good


async def _mark_all(this: _Pass, error: str) -> None:
    """Notes on every feed of a backend that nobody is there."""
    this.good = False
    known = {feed.key: feed for feed in await this.ctx.store.house.feeds()}
    await this.save(
        *(
            replace(feed, error=error[:_ERROR_CHARS])
            for feed in known.values()
            if feed.backend == this.backend.code
        )
    )


async def _health(this: _Pass) -> None:
    async with this.noting(HEALTH) as feed:
        probe = await this.backend.health.probe()
        if probe.good:
            await this.save(replace(feed, observed_at=this.ctx.now, error=""))
        else:
            this.good = False
            await this.save(replace(feed, error=probe.detail[:_ERROR_CHARS]))


async def _locations(this: _Pass) -> None:
    assert this.backend.locations is not None
    async with this.noting(LOCATIONS) as feed:
        now = this.ctx.now
        if not feed.error and feed.observed_at and now - feed.observed_at < LOCATIONS_EVERY:
            return
        found = await this.backend.locations.locations()
        await this.ctx.store.catalog.save_locations(found)
        await this.save(replace(feed, observed_at=now, error=""))


async def _catalog(this: _Pass, *, whole: bool) -> None:
    assert this.backend.catalog is not None
    async with this.noting(CATALOG) as feed:
        cursor = "" if whole else feed.cursor
        async for products, after in this.backend.catalog.products(cursor):
            await this.ctx.store.catalog.save_products(products, this.ctx.now)
            cursor = after
        await this.save(replace(feed, observed_at=this.ctx.now, cursor=cursor, error=""))


# ---- stock ------------------------------------------------------------------------------------


async def _stock(this: _Pass, memory: Memory) -> None:
    """Reads every location of the backend, a few at a time."""
    code = this.backend.code
    places = [at.code for at in await this.ctx.store.catalog.locations() if at.authority == code]
    turns = asyncio.Semaphore(READS_AT_ONCE)

    heard: list[Feed] = []

    async def one(location: str) -> None:
        async with turns, this.noting(STOCK, location) as feed:
            assert this.backend.stock is not None
            before = this.ctx.now
            reading = await this.backend.stock.read(location)
            last = memory.readings.get(location)
            if last is not None and last.watermark != feed.watermark:
                last = None  # somebody else has followed this location since
            told = replace(feed, watermark=reading.watermark, observed_at=before, error="")
            await follow(this.ctx, this.backend, reading, told, last)
            memory.readings[location] = reading
            heard.append(told)

    results = await asyncio.gather(*(one(at) for at in places), return_exceptions=True)
    await this.save(*heard)
    for failure in results:
        if isinstance(failure, BaseException):
            raise failure


async def follow(
    ctx: Context, backend: Backend, reading: StockReading, feed: Feed, last: StockReading | None
) -> None:
    """Lets the books follow what one location's system says.

    ``last`` is the reading that they have followed before, None if that is not known.
    """
    if last is None or last.departed != reading.departed:
        await _departures(ctx, backend, reading)
    unseen = {movement.sku for movement in await ctx.store.stock.unseen(reading.location)}
    changed = unseen | await _differing(ctx, reading, last)
    if last is not None:  # a count that held a departure before it was told is made again
        changed |= {gone.sku for gone in set(reading.departed) - set(last.departed)}
    skus = sorted(changed)
    chunks = [skus[at : at + _SKUS_PER_COMMAND] for at in range(0, len(skus), _SKUS_PER_COMMAND)]
    if not chunks and (last is None or last.watermark != reading.watermark):
        chunks = [[]]
    commands = [_count(feed, reading, chunk, await easing(ctx, chunk)) for chunk in chunks]
    await asyncio.gather(*(ctx.engine.run(command) for command in commands))


def _count(feed: Feed, reading: StockReading, skus: Sequence[str], ease: Ease) -> Command:
    none = Level(0)
    levels = {
        sku: (level.on_hand, level.elsewhere)
        for sku in skus
        for level in (reading.levels.get(sku, none),)
    }
    told = facts.Count(feed, levels)
    scope = Scope(skus=frozenset(skus), feeds=frozenset([feed.key]))
    return Command(
        None, "", scope, lambda books: (ease(books, facts.count(books, told)), feed.location)
    )


async def _differing(ctx: Context, reading: StockReading, last: StockReading | None) -> set[str]:
    """SKUs whose position is not what was read; compared with the last reading where there is one,
    as only readings and unseen movements change what is on hand.
    """
    if last is not None:
        before, now = last.levels, reading.levels
        if before == now:
            return set()
        return {sku for sku in before.keys() | now.keys() if before.get(sku) != now.get(sku)}
    positions = {at.sku: at async for at in _positions(ctx, reading.location)}
    return {
        sku
        for sku in positions.keys() | reading.levels.keys()
        if not _agrees(positions.get(sku), reading.levels.get(sku))
    }


def _agrees(position: Position | None, level: Level | None) -> bool:
    known = (position.on_hand, position.elsewhere) if position is not None else (0, 0)
    return known == ((level.on_hand, level.elsewhere) if level is not None else (0, 0))


async def _positions(ctx: Context, location: str) -> AsyncIterator[Position]:
    asked = LevelFilter(locations=(location,))
    after: tuple[str, str] | None = None
    while True:
        rows = await ctx.store.stock.levels(asked, after, _LEVELS_PER_READ)
        for row in rows:
            yield row
        if len(rows) < _LEVELS_PER_READ:
            return
        after = (rows[-1].sku, rows[-1].location)


async def _departures(ctx: Context, backend: Backend, reading: StockReading) -> None:
    """Takes what has left a location off the promises that it was for."""
    numbers = list({number_of(gone.reference) for gone in reading.departed})
    orders = await ctx.store.stock.orders_by_number(numbers)
    writes = await ctx.store.outbox.writes_of([order.id for order in orders.values()])
    sold: dict[tuple[str, str], int] = {}
    for of_order in writes.values():
        for write in of_order:
            if write.action is WriteAction.PLACE_SALE and write.sale is not None:
                for line in write.sale.lines:
                    key = (write.sale.reference, line.sku)
                    sold[key] = sold.get(key, 0) + line.quantity
    commands = [
        _departure(order, gone, sold[gone.reference, gone.sku], reading.location, backend.code)
        for gone in reading.departed
        if (order := orders.get(number_of(gone.reference))) is not None
        and (gone.reference, gone.sku) in sold
        and order.status is not OrderStatus.FULFILLED
    ]
    await asyncio.gather(*(ctx.engine.run(command) for command in commands))


def _departure(order: Order, gone: Departed, sold: int, location: str, system: str) -> Command:
    told = facts.Left(order.id, gone.sku, location, sold, gone.total, system)
    scope = Scope(
        skus=frozenset([gone.sku]),
        reservations=frozenset([order.reservation_id or ""]),
        orders=frozenset([order.id]),
    )
    return Command(None, "", scope, lambda books: (facts.depart(books, told), order.id))


# ---- orders -----------------------------------------------------------------------------------


async def _orders(this: _Pass, *, whole: bool) -> None:
    assert this.backend.order_source is not None
    async with this.noting(ORDERS) as feed:
        if this.backend.stock is None and not this.goods_are_known():
            raise Overloaded("waits until places and goods have been read for the first time")
        cursor = "" if whole else feed.cursor
        async for orders, after in this.backend.order_source.orders(cursor):
            await take_orders(this.ctx, this.backend, orders)
            cursor = after
        await this.save(replace(feed, observed_at=this.ctx.now, cursor=cursor, error=""))


async def take_orders(ctx: Context, backend: Backend, orders: Sequence[Order]) -> None:
    """Writes orders down that were placed elsewhere, and finds their goods where that is ours to
    do: at a backend that keeps no stock. Our own sales, coming back, are known already.
    """
    numbers = [number_of(order.number) for order in orders]
    ours = {
        number
        for number, order in (await ctx.store.stock.orders_by_number(numbers)).items()
        if order.system == "gateway"
    }
    commands = [
        await _taking(ctx, backend, order)
        for order, number in zip(orders, numbers, strict=True)
        if number not in ours
    ]
    await asyncio.gather(*(ctx.engine.run(command) for command in commands))


async def _taking(ctx: Context, backend: Backend, placed: Order) -> Command:
    origin = placed.external[0]
    digest = sha256(f"{origin.system}\x1f{origin.external_id}".encode()).hexdigest()
    id = f"x{digest[:25]}"
    day = placed.placed_at.astimezone(ZoneInfo(ctx.terms.time_zone))
    variants = await ctx.loaders.variants_by_sku.load_many([line.sku for line in placed.lines])
    lines = tuple(
        replace(
            line,
            id=f"{id}.{at}",
            components=variant.components if variant is not None else (),
        )
        for at, (line, variant) in enumerate(zip(placed.lines, variants, strict=True), start=1)
    )
    order = replace(
        placed,
        id=id,
        number=f"{ctx.terms.number_prefix}{day:%y%m%d}-{digest[:16].upper()}",
        lines=lines,
    )
    units = needed([Line(line.sku, line.quantity, line.components) for line in lines])
    told = facts.Taken(
        order,
        f"{id}-hold",
        ctx.directory.channels.get(order.channel) if backend.stock is None else None,
        tuple((await ctx.directory.locations()).values()),
        await sinks(ctx),
        ctx.terms.time_zone,
    )
    scope = Scope(frozenset(units), frozenset([told.hold_id]), frozenset([id]))
    ease = await easing(ctx, units)
    return Command(None, "", scope, lambda books: (ease(books, facts.take(books, told)), id))
