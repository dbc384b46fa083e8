"""Compares our mirror with what a backend itself says now, and names what differs: stock, sales
that it was told, and what its listings may sell.

What differs is looked at a second time after whoever reads the backend has followed, so that what
was only under way is not named. Nothing is changed, but that sales which a backend has no more wait
again if that is asked for. That our books agree with their own entries is ``ledger``'s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from resolvers.access import Scope as Right
from resolvers.backend_ports import Backend, StockReading
from resolvers.context import Context
from resolvers.domain import facts
from resolvers.domain.books import Known
from resolvers.domain.feeds import Feed
from resolvers.domain.outbox import Sale, reopened
from resolvers.domain.publication import PublicationRecord
from resolvers.domain.reconciling import (
    ListingDifference,
    MissingSale,
    StockDifference,
    expected_sales,
    listing_differences,
    missing,
    stock_differences,
)
from resolvers.domain.sources import Watermark
from resolvers.filters import OrderFilter
from resolvers.following import differing, source_of, told_of
from resolvers.house import LISTINGS, STOCK
from resolvers.publishing import is_published_to

READS_AT_ONCE = 2
"""Locations that are read at a time, beside whoever else reads the backend."""

READINGS_MAX = 3
"""Readings of a location that are tried while its mirror moves under them."""

ORDERS_MAX = 20_000
"""Most orders that are looked through, the newest first."""

SALES_PER_LOOK = 100
LISTINGS_PER_LOOK = 100
_SKUS_PER_READ = 200
_ORDERS_PER_READ = 200

Followed = Callable[[str], Awaitable[None]]
"""Returns when whoever reads the backend has read an entity of it once more from now, or did not in
the time that it has.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared. ``days`` is of how many days back sales are looked up; ``tell_again`` has
    those that are gone wait again.
    """

    days: int = 7
    tell_again: bool = False


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What comparing came to.

    ``restored`` are locations whose readings run back: the backend was restored to an earlier
    state. ``uncompared`` are locations that could not be compared, with why. ``looked_up`` is how
    many sales the backend was asked for, None if it cannot say which it has; ``cut_off`` says that
    there were more. ``told_again`` are the references of those that wait again.
    """

    locations: int = 0
    stock: tuple[StockDifference, ...] = ()
    restored: tuple[str, ...] = ()
    uncompared: tuple[tuple[str, str], ...] = ()
    looked_up: int | None = None
    cut_off: bool = False
    sales: tuple[MissingSale, ...] = ()
    told_again: tuple[str, ...] = ()
    listings: tuple[ListingDifference, ...] = ()
    listings_compared: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether all was compared, and nothing differs."""
        differs = self.stock or self.restored or self.sales or self.listings
        return not (differs or self.uncompared or self.cut_off)


async def reconcile(ctx: Context, backend: Backend, asked: Asked, followed: Followed) -> Reconciled:
    """Compares everything that a backend can be asked for.

    Raises:
        CommerceError: it could not be asked; nothing was changed.
    """
    ctx.principal.require(Right.OPERATE if asked.tell_again else Right.HOUSE)
    came_to = Reconciled()
    if backend.stock is not None:
        came_to = await _stock(ctx, backend, came_to, followed)
    if backend.publication is not None and is_published_to(backend):
        came_to = await _listings(ctx, backend, came_to, followed)
    if backend.sale_lookup is not None:
        came_to = await _sales(ctx, backend, came_to, asked.days)
    if asked.tell_again:
        came_to = replace(came_to, told_again=await _told_again(ctx, came_to.sales))
    return came_to


# ---- stock ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    """What one location's comparison came to."""

    location: str
    differences: Sequence[StockDifference] = ()
    restored: bool = False
    why_not: str = ""


async def _stock(
    ctx: Context, backend: Backend, so_far: Reconciled, followed: Followed
) -> Reconciled:
    known = await ctx.store.catalog.locations()
    places = [at.code for at in known if at.authority == backend.code]
    source_of(backend).require_places(places)
    looks = await _looked_at(ctx, backend, places)
    again = [it.location for it in looks if it.differences and not it.restored]
    if again:
        await followed(STOCK)
        second = {it.location: it for it in await _looked_at(ctx.renewed(), backend, again)}
        looks = [_both(it, second[it.location]) if it.location in second else it for it in looks]
    return replace(
        so_far,
        locations=len(places),
        stock=tuple(found for it in looks for found in it.differences),
        restored=tuple(it.location for it in looks if it.restored),
        uncompared=tuple((it.location, it.why_not) for it in looks if it.why_not),
    )


def _both(first: _Look, second: _Look) -> _Look:
    """What differs as it did before, however much by now; a SKU that began to is under way."""
    before = {(it.sku, it.facet) for it in first.differences}
    return replace(
        second, differences=[it for it in second.differences if (it.sku, it.facet) in before]
    )


async def _looked_at(ctx: Context, backend: Backend, places: Sequence[str]) -> list[_Look]:
    turns = asyncio.Semaphore(READS_AT_ONCE)

    async def one(location: str) -> _Look:
        async with turns:
            return await _look(ctx, backend, location)

    results = await asyncio.gather(*(one(at) for at in places), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, _Look)]


async def _look(ctx: Context, backend: Backend, location: str) -> _Look:
    """Compares one location, anew if what is known of it moved meanwhile."""
    assert backend.stock is not None
    source = source_of(backend)
    for _ in range(READINGS_MAX):
        before, at = await _feed(ctx, backend, location), ctx.now
        if before.observed_at is None:
            return _Look(location, why_not="it was never read")
        read = await backend.stock.read(location)
        watermark = source.believed(read.watermark, before.watermark, ctx.now)
        reading = replace(read, watermark=watermark)
        runs_back = watermark < before.watermark
        feed = replace(before, watermark=watermark, observed_at=at)
        told = facts.Count(feed, {}, source, anew=runs_back)
        found = await _differences(ctx, reading, told, before)
        after = await _feed(ctx, backend, location)
        moved = after.watermark != before.watermark
        if source.watermark is Watermark.NONE or runs_back:
            overtaken = moved
        else:
            overtaken = after.watermark > watermark
        if not overtaken:
            return _Look(location, found, restored=runs_back)
    return _Look(location, why_not="it was read anew each time that it was looked at; try again")


async def _differences(
    ctx: Context, reading: StockReading, told: facts.Count, before: Feed
) -> list[StockDifference]:
    unseen = {movement.sku for movement in await ctx.store.stock.unseen(reading.location)}
    skus = sorted(unseen | await differing(ctx, told.source, reading, None))
    found: list[StockDifference] = []
    for at in range(0, len(skus), _SKUS_PER_READ):
        some = skus[at : at + _SKUS_PER_READ]
        streams = await ctx.store.stock.streams(some, ctx.now)
        times = [stream.at for stream in streams.values() if stream.at is not None]
        known = Known(max([ctx.now, *times]), streams, feeds={before.key: before})
        found += stock_differences(known, told_of(reading, some, told))
    return found


async def _feed(ctx: Context, backend: Backend, location: str) -> Feed:
    key = (backend.code, STOCK, location)
    known = {feed.key: feed for feed in await ctx.store.house.feeds()}
    return known.get(key) or Feed(*key)


# ---- sales ------------------------------------------------------------------------------------


async def _sales(ctx: Context, backend: Backend, so_far: Reconciled, days: int) -> Reconciled:
    """Looks up the sales of the newest orders of some days."""
    asked, now = OrderFilter(placed_from=ctx.now - timedelta(days=days)), ctx.now
    gone: list[MissingSale] = []
    looked_up = seen = 0
    after = None
    while seen < ORDERS_MAX:
        orders = await ctx.store.stock.order_page(asked, after, _ORDERS_PER_READ, now)
        writes = await ctx.store.outbox.writes_of([order.id for order in orders])
        told = [
            (order, write)
            for order in orders
            for write in expected_sales(order, writes.get(order.id, ()), backend.code)
        ]
        for at in range(0, len(told), SALES_PER_LOOK):
            some = told[at : at + SALES_PER_LOOK]
            known = await _known(backend, [_reference(write.sale) for _, write in some])
            gone += [
                missing(order, write)
                for order, write in some
                if _reference(write.sale) not in known
            ]
        looked_up, seen = looked_up + len(told), seen + len(orders)
        if len(orders) < _ORDERS_PER_READ:
            return replace(so_far, looked_up=looked_up, sales=tuple(gone))
        after = (orders[-1].placed_at, orders[-1].id)
    return replace(so_far, looked_up=looked_up, sales=tuple(gone), cut_off=True)


def _reference(sale: Sale | None) -> str:
    assert sale is not None, "only sales are looked up"
    return sale.reference


async def _known(backend: Backend, references: Sequence[str]) -> frozenset[str]:
    assert backend.sale_lookup is not None
    return frozenset(await backend.sale_lookup.known(references))


async def _told_again(ctx: Context, gone: Sequence[MissingSale]) -> tuple[str, ...]:
    """Has sales wait again of which nothing has left: the same writes under their references."""
    return tuple(
        [
            _reference(sale.write.sale)
            for sale in gone
            if not sale.has_left and await ctx.store.outbox.reopen_write(reopened(sale.write))
        ]
    )


# ---- listings ---------------------------------------------------------------------------------


async def _listings(
    ctx: Context, backend: Backend, so_far: Reconciled, followed: Followed
) -> Reconciled:
    """Compares every listing; those that differ once more."""
    found: list[ListingDifference] = []
    compared, after = 0, (backend.code, "")
    while True:
        page = await ctx.store.listings.listing_page(
            backend.code, after, LISTINGS_PER_LOOK, unmatched=False
        )
        found += await _listings_looked_at(ctx, backend, [it.id for it in page])
        compared += len(page)
        if len(page) < LISTINGS_PER_LOOK:
            break
        after = (page[-1].backend, page[-1].id)
    if found:
        await followed(LISTINGS)
        ids = [it.listing for it in found]
        lots = [ids[at : at + LISTINGS_PER_LOOK] for at in range(0, len(ids), LISTINGS_PER_LOOK)]
        found = [it for lot in lots for it in await _listings_looked_at(ctx, backend, lot)]
    return replace(so_far, listings=tuple(found), listings_compared=compared)


async def _listings_looked_at(
    ctx: Context, backend: Backend, ids: Sequence[str]
) -> list[ListingDifference]:
    assert backend.publication is not None
    before = await _records(ctx, backend, ids)
    if not before:
        return []
    said = await backend.publication.published(list(before))
    return listing_differences(before, said, await _records(ctx, backend, ids))


async def _records(
    ctx: Context, backend: Backend, ids: Sequence[str]
) -> dict[str, PublicationRecord]:
    found = await ctx.store.publications.publications([(backend.code, id) for id in ids])
    return {id: record for (_, id), record in found.items()}
