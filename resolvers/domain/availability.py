"""Available to promise: one function, and the terms that led to it.

``offer`` says what every location, and all together, may promise a channel of one SKU: on hand less
what is promised, less safety stock, less what is protected for other channels, and no more than the
limits leave. Its terms are signed and sum to the answer. Pure; quantities are whole units.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil, floor

from resolvers.domain.catalog import Component
from resolvers.domain.limits import LIVE, Bound, bounds, taken_at
from resolvers.domain.locations import (
    Channel,
    ChannelKind,
    Location,
    Method,
    able,
    in_pool,
)
from resolvers.domain.records import quick
from resolvers.domain.rules import Asked, RuleBook, RuleKind, StockRule, choose, matches
from resolvers.domain.stock import Position, Stream, TakenKey, as_of


@dataclass(frozen=True, slots=True)
class Term:
    """One signed part of an answer: its kind, where, and by which rule."""

    kind: str
    quantity: int
    location: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """What a channel may promise of one SKU at ``as_of``, by location, and why."""

    sku: str
    channel: str
    available: int
    as_of: datetime
    by_location: Mapping[str, int]
    why: Callable[[], tuple[Term, ...]] = field(repr=False, compare=False)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms that sum to the answer, made when somebody asks: many never do."""
        return self.why()


@quick
@dataclass(frozen=True, slots=True)
class Pool:
    """What a promise is asked for: by which channel, from where, how, when, and under which rules.

    ``exactly`` is the one location that was asked for, ``in_shop`` by its own people.
    ``categories`` are each SKU's, ``stale_hours`` the age of each location's feed; what is absent
    has none. ``day`` is the business day. ``channels`` are all that there are, for promises that
    move to make room.
    """

    channel: Channel
    locations: Sequence[Location]
    now: datetime
    method: Method | None = None
    exactly: str | None = None
    rules: RuleBook = field(default_factory=RuleBook)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stale_hours: Mapping[str, float] = field(default_factory=dict)
    day: str = ""
    member: str | None = None
    in_shop: bool = False
    channels: Mapping[str, Channel] = field(default_factory=dict)

    def asked(self, sku: str, location: Location | None = None) -> Asked:
        """What a rule is looked up for."""
        return Asked(sku, self.categories.get(sku, ()), self.channel.code, self.now, location)


@dataclass(frozen=True, slots=True)
class Fence:
    """A part of what some locations have together: kept for others by a rule, and left."""

    rule: str
    locations: frozenset[str]
    kept: int
    left: int


@quick
@dataclass(frozen=True, slots=True)
class Offer:
    """What may be promised of one SKU: in all, by location, and under which fences and limits.

    ``in_stock`` is what lies there for the channel before limits, at ``places``, of which
    ``positions`` and ``pool`` say why.
    """

    total: int
    in_stock: int
    by_location: Mapping[str, int]
    places: Sequence[Location]
    positions: Mapping[str, Position]
    pool: Pool
    fences: tuple[Fence, ...]
    limits: tuple[Bound, ...]

    def terms(self) -> tuple[Term, ...]:
        """Why: signed terms that sum to the total. A decision is faster without making them."""
        terms = [
            term for at in self.places for term in _terms_of(self.positions[at.code], at, self.pool)
        ]
        terms += [Term("PROTECTION", -fence.kept, None, fence.rule) for fence in self.fences]
        terms.append(Term("CLAMP", self.in_stock - sum(term.quantity for term in terms)))
        total = self.in_stock
        for bound in self.limits:
            left = max(0, min(total, bound.left))
            terms.append(Term(bound.rule.kind, left - total, None, bound.rule.code))
            total = left
        shown = tuple(term for term in terms if term.quantity)
        assert self.total == sum(term.quantity for term in shown), "terms sum to the answer"
        return shown

    def tightest(self) -> Bound | None:
        """The limit that leaves least, if it leaves less than there is."""
        bound = min(self.limits, key=lambda bound: bound.left, default=None)
        return bound if bound is not None and bound.left < self.in_stock else None


def eligible(
    locations: Iterable[Location], channel: Channel, method: Method | None, now: datetime
) -> list[Location]:
    """Locations that a channel may sell from at ``now`` and that can serve the method."""
    found = in_pool(locations, channel, now)
    return found if method is None else [at for at in found if able(at, method)]


def open_to(pool: Pool, sku: str, places: Sequence[Location] | None = None) -> Sequence[Location]:
    """Locations that a SKU may be promised from, exclusions heeded; ``places`` are the eligible
    ones, if they are known.
    """
    found = places
    if found is None:
        found = eligible(pool.locations, pool.channel, pool.method, pool.now)
    for kind in _EXCLUDING if pool.method is Method.PICKUP else _EXCLUDING[:1]:
        excluding = pool.rules.by_kind[kind]
        if excluding:
            found = [at for at in found if choose(excluding, pool.asked(sku, at)) is None]
    return found


_EXCLUDING = (RuleKind.POOL_EXCLUDE, RuleKind.PICKUP_EXCLUDE)


def safety_of(position: Position, location: Location, pool: Pool) -> tuple[int, str]:
    """Units kept for people in the shop, and by which rule; a channel in the shop may sell them."""
    here = pool.in_shop and pool.exactly == location.code
    if here and pool.channel.kind is ChannelKind.IN_STORE:
        return 0, ""
    if not pool.rules.by_kind[RuleKind.SAFETY_STOCK]:
        return location.safety_stock, "location"
    age = pool.stale_hours.get(location.code, 0.0)
    return kept_at(position, location, pool.rules, pool.asked(position.sku, location), age)


def kept_at(
    position: Position, location: Location, book: RuleBook, asked: Asked, stale_hours: float
) -> tuple[int, str]:
    """Units kept at a location for people in the shop, and by which rule.

    A rule's units are its quantity, or its percentage of what is on hand, rounded up; to which come
    ``per_stale_hour`` units for each hour of the feed's age, rounded down.
    """
    rule = choose(book.by_kind[RuleKind.SAFETY_STOCK], asked)
    if rule is None:
        return location.safety_stock, "location"
    units = _amount(rule, position.on_hand)
    return units + floor((rule.per_stale_hour or 0.0) * stale_hours), rule.code


def _amount(rule: StockRule, on_hand: int) -> int:
    if rule.percent is not None:
        return ceil(max(0, on_hand) * rule.percent / 100)
    return rule.quantity or 0


def offer(
    sku: str,
    positions: Mapping[str, Position],
    taken: Mapping[TakenKey, int],
    pool: Pool,
    places: Sequence[Location] | None = None,
) -> Offer:
    """What may be promised of one SKU, from positions and counts that hold nothing due; ``places``
    are the eligible locations, if they are known.
    """
    found = [at for at in open_to(pool, sku, places) if at.code in positions]
    own = {at.code: units_at(positions[at.code], at, pool) for at in found}
    fences = _fences(sku, positions, taken, pool, own)
    limits = _limits(sku, taken, pool)
    if not fences and not limits:
        units = sum(own.values())
        return Offer(units, units, own, found, positions, pool, (), ())
    in_stock = max(0, sum(own.values()) - sum(fence.kept for fence in fences))
    total = max(0, min([in_stock, *(bound.left for bound in limits)]))
    by_location = {
        at: min([units, total, *(fence.left for fence in fences if at in fence.locations)])
        for at, units in own.items()
    }
    return Offer(total, in_stock, by_location, found, positions, pool, fences, limits)


def _limits(sku: str, taken: Mapping[TakenKey, int], pool: Pool) -> tuple[Bound, ...]:
    if not pool.rules.limited:
        return ()
    found = bounds(taken, pool.rules, pool.asked(sku), pool.day, pool.member)
    return tuple(sorted(found, key=lambda bound: bound.rule.code))


def units_at(position: Position, location: Location, pool: Pool) -> int:
    """What one location may promise by itself: what nobody was promised, less safety stock."""
    return max(0, position.unpromised - safety_of(position, location, pool)[0])


def _terms_of(position: Position, location: Location, pool: Pool) -> list[Term]:
    """What one location may promise, and why."""
    at, (safety, rule) = location.code, safety_of(position, location, pool)
    parts = [
        Term("ON_HAND", position.on_hand, at),
        Term("SOFT_RESERVED", -position.soft, at),
        Term("HARD_RESERVED", -position.hard, at),
        Term("SOLD_ELSEWHERE", -position.elsewhere, at),
        Term("SAFETY_STOCK", -safety, at, rule),
    ]
    units = units_at(position, location, pool)
    return [*parts, Term("CLAMP", units - sum(part.quantity for part in parts), at)]


def _fences(
    sku: str,
    positions: Mapping[str, Position],
    taken: Mapping[TakenKey, int],
    pool: Pool,
    own: Mapping[str, int],
) -> tuple[Fence, ...]:
    """What protections for other channels leave.

    A protection keeps its units less what its channels have live, wherever they lie in its places.
    """
    if not pool.rules.by_kind[RuleKind.PROTECTION]:
        return ()
    places = {at.code: at for at in pool.locations}
    fences: list[Fence] = []
    for rule in protections(sku, pool):
        inside = frozenset(at for at in own if covers(rule, places[at]))
        on_hand = sum(
            position.on_hand for at, position in positions.items() if covers(rule, places.get(at))
        )
        used = sum(taken.get((LIVE, channel), 0) for channel in rule.channels)
        kept = max(0, _amount(rule, on_hand) - used)
        there = sum(own[at] for at in inside)
        kept = min(kept, there)
        if kept:
            fences.append(Fence(rule.code, inside, kept, there - kept))
    return tuple(fences)


def protections(sku: str, pool: Pool) -> list[StockRule]:
    """Protections of this SKU for channels other than the pool's: of those for the same channels
    the one that goes before the others.
    """
    groups: dict[tuple[str, ...], list[StockRule]] = {}
    for rule in pool.rules.by_kind[RuleKind.PROTECTION]:
        lent = rule.lend_back_from is not None and rule.lend_back_from <= pool.now
        if not lent and pool.channel.code not in rule.channels:
            groups.setdefault(tuple(sorted(rule.channels)), []).append(rule)
    chosen: list[StockRule] = []
    for channels, rules in sorted(groups.items()):
        asked = Asked(sku, pool.categories.get(sku, ()), channels[0], pool.now)
        anywhere = [rule for rule in rules if not rule.locations and not rule.regions]
        best = choose(anywhere, asked)
        chosen += [best] if best is not None else []
        chosen += [
            rule
            for rule in rules
            if (rule.locations or rule.regions)
            and any(matches(rule, replace(asked, location=at)) for at in pool.locations)
        ]
    return chosen


def covers(rule: StockRule, location: Location | None) -> bool:
    """Says whether a protection is about a place; one that names none is about all."""
    return location is not None and (
        (not rule.locations or location.code in rule.locations)
        and (not rule.regions or location.region in rule.regions)
    )


def availability(
    stream: Stream, pool: Pool, places: Sequence[Location] | None = None
) -> Availability:
    """What a channel may promise of one SKU now, with the terms that sum to it; ``places`` are the
    eligible ones, if they are known.
    """
    found = offer(stream.sku, as_of(stream, pool.now), taken_at(stream, pool.now), pool, places)
    return Availability(
        stream.sku, pool.channel.code, found.total, pool.now, found.by_location, found.terms
    )


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
    terms = (term,) if total else ()
    return Availability(sku, first.channel, total, first.as_of, by_location, lambda: terms)
