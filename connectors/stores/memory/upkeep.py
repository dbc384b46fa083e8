"""What the memory engine is kept sound by: looking it over, folding what is old, moving house.

Parts and rows are those of ``connectors/stores/rows.py``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from connectors.stores.checkpoints import checkpoint_of, fold_more, head_of, seal_of
from connectors.stores.memory.state import State
from connectors.stores.memory.tables import load, records_of
from connectors.stores.rows import PARTS, key_of, record_of, row_of
from resolvers.domain.ledger import Checkpoint
from resolvers.domain.limits import DAY, first_day
from resolvers.domain.reservation import Status
from resolvers.domain.stock import StockEntry, TakenKey
from resolvers.upkeep_port import COPYING, Compacted, Row

_ENDED = (Status.RELEASED, Status.EXPIRED)


class MemoryUpkeep:
    """Answers the UpkeepStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def faults(self) -> Sequence[str]:
        """Rows that point at nothing, and seals that do not fit."""
        return [*_orphans(self._state), *_unsealed(self._state)]

    async def compact(self, before: datetime, limit: int) -> Compacted:
        """One step, without a pause."""
        entries, more = _fold(self._state, before, limit)
        days = _drop_days(self._state, before, limit)
        reservations = _drop_reservations(self._state, before, limit)
        return Compacted(entries, reservations, days, more or limit in (days, reservations))

    async def parts(self) -> Mapping[str, int]:
        """The parts that a copy carries over, and how many rows each has."""
        return {part: len(records_of(self._state, part)) for part in PARTS}

    async def dump(self, part: str, after: str | None, limit: int) -> Sequence[Row]:
        """Rows of a part in order of key."""
        if part == COPYING:
            rows = [Row(*item) for item in sorted(self._state.copying.items())]
            return [row for row in rows if after is None or row.key > after][:limit]
        keyed = {key_of(part, it): it for it in records_of(self._state, part)}
        keys = sorted(key for key in keyed if after is None or key > after)[:limit]
        return [row_of(part, keyed[key]) for key in keys]

    async def load(self, part: str, rows: Sequence[Row]) -> None:
        """Writes rows of a part, whatever stood there."""
        if part == COPYING:
            self._state.copying.update((row.key, row.body) for row in rows)
        else:
            load(self._state, part, [record_of(part, row) for row in rows])


def _fold(state: State, before: datetime, limit: int) -> tuple[int, bool]:
    """Folds the eldest batches; how many entries went, and whether there are more."""
    taken: list[StockEntry] = []
    last, more = 0, False
    for batch in sorted(state.journal):
        if state.journal[batch].at >= before:
            break
        if len(taken) >= limit:
            more = True
            break
        last = batch
        taken += state.journal.pop(batch).entries
    heads, counts = fold_more(
        {sku: head_of(folded) for sku, (_, folded) in state.folded.items()}, taken
    )
    for sku, head in heads.items():
        _, known = state.folded.get(sku, ("", Checkpoint(sku)))
        sums = _sum(known.taken, counts[sku])
        state.folded[sku] = (seal_of(head), checkpoint_of(head, sums))
        own = state.entries[sku]
        own[:] = [(at, entry) for at, entry in own if at[0] > last]
        stream = state.streams[sku]
        kept = {of: units for of, units in stream.taken.items() if units}
        state.streams[sku] = replace(stream, taken=kept)
    return len(taken), more


def _sum(one: Mapping[TakenKey, int], other: Mapping[TakenKey, int]) -> dict[TakenKey, int]:
    units = {of: one.get(of, 0) + other.get(of, 0) for of in (*one, *other)}
    return {of: count for of, count in units.items() if count}


def _drop_days(state: State, before: datetime, limit: int) -> int:
    first = first_day(before)
    old = [
        (of[1], sku, of)
        for sku, (_, folded) in state.folded.items()
        for of in folded.taken
        if of[0] == DAY and of[1] < first
    ]
    dropped = sorted(old)[:limit]
    for _, sku, of in dropped:
        seal, folded = state.folded[sku]
        less = {of: -folded.taken[of]}
        state.folded[sku] = (seal, replace(folded, taken=_sum(folded.taken, less)))
        stream = state.streams[sku]
        state.streams[sku] = replace(stream, taken=_sum(stream.taken, less))
    return len(dropped)


def _drop_reservations(state: State, before: datetime, limit: int) -> int:
    answers = {recorded.answer for recorded in state.keys.values()}
    ended = (
        id
        for id, known in state.reservations.items()
        if known.status in _ENDED
        and known.order_id is None
        and state.reserved_at[id] < before
        and id not in answers
    )
    dropped = list(islice(ended, limit))
    for id in dropped:
        del state.reservations[id], state.reserved_at[id]
    return len(dropped)


def _orphans(state: State) -> Iterator[str]:
    for stream in state.streams.values():
        if stream.version < 1:
            yield f"the stream of {stream.sku} was never written"
        for pin in stream.pins.values():
            if pin.reservation not in state.reservations:
                yield f"pin {pin.sku} at {pin.location} of {pin.reservation} has no reservation"
    for known in state.reservations.values():
        if known.order_id is not None and known.order_id not in state.orders:
            yield f"reservation {known.id} is of an order that is not there"
    for write in state.writes.values():
        if write.order_id is not None and write.order_id not in state.orders:
            yield f"write {write.id} is of an order that is not there"
    for order in state.orders.values():
        hold = order.reservation_id
        if hold is not None and hold not in state.reservations:
            yield f"order {order.number} has a reservation that is not there: {hold}"


def _unsealed(state: State) -> Iterator[str]:
    for sku, (seal, folded) in state.folded.items():
        if seal_of(head_of(folded)) != seal:
            yield f"the checkpoint of {sku} is not what its seal says"
