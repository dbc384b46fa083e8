"""The arithmetic of the race with others: nothing is compared that should not be (S4, G5)."""

import math

import pytest

from bench.peers.figures import (
    Books,
    Case,
    Heard,
    Kind,
    Run,
    Summary,
    costs,
    judged,
    oversold,
    percentile,
    rate,
    ratio,
    saving,
    summed,
)

CASE = Case(Kind.HOLD, processes=1, buyers=50, units=10)


def heard(*accepted_at: float, seconds: float = 10.0, cut: bool = False) -> Heard:
    return Heard(accepted_at, accepted_at, 3, {"500 no": 2}, 1 if cut else 0, seconds, cut, cpu=0.5)


def run(accepted_per_second: float, cpu_ms: float | None = 1.0) -> Run:
    return Run(
        buyers=50,
        accepted=10,
        accepted_per_second=accepted_per_second,
        answers_per_second=50.0,
        p50_ms=1.0,
        p99_ms=2.0,
        refused=40,
        failed=0,
        unanswered=0,
        oversold=0,
        uncounted=0,
        cpu_ms=cpu_ms,
        seconds=1.0,
        cut=False,
        reasons={},
    )


def summary(*rates: float) -> Summary:
    return summed([run(rate) for rate in rates])


@pytest.mark.parametrize(
    ("share", "value"), [(0.01, 1.0), (0.50, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    measured = [float(at) for at in range(100, 0, -1)]

    assert percentile(measured, share) == value


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(
    ("accepted", "sold", "units", "too_many"),
    [
        (10, 10, 10, 0),
        (9, 9, 10, 0),
        (16, 16, 10, 6),  # buyers were told so, and the books agree
        (16, 10, 10, 6),  # the books have lost what buyers were told
        (10, 13, 10, 3),  # sold to buyers who no longer waited
    ],
)
def test_oversold_is_whichever_is_more_of_what_was_told_and_what_is_booked(
    accepted: int, sold: int, units: int, too_many: int
) -> None:
    assert oversold(accepted, sold, units) == too_many


def test_a_rate_ends_with_the_last_promise() -> None:
    assert rate(heard(1.0, 2.0, 4.0), units=3) == 0.75


def test_a_race_that_was_cut_off_with_units_left_counts_over_the_time_it_had() -> None:
    assert rate(heard(1.0, 2.0, 4.0, seconds=60.0, cut=True), units=10) == 0.05


def test_a_race_that_was_cut_off_after_its_last_unit_counts_until_that() -> None:
    assert rate(heard(1.0, 2.0, 4.0, seconds=60.0, cut=True), units=3) == 0.75


def test_a_race_in_which_nothing_was_accepted_has_the_rate_nought() -> None:
    found = judged(CASE, 50, heard(), Books(0, 0))

    assert found.accepted_per_second == 0
    assert found.p50_ms is found.p99_ms is found.cpu_ms is None


def test_a_race_is_judged_by_what_was_heard_and_what_is_booked() -> None:
    found = judged(CASE, 50, heard(1.0, 4.0), Books(sold=100, counted=7).since(Books(97, 6)))

    assert found.accepted == 2
    assert found.answers_per_second == 0.7  # two promises, three refusals, two failures in 10 s
    assert (found.refused, found.failed, found.unanswered) == (3, 2, 0)
    assert (found.oversold, found.uncounted) == (0, 2)
    assert found.cpu_ms == 250.0


def test_rounds_are_summed_up_by_median_best_and_spread() -> None:
    found = summary(10.0, 8.0, 9.0)

    assert (found.rounds, found.median, found.best) == (3, 9.0, 10.0)
    assert found.spread == pytest.approx(2 / 9)


def test_our_median_is_compared_with_the_best_round_of_a_peer() -> None:
    assert ratio(summary(90.0, 100.0, 110.0), summary(4.0, 4.5, 5.0)) == 20.0


@pytest.mark.parametrize(
    ("ours", "peer", "why"),
    [
        ((90.0, 100.0, 121.0), (5.0, 5.0, 5.0), "none: spread 31% (ours)"),
        ((100.0, 100.0, 100.0), (4.0, 5.0, 5.51), "none: spread 30% (the peer's)"),
        ((100.0, 100.0), (5.0, 5.0, 5.0), "none: 2 of 3 rounds (ours)"),
        ((100.0, 100.0, 100.0), (5.0,), "none: 1 of 3 rounds (the peer's)"),
        (
            (100.0, 100.0, 100.0),
            (0.0, 5.0, 5.0),
            "none: a round in which nothing was accepted (the peer's)",
        ),
    ],
)
def test_there_is_no_ratio_of_runs_that_disagree_are_too_few_or_sold_nothing(
    ours: tuple[float, ...], peer: tuple[float, ...], why: str
) -> None:
    assert ratio(summary(*ours), summary(*peer)) == why


def test_runs_whose_spread_is_just_so_wide_are_compared() -> None:
    assert ratio(summary(85.0, 100.0, 115.0), summary(5.0, 5.0, 5.0)) == 20.0


def test_a_round_of_nought_has_no_end_of_spread() -> None:
    assert summary(0.0, 1.0, 1.0).spread == math.inf


def test_the_cheapest_round_of_a_peer_is_compared_with_our_median_cost() -> None:
    ours = costs([run(1.0, cpu_ms=cost) for cost in (3.5, 4.0, 4.5)])
    peer = costs([run(1.0, cpu_ms=cost) for cost in (60.0, 65.0, 70.0)])

    assert saving(ours, peer) == 15.0


def test_a_round_whose_cost_nobody_knows_is_compared_with_nothing() -> None:
    known = costs([run(1.0, cpu_ms=4.0)] * 3)
    unknown = costs([run(0.0, cpu_ms=None), *[run(1.0, cpu_ms=60.0)] * 2])

    assert saving(known, unknown) == "none: a round in which nothing was accepted (the peer's)"
