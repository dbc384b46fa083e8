"""Messages that wait for a person, and the wish to have a backend read, over the schema."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.sandbox import retailer
from gateway.bootstrap import closed
from resolvers.domain.inbox import Message, MessageStatus, Wish, wish_of
from schema.ids import seal
from tests.schema.asking import ask
from tests.support import OPERATOR, SHOPPER, Shop, open_shop

PARKED = """query ($first: Int!, $after: String, $backend: String) {
  parkedMessages(first: $first, after: $after, backend: $backend) {
    nodes { id backend receivedAt error attempts size } pageInfo { hasNextPage endCursor }
  }
}"""
REPLAY = """mutation ($input: ReplayInboxInput!) {
  replayInbox(input: $input) { count replayed userErrors { code field message } }
}"""
SYNC = """mutation ($input: SyncBackendInput!) {
  syncBackend(input: $input) { backend { code } replayed userErrors { code field message } }
}"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop of the sandbox's systems, two messages of which wait for a person."""
    backends = retailer.backends(tmp_path)
    opened = await open_shop(backends=backends)
    messages = [
        Message(
            f"m{at}",
            code,
            f"k{at}",
            opened.clock(),
            b"Ling Li",
            status=MessageStatus.PARKED,
            attempts=1,
            error="the body is not JSON",
        )
        for at, code in enumerate(("crm", "pos", "crm"))
    ]
    await opened.store.inbox.keep(messages)
    yield opened
    for backend in backends:
        await closed(backend)
    await opened.close()


async def test_what_waits_is_listed_without_what_it_says(shop: Shop) -> None:
    first = (await ask(shop, PARKED, OPERATOR, first=2)).data["parkedMessages"]
    after = first["pageInfo"]["endCursor"]
    rest = (await ask(shop, PARKED, OPERATOR, first=2, after=after)).data["parkedMessages"]
    of_pos = (await ask(shop, PARKED, OPERATOR, first=9, backend="pos")).data["parkedMessages"]

    assert first["nodes"][0] == {
        "id": seal("ParkedMessage", "m0"),
        "backend": "crm",
        "receivedAt": "2026-03-02T12:00:00Z",
        "error": "the body is not JSON",
        "attempts": 1,
        "size": 7,
    }
    assert [it["id"] for it in rest["nodes"]] == [seal("ParkedMessage", "m2")]
    assert [it["backend"] for it in of_pos["nodes"]] == ["pos"]


async def test_named_messages_are_tried_again(shop: Shop) -> None:
    given = {"idempotencyKey": "k", "ids": [seal("ParkedMessage", "m1")]}

    answers = [(await ask(shop, REPLAY, OPERATOR, input=given)).data for _ in range(2)]

    assert [it["replayInbox"] for it in answers] == [
        {"count": 1, "replayed": replayed, "userErrors": []} for replayed in (False, True)
    ]
    assert await shop.store.inbox.parked_counts() == {"crm": 2}


@pytest.mark.parametrize(
    ("given", "field"),
    [({"ids": ["x"]}, ["input", "ids", "0"]), ({"backend": "x"}, ["input", "backend"])],
)
async def test_a_replay_of_what_there_is_not_is_refused(shop: Shop, given, field) -> None:
    answer = await ask(shop, REPLAY, OPERATOR, input={"idempotencyKey": "k", **given})

    assert answer.data["replayInbox"]["count"] is None
    assert [it["field"] for it in answer.data["replayInbox"]["userErrors"]] == [field]


async def test_a_wish_to_read_a_backend_is_kept_once_for_a_key(shop: Shop) -> None:
    given = {"idempotencyKey": "k", "backend": "erp", "entities": ["stock"], "whole": True}

    answers = [(await ask(shop, SYNC, OPERATOR, input=given)).data for _ in range(2)]

    assert [it["syncBackend"] for it in answers] == [
        {"backend": {"code": "erp"}, "replayed": replayed, "userErrors": []}
        for replayed in (False, True)
    ]
    [message] = await shop.store.inbox.due_messages("erp", shop.clock(), 9)
    assert wish_of(message) == Wish(("stock",), whole=True)


async def test_only_who_runs_the_house_may(shop: Shop) -> None:
    for asked, given in (
        (PARKED, {"first": 1}),
        (REPLAY, {"input": {"idempotencyKey": "k"}}),
        (SYNC, {"input": {"idempotencyKey": "k", "backend": "erp"}}),
    ):
        assert (await ask(shop, asked, SHOPPER, **given)).code == "FORBIDDEN"
