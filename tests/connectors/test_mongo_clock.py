"""A process's clock against the server's: corrected, or refused when it is too far off (S6)."""

from datetime import datetime, timedelta

import pytest

from connectors.stores.mongo.clock import ClusterClock
from connectors.stores.unusable import StoreUnusable
from tests.contract.shop import NOON

SECOND = timedelta(seconds=1)


class Clocks:
    """A process's clock and a server's, which is some time ahead and takes a while to answer."""

    def __init__(self, ahead: timedelta, *answers: float) -> None:
        self.now = NOON
        self.ahead = ahead
        self.answers = list(answers)
        self.timer = 0.0
        self.cluster = ClusterClock(self.ask, lambda: self.now, lambda: self.timer)

    def pass_by(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += timedelta(seconds=seconds)
        self.timer += seconds

    async def ask(self) -> datetime:
        took = timedelta(seconds=self.answers.pop(0))
        self.now += took * 0.9  # the way there took longer than the way back
        told = self.now + self.ahead
        self.now += took * 0.1
        return told


async def test_the_quickest_answer_is_believed_to_half_of_its_time():
    clocks = Clocks(SECOND, 1.0, 0.1, 0.5)

    assert await clocks.cluster.offset() == SECOND + timedelta(seconds=0.04)


async def test_it_is_measured_again_after_a_minute_and_not_before():
    clocks = Clocks(SECOND, *[0] * 6)
    await clocks.cluster.offset()
    clocks.ahead = -SECOND

    clocks.pass_by(59.0)
    assert await clocks.cluster.offset() == SECOND
    clocks.pass_by(2.0)
    assert await clocks.cluster.offset() == -SECOND


async def test_a_clock_that_is_set_is_measured_at_once():
    clocks = Clocks(SECOND, *[0] * 9)
    await clocks.cluster.offset()

    clocks.now += SECOND  # by hand, the server's stays
    clocks.ahead = timedelta()
    assert await clocks.cluster.offset() == timedelta()

    clocks.now += 3600 * SECOND
    clocks.ahead = -3600 * SECOND
    with pytest.raises(StoreUnusable, match=r"-3600\.0 s off"):
        await clocks.cluster.offset()


@pytest.mark.parametrize(("ahead", "told"), [(2.5, r"\+2\.5 s off"), (-3.0, r"-3\.0 s off")])
async def test_a_clock_that_is_too_far_off_refuses_until_it_is_set_right(ahead, told):
    clocks = Clocks(ahead * SECOND, *[0] * 6)

    with pytest.raises(StoreUnusable, match=told):
        await clocks.cluster.offset()

    clocks.ahead = SECOND
    assert await clocks.cluster.offset() == SECOND
