"""Money as it is written, against decimal arithmetic (P3)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.domain.values import MINOR_MAX, Money, digits_of, money


@given(st.integers(-MINOR_MAX, MINOR_MAX), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_an_amount_has_all_digits_of_its_currency_and_is_read_as_it_was(
    minor: int, currency: str
) -> None:
    unit = Decimal(1).scaleb(-digits_of(currency))

    written = Money(minor, currency).amount

    assert written == str((Decimal(minor) * unit).quantize(unit))
    assert money(written, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (0, "CNY", "0.00"),
        (5, "CNY", "0.05"),
        (-5, "CNY", "-0.05"),
        (-100, "CNY", "-1.00"),
        (128_000, "CNY", "1280.00"),
        (-7, "JPY", "-7"),
        (12, "KWD", "0.012"),
        (-1_234, "KWD", "-1.234"),
    ],
)
def test_small_and_negative_amounts(minor: int, currency: str, written: str) -> None:
    assert Money(minor, currency).amount == written
