"""Orders: what a buyer bought, what was paid, and what a step makes of it.

The selling system owns the commercial terms, the gateway owns the allocation. An unpaid order is
PENDING and keeps its stock until ``payment_due_at``, no longer. Pure; money in minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from resolvers.domain.catalog import Component, Provenance
from resolvers.domain.errors import InvalidInput, NotFound, OrderNotOpen
from resolvers.domain.locations import GeoPoint, Method
from resolvers.domain.values import Money

HOUSE = "gateway"
"""The system of orders that were placed here."""


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
    """So many units of one SKU at one price (tax included).

    ``components`` are of a bundle, per unit, frozen as they were when it was sold. A line of no
    units tells of some that came back, and that nobody knows which order had sold them.
    """

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
    """One step in an order's life; ``note`` is why, in the words of who took it."""

    kind: str
    at: datetime
    by: str
    note: str | None = None


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
    """One order.

    ``system`` is where it was placed; ``external`` its ids in other systems; ``departed`` the
    units of each stocked SKU that have left for it, ``left`` the same by the reference of the sale
    that they left for, ``sales`` the reference under which each location's part was told to its
    backend.
    """

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
    system: str = HOUSE
    external: tuple[Provenance, ...] = ()
    departed: tuple[tuple[str, int], ...] = ()
    sales: tuple[tuple[str, str], ...] = ()
    left: tuple[tuple[str, str, int], ...] = ()
    discounts_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    version: int = 0

    @property
    def subtotal(self) -> Money:
        """The sum of the lines."""
        zero = Money(0, self.currency)
        return sum((line.unit_price.times(line.quantity) for line in self.lines), zero)

    @property
    def discounts(self) -> Money:
        """What the selling system took off the whole order."""
        return Money(self.discounts_minor, self.currency)

    @property
    def shipping(self) -> Money:
        """What the buyer pays for the way."""
        return Money(self.shipping_minor, self.currency)

    @property
    def tax(self) -> Money:
        """Tax on top of prices that include none; where they do, nothing."""
        return Money(self.tax_minor, self.currency)

    @property
    def total(self) -> Money:
        """What the buyer owes in full."""
        added = self.shipping_minor + self.tax_minor - self.discounts_minor
        return self.subtotal + Money(added, self.currency)

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


def pay(
    order: Order,
    payments: Sequence[Payment],
    by: str,
    now: datetime,
    *,
    field: tuple[str, ...] = (),
    numbered: bool = False,
) -> Order:
    """The order with more money on it: CONFIRMED once paid in full.

    ``field`` is where the payments stood in the input; ``numbered`` if they were a list there.

    Raises:
        OrderNotOpen: canceled, overdue or already paid.
        InvalidInput: another currency, nothing, or more than is owed.
    """
    seen = order.seen_at(now)
    if seen.status is not OrderStatus.PENDING and order.paid.minor >= order.total.minor:
        raise OrderNotOpen(f"order {order.number} is {seen.status}; there is nothing to pay")
    if seen.status in (OrderStatus.CANCELED, OrderStatus.RETURNED):
        raise OrderNotOpen(f"order {order.number} is {seen.status}; give the money back")
    for at, payment in enumerate(payments):
        blamed = (*field, str(at), "amount") if numbered else field
        if payment.amount.currency != order.currency:
            raise InvalidInput(f"order {order.number} is in {order.currency}", field=blamed)
        if payment.amount.minor <= 0:
            raise InvalidInput("a payment is more than nothing", field=blamed)
    after = replace(
        order,
        payments=(*order.payments, *payments),
        history=(*order.history, *(OrderEvent("PAID", now, by) for _ in payments)),
        updated_at=now,
    )
    if after.paid.minor > after.total.minor:
        owed = Money(order.total.minor - order.paid.minor, order.currency)
        raise InvalidInput(f"{owed.amount} {owed.currency} is owed, not more", field=field)
    if after.paid.minor == after.total.minor and order.status is OrderStatus.PENDING:
        return confirm(after, by, now)
    return after


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


def cancel(order: Order, by: str, now: datetime, note: str | None = None) -> Order:
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
        history=(*order.history, OrderEvent("CANCELED", now, by, note)),
        updated_at=now,
    )


def lapse(order: Order, now: datetime) -> Order:
    """The unpaid order whose deadline has passed, written down as canceled."""
    assert order.status is OrderStatus.PENDING
    assert order.overdue(now)
    event = OrderEvent("PAYMENT_OVERDUE", now, "gateway")
    return replace(
        order, status=OrderStatus.CANCELED, history=(*order.history, event), updated_at=now
    )


def shipped(order: Order, sku: str, units: int, by: str, now: datetime) -> Order:
    """The order after ``units`` more of a stocked SKU have left for it.

    A bundle is fulfilled as far as all of its parts have left.
    """
    assert units > 0
    departed = dict(order.departed)
    departed[sku] = departed.get(sku, 0) + units
    lines = dealt(order.lines, departed)
    done = all(line.fulfilled == line.quantity for line in lines)
    status = OrderStatus.FULFILLED if done else OrderStatus.PARTIALLY_FULFILLED
    return replace(
        order,
        lines=lines,
        status=status,
        departed=tuple(sorted(departed.items())),
        updated_at=now,
        history=(*order.history, OrderEvent(status, now, by)),
    )


def dealt(lines: Sequence[OrderLine], departed: Mapping[str, int]) -> tuple[OrderLine, ...]:
    """Lines fulfilled as far as all of their parts have left, by stocked SKU, and never less than
    they were.
    """
    left = dict(departed)
    after: list[OrderLine] = []
    for line in lines:
        parts = line.components or (Component(line.sku, 1),)
        whole = min(left.get(part.sku, 0) // part.quantity for part in parts)
        out = max(line.fulfilled, min(line.quantity, whole))
        for part in parts:
            left[part.sku] = left.get(part.sku, 0) - out * part.quantity
        after.append(replace(line, fulfilled=out))
    return tuple(after)


def reduced(
    order: Order, cut: Mapping[str, int], by: str, now: datetime, note: str | None = None
) -> Order:
    """The unpaid order with fewer units: ``cut`` by order line id. A line of no units is gone.

    Raises:
        OrderNotOpen: it is not waiting for its payment.
        NotFound: no such line.
        InvalidInput: more than the line has, or less than what has been paid would be owed.
    """
    if order.seen_at(now).status is not OrderStatus.PENDING:
        raise OrderNotOpen(
            f"order {order.number} is {order.seen_at(now).status}; only an unpaid order can be "
            "canceled in part: cancel all of it, or let the rest come back as a return"
        )
    by_id = {line.id: line for line in order.lines}
    for at, (id, units) in enumerate(cut.items()):
        if id not in by_id:
            raise NotFound("the order has no such line", field=("input", "lines", at))
        if not 0 < units <= by_id[id].quantity:
            raise InvalidInput(
                f"the line has {by_id[id].quantity} units", field=("input", "lines", at, "quantity")
            )
    kept = [replace(line, quantity=line.quantity - cut.get(line.id, 0)) for line in order.lines]
    after = replace(
        order,
        lines=tuple(line for line in kept if line.quantity),
        updated_at=now,
        history=(*order.history, OrderEvent("REDUCED", now, by, note)),
    )
    if not after.lines or after.total.minor <= after.paid.minor:
        raise InvalidInput(
            "nothing would be left to pay; cancel the whole order", field=("input", "lines")
        )
    return after
