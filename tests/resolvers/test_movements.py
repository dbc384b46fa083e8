"""What one movement, told by a location's own system, makes of the books: exact cases (S2)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from resolvers.domain import facts
from resolvers.domain.books import Books, Change, Known, Scope
from resolvers.domain.errors import ReadingRefused
from resolvers.domain.feeds import Feed
from resolvers.domain.movements import Moved, Movement, in_doubt, move
from resolvers.domain.outbox import Adjustment
from resolvers.domain.sources import (
    BY_SEQUENCE,
    Granularity,
    Meaning,
    Seen,
    StockSource,
    Watermark,
)
from resolvers.domain.stock import EntryKind, Position, StockEntry, Unseen
from resolvers.domain.values import utc

NOON = utc(2026, 3, 2, 12)
FEED = ("erp", "stock", "WH")
CLOCK = StockSource(watermark=Watermark.CLOCK)
NO_WATERMARK = StockSource(watermark=Watermark.NONE)
SECOND = 1_000_000


class World:
    """Our books of one SKU at one place, after a reading of ten units at watermark 10."""

    def __init__(self, source: StockSource = BY_SEQUENCE, watermark: int = 10) -> None:
        self.source = source
        self.known = Known(NOON)
        self.count(10, watermark)

    def run(self, change_of: Callable[[Books], Change]) -> Change:
        books = Books(self.known, Scope(frozenset("A"), feeds=frozenset([FEED])))
        change = change_of(books)
        books.post(change)
        self.known = replace(self.known, streams=dict(books.streams), feeds=dict(books.feeds))
        return change

    def count(
        self, number: int, watermark: int, elsewhere: int = 0, at: datetime = NOON, **more
    ) -> Change:
        feed = Feed(*FEED, watermark, at)
        told = facts.Count(feed, {"A": (number, elsewhere)}, source=self.source, **more)
        return self.run(lambda books: facts.count(books, told))

    def correct(self, delta: int) -> Adjustment:
        told = facts.Correction(
            "C1", "A", "WH", EntryKind.ADJUSTMENT, "LOSS", delta, backend="erp", source="me"
        )
        self.run(lambda books: facts.correct(books, told))
        adjustment = Adjustment("C1", "A", "WH", delta, "LOSS")
        self.run(lambda books: facts.sent(books, adjustment))
        return adjustment

    def tell(self, *movements: Movement) -> Change:
        return self.run(lambda books: move(books, Moved(FEED, movements, self.source)))

    @property
    def position(self) -> Position:
        return self.known.streams["A"].position("WH")

    @property
    def on_hand(self) -> int:
        return self.position.on_hand

    @property
    def unseen(self) -> dict[str, int]:
        return {id: it.on_hand for id, it in self.known.streams["A"].unseen.items()}

    @property
    def in_doubt(self) -> bool:
        return in_doubt(self.known.feeds[FEED], self.source)


def moved(id: str, units: int, sequence: int, **more) -> Movement:
    return Movement(id, "A", units, sequence, EntryKind.RECEIPT, f"GR-{id}", **more)


def test_a_movement_is_an_entry_and_is_remembered_until_a_reading_holds_it():
    world = World()

    change = world.tell(moved("7", 3, 11))
    again = world.tell(moved("7", 3, 11))

    assert change.entries == (
        StockEntry(EntryKind.RECEIPT, "A", "WH", "GR-7", "erp", NOON, on_hand=3),
    )
    assert change.unseen == (Unseen("erp/WH/A/7", "A", "WH", 3, acknowledged=11),)
    assert again == Change()
    world.count(10, 10)
    assert (world.on_hand, world.unseen) == (13, {"erp/WH/A/7": 3})
    world.count(13, 11)
    assert (world.on_hand, world.unseen) == (13, {})
    assert world.tell(moved("7", 3, 11)) == Change()


def test_a_movement_is_written_down_even_if_less_is_left_than_was_promised():
    world = World()

    world.tell(moved("7", -12, 11))

    assert world.on_hand == -2


def test_before_the_first_reading_nothing_can_move():
    world = World()
    world.known = Known(NOON, feeds={FEED: Feed(*FEED, error="not there")})

    assert world.tell(moved("7", -1, 1)) == Change()


def test_where_one_is_missing_what_adds_units_waits_for_a_reading_that_holds_it():
    world = World()

    world.tell(moved("8", 4, 12, after=11))
    assert (world.on_hand, world.in_doubt) == (10, True)
    world.tell(moved("9", -2, 13, after=12), moved("10", 5, 14, after=13))
    assert (world.on_hand, world.in_doubt) == (8, True)
    world.count(11, 12)
    assert (world.on_hand, world.in_doubt) == (9, True)
    world.count(14, 14)
    assert (world.on_hand, world.in_doubt, world.unseen) == (14, False, {})


def test_a_source_that_takes_back_the_order_it_told_is_in_doubt():
    world = World()
    world.tell(moved("7", 1, 11, after=10), moved("8", 1, 12, after=11))
    assert (world.on_hand, world.in_doubt) == (12, False)

    world.tell(moved("9", 1, 13, after=10))

    assert (world.on_hand, world.in_doubt) == (12, True)


@pytest.mark.parametrize(("first", "then", "left"), [(3, 1, 11), (1, 3, 11), (-1, -4, 6)])
def test_of_two_things_said_of_one_movement_the_worse_is_believed(first, then, left):
    world = World()
    world.tell(moved("7", first, 11))

    world.tell(moved("7", then, 11))
    world.tell(moved("7", first, 11))

    assert (world.on_hand, world.in_doubt) == (left, True)
    world.count(10 + then, 11)
    assert (world.on_hand, world.in_doubt, world.unseen) == (10 + then, False, {})


@pytest.mark.parametrize(("units", "then"), [(-3, 7), (3, 10)])
@pytest.mark.parametrize("sequences", [(11, 14), (14, 11)])
def test_a_movement_that_comes_again_with_another_sequence_adds_nothing_to_a_reading_between(
    units, then, sequences
):
    world = World()
    for sequence in sequences:
        world.tell(moved("7", units, sequence))

    world.count(10, 12)
    assert (world.on_hand, world.in_doubt) == (then, True)
    world.count(10 + units, 14)
    assert (world.on_hand, world.in_doubt, world.unseen) == (10 + units, False, {})


def test_a_correction_of_ours_that_comes_back_is_its_receipt_and_is_not_booked_again():
    world = World()
    world.correct(2)
    world.count(12, 11)
    assert world.on_hand == 12, "it may be in there already"

    world.tell(moved("7", 2, 11, ours="C1"))
    world.count(11, 12)

    assert (world.on_hand, world.unseen) == (11, {})


def test_a_correction_that_was_refused_and_taken_all_the_same_is_not_brought_back_by_a_late_count():
    world = World()
    adjustment = world.correct(-3)
    world.run(lambda books: facts.undone(books, adjustment, "erp"))

    world.tell(moved("7", -3, 12, ours="C1"))
    world.count(10, 11)

    assert world.on_hand == 7


@pytest.mark.parametrize(("delta", "then"), [(3, 10), (-3, 7)])
def test_what_a_restored_system_was_told_is_held_by_the_reading_after_the_accepted_one(delta, then):
    """It may have lost it, or have taken it since: until then less is promised."""
    world = World(watermark=50)
    adjustment = world.correct(delta)
    world.run(lambda books: facts.acknowledged(books, adjustment, 51))
    world.tell(moved("7", 2, 52, after=50))

    assert world.count(10, 20) == Change()
    world.count(10, 20, anew=True)
    feed = world.known.feeds[FEED]
    assert (world.on_hand, feed.watermark, feed.moved, feed.doubt) == (then, 20, 0, 0)
    assert world.count(99, 19) == Change()
    world.count(10, 20)
    assert (world.on_hand, world.unseen) == (10, {})


@pytest.mark.parametrize(("delta", "told"), [(2, 10), (-2, 8)])
def test_a_correction_that_we_do_not_know_adds_nothing_before_a_reading(delta, told):
    """It may be of an earlier store, or one that was taken without a stamp and is forgotten."""
    world = World()

    world.tell(moved("7", delta, 11, ours="of an earlier store"))

    assert world.on_hand == told
    world.count(10 + delta, 11)
    assert (world.on_hand, world.unseen) == (10 + delta, {})


def test_a_correction_that_was_taken_without_a_stamp_and_then_told_is_booked_once():
    world = World()
    adjustment = world.correct(2)
    world.run(lambda books: facts.acknowledged(books, adjustment, None))

    world.tell(moved("7", 2, 11, ours="C1"))

    assert world.on_hand == 12


def test_an_answer_without_a_stamp_leaves_the_stamp_of_the_movement_alone():
    world = World()
    adjustment = world.correct(-3)
    world.tell(moved("7", -3, 12, ours="C1"))

    world.run(lambda books: facts.acknowledged(books, adjustment, None))
    world.count(10, 11)

    assert world.on_hand == 7


def test_what_the_source_sold_and_keeps_is_off_the_promise_however_late_a_reading_comes():
    world = World()

    world.tell(moved("7", 0, 12, elsewhere=3))
    assert (world.on_hand, world.position.elsewhere) == (10, 3)
    world.count(9, 11)
    assert world.position.unpromised == 6
    world.tell(moved("8", -3, 13, elsewhere=-3))
    world.count(6, 13)
    assert world.position == Position("A", "WH", 6)


# ---- what a source declares ---------------------------------------------------------------------


def test_a_number_that_is_net_of_the_sources_own_promises_has_them_taken_off_once():
    world = World(StockSource(meaning=Meaning.NET))

    world.count(7, 11, elsewhere=3)
    assert (world.on_hand, world.position.elsewhere, world.position.unpromised) == (10, 3, 7)
    world.tell(moved("7", -2, 12, elsewhere=2))
    assert (world.on_hand, world.position.elsewhere, world.position.unpromised) == (10, 5, 5)


@pytest.mark.parametrize(
    ("stamp", "seen"),
    [
        (9 * SECOND, Seen.YES),
        (9 * SECOND + 1, Seen.PERHAPS),
        (10 * SECOND, Seen.PERHAPS),
        (11 * SECOND - 1, Seen.PERHAPS),
        (11 * SECOND, Seen.NO),
    ],
)
def test_stamps_of_a_clock_that_are_closer_than_it_tells_apart_say_nothing(stamp, seen):
    source = StockSource(watermark=Watermark.CLOCK, resolution_seconds=1)

    assert source.seen(stamp, 10 * SECOND) is seen


@pytest.mark.parametrize(("delta", "in_doubt", "then"), [(4, 10, 14), (-4, 6, 6)])
def test_in_the_second_of_a_coarse_clock_less_is_promised(delta, in_doubt, then):
    world = World(StockSource(watermark=Watermark.CLOCK, resolution_seconds=1), 10 * SECOND)

    world.tell(moved("7", delta, 10 * SECOND))
    assert world.on_hand == in_doubt
    world.count(10 + delta, 12 * SECOND)
    assert (world.on_hand, world.unseen) == (then, {})


def test_a_reading_is_believed_up_to_five_minutes_ahead_and_not_later():
    ahead = int((NOON + timedelta(minutes=5)).timestamp()) * SECOND

    assert CLOCK.believed(ahead, 0, NOON) == ahead
    with pytest.raises(ReadingRefused, match="stamped 302 s in the future"):
        CLOCK.believed(ahead + 2 * SECOND, 0, NOON)
    assert BY_SEQUENCE.believed(ahead + 2 * SECOND, 0, NOON) == ahead + 2 * SECOND


@pytest.mark.parametrize("told", [None, -1])
def test_a_reading_without_its_declared_watermark_is_refused(told):
    for source in (BY_SEQUENCE, CLOCK):
        with pytest.raises(ReadingRefused, match="does not say when it was taken"):
            source.believed(told, 0, NOON)
    assert NO_WATERMARK.believed(told, 7, NOON) == 8


def test_one_number_for_all_places_is_one_places():
    source = StockSource(granularity=Granularity.SKU)

    source.require_places(["WH"])
    BY_SEQUENCE.require_places(["WH", "ST"])
    with pytest.raises(ReadingRefused, match="authority of 2 locations"):
        source.require_places(["WH", "ST"])


@pytest.mark.parametrize(("delta", "in_doubt"), [(2, 10), (-2, 8)])
def test_without_watermarks_a_correction_is_in_doubt_until_a_reading_began_after_its_answer(
    delta, in_doubt
):
    world = World(NO_WATERMARK, watermark=1)
    adjustment = world.correct(delta)
    stamp = NO_WATERMARK.stamped(None, world.known.feeds[FEED].watermark)
    world.run(lambda books: facts.acknowledged(books, adjustment, stamp))

    world.count(10, 2)  # was under way
    assert world.on_hand == in_doubt
    world.count(10 + delta, 3)
    assert (world.on_hand, world.unseen) == (10 + delta, {})


@pytest.mark.parametrize(("source", "then"), [(NO_WATERMARK, 9), (BY_SEQUENCE, 8)])
def test_without_watermarks_the_same_number_of_two_readings_is_the_firsts(source, then):
    world = World(source)

    world.count(9, 11)
    world.count(8, 11, at=NOON + timedelta(seconds=1))

    assert (world.on_hand, world.known.feeds[FEED].observed_at) == (then, NOON)


def test_a_feed_whose_watermark_was_a_clocks_goes_on_without_watermarks():
    """Nor do units come back that a reading which was under way lacks."""
    world = World(CLOCK, 90 * SECOND)
    world.source = NO_WATERMARK
    adjustment = world.correct(-3)
    stamp = NO_WATERMARK.stamped(None, world.known.feeds[FEED].watermark)
    world.run(lambda books: facts.acknowledged(books, adjustment, stamp))

    world.count(10, NO_WATERMARK.believed(None, 90 * SECOND, NOON))
    assert (world.on_hand, stamp) == (7, 90 * SECOND + 1)
    world.count(7, NO_WATERMARK.believed(None, 90 * SECOND + 1, NOON))
    assert (world.on_hand, world.unseen) == (7, {})


@pytest.mark.parametrize(("delta", "in_doubt"), [(2, 10), (-2, 8)])
def test_a_correction_that_was_stamped_by_a_clock_before_is_held_by_the_reading_after_the_next(
    delta, in_doubt
):
    world = World(CLOCK, 90 * SECOND)
    adjustment = world.correct(delta)
    world.run(lambda books: facts.acknowledged(books, adjustment, 100 * SECOND))
    world.source = NO_WATERMARK

    world.count(10, 90 * SECOND + 1)
    assert world.on_hand == in_doubt
    world.count(10 + delta, 90 * SECOND + 2)
    assert (world.on_hand, world.unseen) == (10 + delta, {})
