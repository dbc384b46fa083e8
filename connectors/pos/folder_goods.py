"""What a folder says of goods, places and stock.

A place's stock is what its newest file says, at the time that stands in it; tickets say what was
taken since. A file that is being replaced is what it was until the new one has rested.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from connectors.pos.folder_desk import Desk
from connectors.pos.folder_tickets import Tickets, micros
from connectors.pos.folder_translate import (
    LOCATION_COLUMNS,
    PRODUCT_COLUMNS,
    STOCK_COLUMNS,
    translate_locations,
    translate_products,
    translate_stock,
)
from resolvers.backend_ports import Departed, Level, StockReading
from resolvers.domain.catalog import Product
from resolvers.domain.errors import NotUnderstood, ReadingRefused
from resolvers.domain.locations import Location
from resolvers.domain.movements import Movement
from resolvers.domain.stock import EntryKind

PRODUCTS, PLACES = "products.csv", "locations.csv"
PAGE = 100

SLACK = timedelta(minutes=10)
"""By how much a till's clock may be ahead of that of the folder."""

_STOCK = re.compile(r"stock-([A-Za-z0-9][A-Za-z0-9._-]{0,63})(?:@([0-9]{8}T[0-9]{6}Z))?\.csv")
_END = "end"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What one file says of a place's stock; ``taken`` is microseconds since 1970, by its clock."""

    signature: str
    levels: Mapping[str, Level]
    taken: int | None


class Goods:
    """The catalogue, the places and the stock of one folder."""

    def __init__(self, desk: Desk, tickets: Tickets) -> None:
        """Reads nothing yet."""
        self._desk = desk
        self._tickets = tickets
        self._snapshots: dict[str, _Snapshot] = {}

    def products(self, cursor: str) -> AsyncIterator[tuple[Sequence[Product], str]]:
        """All products in pages of 100, whenever their file is another than that of the cursor."""
        return self._desk.pages(self._product_pages(cursor))

    async def locations(self) -> Sequence[Location]:
        """Its places; none if it has no file of them."""
        return await self._desk.ask(self._locations)

    def look_through(self) -> None:
        """Reads the small files that nobody has read yet, for what is to be left out of them."""
        named = [_STOCK.fullmatch(it.name) for it in self._desk.files.entries(_STOCK)]
        looks: list[Callable[[], object]] = [
            partial(self._snapshot, at) for at in sorted({it[1] for it in named if it})
        ]
        if not self._desk.is_read(PLACES):
            looks.append(self._locations)
        for look in looks:
            with suppress(NotUnderstood):  # noted with what was left out
                look()

    def _product_pages(self, cursor: str) -> Iterator[tuple[Sequence[Product], str]]:
        known, _, done = cursor.partition(":")
        terms = self._desk.terms
        try:
            with self._desk.files.opened(PRODUCTS) as (entry, _):
                if known == entry.signature and done == _END:
                    return
            with self._desk.table(PRODUCTS, PRODUCT_COLUMNS) as (entry, found, left):
                signature = entry.signature
                products = translate_products(found, terms, entry.stamp, left)
                count = int(done) if known == signature and done.isdecimal() else 0
                next(islice(products, count, count), None)  # those that were read before
                while len(page := list(islice(products, PAGE))) == PAGE:
                    count += PAGE
                    yield page, f"{signature}:{count}"
        except FileNotFoundError:
            return
        yield page, f"{signature}:{_END}"

    def _locations(self) -> list[Location]:
        try:
            with self._desk.table(PLACES, LOCATION_COLUMNS) as (_, found, left):
                return translate_locations(found, self._desk.terms, left)
        except FileNotFoundError:
            return []

    async def read(self, location: str) -> StockReading:
        """What lies at a place by its newest file, and what was handed over for our sales by then.

        Raises:
            ReadingRefused: there has been no such file.
        """
        return await self._desk.ask(self._reading, location)

    def movements(self, location: str, after: int) -> AsyncIterator[Sequence[Movement]]:
        """What tickets took away since the newest file of a place, in pages. Also those that came
        late: two tills of a shop do not wait for each other.
        """
        return self._desk.pages(self._movement_pages(location, after))

    def _reading(self, location: str) -> StockReading:
        snapshot = self._snapshot(location)
        if snapshot is None:
            raise ReadingRefused(f"there is no stock-{location}.csv that has rested")
        taken = snapshot.taken or 0
        totals: dict[tuple[str, str], int] = {}
        for ticket, gone in self._tickets.handed_over():
            if ticket.location == location and micros(ticket.at) <= taken:
                key = (gone.reference, gone.sku)
                totals[key] = totals.get(key, 0) + gone.total
        departed = tuple(Departed(*key, total) for key, total in sorted(totals.items()))
        return StockReading(location, snapshot.levels, snapshot.taken, departed)

    def _snapshot(self, location: str) -> _Snapshot | None:
        """The newest file of a place, as read before if it is the same, or is being replaced."""
        known, newest, newest_at = self._snapshots.get(location), None, ""
        for entry in self._desk.files.entries(_STOCK):
            named = _STOCK.fullmatch(entry.name)
            if named is not None and named[1] == location and (named[2] or "") >= newest_at:
                newest, newest_at = entry, named[2] or ""
        if newest is None or (known is not None and known.signature == newest.signature):
            return known
        try:
            with self._desk.table(newest.name, STOCK_COLUMNS) as (entry, found, left):
                units, taken = translate_stock(found, self._desk.terms.zone, left)
        except FileNotFoundError:
            return known
        if newest_at:
            taken = datetime.strptime(newest_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        levels = {sku: Level(number) for sku, number in units.items()}
        stamp = None if taken is None else micros(taken)
        self._snapshots[location] = read = _Snapshot(entry.signature, levels, stamp)
        return read

    def _movement_pages(self, location: str, after: int) -> Iterator[list[Movement]]:
        snapshot = self._snapshot(location)
        if snapshot is not None and snapshot.taken is not None:
            after = min(after, snapshot.taken)
        since = after - 1_000_000  # stamps are of whole seconds: the same second may be later
        arrived = (since - SLACK // timedelta(microseconds=1)) * 1000
        moved: list[Movement] = []
        for ticket in self._tickets.arrived_since(arrived):
            if ticket.location == location and ticket.reference is None:
                units: dict[str, int] = {}
                for line in ticket.lines:
                    units[line.sku] = units.get(line.sku, 0) + line.quantity
                at = micros(ticket.at)
                moved += [
                    Movement(ticket.number, sku, -count, at, EntryKind.SALE, ticket.number)
                    for sku, count in units.items()
                    if at > since
                ]
        moved.sort(key=lambda it: (it.sequence, it.id))
        for start in range(0, len(moved), PAGE):
            yield moved[start : start + PAGE]
