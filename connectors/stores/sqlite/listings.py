"""Master data and listings as their sources say them, in SQLite.

What a listing stands for is written nowhere: it follows from its mapping, or else its seller code,
whenever it is asked.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from connectors.stores.coding import decoder, encode
from connectors.stores.indexing import digest_of
from connectors.stores.mirrored import differing, said_by
from connectors.stores.rows import Mastered
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.questions import Where, insert, rows_for
from resolvers.domain.catalog import Product
from resolvers.domain.listings import Listing, ListingMapping

LISTING = "backend, id, seller_code, active"
"""What listings are found by."""

_SAVED_AT_ONCE = 100
"""Most products or listings of one transaction: while it runs, stock commands wait."""

read_listing = decoder(Listing)
read_mapping = decoder(ListingMapping)
_product = decoder(Product)

_Key = tuple[str, str]

_MAPPED = (
    "SELECT m.sku, l.body FROM mappings AS m CROSS JOIN listings AS l"
    " ON l.backend = m.backend AND l.id = m.listing WHERE l.active = 1 AND m.sku IN"
)
_BY_SELLER_CODE = (
    "SELECT l.seller_code, l.body FROM listings AS l WHERE l.active = 1 AND NOT EXISTS"
    " (SELECT 1 FROM mappings AS m WHERE m.backend = l.backend AND m.listing = l.id)"
    " AND l.seller_code IN"
)
_UNMATCHED = (
    "NOT EXISTS (SELECT 1 FROM variants AS v WHERE v.sku = coalesce("
    "(SELECT m.sku FROM mappings AS m WHERE m.backend = l.backend AND m.listing = l.id),"
    " l.seller_code))"
)


def listing_key(it: Listing) -> tuple[object, ...]:
    """What a listing is found by."""
    return it.backend, it.id, it.seller_code, int(it.active)


def mastered(backend: str, body: bytes) -> Mastered:
    """What one source says of a product, from its row."""
    return Mastered(backend, _product(body))


def write_masters(connection: sqlite3.Connection, masters: Sequence[Mastered]) -> None:
    """Writes what sources say of products, whatever stood there."""
    rows = [
        (it.product.handle, it.backend, digest_of(it.product), encode(it.product)) for it in masters
    ]
    insert(connection, "INSERT OR REPLACE INTO masters", rows)


def write_listings(connection: sqlite3.Connection, listings: Sequence[Listing]) -> None:
    """Writes listings, whatever stood there."""
    rows = [(*listing_key(it), said_by(it), encode(it)) for it in listings]
    insert(connection, f"INSERT OR REPLACE INTO listings ({LISTING}, digest, body)", rows)


def write_mappings(connection: sqlite3.Connection, mappings: Sequence[ListingMapping]) -> None:
    """Writes mappings, whatever stood there."""
    rows = [(it.backend, it.listing, it.sku, encode(it)) for it in mappings]
    insert(connection, "INSERT OR REPLACE INTO mappings", rows)


class SqliteListings:
    """Answers the ListingStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_masters(self, backend: str, products: Sequence[Product]) -> None:
        """Keeps products as their source says them; what it said before costs no write."""
        asked = partial(_other_masters, backend=backend, products=products)
        found = [Mastered(backend, it) for it in await self._database.read(asked)]
        for start in range(0, len(found), _SAVED_AT_ONCE):
            part = found[start : start + _SAVED_AT_ONCE]
            await self._database.write(partial(write_masters, masters=part))

    async def masters(self, handles: Sequence[str]) -> Mapping[str, Sequence[tuple[str, Product]]]:
        """What each source says of products, as (backend, product), in order of backend."""
        sql = "SELECT handle, backend, body FROM masters WHERE handle IN"

        def work(connection: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
            return list(rows_for(connection, sql, list(dict.fromkeys(handles))))

        found: dict[str, list[tuple[str, Product]]] = {}
        for handle, backend, body in sorted(await self._database.read(work)):
            found.setdefault(handle, []).append((backend, _product(body)))
        return found

    async def save_listings(self, listings: Sequence[Listing]) -> int:
        """Writes what differs; a source that says what it said costs no write at all."""
        found = await self._database.read(partial(_other_listings, listings=listings))
        saved = 0
        for start in range(0, len(found), _SAVED_AT_ONCE):
            part = found[start : start + _SAVED_AT_ONCE]
            saved += await self._database.write(partial(_save_listings, listings=part))
        return saved

    async def listings(self, keys: Sequence[_Key]) -> Mapping[_Key, Listing]:
        """Listings by (backend, id); unknown ones are left out."""
        asked = partial(_by_key, select="id, body FROM listings", named="id", keys=keys)
        found = await self._database.read(asked)
        return {key: read_listing(body) for key, body in found.items()}

    async def listings_of(self, skus: Sequence[str]) -> Mapping[str, Sequence[Listing]]:
        """Active listings that stand for a SKU, in order of (backend, id)."""
        asked = list(dict.fromkeys(skus))

        def work(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
            mapped = rows_for(connection, _MAPPED, asked)
            return [*mapped, *rows_for(connection, _BY_SELLER_CODE, asked)]

        found: dict[str, list[Listing]] = {}
        for sku, body in await self._database.read(work):
            found.setdefault(sku, []).append(read_listing(body))
        for each in found.values():
            each.sort(key=lambda it: (it.backend, it.id))
        return found

    async def listing_page(
        self, backend: str | None, after: _Key | None, limit: int, *, unmatched: bool
    ) -> Sequence[Listing]:
        """Listings in order of (backend, id), after one."""
        where = Where()
        if backend is not None:
            where.add("l.backend = ?", backend)
        if after is not None:
            where.add("(l.backend, l.id) > (?, ?)", *after)
        if unmatched:
            where.add("l.active = 1")
            where.add(_UNMATCHED)
        order = f"{where.sql} ORDER BY l.backend, l.id LIMIT ?"
        sql = f"SELECT l.body FROM listings AS l {order}"
        if unmatched:  # no body is read that is not answered with
            walk = f"SELECT l.backend, l.id FROM listings AS l INDEXED BY listings_active {order}"
            sql = f"SELECT body FROM listings WHERE (backend, id) IN ({walk}) ORDER BY backend, id"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (*where.values, limit)).fetchall()
        )
        return [read_listing(body) for (body,) in rows]

    async def save_mapping(self, mapping: ListingMapping) -> None:
        """Writes a person's word, over an earlier one about the same listing."""
        await self._database.write(partial(write_mappings, mappings=[mapping]))

    async def mappings(self, keys: Sequence[_Key]) -> Mapping[_Key, ListingMapping]:
        """Mappings by (backend, listing); absent ones are left out."""
        asked = partial(_by_key, select="listing, body FROM mappings", named="listing", keys=keys)
        found = await self._database.read(asked)
        return {key: read_mapping(body) for key, body in found.items()}


def _by_key(
    connection: sqlite3.Connection, *, select: str, named: str, keys: Sequence[_Key]
) -> dict[_Key, bytes]:
    """One column by (backend, name); ``select`` is the name, the column and the table."""
    sql = f"SELECT {select} WHERE backend = ? AND {named} IN"
    return {
        (backend, id): value
        for backend, ids in _by_backend(keys)
        for id, value in rows_for(connection, sql, ids, backend)
    }


def _by_backend(keys: Sequence[_Key]) -> Iterator[tuple[str, list[str]]]:
    ids: dict[str, list[str]] = {}
    for backend, id in keys:
        ids.setdefault(backend, []).append(id)
    yield from ids.items()


def _other_masters(
    connection: sqlite3.Connection, backend: str, products: Sequence[Product]
) -> list[Product]:
    sql = "SELECT handle, digest FROM masters WHERE backend = ? AND handle IN"
    handles = [it.handle for it in products]
    known: dict[str, bytes] = dict(rows_for(connection, sql, handles, backend))
    return [it for it, _ in differing(products, lambda it: it.handle, digest_of, known)]


def _other_listings(connection: sqlite3.Connection, listings: Sequence[Listing]) -> list[Listing]:
    keys = [(it.backend, it.id) for it in listings]
    known = _by_key(connection, select="id, digest FROM listings", named="id", keys=keys)
    return [it for it, _ in differing(listings, lambda it: (it.backend, it.id), said_by, known)]


def _save_listings(connection: sqlite3.Connection, listings: Sequence[Listing]) -> int:
    found = _other_listings(connection, listings)  # somebody may have been faster
    write_listings(connection, found)
    return len(found)
