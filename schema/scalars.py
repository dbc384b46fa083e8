"""Scalars of our own: instants, decimal numbers, and JSON.

Money and other values made of them stand in ``values``.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?", re.ASCII)


def _written(instant: datetime) -> str:
    assert instant.tzinfo is not None, "every instant of the house is aware"
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _instant(value: object) -> datetime:
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise GraphQLError("a DateTime is like 2026-03-01T09:30:00Z, with Z or an offset")
    try:
        return datetime.fromisoformat(found[0].upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphQLError("there is no such date or time") from None


def _decimal(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise GraphQLError('a Decimal is a number written as a string, like "1280.00"')
    return Decimal(value)


def _never(_: object) -> object:
    raise GraphQLError("JSON is only ever answered")


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant as RFC 3339 text. Answers are in UTC and end in `Z`; input may "
        "have any offset. Microseconds are the finest.",
        serialize=_written,
        parse_value=_instant,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number as a string, like `"1280.00"`, so that no digit is lost. At '
        "most 18 digits before the point and 9 after it.",
        serialize=str,
        parse_value=_decimal,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value. Only ever answered, never asked for.",
        serialize=lambda value: value,
        parse_value=_never,
    ),
}
