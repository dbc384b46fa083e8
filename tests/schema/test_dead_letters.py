"""Dead letters over the schema: seen, tried again, ruled on by who runs the house (O6, G4, G6)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sandbox import retailer
from gateway.bootstrap import closed
from resolvers.domain.books import Change
from resolvers.domain.outbox import (
    Adjustment,
    DeathKind,
    Verdict,
    Write,
    WriteAction,
    WriteStatus,
    dead,
)
from schema.ids import seal
from tests.contract.shop import Shop as Books
from tests.schema.asking import ask
from tests.support import OPERATOR, SHOPPER, Shop, open_shop

LIST = """query ($first: Int!, $after: String, $backend: String) {
  deadLetters(first: $first, after: $after, backend: $backend) {
    nodes { id backend action reference orderId status kind unknownOutcome error attempts triedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""
REPLAY = """mutation ($input: ReplayOutboxInput!) {
  replayOutbox(input: $input) { count replayed userErrors { code field message } }
}"""
RULE = """mutation ($input: RuleOnDeadLetterInput!) {
  ruleOnDeadLetter(input: $input) {
    deadLetter { status kind externalId unknownOutcome } replayed userErrors { code field }
  }
}"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop with three dead letters; of the last nobody knows what became of it."""
    backends = retailer.backends(tmp_path)
    opened = await open_shop(backends=backends)
    now = opened.clock()
    kinds = (DeathKind.REFUSED, DeathKind.RETRIES_SPENT, DeathKind.UNKNOWN_OUTCOME)
    writes = [
        Write(
            f"w{at}",
            code,
            WriteAction.ADJUST_STOCK,
            f"s{at}",
            now - timedelta(hours=1),
            adjustment=Adjustment(f"ref{at}", "A", "WH", 1, "found"),
            attempts=3,
            sent_at=now,
            in_doubt=kind is DeathKind.UNKNOWN_OUTCOME,
        )
        for at, (code, kind) in enumerate(zip(("erp", "pos", "erp"), kinds, strict=True))
    ]
    graves = tuple(dead(it, kind, "no") for it, kind in zip(writes, kinds, strict=True))
    await Books(opened.store).post(Change(writes=graves))
    yield opened
    for backend in backends:
        await closed(backend)
    await opened.close()


async def kept(shop: Shop) -> list[Write | None]:
    return [await shop.store.outbox.write(f"w{at}") for at in range(3)]


async def test_dead_letters_are_listed_page_by_page(shop: Shop) -> None:
    first = (await ask(shop, LIST, OPERATOR, first=2)).data["deadLetters"]
    after = first["pageInfo"]["endCursor"]
    rest = (await ask(shop, LIST, OPERATOR, first=2, after=after)).data["deadLetters"]
    of_pos = (await ask(shop, LIST, OPERATOR, first=9, backend="pos")).data["deadLetters"]

    assert first["nodes"][0] == {
        "id": seal("DeadLetter", "w0"),
        "backend": "erp",
        "action": "ADJUST_STOCK",
        "reference": "ref0",
        "orderId": None,
        "status": "FAILED",
        "kind": "REFUSED",
        "unknownOutcome": False,
        "error": "no",
        "attempts": 3,
        "triedAt": "2026-03-02T12:00:00Z",
    }
    assert [(it["kind"], it["unknownOutcome"]) for it in rest["nodes"]] == [
        ("UNKNOWN_OUTCOME", True)
    ]
    assert [it["backend"] for it in of_pos["nodes"]] == ["pos"]


async def test_all_are_tried_again_but_those_that_need_a_word_and_once_for_a_key(
    shop: Shop,
) -> None:
    answers = [
        (await ask(shop, REPLAY, OPERATOR, input={"idempotencyKey": "k"})).data for _ in range(2)
    ]

    assert [it["replayOutbox"] for it in answers] == [
        {"count": 2, "replayed": replayed, "userErrors": []} for replayed in (False, True)
    ]
    statuses = [it.status for it in await kept(shop) if it is not None]
    assert statuses == [WriteStatus.WAITING, WriteStatus.WAITING, WriteStatus.FAILED]


@pytest.mark.parametrize(
    ("given", "field"),
    [({"ids": ["x"]}, ["input", "ids", "0"]), ({"backend": "x"}, ["input", "backend"])],
)
async def test_a_replay_of_what_there_is_not_changes_nothing(shop: Shop, given, field) -> None:
    before = await kept(shop)

    answer = await ask(shop, REPLAY, OPERATOR, input={"idempotencyKey": "k", **given})

    assert answer.data["replayOutbox"]["count"] is None
    assert [it["field"] for it in answer.data["replayOutbox"]["userErrors"]] == [field]
    assert await kept(shop) == before


async def test_a_person_says_that_it_is_there_once_for_a_key(shop: Shop) -> None:
    given = {
        "idempotencyKey": "k",
        "id": seal("DeadLetter", "w2"),
        "verdict": "THERE",
        "externalId": "SO-7",
    }

    answers = [(await ask(shop, RULE, OPERATOR, input=given)).data for _ in range(2)]

    assert [it["ruleOnDeadLetter"]["replayed"] for it in answers] == [False, True]
    assert answers[0]["ruleOnDeadLetter"]["deadLetter"] == {
        "status": "WAITING",
        "kind": None,
        "externalId": "SO-7",
        "unknownOutcome": True,
    }
    write = await shop.store.outbox.write("w2")
    assert write is not None
    assert (write.verdict, write.external_id) == (Verdict.THERE, "SO-7")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"id": seal("DeadLetter", "w9"), "verdict": "LET_GO"}, "NOT_FOUND"),
        ({"id": "x", "verdict": "LET_GO"}, "INVALID_INPUT"),
        (
            {"id": seal("DeadLetter", "w2"), "verdict": "SEND_AGAIN", "externalId": "SO-7"},
            "INVALID_INPUT",
        ),
    ],
)
async def test_a_word_that_cannot_be_meant_changes_nothing(shop: Shop, given, code) -> None:
    before = await kept(shop)

    answer = (await ask(shop, RULE, OPERATOR, input={"idempotencyKey": "k", **given})).data

    assert [it["code"] for it in answer["ruleOnDeadLetter"]["userErrors"]] == [code]
    assert await kept(shop) == before


async def test_a_second_word_on_the_same_letter_is_refused(shop: Shop) -> None:
    letter = {"id": seal("DeadLetter", "w0")}
    await ask(shop, RULE, OPERATOR, input={"idempotencyKey": "a", **letter, "verdict": "LET_GO"})
    before = await kept(shop)

    other = {"idempotencyKey": "b", **letter, "verdict": "SEND_AGAIN"}
    answer = (await ask(shop, RULE, OPERATOR, input=other)).data["ruleOnDeadLetter"]

    assert [it["code"] for it in answer["userErrors"]] == ["INVALID_INPUT"]
    assert await kept(shop) == before


async def test_only_who_runs_the_house_may(shop: Shop) -> None:
    ruling = {"idempotencyKey": "k", "id": seal("DeadLetter", "w0"), "verdict": "LET_GO"}
    for asked, given in (
        (LIST, {"first": 1}),
        (REPLAY, {"input": {"idempotencyKey": "k"}}),
        (RULE, {"input": ruling}),
    ):
        assert (await ask(shop, asked, SHOPPER, **given)).code == "FORBIDDEN"
