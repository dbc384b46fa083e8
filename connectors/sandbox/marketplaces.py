"""The two sandbox marketplaces: strangers to the chain, with ids and numbers of their own.

Each knows in its heart which SKU a listing stands for; what it tells is what the seller wrote on
it, and that is not always the SKU. Of stock it knows one number a listing, which it counts down as
it sells, and sells no more than. An order placed there is paid there; the gateway hears of it by
the feed and finds the goods.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from connectors.sandbox import placed
from connectors.sandbox.chain import CURRENCY, SEEDED_AT, address_of, buyer_of
from connectors.sandbox.couriers import Courier
from connectors.sandbox.goods import PLAIN, catalogue
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.placed import Placed, Terms
from connectors.sandbox.systems import System, following, horizon, start_at, wall_clock
from resolvers.backend_ports import Changes, Probe, Publication, WriteResult
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import (
    BackendRefused,
    InsufficientStock,
    InvalidInput,
    NotFound,
    OrderNotOpen,
)
from resolvers.domain.listings import Listing
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery, Order, OrderStatus
from resolvers.domain.values import Money
from resolvers.live_ports import Prices

Name = Literal["a", "b"]

PER_CALL = 50
"""Most quantities that it takes in one call."""

_LAYOUT = f"""{placed.LAYOUT};
CREATE TABLE listing (
  id TEXT PRIMARY KEY, sku TEXT NOT NULL, title TEXT NOT NULL, minor INTEGER NOT NULL,
  seller_code TEXT, barcode TEXT, updated_at TEXT NOT NULL, changed INTEGER NOT NULL UNIQUE,
  stock INTEGER NOT NULL, gone INTEGER NOT NULL
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


UNCODED_EVERY, OTHERWISE_EVERY = 97, 211
"""Of the listings beyond the plain products, how many have a barcode in place of a seller code, and
how many a seller code in another notation.
"""

TYPED_IN = 999
"""What the seller has typed in of everything, before somebody tells it what there is."""

_COLUMNS = "id, title, minor, seller_code, barcode, updated_at, stock, gone"


@dataclass(frozen=True, slots=True)
class _Listed:
    """One listing as its marketplace has it."""

    id: str
    sku: str
    title: str
    minor: int
    seller_code: str | None
    barcode: str | None
    updated_at: datetime


def _listings(name: Name) -> list[_Listed]:
    """All that the chain has listed on one marketplace. Beyond the plain products some bear no
    seller code, some one in another notation; the last but one costs more than the ERP says, and
    the last is listed twice.
    """
    code, made = f"marketplace-{name}", list[_Listed]()
    for number, product in enumerate(catalogue(), start=1):
        for variant in product.variants:
            if code not in variant.prices:
                continue
            at = len(made) + 1
            own = _Listed(
                _LISTING_IDS[name](at),
                variant.sku,
                variant.titles["zh-CN"],
                variant.prices[code].minor,
                variant.sku,
                None,
                product.updated_at or SEEDED_AT,
            )
            if number > PLAIN and at % UNCODED_EVERY == 0:
                own = replace(own, seller_code=None, barcode=variant.barcodes[0])
            elif number > PLAIN and at % OTHERWISE_EVERY == 0:
                own = replace(own, seller_code=variant.sku.lower().replace("-", "/"))
            made.append(own)
    made[-2] = replace(made[-2], minor=made[-2].minor * 21 // 20)
    made.append(replace(made[-1], id=_LISTING_IDS[name](len(made) + 1)))
    return made


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

    async def listings(self, cursor: str) -> AsyncIterator[Changes[Listing]]:
        """Listings in pages of 100: all, or those that changed or went since a cursor."""
        async for found, after in self._system.pages(cursor, self._changed, horizon):
            yield Changes(
                [it for it in found if isinstance(it, Listing)],
                after,
                gone=[it for it in found if isinstance(it, str)],
            )

    async def listing(self, id: str) -> Listing | None:
        """One listing; None if there is none any more."""
        sql = f"SELECT {_COLUMNS} FROM listing WHERE id = ?"
        row = await self._system.asked(lambda db: db.execute(sql, (id,)).fetchone())
        found = None if row is None else self._told(row)
        return found if isinstance(found, Listing) else None

    async def publish(self, publications: Sequence[Publication]) -> Sequence[WriteResult]:
        """Takes quantities that listings may sell; one whose number has moved, unless to what it is
        told, is refused.

        Raises:
            BackendUnavailable, BackendRefused: nothing was done.
            UnknownOutcome: nothing was done, or all of it.
        """
        if len(publications) > PER_CALL:
            why = f"{PER_CALL} quantities a call, not {len(publications)}"
            raise BackendRefused(why, backend=self.code, kind="INVALID")
        return await self._system.told(
            lambda db: [self._published(db, publication) for publication in publications]
        )

    async def published(self, listings: Sequence[str]) -> Mapping[str, int]:
        """What listings may sell; those that are gone are left out."""
        marks = ",".join("?" * len(listings))
        sql = f"SELECT id, stock FROM listing WHERE NOT gone AND id IN ({marks})"
        return await self._system.asked(lambda db: dict(db.execute(sql, listings)))

    async def prices(self, listings: Sequence[str]) -> Mapping[str, Prices]:
        """What some listings cost this moment, also while the feeds are silent."""
        marks = ", ".join("?" * len(listings))
        sql = f"SELECT id, minor FROM listing WHERE id IN ({marks}) AND NOT gone"
        rows = await self._system.asked(lambda db: db.execute(sql, tuple(listings)).fetchall())
        return {id: ((self.code, Money(minor, CURRENCY)),) for id, minor in rows}

    # ---- what people do; the knobs are not in their way ---------------------------------------

    async def stands_for(self) -> Mapping[str, str]:
        """Which SKU each listing really stands for, one unit each."""
        return await self._system.look(
            lambda db: dict(db.execute("SELECT id, sku FROM listing WHERE NOT gone ORDER BY id"))
        )

    async def reprice(self, listing: str, minor: int) -> None:
        """The seller changes a price.

        Raises:
            NotFound: no such listing.
            InvalidInput: a price below nothing.
        """
        if minor < 0:
            raise InvalidInput("a price is not below nothing")
        await self._edit(listing, "minor = ?", minor)

    async def take_down(self, listing: str) -> None:
        """The seller takes a listing down.

        Raises:
            NotFound: no such listing.
        """
        await self._edit(listing, "gone = ?", 1)

    def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        """Orders in pages of 100: all, or those that changed since a cursor."""
        return self._system.pages(cursor, placed.changes(self._terms), horizon)

    async def order(self, lines: Mapping[str, int]) -> str:
        """Somebody buys units of listings and pays; the marketplace's order number.

        Raises:
            NotFound: no such listing.
            InvalidInput: no lines, or less than one unit of one.
            InsufficientStock: more units of one than may be sold.
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
                    "SELECT sku, title, minor, stock FROM listing WHERE id = ? AND NOT gone",
                    (listing,),
                ).fetchone()
                if row is None:
                    raise NotFound(f"{self.code} has no listing {listing}")
                if row[3] < units:
                    raise InsufficientStock(row[0], units, row[3])
                self._count(db, listing, row[3] - units)
                goods.append((row[0], row[1], units, row[2]))
            order = Placed(number, serial, OrderStatus.CONFIRMED, now, now, tuple(goods))
            placed.save(db, replace(order, customer=buyer_of(serial).id))
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

    async def type_in(self, listing: str, units: int) -> None:
        """The seller types in how many may be sold, whatever is told.

        Raises:
            NotFound: no such listing.
        """
        await self._edit(listing, "stock = ?", units)

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
        made = _listings(self._name)
        db.executemany(
            "INSERT INTO listing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            [
                (*astuple(it)[:-1], it.updated_at.isoformat(), at, TYPED_IN)
                for at, it in enumerate(made, start=1)
            ],
        )
        start_at(db, len(made))

    async def _edit(self, listing: str, change: str, value: int) -> None:
        now = self._clock().isoformat()

        def edited(db: sqlite3.Connection) -> None:
            done = db.execute(
                f"UPDATE listing SET {change}, updated_at = ?, changed = ? "
                "WHERE id = ? AND NOT gone",
                (value, now, following(db), listing),
            )
            if not done.rowcount:
                raise NotFound(f"{self.code} has no listing {listing}")

        await self._system.change(edited)

    def _published(self, db: sqlite3.Connection, wanted: Publication) -> WriteResult:
        row = db.execute(
            "SELECT stock FROM listing WHERE id = ? AND NOT gone", (wanted.listing,)
        ).fetchone()
        if row is None:
            return WriteResult(wanted.reference, error=f"there is no listing {wanted.listing}")
        if row[0] == wanted.quantity:
            return WriteResult(wanted.reference, wanted.listing)
        if wanted.seen is not None and row[0] != wanted.seen:
            why = f"it is {row[0]} now, not {wanted.seen}"
            return WriteResult(wanted.reference, error=why)
        self._count(db, wanted.listing, wanted.quantity)
        return WriteResult(wanted.reference, wanted.listing)

    def _count(self, db: sqlite3.Connection, listing: str, units: int) -> None:
        db.execute(
            "UPDATE listing SET stock = ?, updated_at = ?, changed = ? WHERE id = ?",
            (units, self._clock().isoformat(), following(db), listing),
        )

    def _changed(
        self, db: sqlite3.Connection, after: int, last: int, limit: int
    ) -> Sequence[tuple[int, Listing | str]]:
        rows = db.execute(
            f"SELECT changed, {_COLUMNS} FROM listing"
            " WHERE changed > ? AND changed <= ? ORDER BY changed LIMIT ?",
            (after, last, limit),
        )
        return [(changed, self._told(told)) for changed, *told in rows]

    def _told(self, row: Sequence[Any]) -> Listing | str:
        """A listing in the house's words; its id alone if it is gone."""
        id, title, minor, seller_code, barcode, updated_at, units, gone = row
        if gone:
            return str(id)
        at = datetime.fromisoformat(updated_at)
        return Listing(
            self.code,
            id,
            title,
            Provenance(self.code, id, at),
            at,
            seller_code,
            () if barcode is None else (barcode,),
            ((self.code, Money(minor, CURRENCY)),),
            published=units,
        )


def _shipped(order: Placed) -> Delivery:
    """A marketplace's buyers have their goods sent."""
    return Delivery(Method.SHIP, address=address_of(order.serial))
