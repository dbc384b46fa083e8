"""What backends are told of an order: one sale for each location that its units are pinned at.

Such backends speak of stocked SKUs, so a bundle is told as its components, its price shared over
them to the last minor unit. A channel may have a backend of its own besides, which is told the
orders that were placed here whole, in the words of the buyer. Pure.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from resolvers.domain.catalog import Component
from resolvers.domain.orders import HOUSE, Order, OrderLine
from resolvers.domain.outbox import Sale, SaleLine, Write, WriteAction
from resolvers.domain.stock import Pin
from resolvers.domain.values import Money, shares


def references_of(order: Order, pins: Iterable[Pin]) -> tuple[tuple[str, str], ...]:
    """The reference of each location's sale, settled once, when the order is made firm.

    A single sale bears the order's number; of several, each bears the number and its location.
    """
    places = sorted({pin.location for pin in pins})
    if len(places) == 1:
        return ((places[0], order.number),)
    return tuple((at, f"{order.number}/{at}") for at in places)


def reference_anew(order: Order, location: str) -> str:
    """The reference of a location's sale that takes the place of an earlier one."""
    return f"{order.number}/{location}/{order.version}"


def sales_of(order: Order, pins: Iterable[Pin]) -> list[Sale]:
    """The order's sales, by location."""
    references = dict(order.sales)
    units = _units(order.lines)
    places: dict[str, list[Pin]] = {}
    for pin in sorted(pins, key=lambda pin: (pin.location, pin.sku)):
        places.setdefault(pin.location, []).append(pin)
    sales: list[Sale] = []
    for location, pinned in places.items():
        lines = tuple(line for pin in pinned for line in _dealt(pin, units.get(pin.sku, deque())))
        reference = references[location]
        sales.append(Sale(reference, location, order.placed_at, lines, channel=order.channel))
    return sales


def _dealt(pin: Pin, runs: deque[tuple[Money, int]]) -> list[SaleLine]:
    """Units of a pin at the prices that are next; each run is consumed as far as it is needed."""
    counted: dict[Money, int] = {}
    left = pin.quantity
    while left and runs:
        price, count = runs.popleft()
        units = min(left, count)
        counted[price] = counted.get(price, 0) + units
        left -= units
        if count > units:
            runs.appendleft((price, count - units))
    return [SaleLine(pin.sku, units, price) for price, units in counted.items()]


def of_channel(code: str) -> str:
    """The key among sinks of the backend that a channel's orders are told to, whole. No location
    has such a code.
    """
    return f"\x1f{code}"


def number_of(reference: str) -> str:
    """The order's number in a sale's reference."""
    return reference.split("/", 1)[0]


def writes_of(
    order: Order,
    pins: Iterable[Pin],
    sinks: Mapping[str, str],
    action: WriteAction,
    now: datetime,
) -> list[Write]:
    """What the backends of the pinned locations are to be told.

    ``sinks`` is the backend that takes sales, by location, and by ``of_channel`` that which takes
    orders; a location without one is nobody's to tell. No backend is told of an order both ways.
    """
    writes = [
        Write(
            f"{order.id}/{action}/{_told_as(order, sale)}",
            sinks[sale.location],
            action,
            order.id,
            now,
            sale=sale,
            order_id=order.id,
        )
        for sale in sales_of(order, pins)
        if sale.location in sinks
    ]
    whole = sinks.get(of_channel(order.channel))
    if whole is None or order.system != HOUSE or whole in {write.backend for write in writes}:
        return writes
    lines = tuple(SaleLine(line.sku, line.quantity, line.unit_price) for line in order.lines)
    sale = Sale(order.number, "", order.placed_at, lines, channel=order.channel)
    id = f"{order.id}/{action}/@{whole}"
    return [*writes, Write(id, whole, action, order.id, now, sale=sale, order_id=order.id)]


def _told_as(order: Order, sale: Sale) -> str:
    """What tells a sale's writes from those of the order's others: its location, or where it is not
    the first there its reference.
    """
    first = (order.number, f"{order.number}/{sale.location}")
    return sale.location if sale.reference in first else sale.reference


def _units(lines: Sequence[OrderLine]) -> dict[str, deque[tuple[Money, int]]]:
    """Runs of units at one price, by stocked SKU, in the order of the lines."""
    runs: dict[str, deque[tuple[Money, int]]] = {}
    for line in lines:
        parts = line.components or (Component(line.sku, 1),)
        of_unit = [part.sku for part in parts for _ in range(part.quantity)]
        prices = shares(line.unit_price.minor, [1] * len(of_unit))
        for sku, minor in zip(of_unit, prices, strict=True):
            each = Money(minor, line.unit_price.currency)
            runs.setdefault(sku, deque()).append((each, line.quantity))
    return runs
