"""Our sales in Tryton: placed once however often they are sent, and called off.

Tryton takes a reference twice without a word, so every step looks before it does. What a sale is
made of is in ``tryton_sale_terms``.
"""

from collections.abc import Sequence

from connectors.erp.tryton_prices import STEP
from connectors.erp.tryton_sale_terms import SaleTerms, wanted_total
from connectors.erp.tryton_wire import Row, refused
from connectors.erp.tryton_writing import CannotBook, Writer
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.outbox import Sale

FOUND_MAX = 20
"""Most sales of one reference that are looked at: more than two are somebody's experiment."""

_FIELDS = (
    "state",
    "number",
    "shipment_state",
    "shipments",
    "moves.state",
    "total_amount",
    "warehouse.code",
)
_OPEN = ("draft", "quotation")
_CALLED_BACK = ("draft", "waiting", "assigned")
"""States of a shipment that nobody has touched yet; from picked on its goods are on their way."""


class Sales:
    """Takes sales, one a call. All of them wait for one turn: what was looked up stays true."""

    def __init__(self, writer: Writer, terms: SaleTerms) -> None:
        self._writer = writer
        self._client = writer.client
        self._terms = terms

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:  # noqa: ARG002  # every try looks first
        """Makes a sale and confirms it, or carries on with one of its reference that is there.

        Raises:
            BackendRefused: more than one sale, or as ``Writer.answered``.
            BackendUnavailable, UnknownOutcome: as ``Writer.answered``.
        """
        if len(sales) != 1:
            raise refused(f"1 sale a call, not {len(sales)}", "INVALID", self._client.code)
        [sale] = sales
        return [await self._writer.answered(sale.reference, lambda: self._place(sale))]

    async def cancel(self, sale: Sale) -> WriteResult:
        """Calls a sale off: an open one itself, a confirmed one by its shipments.

        One that is not there, or was called off before, is called off: nobody will hand it over.

        Raises:
            BackendRefused, BackendUnavailable, UnknownOutcome: as ``Writer.answered``.
        """
        return await self._writer.answered(sale.reference, lambda: self._cancel(sale))

    # ---- placing ------------------------------------------------------------------------------

    async def _place(self, sale: Sale) -> WriteResult:
        found = await self._alive(sale)
        if not found:
            values = await self._terms.values(sale)
            await self._client.write("model.sale.sale.create", [values])
            found = await self._alive(sale)
        elif await self._is_stuck(found[0]):
            await self._writer.press("sale.sale", "draft", found[0]["id"], ("confirmed",))
            found = await self._alive(sale)
        if found and _place_of(found[0]) == sale.location and found[0]["state"] in _OPEN:
            await self._confirmed(sale, found[0])
            found = await self._alive(sale)
        if not found:
            return WriteResult(sale.reference, error="somebody canceled it while it was made")
        error = await self._wrong_with(sale, found[0], found[1:])
        if error is None and await self._is_stuck(found[0]):
            raise BackendUnavailable(
                f"{self._client.code}: sale {_name(found[0])} has no shipment yet",
                backend=self._client.code,
            )
        return WriteResult(sale.reference, _name(found[0]), error)

    async def _confirmed(self, sale: Sale, opened: Row) -> None:
        if opened["state"] == "draft":
            await self._corrected(sale, opened)
            await self._writer.press("sale.sale", "quote", opened["id"], ("draft",))
        await self._writer.press("sale.sale", "confirm", opened["id"], _OPEN)

    async def _is_stuck(self, row: Row) -> bool:
        """Says whether a sale was confirmed, but not processed as it should have been at once.

        Tryton does that in a second transaction, and if it is stopped between the two nobody goes
        on. We may not press *process*, but confirming the sale anew processes it.
        """
        return row["state"] == "confirmed" and not (await self._terms.company()).processes_later

    async def _found(self, sale: Sale) -> list[Row]:
        """Sales of the reference that are not canceled, the eldest first."""
        known = [["reference", "=", sale.reference], ["state", "!=", "cancelled"]]
        return await self._client.rows("sale.sale", known, _FIELDS, limit=FOUND_MAX)

    async def _alive(self, sale: Sale) -> list[Row]:
        """Those of them that something may still be handed over for."""
        return [row for row in await self._found(sale) if not _is_called_off(row)]

    async def _wrong_with(self, sale: Sale, booked: Row, others: Sequence[Row]) -> str | None:
        """What people have to look at; others of the reference, from lost answers, are canceled."""
        if open_ids := [row["id"] for row in others if row["state"] in _OPEN]:
            await self._client.write("model.sale.sale.cancel", open_ids)
        if firm := [_name(row) for row in others if row["state"] not in _OPEN]:
            return f"its reference was confirmed more than once: call off {', '.join(firm)}"
        if _place_of(booked) != sale.location:
            return f"its reference is booked at another place than {sale.location}"
        if booked["state"] in _OPEN:
            return f"it is still {booked['state']}"
        return None

    async def _corrected(self, sale: Sale, draft: Row) -> None:
        """Adds a line if the draft's total is off by rounding: a cent a line, a step a unit."""
        company = await self._terms.company()
        missing = wanted_total(sale) - draft["total_amount"]
        if not missing:
            return
        units = sum(line.quantity for line in sale.lines)
        if abs(missing) > company.unit * len(sale.lines) + STEP * units:
            raise CannotBook(
                f"it comes to {draft['total_amount']} in {self._client.code}, not"
                f" {wanted_total(sale)}: compare the taxes of its products"
            )
        line = {
            "sale": draft["id"],
            "quantity": 1.0,
            "unit_price": missing,
            "description": "Rounding",
        }
        await self._client.write("model.sale.line.create", [line])

    # ---- calling off --------------------------------------------------------------------------

    async def _cancel(self, sale: Sale) -> WriteResult:
        found = await self._found(sale)
        for row in found:
            error = await self._called_off(row)
            if error is not None:
                return WriteResult(sale.reference, _name(row), error)
        return WriteResult(sale.reference, _name(found[0]) if found else None)

    async def _called_off(self, row: Row) -> str | None:
        """Calls one sale off; why not, if it cannot be."""
        if row["state"] == "confirmed":  # its shipments were never made
            await self._client.write("model.sale.sale.draft", [row["id"]])
        if row["state"] in (*_OPEN, "confirmed"):
            await self._client.write("model.sale.sale.cancel", [row["id"]])
            return None
        if not row["shipments"]:
            return "it has no shipment that could be called back"
        shipments = await self._client.every(
            "stock.shipment.out", [["id", "in", row["shipments"]]], ["state", "number"]
        )
        gone = [
            f"shipment {at['number']} is {at['state']}"
            for at in shipments
            if at["state"] not in (*_CALLED_BACK, "cancelled")
        ]
        if gone:
            return f"it is too late: {', '.join(gone)}"
        if waiting := [at["id"] for at in shipments if at["state"] != "cancelled"]:
            await self._client.write("model.stock.shipment.out.cancel", waiting)
        await self._let_go(row)
        return None

    async def _let_go(self, row: Row) -> None:
        """Answers what Tryton asks of a sale whose shipment was canceled: not to send it again.

        The goods are free already; without this, people would be asked for every single one.
        """
        [now] = await self._client.rows("sale.sale", [["id", "=", row["id"]]], ["shipment_state"])
        if now["shipment_state"] != "exception":
            return
        wizard = "wizard.sale.handle.shipment.exception"
        about = {
            "active_id": row["id"],
            "active_ids": [row["id"]],
            "active_model": "sale.sale",
        }
        moves = [move["id"] for move in row["moves."]]
        answer = {"ask": {"recreate_moves": [], "ignore_moves": moves, "domain_moves": moves}}
        session, *_ = await self._client.write(f"{wizard}.create", context=about)
        await self._client.write(f"{wizard}.execute", session, answer, "handle", context=about)
        await self._client.write(f"{wizard}.delete", session, context=about)


def _name(row: Row) -> str:
    """What people find a sale by: its number, or before it has one its record."""
    return row["number"] or str(row["id"])


def _place_of(row: Row) -> str | None:
    """The code of the warehouse that a sale is booked at."""
    at = row["warehouse."]
    return at["code"] if at is not None else None


def _is_called_off(row: Row) -> bool:
    """Says whether all that a confirmed sale would hand over was canceled: Tryton keeps it open."""
    moves = row["moves."]
    return bool(moves) and all(move["state"] == "cancelled" for move in moves)
