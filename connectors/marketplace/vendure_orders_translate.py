"""Vendure's orders as ours. Pure: no network, no clock.

What a buyer owes is exact: lines at their price before discounts, the way, and off them whatever is
between their sum and the shop's own total.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.marketplace.vendure_client import HOME
from connectors.marketplace.vendure_wire import Row, instant
from resolvers.domain.catalog import Provenance
from resolvers.domain.identities import phone_if_any
from resolvers.domain.locations import Channel, Method
from resolvers.domain.members import member_id
from resolvers.domain.orders import (
    Address,
    Delivery,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
    Payment,
)
from resolvers.domain.values import Money

CALLED_OFF = "Cancelled"

_LEFT = frozenset({"Shipped", "Delivered"})
"""States of a fulfillment whose goods have left."""

_SETTLED = "Settled"


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What all orders of one shop share. ``channels`` are ours by the shop's code."""

    system: str
    channels: Mapping[str, Channel]
    region: str


def translate_order(row: Row, terms: OrderTerms) -> Order | None:
    """An order that was placed; None where it is none for the house.

    That is: of a channel that is none of ours, in another currency than its channel's, or without
    goods.
    """
    channel = channel_of(row, terms.channels)
    if channel is None or channel.currency != row["currencyCode"]:
        return None
    left = _units_left(row)
    lines = tuple(_lines(row, left))
    if not lines:
        return None
    placed_at, updated_at = instant(row["orderPlacedAt"]), changed_at(row)
    customer = row["customer"]
    return Order(
        id=f"{terms.system}-{row['id']}",
        number=row["code"],
        channel=channel.code,
        status=_status(row, lines),
        lines=lines,
        currency=row["currencyCode"],
        placed_at=placed_at,
        updated_at=updated_at,
        subject=f"backend:{terms.system}",
        delivery=_delivery(row["shippingAddress"], terms.region),
        member_id=None if customer is None else member_id(terms.system, customer["id"]),
        payments=tuple(
            Payment(
                payment["method"],
                Money(payment["amount"], row["currencyCode"]),
                instant(payment["createdAt"]),
                payment["transactionId"],
            )
            for payment in row["payments"] or ()
            if payment["state"] == _SETTLED
        ),
        history=tuple(_history(row, _status(row, lines), terms.system)),
        system=terms.system,
        external=(Provenance(terms.system, row["id"], updated_at),),
        discounts_minor=_taken_off(row),
        shipping_minor=row["shippingWithTax"],
    )


def channel_of(row: Row, channels: Mapping[str, Channel]) -> Channel | None:
    """Our channel of an order. Vendure puts it into its own channel and into the home one."""
    codes = [channel["code"] for channel in row["channels"]]
    [own] = [code for code in codes if code != HOME] or [HOME]
    return channels.get(own)


def changed_at(row: Row) -> datetime:
    """When anything of an order last changed. Its own stamp does not say: transitions, refunds and
    fulfillments leave it as it was.
    """
    payments = row["payments"] or ()
    parts = [row, *payments, *(refund for it in payments for refund in it["refunds"])]
    parts += row["fulfillments"] or ()
    return max(instant(row["orderPlacedAt"]), *(instant(part["updatedAt"]) for part in parts))


def _units_left(row: Row) -> Mapping[str, int]:
    """Units that have left the building, by order line."""
    left: dict[str, int] = {}
    for fulfillment in row["fulfillments"] or ():
        if fulfillment["state"] in _LEFT:
            for line in fulfillment["lines"]:
                id = line["orderLineId"]
                left[id] = left.get(id, 0) + line["quantity"]
    return left


def _lines(row: Row, left: Mapping[str, int]) -> Iterator[OrderLine]:
    """The lines. Units that were called off are gone, unless all of the order was; units that had
    left before they were called off have come back.
    """
    # Vendure tells them in any order.
    for line in sorted(row["lines"], key=lambda line: (len(line["id"]), line["id"])):
        out = left.get(line["id"], 0)
        units = max(line["quantity"], out)
        if row["state"] == CALLED_OFF and not left:
            units = line["orderPlacedQuantity"]
        if units > 0:
            yield OrderLine(
                line["id"],
                line["productVariant"]["sku"],
                line["productVariant"]["name"],
                units,
                Money(line["unitPriceWithTax"], row["currencyCode"]),
                fulfilled=out,
                returned=out - min(out, line["quantity"]),
            )


def _taken_off(row: Row) -> int:
    """What discounts took off what was not called off; below zero where a surcharge was put on."""
    if row["state"] == CALLED_OFF:
        return 0
    goods = sum(line["unitPriceWithTax"] * line["quantity"] for line in row["lines"])
    return int(goods + row["shippingWithTax"] - row["totalWithTax"])


def _status(row: Row, lines: tuple[OrderLine, ...]) -> OrderStatus:
    out = sum(line.fulfilled for line in lines)
    if row["state"] == CALLED_OFF:
        return OrderStatus.RETURNED if out else OrderStatus.CANCELED
    if not out:
        return OrderStatus.CONFIRMED
    if all(line.fulfilled >= line.quantity for line in lines):
        return OrderStatus.FULFILLED
    return OrderStatus.PARTIALLY_FULFILLED


def _history(row: Row, status: OrderStatus, system: str) -> Iterator[OrderEvent]:
    """What happened, as far as it can be told: placed, paid, refunded, and where it stands.

    Vendure stamps a payment before the order that it places.
    """
    yield OrderEvent("PLACED", instant(row["orderPlacedAt"]), system)
    events: list[OrderEvent] = []
    for payment in row["payments"] or ():
        if payment["state"] == _SETTLED:
            events.append(OrderEvent("PAID", instant(payment["createdAt"]), system))
        for refund in payment["refunds"]:
            if refund["state"] == _SETTLED:
                money = Money(refund["total"], row["currencyCode"])
                note = f"{money.amount} {money.currency}"
                events.append(OrderEvent("REFUNDED", instant(refund["updatedAt"]), system, note))
    if status is not OrderStatus.CONFIRMED:
        events.append(OrderEvent(status, changed_at(row), system))
    yield from sorted(events, key=lambda event: event.at)


def _delivery(address: Row | None, region: str) -> Delivery | None:
    """Where it is sent; None where the shop does not say."""
    if address is None or not address["streetLine1"]:
        return None
    street = " ".join(filter(None, (address["streetLine1"], address["streetLine2"])))
    to = Address(
        recipient=address["fullName"] or address["company"] or "",
        phone=phone_if_any(address["phoneNumber"], region) or "",
        country_code=address["countryCode"] or "",
        region=address["province"] or "",
        city=address["city"] or "",
        street=street,
        postal_code=address["postalCode"] or None,
    )
    return Delivery(Method.SHIP, address=to)
