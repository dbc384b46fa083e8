"""Rules as a caller sets, removes and reads them, and what they ask of a SKU and a place.

What a rule means stands in ``domain/rules``; they are in force in every process as soon as they are
written, as each decision reads them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from resolvers.access import Scope as Right
from resolvers.commands import Decide, run
from resolvers.context import Context
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Variant
from resolvers.domain.errors import InvalidInput, Refused, refuse
from resolvers.domain.rules import (
    SCOPE_MAX,
    RuleBook,
    StockRule,
    conform,
    faults,
    remove_rule,
    set_rule,
)
from resolvers.engine import Command
from resolvers.house import STOCK
from resolvers.paging import Page, slice_of

CONFIGURATION = "configuration"
"""Who has set the rules that stand in the configuration."""

_HOUR_SECONDS = 3600


async def set_stock_rule(ctx: Context, key: str, rule: StockRule) -> tuple[StockRule, bool]:
    """Sets a rule, new or in the place of the one of its code: the rule, and whether it was set
    before under this key. A SKU that nobody sells yet may be named, so that a launch finds its
    rules in force.

    Raises:
        InvalidInput: one for each thing that is wrong (several at once); nothing changed.
    """
    ctx.principal.require(Right.RULES)

    async def prepare() -> tuple[Scope, Decide]:
        wrong = faults(rule, await ctx.directory.locations(), ctx.directory.channels)
        refuse([*wrong, *await _bundles(ctx, rule)])

        def decide(books: Books) -> tuple[Change, str]:
            change = set_rule(books.rules, rule, ctx.principal.subject, books.now)
            return Change(rules=(change,)), rule.code

        return Scope(), decide

    outcome = await run(ctx, "setStockRule", key, rule, prepare)
    if outcome.change is not None and (found := outcome.change.rules[0].rule) is not None:
        return found, outcome.replayed
    now = (await ctx.store.stock.rules()).find(rule.code)
    return now or replace(rule, set_by=ctx.principal.subject), outcome.replayed


async def _bundles(ctx: Context, rule: StockRule) -> list[Refused]:
    """A refusal for each bundle that a rule names: promises are made of a bundle's parts."""
    named = rule.skus[:SCOPE_MAX]
    found = await ctx.loaders.variants_by_sku.load_many(list(named))
    return [
        InvalidInput("a bundle lies on no shelf; name its parts", field=("input", "skus", at))
        for at, variant in enumerate(found)
        if variant is not None and variant.components
    ]


async def conform_rules(ctx: Context, wanted: Sequence[StockRule]) -> list[str]:
    """Makes the rules of the configuration just these, and leaves everybody else's alone.

    Done by several processes at once, it is done once. The codes that somebody else has set, so
    that the configuration's rule is not in force, come back.
    """
    ctx.principal.require(Right.RULES)

    def decide(books: Books) -> tuple[Change, str]:
        return Change(rules=conform(books.rules, wanted, CONFIGURATION, books.now)), CONFIGURATION

    if conform(await ctx.store.stock.rules(), wanted, CONFIGURATION, ctx.now):
        await ctx.engine.run(Command(None, "", Scope(), decide))
    now = await ctx.store.stock.rules()
    found = [now.find(rule.code) for rule in wanted]
    return [rule.code for rule in found if rule is not None and rule.set_by != CONFIGURATION]


async def remove_stock_rule(ctx: Context, key: str, code: str) -> tuple[str, bool]:
    """Takes a rule out: its code, and whether that was done before under this key.

    Raises:
        NotFound: there is none of this code; nothing changed.
    """
    ctx.principal.require(Right.RULES)

    async def prepare() -> tuple[Scope, Decide]:
        def decide(books: Books) -> tuple[Change, str]:
            change = remove_rule(books.rules, code, ctx.principal.subject, books.now)
            return Change(rules=(change,)), code

        return Scope(), decide

    return code, (await run(ctx, "removeStockRule", key, code, prepare)).replayed


async def browse_rules(ctx: Context, first: int, after: str | None) -> Page[StockRule]:
    """A page of the rules that are set, by code.

    Raises:
        InvalidInput: a page size that cannot be meant.
    """
    ctx.principal.require(Right.RULES_READ)
    found = sorted((await ctx.store.stock.rules()).rules, key=lambda rule: rule.code)
    return slice_of(found, lambda rule: rule.code, first, after)


async def rule_by_code(ctx: Context, code: str) -> StockRule | None:
    """One rule."""
    ctx.principal.require(Right.RULES_READ)
    return (await ctx.store.stock.rules()).find(code)


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules ask of SKUs and places; empty where no rule asks."""

    book: RuleBook
    categories: Mapping[str, tuple[str, ...]]
    stale_hours: Mapping[str, float]


async def asked_by_rules(
    ctx: Context, variants: Iterable[Variant], *, alone: bool = False
) -> Asked:
    """The rules, the categories of some variants and of their parts, and the age of each feed.
    ``alone`` is as for ``sold``.
    """
    book = await (ctx.loaders.rules_at_once() if alone else ctx.loaders.rules())
    categories = await categories_of(ctx, variants) if book.names_categories else {}
    return Asked(book, categories, await _ages(ctx) if book.asks_for_ages else {})


async def categories_of(ctx: Context, variants: Iterable[Variant]) -> Mapping[str, tuple[str, ...]]:
    """The categories of some variants and of their parts, by SKU; a bundle has none of its own."""
    known = list(variants)
    parts = [part.sku for variant in known for part in variant.components]
    found = [*known, *(await ctx.loaders.variants_by_sku.load_many(parts))]
    stocked = [variant for variant in found if variant is not None and not variant.components]
    handles = [variant.product for variant in stocked]
    products = await ctx.loaders.products_by_handle.load_many(handles)
    return {
        variant.sku: product.categories
        for variant, product in zip(stocked, products, strict=True)
        if product is not None
    }


async def _ages(ctx: Context) -> dict[str, float]:
    now = ctx.now
    return {
        feed.location: (now - feed.observed_at).total_seconds() / _HOUR_SECONDS
        for feed in (await ctx.loaders.feeds()).values()
        if feed.entity == STOCK and feed.observed_at is not None
    }
