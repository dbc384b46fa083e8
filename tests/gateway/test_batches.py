"""Several operations in one request: off by default, few, in order, within the time of one."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.answers import Answers
from gateway.redaction import redacted
from gateway.settings_cache import Cache
from resolvers.watch import Watch
from schema.documents import SOURCE_CHARS_MAX
from schema.operations import Answer
from tests.gateway.house import HOLD, PROMISE, House, house_of, opened, promised

ASKED = {"query": "{ channels { code } }"}


def hold(key: str, quantity: int) -> dict[str, Any]:
    return {"query": HOLD, "variables": {"key": key, "quantity": quantity}}


def refusal(answer: Any) -> tuple[int, str, str]:
    [error] = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"], error["message"]


async def test_a_list_is_refused_by_default(house: House) -> None:
    answer = await house.post([ASKED])

    assert refusal(answer) == (400, "BAD_REQUEST", "the body is not a JSON object")


async def test_a_list_is_answered_in_its_order_and_later_ones_find_what_earlier_ones_did(
    tmp_path: Path,
) -> None:
    house = await opened(tmp_path, batch_max=4)
    await house.stocked("WH-01", 7)
    asked = {"query": PROMISE}

    answer = await house.post([asked, hold("a", 2), asked, hold("b", 5)], **house.token())

    first, held, then, last = answer.json()
    assert answer.status_code == 200
    assert (first, then) == (promised(7), promised(5))
    assert held["data"]["reserveStock"]["reservation"]["status"] == "HELD"
    assert last["data"]["reserveStock"]["reservation"]["status"] == "HELD"
    assert (await house.post(asked)).json() == promised(0)


async def test_one_that_fails_is_told_in_its_place_and_undoes_nothing(tmp_path: Path) -> None:
    house = await opened(tmp_path, batch_max=3)
    await house.stocked("WH-01", 7)

    answer = await house.post(
        [hold("a", 2), {"query": "{ nonsense }"}, {"query": PROMISE}], **house.token()
    )

    held, wrong, asked = answer.json()
    assert held["data"]["reserveStock"]["userErrors"] == []
    assert [error["extensions"]["code"] for error in wrong["errors"]] == [
        "GRAPHQL_VALIDATION_FAILED"
    ]
    assert "data" not in wrong
    assert asked == promised(5)


async def test_each_is_logged_without_its_own_words_and_all_with_what_they_cost(
    tmp_path: Path,
) -> None:
    house = await opened(tmp_path, batch_max=2)
    answers = Heard(house.runtime.watch)
    house = house_of(house.runtime, answers=answers)

    await house.post([named("first-name"), named("second-name")])

    assert answers.heard == ["[hidden] second-name", "first-name [hidden]"]
    [line] = house.lines
    assert (line["operations"], line["cost"]) == (2, 2)


def named(name: str) -> dict[str, Any]:
    ask = "query ($is: String!) { product(by: {handle: $is}) { id } }"
    return {"query": ask, "variables": {"is": name}}


class Heard(Answers):
    """Answers that have heard what a log would tell of a bug while each was made."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch, Cache(), CollectorRegistry())
        self.heard: list[str] = []

    async def answer(self, *asked: Any, **more: Any) -> Answer:
        told = redacted(None, "error", {"exception": "first-name second-name"})
        self.heard.append(told["exception"])
        return await super().answer(*asked, **more)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "the list has 0 operations; send 1 to 2"),
        ([ASKED] * 3, "the list has 3 operations; send 1 to 2"),
        ([ASKED, 5], "operation 2 is not a JSON object"),
        ([ASKED, None], "operation 2 is not a JSON object"),
        ([ASKED, [ASKED]], "operation 2 is not a JSON object"),
        ([{}, ASKED], '"query" is not a GraphQL document'),
        ([{**ASKED, "variables": []}], '"variables" is not a JSON object'),
        ([{**ASKED, "extensions": 1}], '"extensions" is not a JSON object'),
        (
            b'[{"query": "{ a }", "query": "{ channels { code } }"}]',
            "the body says a member twice",
        ),
        (
            [{"query": "#" * 60_000 + "\n{ channels { code } }"}] * 2,
            f"the documents of a list have at most {SOURCE_CHARS_MAX} characters",
        ),
        (
            [ASKED, {"query": 'subscription { stockChanged(skus: ["A"]) { onHand } }'}],
            "a subscription needs a WebSocket, graphql-transport-ws",
        ),
    ],
    ids=lambda case: str(case)[:30],
)
async def test_a_list_that_makes_no_sense_is_refused_whole(
    tmp_path: Path, body: Any, said: str
) -> None:
    house = await opened(tmp_path, batch_max=2)

    assert refusal(await house.post(body)) == (400, "BAD_REQUEST", said)


async def test_one_alone_is_still_answered_alone(tmp_path: Path) -> None:
    house = await opened(tmp_path, batch_max=2)

    assert len((await house.post(ASKED)).json()["data"]["channels"]) == 5


async def test_a_caller_who_sent_too_much_is_told_before_half_of_it_is_done(
    tmp_path: Path,
) -> None:
    house = await opened(tmp_path, batch_max=3, mutations_per_second=2)
    await house.stocked("WH-01", 9)

    answer = await house.post([hold("a", 1), hold("b", 1), hold("c", 1)], **house.token())

    assert refusal(answer)[:2] == (429, "THROTTLED")
    assert (await house.post({"query": PROMISE})).json() == promised(9)


class _Slow:
    """A house whose first question is answered, and no other."""

    def __init__(self, house: Any) -> None:
        self._house = house
        self._asked = 0

    def __getattr__(self, name: str) -> Any:
        async def asked(*given: Any) -> Any:
            self._asked += 1
            if self._asked > 1:
                await asyncio.Event().wait()
            return await getattr(self._house, name)(*given)

        return asked


async def test_a_list_gets_the_time_of_one(tmp_path: Path) -> None:
    house = await opened(tmp_path, batch_max=10)
    await house.stocked("WH-01", 7)
    store = replace(house.runtime.store, house=_Slow(house.runtime.store.house))
    slow = house_of(replace(house.runtime, store=store), deadline_seconds=1.0)

    answer = await slow.post([{"query": PROMISE}] * 10)

    bodies = answer.json()
    codes = [error["extensions"]["code"] for body in bodies for error in body.get("errors", ())]
    assert (answer.status_code, bodies[0]) == (200, promised(7))
    assert codes == ["DEADLINE_EXCEEDED"] * 9
