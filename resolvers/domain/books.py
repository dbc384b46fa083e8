"""What one batch of commands knows and has decided: the working copy that becomes one append.

A command reads the books and answers with a ``Change``; only a change that was decided whole is
posted, so a command that is refused leaves nothing behind. Pure: no clock, no storage.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from resolvers.domain.callers import AuditRecord
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.limits import taken_by
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write
from resolvers.domain.records import quick
from resolvers.domain.reservation import Reservation, Status
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
    keyed,
)
from resolvers.domain.values import KEY_LENGTH_MAX

K = TypeVar("K")
V = TypeVar("V")


@quick
@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key: unique per caller, mutation and what the caller sent (ADR-0005)."""

    subject: str
    mutation: str
    key: str
    id: str = field(init=False, compare=False)
    """One string for all three; hashed, so that any content and length is safe to store."""

    def __post_init__(self) -> None:
        assert 1 <= len(self.key) <= KEY_LENGTH_MAX
        parts = f"{self.subject}\x1f{self.mutation}\x1f{self.key}"
        digest = sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "id", digest)


@quick
@dataclass(frozen=True, slots=True)
class Recorded:
    """What was decided under a key: the request's fingerprint, and the thing it made."""

    key: str
    fingerprint: str
    answer: str
    at: datetime


@quick
@dataclass(frozen=True, slots=True)
class Scope:
    """What a command needs to see: everything that it may touch.

    ``callers`` are subjects whose live reservations it counts; ``movable`` SKUs whose tentative
    pins it may move to another place.
    """

    skus: frozenset[str] = frozenset()
    reservations: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    feeds: frozenset[FeedKey] = frozenset()
    members: frozenset[str] = frozenset()
    callers: frozenset[str] = frozenset()
    movable: frozenset[str] = frozenset()

    def __or__(self, other: "Scope") -> "Scope":
        return united((self, other))


def united(scopes: Sequence[Scope]) -> Scope:
    """All that some scopes see together."""
    nothing: frozenset[str] = frozenset()
    return Scope(
        nothing.union(*[scope.skus for scope in scopes]),
        nothing.union(*[scope.reservations for scope in scopes]),
        nothing.union(*[scope.orders for scope in scopes]),
        frozenset[FeedKey]().union(*[scope.feeds for scope in scopes]),
        nothing.union(*[scope.members for scope in scopes]),
        nothing.union(*[scope.callers for scope in scopes]),
        nothing.union(*[scope.movable for scope in scopes]),
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What a store found for a scope at an instant: never before a stream's own time.

    Streams of SKUs without history are left out. Their pins are those that are due at ``at``, those
    of the scope's reservations, of the scope's movable SKUs the tentative ones (``MOVABLE_MAX`` of
    each place, channel and method, in order of reservation) with every other of their reservations,
    and maybe others; their counts those by channel and place, those of recent days, and those of
    the scope's members. ``callers`` has
    the reservations of each of the scope's callers that are held or committed.
    """

    at: datetime
    streams: Mapping[str, Stream] = field(default_factory=dict)
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    feeds: Mapping[FeedKey, Feed] = field(default_factory=dict)
    rules: RuleBook = field(default_factory=RuleBook)
    callers: Mapping[str, Sequence[Reservation]] = field(default_factory=dict)


MOVABLE_MAX = 256
"""Most tentative pins of one place, channel and method that one decision may move."""


_LIVE = (Status.HELD, Status.COMMITTED)


class NeedsMore(Exception):
    """A decision cannot be made without seeing more: it is made again, with this in its scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.scope = scope


@quick
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
    conflict and is decided again. ``callers`` are those whose live reservations were counted.
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
    callers: tuple[str, ...] = ()
    audit: tuple[AuditRecord, ...] = ()

    @property
    def reservations_touched(self) -> list[str]:
        """Reservations that are not as they were: their own state, or where their units lie."""
        changed = dict.fromkeys(reservation.id for reservation in self.reservations)
        return list(changed | dict.fromkeys(pin.reservation for pin in self.pins))

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
            or self.audit
        )


@dataclass(slots=True)
class _Working:
    """What a batch may change of one stream, and what it has added to its counts so far."""

    positions: dict[str, Position]
    pins: dict[tuple[str, str], Pin]
    unseen: dict[str, Unseen]
    taken: dict[TakenKey, int]
    took: dict[TakenKey, int] = field(default_factory=dict)


class Books:
    """The state that a batch decides on, one command after another."""

    def __init__(self, known: Known, scope: Scope) -> None:
        """Opens the books, and gives back whatever is due on the streams in scope."""
        self.streams = {sku: known.streams.get(sku) or Stream(sku) for sku in scope.skus}
        self.now = known.at
        self.key: str | None = None
        """The key of the command that is decided now. An entry may have it from the first; one that
        has not is copied with it, 1 to 2 us each."""
        assert all(stream.at is None or stream.at <= self.now for stream in self.streams.values())
        self.reservations = dict(known.reservations)
        self.orders = dict(known.orders)
        self.recorded = dict(known.recorded)
        self.feeds = dict(known.feeds)
        self.rules = known.rules
        self.movable = scope.movable
        self._counted = tuple(sorted(scope.callers))
        self._live = {
            caller: {reservation.id: reservation for reservation in known.callers[caller]}
            for caller in scope.callers
        }
        self._backing: dict[str, dict[tuple[str, str], Pin]] = {}
        for stream in self.streams.values():
            for pin in stream.pins.values():
                self._backing.setdefault(pin.reservation, {})[pin.sku, pin.location] = pin
        self._read: dict[str, Stream] = {}
        self._own: dict[str, _Working] = {}
        self._entries: list[StockEntry] = []
        self._positions: dict[tuple[str, str], Position] = {}
        self._pins: dict[tuple[str, str, str], Pin] = {}
        self._unseen: dict[str, Unseen] = {}
        self._reservations: dict[str, Reservation] = {}
        self._orders: dict[str, Order] = {}
        self._writes: list[Write] = []
        self._fresh: list[Recorded] = []
        self._feeds: dict[FeedKey, Feed] = {}
        self._rules: list[RuleChange] = []
        self._audit: list[AuditRecord] = []
        for stream in list(self.streams.values()):
            entries, pins = expire_due(stream, self.now)
            if entries:
                self.post(Change(entries=tuple(entries), pins=tuple(pins)))

    def stream(self, sku: str) -> Stream:
        """One SKU's stream; a bug if the command did not name it in its scope."""
        return self.streams[sku]

    def pins_of(self, reservation: Reservation, skus: Iterable[str]) -> list[Pin]:
        """The live pins of a reservation on some SKUs."""
        among = frozenset(skus)
        return [pin for pin in self._backing.get(reservation.id, {}).values() if pin.sku in among]

    def live_of(self, caller: str) -> Iterator[Reservation]:
        """Reservations of one of the scope's callers that are held or committed now."""
        for known in self._live[caller].values():
            now = known.seen_at(self.now)
            if now.status in _LIVE:
                yield now

    def post(self, change: Change, key: str | None = None) -> None:
        """Takes over what a command decided, whole: if an entry breaks a law of stock, nothing.

        ``key`` is the command's own, written into its entries.
        """
        moved: dict[tuple[str, str], Position] = {}
        for entry in change.entries:
            at = (entry.sku, entry.location)
            before = moved.get(at) or self.streams[entry.sku].position(entry.location)
            moved[at] = apply(before, entry)
        for pin in change.pins:
            assert pin.sku in self.streams
        assert all(movement.sku in self.streams for movement in change.unseen)

        self._move(change, moved)
        if key is None:
            self._entries += change.entries
        else:
            self._entries += [
                entry if entry.key == key else keyed(entry, key) for entry in change.entries
            ]
        for reservation in change.reservations:
            self.reservations[reservation.id] = self._reservations[reservation.id] = reservation
            if reservation.subject in self._live:
                self._live[reservation.subject][reservation.id] = reservation
        for order in change.orders:
            self.orders[order.id] = self._orders[order.id] = order
        self._writes += change.writes
        for feed in change.feeds:
            self.feeds[feed.key] = self._feeds[feed.key] = feed
        for ruling in change.rules:
            self.rules = ruling.applied(self.rules)
        self._rules += change.rules

    def _move(self, change: Change, moved: Mapping[tuple[str, str], Position]) -> None:
        """Puts what is checked already into the working copies."""
        for (sku, location), position in moved.items():
            self._opened(sku).positions[location] = position
        self._positions.update(moved)
        for entry in change.entries:
            own = self._own[entry.sku]
            for of, units in taken_by(entry):
                own.taken[of] = own.taken.get(of, 0) + units
                own.took[of] = own.took.get(of, 0) + units
        for pin in change.pins:
            here, there = (pin.reservation, pin.location), (pin.sku, pin.location)
            backing = self._backing.setdefault(pin.reservation, {})
            if pin.quantity > 0:
                self._opened(pin.sku).pins[here] = backing[there] = pin
            else:
                self._opened(pin.sku).pins.pop(here, None)
                backing.pop(there, None)
            self._pins[pin.sku, pin.reservation, pin.location] = pin
        for movement in change.unseen:
            own = self._opened(movement.sku)
            put(own.unseen, movement.id, movement, keep=movement.on_hand != 0)
            self._unseen[movement.id] = movement

    def _opened(self, sku: str) -> "_Working":
        """The working copy of a stream: what was read stays as it was."""
        own = self._own.get(sku)
        if own is None:
            read = self._read[sku] = self.streams[sku]
            own = self._own[sku] = _Working(
                dict(read.positions), dict(read.pins), dict(read.unseen), dict(read.taken)
            )
            self.streams[sku] = Stream(
                sku, own.positions, own.pins, own.unseen, read.version, read.at, own.taken
            )
        return own

    def record(self, recorded: Recorded) -> None:
        """Binds a key to what was decided under it."""
        self.recorded[recorded.key] = recorded
        self._fresh.append(recorded)

    def keep(self, record: AuditRecord) -> None:
        """Keeps the record of a command that was accepted."""
        self._audit.append(record)

    def batch(self) -> Batch:
        """Everything decided, as one append."""
        return Batch(
            self.now,
            tuple(self._entries),
            tuple(self._read[sku] for sku in sorted(self._read)),
            tuple(self._positions.values()),
            tuple(self._pins.values()),
            tuple(self._unseen.values()),
            tuple(self._reservations.values()),
            tuple(self._orders.values()),
            tuple(self._writes),
            tuple(self._fresh),
            tuple(self._feeds.values()),
            tuple(
                (sku, of, units)
                for sku, own in self._own.items()
                for of, units in own.took.items()
                if units
            ),
            tuple(self._rules),
            self._counted,
            tuple(self._audit),
        )


def put(into: Mapping[K, V], key: K, value: V, *, keep: bool) -> None:
    """Keeps a value under its key, or drops the key, in a working copy's own dictionary."""
    assert isinstance(into, dict), "only working copies change"
    if keep:
        into[key] = value
    else:
        into.pop(key, None)
