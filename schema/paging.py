"""Lists in pages, as clients see them. What a page has is decided in ``resolvers.paging``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import strawberry

from resolvers.domain.errors import InvalidInput
from resolvers.paging import Page
from schema.ids import BETWEEN, opened_text, sealed_text

T = TypeVar("T")

VERSION = "1"
"""Of the cursors; one of another version is refused, so that their inside may change."""


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """One entry and where it stands."""

    cursor: str
    node: T


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a page begins and ends, and what is before and after it."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One page, its cursors sealed."""

    edges: Sequence[Edge[T]]
    nodes: Sequence[T]
    page_info: Bounds


def listed(page: Page[T], of: str) -> Listed[T]:
    """A page of the list named ``of``, sealed so that its cursors fit no other list."""
    edges = [Edge(_sealed(cursor, of), node) for cursor, node in page.edges]
    start, end = (edges[0].cursor, edges[-1].cursor) if edges else (None, None)
    if page.end is not None:
        end = _sealed(page.end, of)
    return Listed(edges, page.nodes, Bounds(page.has_next, page.has_previous, start, end))


def _sealed(cursor: str, of: str) -> str:
    return sealed_text(BETWEEN.join((VERSION, of, cursor)))


def after_of(sealed: str | None, of: str) -> str | None:
    """The plain cursor behind the argument ``after`` of the list named ``of``.

    Raises:
        InvalidInput: it is none of ours, or another list's.
    """
    if sealed is None or sealed is strawberry.UNSET:
        return None
    version, _, rest = (opened_text(sealed) or "").partition(BETWEEN)
    name, _, cursor = rest.partition(BETWEEN)
    if (version, name) != (VERSION, of):
        raise InvalidInput(
            "this is not a cursor of this list; start again without it", field=("after",)
        )
    return cursor


@strawberry.type(name="PageInfo", description="Where a page begins and ends in its list.")
class PageInfoType:
    """As in the Relay convention."""

    has_next_page: bool = strawberry.field(description="Whether more entries come after this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether the page was asked for `after` an entry, so that some come before it."
    )
    start_cursor: str | None = strawberry.field(
        description="Cursor of the page's first entry; null if the page is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="`after` of the next page: the cursor of this page's last entry, or of a later "
        "one that was looked at and left out. Null if there is neither."
    )


@strawberry.type(name="Edge", description="One entry of a list, and where it stands.")
class EdgeType(Generic[T]):
    """As in the Relay convention."""

    cursor: str = strawberry.field(
        description="Opaque; `after` it, the list goes on. Good for this list only."
    )
    node: T = strawberry.field(description="The entry itself.")


@strawberry.type(name="Connection", description="One page of a list.")
class ConnectionType(Generic[T]):
    """As in the Relay convention, with ``nodes`` for whoever needs no cursors."""

    edges: list[EdgeType[T]] = strawberry.field(description="The entries with their cursors.")
    nodes: list[T] = strawberry.field(description="The entries alone, in the same order.")
    page_info: PageInfoType = strawberry.field(description="What is before and after this page.")
