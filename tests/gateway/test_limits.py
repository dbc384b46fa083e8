"""How much a caller may send, and how much a process takes on at a time."""

from pathlib import Path

import pytest
from starlette.datastructures import Address

from gateway.limits import CALLERS_MAX, Allowance, Crowd, place_of
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
