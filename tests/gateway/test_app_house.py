"""The app around GraphQL: health, metrics, ids, the log, and the way to the page."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox import retailer
from gateway.doorman import Doorman
from resolvers.access import Role
from resolvers.domain.errors import Contended
from tests.gateway.house import HOLD, PROMISE, SKU, House, house_of, talking


async def test_the_process_lives(house: House) -> None:
    answer = await house.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"live": True})


async def test_it_is_ready_when_nothing_is_missing(house: House) -> None:
    answer = await house.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": []})


async def test_it_is_not_ready_until_every_first_reading_is_in(
    house: House, tmp_path: Path
) -> None:
    backends = {backend.code: backend for backend in retailer.backends(tmp_path)}
    unread = house_of(replace(house.runtime, backends={"pos": backends["pos"]}))

    answer = await unread.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "missing": ["pos: orders not read yet"]}
    for backend in backends.values():
        backend.close()  # type: ignore[misc]


class _Locked:
    """A store whose every question finds it locked."""

    async def feeds(self) -> Any:
        raise Contended("another program keeps the store locked")


async def test_a_store_that_does_not_answer_is_missing(house: House) -> None:
    locked: Any = _Locked()
    store = replace(house.runtime.store, house=locked)

    answer = await house_of(replace(house.runtime, store=store)).get("/health/ready")

    assert (answer.status_code, answer.json()["missing"]) == (
        503,
        ["another program keeps the store locked"],
    )


async def test_operations_are_counted_by_type_and_result(house: House) -> None:
    await house.post({"query": PROMISE})
    await house.post({"query": "{ backends { code } }"})
    await house.post({"query": "{ nonsense }"})
    await house.post({"query": HOLD, "variables": {"key": "k", "quantity": 1}}, **house.token())
    await house.post(b"nonsense")

    counted = (await house.get("/metrics")).text

    for line in (
        'gateway_operations_total{result="ok",type="query"} 1.0',
        'gateway_operations_total{result="errors",type="query"} 1.0',
        'gateway_operations_total{result="refused",type="query"} 1.0',
        'gateway_operations_total{result="ok",type="mutation"} 1.0',
        'gateway_operations_total{result="refused",type="unknown"} 1.0',
        'gateway_errors_total{code="UNAUTHENTICATED"} 1.0',
        'gateway_errors_total{code="BAD_REQUEST"} 1.0',
        'gateway_operation_seconds_count{type="query"} 3.0',
        "gateway_stock_queue 0.0",
        "gateway_open_sockets 0.0",
    ):
        assert line in counted.splitlines()
    assert re.search(r'gateway_build_info\{python="3[^"]+",version="[0-9.]+"\} 1\.0', counted)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("order-7.retry_2", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("two words", False),
        ("<script>", False),
    ],
)
async def test_a_request_keeps_its_id_if_it_is_a_safe_one(
    house: House, given: str, *, kept: bool
) -> None:
    answer = await house.post({"query": PROMISE}, X_Request_Id=given)

    made = answer.headers["x-request-id"]
    assert made == given if kept else re.fullmatch("[0-9a-z]{26}", made)


async def test_an_id_that_a_stranger_chose_is_not_shown_to_everybody(house: House) -> None:
    asking = {"GraphQL-Require-Preflight": "1"}
    async with house.client() as client:

        async def shown(query: str, **more: str) -> tuple[str, str | None]:
            headers = {**asking, **more}
            answer = await client.get("/graphql", params={"query": query}, headers=headers)
            return answer.headers["cache-control"], answer.headers.get("x-request-id")

        chosen = await shown(PROMISE, **{"X-Request-Id": "chosen"})
        own = await shown(PROMISE, **{"X-Request-Id": "chosen"}, **house.token())
        wrong = await shown("{ nonsense }", **{"X-Request-Id": "chosen"})
        _, made = await shown(PROMISE)

    assert chosen == ("public, max-age=1", None)
    assert own == ("private, no-cache", "chosen")
    assert wrong == ("no-store", "chosen")
    assert re.fullmatch("[0-9a-z]{26}", str(made))
    assert [line["request_id"] for line in house.lines][:1] == ["chosen"]


async def test_the_log_has_one_line_a_request_and_nothing_that_was_sent(house: House) -> None:
    secret = "138-0013-8000"
    token = house.token(Role.PARTNER, member=secret)
    body = {
        "query": f"query Q($x: String!) {{ variant(by: {{sku: $x}}) {{ sku }} "
        f'o: variant(by: {{sku: "{secret}"}}) {{ sku }} }}',
        "variables": {"x": secret},
        "operationName": "Q",
    }

    await house.post(body, X_Request_Id="r-1", **token)
    await house.get(query=str(body["query"]), variables=json.dumps(body["variables"]))
    await house.post({"query": secret}, **token)
    await house.post(b'{"query": "' + secret.encode(), Authorization=secret)

    lines = list(house.lines)
    assert [line["event"] for line in lines] == ["http"] * 4
    times = {"milliseconds", "read_ms", "run_ms"}
    first = {name: value for name, value in lines[0].items() if name not in times}
    assert times <= lines[0].keys()
    assert first == {
        "event": "http",
        "request_id": "r-1",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "operation": "Q",
        "kind": "query",
        "role": "partner",
        "cost": 2,
        "result": "ok",
    }
    assert lines[2]["codes"] == ["GRAPHQL_PARSE_FAILED"]
    assert lines[3]["codes"] == ["UNAUTHENTICATED"]
    told = json.dumps(lines)
    assert secret not in told
    assert token["Authorization"].removeprefix("Bearer ") not in told


async def test_what_machines_ask_all_the_time_is_logged_when_it_fails(house: House) -> None:
    locked: Any = _Locked()
    store = replace(house.runtime.store, house=locked)
    failing = house_of(replace(house.runtime, store=store))

    await failing.get("/health/live")
    await failing.get("/metrics")
    await failing.get("/health/ready")

    assert [line["path"] for line in failing.lines] == ["/health/ready"]


async def test_a_connection_has_its_line_when_it_ends(house: House) -> None:
    async with talking(house.app) as talk:
        await talk.event()
        await talk.say("nonsense")
        await talk.closed()

    [line] = house.lines
    assert (line["event"], line["path"], line["status"], line["closed"]) == (
        "websocket",
        "/graphql",
        101,
        4400,
    )


async def test_an_operation_of_a_connection_has_its_line_and_counts_once(house: House) -> None:
    await house.stocked("WH-01", 7)
    await house.stocked("ST-01", 3)
    watch = f'subscription {{ stockChanged(skus: ["{SKU}"]) {{ onHand }} }}'
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("w", watch)
        assert (await talk.message())["type"] == (await talk.message())["type"] == "next"

    first, last = house.lines
    assert (first["event"], first["kind"], first["result"]) == (
        "operation",
        "subscription",
        "ok",
    )
    assert last["event"] == "websocket"
    assert first["request_id"] != last["request_id"]
    counted = (await house.get("/metrics")).text
    assert 'gateway_operations_total{result="ok",type="subscription"} 1.0' in counted


async def test_a_bug_outside_graphql_says_nothing_but_its_id(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: Request) -> Response:
        raise RuntimeError("a secret")

    inner = Starlette(routes=[Route("/graphql", broken)])
    doorman: Any = Doorman(inner.router, house.desk.telemetry, lambda: "made")

    answer = await replace(house, app=doorman).get()

    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "made")
    assert "quote request made" in answer.json()["errors"][0]["message"]
    assert "secret" not in answer.text
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]


async def test_the_root_leads_to_the_page(house: House) -> None:
    answer = await house.get("/")

    assert (answer.status_code, answer.headers["location"]) == (307, "graphiql")
    page = await house.get("/graphiql")
    assert page.status_code in (200, 503)  # 503 says that the page has not been built
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_what_is_not_there_is_404(house: House) -> None:
    assert (await house.get("/nonsense")).status_code == 404
