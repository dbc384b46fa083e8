"""What one of our sales or returns looks like in Tryton: buyer, place, products, prices and taxes.

How and when it is made is in ``tryton_booking``; the arithmetic of its prices in ``tryton_prices``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.erp.tryton_company import Company, CompanyBooks, Kept
from connectors.erp.tryton_prices import Priced, Rounding, net_prices
from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_wire import Row, refused
from connectors.erp.tryton_writing import CannotBook
from resolvers.domain.outbox import GiveBack, ReturnedLine, Sale, SaleLine
from resolvers.domain.values import Money, shares

MARK = "unified-commerce-gateway"
"""Begins the description of our sales; the reference follows it. When people duplicate a sale,
Tryton copies its description, but not its reference: so both together tell ours."""

_PRODUCT = (
    "code",
    "default_uom",
    "template.salable",
    "account_category.customer_taxes_used.type",
    "account_category.customer_taxes_used.rate",
    "account_category.customer_taxes_used.childs",
)


@dataclass(frozen=True, slots=True)
class Buyer:
    """The party in whose name our sales are booked: record ids."""

    party: int
    address: int
    payment_term: int | None


@dataclass(frozen=True, slots=True)
class Goods:
    """A product as it is sold: record ids, and the rate of its taxes in all."""

    id: int
    unit: int
    taxes: tuple[int, ...]
    rate: Decimal


def marked(reference: str) -> str:
    """The description of our sale of a reference."""
    return f"{MARK} {reference}"


def is_ours(sale: Row) -> bool:
    """Says whether a sale was written by a gateway, by its description and reference."""
    reference = sale["reference"]
    return bool(reference) and sale["description"] == marked(reference)


def wanted_total(sale: Sale) -> Decimal:
    """What the buyer pays, tax included, in major units."""
    return sum((Decimal(line.unit_price.amount) * line.quantity for line in sale.lines), Decimal(0))


def refunded_total(returned: GiveBack) -> Decimal:
    """What the buyer gets back, tax included, in major units."""
    return sum((Decimal(line.refund.amount) for line in returned.lines), Decimal(0))


def priced_lines(lines: Sequence[ReturnedLine]) -> list[SaleLine]:
    """What came back at unit prices that sum to its refunds, to the last minor unit: where a refund
    does not divide by its units, some of them are a minor unit dearer.
    """
    priced: list[SaleLine] = []
    for line in lines:
        each = shares(line.refund.minor, [1] * line.quantity)
        for minor in sorted(set(each), reverse=True):
            price = Money(minor, line.refund.currency)
            priced.append(SaleLine(line.sku, each.count(minor), price))
    return priced


class SaleTerms:
    """Looks up what a sale needs, and writes it out as Tryton's values."""

    def __init__(
        self,
        client: TrytonClient,
        books: CompanyBooks,
        clock: Callable[[], datetime],
        party: str,
    ) -> None:
        """``party`` is the code of the buyer of all sales."""
        self._client = client
        self._books = books
        self._party = party
        self._buyer = Kept(self._ask_buyer, clock)

    async def company(self) -> Company:
        """Who sells."""
        return await self._books.company()

    async def buyer(self) -> Buyer:
        """In whose name.

        Raises:
            BackendRefused: no such party, or it has no address.
        """
        return await self._buyer.get()

    async def values(self, sale: Sale) -> Mapping[str, Any]:
        """The sale as Tryton takes it.

        Raises:
            CannotBook: a product, its taxes or the currency do not allow it.
            BackendRefused: the buyer or the warehouse is not there.
        """
        company = await self.company()
        head = await self._head(sale.reference, sale.location, sale.placed_at, sale.note)
        rows = await self._products(sale.lines, company)
        if unsold := [code for code, row in rows.items() if not row["template."]["salable"]]:
            raise CannotBook(f"{unsold[0]} is not for sale")
        return {**head, "lines": [["create", _lines(sale.lines, rows, company)]]}

    async def return_values(self, returned: GiveBack) -> Mapping[str, Any]:
        """A return as Tryton takes it: a sale of fewer than no units, of the sale that it takes
        back if Tryton has that one.

        Raises:
            CannotBook, BackendRefused: as ``values``; what is no longer for sale may come back.
        """
        company = await self.company()
        head = await self._head(
            returned.reference, returned.location, returned.returned_at, returned.note
        )
        priced = priced_lines(returned.lines)
        rows = await self._products(priced, company)
        lines = [{**line, "quantity": -line["quantity"]} for line in _lines(priced, rows, company)]
        sold = await self._origin(returned.sale) if returned.sale is not None else None
        return {**head, "origin": sold, "lines": [["create", lines]]}

    async def _origin(self, reference: str) -> str | None:
        """The eldest sale of a reference, as Tryton names a record; None if it has none."""
        known = [["reference", "=", reference], ["state", "!=", "cancelled"]]
        rows = await self._client.rows("sale.sale", known, ["number"], limit=1)
        return f"sale.sale,{rows[0]['id']}" if rows else None

    async def _head(
        self, reference: str, location: str, at: datetime, note: str
    ) -> Mapping[str, Any]:
        company, buyer = await self.company(), await self.buyer()
        warehouse = await self._books.warehouse(location)
        return {
            "reference": reference,
            "description": marked(reference),
            "comment": note or None,
            "party": buyer.party,
            "invoice_address": buyer.address,
            "shipment_address": buyer.address,
            "payment_term": buyer.payment_term,
            "warehouse": warehouse.id,
            "currency": company.currency_id,
            "sale_date": at.astimezone(company.time_zone).date(),
        }

    async def _products(self, lines: Sequence[SaleLine], company: Company) -> Mapping[str, Row]:
        if any(line.unit_price.currency != company.currency for line in lines):
            raise CannotBook(f"{self._client.code} sells in {company.currency} only")
        skus = sorted({line.sku for line in lines})
        rows = await self._client.every("product.product", [["code", "in", skus]], _PRODUCT)
        goods = {row["code"]: row for row in rows}
        if missing := [sku for sku in skus if sku not in goods]:
            raise CannotBook(
                f"{self._client.code} has no active product {', '.join(missing)[:100]}"
            )
        return goods

    async def _ask_buyer(self) -> Buyer:
        rows = await self._client.rows(
            "party.party", [["code", "=", self._party]], ["addresses", "customer_payment_term"]
        )
        if not rows:
            raise refused(f"no party has the code {self._party}", "NOT_FOUND", self._client.code)
        [row] = rows
        if not row["addresses"]:
            raise refused(f"party {self._party} has no address", "NOT_FOUND", self._client.code)
        return Buyer(row["id"], row["addresses"][0], row["customer_payment_term"])


def _translate_goods(row: Row) -> Goods:
    category = row["account_category."]
    taxes = category["customer_taxes_used."] if category is not None else []
    if any(tax["type"] != "percentage" or tax["childs"] for tax in taxes):
        raise CannotBook(f"the taxes of {row['code']} are not plain percentages")
    rate = sum((tax["rate"] for tax in taxes), Decimal(0))
    return Goods(row["id"], row["default_uom"], tuple(tax["id"] for tax in taxes), rate)


def _lines(
    lines: Sequence[SaleLine], rows: Mapping[str, Row], company: Company
) -> list[dict[str, Any]]:
    goods = {code: _translate_goods(row) for code, row in rows.items()}
    priced = [
        Priced(line.quantity, Decimal(line.unit_price.amount), goods[line.sku].rate)
        for line in lines
    ]
    prices = net_prices(priced, Rounding(company.unit, company.line_rounding))
    return [
        {
            "product": goods[line.sku].id,
            "quantity": float(line.quantity),
            "unit": goods[line.sku].unit,
            "unit_price": price,
            "taxes": [["add", list(goods[line.sku].taxes)]],
        }
        for line, price in zip(lines, prices, strict=True)
    ]
