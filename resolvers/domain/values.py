"""Values that every topic speaks: money, instants, and keys with their limits.

Money is an integer of minor units with its currency; instants are aware UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from resolvers.domain.errors import InvalidInput

KEY_LENGTH_MAX = 255
"""Longest idempotency key, in characters (the contract's limit, and the habit of the trade)."""

NAME_LENGTH_MAX = 255
"""Longest name that a caller gives to something of its own, in characters."""

LINES_MAX = 100
"""Most lines of one reservation or order, and most SKUs of one availability question."""

QUANTITY_MAX = 1_000_000
"""Most units of one line: above this a typing error is likelier than a sale."""

MINOR_MAX = 10**15
"""Largest amount, in minor units, that money may have; keeps every sum inside 64 bits."""

_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3, "JOD": 3, "OMR": 3, "TND": 3}
_DIGITS_DEFAULT = 2


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (fen, cents) of one currency (ISO 4217)."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        assert self.currency == other.currency, "an order never mixes currencies"
        return Money(self.minor + other.minor, self.currency)

    def times(self, quantity: int) -> "Money":
        """So many times this amount."""
        return Money(self.minor * quantity, self.currency)

    @property
    def amount(self) -> str:
        """The amount in major units, with all of the currency's digits: ``"1280.00"``."""
        digits = digits_of(self.currency)
        text = str(self.minor)
        if not digits:
            return text
        if len(text) <= digits + 1:  # so that a digit comes before the point, whatever the sign
            text = f"{self.minor:0{digits + 1 + (self.minor < 0)}}"
        return f"{text[:-digits]}.{text[-digits:]}"


def digits_of(currency: str) -> int:
    """Decimal digits of a currency's minor unit (ISO 4217; two where not listed)."""
    return _DIGITS.get(currency, _DIGITS_DEFAULT)


def money(amount: str | Decimal, currency: str, *, field: tuple[str | int, ...] = ()) -> Money:
    """Reads an amount in major units.

    Raises:
        InvalidInput: not a number, more digits than the currency has, or beyond all reason.
    """
    try:
        value = Decimal(amount).scaleb(digits_of(currency))
        beyond = abs(value) > MINOR_MAX  # before it is written out: 1e999990 has a million digits
    except (ArithmeticError, ValueError):
        raise InvalidInput(f"{str(amount)[:40]!r} is not an amount", field=field) from None
    if beyond:
        raise InvalidInput("the amount is beyond all reason", field=field)
    if value != int(value):
        raise InvalidInput(
            f"{currency} has {digits_of(currency)} decimal digits, not more", field=field
        )
    return Money(int(value), currency)


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` split by weight into whole parts that sum to it exactly.

    By largest remainder; of equal remainders the earlier part has it.
    """
    assert total >= 0
    assert weights
    assert min(weights) >= 0
    whole = sum(weights)
    if not whole:
        weights, whole = [1] * len(weights), len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(total * weights[at] % whole))
    for at in by_remainder[: total - sum(parts)]:
        parts[at] += 1
    return parts


def is_name(text: str) -> bool:
    """Says whether a text can be the name of something: people can print it, and see that it is
    there. Names are compared exactly, sign by sign: none is trimmed, folded or normalised.
    """
    return len(text) <= NAME_LENGTH_MAX and text.isprintable() and not text.isspace() and bool(text)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant, spelled out."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
