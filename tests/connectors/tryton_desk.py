"""Tryton's sales desk for tests: sales that buttons move on, as far as the connector sees them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_prices import Priced, Rounding, total
from connectors.erp.tryton_sale_terms import SaleTerms
from connectors.erp.tryton_sales import Sales
from connectors.erp.tryton_writing import Writer
from tests.connectors.tryton_scripted import (
    Clock,
    Refused,
    Scripted,
    client_of,
    decimal,
    of_company,
    search,
)

CREATE = "model.sale.sale.create"
FIND = "model.sale.sale.search_read"
DRAFT = "model.sale.sale.draft"
QUOTE, CONFIRM = "model.sale.sale.quote", "model.sale.sale.confirm"
CANCEL = "model.sale.sale.cancel"
SHIPMENTS = "model.stock.shipment.out.search_read"
CALL_BACK = "model.stock.shipment.out.cancel"
WIZARD = "wizard.sale.handle.shipment.exception"
VAT = {"id": 1, "type": "percentage", "rate": decimal("0.13"), "childs": []}


class Desk:
    """Tryton's sales as far as the connector sees them: buttons move them on."""

    def __init__(self) -> None:
        self.sales: list[dict[str, Any]] = []
        self.shipment = "waiting"
        self.off_by = Decimal(0)
        self.server = Scripted(
            {
                **of_company(),
                "model.party.party.search_read": search(
                    [{"id": 2, "addresses": [6, 7], "customer_payment_term": 10}]
                ),
                "model.product.product.search_read": search(
                    [product(1, "BT0101-01"), product(122, "LG0101-02")]
                ),
                CREATE: self.create,
                FIND: self.find,
                QUOTE: self.moves_on("draft", "quotation"),
                CONFIRM: self.moves_on("quotation", "processing"),
                CANCEL: self.cancel,
                DRAFT: self.moves_on("confirmed", "draft"),
                "model.sale.line.create": self.correct,
                SHIPMENTS: lambda _: [{"id": 5, "number": "5", "state": self.shipment}],
                CALL_BACK: self.call_back,
                f"{WIZARD}.create": lambda _: [3, "ask", "end"],
                f"{WIZARD}.execute": self.let_go,
                f"{WIZARD}.delete": lambda _: None,
            }
        )
        client = client_of(self.server.handle)
        clock = Clock()
        books = CompanyBooks(client, clock)
        terms = SaleTerms(client, books, clock, "ONLINE")
        self.desk = Sales(Writer(client, 10.0), terms)

    def there(self, state: str, *, location: str = "SH01", total: str = "1721.00") -> int:
        """Somebody has made a sale of our reference already."""
        id = len(self.sales) + 1
        self.sales.append(
            {
                "id": id,
                "state": state,
                "number": None if state == "draft" else str(100 + id),
                "shipment_state": "waiting" if state == "processing" else "none",
                "shipments": [5] if state == "processing" else [],
                "shipment_returns": [],
                "moves.": [{"id": 7, "state": "draft"}] if state == "processing" else [],
                "total_amount": decimal(total),
                "warehouse.": {"id": 10, "code": location},
            }
        )
        return id

    def states(self) -> list[str]:
        return [sale["state"] for sale in self.sales]

    def create(self, params: list[Any]) -> Any:
        [values] = params[0]
        lines = values["lines"][0][1]
        priced = [Priced(int(line["quantity"]), Decimal(0), Decimal("0.13")) for line in lines]
        prices = [Decimal(line["unit_price"]["decimal"]) for line in lines]
        amount = total(priced, prices, Rounding(Decimal("0.01"), by_line=False)) + self.off_by
        return [self.there("draft", total=str(amount))]

    def find(self, params: list[Any]) -> Any:
        found = [sale for sale in self.sales if sale["state"] != "cancelled"]
        for field, sign, value in params[0]:
            if field == "id":
                found = [sale for sale in found if sale["id"] == value]
            if field == "state" and sign == "in":
                found = [sale for sale in found if sale["state"] in value]
        return found[: params[2]]

    def moves_on(self, before: str, after: str) -> Callable[[list[Any]], Any]:
        def pressed(params: list[Any]) -> Any:
            for sale in self.named(params):
                if sale["state"] != before:
                    raise Refused("UserError", ["You can not", "", None])
                number = sale["number"] or str(100 + sale["id"])
                sale |= {"state": after, "number": number}
                if after == "processing":
                    sale |= {"shipments": [5], "moves.": [{"id": 7, "state": "draft"}]}

        return pressed

    def cancel(self, params: list[Any]) -> Any:
        for sale in self.named(params):
            sale["state"] = "cancelled"

    def call_back(self, params: list[Any]) -> Any:
        self.shipment = "cancelled"
        for sale in self.sales:
            sale |= {"shipment_state": "exception", "moves.": [{"id": 7, "state": "cancelled"}]}

    def let_go(self, params: list[Any]) -> Any:
        for sale in self.sales:
            sale["shipment_state"] = "none"
        return {}

    def correct(self, params: list[Any]) -> Any:
        [line] = params[0]
        sale = self.sales[line["sale"] - 1]
        amount = Decimal(sale["total_amount"]["decimal"])
        sale["total_amount"] = decimal(str(amount + Decimal(line["unit_price"]["decimal"])))
        return [99]

    def named(self, params: list[Any]) -> list[dict[str, Any]]:
        return [self.sales[id - 1] for id in params[0]]

    def written(self) -> list[str]:
        """What was told, not asked."""
        asking = ("search_read", ".delete", "server.version")
        return [name for name in self.server.methods() if not name.endswith(asking)]


def product(id: int, code: str, **more: Any) -> dict[str, Any]:
    category = {"id": 1, "customer_taxes_used": [1], "customer_taxes_used.": [VAT]}
    return {
        "id": id,
        "code": code,
        "default_uom": 1,
        "template.": {"id": 1, "salable": 1},
        "account_category.": category,
        **more,
    }
