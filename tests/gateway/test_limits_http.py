"""Limits as a client meets them: what it is told, with which status, and when to come again."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.app import create_app
from gateway.limits import Allowance
from resolvers.access import Role
from tests.gateway.house import HOLD, House, opened
from tests.gateway.test_app_http import code

CHANNELS = "{ channels { code } }"
PAGE = "{ products(first: 10) { nodes { id } } }"


async def test_an_answer_says_what_it_cost(tmp_path: Path) -> None:
    made = await opened(tmp_path, show_cost=True)
    budget = Allowance(10, lambda: 100.0, saved_max=50)
    desk = replace(made.desk, budget=budget)
    house = House(made.runtime, desk, create_app(made.runtime, desk))

    answer = await house.post({"query": PAGE})
    wrong = await house.post({"query": "{ nonsense }"})

    assert answer.json()["extensions"]["cost"] == {
        "requestedQueryCost": 15,
        "maximumQueryCost": 50_000,
        "throttleStatus": {"maximumAvailable": 50, "currentlyAvailable": 35, "restoreRate": 10},
    }
    assert wrong.json()["extensions"]["cost"]["requestedQueryCost"] == 1


async def test_whoever_asks_by_header_is_told_what_an_answer_cost(house: House) -> None:
    asked = await house.post({"query": PAGE}, X_Cost="1")
    unasked = await house.post({"query": PAGE})

    assert asked.json()["extensions"]["cost"]["requestedQueryCost"] == 15
    assert "cost" not in unasked.json()["extensions"]


async def test_nothing_is_said_of_a_limit_that_there_is_not(tmp_path: Path) -> None:
    house = await opened(tmp_path, show_cost=True, cost_per_second=0, cost_max=20)

    answer = await house.post({"query": CHANNELS})

    assert answer.json()["extensions"]["cost"] == {
        "requestedQueryCost": 1,
        "maximumQueryCost": 20,
        "throttleStatus": None,
    }


async def test_a_caller_who_spent_its_points_waits_and_others_do_not(tmp_path: Path) -> None:
    house = await opened(tmp_path, cost_per_second=5, cost_saved_max=20)

    first = await house.post({"query": PAGE})
    second = await house.post({"query": PAGE})
    small = await house.post({"query": CHANNELS})
    other = await house.post({"query": PAGE}, **house.token(Role.PARTNER))

    assert [answer.status_code for answer in (first, small, other)] == [200, 200, 200]
    assert (second.status_code, code(second)) == (429, "THROTTLED")
    assert second.json()["errors"][0]["extensions"]["retryable"] is True
    assert second.headers["retry-after"] == "2"


async def test_one_guest_does_not_spend_what_another_has(tmp_path: Path) -> None:
    house = await opened(tmp_path, cost_per_second=5, cost_saved_max=20)
    statuses = []

    for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        async with house.client(address) as client:
            answer = await client.post("/graphql", json={"query": PAGE})
            statuses.append(answer.status_code)

    assert statuses == [200, 429, 200]


async def test_what_is_over_a_limit_is_refused_by_its_name(tmp_path: Path) -> None:
    house = await opened(tmp_path, cost_max=14)

    answer = await house.post({"query": PAGE})

    assert code(answer) == "LIMIT_EXCEEDED"
    [error] = answer.json()["errors"]
    assert error["message"] == (
        "the operation costs 15 points; 14 are allowed: ask for shorter pages"
    )
    assert error["extensions"]["limit"] == {"name": "cost", "asked": 15, "allowed": 14}
    assert error["extensions"]["retryable"] is False


@pytest.mark.parametrize("document", [PAGE, "{ unreadable"])
async def test_whoever_sends_what_is_refused_pays_for_its_reading(
    tmp_path: Path, document: str
) -> None:
    house = await opened(tmp_path, cost_max=14, cost_per_second=1, cost_saved_max=1200)

    answers = [await house.post({"query": document}) for _ in range(3)]
    other = await house.post({"query": CHANNELS})

    assert [answer.status_code for answer in (*answers, other)] == [200, 200, 429, 200]


@pytest.mark.parametrize(
    ("limits", "body", "limit"),
    [
        ({"depth_max": 2}, {"query": PAGE}, "depth"),
        ({"fields_max": 2}, {"query": PAGE}, "fields"),
        ({"answer_fields_max": 20}, {"query": PAGE}, "answerFields"),
        ({"aliases_max": 0}, {"query": "{ a: channels { code } }"}, "aliases"),
        ({"root_fields_max": 1}, {"query": "{ channels { code } __typename }"}, "rootFields"),
        ({"directives_max": 0}, {"query": "{ channels @skip(if: false) { code } }"}, "directives"),
        (
            {"operations_max": 1},
            {"query": f"query A {CHANNELS} query B {CHANNELS}", "operationName": "A"},
            "operations",
        ),
        ({"overlaps_max": 0}, {"query": "{ channels { code code } }"}, "overlaps"),
        ({"variables_max": 3}, {"query": CHANNELS, "variables": {"a": [1, 2, 3]}}, "variables"),
    ],
)
async def test_each_limit_is_a_setting_and_tells_its_name(
    tmp_path: Path, limits: dict[str, Any], body: dict[str, Any], limit: str
) -> None:
    house = await opened(tmp_path, **limits)

    answer = await house.post(body)

    assert code(answer) == "LIMIT_EXCEEDED"
    told = answer.json()["errors"][0]["extensions"]["limit"]
    assert (told["name"], told["allowed"]) == (limit, next(iter(limits.values())))
    assert told["asked"] > told["allowed"]


async def test_the_parser_stops_at_the_words_that_are_allowed(tmp_path: Path) -> None:
    house = await opened(tmp_path, tokens_max=50)

    answer = await house.post({"query": "{ " + "channels { code } " * 13 + "}"})

    assert code(answer) == "GRAPHQL_PARSE_FAILED"


class _Waiting:
    """A catalogue that answers nothing until it is let; it knows who gave up on it."""

    def __init__(self) -> None:
        self.asked, self.let = asyncio.Event(), asyncio.Event()
        self.canceled = 0

    def __getattr__(self, name: str) -> Any:
        async def waiting(*_: Any) -> Any:
            self.asked.set()
            try:
                await self.let.wait()
            except asyncio.CancelledError:
                self.canceled += 1
                raise
            return ()

        return waiting


def slow(house: House, waiting: Any) -> House:
    """The same house, whose catalogue waits."""
    runtime = replace(house.runtime, store=replace(house.runtime.store, catalog=waiting))
    desk = replace(house.desk, runtime=runtime)
    return House(runtime, desk, create_app(runtime, desk))


async def test_what_takes_too_long_is_canceled_and_may_be_tried_again(tmp_path: Path) -> None:
    waiting = _Waiting()
    house = slow(await opened(tmp_path, deadline_seconds=0.1), waiting)

    answer = await house.post({"query": PAGE})

    assert (answer.status_code, code(answer)) == (503, "DEADLINE_EXCEEDED")
    assert answer.json()["errors"][0]["extensions"]["retryable"] is True
    assert (waiting.canceled, house.desk.crowd.under_way) == (1, 0)


async def test_a_process_that_is_busy_says_so_before_it_reads_anything(tmp_path: Path) -> None:
    waiting = _Waiting()
    house = slow(await opened(tmp_path, concurrent_max=1), waiting)
    first = asyncio.create_task(house.post({"query": PAGE}))
    await waiting.asked.wait()

    second = await house.post({"query": "{ not even read"})
    waiting.let.set()
    answered = await first
    third = await house.post({"query": CHANNELS})

    assert (second.status_code, code(second)) == (503, "OVERLOADED")
    assert second.json()["errors"][0]["extensions"]["retryable"] is True
    assert second.headers["retry-after"] == "1"
    assert (answered.status_code, third.status_code) == (200, 200)


async def test_a_mutation_is_counted_by_both_measures(tmp_path: Path) -> None:
    house = await opened(tmp_path, cost_per_second=1, cost_saved_max=12)
    hold = {"query": HOLD, "variables": {"key": "k", "quantity": 2}}

    answers = [await house.post(hold, **house.token()) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
