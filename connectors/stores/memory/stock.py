"""Streams, reservations, orders and keys in memory: the questions, and the door to a batch."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice

from connectors.stores.indexing import place_of
from connectors.stores.memory.append import append, known_for
from connectors.stores.memory.state import State
from resolvers.domain.books import Batch, Key, Known, Scope
from resolvers.domain.ledger import Account, Checkpoint, fold_on
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, Position, StockEntry, Stream, Unseen
from resolvers.filters import LevelFilter, OrderFilter
from resolvers.ports import Clock, EntryPlace


class MemoryStock:
    """Answers the StockStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def transact(
        self, scope: Scope, keys: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        """Reads, decides and writes without a pause."""
        batch = decide(known_for(self._state, scope, keys, clock()))
        append(self._state, batch)
        return batch

    async def streams(
        self,
        skus: Sequence[str],
        now: datetime,  # noqa: ARG002  # every pin comes along, due or not
    ) -> Mapping[str, Stream]:
        """Streams by SKU, with all of their pins."""
        return {sku: self._state.streams[sku] for sku in skus if sku in self._state.streams}

    async def levels(
        self, level_filter: LevelFilter, after: tuple[str, str] | None, limit: int
    ) -> Sequence[Position]:
        """Positions in order of (SKU, location)."""
        levels = self._state.levels
        start = 0 if after is None else bisect_right(levels, after)
        asked = (levels[at] for at in range(start, len(levels)))
        matching = (level for level in asked if self._matches(level, level_filter))
        return [
            self._state.streams[sku].positions[location]
            for sku, location in islice(matching, limit)
        ]

    async def entries(self, sku: str) -> Sequence[StockEntry]:
        """Every entry of a SKU since its checkpoint, oldest first."""
        return [entry for _, entry in self._state.entries.get(sku, ())]

    async def history(
        self, sku: str, location: str | None, before: EntryPlace | None, limit: int
    ) -> Sequence[tuple[EntryPlace, StockEntry]]:
        """Entries of a SKU since its checkpoint (at a location), the newest first."""
        asked = (
            (at, entry)
            for at, entry in reversed(self._state.entries.get(sku, ()))
            if location in (None, entry.location) and (before is None or at < before)
        )
        return list(islice(asked, limit))

    async def folded_at(self, skus: Sequence[str]) -> Mapping[str, datetime]:
        """When the last entry was written that each SKU's checkpoint holds."""
        folded = {sku: self._state.folded[sku][1].at for sku in skus if sku in self._state.folded}
        return {sku: at for sku, at in folded.items() if at is not None}

    async def skus(self, after: str | None, limit: int) -> Sequence[str]:
        """SKUs that have a history, in order."""
        return sorted(sku for sku in self._state.streams if after is None or sku > after)[:limit]

    async def accounts(self, skus: Sequence[str]) -> Mapping[str, Account]:
        """Streams as they are stored, beside what their entries fold to."""
        return {
            sku: Account(self._state.streams[sku], fold_on(self._checkpoint(sku), entries))
            for sku in skus
            if sku in self._state.streams
            for entries in [await self.entries(sku)]
        }

    def _checkpoint(self, sku: str) -> Checkpoint:
        _, folded = self._state.folded.get(sku, ("", Checkpoint(sku)))
        return folded

    async def pins(self, sku: str, location: str, after: str | None, limit: int) -> Sequence[Pin]:
        """Pins of a SKU at a location, in order of reservation."""
        stream = self._state.streams.get(sku) or Stream(sku)
        here = (pin for pin in stream.pins.values() if pin.location == location)
        found = sorted(here, key=lambda pin: pin.reservation)
        return [pin for pin in found if after is None or pin.reservation > after][:limit]

    async def unseen(self, location: str) -> Sequence[Unseen]:
        """Movements that a location's system may not have counted yet, in order of id."""
        here = self._state.unseen.get(location, {})
        return [here[id] for id in sorted(here)]

    async def reservations(
        self, ids: Sequence[str]
    ) -> Mapping[str, tuple[Reservation, Sequence[Pin]]]:
        """Reservations by id, with their pins."""
        pins = {id: self._state.pins.get(id, {}) for id in ids}
        return {
            id: (self._state.reservations[id], [pins[id][at] for at in sorted(pins[id])])
            for id in ids
            if id in self._state.reservations
        }

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Holds whose time is over and that nobody has written down as expired, eldest first."""
        due = [
            (reservation.expires_at, reservation.id)
            for reservation in self._state.held.values()
            if reservation.expires_at is not None and reservation.expires_at <= now
        ]
        return [self._state.reservations[id] for _, id in sorted(due)[:limit]]

    async def orders(self, ids: Sequence[str]) -> Mapping[str, Order]:
        """Orders by id."""
        return {id: self._state.orders[id] for id in ids if id in self._state.orders}

    async def orders_by_number(self, numbers: Sequence[str]) -> Mapping[str, Order]:
        """Orders by number."""
        ids = {number: self._state.numbers.get(number) for number in numbers}
        return {number: self._state.orders[id] for number, id in ids.items() if id is not None}

    async def order_by_external(self, system: str, id: str) -> Order | None:
        """The order that another system knows under this id."""
        own = self._state.externals.get((system, id))
        return None if own is None else self._state.orders[own]

    async def order_page(
        self,
        order_filter: OrderFilter,
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Order]:
        """Orders as they are at ``now``, newest first."""
        ages = self._state.ages
        end = len(ages) if after is None else bisect_left(ages, after)
        seen = (self._state.orders[ages[at][1]].seen_at(now) for at in range(end - 1, -1, -1))
        return list(islice((order for order in seen if _matches(order, order_filter)), limit))

    async def rules(self) -> RuleBook:
        """The rules that are set now."""
        return self._state.rules

    async def recorded_answer(self, key: Key) -> str | None:
        """What was decided under a key."""
        recorded = self._state.keys.get(key.id)
        return None if recorded is None else recorded.answer

    def _matches(self, level: tuple[str, str], level_filter: LevelFilter) -> bool:
        since = level_filter.updated_since
        most = level_filter.unpromised_max
        position = self._state.streams[level[0]].positions[level[1]]
        return (
            (most is None or position.unpromised <= most)
            and _among(level[1], level_filter.locations)
            and _among(level[0], level_filter.skus)
            and (since is None or self._state.changed_at[level] >= since)
        )


def _among(value: str, asked: Collection[str]) -> bool:
    """No values asked for means any."""
    return not asked or value in asked


def _matches(order: Order, order_filter: OrderFilter) -> bool:
    asked = order_filter
    return (
        (asked.updated_since is None or order.updated_at >= asked.updated_since)
        and (asked.placed_from is None or order.placed_at >= asked.placed_from)
        and (asked.placed_to is None or order.placed_at < asked.placed_to)
        and _among(order.channel, asked.channels)
        and _among(order.status, asked.statuses)
        and asked.member_id in (None, order.member_id)
        and asked.subject in (None, order.subject)
        and asked.location in (None, place_of(order))
    )
