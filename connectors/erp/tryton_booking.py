"""One sale or return of ours in Tryton, booked once however often it is tried: found by its
reference, made, set right, confirmed.

Tryton takes a reference twice without a word, so every step looks before it does. What is booked
stands in ``tryton_sale_terms``; what is done with it afterwards in ``tryton_sales`` and
``tryton_returns``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.erp.tryton_prices import STEP
from connectors.erp.tryton_sale_terms import SaleTerms
from connectors.erp.tryton_wire import Row
from connectors.erp.tryton_writing import CannotBook, Writer, standing
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import BackendUnavailable

FOUND_MAX = 20
"""Most sales of one reference that are looked at: more than two are somebody's experiment."""

OPEN = ("draft", "quotation")
"""States of a sale that nobody is bound by."""

_FIELDS = (
    "state",
    "number",
    "shipment_state",
    "shipments",
    "shipment_returns",
    "moves.state",
    "total_amount",
    "warehouse.code",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be there in the end. ``values`` writes it out as Tryton takes it.

    ``total`` is with tax, in major units, and below zero for a return; ``lines`` and ``units`` say
    how far it may be off by rounding.
    """

    reference: str
    location: str
    total: Decimal
    lines: int
    units: int
    values: Callable[[], Awaitable[Mapping[str, Any]]]


class Booking:
    """Books sales and returns. Whoever calls has the writer's turn: what was looked up stays."""

    def __init__(self, writer: Writer, terms: SaleTerms) -> None:
        self._writer = writer
        self._client = writer.client
        self._terms = terms

    async def found(self, reference: str) -> list[Row]:
        """Sales of the reference that are not canceled, the eldest first."""
        known = [["reference", "=", reference], ["state", "!=", "cancelled"]]
        return await self._client.rows("sale.sale", known, _FIELDS, limit=FOUND_MAX)

    async def booked(self, wanted: Wanted) -> tuple[Row | None, WriteResult]:
        """Makes and confirms it, or carries on with one of its reference that is there.

        The row is as it stands then; None if somebody canceled it meanwhile.

        Raises:
            CannotBook: its values or its total do not allow it.
            BackendUnavailable: it is confirmed, and not processed yet.
        """
        found = await self._alive(wanted)
        if not found:
            await self._client.write("model.sale.sale.create", [await wanted.values()])
            found = await self._alive(wanted)
        if found:
            with standing(name_of(found[0])):
                found = await self._carried_on(wanted, found)
        if not found:
            gone = "somebody canceled it while it was made"
            return None, WriteResult(wanted.reference, error=gone)
        with standing(name_of(found[0])):
            error = await self._wrong_with(wanted, found[0], found[1:])
        if error is None and await self._is_stuck(found[0]):
            raise BackendUnavailable(
                f"{self._client.code}: sale {name_of(found[0])} has no shipment yet",
                backend=self._client.code,
            )
        return found[0], WriteResult(wanted.reference, name_of(found[0]), error)

    async def _carried_on(self, wanted: Wanted, found: list[Row]) -> list[Row]:
        """Confirms what is open, and anew what is stuck; what is there then."""
        if await self._is_stuck(found[0]):
            await self._writer.press("sale.sale", "draft", found[0]["id"], ("confirmed",))
            found = await self._alive(wanted)
        if found and _place_of(found[0]) == wanted.location and found[0]["state"] in OPEN:
            await self._confirmed(wanted, found[0])
            found = await self._alive(wanted)
        return found

    async def _confirmed(self, wanted: Wanted, opened: Row) -> None:
        if opened["state"] == "draft":
            await self._corrected(wanted, opened)
            await self._writer.press("sale.sale", "quote", opened["id"], ("draft",))
        await self._writer.press("sale.sale", "confirm", opened["id"], OPEN)

    async def _is_stuck(self, row: Row) -> bool:
        """Says whether a sale was confirmed, but not processed as it should have been at once.

        Tryton does that in a second transaction, and if it is stopped between the two nobody goes
        on. We may not press *process*, but confirming the sale anew processes it.
        """
        return row["state"] == "confirmed" and not (await self._terms.company()).processes_later

    async def _alive(self, wanted: Wanted) -> list[Row]:
        """Those of the reference that something may still be handed over for."""
        return [row for row in await self.found(wanted.reference) if not _is_called_off(row)]

    async def _wrong_with(self, wanted: Wanted, booked: Row, others: Sequence[Row]) -> str | None:
        """What people have to look at; others of the reference, from lost answers, are canceled."""
        if open_ids := [row["id"] for row in others if row["state"] in OPEN]:
            await self._client.write("model.sale.sale.cancel", open_ids)
        if firm := [name_of(row) for row in others if row["state"] not in OPEN]:
            return f"its reference was confirmed more than once: call off {', '.join(firm)}"
        if _place_of(booked) != wanted.location:
            return f"its reference is booked at another place than {wanted.location}"
        if booked["state"] in OPEN:
            return f"it is still {booked['state']}"
        return None

    async def _corrected(self, wanted: Wanted, draft: Row) -> None:
        """Adds a line if the draft's total is off by rounding: a cent a line, a step a unit."""
        company = await self._terms.company()
        missing = wanted.total - draft["total_amount"]
        if not missing:
            return
        if abs(missing) > company.unit * wanted.lines + STEP * wanted.units:
            raise CannotBook(
                f"it comes to {draft['total_amount']} in {self._client.code}, not"
                f" {wanted.total}: compare the taxes of its products"
            )
        sign = 1 if wanted.total > 0 else -1  # of a return, as of its other lines
        line = {
            "sale": draft["id"],
            "quantity": float(sign),
            "unit_price": missing * sign,
            "description": "Rounding",
        }
        await self._client.write("model.sale.line.create", [line])


def name_of(row: Row) -> str:
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
