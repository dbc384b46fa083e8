"""Differences of stock, booked once by their reference: to or from a warehouse's lost and found.

A stock count would overwrite whatever moved since it was taken, and has no reference; an internal
shipment moves so many units, and can be found again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_wire import Row
from connectors.erp.tryton_writing import CannotBook, Writer
from resolvers.backend_ports import WriteResult
from resolvers.domain.outbox import Adjustment

FOUND_MAX = 20
"""Most shipments of one reference that are looked at."""

_MODEL = "stock.shipment.internal"
_FIELDS = ("state", "number")
_STEPS = (("wait", ("draft",)), ("assign_try", ("waiting",)), ("do", ("assigned",)))
"""Buttons in their order, with the states that each leads out of."""


class Adjustments:
    """Takes changes of on-hand stock."""

    def __init__(self, writer: Writer, books: CompanyBooks, clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._client = writer.client
        self._books = books
        self._clock = clock

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult:  # noqa: ARG002  # every try looks first
        """Books a difference, or carries on with the one of its reference that is there.

        Raises:
            BackendRefused, BackendUnavailable, UnknownOutcome: as ``Writer.answered``.
        """
        return await self._writer.answered(adjustment.reference, lambda: self._adjust(adjustment))

    async def _adjust(self, adjustment: Adjustment) -> WriteResult:
        found = await self._found(adjustment)
        if not found:
            values = await self._values(adjustment)
            await self._client.write(f"model.{_MODEL}.create", [values])
            found = await self._found(adjustment)
        for button, before in _STEPS:
            if found and found[0]["state"] in before:
                await self._writer.press(_MODEL, button, found[0]["id"], before)
                found = await self._found(adjustment)
        if not found:
            raise CannotBook("somebody canceled it while it was booked")
        first, *others = found
        if undone := [row["id"] for row in found if row["state"] != "done"]:
            await self._client.write(f"model.{_MODEL}.cancel", undone)
        if first["state"] != "done":
            raise CannotBook(f"{self._client.code} has fewer than {-adjustment.delta} free there")
        if twice := [row["number"] for row in others if row["state"] == "done"]:
            raise CannotBook(f"it was booked more than once: take back {', '.join(twice)}")
        return WriteResult(adjustment.reference, first["number"])

    async def _found(self, adjustment: Adjustment) -> list[Row]:
        """Shipments of the reference that are not canceled, the eldest first."""
        known = [["reference", "=", adjustment.reference], ["state", "!=", "cancelled"]]
        return await self._client.rows(_MODEL, known, _FIELDS, limit=FOUND_MAX)

    async def _values(self, adjustment: Adjustment) -> Mapping[str, Any]:
        company = await self._books.company()
        at = await self._books.warehouse(adjustment.location)
        if at.lost_found is None:
            raise CannotBook(f"warehouse {at.code} has no lost and found location")
        products = await self._client.rows(
            "product.product", [["code", "=", adjustment.sku]], ["default_uom"]
        )
        if len(products) != 1:
            raise CannotBook(f"{self._client.code} has no active product {adjustment.sku}")
        [product] = products
        today = self._clock().astimezone(company.time_zone).date()
        gain = adjustment.delta > 0
        way = {
            "from_location": at.lost_found if gain else at.storage,
            "to_location": at.storage if gain else at.lost_found,
        }
        move = {
            **way,
            "product": product["id"],
            "quantity": float(abs(adjustment.delta)),
            "unit": product["default_uom"],
            "company": company.id,
        }
        return {
            **way,
            "reference": adjustment.reference,
            "planned_date": today,
            "planned_start_date": today,
            "moves": [["create", [move]]],
        }
