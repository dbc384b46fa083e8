"""One page of a list, and where the next one goes on. Cursors are plain text here; clients see them
sealed by the schema.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from resolvers.domain.errors import InvalidInput

T = TypeVar("T")

PAGE_MAX = 100
"""Largest page of any list (the contract's limit)."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some entries of a list, each with its cursor, in order.

    ``end`` is where the next page goes on, if that is not after the last entry.
    """

    edges: tuple[tuple[str, T], ...]
    has_next: bool
    has_previous: bool = False
    end: str | None = None

    @property
    def nodes(self) -> list[T]:
        """The entries alone."""
        return [node for _, node in self.edges]


def checked_first(first: int) -> int:
    """The page size, if it may be asked for.

    Raises:
        InvalidInput: not 1 to 100.
    """
    if not 1 <= first <= PAGE_MAX:
        raise InvalidInput(f"first is 1 to {PAGE_MAX}, not {first}", field=("first",))
    return first


def checked_lists(**lists: Sequence[object]) -> None:
    """Refuses filter lists that are longer than a page.

    Raises:
        InvalidInput: naming the first of them.
    """
    for name, values in lists.items():
        if len(values) > PAGE_MAX:
            raise InvalidInput(f"{name} names at most {PAGE_MAX} values", field=("filter", name))


def page_of(rows: Sequence[tuple[str, T]], first: int, after: str | None) -> Page[T]:
    """A page from one row more than was asked for, which only says that there is more."""
    return Page(tuple(rows[:first]), len(rows) > first, after is not None)


def dated(at: datetime, id: str) -> str:
    """The cursor of an entry in a list ordered by time, and within one instant by id."""
    return f"{at.isoformat()}|{id}"


def moment_behind(after: str | None) -> tuple[datetime, str] | None:
    """The time, in UTC, and the id behind a cursor of ``dated``; None at the beginning.

    Raises:
        InvalidInput: it is no such cursor.
    """
    if after is None:
        return None
    written, _, id = after.partition("|")
    try:
        at = datetime.fromisoformat(written)
        if at.tzinfo is None or not id:
            raise not_a_cursor()
        return at.astimezone(UTC), id
    except (ValueError, OverflowError):  # no time, or one before the first or after the last
        raise not_a_cursor() from None


def not_a_cursor() -> InvalidInput:
    """What is answered to a cursor of another list, or of nobody's making."""
    return InvalidInput("this is not a cursor of this list", field=("after",))


def slice_of(
    all_rows: Sequence[T], cursor_of: Callable[[T], str], first: int, after: str | None
) -> Page[T]:
    """A page of a list that is short and whole, ordered by its cursor."""
    checked_first(first)
    few = all_rows[: first + 1] if after is None else all_rows
    return sliced([(cursor_of(row), row) for row in few], first, after)


def sliced(rows: Sequence[tuple[str, T]], first: int, after: str | None) -> Page[T]:
    """The same of a list whose cursors stand beside its entries."""
    checked_first(first)
    return page_of(rows if after is None else [it for it in rows if it[0] > after], first, after)
