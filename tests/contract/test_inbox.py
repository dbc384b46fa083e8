"""Messages of backends: kept once, tried when due, parked, replayed: the same from every engine."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from connectors.stores.memory.engine import open_memory
from resolvers.copying import Side, copy, digest_of
from resolvers.domain.inbox import Message, MessageStatus
from tests.contract.shop import NOON, minutes

PARKED, DONE, WAITING = MessageStatus.PARKED, MessageStatus.DONE, MessageStatus.WAITING


def message(id: str, received_at: datetime = NOON, **more: object) -> Message:
    """A message of the shop that waits, unless more is said."""
    made = Message(id, "shop", f"key-{id}", received_at, b"\x00\xff{}")
    return replace(made, **more)  # type: ignore[arg-type]  # names are the message's own


def ids(messages: Sequence[Message]) -> list[str]:
    return [it.id for it in messages]


async def test_a_message_comes_back_whole_and_in_the_order_it_came(store):
    whole = message(
        "m2",
        NOON - minutes(1),
        headers=(("x-topic", "orders/paid"), ("x-id", "7")),
        attempts=3,
        not_before=NOON,
        error="unreadable",
    )
    await store.inbox.keep([message("m3"), message("m1"), whole, message("m0", backend="erp")])

    assert await store.inbox.due_messages("shop", NOON, 9) == [whole, message("m1"), message("m3")]
    assert ids(await store.inbox.due_messages("shop", NOON, 2)) == ["m2", "m1"]
    assert ids(await store.inbox.due_messages("erp", NOON, 9)) == ["m0"]


async def test_a_known_key_of_the_same_backend_is_left_out_and_the_first_stays(store):
    first = message("m1", dedupe_key="k")
    again = message("m2", dedupe_key="k", body=b"other")

    assert await store.inbox.keep([first, again, message("m3", backend="erp", dedupe_key="k")]) == 2
    assert await store.inbox.keep([again]) == 0

    assert await store.inbox.due_messages("shop", NOON, 9) == [first]
    assert ids(await store.inbox.due_messages("erp", NOON, 9)) == ["m3"]


async def test_of_the_same_keys_at_once_each_is_kept_once(store):
    lots = [
        [message(f"{lot}-{at}", dedupe_key=f"k{at}") for at in range(40)] for lot in ("a", "b", "c")
    ]

    new = await asyncio.gather(*(store.inbox.keep(lot) for lot in lots))

    assert sum(new) == 40
    due = await store.inbox.due_messages("shop", NOON, 999)
    assert sorted(it.dedupe_key for it in due) == sorted(f"k{at}" for at in range(40))


async def test_what_may_not_be_tried_yet_holds_up_nothing(store):
    late = message("m1", not_before=NOON + minutes(5))
    await store.inbox.keep([late, message("m2", NOON + minutes(1))])

    assert ids(await store.inbox.due_messages("shop", NOON, 9)) == ["m2"]
    assert ids(await store.inbox.due_messages("shop", NOON + minutes(5), 9)) == ["m1", "m2"]


async def test_what_became_of_messages_is_kept_and_of_done_ones_no_body(store):
    await store.inbox.keep([message("m1"), message("m2"), message("m3"), message("m4")])

    tried = message("m3", attempts=1, not_before=NOON + minutes(1), error="later")
    parked = message("m2", status=PARKED, attempts=1, error="unreadable")
    await store.inbox.settle(
        [message("m1", status=DONE), parked, tried, message("m9", status=DONE)]
    )

    assert ids(await store.inbox.due_messages("shop", NOON, 9)) == ["m4"]
    assert await store.inbox.due_messages("shop", NOON + minutes(1), 1) == [tried]
    assert await store.inbox.parked(None, None, 9) == [parked]
    bodies = {}
    for row in await store.upkeep.dump("messages", None, 9):
        bodies[row.key] = b'"body":""' in row.body
    assert bodies == {f"shop\x1fkey-m{at}": at == 1 for at in range(1, 5)}
    assert await store.inbox.keep([message("m7", dedupe_key="key-m1")]) == 0


async def test_parked_ones_are_listed_by_id_and_counted_by_backend(store):
    names = ("m5", "m3", "m1", "m4", "m2")
    kept = [message(id, backend="erp" if id in ("m2", "m4") else "shop") for id in names]
    await store.inbox.keep([*kept, message("m6")])
    assert await store.inbox.parked_counts() == {}

    await store.inbox.settle([replace(it, status=PARKED) for it in kept])

    assert ids(await store.inbox.parked(None, None, 3)) == ["m1", "m2", "m3"]
    assert ids(await store.inbox.parked(None, "m3", 3)) == ["m4", "m5"]
    assert ids(await store.inbox.parked("shop", "m1", 1)) == ["m3"]
    assert ids(await store.inbox.parked("erp", None, 9)) == ["m2", "m4"]
    assert await store.inbox.parked_counts() == {"shop": 3, "erp": 2}


@pytest.mark.parametrize(
    ("backend", "named", "again"),
    [
        (None, None, ["e1", "s1", "s2"]),
        ("shop", None, ["s1", "s2"]),
        (None, ["s2", "e1", "w1", "x"], ["e1", "s2"]),
        ("shop", ["s2", "e1", "s2"], ["s2"]),
        (None, [], []),
    ],
)
async def test_replaying_makes_parked_messages_wait_from_the_beginning(
    store, backend, named, again
):
    kept = [message("s1"), message("s2"), message("e1", backend="erp")]
    await store.inbox.keep([*kept, message("w1", attempts=4)])
    await store.inbox.settle(
        [replace(it, status=PARKED, attempts=7, error="unreadable") for it in kept]
    )
    later = NOON + minutes(3)

    assert await store.inbox.replay(backend, named, later) == len(again)

    due = [
        it
        for code in ("erp", "shop")
        for it in await store.inbox.due_messages(code, later, 9)
        if it.id != "w1"
    ]
    expected = {it.id: replace(it, not_before=later, error="unreadable") for it in kept}
    assert due == [expected[id] for id in again]
    assert len(await store.inbox.parked(None, None, 9)) == 3 - len(again)


async def test_more_than_one_write_may_take_are_replayed(store):
    many = [message(f"m{at:04}", status=PARKED) for at in range(1_001)]
    await store.inbox.keep(many)

    named = await store.inbox.replay(None, [it.id for it in many[:601]], NOON)
    rest = await store.inbox.replay("shop", None, NOON)

    assert (named, rest) == (601, 400)
    assert len(await store.inbox.due_messages("shop", NOON, 9_999)) == 1_001


async def test_done_ones_are_dropped_the_eldest_first_and_no_more_than_it_may(store):
    kept = [message(f"m{at}", NOON + minutes(at)) for at in range(5)]
    await store.inbox.keep(kept)
    await store.inbox.settle([replace(it, status=DONE) for it in kept[:4]])
    before = NOON + minutes(3)

    assert await store.inbox.trim_messages(before, 2) == 2
    assert await store.inbox.trim_messages(before, 2) == 1
    assert await store.inbox.trim_messages(before, 2) == 0

    rows = await store.upkeep.dump("messages", None, 9)
    assert [row.key for row in rows] == ["shop\x1fkey-m3", "shop\x1fkey-m4"]
    assert await store.inbox.keep([message("n0", dedupe_key="key-m0")]) == 1


async def test_a_copy_carries_them_over_to_the_last_byte(store):
    every = bytes(range(256))
    done = message("m3", NOON - timedelta(days=9), status=DONE)
    await store.inbox.keep([message("m2", body=every), message("m1", backend="erp"), done])
    await store.inbox.settle([done])
    other = open_memory()

    async for _ in copy(Side("one", store), Side("other", other), "copier", lambda: NOON, 0):
        pass

    assert await other.inbox.due_messages("shop", NOON, 9) == [message("m2", body=every)]
    assert await other.inbox.keep([message("m9", dedupe_key="key-m3")]) == 0
    first = await store.upkeep.dump("messages", None, 1)
    rest = await store.upkeep.dump("messages", first[0].key, 9)
    keys = [row.key for row in (*first, *rest)]
    assert keys == ["erp\x1fkey-m1", "shop\x1fkey-m2", "shop\x1fkey-m3"]
    assert await digest_of(store, "messages") == await digest_of(other, "messages")
