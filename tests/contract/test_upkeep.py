"""Stores kept sound: every quantity is what its entries say, before and after old ones are folded,
and in a copy (S2, G5).
"""

from datetime import timedelta

import pytest

from connectors.stores.memory.engine import open_memory
from resolvers.copying import NotCopied, Side, copy, digest_of
from resolvers.domain.books import Change, Key
from resolvers.domain.errors import InvalidInput
from resolvers.domain.ledger import drifts
from resolvers.domain.reservation import release_entries
from resolvers.domain.stock import EntryKind
from resolvers.upkeep import KEYS_KEPT, check, compact
from tests.contract.shop import NOON, Shop, minutes


async def busy(shop: Shop) -> None:
    """Two days of a small life: deliveries, holds that ended, one that is given back, one alive."""
    await shop.receive("A", "WH", 10)
    await shop.receive("B", "WH", 5)
    await shop.hold("old", ("A", "WH", 3), ("B", "WH", 1))
    shop.now += minutes(20)  # it ends here, and the next to touch the SKU says so
    await shop.receive("A", "ST", 2)
    await shop.hold("given back", ("A", "ST", 2))
    found = await shop.store.stock.reservation("given back")
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


async def test_an_ended_hold_goes_unless_a_key_answers_with_it(shop):
    await shop.receive("A", "WH", 10)
    await shop.hold("kept", ("A", "WH", 1))
    await shop.post(Change(), key=Key("caller", "reserveStock", "k"))
    shop.now += timedelta(days=4)
    await shop.receive("A", "WH", 1)

    await folded(shop)

    assert await shop.store.stock.recorded_answer(Key("caller", "reserveStock", "k")) == "answer"
    assert await faults(shop) == []


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
