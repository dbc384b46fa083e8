"""The connector on a running Tryton, and what people do there that its witness does not know."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.erp.tryton import backend
from resolvers.backend_ports import Backend, Level
from resolvers.domain.catalog import Product
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money
from tests.live.tryton.house import RunningTryton
from tests.live.tryton.rpc import Witness, today

CHANNELS = (
    Channel("web", "Web", ChannelKind.ONLINE, "CNY"),
    Channel("store", "Shops", ChannelKind.IN_STORE, "CNY"),
)


class Erp:
    """The backend, all of whose roles are there."""

    def __init__(self, server: RunningTryton, **settings: Any) -> None:
        asked = {
            "code": "erp",
            "url": server.url,
            "database": server.database,
            "user": "gateway",
            "password": server.house.password("gateway"),
            "channels": CHANNELS,
            **settings,
        }
        self.backend: Backend = backend(**asked)
        assert self.backend.catalog and self.backend.order_source and self.backend.locations
        assert self.backend.stock and self.backend.order_sink and self.backend.stock_sink
        self.catalog, self.source = self.backend.catalog, self.backend.order_source
        self.locations, self.stock = self.backend.locations, self.backend.stock
        self.sink, self.stock_sink = self.backend.order_sink, self.backend.stock_sink
        assert self.backend.return_sink and self.backend.transfer_sink
        self.returns, self.transfers = self.backend.return_sink, self.backend.transfer_sink

    async def products(self, cursor: str = "") -> tuple[list[Product], str]:
        found: list[Product] = []
        after = cursor
        async for page, next_cursor in self.catalog.products(cursor):
            found += page
            after = next_cursor
        return found, after

    async def orders(self, cursor: str = "") -> tuple[dict[str, Order], str]:
        found: dict[str, Order] = {}
        after = cursor
        async for page, next_cursor in self.source.orders(cursor):
            found |= {order.number: order for order in page}
            after = next_cursor
        return found, after

    async def level(self, location: str, sku: str) -> Level:
        return (await self.stock.read(location)).levels[sku]

    async def close(self) -> None:
        assert self.backend.close is not None
        await self.backend.close()  # type: ignore[misc]  # typed as anything; here a coroutine


def sale(reference: str, *lines: tuple[str, int, int], at: str = "CW01") -> Sale:
    sold = tuple(SaleLine(sku, units, Money(minor, "CNY")) for sku, units, minor in lines)
    return Sale(reference, at, datetime.now(UTC), sold)


def ship(witness: Witness, sale_id: int, *, zoned: bool) -> None:
    """Warehouse people send what a sale has sold."""
    shipments = witness.only("sale.sale", [["id", "=", sale_id]], "shipments")["shipments"]
    for button in ("assign_try", *(("pick",) if zoned else ()), "pack", "do"):
        witness.call("stock.shipment.out", button, shipments)


def sell(
    witness: Witness, sku: str, quantity: int, at: str, reference: str, *, buyer: str = "M1001"
) -> int:
    """Somebody enters a sale in Tryton, at 100 a piece and VAT, and leaves it open; its id."""
    party = witness.only("party.party", [["code", "=", buyer]], "addresses")
    product = witness.only("product.product", [["code", "=", sku]], "default_uom")
    line = {
        "product": product["id"],
        "quantity": float(quantity),
        "unit": product["default_uom"],
        "unit_price": Decimal("100.0000"),
        "taxes": [["add", [witness.only("account.tax", [["rate", "=", Decimal("0.13")]])["id"]]]],
    }
    return witness.add(
        "sale.sale",
        reference=reference,
        party=party["id"],
        invoice_address=party["addresses"][0],
        shipment_address=party["addresses"][0],
        warehouse=witness.only("stock.location", [["code", "=", at]])["id"],
        currency=witness.only("currency.currency", [["code", "=", "CNY"]])["id"],
        sale_date=today(),
        lines=[["create", [line]]],
    )


def confirm(witness: Witness, sale_id: int) -> None:
    """Staff confirm a sale that they have entered."""
    for button in ("quote", "confirm"):
        witness.call("sale.sale", button, [sale_id])
