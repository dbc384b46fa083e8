"""The ledger as callers see it: pages of a reconciliation, and whose history is shown (S1, S2)."""

from dataclasses import replace
from datetime import datetime

import pytest

from resolvers import ledger
from resolvers.domain.errors import Forbidden, InvalidInput
from resolvers.domain.ledger import Account, Checkpoint, Drift, drifts, fold_on
from resolvers.domain.stock import EntryKind, Pin, Position, StockEntry, Stream, Taker
from resolvers.upkeep_port import Row
from tests.support import (
    ASSOCIATE,
    GUEST,
    MANAGER,
    NOON,
    OPERATOR,
    SHOPPER,
    SKU,
    Clock,
    Shop,
    open_shop,
)

TAKER = Taker("web", "2026-03-02", "m1")


def entry(
    kind: EntryKind, source: str, on_hand: int = 0, soft: int = 0, hard: int = 0
) -> StockEntry:
    return StockEntry(kind, "A", "WH", "cause", source, NOON, on_hand, soft, hard, taker=TAKER)


RECEIVED = entry(EntryKind.RECEIPT, "erp", on_hand=5)
HELD = entry(EntryKind.HOLD, "gateway", soft=2)
COMMITTED = entry(EntryKind.COMMIT, "gateway", soft=-2, hard=2)
SOLD = entry(EntryKind.FULFILL, "till", on_hand=-2, hard=-2)


def test_a_fold_in_two_parts_is_the_fold_of_the_whole() -> None:
    life = [RECEIVED, HELD, COMMITTED, SOLD]

    whole = fold_on(Checkpoint("A"), life)

    for cut in range(len(life) + 1):
        assert fold_on(fold_on(Checkpoint("A"), life[:cut]), life[cut:]) == whole
    assert whole == Checkpoint(
        "A",
        4,
        NOON,
        {"WH": Position("A", "WH", 3)},
        {("day", "2026-03-02 web"): 2, ("member", "m1"): 2},
        {"WH": "till"},
    )


def test_a_stream_that_is_its_entries_and_pins_drifts_nowhere() -> None:
    folded = fold_on(Checkpoint("A"), [RECEIVED, HELD])
    pin = Pin("R1", "A", "WH", 2, NOON, taker=TAKER)
    stream = Stream("A", folded.positions, {("R1", "WH"): pin}, taken=folded.taken)

    assert drifts(Account(stream, folded)) == []


def test_each_quantity_that_differs_is_told_once_with_who_moved_the_place_last() -> None:
    folded = fold_on(Checkpoint("A"), [RECEIVED, HELD, COMMITTED])
    stream = Stream(
        "A",
        {"WH": Position("A", "WH", 4, hard=2), "ST": Position("A", "ST", elsewhere=1)},
        {("R1", "WH"): Pin("R1", "A", "WH", 1, None)},
        taken={**folded.taken, ("live", "web"): 1, ("loose", "WH\x1fweb\x1f"): 1},
    )

    found = drifts(Account(stream, folded))

    assert found == [
        Drift("A", "ST", "elsewhere", 1, 0),
        Drift("A", "WH", "on_hand", 4, 5, "gateway"),
        Drift("A", "WH", "hard_pins", 1, 2, "gateway"),
        Drift("A", "", "taken", 1, 2, of="live web"),
        Drift("A", "", "taken", 1, 0, of="loose WH web"),
    ]
    assert [drift.difference for drift in found] == [1, -1, -1, -1, 1]


async def spoiled(shop: Shop, skus: int, bad: set[int]) -> None:
    """Some SKUs with a unit each, a few of which have two by the stored numbers."""
    for at in range(skus):
        await shop.stocked(f"S-{at:03}", "WH-01", 1)
    rows = await shop.store.upkeep.dump("positions", None, skus)
    wrong = [
        Row(
            row.key,
            row.body.replace(b'"on_hand":1', b'"on_hand":2').replace(b'"hard":0', b'"hard":7'),
        )
        for at, row in enumerate(rows)
        if at in bad
    ]
    await shop.store.upkeep.load("positions", wrong)


async def test_drifts_are_walked_without_loss_or_repeat_even_within_a_sku() -> None:
    shop = await open_shop()
    await spoiled(shop, 50, {0, 7, 49})
    walked: list[tuple[str, str]] = []
    after: str | None = None

    for _ in range(7):
        page = await ledger.reconcile(shop.context(OPERATOR), 1, after)
        walked += [(drift.sku, drift.quantity) for drift in page.nodes]
        after = page.end or page.edges[-1][0]
        if not page.has_next:
            break

    assert walked == [
        (sku, quantity) for sku in ("S-000", "S-007", "S-049") for quantity in ("on_hand", "hard")
    ]


async def test_a_page_looks_at_so_many_skus_and_says_where_the_next_goes_on() -> None:
    shop = await open_shop()
    await spoiled(shop, ledger.SKUS_LOOKED_MAX + 1, {ledger.SKUS_LOOKED_MAX})

    first = await ledger.reconcile(shop.context(OPERATOR), 10, None)
    second = await ledger.reconcile(shop.context(OPERATOR), 10, first.end)

    assert (first.nodes, first.has_next) == ([], True)
    assert ([drift.sku for drift in second.nodes], second.has_next) == (["S-200", "S-200"], False)


class Ticking:
    """A clock on which every look takes some seconds."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def __call__(self) -> datetime:
        self._clock.advance(seconds=self._seconds)
        return self._clock.now


async def test_a_page_that_takes_long_ends_with_what_it_has_read() -> None:
    shop = await open_shop()
    await spoiled(shop, 41, {40})
    ctx = shop.context(OPERATOR)
    slow = replace(ctx, clock=Ticking(shop.clock, ledger.PAGE_SECONDS * 0.6))

    first = await ledger.reconcile(slow, 10, None)
    rest = await ledger.reconcile(ctx, 10, first.end)

    assert (first.nodes, first.has_next, first.end) == ([], True, ".S-039")
    assert ([drift.sku for drift in rest.nodes], rest.has_next) == (["S-040", "S-040"], False)


@pytest.mark.parametrize("cursor", ["", "x.S-001", "S-001", "-1.S-001", f"{'9' * 30}.S-001"])
async def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    shop = await open_shop()

    with pytest.raises(InvalidInput):
        await ledger.reconcile(shop.context(OPERATOR), 10, cursor)
    with pytest.raises(InvalidInput):
        await ledger.history(shop.context(OPERATOR), SKU, "WH-01", 10, cursor)


async def test_history_is_shown_to_a_shops_own_people_at_their_own_place_only() -> None:
    shop = await open_shop()
    await shop.stocked(SKU, "ST-01", 2)

    own = await ledger.history(shop.context(MANAGER), SKU, "ST-01", 10, None)

    assert [entry.on_hand for entry in own.nodes] == [2]
    with pytest.raises(Forbidden):
        await ledger.history(shop.context(MANAGER), SKU, "WH-01", 10, None)
    for caller in (GUEST, SHOPPER, ASSOCIATE):
        with pytest.raises(Forbidden):
            await ledger.history(shop.context(caller), SKU, "ST-01", 10, None)
