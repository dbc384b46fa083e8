"""What is wrong inside a MongoDB store: documents that point at nothing, cannot be read, or are not
what they are found by.

Of each sort a few are named, and the rest counted. Whether quantities are what their entries say is
no question here. Every collection is walked page by page, each page beside what it names at a
moment of its own: MongoDB keeps a moment for some minutes only.
"""

import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from msgspec import MsgspecError

from connectors.stores.checkpoints import read_head, seal_of
from connectors.stores.coding import instant
from connectors.stores.mongo.callers import api_key_doc, api_key_from, audit_doc, audit_from
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.compaction import head_doc
from connectors.stores.mongo.documents import (
    count_doc,
    entries_from,
    journal_doc,
    order_doc,
    order_from,
    pin_doc,
    pin_from,
    position_from,
    position_in,
    reservation_doc,
    reservation_from,
    stream_from,
    write_doc,
    write_from,
)
from connectors.stores.mongo.inbox import message_doc, message_from
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
from connectors.stores.mongo.session import Document, Session
from connectors.stores.rows import BETWEEN
from resolvers.domain.stock import Stream

_NAMED_MAX = 20
"""Most findings of one sort that are named."""

_AT_ONCE, _BATCHES_AT_ONCE, _MESSAGES_AT_ONCE = 500, 50, 50
"""Documents of a page; batches may have hundreds of entries each, messages large bodies."""

_UNREADABLE = (MsgspecError, zlib.error, LookupError, TypeError, ValueError, OverflowError)
"""What comes of a document that has other fields than it should, or damaged ones."""

_BESIDE = ("body", "answers", "rest", "digest")
"""Fields that nothing is found by."""

_Finding = tuple[str, str]
"""A sort of finding, as it is told, and what stands in the place of ``{}``."""

_Page = Sequence[tuple[Document, Any]]
"""Documents, and what each of them says."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How the documents of a collection are called and read, and what is asked of a page."""

    collection: str
    called: str
    read: Callable[[Document], Any]
    ask: Callable[[Session, _Page], Awaitable[list[_Finding]]]
    at_once: int = _AT_ONCE


async def faults_of(database: Database) -> list[str]:
    """Everything that is wrong."""
    told: list[str] = []
    for look in _LOOKS:
        sorts: dict[str, _Sort] = {}
        after: object = None
        while True:
            last, found = await database.read(partial(_looked, look=look, after=after))
            for sort, name in found:
                sorts.setdefault(sort, _Sort(sort)).add(name)
            if last is None:
                break
            after = last
        told += [line for sort in sorts.values() for line in sort.told()]
    return told


class _Sort:
    """Findings of one sort: a few by name, each once, and how many more there are."""

    def __init__(self, told: str) -> None:
        self._told = told
        self._named: dict[str, None] = {}
        self._more = 0

    def add(self, name: str) -> None:
        """One more finding."""
        if len(self._named) < _NAMED_MAX:
            self._named[name] = None
        elif name not in self._named:
            self._more += 1

    def told(self) -> list[str]:
        """All of them in words."""
        more = [f"and {self._more} more like it"] if self._more else []
        return [self._told.format(name) for name in self._named] + more


async def _looked(
    session: Session, look: _Look, after: object
) -> tuple[object | None, list[_Finding]]:
    """Looks at one page, behind an id; the last id if there may be more, and what was found."""
    query = {} if after is None else {"_id": {"$gt": after}}
    order = (("_id", 1),)
    documents = await session.find(look.collection, query, order=order, limit=look.at_once)
    found: list[_Finding] = []
    page: list[tuple[Document, Any]] = []
    for of in documents:
        try:
            page.append((of, look.read(of)))
        except _UNREADABLE as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            id = str(of["_id"]).replace(BETWEEN, " ")
            found.append((f"{look.called} {{}}", f"{id} cannot be read: {why}"))
    found += await look.ask(session, page)
    more = len(documents) == look.at_once
    return (documents[-1]["_id"] if more else None), found


async def _absent(session: Session, collection: str, ids: Iterable[str | None]) -> set[str]:
    """Those of some ids under which nothing stands."""
    asked = {id for id in ids if id is not None}
    found = session.among(collection, "_id", sorted(asked), fields=("_id",))
    return asked - {of["_id"] async for of in found}


def _differs(document: Document, made: Document) -> bool:
    """Says whether a document is found by something else than it says."""
    beside = dict.fromkeys(_BESIDE)
    return {**document, **beside} != {**made, **beside}


async def _streams(_: Session, page: _Page) -> list[_Finding]:
    found: list[_Finding] = []
    for of, stream in page:
        if stream.version < 1:
            found.append(("the stream of {} was never written", stream.sku))
        found += _positions(of, stream)
    return found


def _positions(of: Document, stream: Stream) -> Iterator[_Finding]:
    """Positions of one stream: each place once, and free is what is left of it."""
    seen: set[str] = set()
    for at in of["positions"]:
        name = f"{stream.sku} at {at['location']}"
        if at["location"] in seen:
            yield "position {} stands there twice", name
        if at != position_in(position_from(stream.sku, at), instant(at["changed_at"])):
            yield "position {} is not what it is found by", name
        seen.add(at["location"])


async def _pins(session: Session, page: _Page) -> list[_Finding]:
    lost = await _absent(session, "streams", [pin.sku for _, pin in page])
    gone = await _absent(session, "reservations", [pin.reservation for _, pin in page])
    found: list[_Finding] = []
    for of, pin in page:
        name = f"{pin.sku} at {pin.location} of {pin.reservation}"
        if pin.sku in lost:
            found.append(("pin {} has no stream", name))
        if pin.reservation in gone:
            found.append(("pin {} has no reservation", name))
        if of != pin_doc(pin):
            found.append(("pin {} is not what it is found by", name))
    return found


async def _journal(session: Session, page: _Page) -> list[_Finding]:
    """Batches, beside what they are found by and where their streams go on."""
    skus = sorted({entry.sku for _, entries in page for entry in entries})
    heads = session.among("streams", "_id", skus, fields=("last",))
    last = {of["_id"]: of.get("last", 0) async for of in heads}
    found: list[_Finding] = []
    for of, entries in page:
        found += _misplaced(of, journal_doc(of["_id"], instant(of["at"]), entries))
        for entry in entries:
            if entry.sku not in last:
                found.append(("entries of {} have no stream", f"{entry.sku} at {entry.location}"))
            elif last[entry.sku] < of["_id"]:
                found.append(("what {} writes next comes before its entries", entry.sku))
    return found


def _misplaced(of: Document, made: Document) -> Iterator[_Finding]:
    for field, by in (("places", "place"), ("skus", "SKU")):
        own, stored = set(made[field]), set(of[field])
        for name in sorted(own - stored):
            yield f"entries of {{}} are found by no {by}", f"{_at(name)} in batch {of['_id']}"
        for name in sorted(stored - own):
            yield f"{by} {{}} has no entries", f"{_at(name)} in batch {of['_id']}"


def _at(place: str) -> str:
    return place.replace(BETWEEN, " at ")


async def _counts(session: Session, page: _Page, named: str, told: str) -> list[_Finding]:
    """Counts, beside the collection that has what they are of."""
    lost = await _absent(session, named, [of["sku"] for of, _ in page])
    found = [(told, of["sku"]) for of, _ in page if of["sku"] in lost]
    for of, made in page:
        if of != made:
            name = f"{of['name']} of {of['sku']}".replace(BETWEEN, " ")
            found.append(("the count of {} is not what it is found by", name))
    return found


async def _checkpoints(session: Session, page: _Page) -> list[_Finding]:
    lost = await _absent(session, "streams", [of["_id"] for of, _ in page])
    found: list[_Finding] = [
        ("the checkpoint of {} has no stream", of["_id"]) for of, _ in page if of["_id"] in lost
    ]
    for of, head in page:
        if head.sku != of["_id"] or seal_of(head) != of["seal"]:
            found.append(("the checkpoint of {} is not what its seal says", of["_id"]))
        elif _differs(of, head_doc(of["seal"], head)):
            found.append(("the checkpoint of {} is not what it is found by", of["_id"]))
    return found


async def _reservations(session: Session, page: _Page) -> list[_Finding]:
    gone = await _absent(session, "orders", [known.order_id for _, known in page])
    found: list[_Finding] = []
    for of, known in page:
        if known.order_id in gone:
            found.append(("reservation {} is of an order that is not there", of["_id"]))
        if _differs(of, reservation_doc(known, instant(of["changed_at"]))):
            found.append(("reservation {} is not what it is found by", of["_id"]))
    return found


async def _writes(session: Session, page: _Page) -> list[_Finding]:
    gone = await _absent(session, "orders", [write.order_id for _, write in page])
    found: list[_Finding] = []
    for of, write in page:
        if write.order_id in gone:
            found.append(("write {} is of an order that is not there", write.id))
        if _differs(of, write_doc(replace(write, sequence=of["_id"]))):
            found.append(("write {} is not what it is found by", write.id))
    return found


async def _externals(session: Session, page: _Page) -> list[_Finding]:
    gone = await _absent(session, "orders", [id for _, id in page])
    return [("order {} is known elsewhere and not there", id) for _, id in page if id in gone]


async def _orders(session: Session, page: _Page) -> list[_Finding]:
    gone = await _absent(session, "reservations", [order.reservation_id for _, order in page])
    found: list[_Finding] = []
    for of, order in page:
        if _differs(of, order_doc(order, of["last"])):
            found.append(("order {} is not what it is found by", of["_id"]))
        if order.reservation_id in gone:
            name = f"{order.number} has a reservation that is not there: {order.reservation_id}"
            found.append(("order {}", name))
    return found


async def _api_keys(_: Session, page: _Page) -> list[_Finding]:
    return [
        ("key {} is not what it is found by", of["_id"])
        for of, key in page
        if _differs(of, api_key_doc(key))
    ]


async def _audit(_: Session, page: _Page) -> list[_Finding]:
    return [
        ("audit record {} is not what it is found by", record.id)
        for of, record in page
        if of != audit_doc(record)
    ]


async def _made(
    _: Session, page: _Page, called: str, made: Callable[[Any], Document]
) -> list[_Finding]:
    """Documents that stand alone, beside what is made of what they say."""
    return [
        (f"{called} {{}} is not what it is found by", str(of["_id"]).replace(BETWEEN, " "))
        for of, record in page
        if _differs(of, made(record))
    ]


def _alone(
    collection: str,
    called: str,
    read: Callable[[Document], Any],
    made: Callable[[Any], Document],
    at_once: int = _AT_ONCE,
) -> _Look:
    return _Look(collection, called, read, partial(_made, called=called, made=made), at_once)


def _count_made(of: Document) -> Document:
    return count_doc(of["sku"], of["kind"], of["name"], of["units"])


_NO_STREAM = "counts of {} have no stream"
_NO_CHECKPOINT = "folded counts of {} have no checkpoint"

_LOOKS: Sequence[_Look] = (
    _Look("streams", "the stream of", stream_from, _streams),
    _Look("pins", "pin", pin_from, _pins),
    _Look("journal", "batch", entries_from, _journal, _BATCHES_AT_ONCE),
    _Look("counts", "count", _count_made, partial(_counts, named="streams", told=_NO_STREAM)),
    _Look("checkpoints", "the checkpoint of", lambda of: read_head(of["body"]), _checkpoints),
    _Look(
        "folded",
        "folded count",
        _count_made,
        partial(_counts, named="checkpoints", told=_NO_CHECKPOINT),
    ),
    _Look("reservations", "reservation", reservation_from, _reservations),
    _Look("writes", "write", write_from, _writes),
    _Look("externals", "external", lambda of: str(of["order"]), _externals),
    _Look("orders", "order", order_from, _orders),
    _Look("api_keys", "key", api_key_from, _api_keys),
    _Look("audit", "audit record", audit_from, _audit),
    _alone("messages", "message", message_from, message_doc, _MESSAGES_AT_ONCE),
    _alone("members", "member", member_from, member_doc),
    _alone("masters", "master data of", master_from, master_doc),
    _alone("listings", "listing", listing_from, listing_doc),
    _alone("mappings", "the mapping of", mapping_from, mapping_doc),
    _alone("publications", "the number of", publication_from, publication_doc),
)
"""Every collection that is looked over, in the order in which it is told."""
