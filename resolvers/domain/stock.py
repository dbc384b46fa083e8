"""Stock: entries are immutable movements, positions are their folds (ADR-0003).

A stream holds what one SKU has: its positions by location and the live pins on them. Pure: no
clock, no storage. Quantities are whole units; instants are aware UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from resolvers.domain.records import quick
from resolvers.domain.sources import Seen, StockSource


class EntryKind(StrEnum):
    """Why a quantity moved."""

    COUNT = "COUNT"
    RECEIPT = "RECEIPT"
    SALE = "SALE"
    RETURN = "RETURN"
    TRANSFER = "TRANSFER"
    ADJUSTMENT = "ADJUSTMENT"
    HOLD = "HOLD"
    COMMIT = "COMMIT"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    FULFILL = "FULFILL"
    MOVE = "MOVE"


class Condition(StrEnum):
    """State of the goods. Only SELLABLE is ever promised."""

    SELLABLE = "SELLABLE"
    DAMAGED = "DAMAGED"
    DISPLAY = "DISPLAY"
    QUARANTINE = "QUARANTINE"


@quick
@dataclass(frozen=True, slots=True)
class Taker:
    """Whom units were taken for: the channel, the business day it was, and the member if known.

    ``anywhere`` is None if exactly this place was asked for; else any place may serve that is able
    to do this method, and "" stands for no method in particular.
    """

    channel: str
    day: str
    member: str | None = None
    anywhere: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class StockEntry:
    """One movement of one SKU at one location: what changed, by how much, why, and who says so.

    The four quantities are signed differences. ``elsewhere`` is what the location's own system has
    sold but still counts as on hand. ``cause`` is the reservation, order, feed or person behind it,
    ``key`` the idempotency key (its digest) of the command, ``taker`` whom units were taken for.
    """

    kind: EntryKind
    sku: str
    location: str
    cause: str
    source: str
    at: datetime
    on_hand: int = 0
    soft: int = 0
    hard: int = 0
    elsewhere: int = 0
    incoming: int = 0
    condition: Condition = Condition.SELLABLE
    lot: str | None = None
    expires_on: date | None = None
    taker: Taker | None = None
    key: str | None = None
    note: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Position:
    """What one SKU has at one location: the fold of its entries.

    ``soft`` is held, ``hard`` is committed to orders, ``elsewhere`` is sold by the location's own
    system and not yet booked out there, ``incoming`` is expected and never promised.
    """

    sku: str
    location: str
    on_hand: int = 0
    soft: int = 0
    hard: int = 0
    elsewhere: int = 0
    incoming: int = 0

    @property
    def unpromised(self) -> int:
        """On hand less everything promised to anybody; below zero when more was sold than is."""
        return self.on_hand - self.soft - self.hard - self.elsewhere


@quick
@dataclass(frozen=True, slots=True)
class Pin:
    """Units of one reservation backed by one location. ``until`` is None once committed (hard).

    A tentative pin may still be moved by routing: nobody asked for exactly this place.
    """

    reservation: str
    sku: str
    location: str
    quantity: int
    until: datetime | None
    tentative: bool = False
    taker: Taker | None = None

    def due(self, now: datetime) -> bool:
        """Says whether the hold behind it is over at ``now``: then it counts nowhere."""
        return self.until is not None and self.until <= now


@dataclass(frozen=True, slots=True)
class Unseen:
    """A movement that the last word of the location's system on its numbers may not hold yet: one
    of ours, or one that it told of since.

    ``acknowledged`` is the system's own sequence of it; None while in flight. Once ``sent``, it may
    be there or not until then.
    """

    id: str
    sku: str
    location: str
    on_hand: int
    acknowledged: int | None = None
    sent: bool = False

    def missing_at(self, watermark: int, source: StockSource) -> int:
        """Units of it that a count at a watermark lacks. In doubt it promises less: units that may
        be in the count already are not added, units that may not be are taken off.
        """
        if self.acknowledged is not None:
            seen = source.seen(self.acknowledged, watermark)
        else:
            seen = Seen.PERHAPS if self.sent else Seen.NO
        if seen is Seen.PERHAPS:
            return min(0, self.on_hand)
        return self.on_hand if seen is Seen.NO else 0


TakenKey = tuple[str, str]
"""What is counted of a SKU: ("live", channel), ("day", day and channel), ("member", member), or
("loose", place, channel and method): held there for now, though another place would do.
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """Everything of one SKU that a decision needs. ``at`` is its time, which never runs back.

    ``taken`` counts what was promised and sold, rule or no rule, so that a limit that is set today
    has its past.
    """

    sku: str
    positions: Mapping[str, Position] = field(default_factory=dict)
    pins: Mapping[tuple[str, str], Pin] = field(default_factory=dict)
    unseen: Mapping[str, Unseen] = field(default_factory=dict)
    version: int = 0
    at: datetime | None = None
    taken: Mapping[TakenKey, int] = field(default_factory=dict)

    def position(self, location: str) -> Position:
        """The position at a location; empty where the SKU never was."""
        return self.positions.get(location) or Position(self.sku, location)


def apply(position: Position, entry: StockEntry) -> Position:
    """One entry folded into its position."""
    assert (position.sku, position.location) == (entry.sku, entry.location)
    assert entry.condition is Condition.SELLABLE, "other conditions are counted apart"
    after = Position(
        position.sku,
        position.location,
        position.on_hand + entry.on_hand,
        position.soft + entry.soft,
        position.hard + entry.hard,
        position.elsewhere + entry.elsewhere,
        position.incoming + entry.incoming,
    )
    assert after.soft >= 0, f"more given back than held: {entry}"
    assert after.hard >= 0, f"more given back than committed: {entry}"
    return after


def keyed(entry: StockEntry, key: str) -> StockEntry:
    """An entry with the key of the command that made it."""
    return StockEntry(
        entry.kind,
        entry.sku,
        entry.location,
        entry.cause,
        entry.source,
        entry.at,
        entry.on_hand,
        entry.soft,
        entry.hard,
        entry.elsewhere,
        entry.incoming,
        entry.condition,
        entry.lot,
        entry.expires_on,
        entry.taker,
        key,
        entry.note,
    )


def fold(entries: Iterable[StockEntry]) -> dict[tuple[str, str], Position]:
    """Positions by (SKU, location), rebuilt from nothing but their entries."""
    positions: dict[tuple[str, str], Position] = {}
    for entry in entries:
        key = (entry.sku, entry.location)
        positions[key] = apply(positions.get(key) or Position(*key), entry)
    return positions


def as_of(stream: Stream, now: datetime) -> dict[str, Position]:
    """Positions as they are at ``now``: holds that are due count nowhere, swept or not."""
    positions = dict(stream.positions)
    for pin in stream.pins.values():
        if pin.due(now):
            position = positions[pin.location]
            positions[pin.location] = replace(position, soft=position.soft - pin.quantity)
    return positions


def expire_due(stream: Stream, now: datetime) -> tuple[list[StockEntry], list[Pin]]:
    """Entries that give back every due hold of a stream, and the pins that end with them."""
    due = [pin for pin in stream.pins.values() if pin.due(now)]
    entries = [
        StockEntry(
            EntryKind.EXPIRE,
            pin.sku,
            pin.location,
            pin.reservation,
            "gateway",
            now,
            soft=-pin.quantity,
            taker=pin.taker,
        )
        for pin in due
    ]
    return entries, [replace(pin, quantity=0) for pin in due]


def counted(  # noqa: PLR0917  # the facts of one reading, in the order that it states them
    stream: Stream,
    location: str,
    quantity: int,
    watermark: int,
    elsewhere: int,
    system: str,
    now: datetime,
    source: StockSource,
    incoming: int | None = None,
) -> StockEntry | None:
    """The correction after a system says: on hand was ``quantity`` at my ``watermark``.

    The position becomes that plus every movement which the system had not seen then: one that has
    not been sent, or was acknowledged after the watermark. ``incoming`` is None where the system
    says nothing of it. None when nothing differs.
    """
    unseen = sum(
        movement.missing_at(watermark, source)
        for movement in stream.unseen.values()
        if movement.location == location
    )
    position = stream.position(location)
    on_hand = quantity + unseen - position.on_hand
    more_elsewhere = elsewhere - position.elsewhere
    more_incoming = 0 if incoming is None else incoming - position.incoming
    if not on_hand and not more_elsewhere and not more_incoming:
        return None
    return StockEntry(
        EntryKind.COUNT,
        stream.sku,
        location,
        f"{system}@{watermark}",
        system,
        now,
        on_hand=on_hand,
        elsewhere=more_elsewhere,
        incoming=more_incoming,
    )
