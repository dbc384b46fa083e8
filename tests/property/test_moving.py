"""Making room for who needs exactly one place, against every way to deal units to places (S4)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.domain.availability import Pool
from resolvers.domain.limits import loose_key
from resolvers.domain.locations import (
    Capability,
    Channel,
    ChannelKind,
    Location,
    LocationKind,
    Method,
)
from resolvers.domain.moving import Kind, loose_in, make_room, move_pins, promise_at
from resolvers.domain.stock import Pin, Position, Stream, Taker
from resolvers.domain.values import utc

NOON = utc(2026, 3, 2, 12)
CODES = ("A", "B", "C")
WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")
LIVE = Channel("live", "Live", ChannelKind.LIVE_STREAM, "CNY", locations=("A", "B"))
KINDS = (Kind("web", ""), Kind("web", "PICKUP"), Kind("live", ""))
PLACES = (
    Location("A", "A", LocationKind.STORE, capabilities=(Capability.PICKUP,)),
    Location("B", "B", LocationKind.STORE, capabilities=(Capability.PICKUP,)),
    Location("C", "C", LocationKind.WAREHOUSE, capabilities=(Capability.SHIP_FROM,)),
)
MAY = {KINDS[0]: "ABC", KINDS[1]: "AB", KINDS[2]: "AB"}
GROUND = Pool(WEB, PLACES, NOON, channels={"web": WEB, "live": LIVE})

dealt = st.dictionaries(
    st.tuples(st.sampled_from(CODES), st.sampled_from(KINDS)), st.integers(1, 2), max_size=5
).map(lambda loose: {at: units for at, units in loose.items() if at[0] in MAY[at[1]]})
spare = st.fixed_dictionaries({code: st.integers(0, 2) for code in CODES})


def stream_of(loose: Mapping[tuple[str, Kind], int], free: Mapping[str, int]) -> Stream:
    """Places that hold some loose units, one hold each, and have some more that are free."""
    pins: dict[tuple[str, str], Pin] = {}
    held = dict.fromkeys(CODES, 0)
    for at, ((place, kind), units) in enumerate(sorted(loose.items(), key=str)):
        taker = Taker(kind.channel, "2026-03-02", None, kind.method)
        pins[f"R{at}", place] = Pin(f"R{at}", "X", place, units, utc(2026, 3, 3), True, taker)
        held[place] += units
    positions = {
        code: Position("X", code, on_hand=held[code] + free[code], soft=held[code])
        for code in CODES
    }
    taken = {
        loose_key(place, kind.channel, kind.method): units for (place, kind), units in loose.items()
    }
    return Stream("X", positions, pins, taken=taken)


def dealings(units: Mapping[Kind, int]) -> Iterator[dict[str, int]]:
    """Every way to deal so many units of each kind to the places that may have them."""
    each = [kind for kind, count in units.items() for _ in range(count)]
    for places in product(*(MAY[kind] for kind in each)):
        yield {code: places.count(code) for code in CODES}


def best(loose: Mapping[tuple[str, Kind], int], free: Mapping[str, int]) -> int:
    """The most that A can have free, by trying every dealing."""
    kinds = dict.fromkeys(KINDS, 0)
    room = dict(free)
    for (place, kind), units in loose.items():
        kinds[kind] += units
        room[place] += units
    return max(
        room["A"] - has["A"]
        for has in dealings(kinds)
        if all(has[code] <= room[code] for code in CODES)
    )


@settings(max_examples=300, deadline=None)
@given(dealt, spare)
def test_a_place_gives_all_that_any_dealing_of_others_units_would_leave_it(
    loose: dict[tuple[str, Kind], int], free: dict[str, int]
) -> None:
    stream = stream_of(loose, free)
    pickup = Pool(WEB, PLACES, NOON, Method.PICKUP, channels=GROUND.channels)

    assert promise_at(stream, "A", pickup) == best(loose, free)


def test_no_unit_goes_where_it_would_eat_what_is_kept_for_people_in_the_shop() -> None:
    """B keeps one for them and has none free: its own unit may leave, and no other comes for it."""
    places = tuple(replace(at, safety_stock=int(at.code == "B")) for at in PLACES)
    stream = stream_of({("A", KINDS[2]): 1, ("B", KINDS[0]): 1}, {"A": 0, "B": 0, "C": 1})

    moves = make_room(stream, "A", 1, loose_in(stream.taken), replace(GROUND, locations=places))

    assert moves == []


@settings(max_examples=300, deadline=None)
@given(dealt, spare, st.integers(1, 4))
def test_moves_keep_every_hold_whole_and_every_place_solvent(
    loose: dict[tuple[str, Kind], int], free: dict[str, int], wanted: int
) -> None:
    stream = stream_of(loose, free)

    moves = make_room(stream, "A", wanted, loose_in(stream.taken), GROUND)
    entries, pins = move_pins(stream, moves, GROUND)

    after = {**stream.pins, **{(pin.reservation, pin.location): pin for pin in pins}}
    for id in {pin.reservation for pin in stream.pins.values()}:
        before = sum(pin.quantity for pin in stream.pins.values() if pin.reservation == id)
        now = [pin for pin in after.values() if pin.reservation == id and pin.quantity]
        assert sum(pin.quantity for pin in now) == before
        for pin in now:
            assert pin.taker is not None
            kind = Kind(pin.taker.channel, pin.taker.anywhere or "")
            assert pin.location in MAY[kind]
    moved = {code: sum(e.soft for e in entries if e.location == code) for code in CODES}
    assert sum(moved.values()) == 0
    assert -moved["A"] == min(wanted, best(loose, free) - free["A"])
    for code in "BC":
        assert moved[code] <= free[code]
