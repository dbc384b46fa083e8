"""Goods that came back, as we tell them: once each, and found again (O5, S5)."""

from dataclasses import replace

import pytest

from resolvers.backend_ports import Role, WriteResult
from resolvers.domain.errors import UnknownOutcome
from resolvers.domain.outbox import GiveBack
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import Rig

SINK = Role.RETURN_SINK


async def give_back(rig: Rig, told: GiveBack, *, second_try: bool = False) -> WriteResult:
    assert rig.backend.return_sink is not None
    return await rig.backend.return_sink.give_back(told, second_try=second_try)


async def lies_there(rig: Rig, told: GiveBack) -> int:
    [line] = told.lines
    return await rig.on_hand(told.location, line.sku)


@shows("a return is booked once, however often it is told, and its goods lie there", SINK,
       needs=["give_back", "returned", "on_hand"])  # fmt: skip
async def test_a_return_is_booked_once(case, rig: Rig) -> None:
    told = await rig.give_back("conf-back-once")
    before = await lies_there(rig, told)

    first = await give_back(rig, told)
    again = await give_back(rig, told, second_try=True)

    assert (first.reference, first.error) == (told.reference, None)
    assert first.external_id
    assert again == first
    assert await rig.returned(told.reference) == 1
    assert await lies_there(rig, told) == before + told.lines[0].quantity


@shows("two returns of the same goods are two", SINK, needs=["give_back", "returned", "on_hand"])
async def test_two_returns_are_two(case, rig: Rig) -> None:
    one, other = [await rig.give_back(f"conf-back-{at}") for at in ("one", "other")]
    before = await lies_there(rig, one)

    results = [await give_back(rig, one), await give_back(rig, other)]

    assert [it.error for it in results] == [None, None]
    assert results[0].external_id != results[1].external_id
    assert await lies_there(rig, one) == before + 2 * one.lines[0].quantity


@shows("a return whose answer was lost is found by its reference, and not booked again", SINK,
       needs=["give_back", "returned", "on_hand", "lose_answer"])  # fmt: skip
async def test_a_return_whose_answer_was_lost(case, rig: Rig) -> None:
    told = await rig.give_back("conf-back-lost-answer")
    before = await lies_there(rig, told)
    await rig.lose_answer()

    with pytest.raises(UnknownOutcome):
        await give_back(rig, told)
    await rig.mend()
    assert await rig.returned(told.reference) == 1
    result = await give_back(rig, told, second_try=True)

    assert result.error is None and result.external_id
    assert await rig.returned(told.reference) == 1
    assert await lies_there(rig, told) == before + told.lines[0].quantity
    assert await give_back(rig, told, second_try=True) == result


@shows("a return that was lost on its way is booked by the second try", SINK,
       needs=["give_back", "returned", "on_hand", "lose_question"])  # fmt: skip
async def test_a_return_that_was_lost_on_its_way(case, rig: Rig) -> None:
    told = await rig.give_back("conf-back-lost-question")
    before = await lies_there(rig, told)
    await rig.lose_question()

    with pytest.raises(UnknownOutcome):
        await give_back(rig, told)
    await rig.mend()
    assert await rig.returned(told.reference) == 0
    result = await give_back(rig, told, second_try=True)

    assert result.error is None
    assert await rig.returned(told.reference) == 1
    assert await lies_there(rig, told) == before + told.lines[0].quantity


@shows("a return of what it does not know is refused, and nothing moves", SINK,
       needs=["give_back", "returned", "on_hand"])  # fmt: skip
async def test_a_return_of_what_is_unknown_is_refused(case, rig: Rig) -> None:
    good = await rig.give_back("conf-back-bad")
    before = await lies_there(rig, good)
    beside = replace(good.lines[0], sku="NO-SUCH-SKU")

    result = await give_back(rig, replace(good, lines=(*good.lines, beside)))

    assert result.error
    assert result.external_id is None
    assert await rig.returned(good.reference) == 0
    assert await lies_there(rig, good) == before
