"""The rows of a store as any engine can take them: the parts, each part's records and keys.

A body is the JSON of one record, encoded anew whenever it is dumped, so that two engines that hold
the same say the same bytes. A key orders its part: words stand apart by ``BETWEEN``, numbers are
filled up with zeros.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.stores.checkpoints import Head
from connectors.stores.coding import decoder, encode, micros
from resolvers.domain.books import Recorded
from resolvers.domain.callers import ApiKey, AuditRecord, Use
from resolvers.domain.catalog import Product
from resolvers.domain.feeds import Feed
from resolvers.domain.inbox import Message
from resolvers.domain.listings import Listing, ListingMapping
from resolvers.domain.locations import Location
from resolvers.domain.members import Member
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.publication import PublicationRecord
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleChange
from resolvers.domain.stock import Pin, Position, StockEntry, Unseen
from resolvers.upkeep_port import Row

BETWEEN = "\x1f"
"""Stands between the words of a key."""

_DIGITS = 19  # of the greatest number that a database keeps


@dataclass(frozen=True, slots=True)
class Shelf:
    """A product, and the instant by which it is sorted, as ``indexing.age_of`` makes it."""

    age: int
    product: Product


@dataclass(frozen=True, slots=True)
class Kept:
    """A reservation, and when it changed last."""

    changed_at: datetime
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class Journaled:
    """One batch of the journal: its number, which orders the batches of each SKU, and its entries,
    none of which is in a checkpoint yet.
    """

    batch: int
    at: datetime
    entries: tuple[StockEntry, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A checkpoint without its counts, and the seal that it bears."""

    seal: str
    head: Head


@dataclass(frozen=True, slots=True)
class Counted:
    """One count of a SKU's stream, or of its checkpoint."""

    sku: str
    kind: str
    name: str
    units: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A SKU's stream: how often it was written, and when last."""

    sku: str
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Placed:
    """A position, and when it changed last."""

    changed_at: datetime
    position: Position


@dataclass(frozen=True, slots=True)
class Mastered:
    """What one source says of a product."""

    backend: str
    product: Product


def words(*of: str) -> str:
    """A key of several words."""
    return BETWEEN.join(of)


def number(of: int) -> str:
    """A key that is a number, 0 or more."""
    return f"{of:0{_DIGITS}}"


_Kind = tuple[type, Callable[[Any], str]]

_PARTS: Mapping[str, _Kind] = {
    "locations": (Location, lambda it: it.code),
    "products": (Shelf, lambda it: it.product.handle),
    "rules": (RuleChange, lambda it: number(it.version)),
    "feeds": (Feed, lambda it: words(*it.key)),
    "orders": (Order, lambda it: it.id),
    "reservations": (Kept, lambda it: it.reservation.id),
    "writes": (Write, lambda it: number(it.sequence)),
    "keys": (Recorded, lambda it: it.key),
    "journal": (Journaled, lambda it: number(it.batch)),
    "checkpoints": (Sealed, lambda it: it.head.sku),
    "checkpoint_counts": (Counted, lambda it: words(it.sku, it.kind, it.name)),
    "streams": (Opened, lambda it: it.sku),
    "positions": (Placed, lambda it: words(it.position.sku, it.position.location)),
    "pins": (Pin, lambda it: words(it.sku, it.reservation, it.location)),
    "unseen": (Unseen, lambda it: it.id),
    "taken": (Counted, lambda it: words(it.sku, it.kind, it.name)),
    "api_keys": (ApiKey, lambda it: it.id),
    "audit": (AuditRecord, lambda it: words(number(micros(it.at)), it.id)),
    "uses": (Use, lambda it: words(it.field, it.client, it.day.isoformat())),
    "messages": (Message, lambda it: words(it.backend, it.dedupe_key)),
    "members": (Member, lambda it: it.id),
    "masters": (Mastered, lambda it: words(it.product.handle, it.backend)),
    "listings": (Listing, lambda it: words(it.backend, it.id)),
    "mappings": (ListingMapping, lambda it: words(it.backend, it.listing)),
    "publications": (PublicationRecord, lambda it: words(it.backend, it.listing)),
}

PARTS = tuple(_PARTS)
"""Every part, in the order that a copy takes: what others name comes before what names it."""

_READ: Mapping[str, Callable[[bytes], Any]] = {
    part: decoder(kind) for part, (kind, _) in _PARTS.items()
}


def row_of(part: str, record: object) -> Row:
    """A record as a row of its part."""
    return Row(_PARTS[part][1](record), encode(record))


def record_of(part: str, row: Row) -> Any:
    """The record of a row; of which kind is said by its part."""
    return _READ[part](row.body)


def key_of(part: str, record: object) -> str:
    """The key of a record in its part."""
    return _PARTS[part][1](record)
