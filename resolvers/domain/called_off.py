"""What the books make of a sale of ours that its own backend's people have called off.

The goods of an order that was to come from there alone are free, and the order is canceled. Of one
that comes from several places nothing is moved: a person or routing decides; its history says so.
Pure: the time is the books'.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from resolvers.domain.books import Books, Change
from resolvers.domain.orders import OrderEvent, OrderStatus, cancel
from resolvers.domain.outbox import WriteAction
from resolvers.domain.reservation import Status, release_entries
from resolvers.domain.sales import writes_of

SALE_CALLED_OFF = "SALE_CALLED_OFF"
"""Event of an order that is left as it is, though a part of it will not be handed over."""


@dataclass(frozen=True, slots=True)
class CalledOff:
    """The sale of one order at one location, called off in one system. ``sinks`` as in
    ``writes_of``: who else was told of the order is told that it is off.
    """

    order_id: str
    location: str
    system: str
    sinks: Mapping[str, str]


def called_off(books: Books, told: CalledOff) -> Change:
    """Cancels the order and frees its units, or says in its history why not; saying it again does
    nothing.
    """
    order = books.orders.get(told.order_id)
    reservation = books.reservations.get((order.reservation_id if order else None) or "")
    if order is None or reservation is None or reservation.status is not Status.COMMITTED:
        return Change()
    pins = books.pins_of(reservation, books.streams)
    whole = order.status is OrderStatus.CONFIRMED
    if whole and all(pin.location == told.location for pin in pins):
        entries, freed = release_entries(pins, books.now)
        released = replace(reservation, status=Status.RELEASED, version=reservation.version + 1)
        after = cancel(order, told.system, books.now, f"its sale at {told.location} was called off")
        writes = writes_of(order, pins, told.sinks, WriteAction.CANCEL_SALE, books.now)
        others = [write for write in writes if write.backend != told.system]
        return Change(
            tuple(entries),
            tuple(freed),
            reservations=(released,),
            orders=(after,),
            writes=tuple(others),
        )
    if any(
        event.kind == SALE_CALLED_OFF and event.note == told.location for event in order.history
    ):
        return Change()
    event = OrderEvent(SALE_CALLED_OFF, books.now, told.system, told.location)
    return Change(orders=(replace(order, history=(*order.history, event), updated_at=books.now),))
