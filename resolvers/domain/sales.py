"""What backends are told of an order: one sale for each location that its units are pinned at.

Backends speak of stocked SKUs, so a bundle is told as its components, its price shared over them to
the last minor unit. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from resolvers.domain.catalog import Component
from resolvers.domain.orders import Order, OrderLine
from resolvers.domain.outbox import Sale, SaleLine, Write, WriteAction
from resolvers.domain.stock import Pin
from resolvers.domain.values import Money, shares


def sales_of(order: Order, pins: Iterable[Pin]) -> list[Sale]:
    """The order's sales, by location.

    A single one bears the order's number; of several, each bears the number and its location.
    """
    units = _units(order.lines)
    places: dict[str, list[Pin]] = {}
    for pin in sorted(pins, key=lambda pin: (pin.location, pin.sku)):
        places.setdefault(pin.location, []).append(pin)
    sales: list[Sale] = []
    for location, pinned in places.items():
        lines: list[SaleLine] = []
        for pin in pinned:
            taken = [units[pin.sku].pop(0) for _ in range(min(pin.quantity, len(units[pin.sku])))]
            lines += [SaleLine(pin.sku, count, price) for price, count in Counter(taken).items()]
        reference = order.number if len(places) == 1 else f"{order.number}/{location}"
        sales.append(Sale(reference, location, order.placed_at, tuple(lines)))
    return sales


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

    ``sinks`` is the backend that takes sales, by location; a location without one is nobody's to
    tell.
    """
    return [
        Write(
            f"{order.id}/{action}/{sale.location}",
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


def _units(lines: Sequence[OrderLine]) -> dict[str, list[Money]]:
    """The price of every single unit that is sold, by stocked SKU, in the order of the lines."""
    units: dict[str, list[Money]] = {}
    for line in lines:
        parts = line.components or (Component(line.sku, 1),)
        of_unit = [part.sku for part in parts for _ in range(part.quantity)]
        prices = shares(line.unit_price.minor, [1] * len(of_unit))
        for sku, minor in zip(of_unit, prices, strict=True):
            each = Money(minor, line.unit_price.currency)
            units.setdefault(sku, []).extend([each] * line.quantity)
    return units
