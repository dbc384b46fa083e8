"""What a command about a hold decides: reserve, extend, release, expire.

Each reads the books and answers with one change, or refuses and nothing changes. The steps
themselves stand in ``reservation``. Pure: the time is the books'.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from resolvers.domain.availability import Pool
from resolvers.domain.books import Books, Change
from resolvers.domain.catalog import Component
from resolvers.domain.errors import (
    NoEligibleLocation,
    NotFound,
    ReservationExpired,
    ReservationNotHeld,
)
from resolvers.domain.limits import business_day
from resolvers.domain.locations import Channel, Location, Method
from resolvers.domain.orders import OrderStatus, lapse
from resolvers.domain.reservation import (
    Action,
    Line,
    Reservation,
    Status,
    hold_entries,
    needed,
    place_pins,
    refuse_short,
    release_entries,
    step,
)
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, Stream

_ID = ("input", "reservationId")


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that is asked for, one line a SKU; ``asked_at`` is where each stood in the input.

    ``locations`` are all that there are; the channel's pool and the method narrow them.
    ``bundles`` has the components of every line that is one, ``categories`` those of each stocked
    SKU, ``stale_hours`` the age of each location's feed; days are the ``time_zone``'s. ``in_shop``:
    the place's own people ask, and may have what is kept for whoever stands there. ``blame`` is the
    value of the input that is to blame when no place can serve it.
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
    bundles: Mapping[str, Sequence[Component]] = field(default_factory=dict)
    asked_at: tuple[int, ...] = ()
    in_shop: bool = False
    blame: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stale_hours: Mapping[str, float] = field(default_factory=dict)
    time_zone: str = "UTC"

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
        )

    @property
    def units(self) -> dict[str, int]:
        """Units of each stocked SKU that it takes."""
        return needed(self.lines, self.bundles)


def reserve(books: Books, ask: Hold) -> Change:
    """Promises every unit to one buyer, all or nothing.

    Raises:
        NoEligibleLocation, InsufficientStock (one a line): nothing is held.
    """
    until = books.now + timedelta(seconds=ask.ttl_seconds)
    reservation = Reservation(
        ask.id,
        Status.HELD,
        ask.channel.code,
        ask.lines,
        ask.subject,
        books.now,
        until,
        member_id=ask.member_id,
        location=ask.exactly,
        method=ask.method,
        units=tuple(ask.units.items()),
    )
    pins = pinned(ask, books.streams, ask.pool(books.rules, books.now), until)
    return Change(
        entries=tuple(hold_entries(pins, books.now)),
        pins=tuple(pins),
        reservations=(reservation,),
    )


def pinned(ask: Hold, streams: Mapping[str, Stream], pool: Pool, until: datetime) -> list[Pin]:
    """The pins that back a hold.

    Raises:
        NoEligibleLocation, InsufficientStock or a limit (one a line).
    """
    try:
        pins, short = place_pins(ask.id, ask.units, streams, pool, until)
    except NoEligibleLocation as error:
        raise NoEligibleLocation(error.message, field=ask.blame) from error
    refuse_short(ask.lines, short, ask.bundles, ask.asked_at)
    return pins


def extend(books: Books, id: str, ttl_seconds: int, life_max_seconds: int) -> Change:
    """Lets a hold live ``ttl_seconds`` from now.

    Never shortens it, and never lets it live longer than ``life_max_seconds`` in all.

    Raises:
        NotFound, ReservationExpired, ReservationNotHeld.
    """
    reservation = held(books, id, Action.EXTEND)
    assert reservation.expires_at is not None
    bound = reservation.created_at + timedelta(seconds=life_max_seconds)
    asked = books.now + timedelta(seconds=ttl_seconds)
    until = max(reservation.expires_at, min(asked, bound))
    if until == reservation.expires_at:
        return Change()
    pins = books.pins_of(reservation, books.streams)
    return Change(
        pins=tuple(replace(pin, until=until) for pin in pins),
        reservations=(replace(reservation, expires_at=until, version=reservation.version + 1),),
    )


def release(books: Books, id: str, note: str | None = None) -> Change:
    """Gives a hold's units back. What is given back already stays so.

    Raises:
        NotFound, ReservationExpired, ReservationNotHeld.
    """
    known = books.reservations.get(id)
    if known is not None and known.status is Status.RELEASED:
        return Change()
    reservation = held(books, id, Action.RELEASE)
    entries, pins = release_entries(books.pins_of(reservation, books.streams), books.now)
    released = replace(
        reservation, status=Status.RELEASED, expires_at=None, version=reservation.version + 1
    )
    noted = tuple(replace(entry, note=note) for entry in entries)
    return Change(entries=noted, pins=tuple(pins), reservations=(released,))


def held(books: Books, id: str, action: Action) -> Reservation:
    """A hold that a caller may still do something with: alive, and not yet an order's.

    Raises:
        NotFound, ReservationExpired, ReservationNotHeld.
    """
    reservation = books.reservations.get(id)
    if reservation is None:
        raise NotFound("there is no such reservation", field=_ID)
    step(reservation, action, books.now)
    if reservation.order_id is not None or reservation.status is not Status.HELD:
        raise ReservationNotHeld(
            "the reservation belongs to an order; cancel the order to give its units back",
            field=_ID,
        )
    backed(books, reservation)
    return reservation


def backed(books: Books, reservation: Reservation) -> list[Pin]:
    """The pins of a live reservation. One that has lost a unit was given back as expired by whoever
    touched that SKU, whatever the clock says now.

    Raises:
        ReservationExpired.
    """
    pins = books.pins_of(reservation, books.streams)
    if not whole(reservation, pins):
        raise ReservationExpired("the hold's time is over; reserve again", field=_ID)
    return pins


def whole(reservation: Reservation, pins: Iterable[Pin]) -> bool:
    """Says whether every unit of a reservation is backed."""
    backing: dict[str, int] = {}
    for pin in pins:
        backing[pin.sku] = backing.get(pin.sku, 0) + pin.quantity
    return backing == dict(reservation.units)


def expire(books: Books, id: str) -> Change:
    """Writes down what is so already: a hold whose time is over, and its unpaid order with it.

    The books have given its units back when they were opened.
    """
    reservation = books.reservations.get(id)
    if reservation is None or reservation.status is not Status.HELD:
        return Change()
    if reservation.seen_at(books.now).status is not Status.EXPIRED:
        return Change()
    if reservation.order_id is not None and reservation.order_id not in books.orders:
        return Change()  # it became an order's since it was looked up; the next look sees that
    expired = replace(reservation, status=Status.EXPIRED, version=reservation.version + 1)
    order = books.orders.get(reservation.order_id or "")
    lapsed = order is not None and order.status is OrderStatus.PENDING
    return Change(
        reservations=(expired,), orders=(lapse(order, books.now),) if order and lapsed else ()
    )
