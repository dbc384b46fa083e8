"""Returns and transfers from the outbox to a backend: once in effect, and counted once (O5, S5)."""

from datetime import timedelta

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.outbox import (
    GiveBack,
    ReturnedLine,
    Transfer,
    TransferLine,
    TransferStep,
    Write,
    WriteAction,
    WriteStatus,
)
from resolvers.domain.values import Money
from resolvers.engine import Command
from tests.resolvers.conftest import ADMIN, House

SKU = "BT-0001-30ML"


def returned(house: House, id: str, *, at: str = "ST-02", backend: str = "erp") -> Write:
    goods = GiveBack(id, at, house.clock(), (ReturnedLine(SKU, 1, Money(76_000, "CNY")),))
    return Write(
        id, backend, WriteAction.RETURN_SALE, id, house.clock(), give_back=goods, order_id="o-1"
    )


def moved(house: House, step: TransferStep, units: int = 2) -> Write:
    goods = Transfer("t-1", step, "WH-01", "ST-02", (TransferLine(SKU, units),))
    return Write(
        f"t-1/{step}",
        "erp",
        WriteAction.TRANSFER_STOCK,
        "t-1",
        house.clock(),
        transfer=goods,
        order_id="o-1",
    )


async def tell(house: House, *writes: Write) -> None:
    def decide(_: Books) -> tuple[Change, str]:
        return Change(writes=writes), ""

    await house(ADMIN).engine.run(Command(None, "", Scope(), decide))


async def states(house: House) -> list[tuple[WriteStatus, str | None, str | None]]:
    found = (await house.runtime.store.outbox.writes_of(["o-1"]))["o-1"]
    return [(write.status, write.external_id, write.last_error) for write in found]


async def test_a_return_is_told_and_its_goods_count_once_where_they_came_back(
    house: House,
) -> None:
    await house.sync()
    before = await house.on_hand(SKU, "ST-02")
    await tell(house, returned(house, "b-1"))

    assert await house.push() == 1
    await house.sync("erp")
    await house.sync("erp")

    assert await states(house) == [(WriteStatus.DONE, "RT-000001", None)]
    assert await house.on_hand(SKU, "ST-02") == before + 1


async def test_a_transfer_is_told_step_by_step_and_counts_nowhere_twice(house: House) -> None:
    await house.sync()
    here, there = await house.on_hand(SKU, "WH-01"), await house.on_hand(SKU, "ST-02")
    seen = []
    for step in (TransferStep.REQUESTED, TransferStep.SHIPPED, TransferStep.RECEIVED):
        await tell(house, moved(house, step))
        await house.push()
        await house.sync("erp")
        seen.append((await house.on_hand(SKU, "WH-01"), await house.on_hand(SKU, "ST-02")))

    assert seen == [(here, there), (here - 2, there), (here - 2, there + 2)]
    assert await states(house) == [(WriteStatus.DONE, "TR-000001", None)] * 3


async def test_the_steps_of_a_transfer_go_out_in_their_order(house: House) -> None:
    await tell(
        house, *(moved(house, step) for step in (TransferStep.SHIPPED, TransferStep.RECEIVED))
    )

    assert [await house.push(), await house.push()] == [1, 1]
    [booked] = await house.erp.transfers()
    assert booked.step is TransferStep.RECEIVED


@pytest.mark.parametrize("kind", ["return", "transfer"])
async def test_a_write_whose_answer_was_lost_is_done_once(house: House, kind: str) -> None:
    write = returned(house, "b-1") if kind == "return" else moved(house, TransferStep.SHIPPED)
    before = await house.erp.on_hand("WH-01", SKU), await house.erp.on_hand("ST-02", SKU)
    await house.erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))
    await tell(house, write)
    await house.push()
    assert (await states(house))[0][0] is WriteStatus.WAITING
    await house.erp.set_knobs(Knobs())
    house.clock.now += timedelta(minutes=5)

    assert await house.push() == 1

    after = await house.erp.on_hand("WH-01", SKU), await house.erp.on_hand("ST-02", SKU)
    more = (0, 1) if kind == "return" else (-2, 0)
    assert (await states(house))[0][0] is WriteStatus.DONE
    assert after == (before[0] + more[0], before[1] + more[1])


async def test_a_refusal_is_seen_and_nothing_has_moved(house: House) -> None:
    before = await house.erp.on_hand("ST-02", SKU)
    await tell(house, returned(house, "b-1", at="MOON"))

    await house.push()

    assert await states(house) == [(WriteStatus.FAILED, None, "there is no location MOON")]
    assert await house.erp.on_hand("ST-02", SKU) == before


async def test_a_backend_that_takes_no_returns_is_not_asked(house: House) -> None:
    await tell(house, returned(house, "b-1", backend="pos"))

    await house.push("pos")

    assert await states(house) == [(WriteStatus.FAILED, None, "pos takes no return sale")]
