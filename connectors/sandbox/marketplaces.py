"""The two sandbox marketplaces: strangers to the chain, with ids and numbers of their own.

They know which SKU a listing stands for, and nothing of its stock. An order placed there is paid
there; the gateway hears of it by the feed and finds the goods.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from connectors.sandbox import placed
from connectors.sandbox.chain import address_of
from connectors.sandbox.couriers import Courier
from connectors.sandbox.goods import catalogue
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.placed import Placed, Terms
from connectors.sandbox.systems import System, following, horizon, wall_clock
from resolvers.backend_ports import Probe
from resolvers.domain.errors import InvalidInput, NotFound, OrderNotOpen
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery, Order, OrderStatus

Name = Literal["a", "b"]

_LAYOUT = f"""{placed.LAYOUT};
CREATE TABLE listing (
  id TEXT PRIMARY KEY, sku TEXT NOT NULL UNIQUE, title TEXT NOT NULL, minor INTEGER NOT NULL
) WITHOUT ROWID
"""
_LISTING_IDS: Mapping[Name, Callable[[int], str]] = {
    "a": lambda at: str(610_000_000_000 + at * 37),
    "b": lambda at: f"LB{at * 7919 % 1_000_003:06X}",
}
_ORDER_NUMBERS: Mapping[Name, Callable[[int], str]] = {
    "a": lambda at: f"2026{at:010}",
    "b": lambda at: f"PB-{at:06}",
}


def _listings(name: Name) -> list[tuple[str, str, str, int]]:
    """(id, SKU, title, price) of all that the chain has listed on one marketplace."""
    code = f"marketplace-{name}"
    listed = [
        variant for product in catalogue() for variant in product.variants if code in variant.prices
    ]
    return [
        (_LISTING_IDS[name](at), variant.sku, variant.titles["zh-CN"], variant.prices[code].minor)
        for at, variant in enumerate(listed, start=1)
    ]


class SandboxMarketplace:
    """One door to one marketplace of a data directory."""

    def __init__(
        self,
        data: Path,
        name: Name,
        clock: Callable[[], datetime] = wall_clock,
        courier: Courier | None = None,
    ) -> None:
        """Opens the door to marketplace ``a`` or ``b``; who comes through it has the ``courier``
        tell of what they do.
        """
        self._courier = courier
        self.code = f"marketplace-{name}"
        self._name: Name = name
        self._clock = clock
        self._system = System(data, self.code, _LAYOUT, self._seed)
        self._terms = Terms(self.code, self.code, "MARKETPLACE", _shipped)

    async def probe(self) -> Probe:
        """Says whether it is well, and how much it lists."""
        return await self._system.probe(
            lambda db: f"{db.execute('SELECT COUNT(*) FROM listing').fetchone()[0]} listings"
        )

    async def listings(self) -> Mapping[str, str]:
        """Which SKU each listing stands for, one unit each."""
        return await self._system.asked(
            lambda db: dict(db.execute("SELECT id, sku FROM listing ORDER BY id").fetchall())
        )

    def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        """Orders in pages of 100: all, or those that changed since a cursor."""
        return self._system.pages(cursor, placed.changes(self._terms), horizon)

    async def order(self, lines: Mapping[str, int]) -> str:
        """Somebody buys units of listings and pays; the marketplace's order number.

        Raises:
            NotFound: no such listing.
            InvalidInput: no lines, or less than one unit of one.
        """
        if not lines or min(lines.values()) < 1:
            raise InvalidInput("an order has at least one unit of each of its listings")
        now = self._clock()

        def bought(db: sqlite3.Connection) -> str:
            serial = following(db, "order")
            number = _ORDER_NUMBERS[self._name](serial)
            goods: list[tuple[str, str, int, int]] = []
            for listing, units in lines.items():
                row = db.execute(
                    "SELECT sku, title, minor FROM listing WHERE id = ?", (listing,)
                ).fetchone()
                if row is None:
                    raise NotFound(f"{self.code} has no listing {listing}")
                goods.append((row[0], row[1], units, row[2]))
            placed.save(db, Placed(number, serial, OrderStatus.CONFIRMED, now, now, tuple(goods)))
            return number

        number = await self._system.change(bought)
        self._tell("orders/create", number)
        return number

    async def call_off(self, number: str) -> None:
        """The buyer changes their mind.

        Raises:
            NotFound: no such order.
            OrderNotOpen: it is called off already.
        """
        now = self._clock()

        def called_off(db: sqlite3.Connection) -> None:
            order = placed.find(db, number)
            if order.status is not OrderStatus.CONFIRMED:
                raise OrderNotOpen(f"order {number} is {order.status}")
            placed.save(db, replace(order, status=OrderStatus.CANCELED, updated_at=now))

        await self._system.change(called_off)
        self._tell("orders/cancelled", number)

    async def knobs(self) -> Knobs:
        """How it behaves now."""
        return await self._system.knobs()

    async def set_knobs(self, knobs: Knobs) -> None:
        """Makes it behave otherwise, for every process at once."""
        await self._system.set_knobs(knobs)

    def close(self) -> None:
        """Shuts this door."""
        self._system.close()

    def _tell(self, topic: str, number: str) -> None:
        if self._courier is not None:
            self._courier.tell(topic, {"order": number})

    def _seed(self, db: sqlite3.Connection) -> None:
        db.executemany("INSERT INTO listing VALUES (?, ?, ?, ?)", _listings(self._name))


def _shipped(order: Placed) -> Delivery:
    """A marketplace's buyers have their goods sent."""
    return Delivery(Method.SHIP, address=address_of(order.serial))
