"""The four feeds read in one way: pages of things by id, those that are gone, where to go on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resolvers.backend_ports import Backend, Changes, Role
from resolvers.house import CATALOG, LISTINGS, MEMBERS, ORDERS

FEEDS: Mapping[Role, str] = {
    Role.CATALOG_SOURCE: CATALOG,
    Role.ORDER_SOURCE: ORDERS,
    Role.LISTING_SOURCE: LISTINGS,
    Role.MEMBER_SOURCE: MEMBERS,
}
"""Roles that are feeds, and what their entities are called in ``Capabilities.scanned``."""

ONE_BY_ONE = (Role.LISTING_SOURCE, Role.MEMBER_SOURCE)
"""Feeds of which one thing can be asked for."""

PAGES_MAX = 200
"""More pages than any reading of the suite has: a feed that does not end is seen to."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    things: Mapping[str, Any]
    cursor: str
    gone: Sequence[str] = ()
    whole: bool = False
    rows: int = 0


@dataclass(slots=True)
class Reading:
    """All pages of one reading."""

    pages: list[Page] = field(default_factory=list)
    cursor: str = ""

    @property
    def ids(self) -> set[str]:
        return {id for page in self.pages for id in page.things}

    @property
    def rows(self) -> int:
        return sum(page.rows for page in self.pages)

    @property
    def gone(self) -> set[str]:
        return {id for page in self.pages for id in page.gone}


async def pages(backend: Backend, role: Role, cursor: str = "") -> AsyncIterator[Page]:
    """A feed's pages, each thing by its id."""
    count = 0
    async for told in _pages(backend, role, cursor):
        count += 1
        assert count <= PAGES_MAX, "a reading ends"
        if isinstance(told, Changes):
            things = {_id(role, it): it for it in told.items}
            yield Page(things, told.cursor, tuple(told.gone), told.whole, len(told.items))
        else:
            found, after = told
            yield Page({_id(role, it): it for it in found}, after, rows=len(found))


async def read(backend: Backend, role: Role, cursor: str = "") -> Reading:
    """A reading to its end."""
    reading = Reading(cursor=cursor)
    async for page in pages(backend, role, cursor):
        reading.pages.append(page)
        reading.cursor = page.cursor
    return reading


async def settled(backend: Backend, role: Role) -> str:
    """The cursor of somebody who has read everything, and looked back once."""
    first = await read(backend, role)
    return (await read(backend, role, first.cursor)).cursor


async def one(backend: Backend, role: Role, id: str) -> Any:
    """One thing as it is now."""
    if role is Role.LISTING_SOURCE:
        assert backend.listings is not None
        return await backend.listings.listing(id)
    assert backend.members is not None
    return await backend.members.member(id)


def _pages(backend: Backend, role: Role, cursor: str) -> AsyncIterator[Any]:
    match role:
        case Role.CATALOG_SOURCE:
            assert backend.catalog is not None
            return backend.catalog.products(cursor)
        case Role.ORDER_SOURCE:
            assert backend.order_source is not None
            return backend.order_source.orders(cursor)
        case Role.LISTING_SOURCE:
            assert backend.listings is not None
            return backend.listings.listings(cursor)
        case Role.MEMBER_SOURCE:
            assert backend.members is not None
            return backend.members.members(cursor)
        case _:
            raise AssertionError(f"{role} is no feed")


def _id(role: Role, thing: Any) -> str:
    match role:
        case Role.CATALOG_SOURCE:
            return str(thing.handle)
        case Role.ORDER_SOURCE:
            return str(thing.external[0].external_id)
        case Role.LISTING_SOURCE:
            return str(thing.id)
        case _:
            return str(thing.provenance.external_id)
