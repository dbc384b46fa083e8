"""The parts of a store as MongoDB's collections have them: how each is read, and written over.

What a row says, and what its key is, stands in ``connectors/stores/rows.py``. Positions have no
collection: they are within their stream's document, which is there from whatever is loaded first.
One that has no row of ``streams`` yet is of version 0, and no row itself.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.stores.checkpoints import read_head
from connectors.stores.coding import instant, micros
from connectors.stores.indexing import digest_of
from connectors.stores.mongo.append import append_pins, append_unseen
from connectors.stores.mongo.callers import (
    api_key_doc,
    api_key_from,
    audit_doc,
    audit_from,
    use_doc,
    use_from,
)
from connectors.stores.mongo.catalog import put_locations, put_products, read_product
from connectors.stores.mongo.compaction import put_heads
from connectors.stores.mongo.documents import (
    count_doc,
    entries_from,
    feed_doc,
    journal_doc,
    key_doc,
    key_from,
    order_doc,
    order_from,
    pin_from,
    position_from,
    position_in,
    read_feed,
    read_location,
    read_ruling,
    reservation_doc,
    reservation_from,
    text,
    unseen_from,
    write_doc,
    write_from,
)
from connectors.stores.mongo.inbox import message_doc, message_from
from connectors.stores.mongo.ledger import walk
from connectors.stores.mongo.listings import (
    listing_doc,
    listing_from,
    mapping_doc,
    mapping_from,
    master_doc,
    master_from,
)
from connectors.stores.mongo.members import member_doc, member_from
from connectors.stores.mongo.publications import publication_doc, publication_from
from connectors.stores.mongo.session import Document, Query, Session
from connectors.stores.rows import (
    BETWEEN,
    Counted,
    Journaled,
    Kept,
    Opened,
    Placed,
    Sealed,
    Shelf,
    words,
)
from resolvers.domain.feeds import Feed
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.rules import RuleChange

_Writes = Callable[[Session, Sequence[Any]], Awaitable[object]]

_ENTRIES_OF_LOT = 25_000
"""Entries from which on loaded batches are sent: a few hundred bytes each."""

_POSITIONS = "positions"
_UNWRITTEN: Query = {"version": 0, "at": 0}


@dataclass(frozen=True, slots=True)
class _Table:
    """A part's collection: which of its documents are rows, their records, and how these are
    written.
    """

    collection: str
    record: Callable[[Document], Any]
    write: _Writes
    numbered: bool = False
    rows: Query = field(default_factory=dict)


async def count(session: Session, part: str) -> int:
    """How many rows a part has."""
    if part == _POSITIONS:
        within: Query = {"$sum": {"$size": "$positions"}}
        found = await session.aggregate("streams", [{"$group": {"_id": None, "rows": within}}])
        return sum(of["rows"] for of in found)
    table = _TABLES[part]
    return await session.count(table.collection, table.rows)


async def dumped(session: Session, part: str, after: str | None, limit: int) -> list[Any]:
    """Records of a part in order of key, after one."""
    if part == _POSITIONS:
        return await _positions(session, after, limit)
    table = _TABLES[part]
    query = dict(table.rows)
    if after is not None:
        query["_id"] = {"$gt": int(after) if table.numbered else after}
    found = await session.find(table.collection, query, order=(("_id", 1),), limit=limit)
    return [table.record(of) for of in found]


async def load(session: Session, part: str, records: Sequence[Any]) -> None:
    """Writes records of a part, whatever stood there."""
    write = _write_positions if part == _POSITIONS else _TABLES[part].write
    await write(session, records)


async def _positions(session: Session, after: str | None, limit: int) -> list[Placed]:
    """Positions in order of SKU and location, after those of a key."""
    sku, location = ("", "") if after is None else after.split(BETWEEN, 1)
    found: list[Placed] = []
    async for of in walk(session, "streams", {"_id": {"$gte": sku}}):
        within = sorted(of["positions"], key=lambda at: str(at["location"]))
        found += [
            Placed(instant(at["changed_at"]), position_from(of["_id"], at))
            for at in within
            if (of["_id"], at["location"]) > (sku, location)
        ]
        if len(found) >= limit:
            break
    return found[:limit]


def _simple(collection: str, document: Callable[[Any], Document]) -> _Writes:
    """Writes each record as one document."""

    async def write(session: Session, records: Sequence[Any]) -> None:
        await session.put(collection, [document(it) for it in records])

    return write


async def _write_products(session: Session, records: Sequence[Shelf]) -> None:
    shelved = [(it.product, digest_of(it.product), instant(-it.age)) for it in records]
    await put_products(session, shelved)


async def _write_orders(session: Session, records: Sequence[Order]) -> None:
    """Writes orders; the first that another system knows by an id keeps it."""
    await session.update("orders", [_order_change(it) for it in records], upsert=True)
    known = [
        ({"_id": words(at.system, at.external_id)}, {"$setOnInsert": {"order": it.id}})
        for it in records
        for at in it.external
    ]
    await session.update("externals", known, upsert=True)


async def _write_writes(session: Session, records: Sequence[Write]) -> None:
    """Writes what backends wait for; what an order writes next is numbered above it."""
    await session.put("writes", [write_doc(it) for it in records])
    numbers = {it.order_id: it.sequence for it in records if it.order_id is not None}
    await session.update(
        "orders", [({"_id": id}, {"$max": {"last": last}}) for id, last in sorted(numbers.items())]
    )


async def _write_journal(session: Session, records: Sequence[Journaled]) -> None:
    """Writes batches; what their SKUs' streams write next is numbered above them."""
    for some in _lots(records):
        await session.put("journal", [journal_doc(it.batch, it.at, it.entries) for it in some])
    last: dict[str, int] = {}
    for it in records:
        for entry in it.entries:
            last[entry.sku] = max(it.batch, last.get(entry.sku, 0))
    fresh: Query = {**_UNWRITTEN, "positions": []}
    changes = [
        ({"_id": sku}, {"$max": {"last": batch}, "$setOnInsert": fresh})
        for sku, batch in sorted(last.items())
    ]
    await session.update("streams", changes, upsert=True)


def _lots(records: Sequence[Journaled]) -> Iterator[list[Journaled]]:
    """Batches for a message each, which has 48 MB at most."""
    lot: list[Journaled] = []
    entries = 0
    for it in records:
        lot.append(it)
        entries += len(it.entries)
        if entries >= _ENTRIES_OF_LOT:
            yield lot
            lot, entries = [], 0
    yield lot


async def _write_streams(session: Session, records: Sequence[Opened]) -> None:
    changes = [
        (
            {"_id": it.sku},
            {
                "$set": {"version": it.version, "at": micros(it.at)},
                "$max": {"last": 0},
                "$setOnInsert": {"positions": []},
            },
        )
        for it in records
    ]
    await session.update("streams", changes, upsert=True)


async def _write_positions(session: Session, records: Sequence[Placed]) -> None:
    """Puts positions among the others of their streams."""
    skus = sorted({it.position.sku for it in records})
    found = session.among("streams", "_id", skus, fields=("positions",))
    within = {of["_id"]: {at["location"]: at for at in of["positions"]} async for of in found}
    for it in records:
        here = within.setdefault(it.position.sku, {})
        here[it.position.location] = position_in(it.position, it.changed_at)
    fresh: Query = {**_UNWRITTEN, "last": 0}
    changes = [
        (
            {"_id": sku},
            {"$set": {"positions": [here[at] for at in sorted(here)]}, "$setOnInsert": fresh},
        )
        for sku, here in sorted(within.items())
    ]
    await session.update("streams", changes, upsert=True)


async def _write_heads(session: Session, records: Iterable[Sealed]) -> None:
    await put_heads(session, [(it.seal, it.head) for it in records])


def _order_change(it: Order) -> tuple[Query, Query]:
    """An order as it is now; its last number never goes down."""
    of = order_doc(it, 0)
    id, last = of.pop("_id"), of.pop("last")
    return {"_id": id}, {"$set": of, "$max": {"last": last}}


def _ruling_doc(it: RuleChange) -> Document:
    return {"_id": it.version, "code": it.code, "body": text(it)}


def _feed_from(of: Document) -> Feed:
    return read_feed(of["body"])


def _counts(collection: str) -> _Table:
    return _Table(
        collection,
        lambda of: Counted(of["sku"], of["kind"], of["name"], of["units"]),
        _simple(collection, lambda it: count_doc(it.sku, it.kind, it.name, it.units)),
    )


_TABLES: Mapping[str, _Table] = {
    "locations": _Table("locations", lambda of: read_location(of["body"]), put_locations),
    "products": _Table(
        "products", lambda of: Shelf(of["age"], read_product(of["body"])), _write_products
    ),
    "rules": _Table(
        "rules",
        lambda of: read_ruling(of["body"]),
        _simple("rules", _ruling_doc),
        numbered=True,
    ),
    "feeds": _Table("feeds", _feed_from, _simple("feeds", feed_doc)),
    "orders": _Table("orders", order_from, _write_orders),
    "reservations": _Table(
        "reservations",
        lambda of: Kept(instant(of["changed_at"]), reservation_from(of)),
        _simple("reservations", lambda it: reservation_doc(it.reservation, it.changed_at)),
    ),
    "writes": _Table(
        "writes",
        lambda of: replace(write_from(of), sequence=of["_id"]),
        _write_writes,
        numbered=True,
    ),
    "keys": _Table("keys", key_from, _simple("keys", key_doc)),
    "journal": _Table(
        "journal",
        lambda of: Journaled(of["_id"], instant(of["at"]), entries_from(of)),
        _write_journal,
        numbered=True,
    ),
    "checkpoints": _Table(
        "checkpoints", lambda of: Sealed(of["seal"], read_head(of["body"])), _write_heads
    ),
    "checkpoint_counts": _counts("folded"),
    "streams": _Table(
        "streams",
        lambda of: Opened(of["_id"], of["version"], instant(of["at"])),
        _write_streams,
        rows={"version": {"$gte": 1}},
    ),
    "pins": _Table("pins", pin_from, append_pins),
    "unseen": _Table("unseen", unseen_from, append_unseen),
    "taken": _counts("counts"),
    "api_keys": _Table("api_keys", api_key_from, _simple("api_keys", api_key_doc)),
    "audit": _Table("audit", audit_from, _simple("audit", audit_doc)),
    "uses": _Table("uses", use_from, _simple("uses", use_doc)),
    "messages": _Table("messages", message_from, _simple("messages", message_doc)),
    "members": _Table("members", member_from, _simple("members", member_doc)),
    "masters": _Table("masters", master_from, _simple("masters", master_doc)),
    "listings": _Table("listings", listing_from, _simple("listings", listing_doc)),
    "mappings": _Table("mappings", mapping_from, _simple("mappings", mapping_doc)),
    "publications": _Table(
        "publications", publication_from, _simple("publications", publication_doc)
    ),
}
