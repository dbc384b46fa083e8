"""What is watched: the present state first, then each later one, until nobody listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from schema.ids import seal
from tests.schema.asking import Answered, ask, hold, place, states
from tests.support import OTHER_SHOPPER, SHOPPER, SKU, Shop

WATCH = """subscription ($id: ID!) { reservationChanged(id: $id) {
  status orderId order { number status } lines { quantity }
} }"""

STOCK = """subscription ($skus: [String!]!, $at: [String!]) {
  stockChanged(skus: $skus, locationCodes: $at) {
    onHand softReserved location { code } variant { sku }
  }
}"""

RELEASE = """mutation ($input: ReleaseReservationInput!) {
  releaseReservation(input: $input) { reservation { status } userErrors { code } }
}"""


@pytest.fixture
async def awake(shop: Shop) -> AsyncIterator[Shop]:
    """A shop whose watchers are woken, as the process wakes them."""
    tail = asyncio.create_task(shop.watch.tail())
    await asyncio.sleep(0)
    yield shop
    tail.cancel()


async def following(answers: AsyncIterator[Answered]) -> Answered:
    """The next answer."""
    async with asyncio.timeout(5):
        return await anext(answers)


async def test_a_hold_is_watched_from_now_on_to_its_end(awake: Shop) -> None:
    id = (await hold(awake, "k"))["reservation"]["id"]

    async with aclosing(states(awake, WATCH, id=id)) as answers:  # type: ignore[type-var]  # it is a generator
        seen = [await following(answers)]
        order = (await place(awake, "o", reservationId=id, lines=None))["order"]
        seen.append(await following(answers))

    lines = [{"quantity": 1}]
    assert [answer.data["reservationChanged"] for answer in seen] == [
        {"status": "HELD", "orderId": None, "order": None, "lines": lines},
        {
            "status": "HELD",
            "orderId": order["id"],
            "order": {"number": order["number"], "status": "PENDING"},
            "lines": lines,
        },
    ]


async def test_each_state_is_read_anew(awake: Shop) -> None:
    """What was read for the state before is out of date by now, also under the hold: its order."""
    id = (await hold(awake, "k"))["reservation"]["id"]
    order = (await place(awake, "o", reservationId=id, lines=None))["order"]
    cancel = "mutation ($i: CancelOrderInput!) { cancelOrder(input: $i) { order { status } } }"

    async with aclosing(states(awake, WATCH, id=id)) as answers:  # type: ignore[type-var]  # it is a generator
        before = await following(answers)
        await ask(awake, cancel, i={"idempotencyKey": "c", "orderId": order["id"]})
        after = await following(answers)

    assert before.data["reservationChanged"]["order"]["status"] == "PENDING"
    assert after.data["reservationChanged"]["status"] == "RELEASED"
    assert after.data["reservationChanged"]["order"]["status"] == "CANCELED"


async def test_levels_are_watched_where_they_are_asked_for(awake: Shop) -> None:
    async with aclosing(states(awake, STOCK, skus=[SKU], at=["WH-01"])) as answers:  # type: ignore[type-var]  # it is a generator
        first = await following(answers)
        await hold(awake, "elsewhere", locationCode="ST-01")
        await hold(awake, "here", locationCode="WH-01")
        then = await following(answers)

    def level(held: int) -> dict[str, Any]:
        return {
            "onHand": 5,
            "softReserved": held,
            "location": {"code": "WH-01"},
            "variant": {"sku": SKU},
        }

    assert first.data["stockChanged"] == level(0)
    assert then.data["stockChanged"] == level(1)


async def test_a_watcher_of_old_numbers_is_warned(awake: Shop) -> None:
    awake.clock.advance(seconds=301)

    async with aclosing(states(awake, STOCK, skus=[SKU], at=["WH-01"])) as answers:  # type: ignore[type-var]  # it is a generator
        first = await following(answers)

    assert [warning["sku"] for warning in first.warnings] == [SKU]


@pytest.mark.parametrize("id", ["id-000001", seal("Order", "id-000001"), ""])
async def test_what_is_no_hold_is_not_watched(awake: Shop, id: str) -> None:
    await hold(awake, "k")

    answers = [answer async for answer in states(awake, WATCH, SHOPPER, id=id)]

    assert [answer.code for answer in answers] == ["INVALID_INPUT"]
    assert answers[0].errors[0]["extensions"]["field"] == ["id"]


async def test_somebody_elses_hold_is_not_watched(awake: Shop) -> None:
    id = (await hold(awake, "k"))["reservation"]["id"]

    answers = [answer async for answer in states(awake, WATCH, OTHER_SHOPPER, id=id)]

    assert [answer.code for answer in answers] == ["NOT_FOUND"]


async def test_an_unknown_sku_is_not_watched(awake: Shop) -> None:
    answers = [answer async for answer in states(awake, STOCK, skus=[SKU, "none"])]

    assert [answer.code for answer in answers] == ["NOT_FOUND"]
    assert answers[0].errors[0]["extensions"]["field"] == ["skus", "1"]
