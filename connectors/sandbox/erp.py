"""The sandbox ERP, master of goods, places, stock and sales.

Here is what the gateway asks and tells it, and what people in the chain do to it; how it books
stands in ``ledger`` and ``parcels``. Its sequence of changes is its watermark, its cursor, and what
it acknowledges writes with: one number, comparable everywhere.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from connectors.sandbox import ledger, parcels
from connectors.sandbox.chain import CURRENCY, LOCATIONS
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.ledger import BookedSale
from connectors.sandbox.ledger import Movement as Posted
from connectors.sandbox.movements import moved
from connectors.sandbox.parcels import BookedReturn, BookedTransfer
from connectors.sandbox.spots import look
from connectors.sandbox.systems import PAGE, System, following, horizon, sequence, wall_clock
from resolvers.backend_ports import Probe, StockReading, WriteResult
from resolvers.domain.catalog import Product
from resolvers.domain.errors import BackendRefused, InvalidInput, NotFound
from resolvers.domain.locations import Location
from resolvers.domain.movements import Movement
from resolvers.domain.outbox import Adjustment, GiveBack, Sale, Transfer
from resolvers.domain.values import Money
from resolvers.live_ports import Spot, StockLook

CODE = "erp"
SALES_PER_CALL = 20


def books(data: Path) -> System:
    """The ERP's own file, for those inside the chain: itself, and the tills."""
    return System(data, CODE, f"{ledger.LAYOUT};{parcels.LAYOUT}", ledger.seed)


class SandboxErp:
    """One door to the ERP of a data directory; there may be many, in many processes."""

    def __init__(self, data: Path, clock: Callable[[], datetime] = wall_clock) -> None:
        """Opens the door; the books are made by whoever first asks."""
        self._system = books(data)
        self._clock = clock

    # ---- what the gateway asks and tells ------------------------------------------------------

    async def probe(self) -> Probe:
        """Says whether it is well, and what it has."""
        return await self._system.probe(
            lambda db: (
                f"{db.execute('SELECT COUNT(*) FROM product').fetchone()[0]} products,"
                f" {len(LOCATIONS)} locations"
            )
        )

    def products(self, cursor: str) -> AsyncIterator[tuple[Sequence[Product], str]]:
        """Products in pages of 100: all, or those changed after a cursor.

        Silence hides changes, not the catalogue: who asks for everything gets everything.
        """
        return self._system.pages(cursor, ledger.products_changed, horizon if cursor else sequence)

    async def locations(self) -> Sequence[Location]:
        """Every place of the chain."""
        return await self._system.asked(lambda _: LOCATIONS)

    async def read(self, location: str) -> StockReading:
        """What one location has, at the ERP's sequence.

        Raises:
            BackendRefused: it knows no such place.
        """
        if all(at.code != location for at in LOCATIONS):
            raise BackendRefused(f"no location {location}", backend=CODE, kind="NOT_FOUND")
        return await self._system.asked(lambda db: ledger.reading(db, location))

    async def look(self, spots: Sequence[Spot]) -> StockLook:
        """What lies at some spots this moment, also while its feeds are silent."""
        return await self._system.asked(lambda db: look(db, spots))

    async def movements(self, location: str, after: int) -> AsyncIterator[Sequence[Movement]]:
        """What moved at one location after a place in the sequence, in pages of 100."""
        while True:
            found = await self._system.asked(partial(moved, location=location, after=after))
            if found:
                after = found[-1].sequence
                yield found
            if len(found) < PAGE:
                return

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult:
        """Books a change of stock once, however often its reference comes, first try or second."""
        del second_try  # the reference is looked up at every try
        return await self._system.told(lambda db: ledger.adjust(db, adjustment))

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:
        """Books sales once each, however often their references come.

        Raises:
            BackendRefused: more sales than one call may carry.
        """
        del second_try  # the references are looked up at every try
        if len(sales) > SALES_PER_CALL:
            raise BackendRefused(
                f"{SALES_PER_CALL} sales a call, not {len(sales)}", backend=CODE, kind="INVALID"
            )
        return await self._system.told(lambda db: [ledger.place(db, sale) for sale in sales])

    async def cancel(self, sale: Sale) -> WriteResult:
        """Cancels a sale that has not begun to leave."""
        return await self._system.told(lambda db: ledger.cancel(db, sale.reference))

    async def known(self, references: Sequence[str]) -> Mapping[str, str]:
        """Its ids of those of our sales that it has, canceled ones too."""
        return await self._system.asked(
            lambda db: {it.reference: it.id for ours in references for it in ledger.sales(db, ours)}
        )

    async def give_back(self, returned: GiveBack, *, second_try: bool) -> WriteResult:
        """Takes goods back once, however often their reference comes."""
        del second_try  # the reference is looked up at every try
        return await self._system.told(lambda db: parcels.give_back(db, returned))

    async def transfer(self, transfer: Transfer, *, second_try: bool) -> WriteResult:
        """Books a step of a transfer once, however often it comes."""
        del second_try  # the reference is looked up at every try
        return await self._system.told(lambda db: parcels.transfer(db, transfer))

    # ---- what people in the chain do; the knobs are not in their way --------------------------

    async def ship(self, reference: str, units: Mapping[str, int] | None = None) -> BookedSale:
        """Warehouse people hand a sale to the carrier: some units of it, or all that are left.

        Raises:
            NotFound: no such sale, or it was canceled.
            InvalidInput: more than is left of it.
        """
        named = None if units is None else dict(units)
        return await self._system.change(lambda db: ledger.ship(db, reference, named))

    async def receive(self, location: str, sku: str, quantity: int) -> int:
        """Goods come in at a location; the place of that in the sequence."""
        ledger.checked(location, sku, quantity)
        return await self._system.change(
            lambda db: ledger.post(
                db, Posted.RECEIPT, f"GR-{following(db, 'receipt'):06}", location, sku, quantity
            )
        )

    async def write_off(self, location: str, sku: str, quantity: int) -> int:
        """Goods broke and are thrown away; the place of that in the sequence."""
        ledger.checked(location, sku, quantity)
        return await self._system.change(
            lambda db: ledger.post(
                db, Posted.BREAKAGE, f"BR-{following(db, 'breakage'):06}", location, sku, -quantity
            )
        )

    async def sell_ahead(self, location: str, sku: str, quantity: int) -> int:
        """The ERP's own people sell units that stay on the shelf for now: sold elsewhere."""
        ledger.checked(location, sku, quantity)
        return await self._system.change(
            lambda db: ledger.post(
                db,
                Posted.OWN_SALE,
                f"OS-{following(db, 'own sale'):06}",
                location,
                sku,
                0,
                quantity,
            )
        )

    async def reprice(self, sku: str, channel: str, minor: int) -> None:
        """A SKU costs something else in a channel from now on.

        Raises:
            NotFound: no such SKU.
            InvalidInput: a price below nothing.
        """
        if minor < 0:
            raise InvalidInput("a price is not below nothing")
        price, now = Money(minor, CURRENCY), self._clock()
        await self._system.change(lambda db: ledger.reprice(db, sku, channel, price, now))

    async def on_hand(self, location: str, sku: str) -> int:
        """What lies on a shelf, as a person would count it."""
        return await self._system.look(lambda db: ledger.on_hand(db, location, sku))

    async def sales(self) -> Sequence[BookedSale]:
        """Every sale that was booked, by the ERP's own id."""
        return await self._system.look(ledger.sales)

    async def sale(self, reference: str) -> BookedSale:
        """The sale of one reference.

        Raises:
            NotFound: it never came.
        """
        found = await self._system.look(lambda db: ledger.sales(db, reference))
        if not found:
            raise NotFound(f"there is no sale {reference}")
        return found[0]

    async def returns(self) -> Sequence[BookedReturn]:
        """Every return that was booked, by the ERP's own id."""
        return await self._system.look(parcels.returns)

    async def transfers(self) -> Sequence[BookedTransfer]:
        """Every transfer that was booked, by the ERP's own id."""
        return await self._system.look(parcels.transfers)

    async def knobs(self) -> Knobs:
        """How it behaves now."""
        return await self._system.knobs()

    async def set_knobs(self, knobs: Knobs) -> None:
        """Makes it behave otherwise, for every process at once."""
        await self._system.set_knobs(knobs)

    def close(self) -> None:
        """Shuts this door."""
        self._system.close()
