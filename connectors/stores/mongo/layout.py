"""Collections of the MongoDB store, their indexes, and the version of both.

    streams       SKU                        version, at, last, positions: [{location, on_hand, …}]
    pins          SKU, reservation, location one pin of a reservation
    counts        SKU, kind, name            units: what was taken of a SKU
    unseen        id                         one movement that a system may not have counted
    reservations  id                         body, and what it is found by while it is so; answers:
                                             how many keys answer with it as they found it
    orders        id                         body, and what it is found by
    externals     system, id there           order
    keys          digest                     fingerprint, answer, at
    journal       number                     at, entries; SKUs and places that they are found by
    checkpoints   SKU                        at, seal, body
    folded        SKU, kind, name            units: what a checkpoint counts
    rules         version                    code, body
    writes        sequence                   body, and what it is found by
    feeds         backend, entity, location  watermark, body
    locations     code                       body
    products      handle                     body, and what it is found by
    prices        channel, handle            cheap, dear: a product in the order of a channel
    variants      SKU                        handle, bundle, barcodes, body
    leases        name                       owner, until, fence
    turns         SKU                        queue: processes that wait for the stream
    callers       subject                    touched: how often its live units were counted; seen
    api_keys      id                         body: a partner's key, without its secret
    audit         instant, id                one record of a deed; the instant has 19 digits
    uses          field, client, day         count, and the three
    messages      backend, dedupe key        body, rest, and what it is found by
    members       id                         body, and what it is found by until it is gone
    masters       handle, backend            body: what one source says of a product
    listings      backend, id                body, and what it is found by
    mappings      backend, listing           sku, body: a person's word on a listing
    publications  backend, listing           backend, state, body: what it was told
    events        its own                    at, keys: [[topic, key], …] of one batch
    copying       key                        body
    meta          "layout"                   program, version

An id of several words has U+001F between them. Instants are integers, microseconds since 1970, but
for those that only the server reads. Bodies are JSON of the domain's records, as text, so that a
person at night can read them in any shell. ``last`` is the number of the batch that wrote last.
"""

from collections.abc import Mapping, Sequence

from connectors.stores.mongo.client import Database
from connectors.stores.mongo.session import Document
from connectors.stores.unusable import StoreUnusable

PROGRAM = "unified-commerce-gateway"
"""Mark of whose database it is, so that no other program's is taken for a store."""

VERSION = 4
"""The version of the layout that this program reads and writes."""

_HOUR = 3600

INDEXES: Mapping[str, Sequence[tuple[str, ...]]] = {
    "streams": (),
    "pins": (("reservation",), ("sku", "until"), ("sku", "location", "reservation")),
    "counts": (("sku", "kind", "name"),),
    "unseen": (("sku",), ("location",)),
    "reservations": (("due",), ("live",), ("ended",)),
    "orders": (
        ("placed_at", "_id"),
        ("subject", "placed_at", "_id"),
        ("member", "placed_at", "_id"),
        ("location", "placed_at", "_id"),
    ),
    "externals": (("order",),),
    "keys": (("at", "_id"), ("answer",)),
    "journal": (("skus", "_id"), ("places", "_id")),
    "checkpoints": (),
    "folded": (("sku",), ("kind", "name")),
    "rules": (),
    "writes": (
        ("backend", "status", "_id", "ready_at"),
        ("backend", "subject", "status", "_id"),
        ("order_id", "_id"),
        ("status", "_id"),
    ),
    "feeds": (),
    "locations": (),
    "products": (
        ("title", "_id"),
        ("age", "_id"),
        ("cheap", "_id"),
        ("dear", "_id"),
        ("brand", "_id"),
        ("terms",),
        ("categories",),
    ),
    "prices": (("channel", "cheap", "handle"), ("channel", "dear", "handle"), ("handle",)),
    "variants": (("handle",), ("barcodes",)),
    "leases": (),
    "turns": (),
    "callers": (),
    "api_keys": (),
    "audit": (("subject", "_id"), ("action", "_id")),
    "uses": (("day",),),
    "messages": (
        ("backend", "status", "received_at", "id"),
        ("status", "received_at", "id"),
        ("status", "backend", "id"),
        ("status", "id"),
        ("id",),
    ),
    "members": (
        ("gone", "_id"),
        ("known", "_id"),
        ("tags", "_id"),
        ("tier", "_id"),
        ("system", "_id"),
        ("updated_at", "_id"),
    ),
    "masters": (("handle", "_id"),),
    "listings": (("backend", "_id"), ("active", "_id"), ("code",)),
    "mappings": (("sku",),),
    "publications": (("state", "_id"), ("backend", "state", "_id")),
    "events": (),
    "copying": (),
}
"""Every collection, with the indexes that a question of ours walks. Sparse are those of
``reservations``: the field is there only while a reservation is found by it."""

_UNIQUE: Mapping[str, Sequence[str]] = {"orders": ("number",), "writes": ("id",)}

_PASSING: Mapping[str, tuple[str, int]] = {
    "events": ("at", _HOUR),
    "turns": ("seen", 24 * _HOUR),
    "callers": ("seen", 24 * _HOUR),
}
"""Collections whose documents go by themselves: by which instant, after how many seconds."""


async def prepare(database: Database) -> None:
    """Makes the collections and their indexes, or proves that they are ours.

    Raises:
        StoreUnusable: no replica set, another program's database, or one of a newer version.
    """
    hello = await database.hello()
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise StoreUnusable(
            f"the store {database.shown} is a server alone, which has no transactions; start it as"
            " a replica set, of one member if need be (mongod --replSet, then rs.initiate())"
        )
    names = set(await database.collections())
    if names - {"meta"} and "meta" not in names:
        raise StoreUnusable(
            f"the store {database.shown} is another program's database; name another one"
        )
    meta = await database.first("meta", {"_id": "layout", "program": PROGRAM, "version": VERSION})
    if meta.get("program") != PROGRAM:
        raise StoreUnusable(
            f"the store {database.shown} is another program's database; name another one"
        )
    if meta["version"] > VERSION:
        raise StoreUnusable(
            f"the store {database.shown} is of version {meta['version']}, this program knows"
            f" {VERSION}; run the newer program"
        )
    for collection in INDEXES:
        await database.make(collection, _indexes_of(collection))
    if meta["version"] < VERSION:  # it adds collections and indexes; they are there now
        await database.raise_to("meta", "layout", "version", VERSION)


def _indexes_of(collection: str) -> list[Document]:
    found: list[Document] = [
        {
            "key": dict.fromkeys(fields, 1),
            "name": "_".join(fields).replace("__", "_"),
            **({"sparse": True} if collection == "reservations" else {}),
        }
        for fields in INDEXES[collection]
    ]
    found += [
        {"key": {field: 1}, "name": field, "unique": True} for field in _UNIQUE.get(collection, ())
    ]
    if collection in _PASSING:
        field, seconds = _PASSING[collection]
        found.append({"key": {field: 1}, "name": field, "expireAfterSeconds": seconds})
    return found
