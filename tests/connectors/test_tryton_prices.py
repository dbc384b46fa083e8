"""Net prices that come to what a buyer pays."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connectors.erp.tryton_prices import STEP, Priced, Rounding, net_prices, total

VAT = Decimal("0.13")
BY_SALE = Rounding(Decimal("0.01"), by_line=False)
BY_LINE = Rounding(Decimal("0.01"), by_line=True)

LINES = st.lists(
    st.builds(
        Priced,
        st.integers(1, 20),
        st.integers(0, 500_000).map(lambda minor: Decimal(minor) / 100),
        st.sampled_from([Decimal(0), Decimal("0.06"), VAT]),
    ),
    min_size=1,
    max_size=8,
)


def wanted(lines: list[Priced]) -> Decimal:
    return sum((line.gross * line.quantity for line in lines), Decimal(0))


def test_a_total_that_plain_division_misses_is_met():
    lines = [Priced(2, Decimal(737), VAT), Priced(1, Decimal(247), VAT)]

    divided = [Decimal("652.2124"), Decimal("218.5841")]
    prices = net_prices(lines, BY_SALE)

    assert total(lines, divided, BY_SALE) == Decimal("1720.99")
    assert total(lines, prices, BY_SALE) == Decimal("1721.00")
    assert prices == [Decimal("652.2126"), Decimal("218.5841")]


def test_a_price_without_tax_is_the_price():
    assert net_prices([Priced(3, Decimal("9.99"), Decimal(0))], BY_SALE) == [Decimal("9.9900")]


@given(LINES)
def test_a_line_comes_to_what_its_buyer_pays_if_any_price_of_four_decimals_does(lines):
    for rounding in (BY_SALE, BY_LINE):
        line = lines[0]
        near = (line.gross / (1 + line.rate)).quantize(STEP)
        tried = [near + step * STEP for step in range(-200, 201)]
        reachable = any(
            total([line], [price], rounding) == wanted([line]) for price in tried if price >= 0
        )

        met = total([line], net_prices([line], rounding), rounding) == wanted([line])

        assert met is reachable


@given(LINES)
def test_a_sale_is_off_by_no_more_than_a_cent_a_line(lines):
    for rounding in (BY_SALE, BY_LINE):
        off = total(lines, net_prices(lines, rounding), rounding) - wanted(lines)
        assert abs(off) <= Decimal("0.01") * len(lines)


def test_a_line_that_no_price_meets_is_off_by_a_cent():
    """14 units at 0.09: one step of the price takes the total from 1.25 to 1.27."""
    lines = [Priced(14, Decimal("0.09"), VAT)]

    steps = [total(lines, [Decimal(price)], BY_SALE) for price in ("0.0796", "0.0797")]

    assert steps == [Decimal("1.25"), Decimal("1.27")]
    assert total(lines, net_prices(lines, BY_SALE), BY_SALE) == Decimal("1.25")


@given(LINES)
def test_no_line_is_off_by_more_than_a_cent_and_a_half(lines):
    for line, price in zip(lines, net_prices(lines, BY_SALE), strict=True):
        gross = price * line.quantity * (1 + line.rate)
        assert abs(gross - line.gross * line.quantity) < Decimal("0.015")


def test_where_no_price_has_enough_decimals_the_nearest_is_taken():
    lines = [Priced(10_000, Decimal("0.05"), VAT)]

    prices = net_prices(lines, BY_SALE)

    assert abs(total(lines, prices, BY_SALE) - Decimal(500)) < Decimal("0.6")
    assert prices == [Decimal("0.0442")]
