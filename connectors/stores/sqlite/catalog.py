"""The mirror of products, variants and locations in SQLite, with what they are found by."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from connectors.stores.coding import (
    OTHERS_KEPT,
    PRODUCTS_KEPT,
    VARIANTS_KEPT,
    decoder,
    encode,
    remembering,
)
from connectors.stores.indexing import after_cursor, cursor_of, digest_of, index_of
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.house import emit
from connectors.stores.sqlite.product_pages import page_question
from connectors.stores.sqlite.questions import rows_for
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.locations import Location
from resolvers.domain.search import query_terms
from resolvers.filters import ProductFilter, ProductSort

read_product = decoder(Product)
read_location = decoder(Location)

_product = remembering(read_product, PRODUCTS_KEPT)
_variant = remembering(decoder(Variant), VARIANTS_KEPT)
_location = remembering(read_location, OTHERS_KEPT)

_SAVED_AT_ONCE = 50
"""Most products of one transaction: while it runs, stock commands wait."""

_Digested = tuple[Product, bytes]


class SqliteCatalog:
    """Answers the CatalogStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locations = 1

    async def save_products(self, products: Sequence[Product], now: datetime) -> int:
        """Writes what differs; a catalog that says what it said costs no write at all."""
        saved = 0
        differing = await self._database.read(
            lambda connection: _differing(connection, [(p, digest_of(p)) for p in products])
        )
        for start in range(0, len(differing), _SAVED_AT_ONCE):
            part = differing[start : start + _SAVED_AT_ONCE]
            saved += await self._database.write(partial(_save, products=part, now=now))
        return saved

    async def save_locations(self, locations: Sequence[Location]) -> int:
        """Writes the locations that differ; how many did."""
        known = {location.code: location for location in await self.locations()}
        differing = [location for location in locations if known.get(location.code) != location]
        rows = [(location.code, encode(location)) for location in differing]
        if rows:
            await self._database.write(partial(put_locations, rows=rows))
        return len(rows)

    async def locations(self) -> Sequence[Location]:
        """Every location, in order of code."""
        rows = await self._database.look(
            lambda connection: connection.execute(
                "SELECT body FROM locations ORDER BY code"
            ).fetchall(),
            self._locations,
        )
        self._locations = len(rows)  # so many are to be expected next time
        return [_location(body) for (body,) in rows]

    async def product(self, handle: str) -> Product | None:
        """One product."""
        return (await self.products([handle])).get(handle)

    async def products(self, handles: Sequence[str]) -> Mapping[str, Product]:
        """Products by handle."""
        sql = "SELECT handle, body FROM products WHERE handle IN"
        return await self._database.look(
            lambda connection: {
                handle: _product(body) for handle, body in rows_for(connection, sql, handles)
            },
            len(handles),
        )

    async def variants(self, skus: Sequence[str]) -> Mapping[str, Variant]:
        """Variants by SKU."""
        sql = "SELECT sku, body FROM variants WHERE sku IN"
        return await self._database.look(
            lambda connection: {
                sku: _variant(body) for sku, body in rows_for(connection, sql, skus)
            },
            len(skus),
        )

    async def variant_page(self, after: str | None, limit: int) -> Sequence[Variant]:
        """Variants in order of SKU, after one."""
        sql = "SELECT body FROM variants WHERE sku > ? ORDER BY sku LIMIT ?"
        return await self._database.read(
            lambda connection: [
                _variant(body) for (body,) in connection.execute(sql, (after or "", limit))
            ]
        )

    async def skus_of_barcode(self, barcode: str) -> Sequence[str]:
        """The SKUs that bear a barcode, in order."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT sku FROM barcodes WHERE barcode = ? ORDER BY sku", (barcode,)
            ).fetchall()
        )
        return [sku for (sku,) in rows]

    async def product_page(
        self, product_filter: ProductFilter, sort: ProductSort, after: str | None, limit: int
    ) -> Sequence[tuple[str, Product]]:
        """Products with the cursor of each.

        Raises:
            InvalidInput: ``after`` is no cursor of this order.
        """
        searched = bool(query_terms(product_filter.search or ""))
        start = None if after is None else after_cursor(sort, after, searched=searched)
        sql, values = page_question(product_filter, sort, start, limit)

        def work(connection: sqlite3.Connection) -> Sequence[tuple[str, Product]]:
            return [
                (cursor_of(sort, key, handle, searched=searched), _product(body))
                for key, handle, body in connection.execute(sql, values)
            ]

        # All that is sold, in one of its orders, is a range of one index.
        if product_filter == ProductFilter():
            return await self._database.look(work, limit)
        return await self._database.read(work)


def _differing(
    connection: sqlite3.Connection, products: Sequence[_Digested]
) -> Sequence[_Digested]:
    """Those products that say something else than the mirror, or than earlier in the list."""
    sql = "SELECT handle, digest FROM products WHERE handle IN"
    handles = [product.handle for product, _ in products]
    known: dict[str, bytes] = dict(rows_for(connection, sql, handles))
    differing: list[_Digested] = []
    for product, digest in products:
        if known.get(product.handle) != digest:
            known[product.handle] = digest
            differing.append((product, digest))
    return differing


def _save(connection: sqlite3.Connection, products: Sequence[_Digested], now: datetime) -> int:
    differing = _differing(connection, products)  # somebody may have been faster
    for product, digest in differing:
        put_product(connection, product, digest, now)
    emit(connection, "catalog", [product.handle for product, _ in differing])
    return len(differing)


def put_product(
    connection: sqlite3.Connection, product: Product, digest: bytes, now: datetime
) -> None:
    """Writes a product with what it is found by, whatever stood there."""
    handle, index = product.handle, index_of(product, now)
    for table in ("product_channels", "product_categories", "product_terms"):
        connection.execute(f"DELETE FROM {table} WHERE handle = ?", (handle,))
    connection.execute(
        "INSERT OR REPLACE INTO products VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            handle,
            index.title,
            product.brand,
            index.age,
            index.price.cheap,
            index.price.dear,
            digest,
            encode(product),
        ),
    )
    connection.executemany(
        "INSERT INTO product_channels VALUES (?, ?, ?, ?)",
        [(handle, code, price.cheap, price.dear) for code, price in index.channels.items()],
    )
    connection.executemany(
        "INSERT INTO product_categories VALUES (?, ?)",
        [(handle, category) for category in index.categories],
    )
    connection.executemany(
        "INSERT INTO product_terms VALUES (?, ?)", [(term, handle) for term in sorted(index.terms)]
    )
    _save_variants(connection, product)


def _save_variants(connection: sqlite3.Connection, product: Product) -> None:
    """Writes a product's variants; those that it had and has no longer are gone."""
    rows = connection.execute("SELECT sku FROM variants WHERE handle = ?", (product.handle,))
    before = {sku for (sku,) in rows}
    after = {variant.sku for variant in product.variants}
    connection.executemany("DELETE FROM variants WHERE sku = ?", [(sku,) for sku in before - after])
    connection.executemany(
        "DELETE FROM barcodes WHERE sku = ?", [(sku,) for sku in sorted(before | after)]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO variants VALUES (?, ?, ?, ?)",
        [(v.sku, product.handle, bool(v.components), encode(v)) for v in product.variants],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO barcodes VALUES (?, ?)",
        [(barcode, v.sku) for v in product.variants for barcode in v.barcodes],
    )


def put_locations(connection: sqlite3.Connection, rows: Sequence[tuple[str, bytes]]) -> None:
    """Writes locations by code, whatever stood there."""
    connection.executemany("INSERT OR REPLACE INTO locations VALUES (?, ?)", rows)
