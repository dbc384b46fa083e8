"""What the books make of facts: of what has happened already, somewhere else.

A system's count, goods that left, a person's correction; orders that were placed elsewhere are
``taken``'s. Facts are never refused: what happened is written down even if less is left than was
promised. Each says the same thing however often it comes. Pure: the time is the books'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from resolvers.domain.books import Books, Change
from resolvers.domain.errors import InvalidInput, StockMoved
from resolvers.domain.feeds import Feed
from resolvers.domain.orders import Order, OrderStatus, shipped
from resolvers.domain.outbox import Adjustment, Write, WriteAction
from resolvers.domain.reservation import Line, Status, fulfill_entries, needed
from resolvers.domain.sources import BY_SEQUENCE, Seen, StockSource, Watermark
from resolvers.domain.stock import EntryKind, StockEntry, Stream, Unseen, counted


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

    ``sold`` is how many units of the SKU the system was told to hand over there, under
    ``reference``: that of the sale, of which a location has its own.
    """

    order_id: str
    sku: str
    location: str
    sold: int
    total: int
    system: str
    reference: str


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
    lie_here = sum(pin.quantity for pin in here)
    gone_before = _gone_before(order, told, lie_here)
    fresh = min(told.total - gone_before, lie_here)
    if fresh <= 0:
        return Change()
    entries, pins = fulfill_entries(here, fresh, books.now, told.system)
    after = shipped(order, told.sku, fresh, told.system, books.now)
    gone = (told.reference, told.sku, gone_before + fresh)
    others = [it for it in order.left if it[:2] != gone[:2]]
    after = replace(after, left=tuple(sorted([*others, gone])))
    if after.status is OrderStatus.FULFILLED and _all_gone(after):
        reservation = replace(reservation, status=Status.FULFILLED, version=reservation.version + 1)
    return Change(tuple(entries), tuple(pins), reservations=(reservation,), orders=(after,))


def _all_gone(order: Order) -> bool:
    """Says whether every unit has left: a marketplace may call an order fulfilled before that."""
    departed = dict(order.departed)
    units = needed([Line(line.sku, line.quantity, line.components) for line in order.lines])
    return all(departed.get(sku, 0) >= many for sku, many in units.items())


def _gone_before(order: Order, told: Left, lie_here: int) -> int:
    """Units that have left under a sale's reference already. An order that was kept before these
    were counted by reference is missing them here: what was sold and lies no longer here is gone.
    """
    counted = {(reference, sku): units for reference, sku, units in order.left}
    if (told.reference, told.sku) in counted:
        return counted[told.reference, told.sku]
    of_sku = sum(units for (_, sku), units in counted.items() if sku == told.sku)
    return told.sold - lie_here if dict(order.departed).get(told.sku, 0) > of_sku else 0


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
