"""How many mutations a caller may send."""

from gateway.limits import CALLERS_MAX, Allowance


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
