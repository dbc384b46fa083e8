"""Orders: what a buyer bought, what was paid, and what a step makes of it.

The selling system owns the commercial terms, the gateway owns the allocation. An unpaid order is
PENDING and keeps its stock until ``payment_due_at``, no longer. Pure; money in minor units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from resolvers.domain.catalog import Component, Provenance
from resolvers.domain.errors import InvalidInput, OrderNotOpen
from resolvers.domain.locations import GeoPoint, Method
from resolvers.domain.values import Money


class OrderStatus(StrEnum):
    """Where an order stands."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    PARTIALLY_FULFILLED = "PARTIALLY_FULFILLED"
    FULFILLED = "FULFILLED"
    CANCELED = "CANCELED"
    RETURNED = "RETURNED"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """So many units of one SKU at one price (tax included). ``components`` are of a bundle, per
    unit, frozen as they were when it was sold."""

    id: str
    sku: str
    title: str
    quantity: int
    unit_price: Money
    fulfilled: int = 0
    returned: int = 0
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that a trusted caller says it has captured."""

    method: str
    amount: Money
    recorded_at: datetime
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One step in an order's life."""

    kind: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where to ship to."""

    recipient: str
    phone: str
    country_code: str
    region: str
    city: str
    street: str
    district: str | None = None
    postal_code: str | None = None
    geo: GeoPoint | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the goods reach the buyer: exactly one of a location or an address."""

    method: Method
    location: str | None = None
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order. ``system`` is where it was placed; ``external`` its ids in other systems."""

    id: str
    number: str
    channel: str
    status: OrderStatus
    lines: tuple[OrderLine, ...]
    currency: str
    placed_at: datetime
    updated_at: datetime
    subject: str
    delivery: Delivery | None = None
    member_id: str | None = None
    reservation_id: str | None = None
    payments: tuple[Payment, ...] = ()
    payment_due_at: datetime | None = None
    history: tuple[OrderEvent, ...] = ()
    associate_code: str | None = None
    origin_location: str | None = None
    system: str = "gateway"
    external: tuple[Provenance, ...] = ()
    version: int = 0

    @property
    def total(self) -> Money:
        """What the buyer owes in full."""
        zero = Money(0, self.currency)
        return sum((line.unit_price.times(line.quantity) for line in self.lines), zero)

    @property
    def paid(self) -> Money:
        """What has been captured so far."""
        return sum((payment.amount for payment in self.payments), Money(0, self.currency))

    def seen_at(self, now: datetime) -> "Order":
        """As it is at ``now``: unpaid past its deadline it is canceled, whoever looks."""
        if self.status is OrderStatus.PENDING and self.overdue(now):
            return replace(self, status=OrderStatus.CANCELED)
        return self

    def overdue(self, now: datetime) -> bool:
        """Says whether the payment deadline has passed."""
        return self.payment_due_at is not None and self.payment_due_at <= now


def pay(order: Order, payments: Sequence[Payment], by: str, now: datetime) -> Order:
    """The order with more money on it: CONFIRMED once paid in full.

    Raises:
        OrderNotOpen: canceled, overdue or already paid.
        InvalidInput: another currency, nothing, or more than is owed.
    """
    seen = order.seen_at(now)
    if seen.status is not OrderStatus.PENDING and order.paid.minor >= order.total.minor:
        raise OrderNotOpen(f"order {order.number} is {seen.status}; there is nothing to pay")
    if seen.status in (OrderStatus.CANCELED, OrderStatus.RETURNED):
        raise OrderNotOpen(f"order {order.number} is {seen.status}; give the money back")
    for payment in payments:
        if payment.amount.currency != order.currency:
            raise InvalidInput(f"order {order.number} is in {order.currency}", field=_AMOUNT)
        if payment.amount.minor <= 0:
            raise InvalidInput("a payment is more than nothing", field=_AMOUNT)
    after = replace(
        order,
        payments=(*order.payments, *payments),
        history=(*order.history, *(OrderEvent("PAID", now, by) for _ in payments)),
        updated_at=now,
    )
    if after.paid.minor > after.total.minor:
        owed = Money(order.total.minor - order.paid.minor, order.currency)
        raise InvalidInput(f"{owed.amount} {owed.currency} is owed, not more", field=_AMOUNT)
    if after.paid.minor == after.total.minor and order.status is OrderStatus.PENDING:
        return confirm(after, by, now)
    return after


_AMOUNT = ("input", "payment", "amount")


def confirm(order: Order, by: str, now: datetime) -> Order:
    """The order made firm: its units are committed, its backends will be told."""
    assert order.status is OrderStatus.PENDING
    return replace(
        order,
        status=OrderStatus.CONFIRMED,
        payment_due_at=None,
        history=(*order.history, OrderEvent("CONFIRMED", now, by)),
        updated_at=now,
    )


def cancel(order: Order, by: str, now: datetime) -> Order:
    """The order called off.

    Raises:
        OrderNotOpen: something has left the building already, or it is canceled.
    """
    seen = order.seen_at(now)
    if seen.status not in (OrderStatus.PENDING, OrderStatus.CONFIRMED):
        raise OrderNotOpen(f"order {order.number} is {seen.status}; it cannot be canceled")
    return replace(
        order,
        status=OrderStatus.CANCELED,
        history=(*order.history, OrderEvent("CANCELED", now, by)),
        updated_at=now,
    )


def lapse(order: Order, now: datetime) -> Order:
    """The unpaid order whose deadline has passed, written down as canceled."""
    assert order.status is OrderStatus.PENDING and order.overdue(now)
    event = OrderEvent("PAYMENT_OVERDUE", now, "gateway")
    return replace(
        order, status=OrderStatus.CANCELED, history=(*order.history, event), updated_at=now
    )


def shipped(order: Order, sku: str, total: int, by: str, now: datetime) -> tuple[Order, int]:
    """The order after a backend says that ``total`` units of a SKU have left in all, and how many
    of them are new. Saying it again changes nothing."""
    fresh = 0
    lines: list[OrderLine] = []
    left = total
    for line in order.lines:
        if line.sku != sku:
            lines.append(line)
            continue
        out = max(line.fulfilled, min(line.quantity, left))
        left = max(0, left - out)
        fresh += out - line.fulfilled
        lines.append(replace(line, fulfilled=out))
    if not fresh:
        return order, 0
    whole = all(line.fulfilled == line.quantity for line in lines)
    status = OrderStatus.FULFILLED if whole else OrderStatus.PARTIALLY_FULFILLED
    event = OrderEvent(status, now, by)
    after = replace(
        order, lines=tuple(lines), status=status, updated_at=now, history=(*order.history, event)
    )
    return after, fresh
