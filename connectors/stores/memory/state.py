"""Everything that the memory engine knows: plain dictionaries, and sorted lists where pages walk.

One event loop uses it. Whoever changes it does so without awaiting in between, so nobody sees half
a change. No question is asked here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from connectors.stores.indexing import ProductIndex
from connectors.stores.rows import Journaled
from resolvers.domain.books import Recorded
from resolvers.domain.callers import ApiKey, AuditRecord, Use
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.inbox import Message
from resolvers.domain.ledger import Checkpoint
from resolvers.domain.listings import Listing, ListingMapping
from resolvers.domain.locations import Location
from resolvers.domain.members import Member
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.publication import PublicationRecord
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook, RuleChange
from resolvers.domain.stock import Pin, StockEntry, Stream, Unseen
from resolvers.ports import EntryPlace, Event, Lease


@dataclass(frozen=True, slots=True)
class Shelved:
    """A product with what it is found by and what tells whether it says something new."""

    product: Product
    index: ProductIndex
    digest: bytes


@dataclass(slots=True)
class State:
    """The tables of the memory engine.

    ``levels`` and ``ages`` are sorted: keys of positions, and (placed_at, id) of orders. ``held``
    are the reservations that may still lapse, ``live`` those of each caller that are held or
    committed, ``pins`` those of each reservation, ``unseen`` those of each location. ``writes``
    are in the order they were made. ``journal`` holds the batches that are not folded, ``entries``
    the same by SKU, each with its place; ``folded`` are the checkpoints, each under its seal.
    ``events`` have no gaps.
    """

    streams: dict[str, Stream] = field(default_factory=dict)
    rules: RuleBook = field(default_factory=RuleBook)
    rulings: list[RuleChange] = field(default_factory=list)
    journal: dict[int, Journaled] = field(default_factory=dict)
    last_batch: int = 0
    entries: dict[str, list[tuple[EntryPlace, StockEntry]]] = field(default_factory=dict)
    folded: dict[str, tuple[str, Checkpoint]] = field(default_factory=dict)
    levels: list[tuple[str, str]] = field(default_factory=list)
    changed_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    reserved_at: dict[str, datetime] = field(default_factory=dict)
    held: dict[str, Reservation] = field(default_factory=dict)
    live: dict[str, dict[str, Reservation]] = field(default_factory=dict)
    pins: dict[str, dict[tuple[str, str], Pin]] = field(default_factory=dict)
    unseen: dict[str, dict[str, Unseen]] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    ages: list[tuple[datetime, str]] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    externals: dict[tuple[str, str], str] = field(default_factory=dict)
    keys: dict[str, Recorded] = field(default_factory=dict)
    writes: dict[str, Write] = field(default_factory=dict)
    last_write: int = 0
    waiting: dict[str, dict[str, Write]] = field(default_factory=dict)
    writes_of: dict[str, list[str]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    last_event: int = 0
    copying: dict[str, bytes] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    feeds: dict[FeedKey, Feed] = field(default_factory=dict)
    locations: dict[str, Location] = field(default_factory=dict)
    products: dict[str, Shelved] = field(default_factory=dict)
    variants: dict[str, tuple[str, Variant]] = field(default_factory=dict)
    barcodes: dict[str, set[str]] = field(default_factory=dict)
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    audit: dict[tuple[datetime, str], AuditRecord] = field(default_factory=dict)
    uses: dict[tuple[str, str, date], Use] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    message_keys: dict[tuple[str, str], str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    masters: dict[str, dict[str, Product]] = field(default_factory=dict)
    listings: dict[tuple[str, str], Listing] = field(default_factory=dict)
    mappings: dict[tuple[str, str], ListingMapping] = field(default_factory=dict)
    publications: dict[tuple[str, str], PublicationRecord] = field(default_factory=dict)

    def journal_batch(self, batch: Journaled) -> None:
        """Keeps a batch of entries, after those of before."""
        self.journal[batch.batch] = batch
        self.last_batch = max(self.last_batch, batch.batch)
        for at, entry in enumerate(batch.entries):
            self.entries.setdefault(entry.sku, []).append(((batch.batch, at), entry))

    def emit(self, topic: str, keys: Iterable[str]) -> None:
        """Notes that things changed, for whoever follows the events."""
        for key in keys:
            self.last_event += 1
            self.events.append(Event(self.last_event, topic, key))
