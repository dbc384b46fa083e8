"""Records of the domain as documents, and back: the same wherever they are written and read."""

import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from connectors.stores.coding import (
    decoder,
    encode,
    instant,
    instant_or_none,
    micros,
    micros_or_none,
)
from connectors.stores.indexing import place_of, ready_at
from connectors.stores.mongo.session import Document
from connectors.stores.rows import words
from resolvers.domain.books import Recorded
from resolvers.domain.feeds import Feed
from resolvers.domain.locations import Location
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.reservation import Reservation, Status
from resolvers.domain.rules import RuleChange
from resolvers.domain.stock import Pin, Position, StockEntry, Stream, TakenKey, Taker, Unseen

_ENTRIES_OF_ONE = 5_000
"""Most entries of one document of the journal: far below the 16 MB that MongoDB takes."""

_PACKED_FROM = 4 * 1024**2
"""Bytes from which on entries are kept packed: a batch that another engine wrote may have more than
16 MB, and is loaded whole.
"""

_order = decoder(Order)
_reservation = decoder(Reservation)
_write = decoder(Write)
_entries = decoder(tuple[StockEntry, ...])
read_ruling = decoder(RuleChange)
read_feed = decoder(Feed)
read_location = decoder(Location)


def text(record: object) -> str:
    """A record as JSON."""
    return encode(record).decode()


def position_in(position: Position, at: datetime) -> Document:
    """A position as one of its stream; ``free`` is what it is found by."""
    return {
        "location": position.location,
        "on_hand": position.on_hand,
        "soft": position.soft,
        "hard": position.hard,
        "elsewhere": position.elsewhere,
        "incoming": position.incoming,
        "free": position.unpromised,
        "changed_at": micros(at),
    }


def position_from(sku: str, of: Document) -> Position:
    """A position from its stream."""
    return Position(
        sku,
        of["location"],
        of["on_hand"],
        of["soft"],
        of["hard"],
        of["elsewhere"],
        of["incoming"],
    )


def stream_from(
    of: Document,
    pins: Iterable[Pin] = (),
    unseen: Iterable[Unseen] = (),
    taken: Mapping[TakenKey, int] | None = None,
) -> Stream:
    """A stream, with what was found of it elsewhere. Its positions are in the document's order."""
    sku = of["_id"]
    return Stream(
        sku,
        {at["location"]: position_from(sku, at) for at in of["positions"]},
        {(pin.reservation, pin.location): pin for pin in pins},
        {movement.id: movement for movement in unseen},
        of["version"],
        instant(of["at"]),
        taken or {},
    )


def pin_doc(pin: Pin) -> Document:
    """A pin."""
    taker = pin.taker
    return {
        "_id": words(pin.sku, pin.reservation, pin.location),
        "sku": pin.sku,
        "reservation": pin.reservation,
        "location": pin.location,
        "quantity": pin.quantity,
        "until": micros_or_none(pin.until),
        "tentative": pin.tentative,
        **(
            {}
            if taker is None
            else {
                "channel": taker.channel,
                "day": taker.day,
                "member": taker.member,
                "anywhere": taker.anywhere,
            }
        ),
    }


def pin_from(of: Document) -> Pin:
    """A pin from its document."""
    taker = None
    if "channel" in of:
        taker = Taker(of["channel"], of["day"], of["member"], of["anywhere"])
    return Pin(
        of["reservation"],
        of["sku"],
        of["location"],
        of["quantity"],
        instant_or_none(of["until"]),
        of["tentative"],
        taker,
    )


def unseen_doc(movement: Unseen) -> Document:
    """A movement that a system may not have counted."""
    return {
        "_id": movement.id,
        "sku": movement.sku,
        "location": movement.location,
        "on_hand": movement.on_hand,
        "acknowledged": movement.acknowledged,
        "sent": movement.sent,
    }


def unseen_from(of: Document) -> Unseen:
    """A movement from its document."""
    return Unseen(
        of["_id"], of["sku"], of["location"], of["on_hand"], of["acknowledged"], of["sent"]
    )


def reservation_doc(reservation: Reservation, at: datetime) -> Document:
    """A reservation as it is since an instant, with what it is found by while it is so: when it is
    due, whose live units it has, or since when it has ended without an order.
    """
    held = reservation.status is Status.HELD
    live = held or reservation.status is Status.COMMITTED
    ended = reservation.status in (Status.RELEASED, Status.EXPIRED)
    found_by: Document = {}
    if held and reservation.expires_at is not None:
        found_by["due"] = micros(reservation.expires_at)
    if live:
        found_by["live"] = reservation.subject
    if ended and reservation.order_id is None:
        found_by["ended"] = micros(at)
    return {
        "_id": reservation.id,
        "changed_at": micros(at),
        **found_by,
        "body": text(reservation),
    }


def reservation_from(of: Document) -> Reservation:
    """A reservation from its document."""
    return _reservation(of["body"])


def order_doc(order: Order, last: int) -> Document:
    """An order as the batch of a number leaves it."""
    return {
        "_id": order.id,
        "number": order.number,
        "status": order.status.value,
        "channel": order.channel,
        "subject": order.subject,
        "member": order.member_id,
        "location": place_of(order),
        "placed_at": micros(order.placed_at),
        "updated_at": micros(order.updated_at),
        "due_at": micros_or_none(order.payment_due_at),
        "last": last,
        "body": text(order),
    }


def order_from(of: Document) -> Order:
    """An order from its document."""
    return _order(of["body"])


def write_doc(write: Write) -> Document:
    """A write, under its sequence."""
    return {
        "_id": write.sequence,
        "id": write.id,
        "backend": write.backend,
        "subject": write.subject,
        "status": write.status.value,
        "order_id": write.order_id,
        "ready_at": micros(ready_at(write)),
        "body": text(write),
    }


def write_from(of: Document) -> Write:
    """A write from its document."""
    return _write(of["body"])


def key_doc(recorded: Recorded) -> Document:
    """What was decided under a key."""
    return {
        "_id": recorded.key,
        "fingerprint": recorded.fingerprint,
        "answer": recorded.answer,
        "at": micros(recorded.at),
    }


def key_from(of: Document) -> Recorded:
    """What was decided under a key, from its document."""
    return Recorded(of["_id"], of["fingerprint"], of["answer"], instant(of["at"]))


def feed_doc(feed: Feed) -> Document:
    """A feed."""
    return {"_id": words(*feed.key), "watermark": feed.watermark, "body": text(feed)}


def journal_docs(first: int, at: datetime, entries: tuple[StockEntry, ...]) -> list[Document]:
    """The entries of a batch, under its number; a very large one goes on under the next numbers."""
    return [
        journal_doc(first + part, at, entries[start : start + _ENTRIES_OF_ONE])
        for part, start in enumerate(range(0, len(entries), _ENTRIES_OF_ONE))
    ]


def journal_doc(batch: int, at: datetime, entries: tuple[StockEntry, ...]) -> Document:
    """Entries under one number, with the SKUs and places that they are found by."""
    return {
        "_id": batch,
        "at": micros(at),
        "skus": sorted({entry.sku for entry in entries}),
        "places": sorted({words(entry.sku, entry.location) for entry in entries}),
        "entries": _packed(encode(entries)),
    }


def _packed(entries: bytes) -> str | bytes:
    return entries.decode() if len(entries) < _PACKED_FROM else zlib.compress(entries)


def entries_from(of: Document) -> tuple[StockEntry, ...]:
    """The entries of one document of the journal."""
    stored = of["entries"]
    return _entries(zlib.decompress(stored) if isinstance(stored, bytes) else stored)


def count_doc(sku: str, kind: str, name: str, units: int) -> Document:
    """A count."""
    return {"_id": words(sku, kind, name), "sku": sku, "kind": kind, "name": name, "units": units}


def counted_more(sku: str, of: TakenKey, units: int) -> tuple[Document, Document]:
    """The change that adds units to a count, made if absent. It names the SKU, which a cluster may
    be sharded by.
    """
    kind, name = of
    named = {"kind": kind, "name": name}
    return (
        {"_id": words(sku, kind, name), "sku": sku},
        {"$inc": {"units": units}, "$setOnInsert": named},
    )
