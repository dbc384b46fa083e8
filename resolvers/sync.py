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

from resolvers.backend_ports import Backend, StockReading
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
from resolvers.domain.movements import in_doubt
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Line, needed
from resolvers.domain.sales import number_of
from resolvers.engine import Command
from resolvers.following import follow, follow_movements, source_of
from resolvers.ground import easing
from resolvers.house import CATALOG, HEALTH, LOCATIONS, ORDERS, STOCK
from resolvers.orders import sinks

LOCATIONS_EVERY = timedelta(seconds=60)
"""Places open and close rarely."""

READS_AT_ONCE = 4
"""Most questions that one backend is asked at a time."""

REMEMBERED_MAX = 10_000
"""Most movements of a location that are remembered: then it is its readings' turn to come."""

PAGES_MAX = 200
"""Most pages of movements that are taken of a location in one pass; the rest is in its reading."""

IN_DOUBT = "movements are missing; what would add units waits for a later reading"

log = logging.getLogger(__name__)

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
        self._known = dict(known)
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

    def heard(self, feed: Feed) -> None:
        """Takes over a feed that was written down already."""
        self._known[feed.key] = feed

    async def save(self, *feeds: Feed) -> None:
        """Writes down how far reading came."""
        self._known.update((feed.key, feed) for feed in feeds)
        await self.ctx.store.house.save_feeds(feeds)

    @asynccontextmanager
    async def noting(self, entity: str, location: str = "") -> AsyncIterator[Feed]:
        """Notes on its feed if reading an entity fails, and goes on unless nobody is there."""
        try:
            yield self.feed(entity, location)
        except CommerceError as error:
            self.good = False
            await self._note(entity, location, str(error)[:_ERROR_CHARS])
            if isinstance(error, BackendUnavailable | BackendTimedOut):
                raise
        except Exception:
            self.good = False
            log.exception("reading %s of %s failed in our own code", entity, self.backend.code)
            await self._note(entity, location, "internal error; see the log")

    async def _note(self, entity: str, location: str, error: str) -> None:
        """Writes an error on a feed as it stands now: what failed may have moved it."""
        stored = {feed.key: feed for feed in await self.ctx.store.house.feeds()}
        feed = self.feed(entity, location)
        await self.save(replace(stored.get(feed.key, feed), error=error))


async def sync_backend(
    ctx: Context, backend: Backend, memory: Memory, *, whole: bool = False
) -> bool:
    """Reads everything that a backend is read for; says whether all of it could be read.

    ``whole`` is a person's wish: the catalogue and the orders are read from their beginning, not
    from where they stood, and readings of stock hold even if their watermarks run back.
    """
    known = {feed.key: feed for feed in await ctx.store.house.feeds()}
    this = _Pass(ctx, backend, known)
    try:
        if backend.locations is not None:
            await _locations(this)
        if backend.catalog is not None:
            await _catalog(this, whole=whole)
        if backend.stock is not None:
            await _stock(this, memory, whole=whole)
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


async def _stock(this: _Pass, memory: Memory, *, whole: bool) -> None:
    """Reads every location of the backend, a few at a time: what moved, then what is there."""
    code = this.backend.code
    places = [at.code for at in await this.ctx.store.catalog.locations() if at.authority == code]
    source = source_of(this.backend)
    turns = asyncio.Semaphore(READS_AT_ONCE)

    heard: list[Feed] = []

    async def one(location: str) -> None:
        async with turns:
            unmoved = await _movements(this, location)
            async with this.noting(STOCK, location) as feed:
                assert this.backend.stock is not None
                source.require_places(places)
                before = this.ctx.now
                read = await this.backend.stock.read(location)
                watermark = source.believed(read.watermark, feed.watermark, this.ctx.now)
                runs_back = watermark < feed.watermark
                if not whole:
                    source.require_order(watermark, feed.watermark)
                reading = replace(read, watermark=watermark)
                last = memory.readings.get(location)
                if last is not None and last.watermark != feed.watermark:
                    last = None  # somebody else has followed this location since
                told = replace(feed, watermark=watermark, observed_at=before, error=unmoved)
                if runs_back:
                    told = replace(told, moved=0, doubt=0)
                if in_doubt(told, source):
                    told = replace(told, error=IN_DOUBT)
                await follow(this.ctx, this.backend, reading, told, last, anew=runs_back)
                memory.readings[location] = reading
                heard.append(told)

    results = await asyncio.gather(*(one(at) for at in places), return_exceptions=True)
    await this.save(*heard)
    for failure in results:
        if isinstance(failure, BaseException):
            raise failure


async def _movements(this: _Pass, location: str) -> str:
    """Books what moved at a location since it was last heard of; why it could not, or ""."""
    source, feed = this.backend.movements, this.feed(STOCK, location)
    if source is None or feed.observed_at is None:
        return ""
    async with this.noting(STOCK, location):
        waiting, pages = len(await this.ctx.store.stock.unseen(location)), 0
        async for page in source.movements(location, max(feed.moved, feed.watermark)):
            if waiting >= REMEMBERED_MAX:
                raise Overloaded(f"{waiting} movements wait for a reading that holds them")
            feed, booked = await follow_movements(this.ctx, this.backend, feed, page)
            this.heard(feed)
            waiting, pages = waiting + booked, pages + 1
            if pages == PAGES_MAX:
                break
        this.heard(replace(feed, error=""))
    return this.feed(STOCK, location).error


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
