"""What the shop offers, as a feed of listings: one for each variant, with its price in each of our
channels and the quantity that it may sell.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from connectors.marketplace.vendure_changes import Feed, Watched, changed_after
from connectors.marketplace.vendure_client import HOME
from connectors.marketplace.vendure_shop import Shop
from connectors.marketplace.vendure_translate import by_id, translate_listing
from connectors.marketplace.vendure_wire import Row, legible
from resolvers.backend_ports import Changes
from resolvers.domain.listings import Listing
from resolvers.domain.locations import Channel

_VARIANTS = """query($options: ProductVariantListOptions) {
  rows: productVariants(options: $options) { totalItems items { %s } }
}"""
_PRODUCTS = """query($options: ProductListOptions) {
  rows: products(options: $options) { totalItems items { %s } }
}"""

STOCK_FIELDS = """id trackInventory outOfStockThreshold useGlobalOutOfStockThreshold
  stockLevels { stockLocationId stockOnHand stockAllocated }"""

PRICE_FIELDS = "id priceWithTax currencyCode"
"""Of a variant as the channel sees it that is asked."""

_PRODUCT_FIELDS = "id name description enabled updatedAt assets { name source }"


def variants(fields: str) -> str:
    """A question for variants."""
    return _VARIANTS % fields


class Listings:
    """What one shop offers."""

    def __init__(self, shop: Shop, clock: Callable[[], datetime]) -> None:
        self._shop = shop
        self._client = shop.client
        self._clock = clock
        field = shop.terms.barcode_field
        barcode = f"customFields {{ barcode: {field} }}" if field else ""
        more = "sku name enabled updatedAt productId"
        self._fields = f"{STOCK_FIELDS} {PRICE_FIELDS} {more} {barcode}"
        stamps = "id updatedAt"
        self._feed = Feed(
            shop.client,
            variants("id"),
            (
                Watched("variant", variants(stamps), changed_after),
                Watched(
                    "product",
                    _PRODUCTS % f"{stamps} variants {{ id }}",
                    changed_after,
                    owners=lambda row: [variant["id"] for variant in row["variants"]],
                ),
            ),
            clock=clock,
        )

    async def listings(self, cursor: str) -> AsyncIterator[Changes[Listing]]:
        """Pages of at most 50: all, or those changed since a cursor."""
        async for found in self._feed.since(cursor):
            listings = await self._read(found.ids)
            told = {listing.id for listing in listings}
            gone = [id for id in found.ids if id not in told]
            yield Changes(listings, found.cursor, gone, found.whole)

    async def listing(self, id: str) -> Listing | None:
        """One as it is now; None if the shop has it no more."""
        found = await self._read((id,))
        return found[0] if found else None

    async def _read(self, ids: Sequence[str]) -> list[Listing]:
        if not ids:
            return []
        place = await self._shop.place()
        channels = self._shop.terms.channels
        others = [code for code in channels if code != HOME]
        rows, *seen = await asyncio.gather(
            self._rows(variants(self._fields), ids),
            *(self._rows(variants(PRICE_FIELDS), ids, channel=code) for code in others),
        )
        with legible("a variant", self._client.code):
            by_code = {HOME: by_id(rows)} | dict(zip(others, map(by_id, seen), strict=True))
            prices = [(channel, by_code[code]) for code, channel in channels.items()]
            of = sorted({row["productId"] for row in rows})
        products = by_id(await self._rows(_PRODUCTS % _PRODUCT_FIELDS, of))
        with legible("a variant", self._client.code):
            return [
                translate_listing(
                    row,
                    products[row["productId"]],
                    _seen(row["id"], prices),
                    place,
                    system=self._client.code,
                    at=self._clock(),
                )
                for row in rows
                if row["productId"] in products  # else it was deleted between two questions
            ]

    async def _rows(self, query: str, ids: Sequence[str], *, channel: str = HOME) -> Sequence[Row]:
        if not ids:
            return []
        options = {"filter": {"id": {"in": list(ids)}}, "take": len(ids), "sort": {"id": "ASC"}}
        rows, _ = await self._client.listed(query, options, channel=channel)
        return rows


def _seen(
    id: str, prices: Sequence[tuple[Channel, Mapping[str, Row]]]
) -> Sequence[tuple[Channel, Row]]:
    """One variant as those channels see it that sell it."""
    return [(channel, rows[id]) for channel, rows in prices if id in rows]
