"""Random lives of holds, orders, counts and departures against a naive model, law by law (S4).

The same lives are lived on paper and in a store whose process is closed, killed and opened again.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, initialize, multiple, precondition, rule

from resolvers.domain import checkout, facts, holds
from resolvers.domain.backing import relieved
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.feeds import Feed
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery, Order, OrderLine, OrderStatus, Payment
from resolvers.domain.reservation import Line, Status
from resolvers.domain.rules import RuleKind, StockRule, remove_rule, set_rule
from resolvers.domain.stock import EntryKind
from resolvers.domain.values import Money
from tests.property.keeping import Decide, InStore
from tests.property.shelves import (
    CHANNELS,
    GROUND,
    PICKUP,
    PLACES,
    SHIP,
    SKUS,
    Noted,
    Shelves,
    line,
    lines,
    units,
    units_of,
)

pytestmark = pytest.mark.timeout(600)  # a life that fails is shortened before it is told

Made = str | MultipleResults[str]
"""The id of what was made; nothing if it was refused."""


class Stock(Shelves):
    """What people and systems do with the stock of one retailer."""

    made = Bundle("made")
    ordered = Bundle("ordered")

    # ---- what happens -------------------------------------------------------------------------

    @initialize(warehouse=st.integers(0, 9), shop=st.integers(3, 9))
    def the_shelves_are_filled(self, warehouse: int, shop: int) -> None:
        """With little in the warehouse, units of the shop are held that need not be there; with
        little in both, one hold has units in both.
        """
        for sku in SKUS:
            self.counted(sku, "W", warehouse)
            self.counted(sku, "S", shop)

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        self.wait(self.now + timedelta(minutes=minutes))

    @precondition(lambda self: any(self.until.values()))
    @rule()
    def time_passes_to_the_very_instant_at_which_a_hold_ends(self) -> None:
        self.wait(min(until for until in self.until.values() if until is not None))

    @rule(at=st.sampled_from(["W", "S", None]), quantity=st.integers(0, 9))
    def a_rule_is_set(self, at: str | None, quantity: int) -> None:
        """What a place keeps for people in the shop, or what the web may have live of a SKU."""
        if at is None:
            self.cap = quantity
            self.rule_is(StockRule("cap", RuleKind.CAP, quantity, channels=("web",)))
        else:
            self.safety[at] = quantity // 3
            self.rule_is(
                StockRule(f"kept-{at}", RuleKind.SAFETY_STOCK, quantity // 3, locations=(at,))
            )

    def rule_is(self, rule: StockRule) -> None:
        def decide(books: Books) -> Change:
            return Change(rules=(set_rule(books.rules, rule, "me", books.now),))

        assert self.run(decide, Scope()) is not None

    @precondition(lambda self: self.known.rules.rules)
    @rule(code=st.sampled_from(["kept-W", "kept-S", "cap"]))
    def a_rule_is_removed(self, code: str) -> None:
        """One that is not there cannot be removed."""
        there = self.known.rules.find(code) is not None

        def decide(books: Books) -> Change:
            return Change(rules=(remove_rule(books.rules, code, "me", books.now),))

        assert (self.run(decide, Scope()) is not None) is there
        if code == "cap":
            self.cap = None
        else:
            at = next(place for place in PLACES if code.endswith(place.code))
            self.safety[at.code] = at.safety_stock

    @rule(
        target=made,
        lines=lines,
        ttl=st.integers(1, 7200),
        method=st.sampled_from([None, None, Method.SHIP, Method.PICKUP]),
    )
    def reserve(self, lines: tuple[Line, ...], ttl: int, method: Method | None) -> Made:
        """Every line of it, a set with all of its parts, or nothing."""
        id = self.id("R")
        asked = {line.sku: line.quantity for line in lines}
        enough = all(self.free(sku, method) >= needs for sku, needs in units_of(asked).items())
        hold = self.ask(id, lines, ttl, method=method)
        change = self.run(lambda books: holds.reserve(books, hold), Scope(frozenset(hold.units)))
        assert (change is not None) is enough
        if change is not None:
            self.live[id] = Noted("web", asked)
            self.until[id] = self.now + timedelta(seconds=ttl)
            self.kept_promises(change)
        return multiple() if change is None else id

    @rule(target=made, sku=st.sampled_from(SKUS), at=st.sampled_from("WS"), quantity=units)
    def reserve_exactly(self, sku: str, at: str, quantity: int) -> Made:
        """Others' units that nobody wanted there make room, as far as the other place has it."""
        return self.reserve_at(sku, at, quantity, self.room(sku, at), "web")

    @rule(target=made, sku=st.sampled_from(SKUS), quantity=units)
    def reserve_at_the_till(self, sku: str, quantity: int) -> Made:
        """Who stands in the shop may have what is kept there for people in the shop."""
        room = self.spare(sku, "S") + self.safety["S"] + self.leaving(sku, "S")
        return self.reserve_at(sku, "S", quantity, room, "till")

    def reserve_at(self, sku: str, at: str, quantity: int, room: int, channel: str) -> Made:
        id = self.id("R")
        till = channel == "till"
        hold = self.ask(id, [line(sku, quantity)], exactly=at, in_shop=till)
        hold = replace(hold, channel=CHANNELS[channel])
        change = self.run(lambda books: holds.reserve(books, hold), Scope(frozenset([sku])))
        assert (change is not None) is (room >= quantity)
        if change is not None:
            self.live[id] = Noted(channel, {sku: quantity})
            self.until[id] = self.now + timedelta(seconds=hold.ttl_seconds)
            self.kept_promises(change, at_the_till=till)
            self.others_stay_as_they_are(change, id)
            assert self.stream(sku).pins[id, at].quantity == quantity
        return multiple() if change is None else id

    @rule(id=made, ttl=st.integers(1, 7200), wait=st.booleans())
    def extend(self, id: str, ttl: int, wait: bool) -> None:
        """Never shorter, and never past two hours in all; it is still there at its first end."""
        held = self.live.get(id)
        change = self.run(lambda books: holds.extend(books, id, ttl, 7200), self.of(id))
        assert (change is not None) is (held is not None and not held.ordered)
        if change is not None:
            bound = self.known.reservations[id].created_at + timedelta(hours=2)
            asked = min(self.now + timedelta(seconds=ttl), bound)
            first = self.until[id]
            assert first is not None
            self.until[id] = last = max(first, asked)
            assert self.known.reservations[id].expires_at == last
            if wait and first < last:
                self.wait(max(self.now, first))

    @rule(id=made)
    def release(self, id: str) -> None:
        """Once and for all: to say it again changes nothing."""
        known, held = self.known.reservations.get(id), self.live.get(id)
        before = known is not None and known.status is Status.RELEASED
        change = self.run(lambda books: holds.release(books, id), self.of(id))
        assert (change is not None) is (before or (held is not None and not held.ordered))
        if held is not None and change is not None:
            del self.live[id], self.until[id]

    @rule(id=made, which=st.integers(0, 2), quantity=units)
    def release_some(self, id: str, which: int, quantity: int) -> None:
        """Units of a line, a set with all of its parts; a hold of nothing has ended."""
        held, known = self.live.get(id), self.known.reservations[id]
        has = held.lines if held is not None else {"A": 0}
        sku = sorted(has)[which % len(has)]
        back = (line(sku, quantity),)
        change = self.run(lambda books: holds.release(books, id, back), self.of(id))
        if known.status is Status.RELEASED:
            assert change == Change()
            return
        may = held is not None and not held.ordered
        assert (change is not None) is (may and has[sku] >= quantity)
        if held is not None and change is not None:
            left = {of: units - (quantity if of == sku else 0) for of, units in has.items()}
            self.live[id] = Noted(held.channel, {of: units for of, units in left.items() if units})
            if not self.live[id].lines:
                del self.live[id], self.until[id]

    def order(self, id: str, lines: tuple[Line, ...], delivery: Delivery) -> Order:
        """One that nobody has paid, of things that cost the same."""
        order_lines = tuple(
            OrderLine(
                f"{id}.{at}", line.sku, line.sku, line.quantity, Money(100, "CNY"),
                components=line.components,
            )
            for at, line in enumerate(lines)
        )  # fmt: skip
        return Order(
            id, id, "web", OrderStatus.PENDING, order_lines, "CNY", self.now, self.now, "me",
            delivery=delivery,
        )  # fmt: skip

    @rule(target=ordered, id=made, delivery=st.sampled_from([SHIP, PICKUP]), paid=st.booleans())
    def place(self, id: str, delivery: Delivery, paid: bool) -> Made:
        """From a hold, which is pinned again where the delivery asks for it."""
        order_id = self.id("O")
        known, noted = self.known.reservations.get(id), self.live.get(id)
        order = self.order(order_id, known.lines if known else (line("A", 1),), delivery)
        may = noted is not None and not noted.ordered and noted.channel == "web"
        change = self.placed(order, delivery, paid, id)
        if delivery is SHIP or not may:  # every place ships what it holds
            assert (change is not None) is may
        if noted is not None and change is not None:
            noted.ordered = True
            own = [pin for pin in change.pins if pin.quantity and pin.reservation == id]
            assert {pin.location for pin in own} <= ({"S"} if delivery is PICKUP else {"W", "S"})
            assert {pin.tentative for pin in own} == {delivery is SHIP and not paid}
        return multiple() if change is None else order_id

    def placed(
        self, order: Order, delivery: Delivery, paid: bool, id: str | None = None
    ) -> Change | None:
        held = tuple(line(of.sku, of.quantity) for of in order.lines)
        hold = self.ask(self.id("R"), held, 0, exactly=delivery.location, method=delivery.method)
        payments = (Payment("CARD", order.total, self.now),) if paid else ()
        ask = checkout.Checkout(order, hold, {"W": "erp"}, "me", 1800, payments, id)
        sees = Scope(frozenset(hold.units)) | (self.of(id) if id else Scope())
        change = self.run(lambda books: checkout.place(books, ask), sees)
        if change is not None:
            made = id or hold.id
            self.live.setdefault(
                made, Noted("web", {line.sku: line.quantity for line in held}, ordered=True)
            )
            self.until[made] = None if paid else self.now + timedelta(seconds=1800)
            self.kept_promises(change)
            self.others_stay_as_they_are(change, made)
        return change

    @rule(target=ordered, sku=st.sampled_from(SKUS), quantity=units, paid=st.booleans())
    def buy_in_the_shop(self, sku: str, quantity: int, paid: bool) -> Made:
        """Straight from the shelf; others' units make room, and stay what they are."""
        order_id, room = self.id("O"), self.room(sku, "S")
        order = self.order(order_id, (line(sku, quantity),), PICKUP)
        change = self.placed(order, PICKUP, paid)
        assert (change is not None) is (room >= quantity)
        return multiple() if change is None else order_id

    @rule(target=ordered, lines=lines)
    def buy(self, lines: tuple[Line, ...]) -> Made:
        """Holds and pays at once."""
        made = self.reserve(lines, 60, None)
        return self.place(made, SHIP, True) if isinstance(made, str) else made

    @rule(id=ordered)
    def pay(self, id: str) -> None:
        order = self.known.orders[id]
        payment = Payment("CARD", order.total, self.now)
        waits = self.until.get(order.reservation_id or "") is not None
        change = self.run(
            lambda books: checkout.record_payment(books, id, payment, "till", {}), self.of(id)
        )
        assert (change is not None) is waits
        if change is not None:
            assert change.orders[0].status is OrderStatus.CONFIRMED
            self.until[change.reservations[0].id] = None

    @rule(id=ordered)
    def cancel(self, id: str) -> None:
        """As long as it waits or is whole: nothing of it has left."""
        held = self.known.orders[id].reservation_id or ""
        left = any(units for (of, _, _), units in self.gone.items() if of == held)
        may = held in self.live and not left
        change = self.run(lambda books: checkout.call_off(books, id, "me", {}), self.of(id))
        assert (change is not None) is may
        if change is not None:
            del self.live[held], self.until[held]

    @rule(id=ordered, which=st.integers(0, 3), total=units)
    def depart(self, id: str, which: int, total: int) -> None:
        """Said twice at once: the second time changes nothing."""
        reservation = self.known.reservations[self.known.orders[id].reservation_id or ""]
        if reservation.status is not Status.COMMITTED:
            return
        backed = self.pins_of(reservation.id)
        sku, at = backed[which % len(backed)].sku, backed[which % len(backed)].location
        before = self.gone[reservation.id, sku, at]
        here = self.stream(sku).pins.get((reservation.id, at))
        sold = before + (here.quantity if here else 0)
        told = facts.Left(id, sku, at, sold, min(total, sold), "erp", f"{id}/{at}")
        sees = Scope(frozenset([sku]), frozenset([reservation.id]), frozenset([id]))
        self.run(lambda books: facts.depart(books, told), sees, fact=True)
        fresh = max(0, min(total, sold) - before)
        self.shelf[sku, at] -= fresh
        self.gone[reservation.id, sku, at] += fresh
        self.live[reservation.id].units[sku] -= fresh
        assert self.run(lambda books: facts.depart(books, told), sees, fact=True) == Change()
        if not +self.live[reservation.id].units:
            del self.live[reservation.id], self.until[reservation.id]

    @rule(sku=st.sampled_from(SKUS), at=st.sampled_from("WS"), on_hand=st.integers(0, 9))
    def count(self, sku: str, at: str, on_hand: int) -> None:
        """A system's word; an older one that comes late is not believed."""
        changed = self.counted(sku, at, on_hand)
        self.counted(sku, at, 99, late=1)
        if changed:
            self.nothing_is_left_to_move(sku)

    def counted(self, sku: str, at: str, on_hand: int, late: int = 0) -> bool:
        """Says whether it changed what lies there."""
        self.watermark += not late
        told = facts.Count(Feed("erp", "stock", at, self.watermark - late), {sku: (on_hand, 0)})
        sees = Scope(frozenset([sku]), feeds=frozenset([told.feed.key]))
        change = self.run(eased(lambda books: facts.count(books, told)), sees, fact=True)
        if not late:
            self.shelf[sku, at] = on_hand
        return change is not None and bool(change.entries)

    @rule(sku=st.sampled_from(SKUS), at=st.sampled_from("WS"), delta=st.integers(-3, 3))
    def correct(self, sku: str, at: str, delta: int) -> None:
        """A person's word; nothing can go that is not there."""
        told = facts.Correction(self.id("C"), sku, at, EntryKind.ADJUSTMENT, "DAMAGE", delta)
        change = self.run(eased(lambda books: facts.correct(books, told)), Scope(frozenset([sku])))
        assert (change is not None) is (self.shelf[sku, at] + delta >= 0)
        if change is not None:
            self.shelf[sku, at] += delta
            if change.entries:
                self.nothing_is_left_to_move(sku)


def eased(decide: Decide) -> Decide:
    """What a fact decides, and what moves away from where it leaves less than is promised."""

    def decided(books: Books) -> Change:
        ground = replace(GROUND, now=books.now, rules=books.rules)
        return relieved(books, decide(books), ground)

    return decided


class StockInStore(InStore, Stock):
    """The same lives in a real store."""


Stock.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
StockInStore.TestCase.settings = settings(max_examples=25, stateful_step_count=60, deadline=None)
test_stock = Stock.TestCase
test_stock_in_a_store_whose_process_ends = StockInStore.TestCase
