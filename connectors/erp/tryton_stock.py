"""What lies in a warehouse, what Tryton has sold or set aside of it, what is on its way to it, and
what of our sales has left it.

Everything is read in an order in which a movement between two questions makes us promise less,
never more: what has left and what is sold, then what is there. A stamp of Tryton is the start of a
transaction, so the newest one says nothing of what a reading holds: readings have no watermark. No
writing here.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from connectors.erp.tryton_changes import OVERLAP, STAMP
from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_rpc import PAGE, TrytonClient
from connectors.erp.tryton_sale_terms import MARK, is_ours
from connectors.erp.tryton_translate import Warehouse, units
from connectors.erp.tryton_wire import Row
from resolvers.backend_ports import Departed, Level, StockReading

DEPARTED_WINDOW = timedelta(days=30)
"""What left earlier is not looked at when a process starts, unless more of its sale left since."""

DEPARTED_MAX = 1000
"""Most outgoing movements of our sales that are told for a warehouse: the newest."""

REPORT_MAX = 100_000
"""Most SKUs of one warehouse. The report is one answer: its pages would be of several moments."""

REPORT_KEPT = timedelta(minutes=5)
"""How long the numbers of a warehouse in which nothing moves are kept: then they are read again,
should somebody have moved a zone or renamed a SKU."""

_MOVE = ("product.code", "internal_quantity", "state", "sale.reference", "sale.description")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Moved:
    """What tells whether anything moved in a warehouse.

    ``newest`` is the latest stamp of a movement that is done or was taken back, ``done`` how many
    are done: one that appears behind the newest is told by that.
    """

    newest: datetime
    done: int


@dataclass(frozen=True, slots=True)
class _Left:
    """One movement of one of our sales that is done."""

    sale: int
    reference: str
    sku: str
    units: int


@dataclass(slots=True)
class _Known:
    """What is remembered of one warehouse: losing it costs time, nothing else."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    since: datetime | None = None
    left: dict[int, _Left] = field(default_factory=dict)
    moved: _Moved | None = None
    read_at: datetime = _EPOCH
    on_hand: Mapping[str, int] = field(default_factory=dict)


class Stock:
    """Reads warehouses, whole."""

    def __init__(
        self, client: TrytonClient, books: CompanyBooks, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._books = books
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def read(self, location: str) -> StockReading:
        """What a warehouse has. On hand is all that lies in its zones, also what is picked already.

        Raises:
            BackendRefused: no warehouse has this code.
        """
        at = await self._books.warehouse(location)
        known = self._known.setdefault(location, _Known())
        async with known.turn:
            return await self._read(at, known)

    async def _read(self, at: Warehouse, known: _Known) -> StockReading:
        began = self._clock()
        departed, open_moves, tickets, set_aside, coming = await asyncio.gather(
            self._departed(at, known),
            self._open_moves(at),
            self._tickets(at),
            self._set_aside(at),
            self._coming(at),
        )
        moved = await self._moved(at)
        known.on_hand = await self._on_hand(at, known, moved)
        # A stamp from our future is of a clock set too far ahead: departures are stamped below it.
        known.since = max(min(moved.newest, began), known.since or _EPOCH)
        elsewhere: dict[str, int] = {}
        for row in open_moves:
            if not is_ours(row["sale."]):
                _add(elsewhere, row, row["internal_quantity"])
        for row in tickets:  # what a ticket gives back is not here before it is posted
            _add(elsewhere, row, max(0.0, row["quantity"]))
        for row in set_aside:
            _add(elsewhere, row, row["internal_quantity"])
        incoming: dict[str, int] = {}
        for row in coming:
            _add(incoming, row, row["internal_quantity"])
        skus = sorted(known.on_hand.keys() | elsewhere.keys() | incoming.keys())
        levels = {
            sku: Level(known.on_hand.get(sku, 0), elsewhere.get(sku, 0), incoming.get(sku, 0))
            for sku in skus
        }
        return StockReading(at.code, levels, None, departed, tells_incoming=True)

    async def _departed(self, at: Warehouse, known: _Known) -> tuple[Departed, ...]:
        """Units of our sales that left this warehouse: first those of a month, then what is new."""
        month_ago = self._clock() - DEPARTED_WINDOW
        since = known.since - OVERLAP if known.since is not None else month_ago
        rows = await self._our_moves(at, [_DONE_OR_TAKEN_BACK, [STAMP, ">=", since]])
        told = {left.sale for left in known.left.values()}
        sales = {row["sale."]["id"] for row in rows if row["state"] == "done"} - told
        if sales:  # parts of them may have left long ago
            of_them = ["origin.sale.id", "in", sorted(sales), "sale.line"]
            rows += await self._our_moves(at, [["state", "=", "done"], of_them])
        for row in rows:
            known.left.pop(row["id"], None)
            sale, sku = row["sale."], row["product."]["code"]
            if row["state"] == "done" and is_ours(sale) and sku:
                quantity = units(row["internal_quantity"])
                known.left[row["id"]] = _Left(sale["id"], sale["reference"], sku, quantity)
        for id in sorted(known.left)[:-DEPARTED_MAX]:
            del known.left[id]
        totals: dict[tuple[str, str], int] = {}
        for left in known.left.values():
            key = (left.reference, left.sku)
            totals[key] = totals.get(key, 0) + left.units
        return tuple(Departed(*key, total) for key, total in sorted(totals.items()))

    async def _our_moves(self, at: Warehouse, which: Sequence[object]) -> list[Row]:
        """Outgoing movements of our sales, the newest first."""
        ours = ["origin.sale.description", "like", f"{MARK} %", "sale.line"]
        domain = [*_to_customers(at), ours, *which]
        found: list[Row] = []
        while len(found) < DEPARTED_MAX:
            before = [["id", "<", found[-1]["id"]]] if found else []
            page = await self._client.rows(
                "stock.move", [*domain, *before], _MOVE, order=[["id", "DESC"]]
            )
            found += page
            if len(page) < PAGE:
                break
        return found

    async def _open_moves(self, at: Warehouse) -> list[Row]:
        """Outgoing movements of anybody's sales that are not done yet."""
        return await self._client.every(
            "stock.move",
            [
                *_to_customers(at),
                ["state", "in", ["draft", "assigned"]],
                ["origin", "like", "sale.line,%"],
            ],
            _MOVE,
        )

    async def _set_aside(self, at: Warehouse) -> list[Row]:
        """Movements to other warehouses whose goods are picked, and still here."""
        leaves = [["from_location", *_within(at)], ["to_location", *_outside(at)]]
        stored = ["to_location.type", "=", "storage"]  # what goes to lost and found is a correction
        return await self._client.every(
            "stock.move", [*leaves, stored, _TRANSFERRED, ["state", "=", "assigned"]], _TRANSFER
        )

    async def _coming(self, at: Warehouse) -> list[Row]:
        """Movements from other warehouses that somebody has asked for, until they arrive."""
        comes = [["to_location", *_within(at)], ["from_location", *_outside(at)]]
        stored = ["from_location.type", "=", "storage"]
        asked = ["shipment.state", "in", _ASKED, "stock.shipment.internal"]
        still = ["state", "in", ["draft", "assigned"]]
        return await self._client.every(
            "stock.move", [*comes, stored, _TRANSFERRED, asked, still], _TRANSFER
        )

    async def _tickets(self, at: Warehouse) -> list[Row]:
        """Lines of till tickets that are paid: their goods are booked out when they are posted."""
        return await self._client.every(
            "sale.point.sale.line",
            [["sale.state", "=", "done"], ["sale.point.storage_location", *_within(at)]],
            ["product.code", "quantity"],
        )

    async def _moved(self, at: Warehouse) -> _Moved:
        here = ["OR", ["from_location", *_within(at)], ["to_location", *_within(at)]]
        newest, done = await asyncio.gather(
            self._client.rows(
                "stock.move",
                [here, _DONE_OR_TAKEN_BACK],
                [STAMP],
                order=[[STAMP, "DESC"]],
                limit=1,
            ),
            self._client.read("model.stock.move.search_count", [here, ["state", "=", "done"]]),
        )
        return _Moved(newest[0][STAMP] if newest else _EPOCH, done)

    async def _on_hand(self, at: Warehouse, known: _Known, moved: _Moved) -> Mapping[str, int]:
        """Units by SKU, read after ``moved``; the known ones, if nothing has moved since."""
        now = self._clock()
        zone = (await self._books.company()).time_zone
        same_day = known.read_at.astimezone(zone).date() == now.astimezone(zone).date()
        if known.moved == moved and same_day and now - known.read_at < REPORT_KEPT:
            return known.on_hand
        today: date = await self._client.read("model.ir.date.today")  # theirs: their days are asked
        rows = await self._client.rows(
            "stock.reporting.inventory",
            [],
            ["product.code", "quantity"],
            limit=REPORT_MAX,
            context={"location": at.id, "product_type": "product.product", "date": today},
        )
        known.moved, known.read_at = moved, now
        return {
            row["product."]["code"]: units(row["quantity"])
            for row in rows
            if row["product."]["code"]
        }


_DONE_OR_TAKEN_BACK = ["state", "in", ["done", "cancelled"]]
_TRANSFERRED = ["shipment", "like", "stock.shipment.internal,%"]
_ASKED = ["waiting", "assigned", "packed", "shipped"]
_TRANSFER = ("product.code", "internal_quantity")


def _within(at: Warehouse) -> Iterable[object]:
    return ("child_of", [at.id], "parent")


def _outside(at: Warehouse) -> Iterable[object]:
    return ("not child_of", [at.id], "parent")


def _to_customers(at: Warehouse) -> list[object]:
    return [["from_location", *_within(at)], ["to_location.type", "=", "customer"]]


def _add(to: dict[str, int], row: Row, sold: float) -> None:
    """Adds what was sold or is to move; a part of a unit takes the whole."""
    code = row["product."]["code"]
    if code and sold:
        to[code] = to.get(code, 0) - units(-sold)
