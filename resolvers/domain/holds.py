"""What a command about a hold decides: reserve, extend, release, expire.

Each reads the books and answers with one change, or refuses and nothing changes. The steps
themselves stand in ``reservation``. Pure: the time is the books'.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from resolvers.domain.backing import Hold, pinned
from resolvers.domain.books import Books, Change
from resolvers.domain.errors import (
    CallerLimitReached,
    InvalidInput,
    NotFound,
    ReservationExpired,
    ReservationNotHeld,
)
from resolvers.domain.orders import OrderStatus, lapse
from resolvers.domain.reservation import (
    Action,
    Line,
    Reservation,
    Status,
    give_back,
    needed,
    step,
)
from resolvers.domain.stock import Pin

_ID = ("input", "reservationId")


def reserve(books: Books, ask: Hold) -> Change:
    """Promises every unit to one buyer, all or nothing.

    Raises:
        NoEligibleLocation, InsufficientStock (one a line), CallerLimitReached: nothing is held.
        NeedsMore: to be decided again, seeing more.
    """
    refuse_greedy(books, ask)
    until = books.now + timedelta(seconds=ask.ttl_seconds)
    reservation = Reservation(
        ask.id,
        Status.HELD,
        ask.channel.code,
        ask.lines,
        ask.subject,
        books.now,
        until,
        ask.member_id,
        None,
        ask.exactly,
        ask.method,
        tuple(ask.units.items()),
    )
    entries, pins = pinned(books, ask, books.streams, until)
    return Change(tuple(entries), tuple(pins), (), (reservation,))


def refuse_greedy(books: Books, ask: Hold) -> None:
    """Refuses a hold beyond what one caller may have live: held, or committed and not handed over.

    Raises:
        CallerLimitReached.
    """
    if ask.live_units_max is None:
        return
    live = sum(units for known in books.live_of(ask.subject) for _, units in known.units)
    left = max(0, ask.live_units_max - live)
    if sum(ask.units.values()) > left:
        raise CallerLimitReached(ask.live_units_max, left)


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


def release(books: Books, id: str, lines: Sequence[Line] = (), note: str | None = None) -> Change:
    """Gives a hold's units back: those of some lines, or all. What is given back stays so.

    Raises:
        NotFound, ReservationExpired, ReservationNotHeld.
        InvalidInput: a line that it has not, or not so many units of.
    """
    known = books.reservations.get(id)
    if known is not None and known.status is Status.RELEASED:
        return Change()
    reservation = held(books, id, Action.RELEASE)
    kept = _less(reservation.lines, lines) if lines else ()
    entries, pins = give_back(books.pins_of(reservation, books.streams), kept, books.now)
    after = replace(
        reservation,
        lines=kept or reservation.lines,
        units=tuple(needed(kept).items()) if kept else reservation.units,
        status=reservation.status if kept else Status.RELEASED,
        expires_at=reservation.expires_at if kept else None,
        version=reservation.version + 1,
    )
    if note is not None:
        entries = [replace(entry, note=note) for entry in entries]
    return Change(entries=tuple(entries), pins=tuple(pins), reservations=(after,))


def _less(lines: Sequence[Line], given_back: Sequence[Line]) -> tuple[Line, ...]:
    """Lines without some units of theirs; one that comes to nothing is gone."""
    left = {line.sku: line.quantity for line in lines}
    for at, line in enumerate(given_back):
        has = left.get(line.sku, 0)
        if not 1 <= line.quantity <= has:
            field = ("input", "lines", at, "quantity" if has else "sku")
            raise InvalidInput(f"the hold has {has} of {line.sku[:40]!r}", field=field)
        left[line.sku] = has - line.quantity
    return tuple(replace(line, quantity=left[line.sku]) for line in lines if left[line.sku])


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
