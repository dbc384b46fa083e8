"""Who is told the same of one change by one execution, and who never is (G5, G6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.app import create_app
from gateway.states import States
from resolvers.access import Role
from schema.operations import Answer, Make
from tests.gateway.house import HOLD, SKU, House, Talk, opened, talking
from tests.support import nested

WATCH = """subscription W($skus: [String!]!, $at: [String!]) {
  stockChanged(skus: $skus, locationCodes: $at) { onHand location { code } }
}"""
COSTS = """subscription W($skus: [String!]!) {
  stockChanged(skus: $skus) { onHand variant { unitCost { amount } } }
}"""
HELD = "subscription ($hold: ID!) { reservationChanged(id: $hold) { status } }"
RELEASE = """mutation ($hold: ID!) { releaseReservation(
  input: {idempotencyKey: "r", reservationId: $hold}) { userErrors { code } } }"""


@dataclass
class Seen(States):
    """It also says by whom it was asked, and for whom something was made."""

    asked: list[bytes] = field(default_factory=list)
    made: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(lambda: 0.0)  # however slow the machine is, all is new

    async def answer(self, key: bytes, event: object, make: Make) -> Answer:
        async def counted() -> Answer:
            self.made.append(key)
            return await make()

        self.asked.append(key)
        return await super().answer(key, event, counted)


class Shop:
    """A house whose watchers are woken, and clients that have introduced themselves."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self.states = Seen()
        desk = replace(house.desk, states_shared=self.states)
        self.app = create_app(house.runtime, desk)
        self._stack = stack

    async def client(self, role: Role, room: int = 0, **more: Any) -> Talk:
        """One that leaves so many messages unread before the server waits; 0: all."""
        talk = await self._stack.enter_async_context(talking(self.app, room=room))
        await talk.event()
        await talk.introduce(self.house.token(role, **more))
        return talk

    async def watching(self, talk: Talk, document: str = WATCH, **variables: Any) -> Talk:
        """The client, when it has the present state of one place."""
        await talk.subscribe("w", document, **{"skus": [SKU], **variables})
        assert (await talk.message())["type"] == "next"
        return talk

    def forget(self) -> None:
        """From now on only what is told of changes is counted."""
        self.states.asked.clear()
        self.states.made.clear()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    house = await opened(tmp_path)
    await house.stocked("WH-01", 7)
    tail = asyncio.create_task(house.runtime.watch.tail())
    async with AsyncExitStack() as stack:
        yield Shop(house, stack)
    tail.cancel()


async def told(talk: Talk) -> Any:
    """What a client is told next of a level."""
    message = await talk.message()
    assert (message["type"], message["id"]) == ("next", "w")
    return message["payload"]["data"]["stockChanged"]


async def test_a_change_is_told_to_many_by_one_execution(shop: Shop) -> None:
    """Shoppers are told apart by who they are, and what is on a shelf is the same for them all."""
    talks = [
        await shop.watching(await shop.client(Role.SHOPPER, member=f"s-{number}"))
        for number in range(5)
    ]
    shop.forget()

    for units in (6, 5):
        await shop.house.stocked("WH-01", units)
        seen = [await told(talk) for talk in talks]
        assert seen == [{"onHand": units, "location": {"code": "WH-01"}}] * 5

    assert (len(shop.states.asked), len(shop.states.made)) == (10, 2)


async def test_other_rights_and_other_questions_are_answered_by_themselves(shop: Shop) -> None:
    """One change, four who ask: as another role, at other places, or for other fields."""
    await shop.house.stocked("ST-01", 3)
    one = await shop.client(Role.SHOPPER)
    await shop.watching(one, at=["WH-01"])
    same = await shop.watching(await shop.client(Role.SHOPPER, member="s-2"), at=["WH-01"])
    manager = await shop.watching(await shop.client(Role.MANAGER), at=["WH-01"])
    all_places = await shop.watching(await shop.client(Role.SHOPPER))
    await told(all_places)  # of the second place
    narrow = await shop.client(Role.SHOPPER)
    await shop.watching(narrow, WATCH.replace("onHand", "softReserved"), at=["WH-01"])
    shop.forget()

    await shop.house.stocked("WH-01", 6)
    seen = [await told(talk) for talk in (one, same, manager, all_places, narrow)]

    level = {"onHand": 6, "location": {"code": "WH-01"}}
    assert seen == [level] * 4 + [{"softReserved": 0, "location": {"code": "WH-01"}}]
    assert len(shop.states.asked) == 5
    assert len(shop.states.made) == len(set(shop.states.made)) == 4


async def test_what_not_everybody_may_see_is_shared_with_nobody(shop: Shop) -> None:
    manager = await shop.watching(await shop.client(Role.MANAGER), COSTS)
    shopper = await shop.watching(await shop.client(Role.SHOPPER), COSTS)

    await shop.house.stocked("WH-01", 6)
    seen = [await told(talk) for talk in (manager, shopper)]

    assert seen[0]["variant"]["unitCost"]["amount"]
    assert seen[1] == {"onHand": 6, "variant": {"unitCost": None}}
    assert not shop.states.asked


async def test_a_hold_is_told_to_its_owner_by_itself(shop: Shop) -> None:
    owner = await shop.client(Role.SHOPPER, member="s-1")
    await owner.subscribe("h", HOLD, key="k", quantity=1)
    held = (await owner.message())["payload"]["data"]["reserveStock"]["reservation"]
    await owner.message()
    other = await shop.client(Role.SHOPPER, member="s-2")

    await owner.subscribe("w", HELD, hold=held["id"])
    await other.subscribe("w", HELD, hold=held["id"])
    first, refused = await owner.message(), await other.message()
    await owner.subscribe("r", RELEASE, hold=held["id"])
    then = [await owner.message() for _ in range(3)]

    assert first["payload"] == {"data": {"reservationChanged": {"status": "HELD"}}}
    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
    seen = [message["payload"] for message in then if message["id"] == "w"]
    assert seen == [{"data": {"reservationChanged": {"status": "RELEASED"}}}]
    assert not shop.states.asked


async def test_who_completes_leaves_the_others(shop: Shop) -> None:
    """Also the one whose execution the others were given so far."""
    talks = [
        await shop.watching(await shop.client(Role.SHOPPER, member=f"s-{number}"))
        for number in range(3)
    ]
    await shop.house.stocked("WH-01", 6)
    assert [(await told(talk))["onHand"] for talk in talks] == [6, 6, 6]

    await talks[0].say({"type": "complete", "id": "w"})
    await talks[0].say({"type": "ping"})
    assert await talks[0].message() == {"type": "pong"}
    await shop.house.stocked("WH-01", 5)

    assert [(await told(talk))["onHand"] for talk in talks[1:]] == [5, 5]
    assert talks[0].heard.empty()


async def test_a_slow_client_holds_back_nobody_and_is_told_the_last_state(shop: Shop) -> None:
    slow = await shop.client(Role.SHOPPER, room=1, member="slow")
    await slow.subscribe("w", WATCH, skus=[SKU])
    quick = await shop.watching(await shop.client(Role.SHOPPER))

    seen = []
    for units in range(6, -1, -1):
        await shop.house.stocked("WH-01", units)
        seen.append((await told(quick))["onHand"])
    late = [(await told(slow))["onHand"]]
    while late[-1] != 0:
        late.append((await told(slow))["onHand"])

    assert seen == [6, 5, 4, 3, 2, 1, 0]
    assert late == sorted(late, reverse=True)
    assert len(late) < len(seen)


async def test_variables_too_deep_to_be_compared_are_refused_as_ever(shop: Shop) -> None:
    talk = await shop.client(Role.SHOPPER)

    await talk.subscribe("w", WATCH, skus=[SKU], more=nested(300))

    refusal = (await talk.message())["payload"][0]
    assert refusal["extensions"]["limit"]["name"] == "variablesDepth"
