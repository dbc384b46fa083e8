"""Documents by name: trusted ones of a manifest, and those that clients have kept by their hash.

Over POST, GET, a list, a WebSocket and a stream of events alike.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.documents import Shelf
from gateway.manifests import hash_of
from gateway.settings import Documents, SettingsError
from resolvers.access import GUESTS, Principal, Role
from schema.documents import SOURCE_CHARS_MAX
from tests.gateway.house import HOLD, House, opened, talking

ASK = "{ channels { code } }"
FREE = "{ __typename }"
WATCH = 'subscription { stockChanged(skus: ["BT-0001-30ML"]) { onHand } }'
NEW = {"accept": "application/graphql-response+json"}
EVENTS = {"accept": "text/event-stream"}

NOT_FOUND = ("PERSISTED_DOCUMENT_NOT_FOUND", "there is no document of this documentId")
QUERY_NOT_FOUND = ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
NOT_SUPPORTED = ("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
MISMATCH = ("PERSISTED_QUERY_HASH_MISMATCH", "provided sha does not match query")
NOT_TRUSTED = (
    "DOCUMENT_NOT_TRUSTED",
    "only documents of the manifest run here; name one by its documentId",
)


def persisted(document: str, **more: Any) -> dict[str, Any]:
    """A request by hash alone, as a client of automatic persisted queries sends it first."""
    named = {"version": 1, "sha256Hash": hash_of(document)}
    return {"extensions": {"persistedQuery": named}, **more}


def told(answer: httpx2.Response) -> tuple[str, str]:
    """The one error of an answer without data."""
    body = answer.json()
    [error] = body["errors"]
    assert "data" not in body
    assert error["extensions"]["retryable"] is False
    return error["extensions"]["code"], error["message"]


async def trusting(
    folder: Path, manifest: Mapping[str, str], trusted: str = "enforce", **given: Any
) -> House:
    """A gateway with a manifest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    documents = Documents(manifest=str(path), trusted=trusted)
    if "free_roles" in given:
        documents = replace(documents, free_roles=given.pop("free_roles"))
    return await opened(folder, documents=documents, **given)


def counted(house: House, name: str, **labels: str) -> float:
    return house.desk.telemetry.metrics.registry.get_sample_value(name, labels) or 0.0


# ---- trusted documents -------------------------------------------------------------------------


async def test_a_document_of_the_manifest_runs_by_any_of_its_names(tmp_path: Path) -> None:
    house = await trusting(tmp_path, {"channels-1": ASK})
    names = ["channels-1", hash_of(ASK), f"sha256:{hash_of(ASK)}"]

    posted = [await house.post({"documentId": name}) for name in names]
    got = [await house.get(documentId=name) for name in names]
    by_text = await house.post({"query": ASK})
    by_both = await house.post({"documentId": "channels-1", "query": ASK})
    by_hash = await house.post(persisted(ASK))

    answers = [*posted, *got, by_text, by_both, by_hash]
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["data"]["channels"] for answer in answers)
    assert counted(house, "gateway_documents_total", found="trusted") == 9.0


async def test_a_named_document_takes_variables_and_the_name_of_an_operation(
    tmp_path: Path,
) -> None:
    at = "query A { __typename } query B($c: String!) { location(by: {code: $c}) { code } }"
    house = await trusting(tmp_path, {"both": at})

    posted = await house.post(
        {"documentId": "both", "operationName": "B", "variables": {"c": "ST-01"}}
    )
    got = await house.get(documentId="both", operationName="B", variables='{"c": "ST-01"}')
    unnamed = await house.post({"documentId": "both"})

    assert posted.json() == got.json() == {"data": {"location": {"code": "ST-01"}}}
    assert unnamed.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_anything_else_is_refused_before_it_is_read(tmp_path: Path) -> None:
    house = await trusting(tmp_path, {"channels-1": ASK}, batch_max=2)

    for document in (FREE, "{ no GraphQL at all", ASK + " ", "x" * (SOURCE_CHARS_MAX + 1)):
        answer = await house.post({"query": document})
        assert (answer.status_code, told(answer)) == (403, NOT_TRUSTED)
    got = await house.get(query=FREE)
    listed = await house.post([{"documentId": "channels-1"}, {"query": FREE}])
    streamed = await house.post({"query": FREE}, **EVENTS)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.subscribe("1", FREE)
        said = await talk.message()

    ran, refused = listed.json()
    assert (listed.status_code, list(ran)) == (200, ["data"])
    assert refused["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    for answer in (got, streamed):
        assert (answer.status_code, told(answer)) == (403, NOT_TRUSTED)
    assert (said["type"], said["id"]) == ("error", "1")
    assert said["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    assert counted(house, "gateway_documents_total", found="refused") == 8.0


async def test_roles_that_are_free_send_what_they_like(tmp_path: Path) -> None:
    house = await trusting(tmp_path, {"channels-1": ASK})
    statuses = {}

    for role in Role:
        answer = await house.post({"query": FREE}, **house.token(role))
        statuses[role] = answer.status_code

    free = {role for role, status in statuses.items() if status == 200}
    assert free == {Role.OPERATOR, Role.ADMIN}
    strict = await trusting(tmp_path, {"channels-1": ASK}, free_roles=())
    answer = await strict.post({"query": FREE}, **strict.token(Role.ADMIN))
    assert told(answer) == NOT_TRUSTED


async def test_log_lets_unknown_documents_run_and_tells_their_hash_and_client_once(
    tmp_path: Path,
) -> None:
    house = await trusting(tmp_path, {"channels-1": ASK}, "log")
    secret = '{ location(by: {code: "hush"}) { code } }'

    for _ in range(3):
        answer = await house.post({"query": secret}, apollographql_client_name="till app")
        assert answer.json() == {"data": {"location": None}}
    await house.post({"query": secret}, graphql_client_name="{forged}")
    await house.post({"query": ASK})

    lines = [line for line in house.lines if line.get("event") == "unknown document"]
    pairs = [(line["document"], line["client"]) for line in lines]
    assert pairs == [(hash_of(secret), "till app"), (hash_of(secret), "unnamed")]
    assert "hush" not in str(list(house.lines))
    assert counted(house, "gateway_unknown_documents_total") == 4.0
    assert counted(house, "gateway_documents_total", found="trusted") == 1.0


async def test_a_name_that_is_not_known_is_404(house: House) -> None:
    for answer in (
        await house.post({"documentId": "nothing"}),
        await house.post({"documentId": "nothing"}, **NEW),
        await house.get(documentId=f"sha256:{'0' * 64}"),
        await house.post({"documentId": "nothing"}, **EVENTS),
    ):
        assert (answer.status_code, told(answer)) == (404, NOT_FOUND)
    assert counted(house, "gateway_documents_total", found="missing") == 4.0


async def test_a_name_and_a_text_are_of_one_document_or_refused(tmp_path: Path) -> None:
    house = await trusting(tmp_path, {"channels-1": ASK, "type-1": FREE}, "off")

    for body in (
        {"documentId": "type-1", "query": ASK},
        {"documentId": "nothing", "query": ASK},
        {"documentId": f"sha256:{hash_of(FREE)}", "query": ASK},
        persisted(FREE, query=ASK),
    ):
        answer = await house.post(body)
        assert (answer.status_code, told(answer)) == (400, MISMATCH)
    two = await house.post(persisted(ASK, documentId="channels-1"))
    alike = await house.post(persisted(ASK, documentId=f"sha256:{hash_of(ASK)}"))

    assert (two.status_code, told(two)[0]) == (400, "BAD_REQUEST")
    assert alike.status_code == 200


async def test_a_mutation_by_name_is_sent_by_post(tmp_path: Path) -> None:
    house = await trusting(tmp_path, {"hold": HOLD})

    got = await house.get(documentId="hold", variables='{"key": "k", "quantity": 1}')

    assert (got.status_code, told(got)[0]) == (405, "METHOD_NOT_ALLOWED")


async def test_sockets_and_streams_take_names_too(tmp_path: Path) -> None:
    house = await trusting(tmp_path, {"watch": WATCH, "ask": ASK})
    await house.stocked("WH-01", 7)

    streamed = await house.post({"documentId": "ask"}, **EVENTS)
    async with house.client() as client:
        got = await client.get("/graphql", params={"documentId": "ask"}, headers=EVENTS)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        await talk.say({"type": "subscribe", "id": "1", "payload": {"documentId": "watch"}})
        state = await talk.message()
        payload = {"documentId": "nothing"}
        await talk.say({"type": "subscribe", "id": "2", "payload": payload})
        missing = await talk.message()

    assert '"channels"' in streamed.text
    assert got.text == streamed.text
    assert state["payload"] == {"data": {"stockChanged": {"onHand": 7}}}
    assert missing["payload"][0]["extensions"]["code"] == "PERSISTED_DOCUMENT_NOT_FOUND"


async def test_a_manifest_that_cannot_be_used_is_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {
        "good": ASK,
        "old-1": "{ nonsense }",
        "broken": "{",
        "none": "fragment F on Query { a }",
    }

    with pytest.raises(SettingsError) as refused:
        await trusting(tmp_path, wrong)
    house = await trusting(tmp_path, wrong, "log")
    with pytest.raises(SettingsError, match="no such file"):
        await opened(tmp_path, documents=Documents(manifest=str(tmp_path / "absent")))

    told_at_start = [problem.found for problem in refused.value.problems]
    assert told_at_start == [
        "old-1: 1:3: Cannot query field 'nonsense' on type 'Query'.",
        "broken: 1:2: Syntax Error: Expected Name, found <EOF>.",
        "none: it has no operation",
    ]
    warned = [record.getMessage() for record in caplog.records]
    assert warned == [
        f"a document of the manifest cannot run here: {told}" for told in told_at_start
    ]
    assert (await house.post({"documentId": "good"})).status_code == 200


# ---- automatic persisted queries ---------------------------------------------------------------


async def test_a_client_sends_the_hash_then_both_then_the_hash_alone(house: House) -> None:
    first = await house.post(persisted(ASK))
    first_new = await house.post(persisted(ASK), **NEW)
    both = await house.post(persisted(ASK, query=ASK))
    then = await house.post(persisted(ASK))
    got = await house.get(extensions=json.dumps(persisted(ASK)["extensions"]))
    named = await house.get(documentId=f"sha256:{hash_of(ASK)}")

    assert (first.status_code, told(first)) == (200, QUERY_NOT_FOUND)
    assert (first_new.status_code, told(first_new)) == (404, QUERY_NOT_FOUND)
    assert both.json() == then.json() == got.json() == named.json()
    assert both.json()["data"]["channels"]
    assert counted(house, "gateway_documents_total", found="kept") == 3.0


async def test_a_get_and_a_socket_may_have_a_document_kept(house: House) -> None:
    extensions = json.dumps(persisted(ASK)["extensions"])
    await house.get(query=ASK, extensions=extensions)
    async with talking(house.app) as talk:
        await talk.event()
        await talk.introduce()
        for id, payload in (("1", persisted(FREE)), ("2", persisted(FREE, query=FREE))):
            await talk.say({"type": "subscribe", "id": id, "payload": payload})
            said = await talk.message()
        assert said["payload"] == {"data": {"__typename": "Query"}}
        assert (await talk.message())["type"] == "complete"
        await talk.say({"type": "subscribe", "id": "3", "payload": persisted(ASK)})
        found = await talk.message()

    assert found["payload"]["data"]["channels"]
    assert (await house.post(persisted(FREE))).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "document",
    [
        "{ no GraphQL at all",
        "{ nonsense }",
        "fragment F on Query { __typename }",
        "{ " + "a: __typename b: __typename " * 60 + "}",
        "{ channels { code } }" + " " * SOURCE_CHARS_MAX,
    ],
)
async def test_what_cannot_run_is_not_kept(house: House, document: str) -> None:
    refused = await house.post(persisted(document, query=document), **NEW)
    then = await house.post(persisted(document))

    assert refused.status_code == 400
    assert told(then) == QUERY_NOT_FOUND


async def test_what_is_not_admitted_is_not_kept(tmp_path: Path) -> None:
    house = await opened(tmp_path, cost_per_second=1, cost_saved_max=1)

    assert (await house.post({"query": FREE})).status_code == 200
    assert (await house.post(persisted(ASK, query=ASK))).status_code == 429
    assert told(await house.post(persisted(ASK))) == QUERY_NOT_FOUND


@pytest.mark.parametrize("with_token", [False, True])
async def test_guests_do_not_push_out_what_callers_had_kept(
    tmp_path: Path, *, with_token: bool
) -> None:
    house = await opened(tmp_path, documents=Documents(kept_max=2))
    shopper = house.token()
    guest = Principal(Role.SHOPPER, f"{GUESTS}1")  # with a token, which anybody is given
    signed = {"Authorization": f"Bearer {house.runtime.tokens.issue(guest, 60)}"}
    others = [f"{{ a{at}: __typename }}" for at in range(3)]

    await house.post(persisted(ASK, query=ASK), **shopper)
    for document in others:
        await house.post(persisted(document, query=document), **(signed if with_token else {}))

    assert (await house.post(persisted(ASK))).json()["data"]["channels"]
    kept = [(await house.post(persisted(document))).json().get("data") for document in others]
    assert kept == [None, {"a1": "Query"}, {"a2": "Query"}]


async def test_in_a_list_a_hash_that_is_not_known_is_told_in_its_place(tmp_path: Path) -> None:
    house = await opened(tmp_path, batch_max=3)

    answer = await house.post([persisted(ASK), {"query": FREE}, persisted(FREE, query=FREE)])

    missing, *others = answer.json()
    assert missing["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert others == [{"data": {"__typename": "Query"}}] * 2
    assert (await house.post([persisted(FREE)])).json() == others[:1]


async def test_named_documents_of_a_list_are_together_no_longer_than_one(tmp_path: Path) -> None:
    long = FREE + " " * (SOURCE_CHARS_MAX // 2)
    house = await trusting(tmp_path, {"long": long}, batch_max=2)

    answer = await house.post([{"documentId": "long"}] * 2)

    assert (answer.status_code, told(answer)[0]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("settings", [{"automatic": False}, {"trusted": "enforce"}])
async def test_a_client_is_told_where_nothing_is_kept(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"type-1": FREE}))
    documents = replace(Documents(manifest=str(path)), **settings)
    house = await opened(tmp_path, documents=documents)
    operator = house.token(Role.OPERATOR)

    first = await house.post(persisted(ASK), **operator)
    first_new = await house.post(persisted(ASK), **operator, **NEW)
    both = await house.post(persisted(ASK, query=ASK), **operator)
    then = await house.post(persisted(ASK), **operator)

    assert (first.status_code, told(first)) == (200, NOT_SUPPORTED)
    assert first_new.status_code == 400
    assert both.json()["data"]["channels"]
    assert told(then) == NOT_SUPPORTED


def test_a_shelf_is_bounded_by_number_and_by_bytes() -> None:
    shelf = Shelf()
    for name in "abc":
        shelf.put(name, name * 10, 3, 100)
    shelf.find("a")

    shelf.put("d", "é" * 5, 3, 100)
    assert [shelf.find(name) is not None for name in "abcd"] == [True, False, True, True]
    shelf.put("e", "e" * 85, 3, 100)
    assert [shelf.find(name) is not None for name in "acde"] == [False, False, True, True]
    shelf.put("f", "f" * 101, 3, 100)
    assert [shelf.find(name) is not None for name in "def"] == [True, True, False]
