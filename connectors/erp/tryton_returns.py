"""Goods that came back, booked in Tryton as its people do: a sale of fewer than no units at the
place where they came back, its shipment received. Tryton drafts the credit note itself.

Which place had sold them does not matter. How a return is made and found again is in
``tryton_booking``; what it is made of, in ``tryton_sale_terms``.
"""

from connectors.erp.tryton_booking import Booking, Wanted, name_of
from connectors.erp.tryton_sale_terms import SaleTerms, priced_lines, refunded_total
from connectors.erp.tryton_wire import Row
from connectors.erp.tryton_writing import Writer, standing
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.outbox import GiveBack

_MODEL = "stock.shipment.out.return"
_STEPS = (("receive", ("draft",)), ("do", ("received",)))
"""Buttons in their order, with the states that each leads out of. Where goods come in and lie in
one zone, the first does it all."""


class Returns:
    """Takes goods back. Their money is Tryton's people's to pay: they find the credit note."""

    def __init__(self, writer: Writer, terms: SaleTerms) -> None:
        self._writer = writer
        self._client = writer.client
        self._terms = terms
        self._booking = Booking(writer, terms)

    async def give_back(self, returned: GiveBack, *, second_try: bool) -> WriteResult:  # noqa: ARG002  # every try looks first
        """Books a return and receives its goods, or carries on with the one of its reference.

        Raises:
            BackendRefused, BackendUnavailable, UnknownOutcome: as ``Writer.answered``.
        """
        return await self._writer.answered(returned.reference, lambda: self._give_back(returned))

    async def _give_back(self, returned: GiveBack) -> WriteResult:
        lines = priced_lines(returned.lines)
        row, result = await self._booking.booked(
            Wanted(
                returned.reference,
                returned.location,
                -refunded_total(returned),
                len(lines),
                sum(line.quantity for line in lines),
                lambda: self._terms.return_values(returned),
            )
        )
        if row is None or result.error is not None:
            return result
        with standing(name_of(row)):
            error = await self._received(row)
        return WriteResult(returned.reference, name_of(row), error)

    async def _received(self, row: Row) -> str | None:
        """Receives what a return has to bring; why not, if it cannot.

        Raises:
            BackendUnavailable: it has no shipment so far, as Tryton processes it later.
        """
        if not row["shipment_returns"]:
            raise BackendUnavailable(
                f"{self._client.code}: return {name_of(row)} has no shipment yet",
                backend=self._client.code,
            )
        for button, before in _STEPS:
            for shipment in await self._shipments(row):
                if shipment["state"] in before:
                    await self._writer.press(_MODEL, button, shipment["id"], before)
        unfinished = [
            f"shipment {at['number']} is {at['state']}"
            for at in await self._shipments(row)
            if at["state"] != "done"
        ]
        return f"it was not received: {', '.join(unfinished)}" if unfinished else None

    async def _shipments(self, row: Row) -> list[Row]:
        of_it = [["id", "in", row["shipment_returns"]]]
        return await self._client.every(_MODEL, of_it, ["state", "number"])
