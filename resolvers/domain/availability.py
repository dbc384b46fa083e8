"""Available to promise: one function, and the terms that led to it.

``promise`` is what one location may promise a channel; a channel's answer is the sum over its pool.
``explain`` lists signed terms that sum to the answer. Pure; quantities are whole units.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.domain.catalog import Component
from resolvers.domain.locations import (
    Channel,
    ChannelKind,
    Location,
    Method,
    able,
    in_pool,
)
from resolvers.domain.stock import Position, Stream, as_of


@dataclass(frozen=True, slots=True)
class Term:
    """One signed part of an answer: its kind, where, and by which rule."""

    kind: str
    quantity: int
    location: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """What a channel may promise of one SKU at ``as_of``, by location, with every term."""

    sku: str
    channel: str
    available: int
    as_of: datetime
    by_location: Mapping[str, int]
    terms: tuple[Term, ...]


def safety_of(location: Location, channel: Channel, *, here: bool) -> int:
    """Units kept for people in the shop; a channel in the shop itself may sell them."""
    if here and channel.kind is ChannelKind.IN_STORE:
        return 0
    return location.safety_stock


def promise(position: Position, location: Location, channel: Channel, *, here: bool = False) -> int:
    """Units that a channel may promise from one location; ``here``: to somebody in the place."""
    return max(0, position.unpromised - safety_of(location, channel, here=here))


def eligible(
    locations: Iterable[Location], channel: Channel, method: Method | None, now: datetime
) -> list[Location]:
    """Locations that a channel may sell from at ``now`` and that can serve the method."""
    return [at for at in locations if in_pool(at, channel, now) and able(at, method)]


def availability(
    stream: Stream,
    locations: Sequence[Location],
    channel: Channel,
    now: datetime,
    method: Method | None = None,
) -> Availability:
    """What a channel may promise of one SKU now, with the terms that sum to it."""
    positions = as_of(stream, now)
    terms: list[Term] = []
    by_location: dict[str, int] = {}
    for location in eligible(locations, channel, method, now):
        position = positions.get(location.code)
        if position is None:
            continue
        at = location.code
        by_location[at] = promise(position, location, channel)
        own = [
            Term("ON_HAND", position.on_hand, at),
            Term("SOFT_RESERVED", -position.soft, at),
            Term("HARD_RESERVED", -position.hard, at),
            Term("SOLD_ELSEWHERE", -position.elsewhere, at),
            Term("SAFETY_STOCK", -safety_of(location, channel, here=False), at, "location"),
        ]
        clamp = by_location[at] - sum(term.quantity for term in own)
        terms += [term for term in (*own, Term("CLAMP", clamp, at)) if term.quantity]
    total = sum(by_location.values())
    assert total == sum(term.quantity for term in terms), "terms sum to the answer"
    return Availability(stream.sku, channel.code, total, now, by_location, tuple(terms))


def of_bundle(
    sku: str, components: Sequence[Component], parts: Mapping[str, Availability]
) -> Availability:
    """What a channel may promise of a bundle: as many as its scarcest component allows.

    By location a bundle is whole: all of its components must be there for a pick-up.
    """
    assert components, "a bundle has components"
    scarcest = min(components, key=lambda part: parts[part.sku].available // part.quantity)
    first = parts[scarcest.sku]
    total = first.available // scarcest.quantity
    places = set.intersection(*(set(parts[part.sku].by_location) for part in components))
    by_location = {
        at: min(parts[part.sku].by_location[at] // part.quantity for part in components)
        for at in sorted(places)
    }
    term = Term("COMPONENT", total, None, f"{scarcest.quantity} x {scarcest.sku}")
    return Availability(
        sku, first.channel, total, first.as_of, by_location, (term,) if total else ()
    )
