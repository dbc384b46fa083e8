"""Everything that the memory engine knows: plain dictionaries, and sorted lists where pages walk.

One event loop uses it. Whoever changes it does so without awaiting in between, so nobody sees half
a change. No question is asked here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from connectors.stores.indexing import ProductIndex
from resolvers.domain.books import Recorded
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.locations import Location
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, StockEntry, Stream, Unseen
from resolvers.ports import Event, Lease


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
    are the reservations that may still lapse, ``pins`` those of each
    reservation, ``unseen`` those of each location. ``writes`` are in the order they were made.
    ``events`` have no gaps.
    """

    streams: dict[str, Stream] = field(default_factory=dict)
    rules: RuleBook = field(default_factory=RuleBook)
    entries: dict[str, list[StockEntry]] = field(default_factory=dict)
    levels: list[tuple[str, str]] = field(default_factory=list)
    changed_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    held: dict[str, Reservation] = field(default_factory=dict)
    pins: dict[str, dict[tuple[str, str], Pin]] = field(default_factory=dict)
    unseen: dict[str, dict[str, Unseen]] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    ages: list[tuple[datetime, str]] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    externals: dict[tuple[str, str], str] = field(default_factory=dict)
    keys: dict[str, Recorded] = field(default_factory=dict)
    writes: dict[str, Write] = field(default_factory=dict)
    waiting: dict[str, dict[str, Write]] = field(default_factory=dict)
    writes_of: dict[str, list[str]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    last_event: int = 0
    leases: dict[str, Lease] = field(default_factory=dict)
    feeds: dict[FeedKey, Feed] = field(default_factory=dict)
    locations: dict[str, Location] = field(default_factory=dict)
    products: dict[str, Shelved] = field(default_factory=dict)
    variants: dict[str, tuple[str, Variant]] = field(default_factory=dict)
    barcodes: dict[str, set[str]] = field(default_factory=dict)

    def emit(self, topic: str, keys: Iterable[str]) -> None:
        """Notes that things changed, for whoever follows the events."""
        for key in keys:
            self.last_event += 1
            self.events.append(Event(self.last_event, topic, key))
