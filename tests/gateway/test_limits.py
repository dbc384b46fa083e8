"""How much a caller may send, and how much a process takes on at a time."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.datastructures import Address

from gateway.limits import (
    BEAT_SECONDS,
    CALLERS_MAX,
    CALM_SECONDS,
    FEW,
    STANDING_MAX,
    STANDING_SECONDS,
    Allowance,
    Crowd,
    beating,
    place_of,
)
from tests.gateway.house import opened


class Watch:
    """A clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_second_has_its_worth_and_no_more() -> None:
    watch = Watch()
    allowance = Allowance(4, watch)

    taken = [allowance.take("a", 1) for _ in range(5)]
    watch.now += 0.25
    later = [allowance.take("a", 1) for _ in range(2)]

    assert taken == [0.0, 0.0, 0.0, 0.0, 0.25]
    assert later == [0.0, 0.25]


def test_silence_fills_the_bucket_to_the_brim_only() -> None:
    watch = Watch()
    allowance = Allowance(2, watch)
    allowance.take("a", 2)

    watch.now += 3600

    assert [allowance.take("a", 1) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_callers_do_not_share() -> None:
    allowance = Allowance(1, Watch())

    assert [allowance.take(caller, 1) for caller in ("a", "b", "a")] == [0.0, 0.0, 1.0]


def test_a_request_larger_than_the_bucket_passes_once_and_is_paid_off() -> None:
    watch = Watch()
    allowance = Allowance(2, watch)

    assert allowance.take("a", 10) == 0.0
    assert allowance.take("a", 1) == 4.5

    watch.now += 4.5
    assert allowance.take("a", 1) == 0.0


def test_nothing_per_second_is_no_limit() -> None:
    allowance = Allowance(0, Watch())

    assert {allowance.take("a", 1000) for _ in range(1000)} == {0.0}


def test_only_so_many_callers_are_remembered() -> None:
    allowance = Allowance(1, Watch())
    allowance.take("first", 1)

    for at in range(CALLERS_MAX - 1):
        allowance.take(str(at), 1)

    assert allowance.take("first", 1) == 1.0
    allowance.take("one more", 1)
    assert allowance.take("0", 1) == 0.0


def test_points_are_saved_up_to_the_brim_and_flow_back_steadily() -> None:
    watch = Watch()
    budget = Allowance(10, watch, saved_max=100)

    assert (budget.left("a"), budget.take("a", 90), budget.left("a")) == (100, 0.0, 10)
    assert budget.take("a", 30) == 2.0

    watch.now += 2
    assert (budget.take("a", 30), budget.left("a")) == (0.0, 0)

    watch.now += 3600
    assert budget.left("a") == 100
    assert (budget.take("a", 150), budget.left("a")) == (0.0, 0)
    assert budget.take("a", 1) == 5.1


def test_a_process_knows_when_it_has_enough_to_do() -> None:
    crowd, endless = Crowd(2), Crowd(0)

    with crowd.one_more(), endless.one_more():
        assert (crowd.full, endless.full) == (False, False)
        with crowd.one_more():
            full = crowd.full
        assert (full, crowd.full) == (True, False)
    assert crowd.under_way == 0


def ended(crowd: Crowd, watch: Watch, times: int, seconds: float) -> None:
    """Has operations end at a pace, with as many under way as there were."""
    for _ in range(times):
        with crowd.one_more():
            watch.now += seconds


def late(crowd: Crowd, watch: Watch, seconds: float) -> None:
    """Has the event loop be late by so much, and beat again."""
    crowd.beat()
    watch.now += BEAT_SECONDS + seconds
    crowd.beat()


def under_way(crowd: Crowd, stack: ExitStack, times: int) -> None:
    for _ in range(times):
        stack.enter_context(crowd.one_more())


@pytest.mark.parametrize(
    ("seconds", "full"),  # 45 of them take 0.45 s, 0.9 s and 0.225 s
    [(0.01, False), (0.02, True), (0.005, False)],
)
def test_who_would_wait_too_long_for_those_before_is_not_let_in(seconds: float, full: bool) -> None:
    watch = Watch()
    crowd = Crowd(0, wait_seconds=0.5, clock=watch)
    with ExitStack() as stack:
        under_way(crowd, stack, 45)
        ended(crowd, watch, 1000, seconds)
        late(crowd, watch, 0.02)
        found = crowd.full

    assert (found, crowd.full) == (full, False)


def test_a_load_that_stands_may_wait_a_fifth_as_long_as_a_burst() -> None:
    watch = Watch()
    crowd = Crowd(0, wait_seconds=0.5, clock=watch)
    late(crowd, watch, 1.0)  # the event loop is behind
    told = []
    with ExitStack() as more, ExitStack() as stack:
        under_way(crowd, stack, 9)
        ended(crowd, watch, 1000, 0.01)  # 9 of them take 0.09 s
        under_way(crowd, more, 3)
        for seconds in (0.02, STANDING_SECONDS - 0.1, 0.2):
            late(crowd, watch, seconds)
            told.append(crowd.full)
        more.close()
        ended(crowd, watch, 1000, 0.01)
        late(crowd, watch, 0.02)
        told.append(crowd.full)  # below its bound, and not by half
        under_way(crowd, more, 3)
        told.append(crowd.full)
        more.close()
        stack.close()
        late(crowd, watch, CALM_SECONDS)  # it is over
        late(crowd, watch, 0.02)
        under_way(crowd, more, 12)
        ended(crowd, watch, 1000, 0.01)
        late(crowd, watch, 0.02)
        told.append(crowd.full)

    assert told == [False, False, True, False, True, False]


@pytest.mark.parametrize(("usually", "bounded"), [(0.02, True), (0.005, False)])
def test_of_a_load_that_stands_so_many_are_let_in_while_the_loop_is_late(
    usually: float, *, bounded: bool
) -> None:
    watch = Watch()
    crowd = Crowd(0, wait_seconds=0.5, clock=watch)

    def full(under: int, seconds: float) -> bool:
        """Whether there is no room after so long with so many under way, and one long step."""
        with ExitStack() as stack:
            under_way(crowd, stack, under)
            ended(crowd, watch, 1000, 0.0001)  # all of them take less than a hundredth of a second
            until = watch.now + seconds
            while watch.now < until:
                late(crowd, watch, usually)
            late(crowd, watch, 0.02)
            return crowd.full

    burst = full(STANDING_MAX, STANDING_SECONDS / 2)
    stands = full(STANDING_MAX, 2 * STANDING_SECONDS), full(STANDING_MAX - 1, 0.1)
    still = full(0, CALM_SECONDS / 2), full(STANDING_MAX, 0.1)
    over = full(0, 2 * CALM_SECONDS), full(STANDING_MAX, 0.1)

    assert burst is False
    assert stands == (bounded, False)
    assert still == (False, bounded)
    assert over == (False, False)


def test_nobody_waits_longer_in_a_load_that_stood_than_in_a_burst() -> None:
    watch = Watch()
    crowd = Crowd(0, wait_seconds=0.5, clock=watch)
    with ExitStack() as stack:
        under_way(crowd, stack, STANDING_MAX)
        ended(crowd, watch, 1000, 0.01)  # all of them take 0.64 s
        for _ in range(10):
            late(crowd, watch, 0.2)
        for _ in range(80):
            late(crowd, watch, 0.0)  # on the average the event loop is in time again
        late(crowd, watch, 0.02)

        assert crowd.full


def test_a_process_that_waits_for_others_is_not_busy() -> None:
    watch = Watch()
    crowd = Crowd(0, wait_seconds=0.5, clock=watch)
    with ExitStack() as stack:
        under_way(crowd, stack, 500)
        ended(crowd, watch, 200, 2.0)  # a backend that takes its time
        late(crowd, watch, 0.009)
        waiting = crowd.full
        late(crowd, watch, 0.011)
        busy = crowd.full
        late(crowd, watch, 0.0)
        free = crowd.full
        watch.now += 0.5  # and the next beat is overdue
        stuck = crowd.full

    assert (waiting, busy, free, stuck) == (False, True, False, True)


def test_a_few_are_let_in_however_slow_those_before_are() -> None:
    watch = Watch()
    crowd, unbounded = Crowd(0, wait_seconds=0.5, clock=watch), Crowd(0, clock=watch)
    with ExitStack() as stack:
        under_way(crowd, stack, FEW - 1)
        under_way(unbounded, stack, FEW)
        for one in (crowd, unbounded):
            ended(one, watch, 200, 60.0)
            late(one, watch, 60.0)
        few = crowd.full
        under_way(crowd, stack, 1)

        assert (few, crowd.full, unbounded.full) == (False, True, False)


def test_time_without_anything_to_do_says_nothing_of_the_pace() -> None:
    watch = Watch()
    crowd = Crowd(0, wait_seconds=0.5, clock=watch)
    for _ in range(200):
        watch.now += 3600
        ended(crowd, watch, 1, 0.01)
    with ExitStack() as stack:
        under_way(crowd, stack, FEW)
        late(crowd, watch, 60.0)

        assert not crowd.full


async def test_the_event_loop_is_asked_how_late_it_is() -> None:
    beats = []

    class Counted(Crowd):
        def beat(self) -> None:
            super().beat()
            beats.append(1)

    async with beating(Counted(0, 0.5)):
        async with asyncio.timeout(30):
            while len(beats) < 2:  # noqa: ASYNC110  # it is real time that passes
                await asyncio.sleep(0)
    before = len(beats)
    await asyncio.sleep(0)

    assert len(beats) == before


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("no:address", "no:address"),
    ],
)
def test_an_address_is_counted_by_its_place(address: str, place: str) -> None:
    assert place_of(address) == place


async def test_who_has_many_addresses_of_one_network_is_one_caller(tmp_path: Path) -> None:
    house = await opened(tmp_path)

    callers = [
        await house.desk.caller(None, Address(host, 5))
        for host in ("2001:db8:1:2::1", "2001:db8:1:2::2")
    ]

    assert [caller.address for caller in callers] == ["2001:db8:1:2::/64"] * 2
    await house.runtime.close()
