"""Random lives of holds, orders, counts and departures against a naive model, law by law."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from resolvers.domain import checkout, facts, holds
from resolvers.domain.availability import Pool, availability
from resolvers.domain.backing import Hold, relieved
from resolvers.domain.books import Books, Change, Known, Scope
from resolvers.domain.errors import Refused
from resolvers.domain.feeds import Feed
from resolvers.domain.locations import (
    Capability,
    Channel,
    ChannelKind,
    Location,
    LocationKind,
    Method,
)
from resolvers.domain.orders import Delivery, Order, OrderLine, OrderStatus, Payment
from resolvers.domain.reservation import Line, Status
from resolvers.domain.stock import EntryKind, StockEntry, Stream, fold
from resolvers.domain.values import Money, utc

SKUS = ("A", "B")
WAREHOUSE = Location(
    "W", "Warehouse", LocationKind.WAREHOUSE, capabilities=(Capability.SHIP_FROM,), authority="erp"
)
SHOP = Location(
    "S",
    "Shop",
    LocationKind.STORE,
    capabilities=(Capability.PICKUP, Capability.SHIP_FROM),
    safety_stock=1,
    authority="erp",
)
PLACES = (WAREHOUSE, SHOP)
WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")
SHIP = Delivery(Method.SHIP)
PICKUP = Delivery(Method.PICKUP, "S")
GROUND = Pool(WEB, PLACES, utc(2026, 3, 2), channels={"web": WEB})

units = st.integers(1, 4)
lines = st.dictionaries(st.sampled_from(SKUS), units, min_size=1).map(
    lambda chosen: tuple(Line(sku, quantity) for sku, quantity in sorted(chosen.items()))
)


class Stock(RuleBasedStateMachine):
    """One retailer's stock. The model is what a person would note on paper: for each hold its units
    by SKU, and until when; for each place what lies there."""

    made = Bundle("made")
    ordered = Bundle("ordered")

    def __init__(self) -> None:
        super().__init__()
        self.now = utc(2026, 3, 2, 12)
        self.known = Known(self.now)
        self.entries: list[StockEntry] = []
        self.serial = 0
        self.watermark = 0
        self.shelf: Counter[tuple[str, str]] = Counter()
        self.live: dict[str, Counter[str]] = {}
        self.until: dict[str, Any] = {}

    # ---- how commands are run -----------------------------------------------------------------

    def books(self) -> Books:
        feeds = frozenset(("erp", "stock", at.code) for at in PLACES)
        known = replace(self.known, at=self.now)
        return Books(known, Scope(frozenset(SKUS), feeds=feeds, movable=frozenset(SKUS)))

    def run(self, decide: Callable[[Books], Change], *, fact: bool = False) -> Change | None:
        """Runs one command; after a refusal nothing but what was due has changed."""
        books = self.books()
        before = (dict(books.reservations), dict(books.orders))
        change: Change | None
        try:
            change = decide(books)
            if fact:
                change = relieved(books, change, replace(GROUND, now=books.now))
            books.post(change)
        except Refused:
            assert (books.reservations, books.orders) == before
            change = None
        batch = books.batch()
        self.entries += batch.entries
        self.known = Known(
            self.now, books.streams, books.reservations, books.orders, {}, books.feeds
        )
        for id, until in list(self.until.items()):
            if until is not None and until <= self.now:
                del self.until[id], self.live[id]
        return change

    def id(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}{self.serial}"

    def stream(self, sku: str) -> Stream:
        return self.known.streams.get(sku) or Stream(sku)

    def free(self, sku: str, method: Method | None) -> int:
        """What the model says could be promised, whatever the place, due holds forgotten."""
        books = self.books()
        pool = Pool(WEB, PLACES, self.now, method)
        return availability(books.streams[sku], pool).available

    # ---- what happens -------------------------------------------------------------------------

    @initialize(warehouse=st.integers(0, 9))
    def the_shelves_are_filled(self, warehouse: int) -> None:
        """With little in the warehouse, units of the shop are held that need not be there."""
        for sku in SKUS:
            self.count(sku, "W", warehouse)
            self.count(sku, "S", 9)

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.run(lambda _: Change())

    @precondition(lambda self: any(self.until.values()))
    @rule()
    def time_passes_to_the_very_instant_at_which_a_hold_ends(self) -> None:
        self.now = min(until for until in self.until.values() if until is not None)
        self.run(lambda _: Change())

    @rule(target=made, lines=lines, ttl=st.integers(1, 3600))
    def reserve(self, lines: tuple[Line, ...], ttl: int) -> str:
        id = self.id("R")
        free = {line.sku: self.free(line.sku, None) for line in lines}
        hold = Hold(id, "me", WEB, lines, PLACES, ttl, channels={"web": WEB})
        change = self.run(lambda books: holds.reserve(books, hold))
        enough = all(free[line.sku] >= line.quantity for line in lines)
        assert (change is not None) is enough
        if change is not None:
            self.live[id] = Counter({line.sku: line.quantity for line in lines})
            self.until[id] = self.now + timedelta(seconds=ttl)
            self.kept_promises(change)
        return id

    @rule(target=made, sku=st.sampled_from(SKUS), at=st.sampled_from("WS"), quantity=units)
    def reserve_exactly(self, sku: str, at: str, quantity: int) -> str:
        """Others' units that nobody wanted there make room, as far as the other place has it."""
        id = self.id("R")
        room = self.room(sku, at)
        lines = (Line(sku, quantity),)
        hold = Hold(id, "me", WEB, lines, PLACES, 600, exactly=at, channels={"web": WEB})
        change = self.run(lambda books: holds.reserve(books, hold))
        assert (change is not None) is (room >= quantity)
        if change is not None:
            self.live[id] = Counter({sku: quantity})
            self.until[id] = self.now + timedelta(seconds=600)
            self.kept_promises(change)
            assert self.stream(sku).pins[id, at].quantity == quantity
        return id

    def room(self, sku: str, at: str) -> int:
        """What the model says one place could give: what is free, and what could leave it."""
        return max(0, self.spare(sku, at) + self.leaving(sku, at))

    def spare(self, sku: str, at: str) -> int:
        place = next(place for place in PLACES if place.code == at)
        return self.books().streams[sku].position(at).unpromised - place.safety_stock

    def leaving(self, sku: str, at: str) -> int:
        """Units that could go to the other place; what somebody fetches goes to no warehouse."""
        there = "S" if at == "W" else "W"
        loose = sum(
            pin.quantity
            for pin in self.books().streams[sku].pins.values()
            if pin.location == at
            and pin.tentative
            and pin.taker is not None
            and not (pin.taker.anywhere == "PICKUP" and there == "W")
        )
        return min(loose, max(0, self.spare(sku, there)))

    @rule(id=made, ttl=st.integers(1, 7200), wait=st.booleans())
    def extend(self, id: str, ttl: int, wait: bool) -> None:
        """Never shorter, and never past two hours in all; it is still there at its first end."""
        first = self.until.get(id)
        change = self.run(lambda books: holds.extend(books, id, ttl, 7200))
        if change is not None:
            bound = self.known.reservations[id].created_at + timedelta(hours=2)
            asked = min(self.now + timedelta(seconds=ttl), bound)
            self.until[id] = max(self.until[id], asked)
            assert self.known.reservations[id].expires_at == self.until[id]
            if wait and first is not None and first < self.until[id]:
                self.now = max(self.now, first)
                self.run(lambda _: Change())

    @rule(id=made)
    def release(self, id: str) -> None:
        change = self.run(lambda books: holds.release(books, id))
        if change is not None:
            self.live.pop(id, None)
            self.until.pop(id, None)

    def order(self, id: str, lines: tuple[Line, ...], delivery: Delivery) -> Order:
        """One that nobody has paid, of things that cost the same."""
        order_lines = tuple(
            OrderLine(f"{id}.{at}", line.sku, line.sku, line.quantity, Money(100, "CNY"))
            for at, line in enumerate(lines)
        )
        return Order(
            id, id, "web", OrderStatus.PENDING, order_lines, "CNY", self.now, self.now, "me",
            delivery=delivery,
        )  # fmt: skip

    @rule(target=ordered, id=made, delivery=st.sampled_from([SHIP, PICKUP]), paid=st.booleans())
    def place(self, id: str, delivery: Delivery, paid: bool) -> str:
        order_id = self.id("O")
        reservation = self.known.reservations.get(id)
        held = reservation.lines if reservation is not None else (Line("A", 1),)
        order = self.order(order_id, held, delivery)
        hold = Hold(
            self.id("R"),
            "me",
            WEB,
            held,
            PLACES,
            exactly=delivery.location,
            method=delivery.method,
            channels={"web": WEB},
        )
        payments = (Payment("CARD", order.total, self.now),) if paid else ()
        ask = checkout.Checkout(order, hold, {"W": "erp"}, "me", 1800, payments, id)
        change = self.run(lambda books: checkout.place(books, ask))
        if change is not None:
            self.until[id] = None if paid else self.now + timedelta(seconds=1800)
            self.kept_promises(change)
            own = [pin for pin in change.pins if pin.quantity and pin.reservation == id]
            self.others_stay_as_they_are(change, id)
            assert {pin.location for pin in own} <= ({"S"} if delivery is PICKUP else {"W", "S"})
            assert {pin.tentative for pin in own} == {delivery is SHIP and not paid}
        return order_id

    @rule(target=ordered, sku=st.sampled_from(SKUS), quantity=units, paid=st.booleans())
    def buy_in_the_shop(self, sku: str, quantity: int, paid: bool) -> str:
        """Straight from the shelf; others' units make room, and stay what they are."""
        id, order_id, room = self.id("R"), self.id("O"), self.room(sku, "S")
        order = self.order(order_id, (Line(sku, quantity),), PICKUP)
        hold = Hold(
            id, "me", WEB, (Line(sku, quantity),), PLACES,
            exactly="S", method=Method.PICKUP, channels={"web": WEB},
        )  # fmt: skip
        payments = (Payment("CARD", order.total, self.now),) if paid else ()
        ask = checkout.Checkout(order, hold, {"W": "erp"}, "me", 1800, payments)
        change = self.run(lambda books: checkout.place(books, ask))
        assert (change is not None) is (room >= quantity)
        if change is not None:
            self.live[id] = Counter({sku: quantity})
            self.until[id] = None if paid else self.now + timedelta(seconds=1800)
            self.kept_promises(change)
            self.others_stay_as_they_are(change, id)
        return order_id

    def others_stay_as_they_are(self, change: Change, id: str) -> None:
        """Units that made room have moved, and nothing else."""
        for pin in change.pins:
            if pin.reservation != id:
                assert pin.tentative
                assert pin.until == self.until[pin.reservation]

    @rule(target=ordered, lines=lines)
    def buy(self, lines: tuple[Line, ...]) -> str:
        """Holds and pays at once."""
        return str(self.place(self.reserve(lines, 60), SHIP, True))

    @rule(id=ordered)
    def pay(self, id: str) -> None:
        order = self.known.orders.get(id)
        total = order.total if order is not None else Money(1, "CNY")
        payment = Payment("CARD", total, self.now)
        change = self.run(lambda books: checkout.record_payment(books, id, payment, "till", {}))
        if change is not None:
            assert change.orders[0].status is OrderStatus.CONFIRMED
            self.until[change.reservations[0].id] = None

    @rule(id=ordered)
    def cancel(self, id: str) -> None:
        change = self.run(lambda books: checkout.call_off(books, id, "me", {}))
        if change is not None:
            self.live.pop(change.reservations[0].id)
            self.until.pop(change.reservations[0].id)

    @rule(id=ordered, sku=st.sampled_from(SKUS), at=st.sampled_from("WS"), total=units)
    def depart(self, id: str, sku: str, at: str, total: int) -> None:
        """Said twice at once: the second time changes nothing."""
        order = self.known.orders.get(id)
        reservation = self.known.reservations.get((order.reservation_id if order else "") or "")
        if reservation is None or reservation.status is not Status.COMMITTED:
            return
        gone = sum(
            -entry.on_hand
            for entry in self.entries
            if (entry.cause, entry.sku, entry.location) == (reservation.id, sku, at)
        )
        here = self.stream(sku).pins.get((reservation.id, at))
        sold = gone + (here.quantity if here else 0)
        told = facts.Left(id, sku, at, sold, min(total, sold), "erp")
        self.run(lambda books: facts.depart(books, told))
        fresh = max(0, min(total, sold) - gone)
        self.shelf[sku, at] -= fresh
        self.live[reservation.id][sku] -= fresh
        assert self.run(lambda books: facts.depart(books, told)) == Change()

    @rule(sku=st.sampled_from(SKUS), at=st.sampled_from("WS"), on_hand=st.integers(0, 9))
    def count(self, sku: str, at: str, on_hand: int) -> None:
        """A system's word; an older one that comes late is not believed."""
        self.watermark += 1
        told = facts.Count(Feed("erp", "stock", at, self.watermark), {sku: (on_hand, 0)})
        late = facts.Count(Feed("erp", "stock", at, self.watermark - 1), {sku: (99, 0)})
        self.run(lambda books: facts.count(books, told), fact=True)
        self.run(lambda books: facts.count(books, late), fact=True)
        self.shelf[sku, at] = on_hand
        self.nothing_is_left_to_move(sku, at)

    @precondition(lambda self: self.entries)
    @rule(sku=st.sampled_from(SKUS), at=st.sampled_from("WS"), delta=st.integers(-3, 3))
    def correct(self, sku: str, at: str, delta: int) -> None:
        told = facts.Correction(self.id("C"), sku, at, EntryKind.ADJUSTMENT, "DAMAGE", delta)
        if self.run(lambda books: facts.correct(books, told), fact=True) is not None:
            self.shelf[sku, at] += delta

    def nothing_is_left_to_move(self, sku: str, at: str) -> None:
        """A place that owes more than it has holds no unit that another place could give."""
        if self.stream(sku).position(at).unpromised < 0:
            assert self.leaving(sku, at) == 0

    # ---- what is always so --------------------------------------------------------------------

    def kept_promises(self, change: Change) -> None:
        """Where something was just promised there is enough, safety stock kept."""
        for pin in change.pins:
            position = self.stream(pin.sku).position(pin.location)
            more = sum(
                entry.soft + entry.hard
                for entry in change.entries
                if (entry.sku, entry.location) == (pin.sku, pin.location)
            )
            if pin.quantity and more > 0:
                kept = SHOP.safety_stock if pin.location == "S" else 0
                assert position.unpromised >= kept

    @invariant()
    def positions_are_their_entries(self) -> None:
        for (sku, at), position in fold(self.entries).items():
            assert self.stream(sku).position(at) == position

    @invariant()
    def every_unit_is_where_the_model_has_it(self) -> None:
        for sku in SKUS:
            for at in PLACES:
                assert self.stream(sku).position(at.code).on_hand == self.shelf[sku, at.code]

    @invariant()
    def pins_are_what_is_reserved(self) -> None:
        for sku in SKUS:
            stream = self.stream(sku)
            soft, hard = Counter[str](), Counter[str]()
            for pin in stream.pins.values():
                (hard if pin.until is None else soft)[pin.location] += pin.quantity
            for at in PLACES:
                position = stream.position(at.code)
                assert (position.soft, position.hard) == (soft[at.code], hard[at.code])

    @invariant()
    def every_live_hold_has_its_units(self) -> None:
        promised: dict[str, Counter[str]] = {}
        for sku in SKUS:
            for pin in self.stream(sku).pins.values():
                if not pin.due(self.now):
                    promised.setdefault(pin.reservation, Counter())[sku] += pin.quantity
        assert promised == {id: +held for id, held in self.live.items() if +held}


Stock.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
test_stock = Stock.TestCase
