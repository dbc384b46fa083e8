"""The ledger in MongoDB: entries by SKU and place, and what they fold to.

A document of the journal stands there until it is folded into checkpoints, whole. Its number orders
it among those of each of its SKUs; of documents that share no SKU either may have been first.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from connectors.stores.checkpoints import Head, Rebuild, checkpoint_of, read_head
from connectors.stores.coding import instant
from connectors.stores.mongo.documents import entries_from, pin_from, stream_from, unseen_from
from connectors.stores.mongo.session import Document, Query, Session
from connectors.stores.rows import words
from resolvers.domain.ledger import Account, Checkpoint
from resolvers.domain.stock import Pin, StockEntry, Stream, TakenKey, Unseen
from resolvers.ports import EntryPlace

_FEW, _MANY = 4, 128
"""Documents that a walk reads first, and most that it reads at once: one of a hot SKU's journal has
hundreds of entries, one of a quiet SKU's has one.
"""


async def walk(
    session: Session,
    collection: str,
    query: Query,
    *,
    down: bool = False,
) -> AsyncIterator[Document]:
    """Documents that match, in order of id: a few, and more each time.

    Whoever stops early leaves nothing open.
    """
    beyond, order = ("$lt", -1) if down else ("$gt", 1)
    size = _FEW
    while True:
        page = await session.find(collection, query, order=(("_id", order),), limit=size)
        for document in page:
            yield document
        if len(page) < size:
            return
        query = {**query, "_id": {beyond: page[-1]["_id"]}}
        size = min(2 * size, _MANY)


async def entries_of(session: Session, sku: str) -> list[StockEntry]:
    """Every entry of a SKU since its checkpoint, oldest first."""
    return [
        entry
        async for batch in session.each("journal", {"skus": sku}, order=(("_id", 1),))
        for entry in entries_from(batch)
        if entry.sku == sku
    ]


async def history(
    session: Session, sku: str, location: str | None, before: EntryPlace | None, limit: int
) -> list[tuple[EntryPlace, StockEntry]]:
    """Entries of a SKU (at a location), the newest first, from before a place on."""
    found: list[tuple[EntryPlace, StockEntry]] = []
    query: Document = {"skus": sku} if location is None else {"places": words(sku, location)}
    if before is not None:
        query["_id"] = {"$lte": before[0]}
    async for batch in walk(session, "journal", query, down=True):
        places = [((batch["_id"], at), it) for at, it in enumerate(entries_from(batch))]
        found += [
            (place, entry)
            for place, entry in reversed(places)
            if (before is None or place < before)
            and entry.sku == sku
            and location in (None, entry.location)
        ]
        if len(found) >= limit:
            break
    return found[:limit]


async def folded_at(session: Session, skus: Sequence[str]) -> dict[str, datetime]:
    """When the last folded entry of each SKU was written."""
    found = session.among("checkpoints", "_id", skus, fields=("at",))
    return {of["_id"]: instant(of["at"]) async for of in found}


async def accounts(session: Session, skus: Sequence[str]) -> dict[str, Account]:
    """Streams as they are stored, beside what their checkpoints and entries fold to."""
    asked = sorted(set(skus))
    streams = await _whole_streams(session, asked)
    rebuild = Rebuild(await _checkpoints(session, asked))
    async for batch in _journaled(session, asked):
        rebuild.add(batch)
    return rebuild.beside(streams)


async def _journaled(
    session: Session, skus: Sequence[str]
) -> AsyncIterator[tuple[StockEntry, ...]]:
    """Batches with entries of some SKUs, in order; each once.

    Their numbers are read first: no index has those of several SKUs in one order.
    """
    named = session.among("journal", "skus", skus, fields=("_id",))
    numbers = sorted({of["_id"] async for of in named})
    async for batch in session.among("journal", "_id", numbers, order=(("_id", 1),)):
        yield entries_from(batch)


async def _checkpoints(session: Session, skus: Sequence[str]) -> dict[str, Checkpoint]:
    taken = await _counts(session, "folded", skus)
    heads = {head.sku: head for head in await heads_of(session, skus)}
    return {
        sku: checkpoint_of(heads[sku], taken.get(sku, {}))
        if sku in heads
        else Checkpoint(sku, taken=taken.get(sku, {}))
        for sku in skus
    }


async def heads_of(session: Session, skus: Iterable[str]) -> list[Head]:
    """Checkpoints of some SKUs, without their counts."""
    found = session.among("checkpoints", "_id", sorted(skus), fields=("body",))
    return [read_head(of["body"]) async for of in found]


async def _counts(
    session: Session, collection: str, skus: Sequence[str]
) -> dict[str, dict[TakenKey, int]]:
    found: dict[str, dict[TakenKey, int]] = {}
    async for of in session.among(collection, "sku", skus):
        found.setdefault(of["sku"], {})[of["kind"], of["name"]] = of["units"]
    return found


async def _whole_streams(session: Session, skus: Sequence[str]) -> dict[str, Stream]:
    """Streams with everything that is stored of them; a quantity without a stream counts too."""
    pins: dict[str, list[Pin]] = {}
    async for of in session.among("pins", "sku", skus):
        pins.setdefault(of["sku"], []).append(pin_from(of))
    unseen: dict[str, list[Unseen]] = {}
    async for of in session.among("unseen", "sku", skus):
        unseen.setdefault(of["sku"], []).append(unseen_from(of))
    taken = await _counts(session, "counts", skus)
    heads = {of["_id"]: of async for of in session.among("streams", "_id", skus)}
    return {
        sku: stream_from(
            heads.get(sku) or _unwritten(sku),
            pins.get(sku, ()),
            unseen.get(sku, ()),
            taken.get(sku),
        )
        for sku in skus
        if sku in heads or sku in pins or sku in taken
    }


def _unwritten(sku: str) -> Document:
    """What stands for a stream that is not there."""
    return {"_id": sku, "version": 0, "at": 0, "positions": []}
