"""The outbox: one write of a subject at a time, in order, and only by who holds the lease."""

from dataclasses import replace

import pytest

from resolvers.domain.books import Change
from resolvers.domain.outbox import (
    GiveBack,
    ReturnedLine,
    Sale,
    SaleLine,
    Transfer,
    TransferLine,
    TransferStep,
    WriteAction,
    WriteStatus,
)
from resolvers.domain.values import Money
from tests.contract.shop import NOON, minutes, write


@pytest.fixture
async def lease(store):
    return await store.house.lease("outbox", "one", 60, NOON)


@pytest.fixture
def due(store):
    async def due(at: int = 0, backend: str = "erp", limit: int = 10) -> list[str]:
        found = await store.outbox.due_writes(backend, NOON + minutes(at), limit)
        return [one.id for one in found]

    return due


async def test_the_eldest_waiting_write_of_each_subject_is_due(shop, due):
    await shop.post(Change(writes=(write("B1", "b"), write("A1", "a"), write("A2", "a"))))
    await shop.post(Change(writes=(write("C1", "c"), write("B2", "b", backend="crm"))))

    assert await due() == ["B1", "A1", "C1"]
    assert await due(limit=2) == ["B1", "A1"]
    assert await due(backend="crm") == ["B2"]
    assert await due(backend="till") == []


async def test_a_write_comes_back_as_it_was_made_with_its_place_in_the_queue(shop):
    line = SaleLine("A", 2, Money(1000, "CNY"))
    sale = Sale("ref-1", "WH", NOON, (line,), "礼物")
    made = write("W1", "a", sale=sale, order_id="1")

    await shop.post(Change(writes=(write("W0", "z"), made)))

    (before, found) = await shop.store.outbox.due_writes("erp", NOON, 10)
    assert before.sequence < found.sequence
    assert replace(found, sequence=0) == made


async def test_a_return_and_a_transfer_come_back_as_they_were_made(shop):
    """O5, S5: what was told of them is what is sent, on every store."""
    refund = ReturnedLine("A", 2, Money(1999, "CNY"))
    returned = GiveBack("R-1", "ST", NOON, (refund,), "ref-1", "太小")
    moved = Transfer("T-1", TransferStep.SHIPPED, "WH", "ST", (TransferLine("A", 3),))
    first = write("W1", "a", action=WriteAction.RETURN_SALE, give_back=returned)
    second = write("W2", "b", action=WriteAction.TRANSFER_STOCK, transfer=moved)

    await shop.post(Change(writes=(first, second)))

    found = await shop.store.outbox.due_writes("erp", NOON, 10)
    assert [replace(one, sequence=0) for one in found] == [first, second]


async def test_an_elder_write_that_waits_holds_the_younger_back(shop, store, lease, due):
    (elder, younger) = write("A1", "a"), write("A2", "a")
    await shop.post(Change(writes=(elder, younger)))

    await store.outbox.save_write(replace(elder, not_before=NOON + minutes(5)), lease)

    assert await due(4) == []
    assert await due(5) == ["A1"]


async def test_a_long_queue_behind_one_write_keeps_nobody_elses_from_being_found(
    shop, store, lease, due
):
    queue = tuple(write(f"A{at}", "a") for at in range(450))
    await shop.post(Change(writes=(*queue, write("B1", "b"))))

    await store.outbox.save_write(replace(queue[0], not_before=NOON + minutes(5)), lease)

    assert await due() == ["B1"]


@pytest.mark.parametrize("status", [WriteStatus.DONE, WriteStatus.FAILED])
async def test_an_elder_write_that_has_ended_holds_nothing_back(shop, store, lease, due, status):
    await shop.post(Change(writes=(write("A1", "a"), write("A2", "a"))))

    await store.outbox.save_write(write("A1", "a", status=status), lease)

    assert await due() == ["A2"]
    assert await store.outbox.pending_writes("erp") == 1


async def test_a_failed_write_that_is_taken_up_again_goes_before_younger_ones(
    shop, store, lease, due
):
    await shop.post(Change(writes=(write("A1", "a"), write("B1", "b"), write("A2", "a"))))
    await store.outbox.save_write(write("A1", "a", status=WriteStatus.FAILED), lease)

    await store.outbox.save_write(write("A1", "a"), lease)

    assert await due() == ["A1", "B1"]


async def test_a_try_that_may_still_run_at_the_backend_is_waited_for(shop, store, lease, due):
    sent = write("A1", "a", not_before=NOON + minutes(1), settle_until=NOON + minutes(9))
    await shop.post(Change(writes=(write("A1", "a"),)))

    await store.outbox.save_write(sent, lease)

    assert await due(8) == []
    assert await due(9) == ["A1"]


async def test_only_the_current_holder_of_the_lease_saves_a_write(shop, store, lease):
    await shop.post(Change(writes=(write("A1", "a", order_id="1"),)))
    newer = await store.house.lease("outbox", "two", 60, NOON + minutes(2))
    events = await shop.events()
    done = write("A1", "a", order_id="1", status=WriteStatus.DONE, external_id="SO-1")

    assert not await store.outbox.save_write(done, lease)
    assert await shop.events() == events
    assert await store.outbox.pending_writes("erp") == 1

    assert await store.outbox.save_write(done, newer)
    (saved,) = (await store.outbox.writes_of(["1"]))["1"]
    assert replace(saved, sequence=0) == done
    assert await store.outbox.pending_writes("erp") == 0


async def test_a_lease_that_was_given_back_saves_nothing(shop, store, lease):
    await shop.post(Change(writes=(write("A1", "a"),)))

    await store.house.release_lease(lease)

    assert not await store.outbox.save_write(write("A1", "a", attempts=1), lease)


async def test_saving_a_write_is_a_change_of_its_order(shop, store, lease):
    await shop.post(Change(writes=(write("A1", "a", order_id="1"), write("S1", "sku"))))

    await store.outbox.save_write(write("A1", "a", order_id="1", attempts=1), lease)
    await store.outbox.save_write(write("S1", "sku", attempts=1), lease)

    assert await shop.events() == [("order", "1")]


async def test_writes_are_listed_by_order_in_the_order_they_were_made(shop, store):
    made = (
        write("A1", "a", order_id="1"),
        write("B1", "b", order_id="2"),
        write("A2", "a", order_id="1", backend="crm"),
        write("S1", "sku"),
    )
    await shop.post(Change(writes=made))

    by_order = await store.outbox.writes_of(["2", "1", "9"])

    ids = {order: [one.id for one in writes] for order, writes in by_order.items()}
    assert ids == {"1": ["A1", "A2"], "2": ["B1"]}
