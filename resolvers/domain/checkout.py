"""What a command about an order decides: place, pay, cancel; and what becomes of its hold.

An unpaid order keeps a hold until its payment deadline; payment in full makes the hold firm and
tells the backends, all in one change. Pure: the time is the books'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from resolvers.domain.availability import Pool, open_to
from resolvers.domain.backing import Hold, pinned, with_pins
from resolvers.domain.books import Books, Change
from resolvers.domain.errors import InvalidInput, NotFound, OrderNotOpen, ReservationNotHeld
from resolvers.domain.holds import backed, refuse_greedy, whole
from resolvers.domain.limits import moved
from resolvers.domain.moving import settle
from resolvers.domain.orders import (
    HOUSE,
    Order,
    OrderStatus,
    Payment,
    cancel,
    confirm,
    pay,
    reduced,
)
from resolvers.domain.outbox import WriteAction
from resolvers.domain.reservation import (
    Action,
    Line,
    Reservation,
    Status,
    commit_entries,
    give_back,
    needed,
    release_entries,
    step,
)
from resolvers.domain.sales import references_of, writes_of
from resolvers.domain.stock import Pin, StockEntry

_RESERVATION = ("input", "reservationId")


@dataclass(frozen=True, slots=True)
class Checkout:
    """An order that is asked for: PENDING, with what its hold must be, and who takes its sales.

    ``reservation_id`` is the hold that it is placed from, if any. ``sinks`` is the backend that
    takes sales, by location. It is due in ``due_seconds``, or firm at once (``confirm_unpaid``).
    """

    order: Order
    hold: Hold
    sinks: Mapping[str, str]
    by: str
    due_seconds: int
    payments: tuple[Payment, ...] = ()
    reservation_id: str | None = None
    confirm_unpaid: bool = False


def place(books: Books, ask: Checkout) -> Change:
    """Places an order from a hold, or holds by itself, all or nothing.

    A hold that was made for any method, or elsewhere, is pinned again where the delivery needs it.

    Raises:
        NotFound, ReservationExpired, ReservationNotHeld, InvalidInput: of the hold or the payments.
        NoEligibleLocation, InsufficientStock: the delivery cannot be served.
    """
    due = books.now + timedelta(seconds=ask.due_seconds)
    old: list[Pin] = []
    if ask.reservation_id is None:
        refuse_greedy(books, ask.hold)
        reservation = Reservation(
            ask.hold.id,
            Status.HELD,
            ask.hold.channel.code,
            ask.hold.lines,
            ask.hold.subject,
            books.now,
            due,
            member_id=ask.hold.member_id,
        )
    else:
        reservation = _holdable(books, ask)
        old = backed(books, reservation)

    order = replace(
        ask.order,
        placed_at=books.now,
        updated_at=books.now,
        payment_due_at=due,
        reservation_id=reservation.id,
    )
    payments = [replace(payment, recorded_at=books.now) for payment in ask.payments]
    order = pay(order, payments, ask.by, books.now, field=("input", "payments"), numbered=True)
    if order.status is OrderStatus.PENDING and ask.confirm_unpaid:
        order = confirm(order, ask.by, books.now)

    entries, pins = _pinned_for(books, ask, old, due)
    reservation = replace(
        reservation,
        lines=ask.hold.lines,
        order_id=order.id,
        expires_at=due,
        location=ask.hold.exactly,
        method=ask.hold.method,
        units=tuple(ask.hold.units.items()),
        version=reservation.version + 1,
    )
    change = Change(tuple(entries), tuple(pins), reservations=(reservation,), orders=(order,))
    return _firm(books, change, ask.sinks) if order.status is OrderStatus.CONFIRMED else change


def record_payment(
    books: Books, order_id: str, payment: Payment, by: str, sinks: Mapping[str, str]
) -> Change:
    """Puts money on an order; paid in full, its hold is committed and its backends are told.

    Raises:
        NotFound, OrderNotOpen, InvalidInput.
    """
    order = known(books, order_id)
    stamped = replace(payment, recorded_at=books.now)
    paid = pay(order, [stamped], by, books.now, field=("input", "payment", "amount"))
    if paid.status is order.status:
        return Change(orders=(paid,))
    reservation = books.reservations[order.reservation_id or ""]
    pins = books.pins_of(reservation, books.streams)
    if not whole(reservation, pins):
        raise OrderNotOpen(f"order {order.number} has lost its units; give the money back")
    change = Change(pins=tuple(pins), reservations=(reservation,), orders=(paid,))
    return _firm(books, change, sinks)


def call_off(
    books: Books, order_id: str, by: str, sinks: Mapping[str, str], note: str | None = None
) -> Change:
    """Cancels a whole order: its units are free at once, and backends that know it are told.

    Raises:
        NotFound, OrderNotOpen.
    """
    order = known(books, order_id)
    canceled = cancel(order, by, books.now, note)
    reservation = books.reservations.get(order.reservation_id or "")
    if reservation is None:
        return Change(orders=(canceled,))
    held = books.pins_of(reservation, books.streams)
    writes = []
    if order.status is OrderStatus.CONFIRMED:
        writes = writes_of(order, held, sinks, WriteAction.CANCEL_SALE, books.now)
    entries, pins = release_entries(held, books.now)
    released = replace(
        reservation, status=Status.RELEASED, expires_at=None, version=reservation.version + 1
    )
    return Change(
        tuple(entries),
        tuple(pins),
        reservations=(released,),
        orders=(canceled,),
        writes=tuple(writes),
    )


def call_off_lines(
    books: Books, order_id: str, cut: Mapping[str, int], by: str, note: str | None = None
) -> Change:
    """Takes units off an unpaid order and gives them back.

    Raises:
        NotFound, OrderNotOpen, InvalidInput.
    """
    order = known(books, order_id)
    after = reduced(order, cut, by, books.now, note)
    reservation = books.reservations[order.reservation_id or ""]
    kept = _lines(after)
    entries, pins = give_back(books.pins_of(reservation, books.streams), kept, books.now)
    less = replace(
        reservation,
        lines=kept,
        units=tuple(needed(kept).items()),
        version=reservation.version + 1,
    )
    return Change(tuple(entries), tuple(pins), reservations=(less,), orders=(after,))


def known(books: Books, order_id: str) -> Order:
    """An order of the books that is ours to change.

    Raises:
        NotFound: there is none.
        OrderNotOpen: it was placed in another system, which owns its terms.
    """
    order = books.orders.get(order_id)
    if order is None:
        raise NotFound("there is no such order", field=("input", "orderId"))
    if order.system != HOUSE:
        raise OrderNotOpen(
            f"order {order.number} was placed in {order.system}; change it there",
            field=("input", "orderId"),
        )
    return order


def _firm(books: Books, change: Change, sinks: Mapping[str, str]) -> Change:
    """The change with its hold committed and its backends told. Others' units that made room for it
    stay as they are.
    """
    (reservation,), (order,) = change.reservations, change.orders
    soft = [pin for pin in change.pins if pin.quantity and pin.reservation == reservation.id]
    entries, hard = commit_entries(soft, books.now)
    committed = replace(
        reservation,
        status=step(reservation, Action.COMMIT, books.now),
        expires_at=None,
        version=reservation.version + 1,
    )
    rest = tuple(pin for pin in change.pins if pin not in soft)
    order = replace(order, sales=references_of(order, hard))
    return replace(
        change,
        entries=(*change.entries, *entries),
        pins=(*rest, *hard),
        reservations=(committed,),
        orders=(order,),
        writes=tuple(writes_of(order, hard, sinks, WriteAction.PLACE_SALE, books.now)),
    )


def _holdable(books: Books, ask: Checkout) -> Reservation:
    """The hold that an order is placed from, if it may be."""
    reservation = books.reservations.get(ask.reservation_id or "")
    if reservation is None:
        raise NotFound("there is no such reservation", field=_RESERVATION)
    step(reservation, Action.COMMIT, books.now)
    if reservation.order_id is not None:
        raise ReservationNotHeld("the reservation belongs to an order already", field=_RESERVATION)
    if reservation.channel != ask.hold.channel.code:
        raise InvalidInput(
            f"the reservation was made in channel {reservation.channel}", field=("input", "channel")
        )
    if _summed(reservation.lines) != _summed(ask.hold.lines):
        raise InvalidInput(
            "the lines are not those of the reservation; leave them out", field=("input", "lines")
        )
    return reservation


def _lines(order: Order) -> tuple[Line, ...]:
    """An order's lines as a hold has them."""
    return tuple(Line(line.sku, line.quantity, line.components) for line in order.lines)


def _summed(lines: Sequence[Line]) -> dict[str, int]:
    summed: dict[str, int] = {}
    for line in lines:
        summed[line.sku] = summed.get(line.sku, 0) + line.quantity
    return summed


def _pinned_for(
    books: Books, ask: Checkout, old: Sequence[Pin], due: datetime
) -> tuple[list[StockEntry], list[Pin]]:
    """The hold's pins until ``due``: as they are where the delivery can be served, else anew."""
    pool = ask.hold.pool(books.rules, books.now)
    has: dict[str, int] = {}
    for pin in old:
        has[pin.sku] = has.get(pin.sku, 0) + pin.quantity
    if has == ask.hold.units and all(_serves(pin, pool) for pin in old):
        return settle([replace(pin, until=due) for pin in old], pool)
    given_back, gone = release_entries(old, books.now)
    streams = dict(books.streams)
    for entry in given_back:
        streams[entry.sku] = moved(streams[entry.sku], entry)
    for sku in {pin.sku for pin in gone}:
        streams[sku] = with_pins(streams[sku], gone)
    hold = replace(ask.hold, id=old[0].reservation) if old else ask.hold
    entries, pins = pinned(books, hold, streams, due)
    return [*given_back, *entries], [*gone, *pins]


def _serves(pin: Pin, pool: Pool) -> bool:
    """Says whether a pin's location can serve the delivery."""
    if pool.exactly is not None and pin.location != pool.exactly:
        return False
    return any(at.code == pin.location for at in open_to(pool, pin.sku))
