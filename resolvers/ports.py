"""What the answers need from a store, by role, and the few records exchanged; the clock and ids.

The room that needs a thing defines it; ``connectors`` answers by shape. What backends answer stands
in ``resolvers/backend_ports.py``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from resolvers.callers_port import CallerStore
from resolvers.domain.books import Batch, Key, Known, Scope
from resolvers.domain.catalog import Product, Variant
from resolvers.domain.feeds import Feed
from resolvers.domain.ledger import Account
from resolvers.domain.locations import Location
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, Position, StockEntry, Stream, Unseen
from resolvers.filters import LevelFilter, OrderFilter, ProductFilter, ProductSort
from resolvers.mirror_ports import InboxStore, ListingStore, MemberStore
from resolvers.publication_port import PublicationStore
from resolvers.upkeep_port import UpkeepStore

Clock = Callable[[], datetime]
"""Tells the time, aware UTC."""

IdMaker = Callable[[], str]
"""Makes an id that nobody has used, sortable by the time it was made."""


# ---- stores ----------------------------------------------------------------------------------


TOPICS = ("stock", "reservation", "order", "catalog", "rule", "member")
"""What events are about."""

ANY = "*"
"""In the place of a key: whatever there is in its topic. No key of ours is this."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something changed: a topic, and its key; ``ANY`` if it is not known any more which."""

    sequence: int
    topic: str
    key: str


@dataclass(frozen=True, slots=True)
class Lease:
    """One process's turn at a piece of work until ``until``; ``fence`` grows with each owner."""

    name: str
    owner: str
    until: datetime
    fence: int


Renewed = Callable[[], Lease | None]
"""The lease as it stands now; None once it is lost or too short for one more call."""

EntryPlace = tuple[int, int]
"""Where an entry stands in the ledger: the number of its batch, and its own within."""


class StockStore(Protocol):
    """Streams, reservations, orders, keys and the outbox: what changes together, or not at all."""

    async def transact(
        self, scope: Scope, keys: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        """Shows ``decide`` what is known and appends what it answers, durably and atomically.

        What is known is so at the later of the clock and every stream's own time.
        ``decide`` is pure and may be called again when another process was faster. It returns when
        the batch is on disk.

        Raises:
            Contended: others were faster for the whole time that the store allows.
        """

    async def streams(self, skus: Sequence[str], now: datetime) -> Mapping[str, Stream]:
        """Streams of one moment, with the pins that are due at ``now``, and maybe others; SKUs
        without history are left out.
        """

    async def levels(
        self, level_filter: LevelFilter, after: tuple[str, str] | None, limit: int
    ) -> Sequence[Position]:
        """Positions in order of (SKU, location), after a given one."""

    async def entries(self, sku: str) -> Sequence[StockEntry]:
        """Every entry of a SKU since its checkpoint, in the order they were appended."""

    async def history(
        self, sku: str, location: str | None, before: EntryPlace | None, limit: int
    ) -> Sequence[tuple[EntryPlace, StockEntry]]:
        """Entries of a SKU since its checkpoint (at a location), the newest first, from before a
        place in its ledger on.
        """

    async def folded_at(self, skus: Sequence[str]) -> Mapping[str, datetime]:
        """When the last entry was written that each SKU's checkpoint holds; SKUs whose history is
        whole are left out.
        """

    async def skus(self, after: str | None, limit: int) -> Sequence[str]:
        """SKUs that have a history, in order, after a given one."""

    async def accounts(self, skus: Sequence[str]) -> Mapping[str, Account]:
        """Streams with every pin and every count, beside the fold of their checkpoint and entries,
        of one moment; SKUs without history are left out.
        """

    async def pins(self, sku: str, location: str, after: str | None, limit: int) -> Sequence[Pin]:
        """Pins of a SKU at a location, due ones too, in order of reservation, after one."""

    async def unseen(self, location: str) -> Sequence[Unseen]:
        """Movements at a location that its system's last reading may not hold yet."""

    async def reservations(
        self, ids: Sequence[str]
    ) -> Mapping[str, tuple[Reservation, Sequence[Pin]]]:
        """Reservations by id, with their pins in order of (SKU, location); unknown ones are left
        out.
        """

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]: ...
    async def orders(self, ids: Sequence[str]) -> Mapping[str, Order]: ...
    async def orders_by_number(self, numbers: Sequence[str]) -> Mapping[str, Order]:
        """Orders by their number; unknown ones are left out."""

    async def order_by_external(self, system: str, id: str) -> Order | None: ...
    async def order_page(
        self,
        order_filter: OrderFilter,
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Order]:
        """Orders, newest first by (placed_at, id), after a given one; overdue ones are canceled."""

    async def rules(self) -> RuleBook:
        """The rules that are set now."""

    async def recorded_answer(self, key: Key) -> str | None: ...


class OutboxStore(Protocol):
    """Writes that backends wait for, and what came of them."""

    async def due_writes(self, backend: str, now: datetime, limit: int) -> Sequence[Write]:
        """The eldest waiting write of each subject that may be tried now."""

    async def save_write(self, write: Write, lease: Lease) -> bool:
        """Notes a try or its outcome; False, and nothing saved, if the lease has moved on."""

    async def writes_of(self, order_ids: Sequence[str]) -> Mapping[str, Sequence[Write]]:
        """Writes by order, each order's eldest first; orders without any are left out."""

    async def pending_writes(self, backend: str) -> int:
        """How many writes wait for a backend."""

    async def write(self, id: str) -> Write | None:
        """One write, however far it has come."""

    async def dead_writes(self, backend: str | None, after: int, limit: int) -> Sequence[Write]:
        """Failed writes (of a backend) in order of sequence, after one."""

    async def dead_counts(self) -> Mapping[str, int]:
        """How many writes are failed, by backend; those without any are left out."""

    async def replay_writes(self, backend: str | None, ids: Sequence[str] | None) -> int:
        """Makes failed writes wait again: the named ones, or all (of a backend); how many. Those
        that need a person's word first stay as they are.
        """

    async def rule_on_write(self, write: Write) -> bool:
        """Notes what a person said of a failed write; False, and nothing saved, if it is failed no
        more or has died anew since it was read.
        """

    async def reopen_write(self, write: Write) -> bool:
        """Has a write that was done wait again, as it is handed in; False, and nothing saved, if it
        is not done, or was let go, or was told again since it was read.
        """


class CatalogStore(Protocol):
    """The mirror of products, variants and locations."""

    async def save_products(self, products: Sequence[Product], now: datetime) -> int:
        """Writes what differs; the number of products that did."""

    async def save_locations(self, locations: Sequence[Location]) -> int: ...
    async def locations(self) -> Sequence[Location]: ...
    async def product(self, handle: str) -> Product | None: ...
    async def products(self, handles: Sequence[str]) -> Mapping[str, Product]: ...
    async def variants(self, skus: Sequence[str]) -> Mapping[str, Variant]: ...
    async def variant_page(self, after: str | None, limit: int) -> Sequence[Variant]:
        """Variants in order of SKU, after one."""

    async def skus_of_barcode(self, barcode: str) -> Sequence[str]: ...
    async def product_page(
        self, product_filter: ProductFilter, sort: ProductSort, after: str | None, limit: int
    ) -> Sequence[tuple[str, Product]]:
        """Products with the cursor of each, in the asked order, after a cursor."""


class HouseStore(Protocol):
    """What the house keeps about its own work: feeds, leases, and the tail of changes."""

    async def feeds(self) -> Sequence[Feed]:
        """Every feed, in order of its key."""

    async def save_feeds(self, feeds: Sequence[Feed]) -> None:
        """Writes feeds at once, but none over one whose watermark is later."""

    async def lease(self, name: str, owner: str, seconds: float, now: datetime) -> Lease | None:
        """Takes or renews a lease; None while somebody else has it."""

    async def release_lease(self, lease: Lease) -> None:
        """Gives a lease back at once; does nothing if it has moved on."""

    async def last_event(self) -> int:
        """The sequence of the newest event, 0 if there is none."""

    async def events(self, after: int, limit: int) -> Sequence[Event]:
        """Events after a sequence, eldest first."""

    async def trim(self, keys_before: datetime, events_keep: int, limit: int) -> int:
        """Drops keys recorded before an instant, and events but the newest so many; at most
        ``limit`` of each; how many went.
        """


@dataclass(frozen=True, slots=True)
class Store:
    """One engine: everything above over one database."""

    stock: StockStore
    outbox: OutboxStore
    catalog: CatalogStore
    house: HouseStore
    callers: CallerStore
    inbox: InboxStore
    members: MemberStore
    listings: ListingStore
    publications: PublicationStore
    upkeep: UpkeepStore
    close: Callable[[], Awaitable[None]]
