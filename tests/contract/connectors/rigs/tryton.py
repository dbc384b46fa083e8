"""A real Tryton with its tills. One server for the whole run; each test leaves more in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from connectors.erp.tryton import backend
from resolvers.backend_ports import Backend, Role
from resolvers.domain.outbox import (
    Adjustment,
    GiveBack,
    ReturnedLine,
    Sale,
    Transfer,
    TransferLine,
    TransferStep,
)
from resolvers.domain.values import Money
from resolvers.live_ports import Spot
from tests.contract.connectors.rig import Feeds, Reasons, Things
from tests.contract.connectors.tap import HttpRig
from tests.live.tryton.door import CHANNELS, sale
from tests.live.tryton.house import RunningTryton, TrytonHouse
from tests.live.tryton.rpc import TrytonRpc, Witness, today
from tests.live.tryton.seed import TEMPLATES_PER_CALL

SKU, PLACE = "BT0103-01", "CW01"
FOUND_SKU, FOUND_AT = "LG0101-01", "SH02"
MOVED_SKU, MOVED_FROM, MOVED_TO = "LG0201-01", "SH01", "CW01"
PLACED = ("confirmed", "processing", "done", "cancelled")
PRINTED = ("done", "posted", "cancelled")

_numbers = count(1)


class Products(Things):
    """Templates; their handles are their codes in small letters."""

    edge = 201

    async def there(self) -> set[str]:
        rows = self.rig.witness.search_read("product.template", [], ["code"])
        if len(rows) <= self.edge:
            self.enter(self.edge + 20 - len(rows))
            return await self.there()
        return {row["code"].lower() for row in rows}

    async def change(self, count: int) -> set[str]:
        rows = self.some(count)
        for at in range(0, count, 70):
            self.reprice(rows[at : at + 70])
        return {row["code"].lower() for row in rows}

    async def change_at_once(self, count: int) -> set[str]:
        rows = self.some(count)
        self.reprice(rows)
        return {row["code"].lower() for row in rows}

    def some(self, count: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]]
        rows = self.rig.witness.search_read("product.template", [], ["code"])
        return rows[:count]

    def reprice(self, rows: list[dict[str, Any]]) -> None:
        price = {"gross_price": Decimal(1000 + next(_numbers))}
        self.rig.witness.call("product.template", "write", [row["id"] for row in rows], price)

    def enter(self, count: int) -> None:
        unit = self.rig.witness.call("ir.model.data", "get_id", "product", "uom_unit")
        common = {"type": "goods", "default_uom": unit, "sale_uom": unit, "salable": True}
        common |= {"list_price": Decimal(100), "gross_price": Decimal(113)}
        made = []
        for at in range(count):
            code = f"CF{at:04}"
            variant = {"suffix_code": "-01", "cost_price": Decimal(50)}
            more = {"name": f"Conformance {code}", "code": code}
            made.append({**common, **more, "products": [["create", [variant]]]})
        for at in range(0, len(made), TEMPLATES_PER_CALL):
            self.rig.witness.create("product.template", *made[at : at + TEMPLATES_PER_CALL])


class Orders(Things):
    """Tickets, rung up many at a time."""

    edge = 201

    async def there(self) -> set[str]:
        told = self.told()
        if len(told) <= self.edge:
            self.ring_up(self.edge)
        return self.told()

    async def change(self, count: int) -> set[str]:
        before = self.told()
        for at in range(0, count, 70):
            self.ring_up(min(70, count - at))
        return self.told() - before

    async def change_at_once(self, count: int) -> set[str]:
        before = self.told()
        self.ring_up(count)
        return self.told() - before

    def told(self) -> set[str]:
        """Ids as the connector tells them: of tickets, and of sales that are not ours."""
        rows = self.rig.witness.search_read(
            "sale.point.sale", [["state", "in", PRINTED]], ["number"]
        )
        return {self.external(row) for row in rows}

    def external(self, row: Mapping[str, Any]) -> str:
        return f"ticket:{row['id']}"

    def ring_up(self, count: int) -> None:
        witness: Witness = self.rig.witness
        till = witness.only("sale.point", [["storage_location.parent.code", "=", "SH01"]])
        cash = witness.only("sale.point.payment.method", [["cash", "=", True]])
        prices = ("list_price_used", "gross_price_used")
        product = witness.only("product.product", [["code", "=", SKU]], *prices)
        line = {
            "product": product["id"],
            "quantity": 1.0,
            "unit_list_price": product["list_price_used"],
            "unit_gross_price": product["gross_price_used"],
        }
        payment = {"method": cash["id"], "amount": product["gross_price_used"]}
        ticket = {
            "point": till["id"],
            "date": today(),
            "lines": [["create", [line]]],
            "payments": [["create", [payment]]],
        }
        ids = witness.create("sale.point.sale", *([ticket] * count))
        witness.call("sale.point.sale", "process", ids)


class TrytonRig(HttpRig):
    name = "Tryton"
    mark = "live_long"
    roles = (
        Role.CATALOG_SOURCE, Role.LOCATION_SOURCE, Role.STOCK_FEED, Role.STOCK_SINK,
        Role.ORDER_SOURCE, Role.ORDER_SINK, Role.RETURN_SINK, Role.TRANSFER_SINK, Role.LIVE_STOCK,
    )  # fmt: skip
    feeds: ClassVar[Feeds] = {Role.CATALOG_SOURCE: Products, Role.ORDER_SOURCE: Orders}
    cannot: ClassVar[Reasons] = {
        "throttle": "it counts logins, not calls",
        "turned_away": "it counts logins, not calls",
    }
    writes = (
        b"sale.sale.create", b"stock.shipment.internal.create", b"stock.shipment.internal.ship",
    )  # fmt: skip
    login = b"common.db.login"

    @staticmethod
    @contextmanager
    def running(folder: Path) -> Iterator[RunningTryton]:
        with TrytonHouse.ready().start(folder) as server:
            yield server

    @cached_property
    def witness(self) -> Witness:
        server: RunningTryton = self.system
        return server.witness()

    def made(self, **otherwise: Any) -> Backend:
        server: RunningTryton = self.system
        told: dict[str, Any] = {
            "code": "erp",
            "url": server.url,
            "database": server.database,
            "user": "gateway",
            "password": server.house.password("gateway"),
            "channels": CHANNELS,
            "timeout_seconds": 30.0,
            "clock": self.clock,
            "transport": self.tap,
        }
        return backend(**{**told, **otherwise})

    async def ask(self, backend: Backend) -> object:
        assert backend.locations is not None
        return await backend.locations.locations()

    async def expire(self) -> None:
        """Logs the connector out, with what it shows to be let in."""
        shown = [
            it.headers["authorization"] for it in self.tap.asked if "authorization" in it.headers
        ]
        session = TrytonRpc(self.system.port, self.system.database)
        session._authorization = shown[-1]  # noqa: SLF001  # as if it were the connector
        session.ask("common.db.logout")

    async def shelf(self) -> Spot:
        return FOUND_SKU, FOUND_AT

    async def adjustment(self, reference: str, delta: int) -> Adjustment:
        return Adjustment(reference, FOUND_SKU, FOUND_AT, delta, "found behind the shelf")

    async def on_hand(self, location: str, sku: str) -> int:
        return self.witness.on_hand(location).get(sku, 0)

    async def move(self, location: str, sku: str, units: int) -> None:
        self.witness.count_stock(location, sku, await self.on_hand(location, sku) + units)

    async def sale(self, reference: str, sku: str | None = None) -> Sale:
        return sale(reference, (sku or SKU, 1, 15_900), at=PLACE)

    async def bad_sale(self, reference: str) -> Sale:
        return await self.sale(reference, sku="NO-SUCH-SKU")

    async def unknown_sale(self, reference: str) -> Sale:
        return await self.sale(reference)

    async def booked(self, reference: str) -> int:
        """A sale whose goods were called back stays, with nothing to hand over."""
        called_off = ("processing", "none")
        return sum(
            row["reference"] == reference
            and row["state"] != "cancelled"
            and (row["state"], row["shipment_state"]) != called_off
            for row in self.witness.sales(reference)
        )

    async def give_back(self, reference: str) -> GiveBack:
        line = ReturnedLine(SKU, 2, Money(15_900, "CNY"))
        return GiveBack(reference, FOUND_AT, datetime.now(UTC), (line,))

    async def returned(self, reference: str) -> int:
        rows = self.witness.sales(reference)
        return sum(it["reference"] == reference and it["state"] != "cancelled" for it in rows)

    async def transfer(self, reference: str, step: TransferStep, units: int = 2) -> Transfer:
        if await self.on_hand(MOVED_FROM, MOVED_SKU) < units + 5:
            self.witness.count_stock(MOVED_FROM, MOVED_SKU, units + 60)
        return Transfer(reference, step, MOVED_FROM, MOVED_TO, (TransferLine(MOVED_SKU, units),))

    async def transfers(self, reference: str) -> int:
        stand = [["reference", "=", reference], ["state", "!=", "cancelled"]]
        return len(self.witness.search_read("stock.shipment.internal", stand, ["state"]))
