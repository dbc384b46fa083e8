"""Stores kept sound: every quantity is what its entries say, before and after old ones are folded,
and in a copy (S2, G5).
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.stores.memory.engine import open_memory
from resolvers.copying import NotCopied, Side, copy, digest_of
from resolvers.domain.books import Change, Key
from resolvers.domain.errors import InvalidInput
from resolvers.domain.ledger import drifts
from resolvers.domain.reservation import Reservation, Status, hold_entries, release_entries
from resolvers.domain.stock import EntryKind, Pin, Position, Taker
from resolvers.upkeep import KEYS_KEPT, check, compact
from resolvers.upkeep_port import Compacted, Row
from tests.contract.shop import NOON, Shop, minutes, order, receipt, write


async def busy(shop: Shop) -> None:
    """Two days of a small life: deliveries, holds that ended, one that is given back, one alive."""
    await shop.receive("A", "WH", 10)
    await shop.receive("B", "WH", 5)
    await shop.hold("old", ("A", "WH", 3), ("B", "WH", 1))
    shop.now += minutes(20)  # it ends here, and the next to touch the SKU says so
    await shop.receive("A", "ST", 2)
    await shop.hold("given back", ("A", "ST", 2))
    found = (await shop.store.stock.reservations(["given back"])).get("given back")
    assert found is not None
    entries, pins = release_entries(found[1], shop.now)
    await shop.post(Change(tuple(entries), tuple(pins)))
    shop.now += timedelta(days=3)
    await shop.hold("alive", ("A", "WH", 4), until=shop.now + timedelta(days=1))


async def faults(shop: Shop) -> list[str]:
    return [finding async for step in check(shop.store) for finding in step.findings]


async def folded(shop: Shop) -> int:
    before = shop.now - KEYS_KEPT
    return sum([step.entries async for step in compact(shop.store, before, shop.now)])


async def test_an_empty_store_and_a_busy_one_are_sound(shop):
    assert await faults(shop) == []
    await busy(shop)
    assert await faults(shop) == []


async def test_folding_old_entries_changes_no_quantity(shop):
    await busy(shop)
    before = (await shop.store.stock.accounts(["A", "B"]))["A"].stream

    count = await folded(shop)

    accounts = await shop.store.stock.accounts(["A", "B"])
    assert count == 8
    assert accounts["A"].stream == before
    assert [drift for account in accounts.values() for drift in drifts(account)] == []
    assert accounts["A"].folded.positions == accounts["A"].stream.positions
    left = await shop.store.stock.entries("A")
    assert [entry.kind for entry in left] == [EntryKind.HOLD]
    assert await faults(shop) == []
    assert await folded(shop) == 0


async def test_history_goes_back_to_the_checkpoint_and_says_where_that_is(shop):
    await busy(shop)
    whole = await shop.store.stock.history("A", "WH", None, 10)
    page = await shop.store.stock.history("A", "WH", None, 2)
    rest = await shop.store.stock.history("A", "WH", page[-1][0], 10)
    assert [entry.kind for _, entry in whole] == [
        EntryKind.HOLD, EntryKind.EXPIRE, EntryKind.HOLD, EntryKind.RECEIPT,
    ]  # fmt: skip
    assert [*page, *rest] == list(whole)
    assert await shop.store.stock.folded_at(["A"]) == {}

    await folded(shop)

    assert len(await shop.store.stock.history("A", "WH", None, 10)) == 1
    assert await shop.store.stock.folded_at(["A", "B"]) == {
        "A": NOON + minutes(20),
        "B": NOON,
    }


async def test_what_a_key_may_still_answer_with_is_never_folded(shop):
    await busy(shop)

    with pytest.raises(InvalidInput):
        async for _ in compact(shop.store, shop.now - KEYS_KEPT + minutes(1), shop.now):
            pass

    assert len(await shop.store.stock.entries("A")) == 7


async def test_holds_that_ended_go_but_for_those_that_an_order_or_a_key_names(shop):
    await shop.receive("A", "WH", 10)
    ended = [await shop.hold(id, ("A", "WH", 1)) for id in ("old", "ordered", "answer", "young")]
    changes = [replace(held, status=Status.RELEASED, expires_at=None) for held in ended]
    bought = replace(changes[1], order_id="1")
    await shop.post(Change(reservations=(changes[0], bought), orders=(order("1"),)))
    shop.now += timedelta(days=4)
    await shop.post(Change(reservations=(changes[3],)))
    key = Key("caller", "releaseReservation", "k")
    await shop.post(Change(reservations=(changes[2],)), key=key)
    shop.now += KEYS_KEPT
    before = shop.now - timedelta(minutes=1)

    done = await shop.store.upkeep.compact(before, 100)

    assert done.reservations == 2
    found = {
        id: (await shop.store.stock.reservations([id])).get(id) is not None for id in ids(ended)
    }
    assert found == {"old": False, "ordered": True, "answer": True, "young": False}
    await shop.store.house.trim(shop.now, 100, 100)
    assert (await shop.store.upkeep.compact(before, 100)).reservations == 1
    assert await shop.store.stock.recorded_answer(key) is None


def ids(reservations: list[Reservation]) -> list[str]:
    return [reservation.id for reservation in reservations]


async def test_folding_goes_on_in_steps_and_says_whether_there_is_more(shop):
    for minute in range(5):
        shop.now = NOON + minutes(minute)
        await shop.receive("A", "WH", 1)

    steps = [await shop.store.upkeep.compact(NOON + minutes(4), 3) for _ in range(3)]

    assert steps == [
        Compacted(entries=3, more=True),
        Compacted(entries=1),
        Compacted(),
    ]
    assert await shop.store.stock.entries("A") == [receipt("A", "WH", 1, NOON + minutes(4))]
    assert await shop.position("A", "WH") == Position("A", "WH", 5)


async def test_counts_of_days_past_go_from_the_stream_and_what_comes_back_late_drifts_nowhere(shop):
    taker = Taker("web", "2026-03-02", "m1")
    pin = Pin("R1", "A", "WH", 2, NOON + timedelta(days=30), taker=taker)
    await shop.receive("A", "WH", 9)
    await shop.post(Change(entries=tuple(hold_entries([pin], NOON)), pins=(pin,)))
    live = {("live", "web"): 2, ("member", "m1"): 2}
    shop.now += timedelta(days=5)

    assert await folded(shop) == 2
    account = (await shop.store.stock.accounts(["A"]))["A"]
    assert (account.stream.taken, account.folded.taken, drifts(account)) == (live, live, [])

    entries, pins = release_entries([pin], shop.now)
    await shop.post(Change(tuple(entries), tuple(pins)))
    account = (await shop.store.stock.accounts(["A"]))["A"]
    assert account.stream.taken["day", "2026-03-02 web"] == -2
    assert drifts(account) == []

    shop.now += timedelta(days=5)
    assert await folded(shop) == 1
    account = (await shop.store.stock.accounts(["A"]))["A"]
    assert (account.stream.taken, account.folded.taken, drifts(account)) == ({}, {}, [])


async def test_pins_and_skus_are_walked_in_order(shop):
    await shop.receive("B", "WH", 9)
    for id in ("R3", "R1", "R2"):
        await shop.hold(id, ("B", "WH", 1), ("B", "ST", 1), ("A", "WH", 1))
    stock = shop.store.stock

    first = await stock.pins("B", "WH", None, 2)
    rest = await stock.pins("B", "WH", "R2", 2)

    assert [(pin.reservation, pin.location) for pin in (*first, *rest)] == [
        ("R1", "WH"), ("R2", "WH"), ("R3", "WH"),
    ]  # fmt: skip
    assert await stock.pins("C", "WH", None, 2) == []
    assert (await stock.skus(None, 1), await stock.skus("A", 9)) == (["A"], ["B"])


async def rewrite(shop: Shop, part: str, old: bytes, new: bytes) -> None:
    """Damages the one row of a part that says something."""
    rows = await shop.store.upkeep.dump(part, None, 100)
    [row] = [row for row in rows if old in row.body]
    await shop.store.upkeep.load(part, [Row(row.key, row.body.replace(old, new))])


@pytest.mark.parametrize(
    ("part", "old", "new", "finding"),
    [
        (
            "positions",
            b'"WH","on_hand":10',
            b'"WH","on_hand":11',
            "A at WH: on_hand is 11, its entries say 10; last moved by gateway",
        ),
        (
            "positions",
            b'"WH","on_hand":10,"soft":4',
            b'"WH","on_hand":10,"soft":3',
            "A at WH: soft is 3, its entries say 4; last moved by gateway",
        ),
        (
            "pins",
            b'"quantity":4',
            b'"quantity":5',
            "A at WH: soft_pins is 5, its entries say 4; last moved by gateway",
        ),
        (
            "journal",
            b'"soft":4',
            b'"soft":6',
            "A at WH: soft is 4, its entries say 6; last moved by gateway",
        ),
    ],
)
async def test_one_number_that_was_tampered_with_is_found_and_named(shop, part, old, new, finding):
    await busy(shop)

    await rewrite(shop, part, old, new)

    found = await faults(shop)
    assert found[0] == finding
    assert len(found) == (2 if part == "journal" else 1)  # its pins do not fit the entry either


async def test_a_checkpoint_that_was_tampered_with_bears_a_broken_seal(shop):
    await busy(shop)
    await folded(shop)

    await rewrite(shop, "checkpoints", b'"on_hand":10', b'"on_hand":12')

    assert await faults(shop) == [
        "the checkpoint of A is not what its seal says",
        "A at WH: on_hand is 10, its entries say 12; last moved by gateway",
    ]


async def test_rows_that_point_at_nothing_are_found(shop):
    await busy(shop)
    lone = order("1", reservation_id="gone")
    await shop.post(Change(orders=(lone,), writes=(write("W1", "S", order_id="1"),)))
    await rewrite(shop, "writes", b'"order_id":"1"', b'"order_id":"9"')
    await rewrite(shop, "pins", b'"reservation":"alive"', b'"reservation":"elsewhere"')
    held = (await shop.store.stock.reservations(["alive"])).get("alive")
    assert held is not None
    await shop.post(Change(reservations=(replace(held[0], order_id="8"),)))

    assert await shop.store.upkeep.faults() == [
        "pin A at WH of elsewhere has no reservation",
        "reservation alive is of an order that is not there",
        "write W1 is of an order that is not there",
        "order N-1 has a reservation that is not there: gone",
    ]


async def test_a_copy_is_the_same_to_the_last_row_and_goes_on_by_itself(shop):
    await busy(shop)
    other = Shop(open_memory())
    other.now = shop.now
    sides = Side("one", shop.store), Side("other", other.store)
    parts = await shop.store.upkeep.parts()

    async for _ in copy(*sides, "copier", lambda: shop.now):
        break  # stopped after its first page
    [_ async for _ in copy(*sides, "copier", lambda: shop.now)]

    assert await other.store.upkeep.parts() == parts
    for part in parts:
        assert await digest_of(other.store, part) == await digest_of(shop.store, part)
    assert await faults(other) == []
    assert (await other.store.stock.accounts(["A"]))["A"].stream.positions == (
        await shop.store.stock.accounts(["A"])
    )["A"].stream.positions
    await other.receive("A", "WH", 1)  # it is a store like any other

    with pytest.raises(NotCopied):
        [_ async for _ in copy(*sides, "copier", lambda: shop.now)]


async def test_a_store_that_holds_something_else_takes_no_copy(shop):
    await busy(shop)
    other = Shop(open_memory())
    await other.receive("Z", "WH", 1)

    with pytest.raises(NotCopied):
        async for _ in copy(
            Side("one", shop.store), Side("other", other.store), "copier", lambda: shop.now
        ):
            pass

    assert await other.store.stock.skus(None, 10) == ["Z"]
