"""What is mirrored of goods, listings and people: taken as their sources say it, and let go of when
they have it no more.
"""

from collections.abc import Sequence
from dataclasses import replace

from resolvers.backend_ports import Backend, Changes
from resolvers.context import Context
from resolvers.domain.catalog import Product
from resolvers.domain.listings import Listing
from resolvers.domain.members import Member, member_id
from resolvers.merging import merge, merge_skus, offers_of, sources_of

AT_ONCE = 500
"""Most things that are let go of in one write."""


async def take_products(ctx: Context, backend: Backend, products: Sequence[Product]) -> int:
    """Keeps products as their source says them, and shows them merged with what others say; how
    many look different now.
    """
    await ctx.store.listings.save_masters(backend.code, products)
    if sources_of(ctx).alone:
        return await ctx.store.catalog.save_products(products, ctx.now)
    return await merge(ctx, [product.handle for product in products])


async def take_members(ctx: Context, members: Sequence[Member]) -> int:
    """Keeps people as their source says them; how many were new."""
    return await ctx.store.members.save_members(members)


async def members_gone(ctx: Context, backend: Backend, external_ids: Sequence[str]) -> int:
    """Lets go of people that a source has no more; how many it had.

    What they are known by is dropped with them; that there was somebody stays, for their orders.
    """
    return await _people_gone(ctx, [member_id(backend.code, it) for it in external_ids])


async def take_listings(ctx: Context, listings: Sequence[Listing]) -> int:
    """Keeps listings as their source says them, and merges the products that they stand for, or
    stood for before; how many listings were new.

    All are merged, not the new ones alone: a page that was kept and not merged, as the process was
    killed, comes again.
    """
    keys = [(it.backend, it.id) for it in listings]
    before = await ctx.store.listings.listings(keys)
    changed = await ctx.store.listings.save_listings(listings)
    offers = await offers_of(ctx, [*before.values(), *listings])
    await merge_skus(ctx, [offer.sku for offer in offers])
    return changed


async def listings_gone(ctx: Context, backend: Backend, ids: Sequence[str]) -> int:
    """Takes listings for ended that a source has no more; how many were not so before."""
    found = await ctx.store.listings.listings([(backend.code, id) for id in ids])
    return await take_listings(
        ctx, [replace(it, active=False) for it in found.values() if it.active]
    )


class MembersTaken:
    """Takes the pages of one reading of people. ``anew``: it began at the beginning, so that after
    its last page whoever was in none is gone.
    """

    def __init__(self, ctx: Context, backend: Backend, *, anew: bool) -> None:
        self._ctx = ctx
        self._backend = backend
        self._anew = anew
        self._seen: set[str] = set()

    async def take(self, found: Changes[Member]) -> int:
        """Takes one page; how much of it was new."""
        changed = await take_members(self._ctx, found.items)
        changed += await members_gone(self._ctx, self._backend, found.gone)
        if self._anew:
            self._seen.update(it.id for it in found.items)
            changed += await self._sweep() if found.whole else 0
        return changed

    async def _sweep(self) -> int:
        gone, after = 0, None
        code, store = self._backend.code, self._ctx.store.members
        while ids := await store.member_ids(code, after, AT_ONCE):
            gone += await _people_gone(self._ctx, [id for id in ids if id not in self._seen])
            after = ids[-1]
        return gone


class ListingsTaken:
    """Takes the pages of one reading of listings; ``anew`` as with members."""

    def __init__(self, ctx: Context, backend: Backend, *, anew: bool) -> None:
        self._ctx = ctx
        self._backend = backend
        self._anew = anew
        self._seen: set[str] = set()

    async def take(self, found: Changes[Listing]) -> int:
        """Takes one page; how much of it was new."""
        changed = await take_listings(self._ctx, found.items)
        changed += await listings_gone(self._ctx, self._backend, found.gone)
        if self._anew:
            self._seen.update(it.id for it in found.items)
            changed += await self._sweep() if found.whole else 0
        return changed

    async def _sweep(self) -> int:
        gone, after = 0, (self._backend.code, "")
        store = self._ctx.store.listings
        while page := await store.listing_page(self._backend.code, after, AT_ONCE, unmatched=False):
            left = [replace(it, active=False) for it in page if it.active]
            gone += await take_listings(self._ctx, [it for it in left if it.id not in self._seen])
            after = (page[-1].backend, page[-1].id)
        return gone


async def _people_gone(ctx: Context, ids: Sequence[str]) -> int:
    found = (await ctx.store.members.members(ids)).values() if ids else ()
    return await take_members(
        ctx,
        [
            Member(it.id, None, (), it.provenance, it.updated_at, gone=True)
            for it in found
            if not it.gone
        ],
    )
