"""Shopify's orders as ours. Pure: no network, no clock.

Money is the shop's own, exact. A line's units are those that were sold and not taken off before
they left; what came back is counted as returned.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.marketplace.shopify_order_rows import (
    Address,
    Fulfillment,
    Line,
    Order,
)
from connectors.marketplace.shopify_translate import Terms, money_of, number_of
from resolvers.domain import orders
from resolvers.domain.catalog import Provenance
from resolvers.domain.locations import Channel, GeoPoint, Method
from resolvers.domain.members import member_id
from resolvers.domain.orders import Delivery, OrderEvent, OrderLine, OrderStatus, Payment

_FIRM = ("AUTHORIZED", "PAID", "PARTIALLY_REFUNDED", "REFUNDED")
"""The buyer's money is there, or will be when the goods leave."""

_LEFT = ("SUCCESS", "OPEN", "PENDING")
_CAPTURED = ("SALE", "CAPTURE")


@dataclass(frozen=True, slots=True)
class Units:
    """Of one line: sold and not taken off before they left, left, and come back."""

    sold: int
    fulfilled: int
    returned: int


def is_whole(line: Line) -> bool:
    """Says whether nothing was taken off a line or sent back."""
    return line.current_quantity == line.quantity


def is_till(order: Order) -> bool:
    """Says whether it was sold in a shop."""
    return order.retail_location is not None or order.source_name == "pos"


def channel_of(order: Order, terms: Terms) -> Channel | None:
    """The channel that an order belongs to; None where that takes none in this currency."""
    channel = terms.tills if is_till(order) else terms.channel
    return channel if channel is not None and channel.currency == order.currency_code else None


def left_of(fulfillments: Sequence[Fulfillment]) -> Mapping[str, int]:
    """The units of each line that have left, by its id."""
    left: dict[str, int] = {}
    for fulfillment in fulfillments:
        if fulfillment.status in _LEFT:
            for line in fulfillment.fulfillment_line_items.nodes:
                left[line.line_item.id] = left.get(line.line_item.id, 0) + (line.quantity or 0)
    return left


def order_of(
    order: Order,
    lines: Sequence[Line],
    left: Mapping[str, int],
    terms: Terms,
    locations: Mapping[int, str],
) -> orders.Order | None:
    """An order as ours; None where it is none for the house: no channel takes it, or no goods.

    ``left`` is asked for where a line is not whole; ``locations`` are our codes by the number of
    Shopify's.
    """
    channel = channel_of(order, terms)
    canceled = order.cancelled_at is not None
    counted = [(line, units_of(line, left, canceled=canceled)) for line in lines]
    sold = [(line, units) for line, units in counted if (line.sku or "").strip() and units.sold]
    if channel is None or not sold:
        return None
    ours = tuple(
        OrderLine(
            str(number_of(line.id)),
            (line.sku or "").strip(),
            line.name,
            units.sold,
            money_of(line.original_unit_price_set.shop_money, terms.system),
            fulfilled=units.fulfilled,
            returned=units.returned,
        )
        for line, units in sold
    )
    cut = any(units.sold < line.quantity for line, units in counted)
    charged = _charged(order, ours, terms.system, cut=cut)
    place = locations.get(number_of(order.retail_location.id)) if order.retail_location else None
    status = _status(order, ours)
    return orders.Order(
        id=f"{terms.system}-{number_of(order.id)}",
        number=order.name,
        channel=channel.code,
        status=status,
        lines=ours,
        currency=order.currency_code,
        placed_at=order.processed_at,
        updated_at=order.updated_at,
        subject=f"backend:{terms.system}",
        delivery=_delivery(order, place),
        member_id=None if order.customer is None else member_id(terms.system, order.customer.id),
        payments=tuple(_payments(order, terms.system)),
        history=(
            OrderEvent("PLACED", order.processed_at, terms.system),
            OrderEvent(status, order.updated_at, terms.system),
        ),
        origin_location=place,
        system=terms.system,
        external=(Provenance(terms.system, order.id, order.updated_at + _within(status, ours)),),
        discounts_minor=charged.discounts,
        shipping_minor=charged.shipping,
        tax_minor=charged.tax,
    )


def units_of(line: Line, left: Mapping[str, int], *, canceled: bool) -> Units:
    """The units of a line. What has left and is not counted any more has come back; what never
    left and is not counted any more was taken off, unless all of the order was called off.
    """
    if is_whole(line):
        return Units(line.quantity, line.quantity - line.unfulfilled_quantity, 0)
    if canceled:
        return Units(line.quantity, left.get(line.id, 0), left.get(line.id, 0))
    kept = max(0, line.current_quantity - line.unfulfilled_quantity)
    fulfilled = max(kept, left.get(line.id, 0))
    return Units(fulfilled + line.unfulfilled_quantity, fulfilled, fulfilled - kept)


@dataclass(frozen=True, slots=True)
class _Charged:
    discounts: int
    shipping: int
    tax: int


def _charged(order: Order, ours: Sequence[OrderLine], system: str, *, cut: bool) -> _Charged:
    """What stands beside the lines, so that all of it comes to Shopify's total: what is more than
    lines, way and tax (tips, duties, lines without SKU) counts as way, what is less as discount.
    ``cut``: something was taken off.
    """
    total_of, tax_of = (
        (order.current_total_price_set, order.current_total_tax_set)
        if cut
        else (order.total_price_set, order.total_tax_set or order.current_total_tax_set)
    )
    total = money_of(total_of.shop_money, system).minor
    tax = 0 if order.taxes_included else money_of(tax_of.shop_money, system).minor
    shipping = money_of(order.total_shipping_price_set.shop_money, system).minor
    goods = sum(line.unit_price.minor * line.quantity for line in ours)
    over = total - goods - tax - shipping
    return _Charged(max(0, -over), shipping + max(0, over), tax)


def _status(order: Order, lines: Sequence[OrderLine]) -> OrderStatus:
    if order.cancelled_at is not None:
        return OrderStatus.CANCELED
    if all(line.returned == line.quantity for line in lines):
        return OrderStatus.RETURNED
    if all(line.fulfilled == line.quantity for line in lines):
        return OrderStatus.FULFILLED
    if any(line.fulfilled for line in lines):
        return OrderStatus.PARTIALLY_FULFILLED
    firm = order.display_financial_status in _FIRM or not order.display_financial_status
    return OrderStatus.CONFIRMED if firm else OrderStatus.PENDING


def _within(status: OrderStatus, lines: Sequence[OrderLine]) -> timedelta:
    """How far into the second of its stamp a state is taken to be: Shopify's stamps are whole
    seconds, and of two states in one second the one that is further on is the later.
    """
    moved = sum(line.fulfilled + line.returned for line in lines)
    return timedelta(microseconds=_FURTHER.index(status) * 100_000 + min(moved, 99_999))


_FURTHER = (
    OrderStatus.PENDING,
    OrderStatus.CONFIRMED,
    OrderStatus.PARTIALLY_FULFILLED,
    OrderStatus.FULFILLED,
    OrderStatus.RETURNED,
    OrderStatus.CANCELED,
)


def _delivery(order: Order, place: str | None) -> Delivery | None:
    if is_till(order):
        return None if place is None else Delivery(Method.TAKEAWAY, location=place)
    if order.shipping_address is None:
        return None
    return Delivery(Method.SHIP, address=_address(order.shipping_address))


def _address(told: Address) -> orders.Address:
    geo = None
    if told.latitude is not None and told.longitude is not None:
        geo = GeoPoint(told.latitude, told.longitude)
    return orders.Address(
        recipient=told.name or "",
        phone=told.phone or "",
        country_code=told.country_code_v2 or "",
        region=told.province or "",
        city=told.city or "",
        street=", ".join(part for part in (told.address1, told.address2) if part),
        postal_code=told.zip,
        geo=geo,
    )


def _payments(order: Order, system: str) -> Iterator[Payment]:
    """Money that was captured; what was given back since is not taken off."""
    for it in order.transactions:
        amount = money_of(it.amount_set.shop_money, system)
        if it.kind in _CAPTURED and it.status == "SUCCESS" and amount.minor > 0:
            method = it.formatted_gateway or it.gateway or "unknown"
            yield Payment(method, amount, it.processed_at or it.created_at, it.id)
