"""What lies where: each SKU at each location now, what is kept and promised of it, and watching it.

What a channel may promise of all of it stands in ``stock``; which levels are signals, in
``domain/signals``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from resolvers.catalog import checked_skus, sold
from resolvers.context import Context
from resolvers.domain.availability import kept_at
from resolvers.domain.catalog import Provenance, Variant
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.locations import Location
from resolvers.domain.rules import Asked
from resolvers.domain.signals import SignalKind, conditions, low_units, unpromised_max
from resolvers.domain.stock import Position, as_of
from resolvers.filters import LevelFilter
from resolvers.paging import Page, checked_first, checked_lists, not_a_cursor, page_of, slice_of
from resolvers.ports import ANY
from resolvers.ruling import asked_by_rules, categories_of

HOUSE = "gateway"
"""The system that owns a quantity which no backend is the authority of."""

LOOK_MAX = 500
"""Most positions of one read while levels are looked through for those that are short."""

LOOKED_MAX = 10_000
"""Most positions that are looked through for one page; with fewer found, the next goes on there."""

APART_MAX = 8
"""Most SKUs that are read one by one, each for all who watch it; more are read in one batch."""

_NO_CHANNEL = ""
"""A level is about no channel: rules that name channels do not hold for it."""

Place = tuple[str, str]
"""A SKU and a location."""


@dataclass(frozen=True, slots=True)
class Level:
    """One SKU's position at one location now, and where the number came from.

    ``safety_stock`` units are kept for people in the place, by a rule or by the place's own word;
    from ``low_units`` down it is low. ``seen`` is what a look at the place's system has just found
    to lie there, None if nobody looked: it is shown, and may leave less to promise, never more.
    """

    position: Position
    location: Location
    origin: Provenance
    safety_stock: int
    low_units: int
    at: datetime
    seen: int | None = None

    @property
    def on_hand(self) -> int:
        """What lies there, as far as is known."""
        return self.position.on_hand if self.seen is None else self.seen

    @property
    def available(self) -> int:
        """What can be promised to a channel that is not in the place itself."""
        fewer = max(0, self.position.on_hand - self.on_hand)
        return max(0, self.position.unpromised - fewer - self.safety_stock)

    @property
    def conditions(self) -> tuple[SignalKind, ...]:
        """What holds of it, the gravest first."""
        return conditions(self.position.unpromised, self.available, self.low_units)


@dataclass(frozen=True, slots=True)
class Shortage:
    """Whether levels that are low, and those that are out of stock, are asked for.

    True asks for them (both: for either), False leaves them out, None says nothing.
    """

    low: bool | None = None
    out: bool | None = None

    @property
    def wanted(self) -> list[SignalKind]:
        """What is asked for."""
        asked = ((SignalKind.LOW_STOCK, self.low), (SignalKind.OUT_OF_STOCK, self.out))
        return [kind for kind, said in asked if said]

    def keeps(self, level: Level) -> bool:
        """Says whether a level is one of those that are asked for."""
        out = SignalKind.OUT_OF_STOCK in level.conditions
        low = bool(level.conditions) and not out
        if self.wanted:
            return bool((low and self.low) or (out and self.out))
        return not ((low and self.low is False) or (out and self.out is False))


async def levels_at(ctx: Context, places: Sequence[Place]) -> list[Level | None]:
    """Levels now, in the order asked; None where SKU or location is unknown, or nobody sells it."""
    there = await ctx.directory.locations()
    skus = list(dict.fromkeys(sku for sku, _ in places))
    streams = await ctx.loaders.streams_by_sku.load_many(skus)
    found = await ctx.loaders.variants_by_sku.load_many(skus)
    variants = {variant.sku: variant for variant in found if variant is not None}
    feeds = await ctx.loaders.feeds()
    asked = await asked_by_rules(ctx, variants.values())
    categories = await _categories(ctx, asked.categories, variants)
    now = ctx.now
    known = {
        stream.sku: (as_of(stream, now), stream.at or now)
        for stream in streams
        if stream is not None and stream.sku in variants
    }

    def level(sku: str, code: str) -> Level | None:
        if sku not in known or code not in there:
            return None
        (positions, moved_at), location = known[sku], there[code]
        position = positions.get(code) or Position(sku, code)
        its = categories.get(sku, ())
        looked = Asked(sku, its, _NO_CHANNEL, now, location)
        kept, _ = kept_at(position, location, asked.book, looked, asked.stale_hours.get(code, 0.0))
        low = low_units(ctx.terms.low_stock, sku, its, location)
        return Level(position, location, origin_of(location, sku, feeds, moved_at), kept, low, now)

    return [level(sku, code) for sku, code in places]


async def _categories(
    ctx: Context, known: Mapping[str, tuple[str, ...]], variants: Mapping[str, Variant]
) -> Mapping[str, tuple[str, ...]]:
    """Categories by SKU: those that rules asked for, or of all if a threshold asks."""
    if known or not any(threshold.categories for threshold in ctx.terms.low_stock):
        return known
    return await categories_of(ctx, variants.values())


async def level_at(ctx: Context, sku: str, location: str) -> Level | None:
    """One SKU's level at one location now; None where either is unknown, or nobody sells it."""
    [found] = await levels_at(ctx, [(sku, location)])
    return found


def origin_of(
    location: Location, sku: str, feeds: Mapping[FeedKey, Feed], otherwise: datetime
) -> Provenance:
    """Who says how much of a SKU lies at a location, and when that was last heard."""
    if location.authority is None:
        return Provenance(HOUSE, sku, otherwise)
    feed = feeds.get((location.authority, "stock", location.code))
    heard = feed.observed_at if feed is not None else None
    return Provenance(location.authority, sku, heard or otherwise)


async def browse_levels(
    ctx: Context,
    asked: LevelFilter,
    first: int,
    after: str | None,
    shortage: Shortage | None = None,
) -> Page[Level]:
    """A page of stock levels, by SKU and location. It may have fewer than are asked for though more
    come, when few of many positions are to be shown.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    checked_first(first)
    checked_lists(locationCode=asked.locations, sku=asked.skus)
    short = shortage or Shortage()
    asked = await narrowed(ctx, asked, short.wanted)
    limit = first + 1 if short == Shortage() else LOOK_MAX
    edges: list[tuple[str, Level]] = []
    start = place_of(after)
    for _ in range(0, LOOKED_MAX, limit):
        rows = await ctx.store.stock.levels(asked, start, limit)
        places = [(row.sku, row.location) for row in rows]
        levels = await levels_at(ctx, places)
        # what a backend counts and the catalogue lacks is passed over
        found = zip(places, levels, strict=True)
        edges += [(cursor_of(at), level) for at, level in found if level and short.keeps(level)]
        if len(edges) > first or len(rows) < limit:
            return page_of(edges, first, after)
        start = places[-1]
    assert start is not None, "something was looked at"
    return Page(tuple(edges), has_next=True, has_previous=after is not None, end=cursor_of(start))


async def narrowed(ctx: Context, asked: LevelFilter, kinds: Sequence[SignalKind]) -> LevelFilter:
    """The filter by which a store leaves out what cannot be low or out of stock, as far as it can
    tell; what it finds is looked at again.
    """
    if not kinds:
        return asked
    rules = await asked_by_rules(ctx, ())
    thresholds = ctx.terms.low_stock if SignalKind.LOW_STOCK in kinds else ()
    low = max((threshold.units for threshold in thresholds), default=0)
    places = (await ctx.directory.locations()).values()
    most = unpromised_max(low, rules.book, places, rules.stale_hours.values())
    return replace(asked, unpromised_max=most)


def cursor_of(place: Place) -> str:
    """Where a level stands in a list of levels."""
    return "\x1f".join(place)


def place_of(after: str | None) -> Place | None:
    """The level behind a cursor; None at the beginning.

    Raises:
        InvalidInput: it is no cursor of such a list.
    """
    if after is None:
        return None
    sku, mark, location = after.partition("\x1f")
    if not mark:
        raise not_a_cursor()
    return sku, location


async def levels_of(
    ctx: Context, sku: str, locations: Sequence[str], first: int, after: str | None
) -> Page[Level]:
    """A page of one SKU's levels (at some locations), by location. Many at once are read together.

    Raises:
        InvalidInput: first is not 1 to 100.
    """
    checked_first(first)
    stream = await ctx.loaders.streams_by_sku.load(sku)
    found = [] if stream is None else sorted(stream.positions)
    levels = await levels_at(ctx, [(sku, at) for at in found if not locations or at in locations])
    known = [level for level in levels if level is not None]
    return slice_of(known, lambda level: level.location.code, first, after)


async def watch_levels(
    ctx: Context, skus: Sequence[str], locations: Sequence[str]
) -> AsyncIterator[Level]:
    """Every level of some SKUs (at some locations) as it is, then each again when it changes.

    Raises:
        InvalidInput, NotFound: as for a query.
    """
    checked_skus(skus)
    await sold(ctx, skus, [("skus", at) for at in range(len(skus))])
    for at, code in enumerate(locations):
        await ctx.directory.location(code, ("locationCodes", str(at)))
    asked = list(dict.fromkeys(skus))
    shown: dict[Place, tuple[Position, int]] = {}
    async for changed in ctx.watch.changes([*(("stock", sku) for sku in asked), ("rule", ANY)]):
        moved = asked if ("rule", ANY) in changed else [s for s in asked if ("stock", s) in changed]
        together = not shown or len(moved) > APART_MAX
        read = stocked_levels(ctx.renewed(), moved, locations) if together else _shared(ctx, moved)
        for level in await read:
            if locations and level.location.code not in locations:
                continue
            place = (level.position.sku, level.location.code)
            state = (level.position, level.safety_stock)
            if shown.get(place) != state:
                shown[place] = state
                yield level


async def _shared(ctx: Context, skus: Sequence[str]) -> list[Level]:
    """The levels of SKUs that have just changed, read once for all who watch them."""

    def read(sku: str) -> Callable[[], Awaitable[list[Level]]]:
        return lambda: stocked_levels(ctx.renewed(), [sku], ())

    found = [await ctx.watch.shared(("levels", sku), read(sku)) for sku in skus]
    return [level for of_sku in found for level in of_sku]


async def stocked_levels(
    ctx: Context, skus: Sequence[str], locations: Sequence[str]
) -> list[Level]:
    """Every level of some SKUs (at some locations) that has a history, SKU by SKU as asked."""
    streams = await ctx.loaders.streams_by_sku.load_many(list(skus))
    places = [
        (stream.sku, code)
        for stream in streams
        if stream is not None
        for code in stream.positions
        if not locations or code in locations
    ]
    return [level for level in await levels_at(ctx, places) if level is not None]
