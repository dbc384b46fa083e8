"""Goods that go from place to place, as we tell them: each step once, and in its order (S5)."""

from dataclasses import replace

import pytest

from resolvers.backend_ports import Role, WriteResult
from resolvers.domain.errors import UnknownOutcome
from resolvers.domain.outbox import Transfer, TransferLine, TransferStep
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import Rig

SINK = Role.TRANSFER_SINK
REQUESTED, SHIPPED = TransferStep.REQUESTED, TransferStep.SHIPPED
RECEIVED, CANCELED = TransferStep.RECEIVED, TransferStep.CANCELED

NEEDS = ("transfer", "transfers", "on_hand")


async def transfer(rig: Rig, told: Transfer, *, second_try: bool = False) -> WriteResult:
    assert rig.backend.transfer_sink is not None
    return await rig.backend.transfer_sink.transfer(told, second_try=second_try)


async def ends(rig: Rig, told: Transfer) -> tuple[int, int]:
    """What lies where it goes from, and where it goes to."""
    sku = told.lines[0].sku
    return await rig.on_hand(told.origin, sku), await rig.on_hand(told.target, sku)


@shows("each step of a transfer is taken once, however often it is told; under way its goods lie at"
       " neither end", SINK, needs=NEEDS)  # fmt: skip
async def test_each_step_is_taken_once(case, rig: Rig) -> None:
    asked = await rig.transfer("conf-way-once", REQUESTED)
    origin, target = await ends(rig, asked)
    named: set[str | None] = set()
    for step, left, arrived in ((REQUESTED, 0, 0), (SHIPPED, 2, 0), (RECEIVED, 2, 2)):
        told = replace(asked, step=step)

        first = await transfer(rig, told)
        again = await transfer(rig, told, second_try=True)

        assert (first.reference, first.error) == (told.reference, None)
        assert again == first
        assert await ends(rig, told) == (origin - left, target + arrived)
        assert await rig.transfers(told.reference) == 1
        named.add(first.external_id)
    assert len(named) == 1
    assert None not in named


@shows("a step that a later one has passed is taken, and nothing moves again", SINK, needs=NEEDS)
async def test_a_step_that_was_passed_is_taken(case, rig: Rig) -> None:
    asked = await rig.transfer("conf-way-passed", REQUESTED)
    for step in (REQUESTED, SHIPPED, RECEIVED):
        assert (await transfer(rig, replace(asked, step=step))).error is None
    after = await ends(rig, asked)

    late = [await transfer(rig, replace(asked, step=step)) for step in (REQUESTED, SHIPPED)]

    assert [it.error for it in late] == [None, None]
    assert await ends(rig, asked) == after
    assert await rig.transfers(asked.reference) == 1


@shows("a step whose answer was lost is found by its reference, and not taken again", SINK,
       needs=[*NEEDS, "lose_answer"])  # fmt: skip
async def test_a_step_whose_answer_was_lost(case, rig: Rig) -> None:
    asked = await rig.transfer("conf-way-lost-answer", REQUESTED)
    origin, target = await ends(rig, asked)
    for step, left in ((REQUESTED, 0), (SHIPPED, 2)):
        told = replace(asked, step=step)
        await rig.lose_answer()

        with pytest.raises(UnknownOutcome):
            await transfer(rig, told)
        await rig.mend()
        assert await rig.transfers(told.reference) == 1
        assert await ends(rig, told) == (origin - left, target)
        result = await transfer(rig, told, second_try=True)

        assert result.error is None and result.external_id
        assert await rig.transfers(told.reference) == 1
        assert await ends(rig, told) == (origin - left, target)


@shows("a step that was lost on its way is taken by the second try", SINK,
       needs=[*NEEDS, "lose_question"])  # fmt: skip
async def test_a_step_that_was_lost_on_its_way(case, rig: Rig) -> None:
    asked = await rig.transfer("conf-way-lost-question", REQUESTED)
    origin, target = await ends(rig, asked)
    for step, known, left in ((REQUESTED, 0, 0), (SHIPPED, 1, 2)):
        told = replace(asked, step=step)
        await rig.lose_question()

        with pytest.raises(UnknownOutcome):
            await transfer(rig, told)
        await rig.mend()
        assert await rig.transfers(told.reference) == known
        assert await ends(rig, told) == (origin, target)
        result = await transfer(rig, told, second_try=True)

        assert result.error is None
        assert await rig.transfers(told.reference) == 1
        assert await ends(rig, told) == (origin - left, target)


@shows("what has not left is called off, once or twice; what never came is, too", SINK, needs=NEEDS)
async def test_what_has_not_left_is_called_off(case, rig: Rig) -> None:
    asked = await rig.transfer("conf-way-off", REQUESTED)
    never = await rig.transfer("conf-way-never", CANCELED)
    before = await ends(rig, asked)
    await transfer(rig, asked)

    results = [await transfer(rig, replace(asked, step=CANCELED)) for _ in range(2)]
    results.append(await transfer(rig, never))

    assert [it.error for it in results] == [None, None, None]
    assert results[2].external_id is None
    assert [await rig.transfers(it.reference) for it in (asked, never)] == [0, 0]
    assert await ends(rig, asked) == before


@shows("what has left is not called off any more", SINK, needs=NEEDS)
async def test_what_has_left_is_not_called_off(case, rig: Rig) -> None:
    asked = await rig.transfer("conf-way-late", REQUESTED)
    await transfer(rig, asked)
    await transfer(rig, replace(asked, step=SHIPPED))
    under_way = await ends(rig, asked)

    result = await transfer(rig, replace(asked, step=CANCELED))

    assert result.error
    assert await ends(rig, asked) == under_way
    assert await rig.transfers(asked.reference) == 1


@shows("fewer may leave than were asked for, and fewer arrive than left", SINK, needs=NEEDS)
async def test_fewer_leave_and_arrive(case, rig: Rig) -> None:
    asked = await rig.transfer("conf-way-fewer", REQUESTED, 4)
    origin, target = await ends(rig, asked)
    for step, units in ((REQUESTED, 4), (SHIPPED, 3), (RECEIVED, 1)):
        lines = tuple(TransferLine(line.sku, units) for line in asked.lines)
        assert (await transfer(rig, replace(asked, step=step, lines=lines))).error is None

    assert await ends(rig, asked) == (origin - 3, target + 1)


@shows("a transfer of what it does not know, of more than lies there, or that has not left and"
       " arrives, is refused, and nothing moves", SINK, needs=NEEDS)  # fmt: skip
async def test_what_cannot_be_is_refused(case, rig: Rig) -> None:
    good = await rig.transfer("conf-way-bad", REQUESTED)
    before = await ends(rig, good)
    line = good.lines[0]
    unknown = replace(good, reference="conf-way-unknown", lines=(TransferLine("NO-SUCH-SKU", 1),))
    too_many = replace(
        good,
        reference="conf-way-many",
        step=SHIPPED,
        lines=(replace(line, quantity=before[0] + 1),),
    )

    refused = [await transfer(rig, told) for told in (unknown, too_many)]
    await transfer(rig, good)
    refused.append(await transfer(rig, replace(good, step=RECEIVED)))

    assert all(it.error for it in refused)
    assert await ends(rig, good) == before
    assert await rig.transfers("conf-way-unknown") == 0
