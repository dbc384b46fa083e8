"""Tryton over JSON-RPC, as its own clients speak to it: for the seed, and for tests that look at a
Tryton server without going through the gateway.

Shares no code with the connector, so that one mistake cannot hide in both.
"""

import base64
import gzip
import http.client
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypedDict

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_KIND = "__class__"  # marks an object that stands for a value JSON does not have


def today() -> date:
    """The business day of the seeded company."""
    return datetime.now(SHANGHAI).date()


class TrytonRefused(Exception):
    """Tryton answered, and the answer was no."""

    def __init__(self, method: str, status: int, reason: Any) -> None:
        super().__init__(f"{method}: HTTP {status}: {str(reason)[:300]}")  # some fill pages
        self.method = method
        self.status = status
        self.reason = reason


class TrytonRpc:
    """One user's calls to one database. Every call has its own connection: the server closes it."""

    def __init__(self, port: int, database: str, *, timeout: float = 60) -> None:
        self.port = port
        self.database = database
        self.timeout = timeout
        self.context: dict[str, Any] = {}
        self._authorization: str | None = None
        self._ids = itertools.count(1)

    def ask(self, method: str, *params: Any) -> Any:
        """Calls ``method`` with exactly these parameters: nothing is added."""
        body = json.dumps(
            {"id": next(self._ids), "method": method, "params": params}, default=_to_wire
        )
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if self._authorization:
            headers["Authorization"] = self._authorization

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request("POST", f"/{self.database}/rpc/", body.encode(), headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()

        if response.getheader("Content-Encoding") == "gzip":
            answer = gzip.decompress(answer)
        if response.status != http.HTTPStatus.OK:
            raise TrytonRefused(method, response.status, answer[:200].decode(errors="replace"))
        reply = json.loads(answer, object_hook=_from_wire)
        if "error" in reply:
            raise TrytonRefused(method, response.status, reply["error"])
        return reply["result"]

    def log_in(self, user: str, password: str) -> int:
        """Opens a session and takes over the user's context (company, language); gives their id."""
        user_id, token, *_ = self.ask("common.db.login", user, {"password": password}, "en")
        session = f"{user}:{user_id}:{token}".encode()
        self._authorization = "Session " + base64.b64encode(session).decode()
        self.reload_context()
        return int(user_id)

    def reload_context(self) -> None:
        self.context = self.ask("model.res.user.get_preferences", True, {})

    def call(
        self, model: str, method: str, *params: Any, context: Mapping[str, Any] | None = None
    ) -> Any:
        """Calls a model's method, with the session's context as its last parameter."""
        return self.ask(f"model.{model}.{method}", *params, {**self.context, **(context or {})})

    def create(self, model: str, *records: Mapping[str, Any]) -> list[int]:
        ids: list[int] = self.call(model, "create", records)
        return ids

    def add(self, model: str, **fields: Any) -> int:
        """Creates one record."""
        [record] = self.create(model, fields)
        return record

    def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """All matching records, lowest id first."""
        rows: list[dict[str, Any]] = self.call(
            model, "search_read", domain, 0, None, [["id", "ASC"]], fields, context=context
        )
        return rows

    def only(self, model: str, domain: Sequence[Any], *fields: str) -> dict[str, Any]:
        """The one record that matches."""
        rows = self.search_read(model, domain, fields)
        if len(rows) != 1:
            raise LookupError(f"{len(rows)} of {model} match {domain}")
        return rows[0]


class SaleLine(TypedDict):
    sku: str
    quantity: int
    unit_price: Decimal


class Sale(TypedDict):
    id: int
    reference: str
    state: str
    shipment_state: str
    warehouse: str
    party: str
    lines: list[SaleLine]


class Witness(TrytonRpc):
    """What a test asks of Tryton, and what a shop's staff do to it. Location and SKU are codes."""

    def on_hand(self, location_code: str) -> dict[str, int]:
        """Units that lie in a warehouse (all its zones) or a zone, of every SKU that is not 0."""
        location = self.only("stock.location", [["code", "=", location_code]])
        rows = self.search_read(
            "product.product",
            [],
            ["code", "quantity"],
            context={"locations": [location["id"]], "stock_date_end": today()},
        )
        return {row["code"]: _whole(row["quantity"]) for row in rows if row["quantity"]}

    def prices(self) -> dict[str, Decimal]:
        """What a customer pays for one unit, tax included, by SKU."""
        rows = self.search_read("product.product", [], ["code", "gross_price_used"])
        return {row["code"]: row["gross_price_used"] for row in rows}

    def sales(self, reference_prefix: str) -> list[Sale]:
        """All sales whose reference starts so, cancelled ones too, the oldest first."""
        fields = ["reference", "state", "shipment_state", "warehouse.code", "party.code"]
        rows = self.search_read(
            "sale.sale", [["reference", "like", f"{reference_prefix}%"]], fields
        )
        rows = [
            row for row in rows if row["reference"].startswith(reference_prefix)
        ]  # _ is a joker
        lines = self.search_read(
            "sale.line",
            [["sale", "in", [row["id"] for row in rows]], ["type", "=", "line"]],
            ["sale", "product.code", "quantity", "unit_price"],
        )
        return [
            {
                "id": row["id"],
                "reference": row["reference"],
                "state": row["state"],
                "shipment_state": row["shipment_state"],
                "warehouse": row["warehouse."]["code"],
                "party": row["party."]["code"],
                "lines": [
                    {
                        "sku": line["product."]["code"],
                        "quantity": _whole(line["quantity"]),
                        "unit_price": line["unit_price"],
                    }
                    for line in lines
                    if line["sale"] == row["id"]
                ],
            }
            for row in rows
        ]

    def sell_at_till(self, shop_code: str, sku: str, quantity: int) -> str:
        """Sells for cash, and books it: the goods leave the shop. Gives the ticket's number."""
        ticket = self.ring_up(shop_code, sku, quantity)
        self.call("sale.point.sale", "post", [ticket])
        number: str = self.only("sale.point.sale", [["id", "=", ticket]], "number")["number"]
        return number

    def ring_up(self, shop_code: str, sku: str, quantity: int) -> int:
        """Sells for cash without booking it: Tryton still counts the goods. Gives the id."""
        till = self.only("sale.point", [["storage_location.parent.code", "=", shop_code]])
        cash = self.only("sale.point.payment.method", [["cash", "=", True]])
        product = self.only(
            "product.product", [["code", "=", sku]], "list_price_used", "gross_price_used"
        )
        line = {
            "product": product["id"],
            "quantity": float(quantity),
            "unit_list_price": product["list_price_used"],
            "unit_gross_price": product["gross_price_used"],
        }
        payment = {"method": cash["id"], "amount": product["gross_price_used"] * quantity}
        [ticket] = self.create(
            "sale.point.sale",
            {
                "point": till["id"],
                "date": today(),
                "lines": [["create", [line]]],
                "payments": [["create", [payment]]],
            },
        )
        self.call("sale.point.sale", "process", [ticket])
        return ticket

    def count_stock(self, location_code: str, sku: str, quantity: int) -> None:
        """Books a count: from now on ``quantity`` units lie where the location stores its goods."""
        location = self.only(
            "stock.location", [["code", "=", location_code]], "type", "storage_location"
        )
        zone = location["storage_location" if location["type"] == "warehouse" else "id"]
        product = self.only("product.product", [["code", "=", sku]])
        [count] = self.create(
            "stock.inventory",
            {
                "location": zone,
                "company": self.context["company"],
                "date": today(),
                "empty_quantity": "keep",
                "lines": [["create", [{"product": product["id"], "quantity": float(quantity)}]]],
            },
        )
        self.call("stock.inventory", "confirm", [count])


def _whole(quantity: float) -> int:
    units = int(quantity)
    assert units == quantity, "the seed sells nothing by weight or length"
    return units


def _to_wire(value: Any) -> dict[str, Any]:
    if isinstance(value, Decimal):
        return {_KIND: "Decimal", "decimal": str(value)}
    if isinstance(value, datetime):
        assert value.utcoffset() == timedelta(0), "Tryton's instants are UTC"
        clock = ("hour", "minute", "second", "microsecond")
        calendar = {**_to_wire(value.date()), _KIND: "datetime"}
        return calendar | {part: getattr(value, part) for part in clock}
    if isinstance(value, date):
        return {_KIND: "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"Tryton has no form for {type(value).__name__}")


def _from_wire(value: dict[str, Any]) -> Any:
    parts = {name: part for name, part in value.items() if name != _KIND}
    match value.get(_KIND):
        case "Decimal":
            return Decimal(parts["decimal"])
        case "date":
            return date(**parts)
        case "datetime":
            return datetime(**parts, tzinfo=UTC)
        case _:
            return value
