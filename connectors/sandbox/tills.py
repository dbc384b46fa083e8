"""The sandbox tills: every shop's, in one system of their own. A ticket lowers the ERP's on hand.

A ticket is written at the till first and booked at the ERP by its number, so that a process that
dies between the two leaves nothing lost: the next sale, of whoever, books what is still open.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path

from connectors.sandbox import ledger, placed
from connectors.sandbox.chain import SHOPS
from connectors.sandbox.erp import books
from connectors.sandbox.goods import variants_by_sku
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.ledger import Movement
from connectors.sandbox.placed import Placed, Terms
from connectors.sandbox.systems import System, following, horizon, wall_clock
from resolvers.backend_ports import Probe
from resolvers.domain.catalog import title_of
from resolvers.domain.errors import NotFound
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery, Order, OrderStatus

CODE = "pos"
CHANNEL = "store"

_LAYOUT = f"{placed.LAYOUT}; CREATE TABLE unbooked (number TEXT PRIMARY KEY) WITHOUT ROWID"
_TERMS = Terms(
    CODE, CHANNEL, "TILL", lambda ticket: Delivery(Method.TAKEAWAY, location=ticket.location)
)


def _nothing(db: sqlite3.Connection) -> None:
    """Tills start with no ticket."""


class SandboxTills:
    """One door to the tills of a data directory."""

    def __init__(self, data: Path, clock: Callable[[], datetime] = wall_clock) -> None:
        """Opens the door, and the tills' own line to the ERP."""
        self._system = System(data, CODE, _LAYOUT, _nothing)
        self._books = books(data)
        self._clock = clock

    async def probe(self) -> Probe:
        """Says whether they are well, and how many tickets they have."""
        return await self._system.probe(
            lambda db: f"{db.execute('SELECT COUNT(*) FROM placed').fetchone()[0]} tickets"
        )

    def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        """Tickets in pages of 100: all, or those since a cursor."""
        return self._system.pages(cursor, placed.changes(_TERMS), horizon)

    async def sell(
        self,
        location: str,
        sku: str,
        quantity: int,
        associate: str | None = None,
        customer: str | None = None,
    ) -> str:
        """A buyer takes goods at a till and leaves; the ticket's number. ``customer`` is the CRM's
        id of who has shown a card.

        The knobs of the tills are not in the way, nor are those of the ERP: the shop goes on
        selling.

        Raises:
            NotFound: no such shop or SKU, or not sold in shops.
            InvalidInput: less than one unit.
        """
        ledger.checked(location, sku, quantity)
        if location not in SHOPS:
            raise NotFound(f"{location} has no till")
        price = await self._books.look(lambda db: ledger.price_of(db, sku, CHANNEL))
        title = title_of(variants_by_sku()[sku].titles, None)
        now = self._clock()

        def printed(db: sqlite3.Connection) -> str:
            serial = following(db, location)
            number = f"{location}-{serial:06}"
            lines = ((sku, title, quantity, price.minor),)
            placed.save(
                db,
                Placed(
                    number,
                    serial,
                    OrderStatus.FULFILLED,
                    now,
                    now,
                    lines,
                    location,
                    associate,
                    customer,
                ),
            )
            db.execute("INSERT INTO unbooked VALUES (?)", (number,))
            return number

        number = await self._system.change(printed)
        await self._book()
        return number

    async def _book(self) -> None:
        """Books every open ticket at the ERP, once, and crosses it off."""
        tickets = await self._system.look(
            lambda db: [
                placed.find(db, number)
                for (number,) in db.execute("SELECT number FROM unbooked ORDER BY number")
            ]
        )

        def booked(db: sqlite3.Connection) -> None:
            for ticket in tickets:
                if ledger.posted(db, Movement.TILL, ticket.number) is None:
                    assert ticket.location is not None, "a ticket is printed in a shop"
                    for sku, _, units, _ in ticket.lines:
                        ledger.post(db, Movement.TILL, ticket.number, ticket.location, sku, -units)

        def crossed_off(db: sqlite3.Connection) -> None:
            db.executemany(
                "DELETE FROM unbooked WHERE number = ?", [(ticket.number,) for ticket in tickets]
            )

        await self._books.change(booked)
        await self._system.change(crossed_off)

    async def knobs(self) -> Knobs:
        """How the tills behave towards the gateway now."""
        return await self._system.knobs()

    async def set_knobs(self, knobs: Knobs) -> None:
        """Makes them behave otherwise, for every process at once."""
        await self._system.set_knobs(knobs)

    def close(self) -> None:
        """Shuts this door."""
        self._system.close()
        self._books.close()
