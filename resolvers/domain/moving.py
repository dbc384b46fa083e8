"""Making room: units held at a place that nobody asked for move on, where another would do as well.

A buyer who needs exactly one shop's unit is not refused because of a tentative pin there. Units of
one *kind* (a channel, and a method that the place must be able to do) may move to any place that
could promise them; where it is full of other tentative units, those move on first: augmenting paths
over kinds and places, so that room is found wherever there is any. Pure; units are whole.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from resolvers.domain.availability import Pool, covers, offer, open_to, protections, safety_of
from resolvers.domain.limits import LOOSE, taken_at
from resolvers.domain.locations import Channel, Location, Method
from resolvers.domain.rules import RuleBook, RuleKind
from resolvers.domain.stock import (
    EntryKind,
    Pin,
    Position,
    StockEntry,
    Stream,
    TakenKey,
    Taker,
    as_of,
)

PATHS_MAX = 1000
"""Most paths that one search walks: each moves at least a unit."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Units that may stand in for each other: of one channel, at any place able to do a method."""

    channel: str
    method: str


Loose = Mapping[tuple[str, Kind], int]
"""Units by place and kind that are held there though another place would do."""


@dataclass(frozen=True, slots=True)
class Move:
    """So many units of a kind that go from one place to another."""

    kind: Kind
    origin: str
    target: str
    units: int


def loose_in(taken: Mapping[TakenKey, int]) -> dict[tuple[str, Kind], int]:
    """What is loose, by a SKU's counts."""
    found: dict[tuple[str, Kind], int] = {}
    for (kind, name), units in taken.items():
        if kind == LOOSE and units > 0:
            place, channel, method = name.split("\x1f")
            found[place, Kind(channel, method)] = units
    return found


def loose_among(pins: Iterable[Pin]) -> dict[tuple[str, Kind], int]:
    """What is loose among some pins."""
    found: dict[tuple[str, Kind], int] = {}
    for pin in pins:
        if (kind := _kind_of(pin)) is not None:
            at = (pin.location, kind)
            found[at] = found.get(at, 0) + pin.quantity
    return found


def _kind_of(pin: Pin) -> Kind | None:
    taker = pin.taker
    if pin.until is None or taker is None or taker.anywhere is None:
        return None
    return Kind(taker.channel, taker.anywhere)


def make_room(stream: Stream, place: str, wanted: int, loose: Loose, pool: Pool) -> list[Move]:
    """Moves that free up to ``wanted`` units of a place, in an order in which each is possible.

    The stream holds nothing that is due. Of the pool all but its channel, method and place counts.
    """
    search = _Search(stream, loose, pool)
    moves: list[Move] = []
    left = wanted
    for _ in range(PATHS_MAX):
        path = search.path_from(place) if left > 0 else []
        if not path:
            break
        units = min(left, search.room(path[-1]), *(search.loose[step[0], step[1]] for step in path))
        assert units > 0
        moves += search.walk(path, units)
        left -= units
    return moves


def promise_at(stream: Stream, place: str, pool: Pool) -> int:
    """What a place can promise to a buyer who needs exactly it: what is free there once others'
    tentative units have moved as far as they can.
    """
    positions, taken = as_of(stream, pool.now), taken_at(stream, pool.now)
    now = Stream(stream.sku, positions, taken=taken)
    loose = loose_in(taken)
    here = sum(units for (at, _), units in loose.items() if at == place)
    moves = make_room(now, place, here, loose, pool) if here else []
    freed = sum(move.units for move in moves if move.origin == place)
    if freed:
        position = positions[place]
        positions[place] = replace(position, soft=position.soft - freed)
    return offer(stream.sku, positions, taken, pool).by_location.get(place, 0)


_Step = tuple[str, Kind, str]  # from, what, to


class _Search:
    """One SKU's places while units move among them."""

    def __init__(self, stream: Stream, loose: Loose, pool: Pool) -> None:
        self.positions = dict(stream.positions)
        self.loose = {at: units for at, units in loose.items() if units > 0}
        self._sku = stream.sku
        self._taken = stream.taken
        self._pools: dict[Kind, Pool] = {}
        self._open: dict[Kind, dict[str, Location]] = {}
        self._fenced: dict[Kind, frozenset[str]] = {}
        kinds = {kind for _, kind in self.loose if kind.channel in pool.channels}
        for kind in sorted(kinds, key=lambda kind: (kind.channel, kind.method)):
            of_kind = self._pools[kind] = _pool_for(pool, kind, pool.channels[kind.channel])
            places = self._open[kind] = {at.code: at for at in open_to(of_kind, stream.sku)}
            rules = protections(stream.sku, of_kind)
            self._fenced[kind] = frozenset(
                code for code, at in places.items() if any(covers(rule, at) for rule in rules)
            )
        self._free: dict[Kind, Mapping[str, int]] = {}

    def path_from(self, place: str) -> list[_Step]:
        """The shortest chain of moves out of a place that ends where there is room."""
        came: dict[str, _Step] = {}
        waiting = deque([place])
        while waiting:
            here = waiting.popleft()
            for step in self._steps(here):
                there = step[2]
                if there == place or there in came:
                    continue
                came[there] = step
                if self.room(step) > 0:
                    return _traced(came, there, place)
                if self._may_pass(step):
                    waiting.append(there)
        return []

    def room(self, step: _Step) -> int:
        """Units of a kind that a place could promise as things stand."""
        _, kind, there = step
        if kind not in self._free:
            found = offer(self._sku, self.positions, self._taken, self._pools[kind])
            self._free[kind] = found.by_location
        return self._free[kind].get(there, 0)

    def walk(self, path: list[_Step], units: int) -> list[Move]:
        """Moves units along a path, its end first."""
        for at, change in ((path[0][0], -units), (path[-1][2], units)):
            position = self.positions.get(at) or Position(self._sku, at)
            self.positions[at] = replace(position, soft=position.soft + change)
        for origin, kind, target in path:
            self.loose[origin, kind] -= units
            self.loose[target, kind] = self.loose.get((target, kind), 0) + units
        self._free.clear()
        return [Move(kind, origin, target, units) for origin, kind, target in reversed(path)]

    def _steps(self, here: str) -> Iterable[_Step]:
        for kind, places in self._open.items():
            if self.loose.get((here, kind), 0) > 0:
                for there in places:
                    if there != here:
                        yield here, kind, there

    def _may_pass(self, step: _Step) -> bool:
        """Says whether a place could keep units of a kind in exchange for as many of another: not
        where it lacks what is kept for people in the shop, or a part is kept for other channels.
        """
        _, kind, there = step
        position = self.positions.get(there)
        if position is None or there in self._fenced[kind]:
            return False
        safety, _ = safety_of(position, self._open[kind][there], self._pools[kind])
        return position.unpromised >= safety


def _pool_for(pool: Pool, kind: Kind, channel: Channel) -> Pool:
    """What units of a kind are looked for in. Limits are none of a move's: it takes nothing."""
    unlimited = tuple(rule for rule in pool.rules.rules if rule.kind in _PLACES)
    return replace(
        pool,
        channel=channel,
        method=Method(kind.method) if kind.method else None,
        exactly=None,
        member=None,
        in_shop=False,
        rules=RuleBook(pool.rules.version, unlimited),
    )


_PLACES = (
    RuleKind.SAFETY_STOCK,
    RuleKind.PROTECTION,
    RuleKind.POOL_EXCLUDE,
    RuleKind.PICKUP_EXCLUDE,
)


def _traced(came: Mapping[str, _Step], end: str, start: str) -> list[_Step]:
    path: list[_Step] = []
    at = end
    while at != start:
        path.append(came[at])
        at = came[at][0]
    return path[::-1]


def move_pins(
    stream: Stream, moves: Iterable[Move], pool: Pool
) -> tuple[list[StockEntry], list[Pin]]:
    """Entries of some moves and the pins as they are then, the eldest hold first.

    The stream holds every pin of the holds that it takes from.
    """
    pins = {(pin.reservation, pin.location): pin for pin in stream.pins.values()}
    entries: list[StockEntry] = []
    changed: dict[tuple[str, str], Pin] = {}
    for move in moves:
        left = move.units
        here = [pin for pin in pins.values() if pin.location == move.origin]
        for pin in sorted(here, key=lambda pin: pin.reservation):
            units = min(left, pin.quantity) if _kind_of(pin) == move.kind else 0
            if not units:
                continue
            there = pins.get((pin.reservation, move.target)) or replace(
                pin, location=move.target, quantity=0
            )
            for after in (
                replace(pin, quantity=pin.quantity - units),
                replace(there, quantity=there.quantity + units),
            ):
                at = (after.reservation, after.location)
                pins[at] = changed[at] = after
            entries += [
                _moved(pin, move.origin, -units, pin.taker, pool),
                _moved(pin, move.target, units, pin.taker, pool),
            ]
            left -= units
        assert left == 0, "a move takes what is loose there"
    return entries, list(changed.values())


def settle(pins: Iterable[Pin], pool: Pool) -> tuple[list[StockEntry], list[Pin]]:
    """Pins that stay where they are but are wanted otherwise from now on: just there, or anywhere
    able to do another method.
    """
    anywhere = (pool.method or "") if pool.exactly is None else None
    entries: list[StockEntry] = []
    settled: list[Pin] = []
    for pin in pins:
        taker = pin.taker and replace(pin.taker, anywhere=anywhere)
        settled.append(replace(pin, taker=taker, tentative=anywhere is not None))
        if taker != pin.taker:
            entries += [
                _moved(pin, pin.location, -pin.quantity, pin.taker, pool),
                _moved(pin, pin.location, pin.quantity, taker, pool),
            ]
    return entries, settled


def _moved(pin: Pin, place: str, units: int, taker: Taker | None, pool: Pool) -> StockEntry:
    return StockEntry(
        EntryKind.MOVE,
        pin.sku,
        place,
        pin.reservation,
        "gateway",
        pool.now,
        soft=units,
        taker=taker,
    )
