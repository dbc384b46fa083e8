"""Which places back a promise, and whose units move on to make room for it.

A hold takes what is free; where exactly one place will do, others' tentative units leave it first.
A fact that leaves less at a place than was promised there moves them likewise. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from resolvers.domain.availability import Pool, safety_of
from resolvers.domain.books import Books, Change, NeedsMore, Scope, put
from resolvers.domain.errors import NoEligibleLocation
from resolvers.domain.limits import business_day, moved
from resolvers.domain.locations import Channel, Location, Method
from resolvers.domain.moving import loose_among, loose_in, make_room, move_pins
from resolvers.domain.records import quick
from resolvers.domain.reservation import (
    Line,
    Short,
    hold_entries,
    needed,
    place_pins,
    refuse_short,
)
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, Position, StockEntry, Stream


@quick
@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that is asked for, one line a SKU; ``asked_at`` is where each stood in the input.

    ``locations`` and ``channels`` are all that there are; the channel's pool and the method narrow
    them. ``categories`` are those of each stocked SKU, ``stale_hours`` the age of each location's
    feed; days are the ``time_zone``'s. ``in_shop``: the place's own people ask, and may have what
    is kept for whoever stands there. ``blame`` is the value of the input that is to blame when no
    place can serve it. ``live_units_max`` bounds what its subject may have live, if anything does.
    ``units`` are those of each stocked SKU that it takes.
    """

    id: str
    subject: str
    channel: Channel
    lines: tuple[Line, ...]
    locations: tuple[Location, ...]
    ttl_seconds: int = 0
    member_id: str | None = None
    exactly: str | None = None
    method: Method | None = None
    asked_at: tuple[int, ...] = ()
    in_shop: bool = False
    blame: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stale_hours: Mapping[str, float] = field(default_factory=dict)
    time_zone: str = "UTC"
    live_units_max: int | None = None
    channels: Mapping[str, Channel] = field(default_factory=dict)
    units: Mapping[str, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", needed(self.lines))

    def pool(self, rules: RuleBook, now: datetime) -> Pool:
        """What its units are looked for in."""
        return Pool(
            self.channel,
            self.locations,
            now,
            self.method,
            self.exactly,
            rules,
            self.categories,
            self.stale_hours,
            business_day(now, self.time_zone),
            self.member_id,
            self.in_shop,
            self.channels,
        )


def pinned(
    books: Books, ask: Hold, streams: Mapping[str, Stream], until: datetime
) -> tuple[list[StockEntry], list[Pin]]:
    """Entries and pins that back a hold, and those of others' units that make room for it.

    ``streams`` are the books', or as they are once something else is given back.

    Raises:
        NoEligibleLocation, InsufficientStock or a limit (one a line).
        NeedsMore: to be decided again, seeing what may be moved.
    """
    pool = ask.pool(books.rules, books.now)
    entries: list[StockEntry] = []
    others: list[Pin] = []
    try:
        pins, short = place_pins(ask.id, ask.units, streams, pool, until)
        if pool.exactly is not None and short:
            entries, others = _room_made(books, streams, short, pool.exactly, pool)
            if entries:
                freed = {sku: _after(streams[sku], entries) for sku in ask.units}
                pins, short = place_pins(ask.id, ask.units, freed, pool, until)
    except NoEligibleLocation as error:
        raise NoEligibleLocation(error.message, field=ask.blame) from error
    refuse_short(ask.lines, short, ask.asked_at)
    return [*entries, *hold_entries(pins, books.now, books.key)], [*others, *pins]


def _room_made(
    books: Books, streams: Mapping[str, Stream], short: Mapping[str, Short], place: str, pool: Pool
) -> tuple[list[StockEntry], list[Pin]]:
    """Others' units moved from a place, as far as what is short there asks for it: what is asked
    for, and before it what the place owes and keeps for people in the shop.
    """
    at = next(location for location in pool.locations if location.code == place)
    wanted = {
        sku: lack.requested - lack.available + _owed(streams[sku].position(place), at, pool)
        for sku, lack in short.items()
        if lack.limit is None and place in _loose_places(streams[sku])
    }
    return relieve(books, {(sku, place): units for sku, units in wanted.items()}, streams, pool)


def _owed(position: Position, at: Location, pool: Pool) -> int:
    """Units that a place lacks before it can promise a first one."""
    safety, _ = safety_of(position, at, pool)
    return max(0, safety - position.unpromised)


def _loose_places(stream: Stream) -> set[str]:
    return {place for place, _ in loose_in(stream.taken)}


def relieve(
    books: Books,
    wanted: Mapping[tuple[str, str], int],
    streams: Mapping[str, Stream],
    pool: Pool,
) -> tuple[list[StockEntry], list[Pin]]:
    """Moves tentative units from places, up to so many by (SKU, place).

    Raises:
        NeedsMore: what may be moved is not in sight.
    """
    unseen = {sku for sku, _ in wanted} - books.movable
    if unseen:
        raise NeedsMore(Scope(movable=frozenset(unseen)))
    entries: list[StockEntry] = []
    pins: dict[tuple[str, str, str], Pin] = {}
    for (sku, place), units in sorted(wanted.items()):
        stream = with_pins(_after(streams[sku], entries), pins.values())
        moves = make_room(stream, place, units, loose_among(stream.pins.values()), pool)
        made, moved_pins = move_pins(stream, moves, pool)
        entries += made
        pins |= {(pin.sku, pin.reservation, pin.location): pin for pin in moved_pins}
    return entries, list(pins.values())


def _after(stream: Stream, entries: Iterable[StockEntry]) -> Stream:
    for entry in entries:
        if entry.sku == stream.sku:
            stream = moved(stream, entry)
    return stream


def relieved(books: Books, change: Change, pool: Pool) -> Change:
    """A fact's change, and tentative units of its SKUs moved away from wherever less lies than is
    promised, as far as stock stands elsewhere: units that came may relieve another place. Of the
    pool all but its channel counts.

    Raises:
        NeedsMore: to be decided again, seeing what may be moved.
    """
    skus = {entry.sku for entry in change.entries}
    streams = {
        sku: with_pins(_after(books.stream(sku), change.entries), change.pins) for sku in skus
    }
    owing = {
        (sku, place): -stream.position(place).unpromised
        for sku, stream in streams.items()
        for place in _loose_places(stream)
    }
    wanted = {at: units for at, units in owing.items() if units > 0}
    entries, pins = relieve(books, wanted, streams, pool)
    return replace(change, entries=(*change.entries, *entries), pins=(*change.pins, *pins))


def with_pins(stream: Stream, pins: Iterable[Pin]) -> Stream:
    """A stream whose pins are as some say; those of no units are gone."""
    known = dict(stream.pins)
    for pin in pins:
        if pin.sku == stream.sku:
            put(known, (pin.reservation, pin.location), pin, keep=pin.quantity > 0)
    return replace(stream, pins=known)
