"""Keeps the mirror: reads what changed at a backend, entity by entity, and lets the house follow.

An entity that fails is noted on its feed and costs only itself. Everything here may be done twice,
or by two processes, and comes to the same; what was stopped half-way goes on where it stood. When
each entity is read stands in ``schedule``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from resolvers.backend_ports import Backend, Changes
from resolvers.context import Context
from resolvers.domain.catalog import Product
from resolvers.domain.errors import (
    BackendTimedOut,
    BackendUnavailable,
    NotUnderstood,
    Overloaded,
)
from resolvers.domain.feeds import Feed
from resolvers.domain.orders import Order
from resolvers.house import CATALOG, EVENTS, HEALTH, LISTINGS, LOCATIONS, MEMBERS, ORDERS, STOCK
from resolvers.mirroring import (
    ListingsTaken,
    MembersTaken,
    listings_gone,
    members_gone,
    take_listings,
    take_members,
    take_products,
)
from resolvers.pulling import pull_events
from resolvers.reading import Memory, Progress, Reading, in_silence
from resolvers.stocktaking import read_stock
from resolvers.taking import take_orders

LOCATIONS_EVERY = timedelta(seconds=60)
"""Places open and close rarely."""

T = TypeVar("T")
Take = Callable[[Changes[T]], Awaitable[int]]
"""Takes one page of what a source has; how much of it was new."""


@dataclass(frozen=True, slots=True)
class Read:
    """What reading came to: whether all of it could be read, how much was new, whether somebody was
    there to be asked, and whether it waits for something else to be read first.
    """

    good: bool
    changed: int
    there: bool = True
    waits: bool = False


def entities(backend: Backend) -> tuple[str, ...]:
    """What a backend is read for, in the order of a first reading: places before what lies there,
    goods before who bought them. One that is read for nothing is asked whether it is well.
    """
    roles = (
        (LOCATIONS, backend.locations),
        (CATALOG, backend.catalog),
        (STOCK, backend.stock),
        (LISTINGS, backend.listings),
        (MEMBERS, backend.members),
        (ORDERS, backend.order_source),
        (EVENTS, backend.puller),
    )
    return tuple(entity for entity, role in roles if role is not None) or (HEALTH,)


async def sync_backend(
    ctx: Context,
    backend: Backend,
    memory: Memory,
    *,
    whole: bool = False,
    told: Progress = in_silence,
) -> bool:
    """Reads everything that a backend is read for, one after the other; says whether all of it
    could be read. ``whole`` and ``told`` as below.
    """
    good = True
    for entity in entities(backend):
        read = await sync_entity(ctx, backend, entity, memory, whole=whole, told=told)
        good &= read.good
        if not read.there:
            break
    return good


async def sync_entity(
    ctx: Context,
    backend: Backend,
    entity: str,
    memory: Memory,
    *,
    whole: bool = False,
    told: Progress = in_silence,
) -> Read:
    """Reads one entity of a backend.

    ``whole`` is a person's wish, or due from time to time: it is read from its beginning, not from
    where it stood, and readings of stock hold even if their watermarks run back. ``told`` hears of
    every page.
    """
    known = {feed.key: feed for feed in await ctx.store.house.feeds()}
    this = Reading(ctx, backend, memory, known, whole=whole, told=told)
    try:
        await _READ[entity](this)
    except (BackendUnavailable, BackendTimedOut) as error:
        await this.mark_all(str(error))
        return Read(good=False, changed=this.changed, there=False)
    return Read(this.good, this.changed, waits=this.waits)


def follows_one(backend: Backend, entity: str) -> bool:
    """Says whether ``follow_hint`` can read one thing of an entity; else all that changed is."""
    roles = {
        MEMBERS: backend.members,
        LISTINGS: backend.listings,
        ORDERS: backend.deliveries,
    }
    return roles.get(entity) is not None


async def follow_hint(ctx: Context, backend: Backend, entity: str, external_id: str) -> int:
    """Reads the one thing that a message said has changed; how much was new.

    Raises:
        CommerceError: it could not be read now.
        NotUnderstood: some of it makes no sense; the rest was taken.
    """
    if entity == MEMBERS and backend.members is not None:
        person = await backend.members.member(external_id)
        if person is not None:
            return await take_members(ctx, [person])
        return await members_gone(ctx, backend, [external_id])
    if entity == LISTINGS and backend.listings is not None:
        listing = await backend.listings.listing(external_id)
        if listing is not None:
            return await take_listings(ctx, [listing])
        return await listings_gone(ctx, backend, [external_id])
    if entity == ORDERS and backend.deliveries is not None:
        delivered = await backend.deliveries.delivered(external_id)
        await take_orders(ctx, backend, delivered.orders)
        if delivered.left_out:
            raise NotUnderstood(delivered.left_out)
        return len(delivered.orders)
    return 0


# ---- entities ---------------------------------------------------------------------------------


async def _health(this: Reading) -> None:
    async with this.noting(HEALTH) as feed:
        probe = await this.backend.health.probe()
        if probe.good:
            await this.save(replace(feed, observed_at=this.ctx.now, error=""))
        else:
            this.good = False
            await this.save(replace(feed, error=this.shown(probe.detail)))


async def _locations(this: Reading) -> None:
    assert this.backend.locations is not None
    async with this.noting(LOCATIONS) as feed:
        now = this.ctx.now
        young = feed.observed_at is not None and now - feed.observed_at < LOCATIONS_EVERY
        if young and not feed.error and not this.whole:
            return
        found = await this.backend.locations.locations()
        this.changed += await this.ctx.store.catalog.save_locations(found)
        await this.save(replace(feed, observed_at=now, error=""))


async def _catalog(this: Reading) -> None:
    assert this.backend.catalog is not None
    source = this.backend.catalog

    async def take(found: Changes[Product]) -> int:
        return await take_products(this.ctx, this.backend, found.items)

    async with this.noting(CATALOG) as feed:
        start = _start(this, feed)
        await _pages(this, feed, start, _paired(source.products(start)), take)


async def _orders(this: Reading) -> None:
    assert this.backend.order_source is not None
    source = this.backend.order_source

    async def take(found: Changes[Order]) -> int:
        await take_orders(this.ctx, this.backend, found.items)
        return len(found.items)

    async with this.noting(ORDERS) as feed:
        if this.backend.stock is None and not this.goods_are_known():
            this.waits = True
            raise Overloaded("waits until places and goods have been read for the first time")
        start = _start(this, feed)
        await _pages(this, feed, start, _paired(source.orders(start)), take)


async def _members(this: Reading) -> None:
    assert this.backend.members is not None
    async with this.noting(MEMBERS) as feed:
        start = _start(this, feed)
        taken = MembersTaken(this.ctx, this.backend, anew=not start)
        await _pages(this, feed, start, this.backend.members.members(start), taken.take)


async def _listings(this: Reading) -> None:
    assert this.backend.listings is not None
    async with this.noting(LISTINGS) as feed:
        start = _start(this, feed)
        taken = ListingsTaken(this.ctx, this.backend, anew=not start)
        await _pages(this, feed, start, this.backend.listings.listings(start), taken.take)


async def _events(this: Reading) -> None:
    async with this.noting(EVENTS) as feed:
        this.changed += await pull_events(this.ctx, this.backend)
        await this.save(replace(feed, observed_at=this.ctx.now, error=""))


_READ: Mapping[str, Callable[[Reading], Awaitable[None]]] = {
    HEALTH: _health,
    LOCATIONS: _locations,
    CATALOG: _catalog,
    STOCK: read_stock,
    LISTINGS: _listings,
    MEMBERS: _members,
    ORDERS: _orders,
    EVENTS: _events,
}


# ---- pages ------------------------------------------------------------------------------------


def _start(this: Reading, feed: Feed) -> str:
    """Where a reading begins: "" for the beginning, else the cursor on which the last one ended, or
    was stopped.
    """
    scanned = feed.entity in this.backend.capabilities.scanned
    return "" if this.whole or (scanned and not feed.read) else feed.cursor


async def _pages(
    this: Reading, feed: Feed, start: str, pages: AsyncIterator[Changes[T]], take: Take[T]
) -> None:
    """Takes every page that a source has, and notes each, so that a reading which is stopped goes
    on there. The feed has been heard of when the last one is in.
    """
    began, cursor, read = this.ctx.now, start, feed.read if start else 0
    async for found in pages:
        this.changed += await take(found)
        cursor, read = found.cursor, read + len(found.items)
        feed = replace(feed, cursor=cursor, read=read)
        await this.save(feed)
        this.told(feed.entity, read)
    whole_at = feed.whole_at if start else began
    now = this.ctx.now
    await this.save(
        replace(feed, cursor=cursor, observed_at=now, whole_at=whole_at, read=0, error="")
    )


async def _paired(
    pages: AsyncIterator[tuple[Sequence[T], str]],
) -> AsyncIterator[Changes[T]]:
    """Pages of a source that tells of nothing that is gone."""
    async for items, cursor in pages:
        yield Changes(items, cursor)
