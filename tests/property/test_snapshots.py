"""What a source says late, twice or out of order takes no unit off twice and brings none back.

The model is the source itself: it counts, sells, and takes our corrections, each at its own
sequence. What it says lies in a mailbox until it is delivered, in any order and any number of
times (S2).
"""

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from resolvers.domain import facts
from resolvers.domain.books import Books, Known, Scope
from resolvers.domain.errors import Refused
from resolvers.domain.feeds import Feed
from resolvers.domain.outbox import Adjustment
from resolvers.domain.stock import EntryKind
from resolvers.domain.values import utc

NOON = utc(2026, 3, 2, 12)
FEED = ("erp", "stock", "WH")


@dataclass(slots=True)
class Source:
    """The system that is the authority: its shelf, its sequence, and when it took what of ours."""

    on_hand: int = 20
    sequence: int = 1
    took: dict[str, tuple[int, int]] = field(default_factory=dict)

    def move(self, units: int) -> int:
        """Moves units at the next sequence."""
        self.on_hand += units
        self.sequence += 1
        return self.sequence


class World:
    """The source, our books of one SKU at one place, and the mail between them."""

    def __init__(self) -> None:
        self.source = Source()
        self.known = Known(NOON)
        self.ours: dict[str, Adjustment] = {}
        self.readings: list[tuple[int, int]] = []
        self.receipts: list[str] = []
        self.heard = 0

    def run(self, change_of: Any) -> None:
        scope = Scope(frozenset("A"), feeds=frozenset([FEED]))
        books = Books(self.known, scope)
        try:
            books.post(change_of(books))
        except Refused:
            return
        self.known = replace(
            self.known,
            streams=dict(books.streams),
            feeds=dict(books.feeds),
        )

    @property
    def on_hand(self) -> int:
        stream = self.known.streams.get("A")
        return stream.position("WH").on_hand if stream is not None else 0

    # ---- what happens ----

    def sell(self, units: int) -> None:
        self.source.move(-min(units, self.source.on_hand))

    def correct(self, units: int) -> None:
        """A person corrects what lies there; the source hears of it later."""
        id = f"C{len(self.ours)}"
        told = facts.Correction(
            id, "A", "WH", EntryKind.ADJUSTMENT, "LOSS", units, backend="erp", source="me"
        )
        before = self.on_hand
        self.run(lambda books: facts.correct(books, told))
        if self.on_hand != before:
            self.ours[id] = Adjustment(id, "A", "WH", units, "LOSS")

    def send(self, which: int) -> None:
        """One correction reaches the source; its receipt goes into the mail."""
        waiting = [id for id in self.ours if id not in self.source.took]
        if waiting:
            id = waiting[which % len(waiting)]
            self.run(lambda books: facts.sent(books, self.ours[id]))
            units = self.ours[id].delta
            self.source.took[id] = (self.source.move(units), units)
            self.receipts.append(id)

    def read(self, _: int) -> None:
        self.readings.append((self.source.on_hand, self.source.sequence))

    def hear(self, which: int) -> None:
        """A reading is delivered, and stays in the mail: it may come again."""
        if not self.readings:
            return
        quantity, watermark = self.readings[which % len(self.readings)]
        before = self.on_hand
        told = facts.Count(Feed(*FEED, watermark, NOON), {"A": (quantity, 0)})
        self.run(lambda books: facts.count(books, told))
        if watermark < self.heard:
            assert self.on_hand == before, "a later word was heard already"
            return
        self.heard = watermark
        missing = {
            id: adjustment.delta
            for id, adjustment in self.ours.items()
            if self.source.took.get(id, (watermark + 1, 0))[0] > watermark
        }
        doubtful = set(self.receipts)
        assert self.on_hand <= quantity + sum(missing.values()), "no unit comes back"
        if not doubtful & self.ours.keys():
            assert self.on_hand == quantity + sum(missing.values())

    def acknowledge(self, which: int) -> None:
        if self.receipts:
            id = self.receipts.pop(which % len(self.receipts))
            sequence, _ = self.source.took[id]
            self.run(lambda books: facts.acknowledged(books, self.ours[id], sequence))

    def settle(self) -> None:
        """Everything arrives, and the source is read once more."""
        while any(id not in self.source.took for id in self.ours):
            self.send(0)
        while self.receipts:
            self.acknowledge(0)
        self.read(0)
        self.hear(len(self.readings) - 1)


happenings = st.lists(
    st.tuples(
        st.sampled_from(["sell", "correct", "send", "read", "hear", "hear", "acknowledge"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@example([("correct", 5), ("send", 0), ("read", 0), ("hear", 1)])  # taken, not acknowledged
@example([("correct", 1), ("send", 0), ("read", 0), ("hear", 1), ("acknowledge", 0), ("hear", 1)])
@given(happenings)
def test_whatever_comes_late_twice_or_out_of_order_the_source_is_believed_once(
    life: list[tuple[str, int]],
) -> None:
    world = World()
    world.read(0)
    world.hear(0)

    for what, units in life:
        getattr(world, what)(units - 3 if what == "correct" else units)
    world.settle()

    assert world.on_hand == world.source.on_hand
    stream = world.known.streams["A"]
    assert not [movement for movement in stream.unseen.values() if movement.on_hand > 0]
