"""Answers about the catalogue, the places and the channels: look-ups, pages, and bundles' parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resolvers.context import Context
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.errors import InvalidInput, NotFound, Refused, refuse
from resolvers.domain.locations import Capability, Location, LocationKind
from resolvers.domain.values import LINES_MAX
from resolvers.filters import ProductFilter, ProductSort
from resolvers.paging import Page, checked_first, checked_lists, page_of, slice_of

_TEXT_MAX = 200


async def product_by_handle(ctx: Context, handle: str) -> Product | None:
    """One product."""
    return await ctx.loaders.products_by_handle.load(handle)


async def known_variants(ctx: Context, skus: Sequence[str]) -> Sequence[Variant]:
    """The variants of some SKUs that the catalogue is known to have, in their order.

    Raises:
        NotFound: one of them has gone since.
    """
    found = await ctx.loaders.variants_by_sku.load_many(list(skus))
    for sku, variant in zip(skus, found, strict=True):
        if variant is None:
            raise NotFound(f"{sku} is no longer in the catalogue")
    return [variant for variant in found if variant is not None]


async def products_of(ctx: Context, variants: Sequence[Variant]) -> Sequence[Product]:
    """The products that some variants are of, in their order.

    Raises:
        NotFound: one of them has just lost its product.
    """
    handles = [variant.product for variant in variants]
    found = await ctx.loaders.products_by_handle.load_many(handles)
    for variant, product in zip(variants, found, strict=True):
        if product is None:
            raise NotFound(f"{variant.sku} has just lost its product")
    return [product for product in found if product is not None]


async def browse_products(
    ctx: Context, asked: ProductFilter, sort: ProductSort, first: int, after: str | None
) -> Page[Product]:
    """A page of products.

    Raises:
        InvalidInput: a page size, cursor or search that cannot be meant.
        NotFound: no such channel.
    """
    checked_first(first)
    checked_lists(brand=asked.brands, category=asked.categories)
    if asked.search is not None and len(asked.search) > _TEXT_MAX:
        raise InvalidInput(f"a search has at most {_TEXT_MAX} characters", field=("filter",))
    if asked.channel is not None:
        ctx.directory.channel(asked.channel, ("filter", "channel"))
    rows = await ctx.store.catalog.product_page(asked, sort, after, first + 1)
    for _, product in rows:
        ctx.loaders.products_by_handle.prime(product.handle, product)
    return page_of(rows, first, after)


async def variant_by_sku(ctx: Context, sku: str) -> Variant | None:
    """One variant; SKUs are compared exactly."""
    return await ctx.loaders.variants_by_sku.load(sku)


async def variant_by_barcode(ctx: Context, barcode: str) -> Variant | None:
    """The one variant of a barcode.

    Raises:
        InvalidInput: several have it; a guess would sell the wrong thing.
    """
    skus = await ctx.store.catalog.skus_of_barcode(barcode)
    if len(skus) > 1:
        named = ", ".join(sorted(skus)[:10])
        raise InvalidInput(f"several SKUs have this barcode: {named}", field=("by", "barcode"))
    return await variant_by_sku(ctx, skus[0]) if skus else None


async def variants_by_sku(ctx: Context, skus: Sequence[str]) -> Sequence[Variant | None]:
    """Variants in the order asked, None where unknown.

    Raises:
        InvalidInput: more than 100.
    """
    checked_skus(skus)
    return await ctx.loaders.variants_by_sku.load_many(list(skus))


def checked_skus(skus: Sequence[str]) -> None:
    """Refuses a question about more SKUs than one may have.

    Raises:
        InvalidInput: none, or more than 100.
    """
    if not 1 <= len(skus) <= LINES_MAX:
        raise InvalidInput(f"ask for 1 to {LINES_MAX} SKUs at a time", field=("skus",))


@dataclass(frozen=True, slots=True)
class LocationFilter:
    """Which locations are asked for; lists mean any of, absent means all."""

    kinds: tuple[LocationKind, ...] = ()
    regions: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()


async def browse_locations(
    ctx: Context, asked: LocationFilter, first: int, after: str | None
) -> Page[Location]:
    """A page of locations, by code.

    Raises:
        InvalidInput: a page size or filter that cannot be meant.
    """
    checked_lists(region=asked.regions, kind=asked.kinds, capability=asked.capabilities)
    found = [
        at
        for at in (await ctx.directory.locations()).values()
        if (not asked.kinds or at.kind in asked.kinds)
        and (not asked.regions or at.region in asked.regions)
        and (not asked.capabilities or set(asked.capabilities) & set(at.capabilities))
    ]
    return slice_of(found, lambda at: at.code, first, after)


async def location_by_code(ctx: Context, code: str) -> Location | None:
    """One location."""
    return (await ctx.directory.locations()).get(code)


async def known_locations(ctx: Context, codes: Sequence[str]) -> Sequence[Location]:
    """Locations that are known to be ours, in their order.

    Raises:
        NotFound: one of them has gone since.
    """
    known = await ctx.directory.locations()
    for code in codes:
        if code not in known:
            raise NotFound(f"{code} is no longer one of our locations")
    return [known[code] for code in codes]


async def sold(
    ctx: Context,
    skus: Sequence[str],
    fields: Sequence[tuple[str | int, ...]],
    *,
    alone: bool = False,
) -> Mapping[str, Variant]:
    """The variants of some SKUs; ``fields`` say where each SKU stood in the input. ``alone`` says
    that nothing else of the request asks at the same time: then nobody is waited for.

    Raises:
        NotFound: one for each SKU that nobody sells (several at once).
    """
    if alone:
        found = await ctx.loaders.variants_at_once(skus)
    else:
        found = await ctx.loaders.variants_by_sku.load_many(list(skus))
    unknown: list[Refused] = [
        NotFound(f"there is no SKU {sku[:64]!r}", field=field)
        for sku, variant, field in zip(skus, found, fields, strict=True)
        if variant is None
    ]
    refuse(unknown)
    return {variant.sku: variant for variant in found if variant is not None}
