"""Answers about the ledger: what moved a level, and where what is stored is not what moved.

What entries fold to, and what a drift is, stands in ``domain/ledger``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from resolvers.access import Scope as Right
from resolvers.context import Context
from resolvers.domain.ledger import Drift, drifts
from resolvers.domain.stock import StockEntry
from resolvers.paging import Page, checked_first, not_a_cursor, page_of
from resolvers.ports import EntryPlace, StockStore

SKUS_LOOKED_MAX = 200
"""Most SKUs that one page of a reconciliation looks at."""

SKUS_PER_READ = 20
"""SKUs of one read of their accounts, which lie in memory whole, every count and every pin."""

PAGE_SECONDS = 2.0
"""A page reads no further after this: SKUs of a launch may have a hundred thousand entries each,
at some ten microseconds.
"""

_INT_MAX = 2**63 - 1


async def history(
    ctx: Context, sku: str, location: str, first: int, after: str | None
) -> Page[StockEntry]:
    """What moved one SKU at one location since its checkpoint, the newest first.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    checked_first(first)
    ctx.principal.require(Right.HISTORY)
    ctx.principal.require_location(location)
    rows = await ctx.store.stock.history(sku, location, _place(after), first + 1)
    return page_of([(f"{batch}.{at}", entry) for (batch, at), entry in rows], first, after)


async def history_begins(ctx: Context, sku: str) -> datetime | None:
    """When the last entry was written that is folded away; None while all are there."""
    return await ctx.loaders.folded_at_by_sku.load(sku)


async def reconcile(ctx: Context, first: int, after: str | None) -> Page[Drift]:
    """Differences between what is stored and what its entries and pins rebuild to, by SKU.

    A page looks at so many SKUs and no more, and not for long; it may hold fewer entries than asked
    for, and go on.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    checked_first(first)
    ctx.principal.require(Right.HOUSE)
    edges: list[tuple[str, Drift]] = []
    passed, last = _told_before(after)
    if passed is not None:
        assert last is not None
        edges += (await _drifts_of(ctx.store.stock, [last]))[passed:]
    late = ctx.now + timedelta(seconds=PAGE_SECONDS)
    for _ in range(SKUS_LOOKED_MAX // SKUS_PER_READ):
        skus = await ctx.store.stock.skus(last, SKUS_PER_READ)
        if not skus:
            return page_of(edges, first, after)
        edges += await _drifts_of(ctx.store.stock, skus)
        last = skus[-1]
        if len(edges) > first:
            return page_of(edges, first, after)
        if ctx.now > late:
            break
    return Page(tuple(edges), True, after is not None, f".{last}")


async def _drifts_of(stock: StockStore, skus: Sequence[str]) -> list[tuple[str, Drift]]:
    """Drifts of some SKUs, each with how many of its SKU are told with it."""
    accounts = await stock.accounts(skus)
    return [
        (f"{at}.{sku}", drift)
        for sku in sorted(accounts)
        for at, drift in enumerate(drifts(accounts[sku]), start=1)
    ]


def _told_before(after: str | None) -> tuple[int | None, str | None]:
    """Behind a cursor: how many drifts of a SKU were told, None for all, and the SKU."""
    if after is None:
        return None, None
    passed, mark, sku = after.partition(".")
    if not mark or not (passed == "" or _is_number(passed)):
        raise not_a_cursor()
    return (int(passed) if passed else None), sku


def _place(after: str | None) -> EntryPlace | None:
    if after is None:
        return None
    batch, _, at = after.partition(".")
    if not (_is_number(batch) and _is_number(at)):
        raise not_a_cursor()
    return int(batch), int(at)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:20]) <= _INT_MAX
