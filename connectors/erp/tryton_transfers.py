"""Goods on their way from one warehouse to another: internal shipments by way of Tryton's transit
location, one for each transfer, taken from step to step.

From *ship* on the first place lacks them, at *do* the other one has them, and in between neither:
readings of both count nothing twice. A correction is an internal shipment too, but of one warehouse
and its lost and found: those are in ``tryton_adjustments``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_wire import Questioned, Row
from connectors.erp.tryton_writing import CannotBook, Writer
from resolvers.backend_ports import WriteResult
from resolvers.domain.outbox import Transfer, TransferLine, TransferStep

FOUND_MAX = 20
"""Most shipments of one reference that are looked at."""

_MODEL = "stock.shipment.internal"
_FIELDS = ("state", "number", "from_location.warehouse.code", "to_location.warehouse.code")
_ASKED = ("draft", "waiting")
_SET_ASIDE = ("assigned", "packed")
_MOVE = ("state", "product.code", "quantity", "from_location", "to_location")
_OTHER_QUANTITIES = ".check_quantity_product"
"""Ends the name of Tryton's question whether fewer have arrived than have left."""


class Transfers:
    """Takes the steps of transfers."""

    def __init__(self, writer: Writer, books: CompanyBooks, clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._client = writer.client
        self._books = books
        self._clock = clock

    async def transfer(self, transfer: Transfer, *, second_try: bool) -> WriteResult:  # noqa: ARG002  # every try looks first
        """Books a step, or finds that it is booked.

        Raises:
            BackendRefused, BackendUnavailable, UnknownOutcome: as ``Writer.answered``.
        """
        return await self._writer.answered(transfer.reference, lambda: self._transfer(transfer))

    async def _transfer(self, transfer: Transfer) -> WriteResult:
        found = await self._found(transfer)
        if transfer.step is TransferStep.CANCELED:
            return await self._canceled(transfer, found)
        if transfer.step is TransferStep.RECEIVED:
            return await self._received(transfer, found)
        if not found:
            await self._client.write(f"model.{_MODEL}.create", [await self._values(transfer)])
            found = await self._found(transfer)
        row = await self._only(transfer, found)
        if row["state"] in _ASKED:
            row = await self._asked(transfer, row)
        if transfer.step is TransferStep.SHIPPED:
            row = await self._shipped(transfer, row)
        return WriteResult(transfer.reference, row["number"])

    async def _asked(self, transfer: Transfer, row: Row) -> Row:
        """The shipment waiting, with the lines of the step: of another number are made anew."""
        if await self._differs(transfer, row):
            if row["state"] == "waiting":
                await self._writer.press(_MODEL, "draft", row["id"], ("waiting",))
            old = [move["id"] for move in await self._moves(row)]
            way = await self._way(transfer)
            moves = await self._new_moves(transfer.lines, way)
            change = {"moves": [["delete", old], ["create", moves]]}
            await self._client.write(f"model.{_MODEL}.write", [row["id"]], change)
            row = await self._only(transfer, await self._found(transfer))
        if row["state"] == "draft":
            await self._writer.press(_MODEL, "wait", row["id"], ("draft",))
            row = await self._only(transfer, await self._found(transfer))
        return row

    async def _shipped(self, transfer: Transfer, row: Row) -> Row:
        """The shipment on its way.

        Raises:
            CannotBook: its goods are not free in Tryton; then none of them stays set aside.
        """
        if row["state"] == "waiting":
            await self._writer.press(_MODEL, "assign_try", row["id"], ("waiting",))
            row = await self._only(transfer, await self._found(transfer))
            if row["state"] == "waiting":
                await self._writer.press(_MODEL, "wait", row["id"], ("assigned",))
                raise CannotBook(
                    f"{self._client.code} has fewer free at {transfer.origin} than were to leave"
                )
        for button, before in (("pack", ("assigned",)), ("ship", ("packed",))):
            if row["state"] in before:
                await self._writer.press(_MODEL, button, row["id"], before)
                row = await self._only(transfer, await self._found(transfer))
        return row

    async def _received(self, transfer: Transfer, found: Sequence[Row]) -> WriteResult:
        if not found:
            raise CannotBook(f"{self._client.code} knows of no transfer of this reference")
        row = await self._only(transfer, found)
        if row["state"] in (*_ASKED, *_SET_ASIDE):
            raise CannotBook(f"shipment {row['number']} is {row['state']}: it has not left")
        if row["state"] == "shipped":
            less = await self._arrived(transfer, row)
            try:
                await self._writer.press(_MODEL, "do", row["id"], ("shipped",))
            except Questioned as question:
                if not less or not question.name.endswith(_OTHER_QUANTITIES):
                    raise
                await self._agreed(question.name)
                await self._writer.press(_MODEL, "do", row["id"], ("shipped",))
        return WriteResult(transfer.reference, row["number"])

    async def _arrived(self, transfer: Transfer, row: Row) -> bool:
        """Sets what arrives to what has arrived; whether that is less than has left.

        Raises:
            CannotBook: more has arrived than has left, or something else.
        """
        moves = await self._moves(row)
        arrived = {line.sku: line.quantity for line in transfer.lines}
        left = _units(move for move in moves if move["state"] == "done")
        if more := [sku for sku, units in arrived.items() if units > left.get(sku, 0)]:
            raise CannotBook(f"more of {more[0]} has arrived than shipment {row['number']} holds")
        rest = dict(arrived)
        for move in moves:
            if move["state"] == "done":
                continue
            sku = move["product."]["code"]
            units = min(move["quantity"], float(rest.get(sku, 0)))
            rest[sku] = rest.get(sku, 0) - int(units)
            if units != move["quantity"]:
                change = {"quantity": units}
                await self._client.write("model.stock.move.write", [move["id"]], change)
        return any(arrived.get(sku, 0) < units for sku, units in left.items())

    async def _canceled(self, transfer: Transfer, found: Sequence[Row]) -> WriteResult:
        """Calls off what has not left; one that is not there is called off."""
        for row in found:
            if row["state"] not in (*_ASKED, *_SET_ASIDE):
                error = f"it is too late: shipment {row['number']} is {row['state']}"
                return WriteResult(transfer.reference, row["number"], error)
        if ids := [row["id"] for row in found]:
            await self._client.write(f"model.{_MODEL}.cancel", ids)
        return WriteResult(transfer.reference, found[0]["number"] if found else None)

    async def _agreed(self, warning: str) -> None:
        """Says yes to a question of Tryton's, this once."""
        await self._client.write("model.res.user.warning.skip", warning, False)

    async def _found(self, transfer: Transfer) -> list[Row]:
        """Shipments of the reference that are not canceled, the eldest first."""
        known = [["reference", "=", transfer.reference], ["state", "!=", "cancelled"]]
        return await self._client.rows(_MODEL, known, _FIELDS, limit=FOUND_MAX)

    async def _only(self, transfer: Transfer, found: Sequence[Row]) -> Row:
        """The eldest shipment; others, from lost answers, are canceled if nothing has left by them.

        Raises:
            CannotBook: there is none, more than one has left, or it goes another way.
        """
        if not found:
            raise CannotBook("somebody canceled it while it was booked")
        first, *others = found
        if undone := [row["id"] for row in others if row["state"] in (*_ASKED, *_SET_ASIDE)]:
            await self._client.write(f"model.{_MODEL}.cancel", undone)
        if twice := [row["number"] for row in others if row["id"] not in undone]:
            raise CannotBook(f"it has left more than once: look at {', '.join(twice)}")
        ends = (_warehouse(first, "from_location."), _warehouse(first, "to_location."))
        if ends != (transfer.origin, transfer.target):
            raise CannotBook(
                f"its reference is of shipment {first['number']}, which goes elsewhere"
            )
        return first

    async def _moves(self, row: Row) -> list[Row]:
        of_it = [["shipment", "=", f"{_MODEL},{row['id']}"], ["state", "!=", "cancelled"]]
        return await self._client.every("stock.move", of_it, _MOVE)

    async def _differs(self, transfer: Transfer, row: Row) -> bool:
        """Says whether other goods are asked for than those of the step."""
        origin = (await self._books.warehouse(transfer.origin)).storage
        moves = await self._moves(row)
        asked = _units(move for move in moves if move["from_location"] == origin)
        return asked != {line.sku: float(line.quantity) for line in transfer.lines}

    async def _way(self, transfer: Transfer) -> Mapping[str, int]:
        origin = await self._books.warehouse(transfer.origin)
        target = await self._books.warehouse(transfer.target)
        if origin.id == target.id:
            raise CannotBook(f"goods of {origin.code} are there already")
        return {"from_location": origin.storage, "to_location": target.storage}

    async def _values(self, transfer: Transfer) -> Mapping[str, Any]:
        way = await self._way(transfer)
        company = await self._books.company()
        today = self._clock().astimezone(company.time_zone).date()
        return {
            **way,
            "reference": transfer.reference,
            "planned_date": today,
            "planned_start_date": today,
            "moves": [["create", await self._new_moves(transfer.lines, way)]],
        }

    async def _new_moves(
        self, lines: Sequence[TransferLine], way: Mapping[str, int]
    ) -> list[Mapping[str, Any]]:
        company = await self._books.company()
        skus = sorted(line.sku for line in lines)
        rows = await self._client.every(
            "product.product", [["code", "in", skus]], ["code", "default_uom"]
        )
        products = {row["code"]: row for row in rows}
        if missing := [sku for sku in skus if sku not in products]:
            raise CannotBook(f"{self._client.code} has no active product {missing[0]}")
        return [
            {
                **way,
                "product": products[line.sku]["id"],
                "quantity": float(line.quantity),
                "unit": products[line.sku]["default_uom"],
                "company": company.id,
            }
            for line in lines
        ]


def _units(moves: Iterable[Row]) -> dict[str, float]:
    """Units of each SKU that some movements move."""
    units: dict[str, float] = {}
    for move in moves:
        sku = move["product."]["code"]
        units[sku] = units.get(sku, 0) + move["quantity"]
    return units


def _warehouse(row: Row, end: str) -> str | None:
    """The code of the warehouse at one end of a shipment."""
    at = row[end]["warehouse."]
    return at["code"] if at is not None else None
