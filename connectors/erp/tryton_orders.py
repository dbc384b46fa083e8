"""Sales and till tickets as a feed of orders, without those that a gateway has written itself.

What a row means is in ``tryton_orders_translate``; how changes are found, in ``tryton_changes``.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime

from connectors.erp import tryton_tills
from connectors.erp.tryton_changes import STAMP, Changes, Kind, Watched
from connectors.erp.tryton_orders_translate import (
    OrderTerms,
    by_sale,
    translate_sale,
    translate_ticket,
)
from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_sale_terms import is_ours
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.orders import Order

SALES_CHANNEL = "sales_channel"
"""Name of the option that says which channel Tryton's own sales belong to."""

_SALE = (
    "number",
    "reference",
    "description",
    "state",
    "shipment_state",
    "origin",
    "currency.code",
    "warehouse.code",
    "create_date",
    STAMP,
)
_SALE_LINE = (
    "sale",
    "product.code",
    "product.name",
    "product.description",
    "quantity",
    "unit_price",
    "taxes.type",
    "taxes.rate",
    "taxes.amount",
    "moves.state",
    "moves.internal_quantity",
    "moves.to_location.type",
    f"moves.{STAMP}",
)
_TICKET = (
    "number",
    "state",
    "currency.code",
    "point.storage_location.warehouse.code",
    "create_date",
    STAMP,
)
_TICKET_LINE = (
    "sale",
    "product.code",
    "product.name",
    "product.description",
    "quantity",
    "unit_gross_price",
)
_PAYMENT = ("sale", "method.name", "amount")

_PLACED = [["state", "in", ["confirmed", "processing", "done", "cancelled"]]]
_PRINTED = [["state", "in", ["done", "posted", "cancelled"]]]

_KINDS = (
    Kind(
        "sale",
        "sale.sale",
        _PLACED,
        (
            Watched("sale.sale", _PLACED, (), lambda row: row["id"]),
            Watched(
                "stock.move",
                [["state", "=", "done"], ["origin", "like", "sale.line,%"]],
                ("sale",),
                lambda row: row["sale"],
            ),
        ),
    ),
    Kind(
        "ticket",
        "sale.point.sale",
        _PRINTED,
        (Watched("sale.point.sale", _PRINTED, (), lambda row: row["id"]),),
    ),
)
"""A second part of a sale that is sent moves its movements, not the sale."""


class Orders:
    """What Tryton's people and tills have sold."""

    def __init__(
        self,
        client: TrytonClient,
        clock: Callable[[], datetime],
        channels: Sequence[Channel],
        options: Mapping[str, str],
    ) -> None:
        """Sales go to the channel of the option, or the first that is online; tickets to their
        shop's.

        Raises:
            BadOption: the channels of the tills cannot be meant.
        """
        self._client = client
        self._changes = Changes(client, clock, _KINDS)
        named = options.get(SALES_CHANNEL)
        self._terms = OrderTerms(
            client.code,
            _first(at for at in channels if at.code == named)
            if named is not None
            else _first(at for at in channels if at.kind is ChannelKind.ONLINE),
            tryton_tills.read(options, channels),
        )

    async def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        """Pages of at most 200 orders: all, or those changed since a cursor."""
        async for found in self._changes.since(cursor):
            if found.kind == "sale":
                orders = await self._sales(found.ids)
            elif found.kind == "ticket":
                orders = await self._tickets(found.ids)
            else:
                orders = []
            yield orders, found.cursor

    async def _sales(self, ids: Sequence[int]) -> list[Order]:
        rows = await self._client.every("sale.sale", [["id", "in", ids], *_PLACED], _SALE)
        theirs = [row for row in rows if not is_ours(row)]
        of_theirs = ["sale", "in", [row["id"] for row in theirs]]
        lines = by_sale(
            await self._client.every("sale.line", [of_theirs, ["product", "!=", None]], _SALE_LINE)
            if theirs
            else []
        )
        told = [translate_sale(row, lines.get(row["id"], ()), self._terms) for row in theirs]
        return [order for order in told if order is not None]

    async def _tickets(self, ids: Sequence[int]) -> list[Order]:
        rows = await self._client.every("sale.point.sale", [["id", "in", ids], *_PRINTED], _TICKET)
        of_them = [["sale", "in", [row["id"] for row in rows]]]
        lines = by_sale(await self._client.every("sale.point.sale.line", of_them, _TICKET_LINE))
        payments = by_sale(await self._client.every("sale.point.payment", of_them, _PAYMENT))
        told = [
            translate_ticket(
                row, lines.get(row["id"], ()), payments.get(row["id"], ()), self._terms
            )
            for row in rows
        ]
        return [order for order in told if order is not None]


def _first(channels: Iterable[Channel]) -> Channel | None:
    return next(iter(channels), None)
