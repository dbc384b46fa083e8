"""Keeps the catalogue merged: what says something of a product makes it be put together anew.

What each source says is kept as it says it, first; so whoever merges last has seen all of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from resolvers.context import Context
from resolvers.domain.catalog import Product
from resolvers.domain.listings import Listing, Offer, offer_of
from resolvers.domain.merging import Sources, merged

ROUNDS_MAX = 5
"""Most times that a product is merged in one go while others change what is said of it."""


def sources_of(ctx: Context) -> Sources:
    """Who may be believed about the catalogue, as it is configured now."""
    backends = ctx.backends.items()
    return Sources(
        tuple(code for code, backend in backends if backend.catalog is not None),
        tuple(code for code, backend in backends if backend.listings is not None),
        ctx.terms.catalog.preferred,
    )


async def merge(ctx: Context, handles: Iterable[str]) -> int:
    """Puts products together from what is said of them now; how many look different.

    It looks again until nothing changes: another process may have kept a word, and shown the
    product without ours, in between.
    """
    asked, changed = list(dict.fromkeys(handles)), 0
    for _ in range(ROUNDS_MAX if asked else 0):
        shown = await _merged(ctx, asked)
        saved = await ctx.store.catalog.save_products(shown, ctx.now)
        changed += saved
        if not saved:
            break
    return changed


async def merge_skus(ctx: Context, skus: Iterable[str]) -> int:
    """The same for the products of some SKUs; of those that nobody sells there is nothing to do."""
    found = await ctx.store.catalog.variants(list(dict.fromkeys(skus)))
    return await merge(ctx, [variant.product for variant in found.values()])


async def offers_of(ctx: Context, listings: Sequence[Listing]) -> list[Offer]:
    """What listings stand for; those that stand for nothing are left out."""
    keys = [(it.backend, it.id) for it in listings]
    mappings = await ctx.store.listings.mappings(list(dict.fromkeys(keys)))
    offers = [offer_of(it, mappings.get(key)) for it, key in zip(listings, keys, strict=True)]
    return [offer for offer in offers if offer is not None]


async def offers_for(ctx: Context, skus: Sequence[str]) -> Mapping[str, list[Offer]]:
    """The active listings that stand for SKUs, by SKU."""
    found = await ctx.store.listings.listings_of(skus)
    by_sku: dict[str, list[Offer]] = {}
    for offer in await offers_of(ctx, list(chain.from_iterable(found.values()))):
        by_sku.setdefault(offer.sku, []).append(offer)
    return by_sku


async def masters_of(ctx: Context, handles: Sequence[str]) -> Mapping[str, Mapping[str, Product]]:
    """What the masters say of products, by handle and backend.

    Of a product that was kept before masters were, what is shown is what its one source says.
    """
    kept = await ctx.store.listings.masters(handles)
    masters = {handle: dict(said) for handle, said in kept.items()}
    absent = [handle for handle in handles if handle not in masters]
    known = sources_of(ctx).masters
    for handle, product in (await ctx.store.catalog.products(absent)).items() if known else ():
        systems = [fact.system for fact in product.provenance if fact.system in known]
        code = systems[0] if systems else known[0]
        await ctx.store.listings.save_masters(code, [product])
        masters[handle] = {code: product}
    return masters


async def _merged(ctx: Context, handles: Sequence[str]) -> list[Product]:
    sources = sources_of(ctx)
    masters = await masters_of(ctx, handles)
    skus = {
        handle: {variant.sku for product in said.values() for variant in product.variants}
        for handle, said in masters.items()
    }
    offers = await offers_for(ctx, sorted(set().union(*skus.values())))
    bearers = await _bearers(ctx, masters, offers)
    shown = []
    for handle, said in masters.items():
        own = skus[handle]
        clashing = frozenset(barcode for barcode, borne in bearers.items() if not own >= borne)
        of_it = chain.from_iterable(offers.get(sku, ()) for sku in sorted(own))
        product = merged(said, of_it, sources, clashing)
        if product is not None:
            shown.append(product)
    return shown


async def _bearers(
    ctx: Context,
    masters: Mapping[str, Mapping[str, Product]],
    offers: Mapping[str, Sequence[Offer]],
) -> Mapping[str, set[str]]:
    """The SKUs that have each barcode which only a listing says of one; mostly there are none."""
    said = {
        (variant.sku, barcode)
        for by_code in masters.values()
        for product in by_code.values()
        for variant in product.variants
        for barcode in variant.barcodes
    }
    new = {
        barcode
        for sku, of_it in offers.items()
        for offer in of_it
        for barcode in offer.listing.barcodes
        if (sku, barcode) not in said
    }
    catalog = ctx.store.catalog
    return {barcode: set(await catalog.skus_of_barcode(barcode)) for barcode in sorted(new)}
