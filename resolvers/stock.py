"""Answers about stock: what a channel may promise and why, and people's corrections.

Every answer is read from the store in this request; nothing is kept between requests. What lies
where stands in ``levels``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from resolvers.access import Scope as Right
from resolvers.catalog import checked_skus, sold, variants_by_sku
from resolvers.commands import Decide, checked_note, run
from resolvers.context import Context
from resolvers.domain import availability as rules
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Component, Provenance, Variant
from resolvers.domain.errors import InvalidInput, NotAuthoritative
from resolvers.domain.facts import Correction, correct
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.limits import business_day
from resolvers.domain.locations import (
    Channel,
    GeoPoint,
    Location,
    Method,
    distance_km,
    ready_in_minutes,
)
from resolvers.domain.moving import promise_at
from resolvers.domain.stock import EntryKind, Stream
from resolvers.domain.values import QUANTITY_MAX
from resolvers.ground import easing
from resolvers.levels import HOUSE, Level, level_at, origin_of
from resolvers.paging import checked_first
from resolvers.ruling import asked_by_rules


@dataclass(frozen=True, slots=True)
class Heard:
    """What was last heard of every location, at one moment. Of ``suspects`` that was too long ago,
    or never.
    """

    places: Mapping[str, Location]
    feeds: Mapping[FeedKey, Feed]
    suspects: frozenset[str]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a channel may promise of one variant, and how fresh what it rests on is.

    Its stock last moved at ``moved_at``; ``method`` and ``near`` are as they were asked for.
    """

    variant: Variant
    availability: rules.Availability
    heard: Heard
    moved_at: datetime
    near: GeoPoint | None = None
    method: Method | None = None

    def origin(self, location: str) -> Provenance | None:
        """Who says what lies at a location, and when; None if it is none of those behind it."""
        if location not in self.availability.by_location:
            return None
        place, sku = self.heard.places[location], self.availability.sku
        return origin_of(place, sku, self.heard.feeds, self.moved_at)

    @property
    def suspects(self) -> list[Provenance]:
        """Those of the facts behind it that may be out of date."""
        found = map(self.origin, self.heard.suspects.intersection(self.availability.by_location))
        return [origin for origin in found if origin is not None]


@dataclass(frozen=True, slots=True)
class Pickup:
    """A place where goods can be fetched, and how soon."""

    location: Location
    available: int
    ready_in_minutes: int
    distance_km: float | None


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
    ctx.directory.channel(channel, ("channel",))
    variants = await variants_by_sku(ctx, skus)
    known = [found for found in variants if found is not None]
    promises = iter(await promises_of(ctx, known, channel, method, near))
    return [None if found is None else next(promises) for found in variants]


async def availability_of(
    ctx: Context,
    variant: Variant,
    channel: str,
    method: Method | None = None,
    near: GeoPoint | None = None,
) -> Promise:
    """What a channel may promise of a variant. Many that are asked about at a time are answered
    together, each from what is stored then.

    Raises:
        NotFound: no such channel.
    """

    async def read(variants: list[Variant]) -> list[Promise]:
        return await promises_of(ctx, variants, channel, method, near)

    loader = ctx.loaders.together(("availability", channel, method, near), read)
    return await loader.load(variant)


async def promises_of(
    ctx: Context,
    variants: Sequence[Variant],
    channel: str,
    method: Method | None = None,
    near: GeoPoint | None = None,
) -> list[Promise]:
    """What a channel may promise of some variants, in their order.

    Raises:
        NotFound: no such channel.
    """
    selling = ctx.directory.channel(channel, ("channel",))
    streams = await _streams(ctx, variants)
    heard = await _heard(ctx)
    now = ctx.now
    pool = await _pool(ctx, selling, method, variants)
    serving = rules.eligible(pool.locations, selling, method, now)

    def promised(variant: Variant) -> Promise:
        parts = {sku: rules.availability(streams[sku], pool, serving) for sku in stocked(variant)}
        if variant.components:
            answer = rules.of_bundle(variant.sku, variant.components, parts)
        else:
            answer = parts[variant.sku]
        moved_at = streams[next(iter(parts))].at or now
        return Promise(variant, answer, heard, moved_at, near, method)

    return [promised(variant) for variant in variants]


async def _heard(ctx: Context) -> Heard:
    places, feeds = await ctx.directory.locations(), await ctx.loaders.feeds()
    since = ctx.now - timedelta(seconds=ctx.terms.stale_after_seconds)
    origins = {code: origin_of(place, "", feeds, since) for code, place in places.items()}
    old = (code for code, it in origins.items() if it.system != HOUSE and it.observed_at <= since)
    return Heard(places, feeds, frozenset(old))


async def _pool(
    ctx: Context, channel: Channel, method: Method | None, variants: Sequence[Variant]
) -> rules.Pool:
    """What a channel's promises of some variants are looked for in, now."""
    asked = await asked_by_rules(ctx, variants)
    return rules.Pool(
        channel,
        list((await ctx.directory.locations()).values()),
        ctx.now,
        method,
        rules=asked.book,
        categories=asked.categories,
        stale_hours=asked.stale_hours,
        day=business_day(ctx.now, ctx.terms.time_zone),
        channels=ctx.directory.channels,
    )


def stocked(variant: Variant) -> list[str]:
    """The SKUs that lie on shelves behind a variant: its own, or a bundle's parts."""
    return [part.sku for part in variant.components] or [variant.sku]


async def _streams(ctx: Context, variants: Sequence[Variant]) -> Mapping[str, Stream]:
    skus = list(dict.fromkeys(sku for variant in variants for sku in stocked(variant)))
    found = await ctx.loaders.streams_by_sku.load_many(skus)
    pairs = zip(skus, found, strict=True)
    return {sku: Stream(sku) if stream is None else stream for sku, stream in pairs}


async def pickup_places(ctx: Context, promise: Promise, first: int) -> list[Pickup]:
    """Where a SKU can be fetched, nearest first if it was asked from somewhere, else by code.

    Raises:
        InvalidInput: first is not 1 to 100.
    """
    checked_first(first)
    variant, channel = promise.variant, promise.availability.channel
    places = await ctx.directory.locations()
    pool = await _pool(ctx, ctx.directory.channel(channel), Method.PICKUP, [variant])
    streams = await _streams(ctx, [variant])
    answer = {
        at: min(
            promise_at(streams[part.sku], at, pool) // part.quantity
            for part in variant.components or (Component(variant.sku, 1),)
        )
        for at in places
    }
    found = [
        Pickup(
            places[at],
            units,
            ready_in_minutes(places[at], ctx.now, ctx.terms.preparation_minutes),
            _distance(promise.near, places[at].geo),
        )
        for at, units in answer.items()
        if units
    ]
    found.sort(key=lambda at: (at.distance_km is None, at.distance_km or 0.0, at.location.code))
    return found[:first]


def _distance(one: GeoPoint | None, other: GeoPoint | None) -> float | None:
    return None if one is None or other is None else distance_km(one, other)


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

        ease = await easing(ctx, [asked.sku])

        def decide(books: Books) -> tuple[Change, str]:
            return ease(books, correct(books, correction)), asked.sku

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
