"""The shop's orders as a feed.

An order's own stamp moves with its content only, not when it is placed, paid, sent or refunded. So
three lists are read: what was placed or changed lately, what is open with the state that it is in,
and now and then all of the last month, for refunds. What is then found unchanged is not told.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from connectors.marketplace.vendure_changes import EPOCH, Feed, Watched
from connectors.marketplace.vendure_orders_translate import (
    CALLED_OFF,
    OrderTerms,
    translate_order,
)
from connectors.marketplace.vendure_shop import Shop
from connectors.marketplace.vendure_wire import Row, instant, legible, written
from resolvers.domain.orders import Order

MONTH = timedelta(days=30)
"""How long after it was placed an order is looked at anew that is closed."""

MONTH_EVERY_SECONDS = 900
TOLD_MAX = 20_000
"""Orders whose last state is remembered, so that it is not told again."""

_ORDERS = """query($options: OrderListOptions) {
  rows: orders(options: $options) { totalItems items { %s } }
}"""
_STAMPS = "id state updatedAt orderPlacedAt"
_FIELDS = """id code state orderPlacedAt updatedAt currencyCode shippingWithTax totalWithTax
  channels { code }
  customer { id }
  shippingAddress {
    fullName company streetLine1 streetLine2 city province postalCode countryCode phoneNumber
  }
  lines { id quantity orderPlacedQuantity unitPriceWithTax productVariant { sku name } }
  payments {
    updatedAt createdAt method amount state transactionId
    refunds { updatedAt state total }
  }
  fulfillments { updatedAt state lines { orderLineId quantity } }"""

_CLOSED = ["Delivered", CALLED_OFF]


class Orders:
    """What one shop has sold."""

    def __init__(self, shop: Shop, clock: Callable[[], datetime]) -> None:
        self._client = shop.client
        self._clock = clock
        self._terms = OrderTerms(shop.client.code, shop.terms.channels, shop.terms.region)
        self._told: dict[str, Order] = {}
        query = _ORDERS % _STAMPS
        self._feed = Feed(
            shop.client,
            _ORDERS % "id",
            (
                Watched("changed", query, _placed_or_changed, stamps=_stamps, at=_newest),
                Watched("open", query, _open, stamps=_stamps, at=_newest),
                Watched("month", query, self._month, stamps=self._hour, at=_newest),
            ),
            _placed_after(EPOCH),
            clock=clock,
        )

    async def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        """Pages of at most 50 orders: all, or those changed since a cursor."""
        if not cursor:
            self._told.clear()
        async for found in self._feed.since(cursor):
            orders = await self._read(found.ids)
            fresh = [order for order in orders if self._told.get(order.id) != order]
            yield fresh, found.cursor
            for order in fresh:  # only now: what the reader did not take is told again
                self._told.pop(order.id, None)
                self._told[order.id] = order
            while len(self._told) > TOLD_MAX:
                del self._told[next(iter(self._told))]

    async def _read(self, ids: Sequence[str]) -> list[Order]:
        if not ids:
            return []
        options = {"filter": {"id": {"in": list(ids)}}, "take": len(ids), "sort": {"id": "ASC"}}
        rows, _ = await self._client.listed(_ORDERS % _FIELDS, options)
        with legible("an order", self._client.code):
            told = [translate_order(row, self._terms) for row in rows]
        return [order for order in told if order is not None]

    def _month(self, _: datetime) -> Mapping[str, object]:
        return _placed_after(self._clock() - MONTH)

    def _hour(self, _: Row) -> tuple[object, ...]:
        """The same for a while, then another, so that all of the list counts as changed."""
        return (int(self._clock().timestamp()) // MONTH_EVERY_SECONDS,)


def _placed_after(at: datetime) -> Mapping[str, object]:
    """Carts and drafts were never placed."""
    return {"orderPlacedAt": {"after": written(at)}}


def _placed_or_changed(since: datetime) -> Mapping[str, object]:
    changed = {**_placed_after(EPOCH), "updatedAt": {"after": written(since)}}
    return {"_or": [_placed_after(since), {"_and": [{key: it} for key, it in changed.items()]}]}


def _open(_: datetime) -> Mapping[str, object]:
    return {**_placed_after(EPOCH), "state": {"notIn": _CLOSED}}


def _stamps(row: Row) -> tuple[object, ...]:
    return row["state"], row["updatedAt"], row["orderPlacedAt"]


def _newest(row: Row) -> datetime:
    told = [row["updatedAt"], row["orderPlacedAt"]]
    return max(instant(at) for at in told if at is not None)
