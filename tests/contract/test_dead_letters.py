"""Writes that are given up: found, counted, revived and ruled on, in every engine (O6, G4)."""

from dataclasses import replace

import pytest

from resolvers.domain.books import Change
from resolvers.domain.outbox import (
    DeathKind,
    Verdict,
    Write,
    WriteStatus,
    answered,
    dead,
    let_go,
    reopened,
    ruled,
)
from tests.contract.shop import NOON, write


@pytest.fixture
async def graves(shop, store) -> list[Write]:
    """Three dead letters, the second of which needs a person's word, and one that waits."""
    made = [
        write("A1", "a", order_id="1"),
        write("B1", "b", backend="crm"),
        write("C1", "c"),
        write("D1", "d"),
    ]
    await shop.post(Change(writes=tuple(made)))
    lease = await store.house.lease("push", "one", 60, NOON)
    kinds = (DeathKind.REFUSED, DeathKind.UNKNOWN_OUTCOME, DeathKind.RETRIES_SPENT)
    for one, kind in zip(made, kinds, strict=False):
        tried = replace(one, attempts=2, in_doubt=kind is DeathKind.UNKNOWN_OUTCOME)
        assert await store.outbox.save_write(dead(tried, kind, "no"), lease)
    return [await store.outbox.write(one.id) for one in made]


async def test_dead_letters_are_listed_the_eldest_first_and_counted(store, graves):
    listed = await store.outbox.dead_writes(None, 0, 2)
    rest = await store.outbox.dead_writes(None, listed[-1].sequence, 2)

    assert [*listed, *rest] == graves[:3]
    assert await store.outbox.dead_writes("crm", 0, 9) == [graves[1]]
    assert dict(await store.outbox.dead_counts()) == {"erp": 2, "crm": 1}
    assert await store.outbox.write("nobody") is None


async def test_a_dead_letter_waits_for_nobody_and_nothing_waits_for_it(store, graves):
    assert [one.id for one in await store.outbox.due_writes("erp", NOON, 9)] == ["D1"]
    assert await store.outbox.pending_writes("erp") == 1
    assert await store.outbox.due_writes("crm", NOON, 9) == []


@pytest.mark.parametrize(
    ("backend", "ids", "revived"),
    [
        (None, None, ["A1", "C1"]),
        ("crm", None, []),
        (None, ["C1", "D1", "nobody"], ["C1"]),
        ("crm", ["A1"], []),
        (None, [], []),
    ],
)
async def test_those_that_may_be_are_revived_as_the_same_writes(
    store, graves, backend, ids, revived
):
    assert await store.outbox.replay_writes(backend, ids) == len(revived)

    due = await store.outbox.due_writes("erp", NOON, 9)
    assert [one.id for one in due] == sorted({*revived, "D1"})
    for one in due:
        before = next(it for it in graves if it.id == one.id)
        assert one == replace(before, status=WriteStatus.WAITING, death=None)
    assert await store.outbox.replay_writes(backend, ids) == 0


async def test_more_than_fit_one_transaction_are_revived(shop, store):
    lost = [write(f"W{at:03}", f"s{at}", attempts=1) for at in range(450)]
    await shop.post(Change(writes=tuple(dead(one, DeathKind.RETRIES_SPENT) for one in lost)))
    named = [one.id for one in lost[:250]]

    assert await store.outbox.replay_writes(None, named) == 250
    assert await store.outbox.replay_writes(None, None) == 200
    assert await store.outbox.dead_counts() == {}


async def test_a_ruling_is_noted_once_and_only_on_what_is_dead_still(store, graves):
    there = ruled(graves[1], Verdict.THERE, "SO-7", "by-1")

    assert await store.outbox.rule_on_write(there)
    assert not await store.outbox.rule_on_write(ruled(graves[1], Verdict.LET_GO, None, "by-2"))
    assert await store.outbox.write("B1") == there
    assert await store.outbox.due_writes("crm", NOON, 9) == [there]
    assert not await store.outbox.rule_on_write(replace(there, id="nobody"))
    again = ruled(replace(graves[0], attempts=1), Verdict.LET_GO, None, "by-3")
    assert not await store.outbox.rule_on_write(again), "it has died anew since"
    assert await store.outbox.write("A1") == graves[0]


async def test_who_watches_an_order_hears_that_its_write_moves_again(shop, store, graves):
    before = await shop.events()

    await store.outbox.replay_writes(None, ["A1", "C1"])

    assert (await shop.events())[len(before) :] == [("order", "1")]


async def test_a_write_that_was_done_is_reopened_once_and_only_as_it_was_read(shop, store, graves):
    """Its backend was restored to a time before it (G4)."""
    lease = await store.house.lease("push", "one", 60, NOON)
    told = answered(replace(await store.outbox.write("D1"), attempts=1), "SO-1", None)
    assert await store.outbox.save_write(told, lease)
    before = await shop.events()

    again = reopened(told)
    assert not await store.outbox.reopen_write(replace(again, attempts=2)), "it was told since"
    assert not await store.outbox.reopen_write(replace(again, id="nobody"))
    assert not await store.outbox.reopen_write(replace(again, id="A1")), "it is dead, not done"
    assert (await store.outbox.write("D1"), await shop.events()) == (told, before)
    assert await store.outbox.reopen_write(again)
    assert not await store.outbox.reopen_write(again)

    assert await store.outbox.write("D1") == again
    assert await store.outbox.due_writes("erp", NOON, 9) == [again]
    assert (again.status, again.external_id, again.attempts) == (WriteStatus.WAITING, None, 1)


async def test_a_write_that_was_let_go_is_not_reopened(shop, store, graves):
    lease = await store.house.lease("push", "one", 60, NOON)
    over = let_go(replace(await store.outbox.write("D1"), attempts=1))
    assert await store.outbox.save_write(over, lease)

    assert not await store.outbox.reopen_write(reopened(over))
    assert await store.outbox.write("D1") == over
