"""One batch of the stock engine in memory: what is read for it, and how it is written.

Everything that could refuse a batch is looked at before the first change is made.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from connectors.stores.memory.state import State
from connectors.stores.rows import Journaled
from resolvers.domain.books import Batch, Key, Known, Scope, put
from resolvers.domain.orders import Order
from resolvers.domain.outbox import Write, WriteStatus
from resolvers.domain.reservation import Reservation, Status
from resolvers.domain.stock import Pin, Position, Stream, Unseen


def known_for(state: State, scope: Scope, keys: Sequence[Key], clock: datetime) -> Known:
    """Everything that a batch needs to see."""
    streams = {sku: state.streams[sku] for sku in scope.skus if sku in state.streams}
    return Known(
        max([clock, *(stream.at for stream in streams.values() if stream.at is not None)]),
        streams,
        {id: state.reservations[id] for id in scope.reservations if id in state.reservations},
        {id: state.orders[id] for id in scope.orders if id in state.orders},
        {key.id: state.keys[key.id] for key in keys if key.id in state.keys},
        {key: state.feeds[key] for key in scope.feeds if key in state.feeds},
        state.rules,
        {caller: list(state.live.get(caller, {}).values()) for caller in scope.callers},
    )


def append(state: State, batch: Batch) -> None:
    """Writes a batch, whole or not at all."""
    _check(state, batch)
    streams = _streams_after(state, batch)
    if batch.entries:
        state.journal_batch(Journaled(state.last_batch + 1, batch.at, batch.entries))
    state.streams.update(streams)
    for position in batch.positions:
        note_level(state, position, batch.at)
    for pin in batch.pins:
        put_pin(state, pin)
    for movement in batch.unseen:
        put_unseen(state, movement)
    for reservation in batch.reservations:
        put_reservation(state, reservation, batch.at)
    for order in batch.orders:
        put_order(state, order)
    for write in batch.writes:
        add_write(state, replace(write, sequence=state.last_write + 1))
    state.feeds.update((feed.key, feed) for feed in batch.feeds)
    state.keys.update((recorded.key, recorded) for recorded in batch.recorded)
    state.audit.update(((record.at, record.id), record) for record in batch.audit)
    state.emit("stock", [stream.sku for stream in batch.streams])
    state.emit("reservation", batch.reservations_touched)
    state.emit("order", [order.id for order in batch.orders])
    for ruling in batch.rules:
        state.rules = ruling.applied(state.rules)
        state.rulings.append(ruling)
    state.emit("rule", [ruling.code for ruling in batch.rules])


def add_write(state: State, write: Write) -> None:
    """Keeps a new write, numbered after those of before."""
    state.last_write = max(state.last_write, write.sequence)
    put_write(state, write)
    if write.order_id is not None:
        state.writes_of.setdefault(write.order_id, []).append(write.id)


def put_write(state: State, write: Write) -> None:
    """Keeps a write as it is now."""
    state.writes[write.id] = write
    waiting = state.waiting.setdefault(write.backend, {})
    put(waiting, write.id, write, keep=write.status is WriteStatus.WAITING)


def _check(state: State, batch: Batch) -> None:
    for stream in batch.streams:
        current = state.streams.get(stream.sku) or Stream(stream.sku)
        assert current.version == stream.version, "somebody wrote this stream in our turn"
    for recorded in batch.recorded:
        assert recorded.key not in state.keys, "a key is recorded once"
    for write in batch.writes:
        assert write.id not in state.writes, "a write is made once"
    for at, ruling in enumerate(batch.rules, start=1):
        assert ruling.version == state.rules.version + at, "a version is made once"
    numbers = {order.number: order.id for order in batch.orders}
    assert len(numbers) == len(batch.orders), "a number is one order's"
    for number, id in numbers.items():
        assert state.numbers.get(number, id) == id, "a number is one order's"


def _streams_after(state: State, batch: Batch) -> dict[str, Stream]:
    """The streams that a batch touches, as they are then; those before stay as they were."""
    before = {s.sku: state.streams.get(s.sku) or s for s in batch.streams}
    positions = {sku: dict(stream.positions) for sku, stream in before.items()}
    pins = {sku: dict(stream.pins) for sku, stream in before.items()}
    unseen = {sku: dict(stream.unseen) for sku, stream in before.items()}
    taken = {sku: dict(stream.taken) for sku, stream in before.items()}
    for sku, of, units in batch.taken:
        taken[sku][of] = taken[sku].get(of, 0) + units
    for position in batch.positions:
        positions[position.sku][position.location] = position
    for pin in batch.pins:
        put(pins[pin.sku], (pin.reservation, pin.location), pin, keep=pin.quantity > 0)
    for movement in batch.unseen:
        put(unseen[movement.sku], movement.id, movement, keep=movement.on_hand != 0)
    return {
        sku: Stream(
            sku, positions[sku], pins[sku], unseen[sku], stream.version + 1, batch.at, taken[sku]
        )
        for sku, stream in before.items()
    }


def note_level(state: State, position: Position, at: datetime) -> None:
    """Lists a position, and when it changed."""
    level = (position.sku, position.location)
    if level not in state.changed_at:
        insort(state.levels, level)
    state.changed_at[level] = at


def put_unseen(state: State, movement: Unseen) -> None:
    """Lists a movement at its place; one of no units goes."""
    here = state.unseen.setdefault(movement.location, {})
    put(here, movement.id, movement, keep=movement.on_hand != 0)


def put_pin(state: State, pin: Pin) -> None:
    """Lists a pin under its reservation; one of no units goes."""
    own = state.pins.setdefault(pin.reservation, {})
    put(own, (pin.sku, pin.location), pin, keep=pin.quantity > 0)
    if not own:
        del state.pins[pin.reservation]


def put_reservation(state: State, reservation: Reservation, at: datetime) -> None:
    """Keeps a reservation as it is since an instant."""
    state.reservations[reservation.id] = reservation
    state.reserved_at[reservation.id] = at
    put(state.held, reservation.id, reservation, keep=reservation.status is Status.HELD)
    own = state.live.setdefault(reservation.subject, {})
    live = reservation.status in (Status.HELD, Status.COMMITTED)
    put(own, reservation.id, reservation, keep=live)


def put_order(state: State, order: Order) -> None:
    """Keeps an order as it is now."""
    before = state.orders.get(order.id)
    if before is not None:
        del state.ages[bisect_left(state.ages, (before.placed_at, before.id))]
        del state.numbers[before.number]
    state.orders[order.id] = order
    insort(state.ages, (order.placed_at, order.id))
    state.numbers[order.number] = order.id
    for known_as in order.external:
        state.externals.setdefault((known_as.system, known_as.external_id), order.id)
