"""Instants, decimals and JSON: what goes out, and what may come in."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError
from strawberry.scalars import JSON

from schema.scalars import SCALARS

SHANGHAI = timezone(timedelta(hours=8))


def written(kind: object, value: object) -> Any:
    serialize = SCALARS[kind].serialize
    assert serialize is not None
    return serialize(value)


def read(kind: object, value: object) -> Any:
    parse = SCALARS[kind].parse_value
    assert parse is not None
    return parse(value)


def test_an_instant_is_told_in_utc() -> None:
    assert written(datetime, datetime(2026, 3, 1, 17, 30, tzinfo=SHANGHAI)) == (
        "2026-03-01T09:30:00Z"
    )
    assert written(datetime, datetime(2026, 3, 1, 9, 30, 0, 1500, tzinfo=UTC)) == (
        "2026-03-01T09:30:00.001500Z"
    )


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T09:30:00Z",
        "2026-03-01t09:30:00z",
        "2026-03-01T17:30:00+08:00",
        "2026-03-01T09:30:00.000000000Z",
    ],
)
def test_an_instant_may_come_with_any_offset(text: str) -> None:
    assert read(datetime, text) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01",
        "2026-03-01T09:30:00",
        "2026-03-01 09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-03-01T09:30:00+99:00",
        "0001-01-01T00:00:00+14:00",
        "٢٠٢٦-03-01T09:30:00Z",
        "",
        1_772_357_400,
        None,
    ],
)
def test_what_is_no_instant_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError):
        read(datetime, value)


@pytest.mark.parametrize(("value", "number"), [("1280.00", "1280.00"), ("-3", "-3"), (12, "12")])
def test_a_decimal_keeps_its_digits(value: object, number: str) -> None:
    assert str(read(Decimal, value)) == number


@pytest.mark.parametrize("value", ["1e5", "NaN", "Infinity", " 1", "1.", ".5", 1.5, True, "9" * 19])
def test_what_is_no_decimal_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError):
        read(Decimal, value)


def test_json_is_only_ever_answered() -> None:
    assert written(JSON, {"cancels": True}) == {"cancels": True}
    with pytest.raises(GraphQLError):
        read(JSON, {})
