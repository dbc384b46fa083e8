"""One retailer's stock as a person would note it on paper, for machines that live random lives.

For each hold its units by SKU, and until when; for each place what lies there and what is kept.
What may be promised is worked out by hand here, never by the code that is put to the proof.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from resolvers.domain.availability import Pool, availability, of_bundle
from resolvers.domain.backing import Hold
from resolvers.domain.books import Change, Scope
from resolvers.domain.catalog import Component
from resolvers.domain.locations import (
    Capability,
    Channel,
    ChannelKind,
    Location,
    LocationKind,
    Method,
)
from resolvers.domain.orders import Delivery
from resolvers.domain.reservation import Line, Status
from resolvers.domain.values import utc
from tests.property.keeping import OnPaper

SKUS = ("A", "B")
SET = "SET"
PARTS = (Component("A", 2), Component("B", 1))
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
TILL = Channel("till", "Till", ChannelKind.IN_STORE, "CNY")
CHANNELS = {"web": WEB, "till": TILL}
SHIP = Delivery(Method.SHIP)
PICKUP = Delivery(Method.PICKUP, "S")
GROUND = Pool(WEB, PLACES, utc(2026, 3, 2), channels=CHANNELS)


def line(sku: str, quantity: int) -> Line:
    """So many units as a caller asks for them; a set is made of its parts."""
    return Line(sku, quantity, PARTS if sku == SET else ())


units = st.integers(1, 4)
lines = st.dictionaries(st.sampled_from((*SKUS, SET)), st.integers(1, 3), min_size=1).map(
    lambda chosen: tuple(line(sku, quantity) for sku, quantity in sorted(chosen.items()))
)


def units_of(lines: Mapping[str, int]) -> Counter[str]:
    """What lies on shelves behind some lines, added up by hand."""
    sets = lines.get(SET, 0)
    return Counter({"A": lines.get("A", 0) + 2 * sets, "B": lines.get("B", 0) + sets})


@dataclass(slots=True)
class Noted:
    """A live hold on paper: its lines, what is left of them on shelves, and whose it is."""

    channel: str
    lines: dict[str, int]
    ordered: bool = False
    units: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.units = units_of(self.lines)


class Shelves(OnPaper):
    """The paper, and what it says may be promised."""

    skus = SKUS
    feeds = frozenset(("erp", "stock", at.code) for at in PLACES)

    def __init__(self) -> None:
        super().__init__()
        self.watermark = 0
        self.shelf: Counter[tuple[str, str]] = Counter()
        self.gone: Counter[tuple[str, str, str]] = Counter()
        self.live: dict[str, Noted] = {}
        self.safety = {at.code: at.safety_stock for at in PLACES}
        self.cap: int | None = None

    def ended(self, id: str) -> None:
        del self.live[id]

    def ask(self, id: str, lines: Sequence[Line], ttl: int = 1800, **more: object) -> Hold:
        asked = Hold(id, "me", WEB, tuple(lines), PLACES, ttl, channels=CHANNELS)
        return replace(asked, **more)  # type: ignore[arg-type]

    def of(self, id: str) -> Scope:
        """What a step of a hold or of an order sees: it, the other, and the SKUs behind it."""
        order = self.known.orders.get(id)
        held = self.known.reservations.get((order.reservation_id or "") if order else id)
        if held is None:
            return Scope(reservations=frozenset([id]), orders=frozenset([id]))
        behind = frozenset(pin.sku for pin in self.pins_of(held.id))
        orders = frozenset([held.order_id] if held.order_id else [])
        return Scope(behind, frozenset([held.id]), orders)

    # ---- what may be promised, by hand ---------------------------------------------------------

    def free(self, sku: str, method: Method | None) -> int:
        """What could be promised in the web, whatever the place."""
        able = "S" if method is Method.PICKUP else "WS"
        return min(sum(max(0, self.spare(sku, at)) for at in able), self.left(sku))

    def left(self, sku: str) -> int:
        """What the cap leaves, if there is one."""
        if self.cap is None:
            return 99
        taken = sum(held.units[sku] for held in self.live.values() if held.channel == "web")
        return max(0, self.cap - taken)

    def spare(self, sku: str, at: str) -> int:
        """What one place has above all that is promised and kept there; below zero it owes."""
        promised = sum(
            pin.quantity
            for pin in self.stream(sku).pins.values()
            if pin.location == at and not pin.due(self.now)
        )
        return self.shelf[sku, at] - promised - self.safety[at]

    def leaving(self, sku: str, at: str) -> int:
        """Units that could go to the other place; what somebody fetches goes to no warehouse."""
        there = "S" if at == "W" else "W"
        loose = sum(
            pin.quantity
            for pin in self.stream(sku).pins.values()
            if pin.location == at
            and not pin.due(self.now)
            and pin.tentative
            and pin.taker is not None
            and not (pin.taker.anywhere == "PICKUP" and there == "W")
        )
        return min(loose, max(0, self.spare(sku, there)))

    def room(self, sku: str, at: str) -> int:
        """What exactly one place could give the web: what is free, and what could leave it."""
        return min(max(0, self.spare(sku, at) + self.leaving(sku, at)), self.left(sku))

    # ---- what is always so --------------------------------------------------------------------

    def kept_promises(self, change: Change, *, at_the_till: bool = False) -> None:
        """Where something was just promised there is enough, and what is kept for people in the
        shop is kept, unless it was promised to one of them.
        """
        more = Counter[tuple[str, str]]()
        for entry in change.entries:
            more[entry.sku, entry.location] += entry.soft + entry.hard
        for sku, at in +more:
            kept = 0 if at_the_till and at == "S" else self.safety[at]
            assert self.stream(sku).position(at).unpromised >= kept

    def others_stay_as_they_are(self, change: Change, id: str) -> None:
        """Units that made room have moved, and nothing else."""
        for pin in change.pins:
            if pin.reservation != id:
                assert pin.tentative
                assert pin.until == self.until[pin.reservation]

    def nothing_is_left_to_move(self, sku: str) -> None:
        """A place that owes more than it has holds no unit that another place could give."""
        for at in "WS":
            if self.stream(sku).position(at).unpromised < 0:
                assert self.leaving(sku, at) == 0

    @invariant()
    def every_unit_is_where_the_paper_has_it(self) -> None:
        for sku in SKUS:
            for at in PLACES:
                assert self.stream(sku).position(at.code).on_hand == self.shelf[sku, at.code]

    @invariant()
    def every_live_hold_has_its_units(self) -> None:
        """Every one of them whole, a set's parts too; and nothing else is promised."""
        promised: dict[str, Counter[str]] = {}
        for sku in SKUS:
            for pin in self.stream(sku).pins.values():
                if not pin.due(self.now):
                    promised.setdefault(pin.reservation, Counter())[sku] += pin.quantity
        assert promised == {id: +held.units for id, held in self.live.items() if +held.units}

    @invariant()
    def every_hold_says_what_it_is(self) -> None:
        for id, held in self.live.items():
            known = self.known.reservations[id].seen_at(self.now)
            assert known.status is (Status.COMMITTED if self.until[id] is None else Status.HELD)
            assert {line.sku: line.quantity for line in known.lines} == held.lines

    @invariant()
    def what_may_be_promised_is_what_the_paper_says_and_adds_up(self) -> None:
        rules = self.known.rules
        for method in (None, Method.SHIP, Method.PICKUP):
            pool = replace(GROUND, now=self.now, method=method, rules=rules)
            parts = {sku: availability(self.stream(sku), pool) for sku in SKUS}
            for sku, told in parts.items():
                assert told.available == self.free(sku, method)
                assert told.available == sum(term.quantity for term in told.terms)
            sets = of_bundle(SET, PARTS, parts)
            assert sets.available == min(parts["A"].available // 2, parts["B"].available)
