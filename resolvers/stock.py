"""Answers about stock: what a channel may promise and why, what lies where, people's corrections.

Every answer is read from the store in this request; nothing is kept between requests.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.access import Scope as Right
from resolvers.catalog import checked_skus, sold, variant_by_sku, variants_by_sku
from resolvers.commands import Decide, checked_note, run
from resolvers.context import Context
from resolvers.domain import availability as rules
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Provenance, Variant
from resolvers.domain.errors import InvalidInput, NotAuthoritative
from resolvers.domain.facts import Correction, correct
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.limits import business_day
from resolvers.domain.locations import (
    GeoPoint,
    Location,
    Method,
    distance_km,
    ready_in_minutes,
)
from resolvers.domain.stock import EntryKind, Position, Stream, as_of
from resolvers.domain.values import QUANTITY_MAX
from resolvers.paging import Page, checked_first, checked_lists, page_of, slice_of
from resolvers.ports import LevelFilter
from resolvers.ruling import asked_by_rules

HOUSE = "gateway"
"""The system that owns a quantity which no backend is the authority of."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a channel may promise of one SKU, and how fresh what it rests on is.

    ``method`` and ``near`` are as they were asked for.
    """

    availability: rules.Availability
    origins: Mapping[str, Provenance]
    near: GeoPoint | None = None
    method: Method | None = None

    def oldest(self) -> datetime | None:
        """When the eldest of the facts behind it was observed."""
        return min((origin.observed_at for origin in self.origins.values()), default=None)


@dataclass(frozen=True, slots=True)
class Pickup:
    """A place where goods can be fetched, and how soon."""

    location: Location
    available: int
    ready_in_minutes: int
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class Level:
    """One SKU's position at one location now, and where the number came from."""

    position: Position
    location: Location
    origin: Provenance

    @property
    def available(self) -> int:
        """What can be promised to a channel that is not in the place itself."""
        return max(0, self.position.unpromised - self.location.safety_stock)


async def availability(
    ctx: Context,
    skus: Sequence[str],
    channel: str,
    method: Method | None = None,
    near: GeoPoint | None = None,
) -> list[Promise | None]:
    """What a channel may promise of some SKUs, in the order asked, None where unknown.

    Raises:
        InvalidInput: more than 100 SKUs.
        NotFound: no such channel.
    """
    checked_skus(skus)
    selling = ctx.directory.channel(channel, ("channel",))
    variants = await variants_by_sku(ctx, skus)
    places = await ctx.directory.locations()
    feeds = await ctx.loaders.feeds()
    streams = await _streams(ctx, [found for found in variants if found is not None])
    now = ctx.now
    asked = await asked_by_rules(ctx, [found for found in variants if found is not None])
    pool = rules.Pool(
        selling,
        list(places.values()),
        now,
        method,
        rules=asked.book,
        categories=asked.categories,
        stale_hours=asked.stale_hours,
        day=business_day(now, ctx.terms.time_zone),
    )

    def promised(variant: Variant) -> Promise:
        parts = {sku: rules.availability(streams[sku], pool) for sku in stocked(variant)}
        if variant.components:
            answer = rules.of_bundle(variant.sku, variant.components, parts)
        else:
            answer = parts[variant.sku]
        origins = {
            at: origin_of(places[at], variant.sku, feeds, streams[next(iter(parts))].at or now)
            for at in answer.by_location
        }
        return Promise(answer, origins, near, method)

    return [None if found is None else promised(found) for found in variants]


def stocked(variant: Variant) -> list[str]:
    """The SKUs that lie on shelves behind a variant: its own, or a bundle's parts."""
    return [part.sku for part in variant.components] or [variant.sku]


async def _streams(ctx: Context, variants: Sequence[Variant]) -> Mapping[str, Stream]:
    skus = list(dict.fromkeys(sku for variant in variants for sku in stocked(variant)))
    found = await ctx.loaders.streams_by_sku.load_many(skus)
    return {sku: stream or Stream(sku) for sku, stream in zip(skus, found, strict=True)}


async def pickup_places(ctx: Context, promise: Promise, first: int) -> list[Pickup]:
    """Where a SKU can be fetched, nearest first if it was asked from somewhere, else by code.

    Raises:
        InvalidInput: first is not 1 to 100.
    """
    checked_first(first)
    asked = promise.availability
    [answer] = await availability(ctx, [asked.sku], asked.channel, Method.PICKUP)
    if answer is None:
        return []
    places = await ctx.directory.locations()
    found = [
        Pickup(
            places[at],
            units,
            ready_in_minutes(places[at], ctx.now, ctx.terms.preparation_minutes),
            _distance(promise.near, places[at].geo),
        )
        for at, units in answer.availability.by_location.items()
        if units
    ]
    found.sort(key=lambda at: (at.distance_km is None, at.distance_km or 0.0, at.location.code))
    return found[:first]


def _distance(one: GeoPoint | None, other: GeoPoint | None) -> float | None:
    return None if one is None or other is None else distance_km(one, other)


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
    ctx: Context, asked: LevelFilter, first: int, after: str | None
) -> Page[Level]:
    """A page of stock levels, by SKU and location.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    checked_first(first)
    checked_lists(locationCode=asked.locations, sku=asked.skus)
    edges: list[tuple[str, Level]] = []
    start = _level_cursor(after)
    for _ in range(_READS_MAX):  # what a backend counts and the catalogue lacks is passed over
        rows = await ctx.store.stock.levels(asked, start, first + 1)
        skus = list(dict.fromkeys(row.sku for row in rows))
        await ctx.loaders.variants_by_sku.load_many(skus)
        await ctx.loaders.streams_by_sku.load_many(skus)
        for row in rows:
            level = await level_at(ctx, row.sku, row.location)
            if level is not None:
                edges.append((f"{row.sku}\x1f{row.location}", level))
        if len(edges) > first or len(rows) < first + 1:
            break
        start = (rows[-1].sku, rows[-1].location)
    return page_of(edges, first, after)


_READS_MAX = 1000


def _level_cursor(after: str | None) -> tuple[str, str] | None:
    if after is None:
        return None
    sku, mark, location = after.partition("\x1f")
    if not mark:
        raise InvalidInput("this is not a cursor of this list", field=("after",))
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
    levels = [await level_at(ctx, sku, at) for at in found if not locations or at in locations]
    known = [level for level in levels if level is not None]
    return slice_of(known, lambda level: level.location.code, first, after)


async def level_at(ctx: Context, sku: str, location: str) -> Level | None:
    """One SKU's level at one location now; None where either is unknown, or nobody sells it."""
    place = (await ctx.directory.locations()).get(location)
    stream = await ctx.loaders.streams_by_sku.load(sku)
    if place is None or stream is None or await variant_by_sku(ctx, sku) is None:
        return None
    position = as_of(stream, ctx.now).get(location) or Position(sku, location)
    feeds = await ctx.loaders.feeds()
    return Level(position, place, origin_of(place, sku, feeds, stream.at or ctx.now))


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """A correction as a person sends it: exactly one of a difference and a recount."""

    key: str
    sku: str
    location: str
    reason: str
    delta: int | None = None
    on_hand: int | None = None
    expected: int | None = None
    note: str | None = None


_KINDS = {"RECEIPT": EntryKind.RECEIPT, "COUNT": EntryKind.COUNT}


async def adjust_stock(ctx: Context, asked: AdjustStock) -> tuple[Level | None, bool]:
    """Corrects what lies at a location: the level afterwards, and whether it was so already.

    Raises:
        InvalidInput, NotFound, NotAuthoritative, StockMoved: nothing changed.
    """
    ctx.principal.require(Right.ADJUST)
    ctx.principal.require_location(asked.location)

    async def prepare() -> tuple[Scope, Decide]:
        _check_adjustment(asked)
        variants = await sold(ctx, [asked.sku], [("input", "sku")])
        if variants[asked.sku].components:
            raise InvalidInput(
                "a bundle lies on no shelf; adjust its parts", field=("input", "sku")
            )
        place = await ctx.directory.location(asked.location, ("input", "locationCode"))
        correction = Correction(
            ctx.new_id(),
            asked.sku,
            asked.location,
            _KINDS.get(asked.reason, EntryKind.ADJUSTMENT),
            asked.reason,
            asked.delta,
            asked.on_hand,
            asked.expected,
            _taker(ctx, place),
            ctx.principal.subject,
            checked_note(asked.note, "note"),
        )

        def decide(books: Books) -> tuple[Change, str]:
            return correct(books, correction), asked.sku

        return Scope(skus=frozenset([asked.sku])), decide

    outcome = await run(ctx, "adjustStock", asked.key, asked, prepare)
    ctx.loaders.streams_by_sku.clear(asked.sku)
    return await level_at(ctx, asked.sku, asked.location), outcome.replayed


def _check_adjustment(asked: AdjustStock) -> None:
    recount = asked.on_hand is not None
    if recount == (asked.delta is not None):
        raise InvalidInput("give exactly one of delta and recount", field=("input",))
    if asked.delta is not None and not 0 < abs(asked.delta) <= QUANTITY_MAX:
        raise InvalidInput(
            f"a delta is not 0, and at most {QUANTITY_MAX} either way", field=("input", "delta")
        )
    if asked.on_hand is not None and not 0 <= asked.on_hand <= QUANTITY_MAX:
        raise InvalidInput(
            f"a recount is 0 to {QUANTITY_MAX}", field=("input", "recount", "onHand")
        )


def _taker(ctx: Context, place: Location) -> str | None:
    """The backend that a correction is written to, if one is the authority of the place.

    Raises:
        NotAuthoritative: it is, and takes no corrections.
    """
    if place.authority is None:
        return None
    backend = ctx.backends.get(place.authority)
    if backend is None or backend.stock_sink is None:
        raise NotAuthoritative(
            f"{place.authority} is the authority of {place.code} and takes no corrections from "
            "here; count there",
            field=("input", "locationCode"),
        )
    return backend.code


async def watch_levels(
    ctx: Context, skus: Sequence[str], locations: Sequence[str]
) -> AsyncIterator[Level]:
    """Every level of some SKUs (at some locations) as it is, then each again when it changes.

    Raises:
        InvalidInput, NotFound: as for a query.
    """
    checked_skus(skus)
    await sold(ctx, skus, [("skus", at) for at in range(len(skus))])
    places = await ctx.directory.locations()
    for at, code in enumerate(locations):
        await ctx.directory.location(code, ("locationCodes", str(at)))
    shown: dict[tuple[str, str], Position] = {}
    asked = dict.fromkeys(locations or places)
    async for changed in ctx.watch.changes([("stock", sku) for sku in dict.fromkeys(skus)]):
        feeds = {feed.key: feed for feed in await ctx.store.house.feeds()}
        now = ctx.now
        streams = await ctx.store.stock.streams([sku for _, sku in sorted(changed)], now)
        for sku, stream in streams.items():
            for code, position in as_of(stream, now).items():
                if code in asked and code in places and shown.get((sku, code)) != position:
                    shown[sku, code] = position
                    origin = origin_of(places[code], sku, feeds, stream.at or now)
                    yield Level(position, places[code], origin)
