"""Net prices for Tryton from the gross prices that were promised to a buyer. Pure arithmetic.

Tryton knows only net unit prices of four decimals, and adds the tax itself: each line's net amount
is rounded to the cent, the tax once a sale or once a line. Not every gross amount has a net price
that comes to it exactly, so prices are looked for near the exact one until the total is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

STEP = Decimal("0.0001")
"""Tryton's unit prices have four decimals unless it is configured otherwise."""

STEPS_MAX = 120
"""How far to look: the net amount of one unit changes by a cent within 100 steps."""


@dataclass(frozen=True, slots=True)
class Priced:
    """So many units at a gross unit price, with the rate of their taxes in all (``0.13``)."""

    quantity: int
    gross: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Rounding:
    """How amounts are rounded: to the currency's ``unit`` (``0.01``), taxes ``by_line`` or once."""

    unit: Decimal
    by_line: bool

    def amount(self, value: Decimal) -> Decimal:
        """A value rounded as Tryton does: half to even."""
        return (value / self.unit).quantize(Decimal(1), ROUND_HALF_EVEN) * self.unit


def net_prices(lines: Sequence[Priced], rounding: Rounding) -> list[Decimal]:
    """Net unit prices whose total with tax is the gross one, or as near to it as there are any.

    Each line first comes as near to its own gross amount as it can; then lines are moved by a cent
    until their sum is right too.
    """
    prices = [_of_one(line, rounding) for line in lines]
    wanted = sum((line.gross * line.quantity for line in lines), Decimal(0))
    off = abs(total(lines, prices, rounding) - wanted)
    for at, line in enumerate(lines):
        if not off:
            break
        for price in _near(line, rounding):
            tried = [*prices[:at], price, *prices[at + 1 :]]
            if (less := abs(total(lines, tried, rounding) - wanted)) < off:
                prices, off = tried, less
                if not off:
                    break
    return prices


def total(lines: Sequence[Priced], prices: Sequence[Decimal], rounding: Rounding) -> Decimal:
    """What a sale comes to, tax included."""
    net = Decimal(0)
    taxes: dict[Decimal, Decimal] = {}
    for line, price in zip(lines, prices, strict=True):
        amount = price * line.quantity
        net += rounding.amount(amount)
        tax = amount * line.rate
        taxes[line.rate] = taxes.get(line.rate, Decimal(0)) + (
            rounding.amount(tax) if rounding.by_line else tax
        )
    return net + sum((rounding.amount(tax) for tax in taxes.values()), Decimal(0))


def _of_one(line: Priced, rounding: Rounding) -> Decimal:
    """The price nearest to the exact one whose line comes to its gross amount, if there is one."""
    wanted = line.gross * line.quantity
    exactly = (
        price for price in _near(line, rounding) if total([line], [price], rounding) == wanted
    )
    return next(exactly, _exact(line))


def _near(line: Priced, rounding: Rounding) -> list[Decimal]:
    """Prices around the exact one whose line is off by less than 1.5 cents, nearest first."""
    exact = _exact(line)
    steps = sorted(range(-STEPS_MAX, STEPS_MAX + 1), key=abs)
    near = [exact + step * STEP for step in steps]
    wanted = line.gross * line.quantity
    allowed = rounding.unit * Decimal("1.5")
    return [
        price
        for price in near
        if price >= 0 and abs(price * line.quantity * (1 + line.rate) - wanted) < allowed
    ] or [exact]


def _exact(line: Priced) -> Decimal:
    return (line.gross / (1 + line.rate)).quantize(STEP)
