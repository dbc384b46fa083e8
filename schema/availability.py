"""What a channel may promise, with every term that led to it. What lies where is in ``stock``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import freshness, stock
from resolvers.domain.availability import Term
from resolvers.domain.catalog import Provenance
from resolvers.domain.locations import GeoPoint
from resolvers.stock import Pickup, Promise
from schema.enums import Method
from schema.fields import IS_PURE, plain
from schema.ids import seal
from schema.info import Info
from schema.locations import LocationType
from schema.values import GeoPointInput, ProvenanceType

PICKUPS = 20
"""How many pick-up locations an answer has that does not say."""

ChannelCode = Annotated[
    str, strawberry.argument(description="Code of the channel that would sell.")
]
ServedBy = Annotated[
    Method | None,
    strawberry.argument(
        description="Counts only locations able to serve this way; absent: all of the channel's."
    ),
]
Near = Annotated[
    GeoPointInput | None,
    strawberry.argument(description="Where the buyer is: `pickup` then begins nearby."),
]
Skus = Annotated[list[str], strawberry.argument(description="1 to 100 SKUs, compared exactly.")]


@dataclass(frozen=True, slots=True)
class Explained:
    """One term with the word that it rests on, if it rests on a system's."""

    term: Term
    provenance: Provenance | None


def explained(promise: Promise) -> list[Explained]:
    """The terms of a promise, each with where its number came from."""
    return [
        Explained(term, promise.origin(term.location or "")) for term in promise.availability.terms
    ]


def id_of(promise: Promise) -> str:
    """The id of a promise: the same for all that was asked in the same way."""
    asked = promise.availability
    near = promise.near and f"{promise.near.latitude},{promise.near.longitude}"
    return seal("Availability", asked.sku, asked.channel, promise.method or "", near or "")


def point_of(near: GeoPointInput | None) -> GeoPoint | None:
    """Where the buyer is, if that was said.

    Raises:
        InvalidInput: there is no such place.
    """
    return near.point(("near",)) if near else None


def noted(info: Info, promise: Promise) -> Promise:
    """A promise, with a warning if it rests on old facts."""
    eldest = freshness.eldest_stale(info.context.ctx, promise.suspects)
    if eldest is not None:
        warn_of(info, promise.availability.sku, eldest)
    return promise


def warn_of(info: Info, sku: str, fact: Provenance) -> None:
    """Warns that the numbers of a SKU rest on a fact that is out of date."""
    age = freshness.age_seconds(info.context.ctx, fact)
    info.context.warn_stale(
        f"{fact.system} was last heard {age:.0f} s ago; its numbers may have changed", sku=sku
    )


@strawberry.type(name="AvailabilityTerm", description="One signed part of what may be promised.")
class AvailabilityTermType:
    """Read from a domain term and its provenance."""

    kind: str = plain(
        "term.kind",
        "`ON_HAND`, `SOFT_RESERVED` (held), `HARD_RESERVED` (ordered), `SOLD_ELSEWHERE` (sold by "
        "the location's own system and not booked out there), `SAFETY_STOCK`, `COMPONENT` (a "
        "bundle's scarcest part), and `CLAMP`: what a location that owes more than it has takes "
        "from no other. More kinds may come.",
    )
    quantity: int = plain("term.quantity", "Units, signed: what it adds, or takes away.")
    location_code: str | None = plain(
        "term.location", "Where; null for a term that is about no single location."
    )
    rule: str | None = plain("term.rule", "The rule behind it; null where it is a plain quantity.")
    provenance: ProvenanceType | None = strawberry.field(
        description="Which system's word it rests on; null for a term that rests on none."
    )


@strawberry.type(
    name="PickupPromise", description="A location where units can be fetched, and how soon."
)
class PickupPromiseType:
    """Read from the flow's pickup."""

    location: LocationType = strawberry.field(description="Where.")
    available_to_promise: int = plain("available", "Units that can be fetched there, at least 1.")
    ready_in_minutes: int = strawberry.field(
        description="Minutes until they lie ready if ordered now: the shop prepares them while it "
        "is open."
    )
    distance_km: float | None = strawberry.field(
        description="Kilometres from `near`, as the crow flies; null where either point is unknown."
    )


@strawberry.type(
    name="Availability",
    description="What a channel may promise of a SKU now, with every term that led to it.",
)
class AvailabilityType:
    """Read from the flow's promise."""

    id: strawberry.ID = plain(
        id_of, "Opaque id for client caches: the same whenever the same is asked."
    )
    sku: str = plain("availability.sku", "The SKU; of a bundle, the bundle's own.")
    channel: str = plain("availability.channel", "Code of the channel.")
    available_to_promise: int = plain(
        "availability.available", "Units that the channel may promise now, 0 or more."
    )
    as_of: datetime = plain("availability.as_of", "The instant that the answer is about.")

    @strawberry.field(
        description="Whether some of it rests on a system that was not heard for longer than the "
        "configuration allows. The answer's `extensions.warnings` say the same.",
        metadata=IS_PURE,
    )
    @staticmethod
    def stale(promise: strawberry.Parent[Promise], info: Info) -> bool:
        """Whether any fact behind it is out of date."""
        return freshness.eldest_stale(info.context.ctx, promise.suspects) is not None

    @strawberry.field(
        graphql_type=list[PickupPromiseType],
        description="Where it can be fetched: nearest first when `near` was given, else by code.",
    )
    @staticmethod
    async def pickup(
        promise: strawberry.Parent[Promise],
        info: Info,
        first: Annotated[
            int | None, strawberry.argument(description="How many locations at most, 1 to 100.")
        ] = PICKUPS,
    ) -> list[Pickup]:
        """The locations that have some."""
        many = PICKUPS if first is None else first
        return await stock.pickup_places(info.context.ctx, promise, many)

    explain: list[AvailabilityTermType] = plain(
        explained,
        "The terms behind `availableToPromise`; their quantities sum to it. Terms of 0 are left "
        "out.",
    )


@strawberry.type
class AvailabilityQuery:
    """The root field about promises."""

    @strawberry.field(
        graphql_type=list[AvailabilityType | None],
        description="What a channel may promise of some SKUs now, in the order asked, null where a "
        "SKU is unknown.",
    )
    @staticmethod
    async def availability(
        info: Info,
        skus: Skus,
        channel: ChannelCode,
        method: ServedBy = UNSET,
        near: Near = UNSET,
    ) -> list[Promise | None]:
        """One promise for each SKU."""
        ctx, point = info.context.ctx, point_of(near)
        found = await stock.availability(ctx, skus, channel, method or None, point)
        return [None if promise is None else noted(info, promise) for promise in found]
