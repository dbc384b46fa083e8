"""The race itself, with a shop that is a counter: it ends in time and says what it saw (S4, G5)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest

from bench.peers.carts import Carts
from bench.peers.figures import Books, Case, Kind
from bench.peers.race import Bounds, Failed, Outcome, race

CASE = Case(Kind.HOLD, processes=1, buyers=4, units=3)
BOUNDS = Bounds(hold=5.0, cut=0.2, prepare=1.0)


class Counter:
    """A shop that promises what is free; the n-th question may be answered in another way."""

    name = "counter"
    steps: Mapping[Kind, str] = {Kind.HOLD: "counts"}

    def __init__(self, answers: Callable[[int], str] = lambda _: "", *, generous: int = 0) -> None:
        self.free = self.sold = self.asked = self.restarts = 0
        self.answers = answers
        self.generous = generous

    async def stocked(self, case: Case) -> None:
        self.free = case.units + self.generous

    async def ready(self, case: Case, seconds: float) -> Sequence["Customer"]:
        return [Customer(self) for _ in range(case.buyers)]

    async def books(self) -> Books:
        return Books(self.sold, self.sold)

    async def restarted(self) -> None:
        self.restarts += 1


class Customer:
    wants_more = True

    def __init__(self, shop: Counter) -> None:
        self.shop = shop
        self.connected = 0

    async def connects(self) -> None:
        self.connected += 1

    async def buys(self) -> Outcome:
        assert self.connected == 1
        self.shop.asked += 1
        told = self.shop.answers(self.shop.asked)
        if told == "silence":
            await asyncio.Event().wait()
        if told == "hangs up":
            raise ConnectionResetError
        if told:
            raise Failed(told)
        if self.shop.free == 0:
            return Outcome.REFUSED
        self.shop.free -= 1
        self.shop.sold += 1
        return Outcome.ACCEPTED

    def close(self) -> None:
        self.connected = 0


async def test_buyers_go_on_until_nothing_is_left() -> None:
    found = await race(Counter(), CASE, BOUNDS)

    assert (found.accepted, found.refused, found.oversold, found.failed) == (3, 4, 0, 0)
    assert not found.cut


async def test_what_a_shop_promises_beyond_its_units_is_oversold() -> None:
    found = await race(Counter(generous=2), CASE, BOUNDS)

    assert (found.accepted, found.oversold) == (5, 2)


async def test_a_buyer_who_met_an_error_asks_again_and_the_error_is_counted() -> None:
    shop = Counter(lambda number: "500 no lock for pay_01JABCDEF0123456789" if number == 1 else "")

    found = await race(shop, CASE, BOUNDS)

    assert (found.accepted, found.failed) == (3, 1)
    assert found.reasons == {"500 no lock for …": 1}


async def test_a_buyer_whose_connection_is_lost_is_out_of_the_race() -> None:
    found = await race(Counter(lambda _: "hangs up"), CASE, BOUNDS)

    assert (found.accepted, found.reasons) == (0, {"connection lost": 4})


async def test_a_shop_that_does_not_answer_is_cut_off_and_started_anew() -> None:
    shop = Counter(lambda number: "silence" if number > 1 else "")

    found = await race(shop, CASE, BOUNDS)

    assert found.cut
    assert (found.accepted, found.unanswered, shop.restarts) == (1, 4, 1)
    assert found.accepted_per_second == pytest.approx(1 / found.seconds, rel=0.02)


async def test_a_race_that_nobody_could_be_made_ready_for_has_no_buyers() -> None:
    found = await race(Counter(), Case(Kind.HOLD, 1, buyers=0, units=3), BOUNDS)

    assert (found.buyers, found.accepted, found.accepted_per_second) == (0, 0, 0.0)


class Basket:
    def __init__(self, number: int) -> None:
        self.number = number
        self.filled = True

    def close(self) -> None:
        """Nothing is open."""


async def test_a_cart_that_was_refused_in_order_is_sold_in_the_next_race() -> None:
    async def fill(number: int) -> Basket | None:
        return None if number == 2 else Basket(number)

    carts = Carts(fill, at_once=1)
    first = await carts.ready(3, seconds=5)
    first[0].filled = False

    second = await carts.ready(3, seconds=5)

    assert [cart.number for cart in first] == [1, 3]
    assert [cart.number for cart in second] == [3, 4, 5]


async def test_no_cart_is_begun_once_the_time_is_up() -> None:
    async def fill(number: int) -> Basket | None:
        return Basket(number)

    assert await Carts(fill, at_once=2).ready(3, seconds=-1) == []
