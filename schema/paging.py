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
class Listed(Generic[T]):
    """One page of the list named ``of``; also what says where it begins and ends.

    Cursors are sealed when they are asked for, since most lists are read by their nodes: of a page
    of 50 products with their variants, sealing them all was a tenth.
    """

    page: Page[T]
    of: str

    @property
    def edges(self) -> Sequence[Edge[T]]:
        """The entries, each with its cursor."""
        return [Edge(_sealed(cursor, self.of), node) for cursor, node in self.page.edges]

    @property
    def nodes(self) -> Sequence[T]:
        """The entries alone."""
        return self.page.nodes

    @property
    def page_info(self) -> "Listed[T]":
        """What is before and after it."""
        return self

    @property
    def has_next_page(self) -> bool:
        """Whether there is more."""
        return self.page.has_next

    @property
    def has_previous_page(self) -> bool:
        """Whether it begins after an entry."""
        return self.page.has_previous

    @property
    def start_cursor(self) -> str | None:
        """The cursor of its first entry."""
        edges = self.page.edges
        return _sealed(edges[0][0], self.of) if edges else None

    @property
    def end_cursor(self) -> str | None:
        """What the next page goes on after."""
        edges = self.page.edges
        end = edges[-1][0] if edges and self.page.end is None else self.page.end
        return None if end is None else _sealed(end, self.of)


def listed(page: Page[T], of: str) -> Listed[T]:
    """A page of the list named ``of``, whose cursors fit no other list."""
    return Listed(page, of)


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
