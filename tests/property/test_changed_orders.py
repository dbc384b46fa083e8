"""An order of another system is told again and again, in any order and any number of times, with
fewer units and with more, while goods leave for it: what is committed is always what its latest
word says, less what has left, to the unit (O1, O6).

The model keeps one number for each SKU: what the latest word wants. It knows nothing of places,
pins or lines.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sandbox import chain
from resolvers.domain import facts
from resolvers.domain.books import Books, Change, Known, NeedsMore, Scope
from resolvers.domain.catalog import Provenance
from resolvers.domain.feeds import Feed
from resolvers.domain.orders import Order, OrderLine, OrderStatus
from resolvers.domain.outbox import Write, WriteAction
from resolvers.domain.reservation import Status
from resolvers.domain.stock import StockEntry, fold
from resolvers.domain.taken import Taken, take
from resolvers.domain.values import Money, utc

NOON = utc(2026, 3, 2, 12)
SKUS = "ABC"
CHANNEL = next(it for it in chain.CHANNELS if it.code == "marketplace-a")
PLACES = chain.LOCATIONS
SINKS = {at.code: "erp" for at in PLACES}
PRICES = {sku: Money(1000 + at, "CNY") for at, sku in enumerate(SKUS)}


@dataclass(frozen=True)
class Word:
    """What the system says at one of its own stamps; no lines: it is called off."""

    stamp: int
    lines: tuple[tuple[str, int], ...]


def order(word: Word) -> Order:
    at = NOON + timedelta(seconds=word.stamp)
    lines = word.lines or (("A", 1),)
    return Order(
        "x1",
        "UC-X1",
        CHANNEL.code,
        OrderStatus.CONFIRMED if word.lines else OrderStatus.CANCELED,
        tuple(
            OrderLine(f"x1.{n}", sku, sku, units, PRICES[sku])
            for n, (sku, units) in enumerate(lines, start=1)
        ),
        "CNY",
        NOON,
        at,
        "backend:shop",
        system="shop",
        external=(Provenance("shop", "77", at),),
    )


@dataclass
class World:
    """Our books, and what they came to."""

    known: Known = field(default_factory=lambda: Known(NOON))
    entries: list[StockEntry] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)

    def run(
        self, decide: Callable[[Books], Change], skus: frozenset[str] = frozenset(SKUS)
    ) -> Change:
        scope = Scope(frozenset(skus), frozenset(["hold"]), frozenset(["x1"]))
        books = Books(self.known, scope)
        try:
            change = decide(books)
        except NeedsMore as more:
            return self.run(decide, skus | more.scope.skus)
        books.post(change)
        self.entries += change.entries
        self.writes += change.writes
        self.known = replace(
            self.known,
            streams={**self.known.streams, **books.streams},
            reservations=dict(books.reservations),
            orders=dict(books.orders),
        )
        return change

    def stocked(self, sku: str, location: str, units: int) -> None:
        feed = Feed("erp", "stock", location, 1, NOON)
        self.run(lambda books: facts.count(books, facts.Count(feed, {sku: (units, 0)})))

    def hears(self, word: Word) -> Change:
        return self.takes(order(word))

    def takes(self, placed: Order, *, ours: bool = True) -> Change:
        """Sees no more than the SKUs of the order, as a reading does; ``ours`` if its goods are."""
        told = Taken(placed, "hold", CHANNEL if ours else None, PLACES, SINKS)
        seen = frozenset(line.sku for line in told.order.lines)
        return self.run(lambda books: take(books, told), seen)

    def open_sales(self) -> dict[str, Counter[str]]:
        """What the ERP has been told to hand over and not to leave, by reference."""
        sales: dict[str, Counter[str]] = {}
        for write in self.writes:
            assert write.sale is not None
            if write.action is WriteAction.PLACE_SALE:
                assert write.sale.reference not in sales, "no reference is used twice"
                units = Counter({line.sku: 0 for line in write.sale.lines})
                for line in write.sale.lines:
                    units[line.sku] += line.quantity
                sales[write.sale.reference] = units
            else:
                del sales[write.sale.reference]
        return sales

    def hard(self, sku: str) -> int:
        stream = self.known.streams.get(sku)
        return sum(at.hard for at in stream.positions.values()) if stream else 0

    def leaves(self, which: int) -> tuple[str, int]:
        """One more unit of some open sale leaves."""
        sales = [
            (reference, sku, units)
            for reference, of in sorted(self.open_sales().items())
            for sku, units in sorted(of.items())
        ]
        if not sales or "x1" not in self.known.orders:
            return "", 0
        reference, sku, sold = sales[which % len(sales)]
        found = self.known.orders["x1"]
        left = {(ref, of): units for ref, of, units in found.left}
        total = left.get((reference, sku), 0) + 1
        [location] = [at for at, known in found.sales if known == reference] or [""]
        told = facts.Left("x1", sku, location, sold, total, "erp", reference)
        before = self.hard(sku)
        self.run(lambda books: facts.depart(books, told))
        again = self.run(lambda books: facts.depart(books, told))
        assert again == Change(), "said twice, it does nothing"
        return sku, before - self.hard(sku)


lines = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 6), min_size=1).map(
    lambda units: tuple(units.items())
)
words = st.lists(lines, min_size=1, max_size=5).map(
    lambda told: [Word(at, of) for at, of in enumerate(told, start=1)]
)
steps = st.lists(
    st.tuples(st.sampled_from(["hear", "hear", "leave", "call off"]), st.integers(0, 20)),
    max_size=14,
)


@settings(max_examples=250, deadline=None)
@given(words, st.lists(st.integers(0, 5), min_size=6, max_size=6), steps)
def test_what_is_committed_is_the_latest_word_less_what_has_left(told, shelves, done):
    world = World()
    for n, units in enumerate(shelves):
        world.stocked(SKUS[n % 3], ("WH-01", "ST-01")[n // 3], units)
    gone: Counter[str] = Counter()
    latest, called_off = 0, False
    wanted: dict[str, int] = {}

    for step, which in done:
        if step == "leave":
            sku, units = world.leaves(which)
            gone[sku] += units
        elif step == "call off" and which == 0:
            world.hears(Word(100, ()))
            called_off = True
        else:
            word = told[which % len(told)]
            world.hears(word)
            before = replace(world.known)
            assert world.hears(word) == Change(), "said twice, it does nothing"
            assert before == world.known
            if word.stamp > latest and not called_off:
                latest, wanted = word.stamp, dict(word.lines)
                wanted |= {sku: max(gone[sku], wanted.get(sku, 0)) for sku in SKUS}

        for sku in SKUS:
            stream = world.known.streams.get(sku)
            owed = 0 if called_off else max(0, wanted.get(sku, 0) - gone[sku])
            assert world.hard(sku) == owed
            if stream is not None:
                assert sum(pin.quantity for pin in stream.pins.values()) == owed
                folded = fold(entry for entry in world.entries if entry.sku == sku)
                assert {at: position for (_, at), position in folded.items()} == stream.positions
        _hold_and_order_agree(world, wanted, gone, called_off=called_off)
        if not called_off and not gone.total():
            open_ = sum(world.open_sales().values(), Counter())
            assert +open_ == +Counter(wanted), "the ERP is told what there is, once"


def _hold_and_order_agree(
    world: World, wanted: dict[str, int], gone: Counter[str], *, called_off: bool
) -> None:
    kept = world.known.orders.get("x1")
    if kept is None:
        return
    hold = world.known.reservations.get("hold")
    if called_off:
        assert kept.status is OrderStatus.CANCELED
        assert hold is None or hold.status in (Status.RELEASED, Status.FULFILLED)
        return
    units: Counter[str] = Counter()
    for line in kept.lines:
        units[line.sku] += line.quantity
        assert line.fulfilled <= line.quantity
    assert +units == +Counter(wanted)
    assert len({line.id for line in kept.lines}) == len(kept.lines)
    done = all(gone[sku] >= wanted[sku] for sku in wanted)
    assert hold is not None
    assert (hold.status is Status.FULFILLED) == done
