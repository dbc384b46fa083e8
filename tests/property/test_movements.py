"""What a source tells moved, and what it says is there, come late, twice and out of order, and each
unit counts once.

The model is the source's own ledger: two SKUs on one shelf, one sequence, what each line changed.
Every line and every reading lies in a mailbox until it is delivered, in any order and any number of
times (S2).
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from resolvers.domain import facts
from resolvers.domain.books import Books, Known, Scope
from resolvers.domain.errors import Refused
from resolvers.domain.feeds import Feed
from resolvers.domain.movements import Moved, Movement, move
from resolvers.domain.outbox import Adjustment
from resolvers.domain.sources import BY_SEQUENCE, Meaning, StockSource
from resolvers.domain.stock import EntryKind, fold
from resolvers.domain.values import utc

NOON = utc(2026, 3, 2, 12)
FEED = ("erp", "stock", "WH")
SKUS = "AB"
START = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the source's ledger."""

    sku: str
    lies: int
    sold: int
    ours: str | None = None

    @property
    def net(self) -> int:
        """What it changes in what is left to promise."""
        return self.lies - self.sold


@dataclass(slots=True)
class Source:
    """The ledger; the first line stands at 1, as nothing at all is 0."""

    lines: list[Line] = field(default_factory=list)

    def at(self, sku: str, sequence: int) -> tuple[int, int]:
        """What lies there and what of it was sold, after so many lines."""
        told = [line for line in self.lines[:sequence] if line.sku == sku]
        return START + sum(line.lies for line in told), sum(line.sold for line in told)


class World:
    """The source, our books, and the mail between them."""

    def __init__(self, *, tells_order: bool, declared: StockSource) -> None:
        self.tells_order = tells_order
        self.declared = declared
        self.source = Source()
        self.known = Known(NOON)
        self.entries: list[Any] = []
        self.readings: list[int] = []
        self.ours: dict[str, Adjustment] = {}
        self.corrections = 0
        self.refusable: list[str] = []
        self.unanswered: set[str] = set()
        self.forgotten: set[str] = set()
        self.watermark = 0
        self.booked: set[int] = set()
        self.latest = 0
        self.doubt = 0
        self.expected = dict.fromkeys(SKUS, 0)

    def run(self, change_of: Any) -> None:
        books = Books(self.known, Scope(frozenset(SKUS), feeds=frozenset([FEED])))
        try:
            change = change_of(books)
        except Refused:
            return
        books.post(change)
        self.entries += change.entries
        self.known = replace(self.known, streams=dict(books.streams), feeds=dict(books.feeds))

    def left(self, sku: str) -> int:
        """What our books have to promise."""
        stream = self.known.streams.get(sku)
        return stream.position("WH").unpromised if stream is not None else 0

    # ---- what happens at the source, and here ----

    def sell(self, sku: str, units: int) -> None:
        self.source.lines.append(Line(sku, -units, 0))

    def receive(self, sku: str, units: int) -> None:
        self.source.lines.append(Line(sku, units, 0))

    def sell_ahead(self, sku: str, units: int) -> None:
        self.source.lines.append(Line(sku, 0, units))

    def hand_over(self, sku: str, units: int) -> None:
        self.source.lines.append(Line(sku, -units, -units))

    def correct(self, sku: str, units: int) -> None:
        """A person here corrects what lies there; the source takes it at once, or later."""
        self.corrections += 1
        id, delta = f"C{self.corrections}", units - 3
        told = facts.Correction(
            id, sku, "WH", EntryKind.ADJUSTMENT, "LOSS", delta, backend="erp", source="me"
        )
        before = self.left(sku)
        self.run(lambda books: facts.correct(books, told))
        if self.left(sku) != before:
            self.ours[id] = Adjustment(id, sku, "WH", delta, "LOSS")
            self.expected[sku] += delta

    def send(self, _: str, which: int) -> None:
        """The source takes a correction; its answer is on the way."""
        if told := self.sent(which):
            self.source.lines.append(Line(told.sku, told.delta, 0, told.reference))

    def send_in_vain(self, _: str, which: int) -> None:
        """The source takes no correction of that kind; its answer is on the way."""
        if told := self.sent(which):
            self.refusable.append(told.reference)

    def sent(self, which: int) -> Adjustment | None:
        begun = {*self.taken(), *self.refusable}
        waiting = [id for id in self.ours if id not in begun]
        if not waiting:
            return None
        told = self.ours[waiting[which % len(waiting)]]
        self.run(lambda books: facts.sent(books, told))
        self.unanswered.add(told.reference)
        return told

    def taken(self) -> dict[str, int]:
        """Where in the ledger each correction stands."""
        return {line.ours: at for at, line in enumerate(self.source.lines, start=1) if line.ours}

    # ---- what is delivered ----

    def answer(self, _: str, which: int) -> None:
        """The relay hears where a correction stands, maybe again or after its movement was told."""
        if taken := self.taken():
            id = sorted(taken)[which % len(taken)]
            told, at = self.ours[id], taken[id]
            self.run(lambda books: facts.acknowledged(books, told, at))
            self.unanswered.discard(id)

    def answer_without_a_stamp(self, _: str, which: int) -> None:
        """The relay hears that a correction was taken; no reading is under way that lacks it."""
        waiting = [id for id in sorted(self.taken()) if id in self.unanswered]
        if waiting:
            id = waiting[which % len(waiting)]
            told, at = self.ours[id], self.taken()[id]
            self.readings = [reading for reading in self.readings if reading >= at]
            self.run(lambda books: facts.acknowledged(books, told, None))
            self.unanswered.discard(id)
            self.forgotten.add(id)

    def refuse(self, _: str, which: int) -> None:
        """The relay hears that a correction was refused."""
        if self.refusable:
            id = self.refusable.pop(which % len(self.refusable))
            told = self.ours.pop(id)
            before = self.left(told.sku)
            self.run(lambda books: facts.undone(books, told, "erp"))
            self.unanswered.discard(id)
            self.expected[told.sku] -= max(0, told.delta)
            assert self.left(told.sku) == before - max(0, told.delta)

    def read(self, _: str, __: int) -> None:
        self.readings.append(len(self.source.lines))

    def count(self, _: str, which: int) -> None:
        """A reading is delivered, and stays in the mail: it may come again."""
        if not self.readings:
            return
        watermark = self.readings[which % len(self.readings)]
        levels = {sku: self.said(sku, watermark) for sku in SKUS}
        told = facts.Count(Feed(*FEED, watermark, NOON), levels, self.declared)
        self.run(lambda books: facts.count(books, told))
        if watermark >= self.watermark:
            self.watermark = watermark
            self.believe()

    def said(self, sku: str, watermark: int) -> tuple[int, int]:
        lies, sold = self.source.at(sku, watermark)
        return (lies - sold if self.declared.meaning is Meaning.NET else lies), sold

    def believe(self) -> None:
        """After a reading: the ledger up to it, what was told beyond it, and what it lacks of ours.
        What is in flight makes it less.
        """
        taken = self.taken()
        for sku in SKUS:
            lies, sold = self.source.at(sku, self.watermark)
            beyond = [self.source.lines[at - 1] for at in self.booked if at > self.watermark]
            missing = [
                ours.delta
                for id, ours in self.ours.items()
                if ours.sku == sku and taken.get(id, self.watermark + 1) > self.watermark
            ]
            truth = lies - sold + sum(missing)
            truth += sum(line.net for line in beyond if line.sku == sku)
            assert self.left(sku) <= truth, "no unit comes back"
            if not self.in_doubt and not self.unanswered:
                assert self.left(sku) == truth
            self.expected[sku] = self.left(sku)

    def tell(self, _: str, which: int) -> None:
        """One line of the ledger is delivered."""
        if self.source.lines:
            self.deliver([which % len(self.source.lines) + 1])

    def tell_twice(self, _: str, which: int) -> None:
        """One line comes twice in one message."""
        if self.source.lines:
            self.deliver([which % len(self.source.lines) + 1] * 2)

    def tell_rest(self, _: str, __: int) -> None:
        """All that is new since the last that was told, as a good feed tells it."""
        self.deliver(range(max(self.watermark, self.latest) + 1, len(self.source.lines) + 1))

    def deliver(self, sequences: Any) -> None:
        lines = [(at, self.source.lines[at - 1]) for at in sequences]
        told = [
            Movement(
                f"M{at}",
                line.sku,
                line.net if self.declared.meaning is Meaning.NET else line.lies,
                at,
                EntryKind.SALE,
                f"ticket {at}",
                line.sold,
                after=at - 1 if self.tells_order else None,
                ours=line.ours,
            )
            for at, line in lines
        ]
        self.run(lambda books: move(books, Moved(FEED, told, self.declared)))
        if FEED in self.known.feeds:
            for at, line in lines:
                self.hear(at, line)
        for sku in SKUS:
            assert self.left(sku) == self.expected[sku]

    def hear(self, at: int, line: Line) -> None:
        """What one line makes of what is expected: in doubt no unit is added."""
        self.unanswered.discard(line.ours or "")
        if at <= self.watermark or at in self.booked:
            return
        if at > self.latest:
            one_is_missing = at > max(self.watermark, self.latest) + 1
            if self.in_doubt or (self.tells_order and one_is_missing):
                self.doubt = at
            self.latest = at
        unknown = line.ours is None or line.ours in self.forgotten
        if unknown and (line.net < 0 or (line.ours is None and not self.in_doubt)):
            self.expected[line.sku] += line.net
            self.booked.add(at)

    @property
    def in_doubt(self) -> bool:
        return self.doubt > self.watermark

    def settle(self) -> None:
        """Everything arrives, and the source is read once more."""
        while self.refusable:
            self.refuse("A", 0)
        while len(self.taken()) < len(self.ours):
            self.send("A", 0)
        self.deliver(range(1, len(self.source.lines) + 1))
        self.read("A", 0)
        self.count("A", len(self.readings) - 1)


DELIVERED = ("count", "tell", "tell", "tell_twice", "tell_rest")
CORRECTED = ("correct", "send", "send_in_vain", "answer", "answer_without_a_stamp", "refuse")
happenings = st.lists(
    st.tuples(
        st.sampled_from(
            ["sell", "receive", "sell_ahead", "hand_over", "read", *CORRECTED, *DELIVERED]
        ),
        st.sampled_from(SKUS),
        st.integers(1, 6),
    ),
    max_size=40,
)


@settings(max_examples=500, deadline=None)
@example(  # a reading that was taken before a sale comes after it
    [("read", "A", 1), ("sell", "A", 2), ("tell_rest", "A", 1), ("count", "A", 1)], False, False
)
@example(  # of two movements the second is told alone, then what it came after
    [("receive", "A", 2), ("receive", "B", 2), ("tell", "A", 1), ("tell", "A", 2)], True, False
)
@example(  # a reading that does not hold all that is missing ends no doubt
    [
        ("receive", "A", 2),
        ("read", "A", 1),
        ("receive", "A", 2),
        ("receive", "A", 2),
        ("tell", "A", 2),
        ("count", "A", 1),
        ("tell", "A", 1),
    ],
    True,
    False,
)
@example(  # nor one that does not hold what was left out for it
    [
        ("receive", "A", 2),
        ("receive", "A", 2),
        ("read", "A", 1),
        ("receive", "A", 2),
        ("receive", "A", 2),
        ("tell", "A", 1),
        ("tell", "A", 2),
        ("count", "A", 1),
        ("tell", "A", 3),
    ],
    True,
    False,
)
@given(happenings, st.booleans(), st.booleans())
def test_whatever_is_told_in_whatever_order_each_unit_counts_once(
    life: list[tuple[str, str, int]], tells_order: bool, net: bool
) -> None:
    declared = StockSource(meaning=Meaning.NET) if net else BY_SEQUENCE
    world = World(tells_order=tells_order, declared=declared)
    world.read("A", 0)
    world.count("A", 0)

    for what, sku, units in life:
        getattr(world, what)(sku, units)
    world.settle()

    end = len(world.source.lines)
    for sku in SKUS:
        position = world.known.streams[sku].position("WH")
        assert (position.on_hand, position.elsewhere) == world.source.at(sku, end)
        assert fold(world.entries)[sku, "WH"] == position
        assert world.known.streams[sku].unseen == {}, "what a reading holds is forgotten"


@settings(max_examples=200, deadline=None)
@given(happenings)
def test_a_feed_that_tells_all_in_order_is_the_source_itself_between_readings(
    life: list[tuple[str, str, int]],
) -> None:
    """Not one reading more is needed than the first."""
    world = World(tells_order=True, declared=BY_SEQUENCE)
    world.read("A", 0)
    world.count("A", 0)

    for what, sku, units in life:
        if what not in ("read", "tell", "tell_twice", "count", "correct"):
            getattr(world, what)(sku, units)
        world.tell_rest("A", 0)

    net = Counter(dict.fromkeys(SKUS, START))
    for line in world.source.lines:
        net[line.sku] += line.net
    assert {sku: world.left(sku) for sku in SKUS} == net
    assert not world.in_doubt
