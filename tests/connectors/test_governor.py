"""How much one backend is asked: turns, rate, breaker, points (G4)."""

import asyncio
from collections.abc import Callable

import pytest

from connectors.governor import CostBucket, Governor, GovernorTerms, Lane
from resolvers.domain.breakers import BreakerState, BreakerTerms
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    UnknownOutcome,
)


class Hands:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


def governor(hands: Hands, terms: GovernorTerms | None = None) -> Governor:
    return Governor(
        "shop", terms or GovernorTerms(), timer=hands, sleep=hands.sleep, spread=lambda: 0.0
    )


async def ended(at: Governor, error: Exception | None, lane: Lane = Lane.BACKGROUND) -> None:
    async with at.turn(lane):
        if error is not None:
            raise error


def unavailable() -> Exception:
    return BackendUnavailable("down", backend="shop")


@pytest.mark.parametrize(
    "error",
    [
        unavailable,
        lambda: BackendTimedOut("late", backend="shop"),
        lambda: UnknownOutcome("lost", backend="shop"),
    ],
)
async def test_a_backend_that_does_not_answer_is_left_alone(
    hands: Hands, error: Callable[[], Exception]
) -> None:
    at = governor(hands, GovernorTerms(breaker=BreakerTerms(failures_max=2)))
    for _ in range(2):
        with pytest.raises(type(error())):
            await ended(at, error())

    assert at.standing().breaker is BreakerState.OPEN
    with pytest.raises(BackendUnavailable, match="left alone for a while"):
        await ended(at, None)

    hands.now += 1.0
    assert at.standing().breaker is BreakerState.HALF_OPEN
    await ended(at, None)
    assert at.standing().breaker is BreakerState.CLOSED


async def test_a_refusal_is_an_answer(hands: Hands) -> None:
    at = governor(hands, GovernorTerms(breaker=BreakerTerms(failures_max=1)))
    with pytest.raises(BackendRefused):
        await ended(at, BackendRefused("no", backend="shop", kind="INVALID"))

    assert at.standing().breaker is BreakerState.CLOSED


async def test_one_that_complains_is_asked_half_as_much_after_the_pause_that_it_wished(
    hands: Hands,
) -> None:
    at = governor(hands, GovernorTerms(calls_per_second=40.0))
    with pytest.raises(BackendThrottled):
        await ended(at, BackendThrottled("slow down", backend="shop", retry_after=7.0))

    assert (at.standing().calls_per_second, at.standing().silent_seconds) == (20.0, 7.0)
    await ended(at, None)
    assert hands.slept == [7.0]


async def test_good_answers_bring_the_rate_back_and_not_beyond_what_was_declared(
    hands: Hands,
) -> None:
    at = governor(hands, GovernorTerms(calls_per_second=40.0))
    with pytest.raises(BackendThrottled):
        await ended(at, BackendThrottled("slow down", backend="shop", retry_after=0.0))
    for _ in range(30):
        hands.now += 1.0
        await ended(at, None)

    assert at.standing().calls_per_second == 40.0


async def test_calls_that_were_under_way_together_are_one_complaint(hands: Hands) -> None:
    at = governor(hands)

    async def complained() -> None:
        async with at.turn():
            await asyncio.sleep(0)  # until all are under way
            raise BackendThrottled("slow down", backend="shop", retry_after=7.0)

    told = await asyncio.gather(*(complained() for _ in range(5)), return_exceptions=True)

    assert {type(error) for error in told} == {BackendThrottled}
    assert at.standing().calls_per_second == 25.0
    assert at.standing().silent_seconds == 7.0


async def test_whatever_little_rate_is_left_is_back_after_a_minute_of_good_answers(
    hands: Hands,
) -> None:
    at = governor(hands)
    for _ in range(12):
        with pytest.raises(BackendThrottled):
            await ended(at, BackendThrottled("slow down", backend="shop", retry_after=0.0))
        hands.now += 1
    assert at.standing().calls_per_second == 0.1

    for _ in range(60):
        hands.now += 1
        await ended(at, None)

    assert at.standing().calls_per_second == 50.0


async def test_work_in_the_background_leaves_turns_for_who_waits(hands: Hands) -> None:
    at = governor(hands, GovernorTerms(calls_at_once=3, live_reserved=1))
    hold = asyncio.Event()
    begun = 0

    async def hanging() -> None:
        nonlocal begun
        async with at.turn():
            begun += 1
            await hold.wait()

    stuck = [asyncio.create_task(hanging()) for _ in range(5)]
    while at.standing().waiting < 3:  # noqa: ASYNC110  # a few turns of the loop, no time
        await asyncio.sleep(0)
    assert begun == 2

    await ended(at, None, Lane.LIVE)

    hold.set()
    await asyncio.gather(*stuck)
    assert (at.standing().under_way, at.standing().waiting) == (0, 0)


async def test_who_waits_too_long_is_turned_away_and_nothing_was_sent() -> None:
    at = Governor("shop", GovernorTerms(calls_at_once=1, live_reserved=0, turn_seconds=0.01))
    async with at.turn():
        with pytest.raises(BackendUnavailable, match=r"no turn to ask it within 0\.01 s"):
            await ended(at, None)

    await ended(at, None)


async def test_a_caller_that_goes_away_while_it_asks_leaves_the_question_to_the_next(
    hands: Hands,
) -> None:
    at = governor(hands, GovernorTerms(breaker=BreakerTerms(failures_max=1)))
    with pytest.raises(BackendUnavailable):
        await ended(at, unavailable())
    hands.now += 1.0

    async def gone() -> None:
        async with at.turn():
            await asyncio.Event().wait()

    task = asyncio.create_task(gone())
    while not at.standing().under_way:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await ended(at, None)
    assert at.standing().breaker is BreakerState.CLOSED


async def test_points_are_waited_for_and_what_the_backend_says_wins(hands: Hands) -> None:
    bucket = CostBucket(1000, 50, timer=hands, sleep=hands.sleep)
    await bucket.spend(900)
    await bucket.spend(200)
    assert hands.slept == [2.0]

    bucket.told(400, 2000, 100)
    assert bucket.points == 0
    hands.now += 1
    assert bucket.points == 100
    bucket.told(30, 2000, 100)
    assert bucket.points == 30


async def test_what_a_call_did_not_cost_is_given_back_and_never_more_than_the_bucket_holds(
    hands: Hands,
) -> None:
    bucket = CostBucket(1000, 50, timer=hands, sleep=hands.sleep)
    await bucket.spend(600)
    bucket.refund(500)
    assert bucket.points == 900
    bucket.refund(500)
    assert bucket.points == 1000


async def test_an_answer_dearer_than_the_bucket_is_not_waited_for_for_ever(hands: Hands) -> None:
    bucket = CostBucket(100, 10, timer=hands, sleep=hands.sleep)
    await bucket.spend(5000)
    await bucket.spend(5000)

    assert hands.slept == [10.0]
