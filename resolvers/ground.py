"""Where promised units may move when a place turns out to have less than was promised there."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from resolvers.context import Context
from resolvers.domain.availability import Pool
from resolvers.domain.backing import relieved
from resolvers.domain.books import Books, Change
from resolvers.domain.catalog import Variant
from resolvers.domain.limits import business_day
from resolvers.ruling import asked_by_rules

Ease = Callable[[Books, Change], Change]
"""Adds to a fact's change the moves that make up for what it leaves short."""


async def easing(ctx: Context, skus: Iterable[str]) -> Ease:
    """What moves tentative units of some SKUs away from places that are short of them."""
    channel = next(iter(ctx.directory.channels.values()), None)
    if channel is None:  # nobody sells, so nothing is promised
        return lambda _, change: change
    asked = await asked_by_rules(ctx, await _named_by_rules(ctx, skus))
    pool = Pool(
        channel,
        tuple((await ctx.directory.locations()).values()),
        ctx.now,
        categories=asked.categories,
        stale_hours=asked.stale_hours,
        day=business_day(ctx.now, ctx.terms.time_zone),
        channels=ctx.directory.channels,
    )

    def ease(books: Books, change: Change) -> Change:
        return relieved(books, change, replace(pool, now=books.now, rules=books.rules))

    return ease


async def _named_by_rules(ctx: Context, skus: Iterable[str]) -> list[Variant]:
    """The variants of some SKUs, if a rule may ask what they are: a first reading of a large
    retailer would look up its whole catalogue at every place, for nothing.
    """
    if not (await ctx.loaders.rules()).names_categories:
        return []
    found = await ctx.loaders.variants_by_sku.load_many(list(skus))
    return [variant for variant in found if variant is not None]
