"""What was made of records that never change is made once: the same product, asked for in the same
way, is given the same part of an answer again.

Only what is said by the record and the arguments alone is kept: no field beneath it may look at the
request. Records are known by identity, and held while what was made of them is kept. A store that
hands out a new object for what has changed, and the same one for what has not, is all it takes.
"""

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from resolvers.domain.catalog import Product, Variant
from schema.compiled.values import Run, Space

KEPT: Final = (Product, Variant)
"""Classes of records that stores hand out again and again: of others, each request has its own."""

FIELDS_MIN = 4
"""Fewest fields that are worth it: to look costs about as much as three."""

WEIGHT_MAX = 60_000
"""Most fields of all that is kept, as they stand in documents, those of a list counted once; with
more, all is forgotten. A product of 17 such, with its variants, is some 6 KB."""

SAID_CHARS_MAX = 200
"""Longest arguments, as text, for which anything is kept: they are anybody's words."""

Made = tuple[Any, Any]
"""A record, and what was made of it."""


class Kept:
    """What is kept of one schema's plans: of records of some classes."""

    def __init__(self, most: int = WEIGHT_MAX, classes: Collection[type] = KEPT) -> None:
        self.classes = frozenset(classes)
        self.count = 0
        self.weight = 0
        self.nothing: dict[int, Made] = {}
        self._most = most
        self._tables: dict[Hashable, dict[int, Made]] = {}

    def table(self, key: Hashable) -> dict[int, Made]:
        """What was made in one place of one plan with the same arguments, by the record's id."""
        table = self._tables.get(key)
        if table is None:
            self._weigh(FIELDS_MIN)  # it takes room before anything stands in it
            table = self._tables[key] = {}
        return table

    def add(self, table: dict[int, Made], record: Any, made: Any, fields: int) -> None:
        """Keeps what was made of a record, of so many fields."""
        self._weigh(fields)
        self.count += 1
        table[id(record)] = (record, made)

    def _weigh(self, fields: int) -> None:
        if self.weight + fields > self._most:
            self._tables.clear()
            self.count = self.weight = 0
        self.weight += fields


Bind = Callable[[Run], Any]


@dataclass(slots=True)
class Uses:
    """What a level makes use of, all that is beneath it included: fields that are bound to their
    arguments, each by its number, how many fields there are, and whether one of them looks at the
    request.
    """

    binds: list[tuple[int, Bind]] = field(default_factory=list)
    fields: int = 0
    request: bool = False

    def add(self, other: "Uses") -> None:
        """Adds what a level beneath makes use of."""
        self.binds += other.binds
        self.fields += other.fields
        self.request |= other.request


def keeping(
    kept: Kept,
    space: Space,
    level: str,
    place: int,
    uses: Uses,
) -> Callable[[Any, Run], Any]:
    """Makes a record's part of an answer by the code of its level, unless it is kept."""
    plan = object()  # a place in a plan is like no other, whatever its number

    def opened(run: Run) -> dict[int, Made]:
        said = [_said(run.given[number] or bind(run)) for number, bind in uses.binds]
        short = sum(map(len, said)) <= SAID_CHARS_MAX
        table = kept.table((plan, *said)) if short else kept.nothing
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
        if table is not kept.nothing:
            kept.add(table, value, made, uses.fields)
        return made

    return kept_object


def _said(bound: Any) -> str:
    """The arguments that something was bound to, as text: what is equal may still be told apart."""
    return repr(sorted(bound.keywords.items())) if isinstance(bound, partial) else ""
