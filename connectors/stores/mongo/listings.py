"""Master data and listings as their sources say them, in MongoDB.

What a listing stands for is written nowhere: it follows from its mapping, or else its seller code,
whenever it is asked.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from connectors.stores.coding import decoder
from connectors.stores.indexing import digest_of
from connectors.stores.mirrored import differing, said_by
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import text
from connectors.stores.mongo.session import Document, Order, Session
from connectors.stores.rows import BETWEEN, Mastered, words
from resolvers.domain.catalog import Product
from resolvers.domain.listings import Listing, ListingMapping

_SAVED_AT_ONCE = 100
"""Most products or listings of one transaction: long ones are beaten more often."""

_LOOKED_AT = 200
"""Listings of which it is asked at once whether what they stand for is sold."""

_BY_ID: Order = (("_id", 1),)

_listing = decoder(Listing)
_mapping = decoder(ListingMapping)
_product = decoder(Product)

_Key = tuple[str, str]


def master_doc(it: Mastered) -> Document:
    """What one source says of a product."""
    handle = it.product.handle
    return {
        "_id": words(handle, it.backend),
        "handle": handle,
        "digest": digest_of(it.product),
        "body": text(it.product),
    }


def master_from(of: Document) -> Mastered:
    """What one source says of a product, from its document."""
    return Mastered(of["_id"].partition(BETWEEN)[2], _product(of["body"]))


def listing_doc(it: Listing) -> Document:
    """A listing, with what it is found by."""
    return {
        "_id": words(it.backend, it.id),
        "backend": it.backend,
        "active": it.active,
        "code": it.seller_code,
        "digest": said_by(it),
        "body": text(it),
    }


def listing_from(of: Document) -> Listing:
    """A listing from its document."""
    return _listing(of["body"])


def mapping_doc(it: ListingMapping) -> Document:
    """A person's word on a listing."""
    return {"_id": words(it.backend, it.listing), "sku": it.sku, "body": text(it)}


def mapping_from(of: Document) -> ListingMapping:
    """A person's word on a listing, from its document."""
    return _mapping(of["body"])


class MongoListings:
    """Answers the ListingStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_masters(self, backend: str, products: Sequence[Product]) -> None:
        """Keeps products as their source says them; what it said before costs no write."""
        asked = partial(_other_masters, masters=[Mastered(backend, it) for it in products])
        found = await self._database.plain(asked)
        for start in range(0, len(found), _SAVED_AT_ONCE):
            part = found[start : start + _SAVED_AT_ONCE]
            await self._database.write(partial(_put_masters, masters=part))

    async def masters(self, handles: Sequence[str]) -> Mapping[str, Sequence[tuple[str, Product]]]:
        """What each source says of products, as (backend, product), in order of backend."""
        asked = list(dict.fromkeys(handles))

        async def work(session: Session) -> list[Mastered]:
            found = session.among("masters", "handle", asked, fields=("_id", "body"), order=_BY_ID)
            return [master_from(of) async for of in found]

        said: dict[str, list[tuple[str, Product]]] = {}
        for it in await self._database.plain(work):
            said.setdefault(it.product.handle, []).append((it.backend, it.product))
        return said

    async def save_listings(self, listings: Sequence[Listing]) -> int:
        """Writes what differs; a source that says what it said costs no write at all."""
        found = await self._database.plain(partial(_other_listings, listings=listings))
        saved = 0
        for start in range(0, len(found), _SAVED_AT_ONCE):
            part = found[start : start + _SAVED_AT_ONCE]
            saved += await self._database.write(partial(_save_listings, listings=part))
        return saved

    async def listings(self, keys: Sequence[_Key]) -> Mapping[_Key, Listing]:
        """Listings by (backend, id); unknown ones are left out."""
        found = await self._database.plain(partial(_by_key, collection="listings", keys=keys))
        each = [listing_from(of) for of in found]
        return {(it.backend, it.id): it for it in each}

    async def listings_of(self, skus: Sequence[str]) -> Mapping[str, Sequence[Listing]]:
        """Active listings that stand for a SKU, in order of (backend, id)."""
        asked = list(dict.fromkeys(skus))

        async def work(session: Session) -> dict[str, list[Listing]]:
            words_on = {
                of["_id"]: of["sku"] async for of in session.among("mappings", "sku", asked)
            }
            on_offer = {"active": True}
            mapped = session.among("listings", "_id", list(words_on), on_offer)
            found = [(words_on[of["_id"]], of) async for of in mapped]
            coded = [of async for of in session.among("listings", "code", asked, on_offer)]
            sold_as = await _mapped_skus(session, [of["_id"] for of in coded])
            found += [(of["code"], of) for of in coded if of["_id"] not in sold_as]
            stand: dict[str, list[Listing]] = {}
            for sku, of in sorted(found, key=lambda pair: str(pair[1]["_id"])):
                stand.setdefault(sku, []).append(listing_from(of))
            return stand

        return await self._database.read(work)

    async def listing_page(
        self, backend: str | None, after: _Key | None, limit: int, *, unmatched: bool
    ) -> Sequence[Listing]:
        """Listings in order of (backend, id), after one."""
        query: Document = {} if backend is None else {"backend": backend}
        if after is not None:
            query["_id"] = {"$gt": words(*after)}
        if unmatched:
            found = await self._database.read(
                partial(_unmatched, query={**query, "active": True}, limit=limit)
            )
        else:
            found = await self._database.plain(
                lambda session: session.find("listings", query, order=_BY_ID, limit=limit)
            )
        return [listing_from(of) for of in found]

    async def save_mapping(self, mapping: ListingMapping) -> None:
        """Writes a person's word, over an earlier one about the same listing."""
        await self._database.write(lambda session: session.put("mappings", [mapping_doc(mapping)]))

    async def mappings(self, keys: Sequence[_Key]) -> Mapping[_Key, ListingMapping]:
        """Mappings by (backend, listing); absent ones are left out."""
        found = await self._database.plain(partial(_by_key, collection="mappings", keys=keys))
        each = [mapping_from(of) for of in found]
        return {(it.backend, it.listing): it for it in each}


async def _by_key(session: Session, collection: str, keys: Sequence[_Key]) -> list[Document]:
    ids = list(dict.fromkeys(words(*key) for key in keys))
    return [of async for of in session.among(collection, "_id", ids, fields=("_id", "body"))]


async def _digests(session: Session, collection: str, ids: Sequence[str]) -> dict[str, bytes]:
    found = session.among(collection, "_id", ids, fields=("_id", "digest"))
    return {of["_id"]: of["digest"] async for of in found}


async def _other_masters(session: Session, masters: Sequence[Mastered]) -> list[Mastered]:
    def key(it: Mastered) -> str:
        return words(it.product.handle, it.backend)

    known = await _digests(session, "masters", [key(it) for it in masters])
    return [it for it, _ in differing(masters, key, lambda it: digest_of(it.product), known)]


async def _put_masters(session: Session, masters: Sequence[Mastered]) -> None:
    await session.put("masters", map(master_doc, masters))


async def _other_listings(session: Session, listings: Sequence[Listing]) -> list[Listing]:
    def key(it: Listing) -> str:
        return words(it.backend, it.id)

    known = await _digests(session, "listings", [key(it) for it in listings])
    return [it for it, _ in differing(listings, key, said_by, known)]


async def _save_listings(session: Session, listings: Sequence[Listing]) -> int:
    found = await _other_listings(session, listings)  # somebody may have been faster
    await session.put("listings", map(listing_doc, found))
    return len(found)


async def _mapped_skus(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """What listings are mapped to; those that are not are left out."""
    found = session.among("mappings", "_id", ids, fields=("_id", "sku"))
    return {of["_id"]: of["sku"] async for of in found}


async def _unmatched(session: Session, query: Document, limit: int) -> list[Document]:
    """Listings that stand for nothing that is sold: all are walked, some at a time."""
    found: list[Document] = []
    asked = query
    while len(found) < limit:
        page = await session.find(
            "listings", asked, fields=("_id", "code"), order=_BY_ID, limit=_LOOKED_AT
        )
        mapped = await _mapped_skus(session, [of["_id"] for of in page])
        stands = {of["_id"]: mapped.get(of["_id"], of["code"]) for of in page}
        skus = sorted({sku for sku in stands.values() if sku is not None})
        sold = {of["_id"] async for of in session.among("variants", "_id", skus, fields=("_id",))}
        lost = [id for id, sku in stands.items() if sku not in sold][: limit - len(found)]
        found += [of async for of in session.among("listings", "_id", lost, order=_BY_ID)]
        if len(page) < _LOOKED_AT:
            break
        asked = {**query, "_id": {"$gt": page[-1]["_id"]}}
    return found
