"""Answers that a gateway gives twice: who pays for them, and how soon a change is in them."""

import asyncio
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.answers import Answers
from gateway.settings_cache import Cache
from resolvers.access import Principal, Role
from resolvers.watch import Watch
from tests.gateway.house import HOLD, PROMISE, SKU, House, house_of, opened, promised

ROOM = 100_000


async def test_each_pays_for_the_answer_that_it_shares(tmp_path: Path) -> None:
    house = await opened(tmp_path, cost_per_second=1, cost_saved_max=1000)
    await house.stocked("WH-01", 7)
    one = house.desk.budget.left("nobody\x1f127.0.0.1")
    await house.post({"query": PROMISE})
    price = one - house.desk.budget.left("nobody\x1f127.0.0.1")

    answers = await asyncio.gather(*(house.post({"query": PROMISE}) for _ in range(4)))

    assert [answer.json() for answer in answers] == [promised(7)] * 4
    assert one - house.desk.budget.left("nobody\x1f127.0.0.1") == 5 * price
    shared = house.desk.telemetry.metrics.registry.get_sample_value("gateway_answers_shared_total")
    assert shared == 3
    await house.runtime.close()


async def asked(house: House, **headers: str) -> Any:
    return (await house.post({"query": PROMISE}, **headers)).json()


async def held(house: House, key: str) -> None:
    """Two units for a shopper."""
    hold = {"query": HOLD, "variables": {"key": key, "quantity": 2}}
    answer = await house.post(hold, **house.token())
    assert answer.json()["data"]["reserveStock"]["userErrors"] == []


def frozen(house: House) -> House:
    """A gateway whose kept answers never grow old: only a change makes them go."""
    runtime, kept = house.runtime, Cache(answers_max_bytes=ROOM)
    return house_of(runtime, answers=Answers(runtime.watch, kept, CollectorRegistry(), lambda: 0.0))


async def test_a_hold_in_one_process_is_in_the_next_answer_of_another(tmp_path: Path) -> None:
    """As soon as the other has heard of it; until then it gives what it has kept."""
    one = await opened(tmp_path, engine="sqlite")
    other = frozen(await opened(tmp_path, engine="sqlite"))
    await one.stocked("WH-01", 7)
    heard = other.runtime.watch.changes([("stock", SKU)])
    await anext(heard)
    given = [await asked(other)]

    await held(one, "first")
    given.append(await asked(other))
    tail = asyncio.create_task(other.runtime.watch.tail())
    async with asyncio.timeout(5):
        await anext(heard)
        given.append(await asked(other))
        await held(one, "second")
        await anext(heard)
        given.append(await asked(other))

    assert given == [promised(7), promised(7), promised(5), promised(3)]
    tail.cancel()
    for house in (one, other):
        await house.runtime.close()


async def test_only_who_may_have_changed_something_is_answered_anew(tmp_path: Path) -> None:
    """All who have no token are one subject: one of them would have all others answered apart."""
    plain = await opened(tmp_path)
    answers = Written(plain.runtime.watch)
    house = house_of(plain.runtime, answers=answers)
    login = {"query": "mutation { guestLogin { token } }"}

    await house.post(login)
    await house.post({"query": "mutation { nonsense }"}, **house.token(member="M-1"))
    await house.post(login, **house.token(member="M-2"))

    assert answers.writers == ["member:M-2"]
    await house.runtime.close()


class Written(Answers):
    """Answers that know who was noted."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch, Cache(), CollectorRegistry())
        self.writers: list[str] = []

    def wrote(self, caller: Principal) -> None:
        self.writers.append(caller.subject)
        super().wrote(caller)


async def test_a_shopper_sees_its_own_hold_at_once(tmp_path: Path) -> None:
    """Though the process has not heard of it from the store."""
    house = frozen(await opened(tmp_path))
    await house.stocked("WH-01", 7)
    shopper, other = house.token(), house.token(Role.SHOPPER, member="other")
    before = [await asked(house, **shopper), await asked(house, **other)]

    await held(house, "key")

    assert before == [promised(7), promised(7)]
    assert await asked(house, **shopper) == promised(5)
    assert await asked(house, **other) == promised(7)
    await house.runtime.close()
