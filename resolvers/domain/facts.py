"""What the books make of facts: of what has happened already, somewhere else.

A system's count, goods that left, a person's correction, an order that was placed elsewhere. Facts
are never refused: what happened is written down even if less is left than was promised. Each says
the same thing however often it comes. Pure: the time is the books'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from resolvers.domain.availability import Pool, eligible
from resolvers.domain.books import Books, Change
from resolvers.domain.errors import InvalidInput, StockMoved
from resolvers.domain.feeds import Feed
from resolvers.domain.limits import business_day
from resolvers.domain.locations import Channel, Location
from resolvers.domain.orders import Order, OrderEvent, OrderStatus, shipped
from resolvers.domain.outbox import Adjustment, Write, WriteAction
from resolvers.domain.reservation import (
    Line,
    Reservation,
    Status,
    commit_entries,
    fulfill_entries,
    hold_entries,
    needed,
    place_pins,
    release_entries,
)
from resolvers.domain.sales import references_of, writes_of
from resolvers.domain.sources import BY_SEQUENCE, Seen, StockSource, Watermark
from resolvers.domain.stock import EntryKind, Pin, StockEntry, Stream, Taker, Unseen, counted


@dataclass(frozen=True, slots=True)
class Count:
    """Some SKUs of one location as its system says they are: (its number, sold there) by SKU.

    ``feed`` is the reading that it is part of; its watermark is the system's own. ``source`` is
    what the system declares of its numbers. ``anew`` is a person's word that the reading holds
    though its watermark runs back, as that of a system that was restored does. ``incoming`` is by
    SKU too, None if the system does not say.
    """

    feed: Feed
    levels: Mapping[str, tuple[int, int]]
    source: StockSource = BY_SEQUENCE
    anew: bool = False
    incoming: Mapping[str, int] | None = None


def count(books: Books, told: Count) -> Change:
    """Corrects positions to what a system says, unless the books hold a later word of it.

    Movements that the system had not seen stay on top; those that it has are forgotten.
    """
    feed, source = told.feed, told.source
    before = books.feeds.get(feed.key)
    if told.anew:
        feed = replace(feed, moved=0, doubt=0)
    elif before is not None:
        if before.watermark > feed.watermark or _is_anothers(before, told):
            return Change()
        feed = replace(feed, moved=before.moved, doubt=before.doubt)
    entries: list[StockEntry] = []
    seen: list[Unseen] = []
    for sku, (number, elsewhere) in told.levels.items():
        stream, restamped = _restamped(books.stream(sku), told)
        seen += restamped
        entry = counted(
            stream,
            feed.location,
            source.on_hand(number, elsewhere),
            feed.watermark,
            elsewhere,
            feed.backend,
            books.now,
            source,
            None if told.incoming is None else told.incoming.get(sku, 0),
        )
        entries += [entry] if entry is not None else []
        seen += [
            replace(movement, on_hand=0)
            for movement in stream.unseen.values()
            if movement.location == feed.location
            and movement.acknowledged is not None
            and source.seen(movement.acknowledged, feed.watermark) is Seen.YES
        ]
    later = before is None or before.watermark < feed.watermark or told.anew
    return Change(tuple(entries), unseen=tuple(seen), feeds=(feed,) if later else ())


def _is_anothers(before: Feed, told: Count) -> bool:
    """Says whether another reading has this one's number, as both were counted on from the same:
    which of the two is the later cannot be known.
    """
    same = before.watermark == told.feed.watermark
    unmarked = told.source.watermark is Watermark.NONE
    return unmarked and same and before.observed_at != told.feed.observed_at


def _restamped(stream: Stream, told: Count) -> tuple[Stream, Sequence[Unseen]]:
    """Movements with stamps of another count than this reading's: of before the system was
    restored, or declared what it declares now. They were taken before this reading was followed, so
    the next one holds them; whether this one does is not known: what they add is left out.
    """
    if not told.anew and told.source.watermark is not Watermark.NONE:
        return stream, ()
    watermark = told.feed.watermark
    moved = [
        replace(movement, on_hand=min(0, movement.on_hand))
        for movement in stream.unseen.values()
        if movement.location == told.feed.location
        and movement.acknowledged is not None
        and movement.acknowledged > watermark
    ]
    unseen = {**stream.unseen, **{movement.id: movement for movement in moved}}
    stamped = [replace(movement, acknowledged=watermark) for movement in moved]
    return replace(stream, unseen=unseen), stamped


@dataclass(frozen=True, slots=True)
class Left:
    """Goods of an order that have left one location in all, as its system counts them.

    ``sold`` is how many units of the SKU the system was told to hand over there.
    """

    order_id: str
    sku: str
    location: str
    sold: int
    total: int
    system: str


def depart(books: Books, told: Left) -> Change:
    """Takes units that have left off shelf and promise; saying it again does nothing."""
    order = books.orders.get(told.order_id)
    reservation = books.reservations.get((order.reservation_id if order else None) or "")
    if order is None or reservation is None or reservation.status is not Status.COMMITTED:
        return Change()
    here = [
        pin
        for pin in books.pins_of(reservation, [told.sku])
        if pin.location == told.location and pin.until is None
    ]
    gone_before = told.sold - sum(pin.quantity for pin in here)
    fresh = min(told.total - gone_before, sum(pin.quantity for pin in here))
    if fresh <= 0:
        return Change()
    entries, pins = fulfill_entries(here, fresh, books.now, told.system)
    after = shipped(order, told.sku, fresh, told.system, books.now)
    if after.status is OrderStatus.FULFILLED:
        reservation = replace(reservation, status=Status.FULFILLED, version=reservation.version + 1)
    return Change(tuple(entries), tuple(pins), reservations=(reservation,), orders=(after,))


@dataclass(frozen=True, slots=True)
class Correction:
    """A person's word on what lies at a location: so many more or fewer, or a recount.

    ``backend`` takes the change, where it is the authority of the location.
    """

    id: str
    sku: str
    location: str
    kind: EntryKind
    reason: str
    delta: int | None = None
    on_hand: int | None = None
    expected: int | None = None
    backend: str | None = None
    source: str = "gateway"
    note: str | None = None


def correct(books: Books, told: Correction) -> Change:
    """Moves what is on hand, and tells the location's system.

    Raises:
        StockMoved: a recount expected another number than is on hand.
        InvalidInput: fewer than nothing would be left.
    """
    on_hand = books.stream(told.sku).position(told.location).on_hand
    delta = told.delta
    if delta is None:
        assert told.on_hand is not None
        assert told.expected is not None
        if told.expected != on_hand:
            raise StockMoved(told.expected, on_hand)
        delta = told.on_hand - on_hand
    if on_hand + delta < 0:
        raise InvalidInput(f"{on_hand} units are on hand; {-delta} cannot go", field=_DELTA)
    if not delta:
        return Change()
    entry = StockEntry(
        told.kind,
        told.sku,
        told.location,
        told.id,
        told.source,
        books.now,
        on_hand=delta,
        note=told.note,
    )
    if told.backend is None:
        return Change((entry,))
    adjustment = Adjustment(told.id, told.sku, told.location, delta, told.reason)
    write = Write(
        told.id,
        told.backend,
        WriteAction.ADJUST_STOCK,
        f"{told.sku}@{told.location}",
        books.now,
        adjustment=adjustment,
    )
    return Change(
        (entry,), unseen=(Unseen(told.id, told.sku, told.location, delta),), writes=(write,)
    )


_DELTA = ("input", "delta")


def sent(books: Books, adjustment: Adjustment) -> Change:
    """Notes that a correction of ours is on its way: from now on its system may have it."""
    movement = books.stream(adjustment.sku).unseen.get(adjustment.reference)
    if movement is None or movement.sent:
        return Change()
    return Change(unseen=(replace(movement, sent=True),))


def acknowledged(books: Books, adjustment: Adjustment, sequence: int | None) -> Change:
    """Notes at which of its own sequence a system has taken a correction of ours.

    A system that says no sequence has it from now on: the correction is forgotten at once, unless
    its own movement has come already and said where it stands.
    """
    movement = books.stream(adjustment.sku).unseen.get(adjustment.reference)
    if movement is None:
        return Change()
    if sequence is None and movement.acknowledged is not None:
        return Change()
    if sequence is None:
        return Change(unseen=(replace(movement, on_hand=0),))
    return Change(unseen=(replace(movement, acknowledged=sequence),))


def undone(books: Books, adjustment: Adjustment, system: str) -> Change:
    """Takes a correction back that the location's system has refused.

    Units that it had added are gone at once; units that it had taken away come back with the
    system's next word, which counts the SKU anew whatever it says.
    """
    movement = books.stream(adjustment.sku).unseen.get(adjustment.reference)
    if movement is None or movement.acknowledged is not None:
        return Change()
    entry = StockEntry(
        EntryKind.ADJUSTMENT,
        adjustment.sku,
        adjustment.location,
        f"{adjustment.reference} refused",
        system,
        books.now,
        on_hand=-adjustment.delta,
    )
    refused = replace(movement, acknowledged=0)
    return Change((entry,) if adjustment.delta > 0 else (), unseen=(refused,))


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that was placed and paid in a system that keeps no stock: we find the goods.

    ``hold_id`` is the reservation that it will have. Without ``channel`` it is only written down:
    its own system has the goods.
    """

    order: Order
    hold_id: str
    channel: Channel | None
    locations: Sequence[Location]
    sinks: Mapping[str, str]
    time_zone: str = "UTC"


def take(books: Books, told: Taken) -> Change:
    """Writes an order of another system down, new or changed; its units are committed at once.

    What cannot be found is promised all the same at the first place that could serve it, which then
    stands below what it owes.
    """
    before = books.orders.get(told.order.id)
    order = told.order
    waits = order.status is OrderStatus.CONFIRMED and told.channel is not None
    unbacked = waits and (before is None or before.reservation_id is None)
    if before is not None and not unbacked and not _is_later(before, order):
        return Change()
    if before is not None:
        order = replace(
            order,
            number=before.number,
            reservation_id=before.reservation_id,
            departed=before.departed,
            sales=before.sales,
            lines=before.lines if before.departed else order.lines,
            status=before.status if before.departed and waits else order.status,
            version=before.version + 1,
        )
    if order.status is OrderStatus.CANCELED:
        return _given_up(books, order, told.sinks)
    if not unbacked or told.channel is None:
        return Change(orders=(order,))
    return _committed(books, replace(order, reservation_id=told.hold_id), told, told.channel)


def _is_later(before: Order, told: Order) -> bool:
    """Says whether a system's word comes after the one that is known, by that system's own stamps;
    a cancellation is its last.
    """
    if before.status is OrderStatus.CANCELED:
        return False
    return told.external[0].observed_at > before.external[0].observed_at


def _committed(books: Books, order: Order, told: Taken, channel: Channel) -> Change:
    lines = tuple(Line(line.sku, line.quantity, line.components) for line in order.lines)
    method = order.delivery.method if order.delivery else None
    exactly = order.delivery.location if order.delivery else None
    places = [
        at
        for at in eligible(told.locations, channel, method, books.now)
        if exactly is None or at.code == exactly
    ]
    if not places:
        event = OrderEvent("NO_ELIGIBLE_LOCATION", books.now, "gateway")
        return Change(
            orders=(replace(order, reservation_id=None, history=(*order.history, event)),)
        )
    day = business_day(books.now, told.time_zone)
    pool = Pool(
        channel, told.locations, books.now, method, exactly, day=day, member=order.member_id
    )  # and no rules: it has happened
    units = needed(lines)
    pins, short = place_pins(told.hold_id, units, books.streams, pool, books.now)
    taker = Taker(channel.code, day, order.member_id)
    merged = {(pin.sku, pin.location): pin for pin in pins}
    for sku, lack in short.items():
        at = places[0].code
        known = merged.get((sku, at)) or Pin(told.hold_id, sku, at, 0, books.now, taker=taker)
        missing = lack.requested - lack.available
        merged[sku, at] = replace(known, quantity=known.quantity + missing)
    held = hold_entries(merged.values(), books.now)
    firm, hard = commit_entries(merged.values(), books.now)
    reservation = Reservation(
        told.hold_id,
        Status.COMMITTED,
        channel.code,
        lines,
        order.subject,
        books.now,
        None,
        order_id=order.id,
        method=method,
        location=exactly,
        units=tuple(units.items()),
    )
    if short:
        event = OrderEvent("OVERSOLD", books.now, "gateway")
        order = replace(order, history=(*order.history, event))
    order = replace(order, sales=references_of(order, hard))
    writes = writes_of(order, hard, told.sinks, WriteAction.PLACE_SALE, books.now)
    return Change(
        (*held, *firm),
        tuple(hard),
        reservations=(reservation,),
        orders=(order,),
        writes=tuple(writes),
    )


def _given_up(books: Books, order: Order, sinks: Mapping[str, str]) -> Change:
    """The order called off where it was placed: units free, and backends that know it told."""
    reservation = books.reservations.get(order.reservation_id or "")
    if reservation is None or reservation.status is not Status.COMMITTED:
        return Change(orders=(order,))
    held = books.pins_of(reservation, books.streams)
    entries, pins = release_entries(held, books.now)
    released = replace(reservation, status=Status.RELEASED, version=reservation.version + 1)
    writes = writes_of(order, held, sinks, WriteAction.CANCEL_SALE, books.now)
    return Change(
        tuple(entries),
        tuple(pins),
        reservations=(released,),
        orders=(order,),
        writes=tuple(writes),
    )
