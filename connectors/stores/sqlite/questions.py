"""Many values for SQLite: marks, conditions, questions asked in parts, and rows added together.

Words of SQL are ours; every value goes in by a mark.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any

_VALUES_MAX = 10_000
"""Most values of one statement; SQLite allows 32,766."""

_ROWS_AT_ONCE = 32
"""Rows of one statement that adds many: 64 are no faster."""


def marks(values: Collection[object]) -> str:
    """As many question marks as there are values."""
    return ",".join("?" * len(values))


def rows_for(
    connection: sqlite3.Connection, sql: str, values: Sequence[object], *first: object
) -> Iterator[tuple[Any, ...]]:
    """Rows of a question that ends in ``IN``, for many values; ``first`` go before them."""
    for start in range(0, len(values), _VALUES_MAX):
        part = values[start : start + _VALUES_MAX]
        yield from connection.execute(f"{sql} ({marks(part)})", (*first, *part))


def insert(
    connection: sqlite3.Connection,
    into: str,
    rows: Sequence[tuple[object, ...]],
    conflict: str = "",
) -> int:
    """Adds rows, and says how many were written; ``into`` is all that stands before ``VALUES``,
    ``conflict`` what comes after them.

    Most go many to a statement, which takes 12 us a hold where one by one takes 17. A statement of
    many rows that may end half done keeps a copy of every page that it touches: say ``OR FAIL`` or
    ``OR REPLACE``, and let the transaction undo it.
    """
    assert "INSERT OR " in into
    if not rows:
        return 0
    written = 0
    row = f"({marks(rows[0])})"
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    if whole:
        sql = f"{into} VALUES {','.join([row] * _ROWS_AT_ONCE)} {conflict}"
        for start in range(0, whole, _ROWS_AT_ONCE):
            values = tuple(chain(*rows[start : start + _ROWS_AT_ONCE]))
            written += connection.execute(sql, values).rowcount
    if whole < len(rows):
        sql = f"{into} VALUES {row} {conflict}"
        written += connection.executemany(sql, rows[whole:]).rowcount
    return written


class Where:
    """Conditions that must all hold, with their values in order."""

    def __init__(self) -> None:
        self._clauses: list[str] = []
        self.values: list[object] = []

    def add(self, clause: str, *values: object) -> None:
        """One more condition."""
        self._clauses.append(clause)
        self.values += values

    def among(self, column: str, values: Collection[object]) -> None:
        """A column has one of the values; no values means no condition."""
        if values:
            self.add(f"{column} IN ({marks(values)})", *values)

    @property
    def sql(self) -> str:
        """The conditions, with the word before them; "" if there are none."""
        return f"WHERE {' AND '.join(self._clauses)}" if self._clauses else ""
