"""Which SKUs cost another price in one channel than in another, or than the ERP says (P3).

Nothing is kept for this question. A page walks the SKUs in their order and reads what sources say
of those only that may differ; it looks at a bounded number, and says where the next page goes on.
"""

from collections.abc import Sequence

from resolvers.access import Scope as Right
from resolvers.context import Context
from resolvers.domain.catalog import Variant
from resolvers.domain.price_differences import PriceDifference, difference_of, spread
from resolvers.merging import masters_of, offers_for, sources_of
from resolvers.paging import Page, checked_first, page_of

LOOK_MAX = 100
"""SKUs that are read together."""

LOOKED_MAX = 1000
"""Most SKUs that one page looks at."""


async def browse_price_differences(
    ctx: Context, first: int, after: str | None
) -> Page[PriceDifference]:
    """A page of variants whose prices differ, by SKU. It may have fewer than are asked for though
    more come.

    Raises:
        InvalidInput: a page size that cannot be meant.
    """
    checked_first(first)
    ctx.principal.require(Right.LISTINGS_READ)
    edges: list[tuple[str, PriceDifference]] = []
    start = after
    for _ in range(0, LOOKED_MAX, LOOK_MAX):
        variants = await ctx.store.catalog.variant_page(start, LOOK_MAX)
        found = await _differing(ctx, variants)
        edges += [(difference.variant.sku, difference) for difference in found]
        if len(edges) > first or len(variants) < LOOK_MAX:
            return page_of(edges, first, after)
        start = variants[-1].sku
    return Page(tuple(edges), has_next=True, has_previous=after is not None, end=start)


async def _differing(ctx: Context, variants: Sequence[Variant]) -> list[PriceDifference]:
    """Those that differ. What one system says alone differs only if its own prices do."""
    perhaps = [it for it in variants if it.said_by or spread(list(it.prices.values()))]
    masters = await masters_of(ctx, list(dict.fromkeys(it.product for it in perhaps)))
    offers = await offers_for(ctx, [it.sku for it in perhaps])
    sources = sources_of(ctx)
    found = [
        difference_of(it, masters.get(it.product, {}), offers.get(it.sku, ()), sources)
        for it in perhaps
    ]
    return [it for it in found if it is not None]
