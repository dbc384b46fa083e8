"""Returns and transfers at the sandbox ERP: once each, and where the goods lie then (O5, S5)."""

from collections.abc import Sequence

import pytest

from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Fault, Knobs
from resolvers.domain.errors import UnknownOutcome
from resolvers.domain.outbox import (
    GiveBack,
    ReturnedLine,
    Sale,
    SaleLine,
    Transfer,
    TransferLine,
    TransferStep,
)
from resolvers.domain.stock import EntryKind
from resolvers.domain.values import Money, utc

SKU, OTHER = "BT-0001-30ML", "BT-0002-30ML"
NOON = utc(2026, 3, 2, 12)
REQUESTED, SHIPPED = TransferStep.REQUESTED, TransferStep.SHIPPED
RECEIVED, CANCELED = TransferStep.RECEIVED, TransferStep.CANCELED


def back(reference: str, units: int, *, at: str = "ST-02", of: str | None = None) -> GiveBack:
    line = ReturnedLine(SKU, units, Money(76_000 * units, "CNY"))
    return GiveBack(reference, at, NOON, (line,), of)


def step(which: TransferStep, *lines: tuple[str, int], to: str = "ST-02") -> Transfer:
    goods = tuple(TransferLine(sku, units) for sku, units in lines)
    return Transfer("t-1", which, "WH-01", to, goods)


async def shelves(erp: SandboxErp, sku: str = SKU) -> tuple[int, int]:
    return await erp.on_hand("WH-01", sku), await erp.on_hand("ST-02", sku)


async def sold(erp: SandboxErp, units: int) -> None:
    line = SaleLine(SKU, units, Money(76_000, "CNY"))
    await erp.place([Sale("r-1", "WH-01", NOON, (line,))], second_try=False)
    await erp.ship("r-1")


async def test_a_return_puts_its_goods_where_they_came_back_once(erp):
    await sold(erp, 2)
    before = await shelves(erp)

    first = await erp.give_back(back("b-1", 1, of="r-1"), second_try=False)
    again = await erp.give_back(back("b-1", 1, of="r-1"), second_try=True)

    [booked] = await erp.returns()
    assert first == again
    assert (first.external_id, first.error) == ("RT-000001", None)
    assert await shelves(erp) == (before[0], before[1] + 1)
    assert (booked.location, booked.lines) == ("ST-02", back("b-1", 1).lines)


async def test_no_more_comes_back_than_has_left_and_a_refusal_changes_nothing(erp):
    await sold(erp, 2)
    await erp.give_back(back("b-1", 1, of="r-1"), second_try=False)
    before = await shelves(erp)

    result = await erp.give_back(back("b-2", 2, of="r-1"), second_try=False)

    assert result.error == f"1 units of {SKU} are out for SO-000001, not 2"
    assert await shelves(erp) == before
    assert len(await erp.returns()) == 1


@pytest.mark.parametrize(
    ("returned", "error"),
    [
        (back("b-1", 1, at="MOON"), "there is no location MOON"),
        (back("b-1", 0), "0 units cannot be moved"),
    ],
)
async def test_what_no_shelf_can_take_does_not_come_back(erp, returned, error):
    result = await erp.give_back(returned, second_try=False)

    assert result.error == error
    assert await erp.returns() == []


async def test_a_transfer_lies_at_neither_end_while_it_is_under_way(erp):
    warehouse, shop = await shelves(erp)
    goods = (SKU, 3)

    told = [
        await erp.transfer(step(which, goods), second_try=False)
        for which in (REQUESTED, REQUESTED, SHIPPED, SHIPPED)
    ]
    under_way = await shelves(erp)
    told += [
        await erp.transfer(step(which, goods), second_try=False)
        for which in (RECEIVED, RECEIVED, SHIPPED)
    ]

    assert {(one.external_id, one.error) for one in told} == {("TR-000001", None)}
    assert under_way == (warehouse - 3, shop)
    assert await shelves(erp) == (warehouse - 3, shop + 3)


async def test_less_may_arrive_than_left_and_never_more(erp):
    warehouse, shop = await shelves(erp)
    await erp.transfer(step(SHIPPED, (SKU, 3)), second_try=False)

    more = await erp.transfer(step(RECEIVED, (SKU, 4)), second_try=False)
    strange = await erp.transfer(step(RECEIVED, (OTHER, 1)), second_try=False)
    before = await shelves(erp)
    less = await erp.transfer(step(RECEIVED, (SKU, 2)), second_try=False)

    assert more.error == f"3 units of {SKU} have left, not 4"
    assert strange.error == f"0 units of {OTHER} have left, not 1"
    assert before == (warehouse - 3, shop)
    assert less.error is None
    assert await shelves(erp) == (warehouse - 3, shop + 2)


def refused(steps: Sequence[TransferStep]) -> str:
    return "-".join(steps)


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ((RECEIVED,), "it has not left"),
        ((REQUESTED, RECEIVED), "it has not left"),
        ((SHIPPED, CANCELED), "it is too late: TR-000001 is shipped"),
        ((REQUESTED, CANCELED, SHIPPED), "TR-000001 was called off"),
    ],
    ids=refused,
)
async def test_a_step_out_of_its_turn_is_refused_and_moves_nothing(erp, steps, error):
    *before, last = steps
    for which in before:
        await erp.transfer(step(which, (SKU, 1)), second_try=False)
    there = (await shelves(erp), await erp.transfers())

    result = await erp.transfer(step(last, (SKU, 1)), second_try=False)

    assert result.error == error
    assert (await shelves(erp), await erp.transfers()) == there


async def test_what_is_not_there_does_not_leave(erp):
    before = await shelves(erp)

    result = await erp.transfer(step(SHIPPED, (SKU, before[0] + 1)), second_try=False)
    elsewhere = await erp.transfer(step(SHIPPED, (SKU, 1), to="WH-01"), second_try=False)

    assert result.error == f"fewer than {before[0] + 1} units of {SKU} lie at WH-01"
    assert elsewhere.error == "goods of WH-01 are there already"
    assert (await shelves(erp), await erp.transfers()) == (before, [])


async def test_a_transfer_that_never_came_is_called_off_without_a_trace(erp):
    result = await erp.transfer(step(CANCELED), second_try=False)

    assert (result.external_id, result.error) == (None, None)
    assert await erp.transfers() == []


async def test_lost_answers_leave_one_return_and_one_transfer(erp):
    warehouse, shop = await shelves(erp)
    await erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))
    with pytest.raises(UnknownOutcome):
        await erp.give_back(back("b-1", 1), second_try=False)
    with pytest.raises(UnknownOutcome):
        await erp.transfer(step(SHIPPED, (SKU, 2)), second_try=False)
    await erp.set_knobs(Knobs())

    await erp.give_back(back("b-1", 1), second_try=True)
    await erp.transfer(step(SHIPPED, (SKU, 2)), second_try=True)

    assert await shelves(erp) == (warehouse - 2, shop + 1)


async def test_returns_and_transfers_are_told_among_what_moved(erp):
    watermark = (await erp.read("ST-02")).watermark
    await erp.give_back(back("b-1", 1), second_try=False)
    await erp.transfer(step(SHIPPED, (SKU, 2)), second_try=False)
    await erp.transfer(step(RECEIVED, (SKU, 2)), second_try=False)

    told = [it async for page in erp.movements("ST-02", watermark) for it in page]

    assert [(it.kind, it.cause, it.units) for it in told] == [
        (EntryKind.RETURN, "b-1", 1),
        (EntryKind.TRANSFER, "t-1", 2),
    ]
