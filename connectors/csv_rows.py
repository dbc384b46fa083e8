"""Rows of CSV files, and the values that stand in their cells. Whose words the columns are is the
vendor's module's.

Pure. A row is a line: quotes hold commas, but no line breaks, so that one that is not closed spoils
its own line and no other. What makes no sense is left out and named by line and column, never by
what stands there, which may be about people.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from resolvers.domain.errors import InvalidInput, NotUnderstood
from resolvers.domain.values import NAME_LENGTH_MAX, Money, is_name, money

NAMED_MAX = 5
"""Most rows of a file that are named; of the others their number is told."""

_LIST = re.compile(r"[;|]")


@dataclass(frozen=True, slots=True)
class Row:
    """One line that has as many cells as its file has columns."""

    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """A cell that may not be empty.

        Raises:
            NotUnderstood: it is, or holds what nobody can print.
        """
        value = self.cells.get(column, "")
        if not is_name(value) or len(value) > NAME_LENGTH_MAX:
            raise NotUnderstood(f"{column} is empty, too long or not printable")
        return value

    def several(self, column: str) -> tuple[str, ...]:
        """What a cell lists, with ``;`` or ``|`` in between."""
        values = _LIST.split(self.cells.get(column, ""))
        return tuple(dict.fromkeys(value.strip() for value in values if value.strip()))


@dataclass(slots=True)
class LeftOut:
    """Rows of one file that make no sense: how many, and the first of them by line."""

    file: str
    count: int = 0
    named: list[str] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)

    def note(self, line: int, why: str) -> None:
        """Leaves out a row."""
        self.count += 1
        self.lines.add(line)
        if len(self.named) < NAMED_MAX:
            self.named.append(f"line {line}: {why}")

    def __str__(self) -> str:
        """All of it for a person; "" if nothing was left out."""
        if not self.count:
            return ""
        more = f"; and {self.count - len(self.named)} more" if self.count > NAMED_MAX else ""
        return f"{self.file}: {self.count} left out: {'; '.join(self.named)}{more}"


def rows(lines: Iterable[str | None], needed: Sequence[str], left: LeftOut) -> Iterator[Row]:
    """The rows of a file whose first line names its columns. A line that is None was too long.

    Raises:
        NotUnderstood: a column that is needed is missing, or one is there twice.
    """
    numbered = iter(enumerate(lines, start=1))
    columns = _columns(next(numbered, (1, ""))[1], needed, left.file)
    for number, line in numbered:
        if line is None:
            left.note(number, "the line is too long")
        elif line.strip():
            cells = _cells(line)
            if cells is None:
                left.note(number, "its quotes are not closed, or closed in the middle")
            elif len(cells) != len(columns):
                left.note(number, f"{len(cells)} columns, not {len(columns)}")
            else:
                yield Row(number, dict(zip(columns, cells, strict=True)))


def _columns(line: str | None, needed: Sequence[str], file: str) -> list[str]:
    found = [name.lower() for name in _cells(line or "") or ()]
    if missing := [name for name in needed if name not in found]:
        raise NotUnderstood(f"{file} has no column {', '.join(missing)} in its first line")
    if len(set(found)) != len(found):
        raise NotUnderstood(f"{file} has a column twice")
    return found


def _cells(line: str) -> list[str] | None:
    """The cells of a line; None if its quotes make no sense."""
    try:
        read = list(csv.reader([line.rstrip("\r\n")], strict=True))
    except csv.Error:
        return None
    return [cell.strip() for cell in (read[0] if read else [])]


def whole(text: str, column: str, least: int, most: int) -> int:
    """A whole number, also when it is written with decimals that are zero.

    Raises:
        NotUnderstood: it is none, or out of bounds.
    """
    if text.isascii() and text.isdigit() and len(text) < 19:  # most are so
        number = int(text)
        if least <= number <= most:
            return number
    try:
        value = Decimal(text)
        fits = least <= value <= most  # before it is written out: 1e9999999 has ten million digits
    except (InvalidOperation, ValueError):
        raise NotUnderstood(f"{column} is no number") from None
    if not fits or value != int(value):
        raise NotUnderstood(f"{column} is no whole number from {least} to {most}")
    return int(value)


def instant(text: str, column: str, zone: ZoneInfo) -> datetime:
    """An instant, aware UTC: ISO 8601, in the shop's zone if it names none.

    Raises:
        NotUnderstood: it is none.
    """
    try:
        told = datetime.fromisoformat(text.replace("/", "-"))
        return (told.replace(tzinfo=zone) if told.tzinfo is None else told).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotUnderstood(f"{column} is no time like 2026-03-02T12:00:00+08:00") from None


def amount(text: str, column: str, currency: str) -> Money:
    """An amount of money that is not negative.

    Raises:
        NotUnderstood: it is none.
    """
    try:
        read = money(text, currency)
    except InvalidInput:
        raise NotUnderstood(f"{column} is no amount of {currency}") from None
    if read.minor < 0:
        raise NotUnderstood(f"{column} is negative")
    return read
