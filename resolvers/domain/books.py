"""What one batch of commands knows and has decided: the working copy that becomes one append.

A command reads the books and answers with a ``Change``; only a change that was decided whole is
posted, so a command that is refused leaves nothing behind. Pure: no clock, no storage.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.limits import taken_by
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook, RuleChange
from resolvers.domain.stock import (
    Pin,
    Position,
    StockEntry,
    Stream,
    TakenKey,
    Unseen,
    apply,
    expire_due,
)
from resolvers.domain.values import KEY_LENGTH_MAX

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key: unique per caller, mutation and what the caller sent (ADR-0005)."""

    subject: str
    mutation: str
    key: str

    @property
    def id(self) -> str:
        """One string for all three; hashed, so that any content and length is safe to store."""
        assert 1 <= len(self.key) <= KEY_LENGTH_MAX
        parts = f"{self.subject}\x1f{self.mutation}\x1f{self.key}"
        return sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was decided under a key: the request's fingerprint, and the thing it made."""

    key: str
    fingerprint: str
    answer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command needs to see: everything that it may touch."""

    skus: frozenset[str] = frozenset()
    reservations: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    feeds: frozenset[FeedKey] = frozenset()
    members: frozenset[str] = frozenset()

    def __or__(self, other: "Scope") -> "Scope":
        return Scope(
            self.skus | other.skus,
            self.reservations | other.reservations,
            self.orders | other.orders,
            self.feeds | other.feeds,
            self.members | other.members,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What a store found for a scope at an instant: never before a stream's own time.

    Streams of SKUs without history are left out. Their pins are those that are due at ``at`` and
    those of the scope's reservations, and maybe others; their counts those by channel, those of
    recent days, and those of the scope's members.
    """

    at: datetime
    streams: Mapping[str, Stream] = field(default_factory=dict)
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    feeds: Mapping[FeedKey, Feed] = field(default_factory=dict)
    rules: RuleBook = field(default_factory=RuleBook)


@dataclass(frozen=True, slots=True)
class Change:
    """What one command decided.

    Pins and unseen movements are as they are afterwards; a pin of no units is gone, an unseen
    movement of no units likewise.
    """

    entries: tuple[StockEntry, ...] = ()
    pins: tuple[Pin, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    orders: tuple[Order, ...] = ()
    writes: tuple[Write, ...] = ()
    feeds: tuple[Feed, ...] = ()
    rules: tuple[RuleChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """One atomic append: every entry, and everything touched as it is afterwards.

    ``streams`` carry the versions they had when read; an append whose versions have moved on is a
    conflict and is decided again.
    """

    at: datetime
    entries: tuple[StockEntry, ...]
    streams: tuple[Stream, ...]
    positions: tuple[Position, ...]
    pins: tuple[Pin, ...]
    unseen: tuple[Unseen, ...]
    reservations: tuple[Reservation, ...]
    orders: tuple[Order, ...]
    writes: tuple[Write, ...]
    recorded: tuple[Recorded, ...]
    feeds: tuple[Feed, ...]
    taken: tuple[tuple[str, TakenKey, int], ...] = ()
    rules: tuple[RuleChange, ...] = ()

    @property
    def empty(self) -> bool:
        """Says whether there is nothing to write."""
        return not (
            self.entries
            or self.pins
            or self.unseen
            or self.reservations
            or self.orders
            or self.writes
            or self.recorded
            or self.feeds
            or self.rules
        )


class Books:
    """The state that a batch decides on, one command after another."""

    def __init__(self, known: Known, scope: Scope) -> None:
        """Opens the books, and gives back whatever is due on the streams in scope."""
        self.streams = {sku: known.streams.get(sku) or Stream(sku) for sku in scope.skus}
        self.now = known.at
        assert all(stream.at is None or stream.at <= self.now for stream in self.streams.values())
        self.reservations = dict(known.reservations)
        self.orders = dict(known.orders)
        self.recorded = dict(known.recorded)
        self.feeds = dict(known.feeds)
        self.rules = known.rules
        self._read = dict(self.streams)
        self._entries: list[StockEntry] = []
        self._positions: dict[tuple[str, str], Position] = {}
        self._pins: dict[tuple[str, str, str], Pin] = {}
        self._unseen: dict[str, Unseen] = {}
        self._reservations: dict[str, Reservation] = {}
        self._orders: dict[str, Order] = {}
        self._writes: list[Write] = []
        self._fresh: list[Recorded] = []
        self._feeds: dict[FeedKey, Feed] = {}
        self._taken: dict[tuple[str, TakenKey], int] = {}
        self._rules: list[RuleChange] = []
        for stream in self._read.values():
            entries, pins = expire_due(stream, self.now)
            if entries:
                self.post(Change(entries=tuple(entries), pins=tuple(pins)))

    def stream(self, sku: str) -> Stream:
        """One SKU's stream; a bug if the command did not name it in its scope."""
        return self.streams[sku]

    def pins_of(self, reservation: Reservation, skus: Iterable[str]) -> list[Pin]:
        """The live pins of a reservation on some SKUs."""
        return [
            pin
            for sku in skus
            for pin in self.streams[sku].pins.values()
            if pin.reservation == reservation.id
        ]

    def post(self, change: Change, key: str | None = None) -> None:
        """Takes over what a command decided, whole: if an entry breaks a law of stock, nothing.

        ``key`` is the command's own, written into its entries.
        """
        touched: dict[str, Stream] = {}
        moved: dict[tuple[str, str], Position] = {}
        for entry in change.entries:
            stream = _opened(touched, self.streams, entry.sku)
            before = stream.position(entry.location)
            after = moved[entry.sku, entry.location] = apply(before, entry)
            put(stream.positions, entry.location, after, keep=True)
            for of, count in taken_by(entry):
                put(stream.taken, of, stream.taken.get(of, 0) + count, keep=True)
        for pin in change.pins:
            stream = _opened(touched, self.streams, pin.sku)
            put(stream.pins, (pin.reservation, pin.location), pin, keep=pin.quantity > 0)
        for movement in change.unseen:
            stream = _opened(touched, self.streams, movement.sku)
            put(stream.unseen, movement.id, movement, keep=movement.on_hand != 0)

        self.streams.update(touched)
        self._positions.update(moved)
        if key is None:
            self._entries += change.entries
        else:
            self._entries += (replace(entry, key=key) for entry in change.entries)
        for entry in change.entries:
            for of, units in taken_by(entry):
                self._taken[entry.sku, of] = self._taken.get((entry.sku, of), 0) + units
        self._pins.update({(pin.sku, pin.reservation, pin.location): pin for pin in change.pins})
        self._unseen.update({movement.id: movement for movement in change.unseen})
        for reservation in change.reservations:
            self.reservations[reservation.id] = self._reservations[reservation.id] = reservation
        for order in change.orders:
            self.orders[order.id] = self._orders[order.id] = order
        self._writes += change.writes
        for feed in change.feeds:
            self.feeds[feed.key] = self._feeds[feed.key] = feed
        for ruling in change.rules:
            self.rules = ruling.applied(self.rules)
        self._rules += change.rules

    def record(self, recorded: Recorded) -> None:
        """Binds a key to what was decided under it."""
        self.recorded[recorded.key] = recorded
        self._fresh.append(recorded)

    def batch(self) -> Batch:
        """Everything decided, as one append."""
        moved = {entry.sku for entry in self._entries}
        moved |= {sku for sku, _, _ in self._pins} | {u.sku for u in self._unseen.values()}
        return Batch(
            self.now,
            tuple(self._entries),
            tuple(self._read[sku] for sku in sorted(moved)),
            tuple(self._positions.values()),
            tuple(self._pins.values()),
            tuple(self._unseen.values()),
            tuple(self._reservations.values()),
            tuple(self._orders.values()),
            tuple(self._writes),
            tuple(self._fresh),
            tuple(self._feeds.values()),
            tuple((sku, of, units) for (sku, of), units in self._taken.items() if units),
            tuple(self._rules),
        )


def put(into: Mapping[K, V], key: K, value: V, *, keep: bool) -> None:
    """Keeps a value under its key, or drops the key, in a working copy's own dictionary."""
    assert isinstance(into, dict), "only working copies change"
    if keep:
        into[key] = value
    else:
        into.pop(key, None)


def _opened(touched: dict[str, Stream], streams: Mapping[str, Stream], sku: str) -> Stream:
    """A copy of a stream whose dictionaries are its own, made once for each change."""
    if sku not in touched:
        stream = streams[sku]
        touched[sku] = replace(
            stream,
            positions=dict(stream.positions),
            pins=dict(stream.pins),
            unseen=dict(stream.unseen),
            taken=dict(stream.taken),
        )
    return touched[sku]
