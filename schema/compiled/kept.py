"""What was made of records that never change is made once: the same product, asked for in the same
way, is given the same part of an answer again.

Only what is said by the record and the arguments alone is kept: no field beneath it may look at the
request. Records are known by identity, and held while what was made of them is kept. A store that
hands out a new object for what has changed, and the same one for what has not, is all it takes.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from functools import partial
from typing import Any, Final

from resolvers.domain.catalog import Product, Variant
from schema.compiled.values import Run, Space

KEPT: Final = (Product, Variant)
"""Classes of records that stores hand out again and again: of others, each request has its own."""

FIELDS_MIN = 4
"""Fewest fields that are worth it: to look costs about as much as three."""

KEPT_MAX = 4_096
"""Most records of which something is kept; with more, all is forgotten. Some 6 KB each, for a
product with its variants."""

Made = tuple[Any, Any]
"""A record, and what was made of it."""


class Kept:
    """What is kept of one schema's plans: of records of some classes."""

    def __init__(self, most: int = KEPT_MAX, classes: Collection[type] = KEPT) -> None:
        self.classes = frozenset(classes)
        self.count = 0
        self._most = most
        self._tables: dict[Hashable, dict[int, Made]] = {}

    def table(self, key: Hashable) -> dict[int, Made]:
        """What was made in one place of one plan with the same arguments, by the record's id."""
        return self._tables.setdefault(key, {})

    def add(self, table: dict[int, Made], record: Any, made: Any) -> None:
        """Keeps what was made of a record."""
        if self.count >= self._most:
            self._tables.clear()
            self.count = 0
        self.count += 1
        table[id(record)] = (record, made)


Bind = Callable[[Run], Any]


def keeping(
    kept: Kept, space: Space, level: str, place: int, binds: Sequence[tuple[int, Bind]]
) -> Callable[[Any, Run], Any]:
    """Makes a record's part of an answer by the code of its level, unless it is kept. ``binds``
    are the fields beneath that have arguments, each by the number under which it is bound.
    """
    plan = object()  # a place in a plan is like no other, whatever its number

    def opened(run: Run) -> dict[int, Made]:
        said = [_said(run.given[number] or bind(run)) for number, bind in binds]
        table = kept.table((plan, *said))
        run.tables[place] = table
        return table

    def kept_object(value: Any, run: Run) -> Any:
        table = run.tables[place]
        if table is None:
            table = opened(run)
        found = table.get(id(value))
        if found is not None:
            return found[1]
        made = space[level](value, run)
        kept.add(table, value, made)
        return made

    return kept_object


def _said(bound: Any) -> str:
    """The arguments that something was bound to, as text: what is equal may still be told apart."""
    return repr(sorted(bound.keywords.items())) if isinstance(bound, partial) else ""
