"""Orders that were placed elsewhere, as the books have them: new, changed, called off.

The system that sold it has the last word on what an order is; which units serve it is ours. A later
word with fewer units gives the difference back, one with more takes more: it has happened. Words
may come twice and in any order. Pure: the time is the books'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from resolvers.domain.availability import Pool, eligible
from resolvers.domain.books import Books, Change, NeedsMore, Scope
from resolvers.domain.limits import business_day
from resolvers.domain.locations import Channel, Location
from resolvers.domain.order_lines import lines_of
from resolvers.domain.orders import Order, OrderEvent, OrderStatus, dealt
from resolvers.domain.outbox import Write, WriteAction
from resolvers.domain.reservation import (
    Line,
    Reservation,
    Status,
    commit_entries,
    hold_entries,
    needed,
    place_pins,
    release_entries,
)
from resolvers.domain.sales import reference_anew, references_of, writes_of
from resolvers.domain.stock import Pin, StockEntry, Taker


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that was placed and paid in a system that keeps no stock: we find the goods.

    ``hold_id`` is the reservation that it will have. Without ``channel`` it is only written down:
    its own system has the goods.
    """

    order: Order
    hold_id: str
    channel: Channel | None
    locations: Sequence[Location]
    sinks: Mapping[str, str]
    time_zone: str = "UTC"


def take(books: Books, told: Taken) -> Change:
    """Writes an order of another system down, new or changed; its units are committed at once.

    What cannot be found is promised all the same at the first place that could serve it, which then
    stands below what it owes.

    Raises:
        NeedsMore: it had SKUs that are not in sight.
    """
    before = books.orders.get(told.order.id)
    order = told.order
    waits = order.status is OrderStatus.CONFIRMED and told.channel is not None
    unbacked = waits and (before is None or before.reservation_id is None)
    if before is not None:
        if not _is_later(before, order) and not (unbacked and _is_same(before, order)):
            return Change()
        order = _carried_on(before, order, waits=waits)
    if order.status is OrderStatus.CANCELED:
        return _given_up(books, order, told.sinks)
    if told.channel is None:
        return Change(orders=(order,))
    if unbacked:
        return _committed(books, replace(order, reservation_id=told.hold_id), told, told.channel)
    reservation = books.reservations.get(order.reservation_id or "")
    kept = reservation is not None and reservation.status in (Status.COMMITTED, Status.FULFILLED)
    if before is None or reservation is None or not kept or order.status is OrderStatus.RETURNED:
        return Change(orders=(order,))
    return _balanced(books, before, order, reservation, told)


def _is_later(before: Order, told: Order) -> bool:
    """Says whether a system's word comes after the one that is known, by that system's own stamps;
    a cancellation is its last.
    """
    if before.status is OrderStatus.CANCELED:
        return False
    return told.external[0].observed_at > before.external[0].observed_at


def _is_same(before: Order, told: Order) -> bool:
    """Says whether it is the word that is known, of an order that stands."""
    alive = before.status is not OrderStatus.CANCELED
    return alive and told.external[0].observed_at == before.external[0].observed_at


def _carried_on(before: Order, told: Order, *, waits: bool) -> Order:
    """The order as it is told now, with what only we know of it: its number, where its units lie,
    what has left, and the steps that we have noted.
    """
    own = [event for event in before.history if event.by != told.system]
    lines, status = lines_of(before, told), told.status
    if before.departed:
        lines = dealt(lines, dict(before.departed))
    if before.departed and waits:
        done = all(line.fulfilled == line.quantity for line in lines)
        status = OrderStatus.FULFILLED if done else OrderStatus.PARTIALLY_FULFILLED
    return replace(
        told,
        number=before.number,
        reservation_id=before.reservation_id,
        departed=before.departed,
        sales=before.sales,
        left=before.left,
        lines=lines,
        status=status,
        history=tuple(sorted([*told.history, *own], key=lambda event: event.at)),
        version=before.version + 1,
    )


# ---- finding units ------------------------------------------------------------------------------


def _committed(books: Books, order: Order, told: Taken, channel: Channel) -> Change:
    lines = _asked(order)
    units = needed(lines)
    found = _found(books, order, told, units, ())
    if found is None:
        event = OrderEvent("NO_ELIGIBLE_LOCATION", books.now, "gateway")
        return Change(
            orders=(replace(order, reservation_id=None, history=(*order.history, event)),)
        )
    pins, oversold = found
    held = hold_entries(pins, books.now)
    firm, hard = commit_entries(pins, books.now)
    reservation = Reservation(
        told.hold_id,
        Status.COMMITTED,
        channel.code,
        lines,
        order.subject,
        books.now,
        None,
        order_id=order.id,
        method=order.delivery.method if order.delivery else None,
        location=order.delivery.location if order.delivery else None,
        units=tuple(units.items()),
    )
    order = _noted(books, order, "OVERSOLD") if oversold else order
    order = replace(order, sales=references_of(order, hard))
    writes = writes_of(order, hard, told.sinks, WriteAction.PLACE_SALE, books.now)
    return Change(
        (*held, *firm),
        tuple(hard),
        reservations=(reservation,),
        orders=(order,),
        writes=tuple(writes),
    )


def _found(
    books: Books,
    order: Order,
    told: Taken,
    units: Mapping[str, int],
    known: Sequence[Pin],
) -> tuple[list[Pin], bool] | None:
    """Where some units are taken from, and whether there are too few; None if no place could serve
    them. What is short is laid on the first place that could, or where the order has units already.
    """
    channel = told.channel
    assert channel is not None, "its own system has the goods"
    method = order.delivery.method if order.delivery else None
    exactly = order.delivery.location if order.delivery else None
    able = eligible(told.locations, channel, method, books.now)
    places = [at.code for at in able if exactly is None or at.code == exactly]
    day = business_day(books.now, told.time_zone)
    pool = Pool(
        channel, told.locations, books.now, method, exactly, day=day, member=order.member_id
    )  # and no rules: it has happened
    if places:
        pins, scarce = place_pins(told.hold_id, units, books.streams, pool, books.now)
        short = {sku: lack.requested - lack.available for sku, lack in scarce.items()}
    else:
        places = sorted({pin.location for pin in known})
        pins, short = [], dict(units)
    if not places:
        return None
    taker = Taker(channel.code, day, order.member_id)
    merged = {(pin.sku, pin.location): pin for pin in pins}
    for sku, missing in short.items():
        at = places[0]
        fresh = Pin(told.hold_id, sku, at, 0, books.now, taker=taker)
        pin = merged.get((sku, at)) or fresh
        merged[sku, at] = replace(pin, quantity=pin.quantity + missing)
    return list(merged.values()), bool(short)


def _asked(order: Order) -> tuple[Line, ...]:
    return tuple(Line(line.sku, line.quantity, line.components) for line in order.lines)


def _noted(books: Books, order: Order, kind: str) -> Order:
    """The order with a step of ours in its history."""
    return replace(order, history=(*order.history, OrderEvent(kind, books.now, "gateway")))


# ---- an order that has changed ------------------------------------------------------------------


def _balanced(
    books: Books,
    before: Order,
    order: Order,
    reservation: Reservation,
    told: Taken,
) -> Change:
    """The order with exactly the units that it has now and that have not left: the rest is given
    back, from where most is owed, and what it lacks is taken. One that was handed over whole and
    has grown since is open again.
    """
    lines = _asked(order)
    units = needed(lines)
    skus = sorted(units.keys() | dict(reservation.units).keys())
    if hidden := frozenset(skus) - books.streams.keys():
        raise NeedsMore(Scope(skus=hidden))
    had = {(pin.sku, pin.location): pin for pin in books.pins_of(reservation, skus)}
    departed = dict(order.departed)
    excess = {
        sku: sum(pin.quantity for pin in had.values() if pin.sku == sku)
        - max(0, units.get(sku, 0) - departed.get(sku, 0))
        for sku in skus
    }
    entries, after = _spared(books, had, excess)
    if after:
        order = _noted(books, order, "REDUCED")
    lacking = {sku: -many for sku, many in excess.items() if many < 0}
    if lacking:
        order, more, fresh = _added(books, order, told, lacking, had)
        entries += more
        after |= fresh
    pins = {at: pin for at, pin in {**had, **after}.items() if pin.quantity}
    order, writes = _told_anew(books, before, order, had, pins, sinks=told.sinks)
    done = order.status is OrderStatus.FULFILLED and bool(order.departed) and not pins
    reservation = replace(
        reservation,
        status=Status.FULFILLED if done else Status.COMMITTED if pins else reservation.status,
        lines=lines,
        units=tuple(units.items()),
        version=reservation.version + 1,
    )
    return Change(
        tuple(entries),
        tuple(after.values()),
        reservations=(reservation,) if after or done else (),
        orders=(order,),
        writes=tuple(writes),
    )


Places = Mapping[tuple[str, str], Pin]
"""Pins of one order, by SKU and location."""


def _spared(
    books: Books, had: Places, excess: Mapping[str, int]
) -> tuple[list[StockEntry], dict[tuple[str, str], Pin]]:
    """Units that are too many given back: first where the location is furthest below what it
    owes.
    """

    def owed(pin: Pin) -> tuple[int, str]:
        return books.stream(pin.sku).position(pin.location).unpromised, pin.location

    entries: list[StockEntry] = []
    after: dict[tuple[str, str], Pin] = {}
    for sku, many in excess.items():
        left = many
        for pin in sorted((pin for pin in had.values() if pin.sku == sku), key=owed):
            back = min(left, pin.quantity)
            if back <= 0:
                break
            entries += release_entries([replace(pin, quantity=back)], books.now)[0]
            after[sku, pin.location] = replace(pin, quantity=pin.quantity - back)
            left -= back
    return entries, after


def _added(
    books: Books,
    order: Order,
    told: Taken,
    lacking: Mapping[str, int],
    had: Places,
) -> tuple[Order, list[StockEntry], dict[tuple[str, str], Pin]]:
    """Units that the order lacks, taken. Those at a place where it has some already are counted
    with them, on the same day and for the same channel.
    """
    found = _found(books, order, told, lacking, list(had.values()))
    if found is None:
        return _noted(books, order, "NO_ELIGIBLE_LOCATION"), [], {}
    pins, oversold = found
    pins = [
        replace(pin, taker=had[pin.sku, pin.location].taker)
        if (pin.sku, pin.location) in had
        else pin
        for pin in pins
    ]
    held = hold_entries(pins, books.now)
    firm, hard = commit_entries(pins, books.now)
    after: dict[tuple[str, str], Pin] = {}
    for pin in hard:
        at = (pin.sku, pin.location)
        known = had[at].quantity if at in had else 0
        after[at] = replace(pin, quantity=known + pin.quantity)
    order = _noted(books, order, "EXTENDED")
    return _noted(books, order, "OVERSOLD") if oversold else order, [*held, *firm], after


def _told_anew(
    books: Books,
    before: Order,
    order: Order,
    had: Places,
    has: Places,
    *,
    sinks: Mapping[str, str],
) -> tuple[Order, list[Write]]:
    """What the backends of the changed locations are told: the sale that they know is off, and what
    is left of it is a new one, under a reference of its own.

    A sale of which goods have left already is left alone: people correct it there.
    """
    references = dict(order.sales)
    begun = {reference for reference, _, _ in order.left}
    changed = [
        at
        for at in sorted({pin.location for pin in (*had.values(), *has.values())})
        if _units_at(had, at) != _units_at(has, at)
    ]
    late = [at for at in changed if references.get(at) in begun]
    if any(at in sinks for at in late):
        order = _noted(books, order, "SALE_TO_CORRECT")
    fresh = [at for at in changed if at not in late]
    offs = [pin for pin in had.values() if pin.location in fresh and pin.location in references]
    writes = writes_of(before, offs, sinks, WriteAction.CANCEL_SALE, books.now)
    for at in fresh:
        references.pop(at, None)
        if _units_at(has, at):
            references[at] = reference_anew(order, at)
    order = replace(order, sales=tuple(sorted(references.items())))
    firm = [pin for pin in has.values() if pin.location in references]
    sales = writes_of(order, firm, sinks, WriteAction.PLACE_SALE, books.now)
    writes += [it for it in sales if it.sale is not None and it.sale.location in fresh]
    return order, writes


def _units_at(pins: Places, location: str) -> dict[str, int]:
    return {pin.sku: pin.quantity for pin in pins.values() if pin.location == location}


def _given_up(books: Books, order: Order, sinks: Mapping[str, str]) -> Change:
    """The order called off where it was placed: units free, and backends that know it told."""
    reservation = books.reservations.get(order.reservation_id or "")
    if reservation is None or reservation.status is not Status.COMMITTED:
        return Change(orders=(order,))
    if hidden := dict(reservation.units).keys() - books.streams.keys():
        raise NeedsMore(Scope(skus=frozenset(hidden)))
    held = books.pins_of(reservation, books.streams)
    entries, pins = release_entries(held, books.now)
    released = replace(reservation, status=Status.RELEASED, version=reservation.version + 1)
    known = [pin for pin in held if pin.location in dict(order.sales)]
    writes = writes_of(order, known, sinks, WriteAction.CANCEL_SALE, books.now)
    return Change(
        tuple(entries),
        tuple(pins),
        reservations=(released,),
        orders=(order,),
        writes=tuple(writes),
    )
