"""The mirror of products, variants and locations in MongoDB, with what they are found by."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from connectors.stores.coding import PRODUCTS_KEPT, VARIANTS_KEPT, decoder, remembering
from connectors.stores.indexing import (
    ProductIndex,
    after_cursor,
    cursor_of,
    digest_of,
    index_of,
)
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import read_location, text
from connectors.stores.mongo.house import emit
from connectors.stores.mongo.product_pages import page_question
from connectors.stores.mongo.session import Document, Session
from connectors.stores.rows import words
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.locations import Location
from resolvers.domain.search import query_terms
from resolvers.filters import ProductFilter, ProductSort

read_product = decoder(Product)
_product = remembering(read_product, PRODUCTS_KEPT)
_variant = remembering(decoder(Variant), VARIANTS_KEPT)

_SAVED_AT_ONCE = 50
"""Most products of one transaction: long ones are beaten more often."""

_ASKED_AT_ONCE = 200
"""Most ids of one question; a server may compare every document with each of them."""

_Digested = tuple[Product, bytes]


class MongoCatalog:
    """Answers the CatalogStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_products(self, products: Sequence[Product], now: datetime) -> int:
        """Writes what differs; a catalog that says what it said costs no write at all."""
        digested = [(product, digest_of(product)) for product in products]
        differing = await self._database.plain(partial(_differing, products=digested))
        saved = 0
        for part in _parts(differing):
            saved += await self._database.write(partial(_save, products=part, now=now))
        return saved

    async def save_locations(self, locations: Sequence[Location]) -> int:
        """Writes the locations that differ; how many did."""
        known = {location.code: location for location in await self.locations()}
        differing = [location for location in locations if known.get(location.code) != location]
        if differing:
            await self._database.write(partial(put_locations, locations=differing))
        return len(differing)

    async def locations(self) -> Sequence[Location]:
        """Every location, in order of code."""
        found = await self._database.plain(
            lambda session: session.find("locations", {}, order=[("_id", 1)])
        )
        return [read_location(of["body"]) for of in found]

    async def product(self, handle: str) -> Product | None:
        """One product."""
        return (await self.products([handle])).get(handle)

    async def products(self, handles: Sequence[str]) -> Mapping[str, Product]:
        """Products by handle."""
        found = await self._bodies("products", handles)
        return {handle: _product(body) for handle, body in found.items()}

    async def variants(self, skus: Sequence[str]) -> Mapping[str, Variant]:
        """Variants by SKU."""
        found = await self._bodies("variants", skus)
        return {sku: _variant(body) for sku, body in found.items()}

    async def variant_page(self, after: str | None, limit: int) -> Sequence[Variant]:
        """Variants in order of SKU, after one."""
        asked = {"_id": {"$gt": after or ""}}
        found = await self._database.plain(
            lambda session: session.find("variants", asked, order=[("_id", 1)], limit=limit)
        )
        return [_variant(of["body"]) for of in found]

    async def skus_of_barcode(self, barcode: str) -> Sequence[str]:
        """The SKUs that bear a barcode, in order."""
        found = await self._database.plain(
            lambda session: session.find(
                "variants", {"barcodes": barcode}, fields=["_id"], order=[("_id", 1)]
            )
        )
        return [of["_id"] for of in found]

    async def product_page(
        self, product_filter: ProductFilter, sort: ProductSort, after: str | None, limit: int
    ) -> Sequence[tuple[str, Product]]:
        """Products with the cursor of each.

        Raises:
            InvalidInput: ``after`` is no cursor of this order.
        """
        searched = bool(query_terms(product_filter.search or ""))
        start = None if after is None else after_cursor(sort, after, searched=searched)
        collection, pipeline = page_question(product_filter, sort, start, limit)
        found = await self._database.read(lambda session: session.aggregate(collection, pipeline))
        return [
            (cursor_of(sort, of["key"], of["_id"], searched=searched), _product(of["body"]))
            for of in found
        ]

    async def _bodies(self, collection: str, ids: Sequence[str]) -> Mapping[str, Any]:
        asked = partial(_field_of, collection=collection, ids=ids, field="body")
        return await self._database.plain(asked)


async def _field_of(
    session: Session, collection: str, ids: Sequence[str], field: str
) -> dict[str, Any]:
    """One field of the documents that there are, by id."""
    found: dict[str, Any] = {}
    for start in range(0, len(ids), _ASKED_AT_ONCE):
        asked = {"_id": {"$in": list(ids[start : start + _ASKED_AT_ONCE])}}
        documents = await session.find(collection, asked, fields=["_id", field])
        found.update((of["_id"], of[field]) for of in documents)
    return found


async def _differing(session: Session, products: Sequence[_Digested]) -> Sequence[_Digested]:
    """Those products that say something else than the mirror, or than earlier in the list."""
    handles = list(dict.fromkeys(product.handle for product, _ in products))
    known = await _field_of(session, "products", handles, "digest")
    differing: list[_Digested] = []
    for product, digest in products:
        if known.get(product.handle) != digest:
            known[product.handle] = digest
            differing.append((product, digest))
    return differing


def _parts(products: Sequence[_Digested]) -> Iterator[Sequence[_Digested]]:
    """Parts for a transaction each, none of which has two words on one product."""
    part: dict[str, _Digested] = {}
    for product, digest in products:
        if product.handle in part or len(part) == _SAVED_AT_ONCE:
            yield list(part.values())
            part = {}
        part[product.handle] = product, digest
    if part:
        yield list(part.values())


async def _save(session: Session, products: Sequence[_Digested], now: datetime) -> int:
    differing = await _differing(session, products)  # somebody may have been faster
    if differing:
        await put_products(session, [(product, digest, now) for product, digest in differing])
        await emit(session, now, [("catalog", product.handle) for product, _ in differing])
    return len(differing)


async def put_products(
    session: Session, products: Sequence[tuple[Product, bytes, datetime]]
) -> None:
    """Writes products with what they are found by, each with its digest and when it was seen.

    No handle may be there twice. Variants that a product had and has no longer are gone.
    """
    indexes = {product.handle: index_of(product, now) for product, _, now in products}
    await session.put(
        "products",
        [_product_doc(product, digest, indexes[product.handle]) for product, digest, _ in products],
    )
    prices = {handle: _price_docs(handle, index) for handle, index in indexes.items()}
    await _put_whole(session, "prices", prices)
    variants = {product.handle: _variant_docs(product) for product, _, _ in products}
    await _put_whole(session, "variants", variants)


async def _put_whole(
    session: Session, collection: str, parts: Mapping[str, Sequence[Document]]
) -> None:
    """Writes what belongs to products, by handle; what did and is not named any more is gone."""
    unnamed = [
        {"handle": handle, "_id": {"$nin": [document["_id"] for document in documents]}}
        for handle, documents in parts.items()
    ]
    await session.delete(collection, unnamed)
    await session.put(collection, [document for part in parts.values() for document in part])


async def put_locations(session: Session, locations: Sequence[Location]) -> None:
    """Writes locations, whatever stood there."""
    await session.put("locations", [{"_id": at.code, "body": text(at)} for at in locations])


def _product_doc(product: Product, digest: bytes, index: ProductIndex) -> Document:
    """A product; its prices are those of its channels, one by one."""
    return {
        "_id": product.handle,
        "title": index.title,
        "brand": product.brand,
        "age": index.age,
        "cheap": index.price.cheap,
        "dear": index.price.dear,
        "channels": list(index.channels),
        "prices": [price.cheap for price in index.channels.values()],
        "categories": sorted(index.categories),
        "terms": sorted(index.terms),
        "digest": digest,
        "body": text(product),
    }


def _price_docs(handle: str, index: ProductIndex) -> list[Document]:
    return [
        {
            "_id": words(channel, handle),
            "channel": channel,
            "handle": handle,
            "cheap": price.cheap,
            "dear": price.dear,
        }
        for channel, price in index.channels.items()
    ]


def _variant_docs(product: Product) -> list[Document]:
    return [
        {
            "_id": variant.sku,
            "handle": product.handle,
            "bundle": bool(variant.components),
            "barcodes": list(variant.barcodes),
            "body": text(variant),
        }
        for variant in product.variants
    ]
