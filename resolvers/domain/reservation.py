"""Reservations: what a hold may become, and the pins and entries that each step makes.

    (none) ─hold▶ HELD ─commit▶ COMMITTED ─fulfill▶ FULFILLED
                   ├─release▶ RELEASED ◀release─┘
                   └─expire▶ EXPIRED

HELD is soft, with a time to live; COMMITTED is hard, bound to an order. Expiry is decided by
whoever reads, at its instant; nothing waits for a sweeper. Pure: no clock, no storage. Quantities
are whole units; instants are aware UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from resolvers.domain.availability import eligible, promise
from resolvers.domain.catalog import Component
from resolvers.domain.errors import (
    InsufficientStock,
    NoEligibleLocation,
    Refused,
    ReservationExpired,
    ReservationNotHeld,
    refuse,
)
from resolvers.domain.locations import Channel, Location, LocationKind, Method
from resolvers.domain.stock import EntryKind, Pin, Position, StockEntry, Stream


class Status(StrEnum):
    """Where a reservation stands."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    FULFILLED = "FULFILLED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class Action(StrEnum):
    """What may happen to a reservation."""

    EXTEND = "EXTEND"
    COMMIT = "COMMIT"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    FULFILL = "FULFILL"


TRANSITIONS: Mapping[tuple[Status, Action], Status] = {
    (Status.HELD, Action.EXTEND): Status.HELD,
    (Status.HELD, Action.COMMIT): Status.COMMITTED,
    (Status.HELD, Action.RELEASE): Status.RELEASED,
    (Status.HELD, Action.EXPIRE): Status.EXPIRED,
    (Status.COMMITTED, Action.RELEASE): Status.RELEASED,
    (Status.COMMITTED, Action.FULFILL): Status.FULFILLED,
}


@dataclass(frozen=True, slots=True)
class Line:
    """So many units of one SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """One buyer's claim on units, all or nothing over its lines.

    ``location`` is set when exactly that place was asked for; ``subject`` is the caller that made
    it; ``units`` are the stocked SKUs behind its lines, as they were when it was backed.
    """

    id: str
    status: Status
    channel: str
    lines: tuple[Line, ...]
    subject: str
    created_at: datetime
    expires_at: datetime | None
    member_id: str | None = None
    order_id: str | None = None
    location: str | None = None
    method: Method | None = None
    units: tuple[tuple[str, int], ...] = ()
    version: int = 0

    def seen_at(self, now: datetime) -> "Reservation":
        """As it is at ``now``: a hold whose time is over has expired, whoever looks."""
        if self.status is Status.HELD and self.expires_at is not None and self.expires_at <= now:
            return replace(self, status=Status.EXPIRED)
        return self


def step(reservation: Reservation, action: Action, now: datetime) -> Status:
    """The state after an action at ``now``.

    Raises:
        ReservationExpired: the hold's time is over.
        ReservationNotHeld: the state does not allow it.
    """
    status = reservation.seen_at(now).status
    after = TRANSITIONS.get((status, action))
    if after is not None:
        return after
    if status is Status.EXPIRED:
        raise ReservationExpired("the hold's time is over; reserve again", field=_ID)
    raise ReservationNotHeld(f"the reservation is {status}; reserve again", field=_ID)


_ID = ("input", "reservationId")


def needed(lines: Iterable[Line], bundles: Mapping[str, Sequence[Component]]) -> dict[str, int]:
    """Units of each stocked SKU behind some lines: bundles by components, the same SKU summed."""
    units: dict[str, int] = {}
    for line in lines:
        for part in bundles.get(line.sku) or (Component(line.sku, 1),):
            units[part.sku] = units.get(part.sku, 0) + part.quantity * line.quantity
    return units


@dataclass(frozen=True, slots=True)
class BackedLine:
    """A line and the pins that back it. A SKU that several lines need is told line by line."""

    sku: str
    quantity: int
    pins: tuple[Pin, ...]


def backing(
    lines: Iterable[Line], bundles: Mapping[str, Sequence[Component]], pins: Iterable[Pin]
) -> list[BackedLine]:
    """Lines with their pins, each pin's units dealt to the lines in order, none twice."""
    left = list(pins)
    backed: list[BackedLine] = []
    for line in lines:
        own: list[Pin] = []
        for part in bundles.get(line.sku) or (Component(line.sku, 1),):
            wanted = part.quantity * line.quantity
            for at, pin in enumerate(left):
                units = min(wanted, pin.quantity) if pin.sku == part.sku else 0
                if units:
                    own.append(replace(pin, quantity=units))
                    left[at] = replace(pin, quantity=pin.quantity - units)
                    wanted -= units
        backed.append(BackedLine(line.sku, line.quantity, tuple(own)))
    return backed


@dataclass(frozen=True, slots=True)
class Terms:
    """What a hold asks for beside its units: from where, how, and until when.

    ``in_shop`` says that the place's own people ask, for somebody who stands there.
    """

    channel: Channel
    locations: tuple[Location, ...]
    method: Method | None
    exactly: str | None
    until: datetime | None
    in_shop: bool = False


Short = Mapping[str, tuple[int, int]]
"""Units asked for and units that can be promised, by stocked SKU that is short."""


def place_pins(
    reservation: str,
    units: Mapping[str, int],
    streams: Mapping[str, Stream],
    terms: Terms,
    now: datetime,
) -> tuple[list[Pin], Short]:
    """Backs units with real locations as far as it goes: the pins, and what is short.

    The streams must hold nothing that is due. Nothing is changed here.

    Raises:
        NoEligibleLocation: no place of the channel can serve the method.
    """
    places = [
        at
        for at in eligible(terms.locations, terms.channel, terms.method, now)
        if terms.exactly is None or at.code == terms.exactly
    ]
    if not places:
        asked = terms.exactly or f"channel {terms.channel.code}"
        raise NoEligibleLocation(f"{asked} has no place that can serve {terms.method or 'this'}")
    pins: list[Pin] = []
    short: dict[str, tuple[int, int]] = {}
    for sku, quantity in units.items():
        taken = _spread(quantity, streams[sku].positions, places, terms)
        available = sum(taken.values())
        if available < quantity:
            short[sku] = (quantity, available)
        tentative = terms.exactly is None
        pins += [
            Pin(reservation, sku, at, units_here, terms.until, tentative)
            for at, units_here in taken.items()
        ]
    return pins, short


def refuse_short(
    lines: Sequence[Line],
    short: Short,
    bundles: Mapping[str, Sequence[Component]],
    asked_at: Sequence[int] = (),
) -> None:
    """Refuses every line that asks for a SKU which is short; a bundle by its scarcest part.

    ``asked_at`` is where each line stood in the input, if not in this order.

    Raises:
        InsufficientStock: one for each such line (several at once).
    """
    refusals: list[Refused] = []
    for at, line in enumerate(lines):
        parts = bundles.get(line.sku) or (Component(line.sku, 1),)
        left = [short[part.sku][1] // part.quantity for part in parts if part.sku in short]
        if left:
            available = min(line.quantity, *left)
            field = ("input", "lines", asked_at[at] if asked_at else at)
            refusals.append(InsufficientStock(line.sku, line.quantity, available, field=field))
    refuse(refusals)


_KINDS_FIRST = (LocationKind.WAREHOUSE, LocationKind.DARK_STORE)


def _spread(
    quantity: int, positions: Mapping[str, Position], places: Sequence[Location], terms: Terms
) -> dict[str, int]:
    """Units by location: one place for all if one can, warehouses before shops, deepest first."""
    here = terms.exactly is not None and terms.in_shop
    offers = [
        (
            at.kind not in _KINDS_FIRST,
            -promise(positions[at.code], at, terms.channel, here=here),
            at.code,
        )
        for at in places
        if at.code in positions
    ]
    offers.sort()
    for _, promised, code in offers:
        if -promised >= quantity:
            return {code: quantity}
    taken: dict[str, int] = {}
    for _, promised, code in offers:
        units = min(-promised, quantity - sum(taken.values()))
        if units > 0:
            taken[code] = units
    return taken


def hold_entries(pins: Iterable[Pin], now: datetime) -> list[StockEntry]:
    """Entries that promise the units of new pins, softly."""
    return [_moved(EntryKind.HOLD, pin, now, soft=pin.quantity) for pin in pins]


def commit_entries(pins: Iterable[Pin], now: datetime) -> tuple[list[StockEntry], list[Pin]]:
    """Soft becomes hard: the entries, and the pins as they are then."""
    pins = list(pins)
    entries = [
        _moved(EntryKind.COMMIT, pin, now, soft=-pin.quantity, hard=pin.quantity) for pin in pins
    ]
    return entries, [replace(pin, until=None, tentative=False) for pin in pins]


def release_entries(pins: Iterable[Pin], now: datetime) -> tuple[list[StockEntry], list[Pin]]:
    """Everything given back: the entries, and the pins that end with them."""
    pins = list(pins)
    entries = [
        _moved(EntryKind.RELEASE, pin, now, soft=-pin.quantity)
        if pin.until is not None
        else _moved(EntryKind.RELEASE, pin, now, hard=-pin.quantity)
        for pin in pins
    ]
    return entries, [replace(pin, quantity=0) for pin in pins]


def fulfill_entries(
    pins: Iterable[Pin], quantity: int, now: datetime, source: str
) -> tuple[list[StockEntry], list[Pin]]:
    """Up to ``quantity`` committed units leave the building: the entries, and the pins then."""
    entries: list[StockEntry] = []
    after: list[Pin] = []
    left = quantity
    for pin in pins:
        units = min(left, pin.quantity)
        if units <= 0:
            break
        assert pin.until is None, "only what is committed can be handed over"
        entries.append(
            StockEntry(
                EntryKind.FULFILL,
                pin.sku,
                pin.location,
                pin.reservation,
                source,
                now,
                on_hand=-units,
                hard=-units,
            )
        )
        after.append(replace(pin, quantity=pin.quantity - units))
        left -= units
    return entries, after


def _moved(kind: EntryKind, pin: Pin, now: datetime, *, soft: int = 0, hard: int = 0) -> StockEntry:
    return StockEntry(
        kind, pin.sku, pin.location, pin.reservation, "gateway", now, soft=soft, hard=hard
    )
