"""Reservations: what a hold may become, and the pins and entries that each step makes.

    (none) ─hold▶ HELD ─commit▶ COMMITTED ─fulfill▶ FULFILLED
                   ├─release▶ RELEASED ◀release─┘
                   └─expire▶ EXPIRED

HELD is soft, with a time to live; COMMITTED is hard, bound to an order. Expiry is decided by
whoever reads, at its instant; nothing waits for a sweeper. Pure: no clock, no storage. Quantities
are whole units; instants are aware UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from resolvers.domain.availability import Offer, Pool, eligible, offer
from resolvers.domain.catalog import Component
from resolvers.domain.errors import (
    InsufficientStock,
    InvalidInput,
    LimitReached,
    NoEligibleLocation,
    Refused,
    ReservationExpired,
    ReservationNotHeld,
    refuse,
)
from resolvers.domain.limits import needs_member
from resolvers.domain.locations import LocationKind, Method
from resolvers.domain.records import quick
from resolvers.domain.rules import RuleKind, StockRule
from resolvers.domain.stock import Condition, EntryKind, Pin, StockEntry, Stream, Taker


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


@quick
@dataclass(frozen=True, slots=True)
class Line:
    """So many units of one SKU; a bundle's ``components`` are those when it was asked for. They are
    no part of what a caller says, so that its request is known again whatever is added here.
    """

    sku: str
    quantity: int
    components: tuple[Component, ...] = field(default=(), repr=False)

    @property
    def parts(self) -> tuple[Component, ...]:
        """The stocked SKUs that one unit takes: a bundle's components, or itself."""
        return self.components or (Component(self.sku, 1),)


@quick
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


def needed(lines: Iterable[Line]) -> dict[str, int]:
    """Units of each stocked SKU behind some lines: bundles by components, the same SKU summed."""
    units: dict[str, int] = {}
    for line in lines:
        if not line.components:
            units[line.sku] = units.get(line.sku, 0) + line.quantity
        for part in line.components:
            units[part.sku] = units.get(part.sku, 0) + part.quantity * line.quantity
    return units


@dataclass(frozen=True, slots=True)
class BackedLine:
    """A line and the pins that back it. A SKU that several lines need is told line by line."""

    sku: str
    quantity: int
    pins: tuple[Pin, ...]


def backing(lines: Iterable[Line], pins: Iterable[Pin]) -> list[BackedLine]:
    """Lines with their pins, each pin's units dealt to the lines in order, none twice."""
    left = list(pins)
    backed: list[BackedLine] = []
    for line in lines:
        own: list[Pin] = []
        for part in line.parts:
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
class Short:
    """A stocked SKU that is short: units asked for, units that can be promised, and the limit that
    stands in the way where it is not the stock itself.
    """

    requested: int
    available: int
    limit: StockRule | None = None


def place_pins(
    reservation: str,
    units: Mapping[str, int],
    streams: Mapping[str, Stream],
    pool: Pool,
    until: datetime | None,
) -> tuple[list[Pin], dict[str, Short]]:
    """Backs units with real locations as far as it goes: the pins, and what is short.

    The streams must hold nothing that is due. Nothing is changed here.

    Raises:
        NoEligibleLocation: no place of the channel can serve the method.
        InvalidInput: a SKU that only a known member may take, and none is named.
    """
    serving = eligible(pool.locations, pool.channel, pool.method, pool.now)
    able = serving
    if pool.exactly is not None:
        able = [at for at in serving if at.code == pool.exactly]
    if not able:
        asked = pool.exactly or f"channel {pool.channel.code}"
        raise NoEligibleLocation(f"{asked} has no place that can serve {pool.method or 'this'}")
    anywhere = (pool.method or "") if pool.exactly is None else None
    taker = Taker(pool.channel.code, pool.day, pool.member, anywhere)
    pins: list[Pin] = []
    short: dict[str, Short] = {}
    for sku, quantity in units.items():
        nobody = pool.member is None and pool.rules.by_kind[RuleKind.MEMBER_LIMIT]
        if nobody and needs_member(pool.rules, pool.asked(sku)):
            raise InvalidInput(f"{sku} is limited per member; say which", field=_MEMBER)
        stream = streams[sku]
        found = offer(sku, stream.positions, stream.taken, pool, serving)
        taken = _spread(quantity, found, pool.exactly)
        available = sum(taken.values())
        if available < quantity:
            bound = found.tightest()
            limited = bound is not None and bound.left < quantity
            short[sku] = Short(quantity, available, bound.rule if bound and limited else None)
        tentative = pool.exactly is None
        pins += [
            Pin(reservation, sku, at, here, until, tentative, taker) for at, here in taken.items()
        ]
    return pins, short


_MEMBER = ("input", "memberId")


def refuse_short(
    lines: Sequence[Line],
    short: Mapping[str, Short],
    asked_at: Sequence[int] = (),
) -> None:
    """Refuses every line that asks for a SKU which is short; a bundle by its scarcest part.

    ``asked_at`` is where each line stood in the input, if not in this order.

    Raises:
        InsufficientStock, LimitReached: one for each such line (several at once).
    """
    if not short:
        return
    refusals: list[Refused] = []
    for at, line in enumerate(lines):
        scarce = [part for part in line.parts if part.sku in short]
        if not scarce:
            continue
        field = ("input", "lines", asked_at[at] if asked_at else at)
        part = min(scarce, key=lambda part: short[part.sku].available // part.quantity)
        available = min(line.quantity, short[part.sku].available // part.quantity)
        limit = short[part.sku].limit
        if limit is None:
            refusals.append(InsufficientStock(line.sku, line.quantity, available, field=field))
        else:
            refusals.append(LimitReached(line.sku, available, limit.code, field=field))
    refuse(refusals)


_KINDS_FIRST = (LocationKind.WAREHOUSE, LocationKind.DARK_STORE)


def _spread(quantity: int, found: Offer, exactly: str | None) -> dict[str, int]:
    """Units by location: one place for all if one can, warehouses before shops, deepest first."""
    if exactly is not None:
        units = min(quantity, found.by_location.get(exactly, 0))
        return {exactly: units} if units else {}
    places = [(at.code, at.kind) for at in found.places]
    offers = [(kind not in _KINDS_FIRST, -found.by_location[at], at) for at, kind in places]
    offers.sort()
    for _, units, at in offers:
        if -units >= quantity:
            return {at: quantity}
    left = min(quantity, found.total)
    fenced = [fence.left for fence in found.fences]
    taken: dict[str, int] = {}
    for _, units, at in offers:
        around = [n for n, fence in enumerate(found.fences) if at in fence.locations]
        here = min([left, -units, *(fenced[n] for n in around)])
        if here > 0:
            taken[at] = here
            left -= here
            for n in around:
                fenced[n] -= here
    return taken


def hold_entries(pins: Iterable[Pin], now: datetime, key: str | None = None) -> list[StockEntry]:
    """Entries that promise the units of new pins, softly; ``key`` is that of the command."""
    return [_moved(EntryKind.HOLD, pin, now, soft=pin.quantity, key=key) for pin in pins]


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


def give_back(
    pins: Iterable[Pin], kept: Iterable[Line], now: datetime
) -> tuple[list[StockEntry], list[Pin]]:
    """All units given back but those that some lines need: the entries, and the pins then."""
    entries: list[StockEntry] = []
    after: list[Pin] = []
    staying = needed(kept)
    for pin in pins:
        stays = min(staying.get(pin.sku, 0), pin.quantity)
        staying[pin.sku] = staying.get(pin.sku, 0) - stays
        if stays < pin.quantity:
            less = replace(pin, quantity=pin.quantity - stays)
            entries += release_entries([less], now)[0]
            after.append(replace(pin, quantity=stays))
    return entries, after


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
                taker=pin.taker,
            )
        )
        after.append(replace(pin, quantity=pin.quantity - units))
        left -= units
    return entries, after


def _moved(
    kind: EntryKind,
    pin: Pin,
    now: datetime,
    *,
    soft: int = 0,
    hard: int = 0,
    key: str | None = None,
) -> StockEntry:
    # By place, as Python takes twice as long to fill fields by name.
    return StockEntry(
        kind,
        pin.sku,
        pin.location,
        pin.reservation,
        "gateway",
        now,
        0,
        soft,
        hard,
        0,
        0,
        Condition.SELLABLE,
        None,
        None,
        pin.taker,
        key,
    )
