"""Answers about stock: what a channel may promise and why, and people's corrections.

Every answer is read from the store in this request; nothing is kept between requests. What lies
where stands in ``levels``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.access import Scope as Right
from resolvers.catalog import checked_skus, sold, variants_by_sku
from resolvers.commands import Decide, checked_note, run
from resolvers.context import Context
from resolvers.domain import availability as rules
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Component, Provenance, Variant
from resolvers.domain.errors import InvalidInput, NotAuthoritative
from resolvers.domain.facts import Correction, correct
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
from resolvers.levels import Level, level_at, origin_of
from resolvers.paging import checked_first
from resolvers.ruling import asked_by_rules


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
    pool = await _pool(ctx, selling, method, [found for found in variants if found is not None])
    serving = rules.eligible(pool.locations, selling, method, now)

    def promised(variant: Variant) -> Promise:
        parts = {sku: rules.availability(streams[sku], pool, serving) for sku in stocked(variant)}
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
    return {sku: stream or Stream(sku) for sku, stream in zip(skus, found, strict=True)}


async def pickup_places(ctx: Context, promise: Promise, first: int) -> list[Pickup]:
    """Where a SKU can be fetched, nearest first if it was asked from somewhere, else by code.

    Raises:
        InvalidInput: first is not 1 to 100.
    """
    checked_first(first)
    asked = promise.availability
    [variant] = await variants_by_sku(ctx, [asked.sku])
    if variant is None:
        return []
    places = await ctx.directory.locations()
    pool = await _pool(ctx, ctx.directory.channel(asked.channel), Method.PICKUP, [variant])
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
