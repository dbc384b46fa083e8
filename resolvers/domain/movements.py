"""What the books make of movements that a location's own system tells of, one by one.

Between two readings they say what was moved, and why. Each is booked once, however often and in
whatever order they come: the last reading holds those up to its watermark, the later ones are
remembered until a reading holds them too. A reading is always believed over them. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from resolvers.domain.books import Books, Change
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.sources import BY_SEQUENCE, Seen, StockSource
from resolvers.domain.stock import EntryKind, StockEntry, Unseen


@dataclass(frozen=True, slots=True)
class Movement:
    """Units of one SKU that moved at a location, as its system tells it.

    ``units`` are signed and of the system's own number, ``elsewhere`` of what it has sold itself.
    ``id`` is the system's, one for each SKU and location; ``cause`` is what people know it by.
    ``sequence`` is comparable with its watermarks and an id's for good: what a system stamps anew
    it leaves out. ``after`` is that of the movement before it at the location, None if the system
    does not say. ``ours`` is the reference of the correction of ours that it is: one that the books
    do not know adds nothing before a reading does. Goods of our sales that leave come without
    units: readings tell of them.
    """

    id: str
    sku: str
    units: int
    sequence: int
    kind: EntryKind
    cause: str
    elsewhere: int = 0
    after: int | None = None
    ours: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """Movements at the location of one feed, in the order they were told."""

    feed: FeedKey
    movements: Sequence[Movement]
    source: StockSource = BY_SEQUENCE


def in_doubt(feed: Feed, source: StockSource) -> bool:
    """Says whether movements are missing that no reading holds yet: then less is promised."""
    return feed.doubt > 0 and source.seen(feed.doubt, feed.watermark) is not Seen.YES


def move(books: Books, told: Moved) -> Change:
    """Books what the last reading does not hold, even if less is left than was promised.

    In doubt only what leaves fewer units to promise is booked; the rest waits for a reading. Before
    the first reading there is nothing that could move.
    """
    before = books.feeds.get(told.feed)
    if before is None or before.observed_at is None:
        return Change()
    feed = before
    entries: list[StockEntry] = []
    touched: dict[str, Unseen] = {}
    for movement in told.movements:
        seen = told.source.seen(movement.sequence, feed.watermark)
        feed = _followed(feed, movement, told.source)
        unseen = books.stream(movement.sku).unseen
        ours = movement.ours or ""
        mine = touched.get(ours) or unseen.get(ours)
        if mine is not None:  # the books have moved its units already
            if not mine.acknowledged:  # or it was refused, and then taken all the same
                touched[mine.id] = replace(mine, acknowledged=movement.sequence)
            continue
        if seen is Seen.YES:
            continue
        fresh = _unseen(feed, movement, told.source)
        last = touched.get(fresh.id) or unseen.get(fresh.id)
        if last is None:
            booked = fresh.on_hand
            counted_before = bool(ours) or seen is Seen.PERHAPS  # maybe
            if booked > 0 and (counted_before or in_doubt(feed, told.source)):
                continue
        elif last == fresh:
            continue
        else:  # it says two things of one movement: the worse is believed until a reading decides
            feed = replace(feed, doubt=max(feed.moved, movement.sequence))
            booked = min(0, fresh.on_hand - last.on_hand)
            fresh = _worse(last, fresh)
            if fresh != last:
                touched[fresh.id] = fresh
        if booked:
            entries.append(_entry(books, feed, movement, told.source, booked))
            touched[fresh.id] = fresh
    changed = (feed,) if feed != before else ()
    return Change(tuple(entries), unseen=tuple(touched.values()), feeds=changed)


def _followed(feed: Feed, movement: Movement, source: StockSource) -> Feed:
    """The feed once a movement was heard: in doubt if the one before it was not."""
    if movement.sequence <= max(feed.moved, feed.watermark):
        return feed
    if movement.after is None:
        missing = False
    elif feed.moved > feed.watermark:
        missing = movement.after != feed.moved
    else:
        missing = source.seen(movement.after, feed.watermark) is not Seen.YES
    doubtful = missing or in_doubt(feed, source)
    doubt = movement.sequence if doubtful else feed.doubt
    return replace(feed, moved=movement.sequence, doubt=doubt)


def _unseen(feed: Feed, movement: Movement, source: StockSource) -> Unseen:
    """What a reading that does not hold a movement lacks: units that may be promised."""
    on_hand = source.on_hand(movement.units, movement.elsewhere)
    return Unseen(
        f"{feed.backend}/{feed.location}/{movement.sku}/{movement.id}",
        movement.sku,
        feed.location,
        on_hand - movement.elsewhere,
        acknowledged=movement.sequence,
    )


def _worse(last: Unseen, fresh: Unseen) -> Unseen:
    """Of two things said of one movement, that which adds less: units that were taken away stay so
    until a reading holds the later stamp, and those that were added until one holds the earlier.
    """
    assert last.acknowledged is not None
    assert fresh.acknowledged is not None
    units = min(last.on_hand, fresh.on_hand)
    stamps = (last.acknowledged, fresh.acknowledged)
    return replace(fresh, on_hand=units, acknowledged=max(stamps) if units < 0 else min(stamps))


def _entry(
    books: Books, feed: Feed, movement: Movement, source: StockSource, booked: int
) -> StockEntry:
    """The entry that leaves ``booked`` units more to promise. How many of them the system has sold
    itself is told as it says, unless it takes back what it said before.
    """
    on_hand = source.on_hand(movement.units, movement.elsewhere)
    whole = on_hand - movement.elsewhere == booked
    return StockEntry(
        movement.kind,
        movement.sku,
        feed.location,
        movement.cause,
        feed.backend,
        books.now,
        on_hand=on_hand if whole else booked,
        elsewhere=movement.elsewhere if whole else 0,
    )
