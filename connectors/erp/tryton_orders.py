"""Sales and till tickets as a feed of orders. Of those that a gateway has written itself only the
ones that were called off.

What a row means is in ``tryton_orders_translate``; how changes are found, in ``tryton_changes``.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.erp import tryton_tills
from connectors.erp.tryton_changes import STAMP, Changes, Kind, Watched
from connectors.erp.tryton_orders_translate import (
    OrderTerms,
    by_sale,
    takes_back,
    translate_sale,
    translate_ticket,
)
from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_sale_terms import is_ours
from connectors.erp.tryton_wire import Row
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.orders import Order, OrderStatus

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
_RETURN_LINE = (
    "sale.origin",
    "product.code",
    "moves.state",
    "moves.internal_quantity",
    "moves.from_location.type",
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
        self._any = self._terms.sales or _first(channels)

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
        older = sorted({id for row in rows if (id := takes_back(row)) is not None} - set(ids))
        if older:  # what came back changes the sale that it was of
            of_old = [["id", "in", older], *_PLACED]
            rows += await self._client.every("sale.sale", of_old, _SALE)
        of_them = ["sale", "in", [row["id"] for row in rows]]
        lines = by_sale(
            await self._client.every("sale.line", [of_them, ["product", "!=", None]], _SALE_LINE)
            if rows
            else []
        )
        theirs = [row for row in rows if not is_ours(row)]
        back = await self._came_back([row["id"] for row in theirs])
        told = [
            translate_sale(
                row, lines.get(row["id"], ()), self._terms, returned=back.get(row["id"], ())
            )
            for row in theirs
        ]
        known = [self._own(row, lines.get(row["id"], ())) for row in rows if is_ours(row)]
        off = [it for it in known if it is not None and it.status is OrderStatus.CANCELED]
        return [order for order in told if order is not None] + await self._gone(off)

    async def _came_back(self, ids: Sequence[int]) -> Mapping[int, Sequence[Row]]:
        """Lines of the returns of some sales, by the sale that they take back."""
        of: dict[int, list[Row]] = {}
        if ids:
            origins = ["sale.origin", "in", [f"sale.sale,{id}" for id in ids]]
            domain = [origins, ["quantity", "<", 0], ["product", "!=", None]]
            for line in await self._client.every("sale.line", domain, _RETURN_LINE):
                id = takes_back(line["sale."])
                if id is not None:
                    of.setdefault(id, []).append(line)
        return of

    def _own(self, row: Row, lines: Sequence[Row]) -> Order | None:
        """A sale of ours as an order, whatever channel it is of here: the house knows its own."""
        channel = self._any and replace(self._any, currency=row["currency."]["code"])
        return translate_sale(row, lines, replace(self._terms, sales=channel))

    async def _gone(self, called_off: Sequence[Order]) -> list[Order]:
        """Those whose reference has no other sale that something may still be handed over for: one
        of two that an answer got lost of, or one that was made anew at another place.
        """
        if not called_off:
            return []
        named = [["reference", "in", [order.number for order in called_off]]]
        others = await self._client.every(
            "sale.sale", [*named, ["state", "!=", "cancelled"]], ("reference", "moves.state")
        )
        alive = {
            row["reference"]
            for row in others
            if not row["moves."] or any(move["state"] != "cancelled" for move in row["moves."])
        }
        return [order for order in called_off if order.number not in alive]

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
