"""What an order in Vendure lacks until it is the sale that we were told. Pure; amounts are minor
units with tax.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.marketplace.vendure_wire import Row
from resolvers.domain.outbox import Sale

DRAFT = "Draft"
PAYING = "ArrangingPayment"
CALLED_OFF = "Cancelled"
LEFT = frozenset({"PartiallyShipped", "Shipped", "PartiallyDelivered", "Delivered"})
"""States of an order of which goods have left."""

DONE = LEFT | {"PaymentAuthorized", "PaymentSettled"}
"""States of an order that was placed and stands."""


class CannotEnter(Exception):
    """The shop's rules are against a sale; its words are safe to show."""


@dataclass(frozen=True, slots=True)
class LineStep:
    """What makes one line right: ``line`` adjusted to a quantity (0 takes it out), or None: so many
    units of a SKU added at a price.
    """

    line: str | None
    quantity: int
    sku: str = ""
    price: int | None = None


def line_step(sale: Sale, lines: Sequence[Row]) -> LineStep | None:
    """The first line that is not as it should be; None if all are."""
    wanted: dict[tuple[str, int | None], int] = {}
    key: tuple[str, int | None]
    for line in sale.lines:
        key = (line.sku, line.unit_price.minor)
        wanted[key] = wanted.get(key, 0) + line.quantity
    for row in lines:
        key = (row["productVariant"]["sku"], (row["customFields"] or {}).get("gatewayPrice"))
        quantity = wanted.pop(key, 0)
        if row["quantity"] != quantity:
            return LineStep(row["id"], quantity)
    for (sku, price), quantity in wanted.items():
        return LineStep(None, quantity, sku, price)
    return None


def total_of(sale: Sale) -> int:
    """What the order comes to."""
    return sum(line.unit_price.minor * line.quantity for line in sale.lines)


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """What is still to be paid back: ``refund`` settled, or None: ``amount`` of ``payment``."""

    payment: str
    refund: str | None
    amount: int


def money_back(payments: Sequence[Row], reference: str) -> MoneyBack | None:
    """The first of our payments that is not paid back in full. A refund that failed counts for
    nothing.
    """
    for payment in payments:
        if payment["state"] != "Settled" or payment["transactionId"] != reference:
            continue
        left = payment["amount"]
        for refund in payment["refunds"]:
            if refund["state"] == "Pending":
                return MoneyBack(payment["id"], refund["id"], refund["total"])
            left -= refund["total"] if refund["state"] == "Settled" else 0
        if left > 0:
            return MoneyBack(payment["id"], None, left)
    return None
