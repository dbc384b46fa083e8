"""Our sales in Tryton: placed once however often they are sent, and called off.

How one is made and found again is in ``tryton_booking``; what it is made of, in
``tryton_sale_terms``.
"""

from collections.abc import Mapping, Sequence

from connectors.erp.tryton_booking import OPEN, Booking, Wanted, name_of
from connectors.erp.tryton_sale_terms import SaleTerms, wanted_total
from connectors.erp.tryton_wire import Row, refused
from connectors.erp.tryton_writing import Writer
from resolvers.backend_ports import WriteResult
from resolvers.domain.outbox import Sale

_CALLED_BACK = ("draft", "waiting", "assigned")
"""States of a shipment that nobody has touched yet; from picked on its goods are on their way."""


class Sales:
    """Takes sales, one a call. All of them wait for one turn: what was looked up stays true."""

    def __init__(self, writer: Writer, terms: SaleTerms) -> None:
        self._writer = writer
        self._client = writer.client
        self._terms = terms
        self._booking = Booking(writer, terms)

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

    async def known(self, references: Sequence[str]) -> Mapping[str, str]:
        """Tryton's names of those of our sales that it has in any state, canceled ones too.

        Raises:
            BackendRefused, BackendUnavailable, BackendTimedOut: as any question.
        """
        named = [["reference", "in", list(references)]]
        rows = await self._client.every("sale.sale", named, ["reference", "number"])
        return {row["reference"]: name_of(row) for row in rows}

    async def _place(self, sale: Sale) -> WriteResult:
        wanted = Wanted(
            sale.reference,
            sale.location,
            wanted_total(sale),
            len(sale.lines),
            sum(line.quantity for line in sale.lines),
            lambda: self._terms.values(sale),
        )
        _, result = await self._booking.booked(wanted)
        return result

    # ---- calling off --------------------------------------------------------------------------

    async def _cancel(self, sale: Sale) -> WriteResult:
        found = await self._booking.found(sale.reference)
        for row in found:
            error = await self._called_off(row)
            if error is not None:
                return WriteResult(sale.reference, name_of(row), error)
        return WriteResult(sale.reference, name_of(found[0]) if found else None)

    async def _called_off(self, row: Row) -> str | None:
        """Calls one sale off; why not, if it cannot be."""
        if row["state"] == "confirmed":  # its shipments were never made
            await self._client.write("model.sale.sale.draft", [row["id"]])
        if row["state"] in (*OPEN, "confirmed"):
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
