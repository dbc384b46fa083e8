"""What was promised beyond what turned out to be there, for people to settle (S4, O6).

Facts are never refused: a till has sold it, a count has found less. Tentative promises have moved
away by then as far as stock stands elsewhere (``domain/backing``); what is left stands here.
"""

from dataclasses import dataclass

from resolvers.access import Scope as Right
from resolvers.context import Context
from resolvers.domain.orders import Order
from resolvers.filters import LevelFilter
from resolvers.levels import LOOK_MAX, LOOKED_MAX, Level, cursor_of, levels_at, place_of
from resolvers.orders import visible
from resolvers.paging import Page, checked_first, page_of
from resolvers.reservations import Held, held_among

TOUCHED_MAX = 100
"""Most reservations that one answer names of a place that owes more than it has."""


@dataclass(frozen=True, slots=True)
class Oversell:
    """A level that owes more than it has: so many units are missing."""

    level: Level

    @property
    def missing(self) -> int:
        """Units that were promised and are not there."""
        return -self.level.position.unpromised


async def browse_oversells(ctx: Context, first: int, after: str | None) -> Page[Oversell]:
    """A page of what is oversold, by SKU and location; shop staff see their own shop's. It may have
    fewer than are asked for though more come.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    checked_first(first)
    ctx.principal.require(Right.SIGNALS)
    asked = LevelFilter(locations=ctx.principal.locations, unpromised_max=-1)
    edges: list[tuple[str, Oversell]] = []
    start = place_of(after)
    for _ in range(0, LOOKED_MAX, LOOK_MAX):
        rows = await ctx.store.stock.levels(asked, start, LOOK_MAX)
        levels = await levels_at(ctx, [(row.sku, row.location) for row in rows])
        edges += [
            (cursor_of((row.sku, row.location)), Oversell(level))
            for row, level in zip(rows, levels, strict=True)
            if level is not None and level.position.unpromised < 0
        ]
        if len(edges) > first or len(rows) < LOOK_MAX:
            return page_of(edges, first, after)
        start = (rows[-1].sku, rows[-1].location)
    assert start is not None, "something was looked at"
    return Page(tuple(edges), has_next=True, has_previous=after is not None, end=cursor_of(start))


async def touched(ctx: Context, oversell: Oversell) -> list[Held]:
    """Reservations that have units there and that the caller may see, the eldest first; the first
    hundred.
    """
    position = oversell.level.position
    pins = await ctx.store.stock.pins(position.sku, position.location, None, TOUCHED_MAX)
    now = ctx.now
    live = dict.fromkeys(pin.reservation for pin in pins if not pin.due(now))
    return await held_among(ctx, list(live))


async def orders_touched(ctx: Context, oversell: Oversell) -> list[Order]:
    """Orders of those reservations that the caller may see."""
    ids = [
        held.reservation.order_id
        for held in await touched(ctx, oversell)
        if held.reservation.order_id is not None
    ]
    found = await ctx.loaders.orders_by_id.load_many(ids)
    shown = [visible(ctx, order) for order in found]
    return [order for order in shown if order is not None]
