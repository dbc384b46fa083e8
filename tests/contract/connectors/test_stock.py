"""Places, what lies there, and changes of it that we tell (S1, S5)."""

import pytest

from resolvers.backend_ports import Role, StockReading, WriteResult
from resolvers.domain.errors import BackendRefused, ReadingRefused, UnknownOutcome
from resolvers.domain.outbox import Adjustment
from resolvers.domain.sources import Watermark
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import Rig


async def reading(rig: Rig, location: str) -> StockReading:
    assert rig.backend.stock is not None
    return await rig.backend.stock.read(location)


async def adjust(rig: Rig, adjustment: Adjustment, *, second_try: bool = False) -> WriteResult:
    assert rig.backend.stock_sink is not None
    return await rig.backend.stock_sink.adjust(adjustment, second_try=second_try)


@shows("places have codes of their own, and the system is their authority", Role.LOCATION_SOURCE)
async def test_places(case, rig: Rig) -> None:
    assert rig.backend.locations is not None
    places = await rig.backend.locations.locations()

    codes = [place.code for place in places]
    assert codes
    assert len(set(codes)) == len(codes)
    assert {place.authority for place in places} == {rig.backend.code}


@shows("a reading is what people count, at every place", Role.STOCK_FEED, needs=["on_hand"])
async def test_a_reading_is_what_people_count(case, rig: Rig) -> None:
    assert rig.backend.locations is not None
    for place in await rig.backend.locations.locations():
        told = await reading(rig, place.code)
        assert told.location == place.code
        for sku in list(told.levels)[:5]:
            assert told.levels[sku].on_hand == await rig.on_hand(place.code, sku)


@shows("what moved is in the next reading, at a later watermark if it has any", Role.STOCK_FEED,
       needs=["shelf", "move", "on_hand"])  # fmt: skip
async def test_what_moved_is_in_the_next_reading(case, rig: Rig) -> None:
    declared = rig.backend.capabilities.stock
    assert declared is not None
    sku, location = await rig.shelf()
    before = await reading(rig, location)
    assert await reading(rig, location) == before, "nothing moves by itself"

    await rig.move(location, sku, 2)
    after = await reading(rig, location)

    assert after.levels[sku].on_hand == before.levels[sku].on_hand + 2
    if declared.watermark is Watermark.NONE:
        assert (before.watermark, after.watermark) == (None, None)
    else:
        assert before.watermark is not None and after.watermark is not None
        assert after.watermark > before.watermark


@shows("a place that nobody knows is refused", Role.STOCK_FEED)
async def test_a_place_that_nobody_knows_is_refused(case, rig: Rig) -> None:
    with pytest.raises((BackendRefused, ReadingRefused)) as refused:
        await reading(rig, "NO-SUCH-PLACE")
    if isinstance(refused.value, BackendRefused):
        assert refused.value.kind in {"NOT_FOUND", "INVALID"}


@shows("a change is booked once, however often it is told", Role.STOCK_SINK, needs=["adjustment"])
async def test_a_change_is_booked_once(case, rig: Rig) -> None:
    told = await rig.adjustment("conf-once", 3)
    before = await rig.on_hand(told.location, told.sku)

    first = await adjust(rig, told)
    again = await adjust(rig, told, second_try=True)

    assert (first.reference, first.error) == ("conf-once", None)
    assert first.external_id
    assert again == first
    assert await rig.on_hand(told.location, told.sku) == before + 3


@shows("a change whose answer was lost is found by its reference, and not booked again",
       Role.STOCK_SINK, needs=["adjustment", "lose_answer"])  # fmt: skip
async def test_a_change_whose_answer_was_lost(case, rig: Rig) -> None:
    told = await rig.adjustment("conf-lost-answer", 2)
    before = await rig.on_hand(told.location, told.sku)
    await rig.lose_answer()

    with pytest.raises(UnknownOutcome):
        await adjust(rig, told)
    await rig.mend()
    result = await adjust(rig, told, second_try=True)

    assert result.error is None and result.external_id
    assert await rig.on_hand(told.location, told.sku) == before + 2
    assert await adjust(rig, told, second_try=True) == result


@shows("a change that was lost on its way is booked by the second try", Role.STOCK_SINK,
       needs=["adjustment", "lose_question"])  # fmt: skip
async def test_a_change_that_was_lost_on_its_way(case, rig: Rig) -> None:
    told = await rig.adjustment("conf-lost-question", 2)
    before = await rig.on_hand(told.location, told.sku)
    await rig.lose_question()

    with pytest.raises(UnknownOutcome):
        await adjust(rig, told)
    assert await rig.on_hand(told.location, told.sku) == before
    await rig.mend()
    result = await adjust(rig, told, second_try=True)

    assert result.error is None
    assert await rig.on_hand(told.location, told.sku) == before + 2


@shows("a change of what it does not know is refused, and nothing moves", Role.STOCK_SINK,
       needs=["adjustment"])  # fmt: skip
async def test_a_change_of_what_is_unknown_is_refused(case, rig: Rig) -> None:
    good = await rig.adjustment("conf-bad", 1)
    before = await reading(rig, good.location)

    unknown = Adjustment("conf-bad", "NO-SUCH-SKU", good.location, 1, "found")
    result = await adjust(rig, unknown)

    assert result.error
    assert result.external_id is None
    assert (await reading(rig, good.location)).levels == before.levels
