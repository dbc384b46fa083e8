"""GraphQL over HTTP: what is answered, with which status, and what is turned away."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.graphql_http import GRAPHQL, JSON, accepted
from gateway.wire import BYTES_MAX, TurnedAway
from resolvers.access import Role
from tests.gateway.house import HOLD, NOON, PROMISE, SKU, House, house_of, opened, promised

GRAPHQL_TYPE, JSON_TYPE = f"{GRAPHQL}; charset=utf-8", f"{JSON}; charset=utf-8"


def code(answer: Any) -> str:
    """The code of an answer's one error."""
    body = answer.json()
    assert set(body) == {"errors"}, body
    [error] = body["errors"]
    assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
    return str(error["extensions"]["code"])


async def test_a_query_needs_no_token(house: House) -> None:
    await house.stocked("WH-01", 7)

    answer = await house.post({"query": PROMISE})

    assert (answer.status_code, answer.json()) == (200, promised(7))
    assert answer.headers["content-type"] == JSON_TYPE
    assert answer.headers["cache-control"] == "public, max-age=1"


async def test_an_answer_that_rests_on_old_facts_says_so(house: House) -> None:
    await house.stocked("WH-01", 7, observed_at=NOON - timedelta(hours=1))

    stale = (await house.post({"query": PROMISE})).json()

    assert stale["data"] == promised(7)["data"]
    assert "errors" not in stale
    [warning] = stale["extensions"]["warnings"]
    assert (warning["code"], warning["sku"]) == ("STALE", SKU)


async def test_a_mutation_holds_a_unit_for_a_shopper(house: House) -> None:
    await house.stocked("WH-01", 7)
    hold = {"query": HOLD, "variables": {"key": "k", "quantity": 2}}

    answer = await house.post(hold, **house.token())

    assert answer.status_code == 200
    payload = answer.json()["data"]["reserveStock"]
    assert (payload["reservation"]["status"], payload["userErrors"]) == ("HELD", [])
    assert (await house.post({"query": PROMISE})).json() == promised(5)


async def test_a_mutation_without_a_token_changes_nothing(house: House) -> None:
    await house.stocked("WH-01", 7)

    answer = await house.post({"query": HOLD, "variables": {"key": "k", "quantity": 2}})

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (200, "UNAUTHENTICATED")
    assert (await house.post({"query": PROMISE})).json() == promised(7)


@pytest.mark.parametrize(
    ("role", "status", "told"), [(None, 401, "Bearer"), (Role.GUEST, 403, None)]
)
async def test_a_denied_mutation_has_a_status_of_its_own_for_clients_that_heed_it(
    house: House, role: Role | None, status: int, told: str | None
) -> None:
    caller = {} if role is None else house.token(role)
    body = {"query": HOLD, "variables": {"key": "k", "quantity": 2}}

    answer = await house.post(body, Accept=GRAPHQL, **caller)

    assert (answer.status_code, "data" in answer.json()) == (status, False)
    assert answer.headers.get("www-authenticate") == told


@pytest.mark.parametrize(
    "authorization", ["Bearer nonsense", "Bearer", "Bearer ", "Basic YTpi", "", "Token x", "é"]
)
async def test_a_token_that_cannot_be_trusted_is_never_nobodys(
    house: House, authorization: str
) -> None:
    answer = await house.post({"query": PROMISE}, Authorization=authorization)

    assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_of_another_gateway_is_refused(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = await opened(tmp_path / "other")

    answer = await house.post({"query": PROMISE}, **other.token(Role.ADMIN))

    assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"5",
        b'"x"',
        b"[1]",
        b"[" * 100_000,
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        b'{"query": "{ channels { code } }", "variables": {"n": ' + b"9" * 5000 + b"}}",
        b'{"query": "{ channels { code } }", "variables": {"n": NaN}}',
        b"{}",
        b'{"query": null}',
        b'{"query": ""}',
        b'{"query": " "}',
        b'{"query": 5}',
        b'{"query": ["{ channels { code } }"]}',
        b'{"query": "{ channels { code } }", "variables": []}',
        b'{"query": "{ channels { code } }", "variables": "{}"}',
        b'{"query": "{ channels { code } }", "operationName": 5}',
        b'{"query": "{ channels { code } }", "extensions": []}',
        gzip.compress(b'{"query": "{ channels { code } }"}', mtime=0),
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_what_is_no_graphql_request_is_400(house: House, body: bytes) -> None:
    answer = await house.post(body)

    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


async def test_nulls_stand_for_what_is_absent(house: House) -> None:
    body = {"query": "{ channels { code } }"}
    nulls = dict.fromkeys(("variables", "operationName", "extensions"))

    answer = await house.post({**body, **nulls, "unknown": 1})

    assert answer.json() == (await house.post(body)).json()
    assert len(answer.json()["data"]["channels"]) == 5


@pytest.mark.parametrize(
    ("media", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("application/jsonx", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/graphql", 415),
        ("", 415),
    ],
)
async def test_a_body_is_json_in_utf8(house: House, media: str, status: int) -> None:
    answer = await house.post({"query": "{ channels { code } }"}, content_type=media)

    assert answer.status_code == status
    if status == 415:
        assert code(answer) == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_body_has_a_bound_whether_or_not_it_says_its_length(house: House) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 65_536

    async with house.client() as client:
        headers = {"content-type": "application/json"}
        said = await client.post("/graphql", content=b" " * (BYTES_MAX + 1), headers=headers)
        unsaid = await client.post("/graphql", content=parts(), headers=headers)

    assert (said.status_code, code(said)) == (413, "PAYLOAD_TOO_LARGE")
    assert (unsaid.status_code, code(unsaid)) == (413, "PAYLOAD_TOO_LARGE")


async def test_get_asks_and_never_changes(house: House) -> None:
    query = "query Named($code: String!) { location(by: {code: $code}) { code } }"

    asked = await house.get(query=query, variables='{"code": "ST-01"}', operationName="Named")
    changed = await house.get(query="mutation { __typename }")
    bad = await house.get(query=query, variables="{")
    empty = await house.get()

    assert (asked.status_code, asked.json()) == (200, {"data": {"location": {"code": "ST-01"}}})
    assert (changed.status_code, code(changed)) == (405, "METHOD_NOT_ALLOWED")
    assert changed.headers["allow"] == "POST"
    assert [(answer.status_code, code(answer)) for answer in (bad, empty)] == [
        (400, "BAD_REQUEST")
    ] * 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Accept": "application/json"}, 400),
        ({"Accept": GRAPHQL, "Accept-Language": "zh", "Range": "bytes=0-"}, 400),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 400),
        ({"Content-Type": "text/plain; application/json"}, 400),
        ({"GraphQL-Require-Preflight": ""}, 400),
        ({"Cookie": "a=b", "Origin": "https://stranger.test", "Sec-Fetch-Mode": "no-cors"}, 400),
        ({"Content-Type": "application/json"}, 200),
        ({"GraphQL-Require-Preflight": "1"}, 200),
        ({"Apollo-Require-Preflight": "true"}, 200),
        ({"X-Apollo-Operation-Name": "Named"}, 200),
        ({"X-Requested-With": "XMLHttpRequest"}, 200),
    ],
)
async def test_a_get_must_carry_what_a_page_of_a_stranger_cannot_send(
    house: House, headers: dict[str, str], status: int
) -> None:
    async with house.client() as client:
        url = "/graphql?query={channels{code}}"
        answer = await client.get(url, headers=headers)
        with_token = await client.get(url, headers={**headers, **house.token()})

    assert (answer.status_code, with_token.status_code) == (status, 200)
    if status == 400:
        assert code(answer) == "PREFLIGHT_REQUIRED"


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_told_which_there_are(house: House, method: str) -> None:
    async with house.client() as client:
        answer = await client.request(method, "/graphql")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_subscription_needs_a_socket(house: House) -> None:
    answer = await house.post({"query": 'subscription { stockChanged(skus: ["A"]) { onHand } }'})

    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ([], JSON),
        ([""], JSON),
        (["*/*"], JSON),
        (["application/*"], JSON),
        (["application/json"], JSON),
        ([GRAPHQL], GRAPHQL),
        ([f"{GRAPHQL}; charset=utf-8, application/json; charset=utf-8"], GRAPHQL),
        ([f"application/json, {GRAPHQL}"], JSON),
        ([f"application/json;q=0.8, {GRAPHQL};q=0.9"], GRAPHQL),
        ([f"{GRAPHQL};q=0.1", "application/json;q=0.2"], JSON),
        ([f"{GRAPHQL}, */*;q=0.1"], GRAPHQL),
        ([f"application/json;q=0, {GRAPHQL};q=0.5"], GRAPHQL),
        (["application/json;q=nonsense"], JSON),
        (["text/html, */*;q=0.8"], JSON),
        (["image/png"], None),
        (["text/*"], None),
        (["application/json;q=0"], None),
        (["application/json;charset=utf-16"], None),
    ],
)
def test_the_media_type_that_is_wanted_most_is_answered(
    accept: list[str], media: str | None
) -> None:
    if media is not None:
        assert accepted(accept) == media
        return
    with pytest.raises(TurnedAway) as refusal:
        accepted(accept)
    assert (refusal.value.status, refusal.value.code) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("query", "name", "said"),
    [
        ("{ channels {", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { products(first: $n) { nodes { id } } }", None, "BAD_USER_INPUT"),
        ("query A { channels { code } }", "B", "BAD_USER_INPUT"),
        ("query A { channels { code } } query B { __typename }", None, "BAD_USER_INPUT"),
        ("mutation A { __typename } mutation B { __typename }", None, "BAD_USER_INPUT"),
    ],
)
async def test_what_does_not_run_has_no_data_and_a_status_where_clients_look_for_one(
    house: House, query: str, name: str | None, said: str
) -> None:
    body = {"query": query, "operationName": name}

    plain = await house.post(body)
    new = await house.post(body, Accept=GRAPHQL)

    assert (plain.status_code, plain.headers["content-type"]) == (200, JSON_TYPE)
    assert (new.status_code, new.headers["content-type"]) == (400, GRAPHQL_TYPE)
    assert code(plain) == code(new) == said


async def test_data_that_is_null_has_run(house: House) -> None:
    body = {"query": "{ backends { code } }"}

    answer = await house.post(body, Accept=GRAPHQL)

    assert (answer.status_code, answer.json()["data"]) == (200, None)


async def test_too_many_mutations_of_one_caller_are_turned_away(tmp_path: Path) -> None:
    house = await opened(tmp_path, mutations_per_second=2)
    await house.stocked("WH-01", 9)
    twice = "mutation { a: __typename b: __typename }"

    first = await house.post({"query": twice}, **house.token())
    second = await house.post({"query": twice}, **house.token())
    asked = await house.post({"query": PROMISE}, **house.token())
    other = await house.post({"query": twice}, **house.token(Role.PARTNER))

    assert first.status_code == 200
    assert (second.status_code, code(second)) == (429, "THROTTLED")
    assert second.json()["errors"][0]["extensions"]["retryable"] is True
    assert second.headers["retry-after"] == "1"
    assert (asked.status_code, other.status_code) == (200, 200)


class _Silent:
    """A store's house that never answers."""

    async def feeds(self) -> Any:
        await asyncio.Event().wait()


async def test_an_answer_that_takes_too_long_is_an_error_that_may_be_tried_again(
    house: House,
) -> None:
    silent: Any = _Silent()
    store = replace(house.runtime.store, house=silent)
    slow = house_of(replace(house.runtime, store=store), deadline_seconds=0.0)

    answer = await slow.post({"query": PROMISE})

    assert (answer.status_code, code(answer)) == (503, "DEADLINE_EXCEEDED")
    assert answer.json()["errors"][0]["extensions"]["retryable"] is True
    assert answer.headers["retry-after"] == "1"


class _Broken:
    """A catalogue whose every question meets a bug."""

    def __init__(self, error: type[BaseException] = RuntimeError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def broken(*_: Any) -> Any:
            raise self._error(f"a secret of {name}")

        return broken


async def test_a_bug_is_masked_and_its_id_can_be_quoted(house: House) -> None:
    catalog: Any = _Broken()
    store = replace(house.runtime.store, catalog=catalog)
    broken = house_of(replace(house.runtime, store=store))

    answer = await broken.post(
        {"query": '{ product(by: {handle: "x"}) { id } }'}, X_Request_Id="quote-me"
    )

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (200, "INTERNAL")
    assert "quote-me" in error["message"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ('{ product(by: {handle: "x"}) { id } }', 200),
        ("{ products(first: 1) { nodes { id } }}", 500),
    ],
)
async def test_who_waits_for_what_somebody_else_has_called_off_hears_of_a_bug(
    house: House, query: str, status: int
) -> None:
    catalog: Any = _Broken(asyncio.CancelledError)
    broken = house_of(replace(house.runtime, store=replace(house.runtime.store, catalog=catalog)))
    answer = await broken.post({"query": query})

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (status, "INTERNAL")
    assert "secret" not in answer.text
