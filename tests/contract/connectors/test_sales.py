"""Sales that a system takes from us: once each, found again, and called off (S5, O4)."""

from collections.abc import Sequence

import pytest

from resolvers.backend_ports import Role, WriteResult
from resolvers.domain.errors import UnknownOutcome
from resolvers.domain.outbox import Sale
from tests.contract.connectors.cases import shows
from tests.contract.connectors.rig import Rig


async def place(
    rig: Rig, sales: Sequence[Sale], *, second_try: bool = False
) -> Sequence[WriteResult]:
    """In calls of as many as it takes."""
    assert rig.backend.order_sink is not None
    most = rig.backend.capabilities.sales_per_call
    results: list[WriteResult] = []
    for at in range(0, len(sales), most):
        part = sales[at : at + most]
        results += await rig.backend.order_sink.place(part, second_try=second_try)
    return results


@shows("as many sales as it declares go into one call, each with its result", Role.ORDER_SINK,
       needs=["sale", "booked"])  # fmt: skip
async def test_as_many_sales_as_it_declares(case, rig: Rig) -> None:
    assert rig.backend.order_sink is not None
    most = rig.backend.capabilities.sales_per_call
    sales = [await rig.sale(f"conf-many-{at}") for at in range(most)]

    results = await rig.backend.order_sink.place(sales, second_try=False)

    assert [it.reference for it in results] == [sale.reference for sale in sales]
    assert [it.error for it in results] == [None] * most
    assert len({it.external_id for it in results}) == most
    assert [await rig.booked(sale.reference) for sale in sales] == [1] * most


@shows("a sale is booked once, however often it is told", Role.ORDER_SINK, needs=["sale", "booked"])
async def test_a_sale_is_booked_once(case, rig: Rig) -> None:
    told = await rig.sale("conf-sale-once")

    [first] = await place(rig, [told])
    [again] = await place(rig, [told], second_try=True)

    assert first.error is None and first.external_id
    assert again == first
    assert await rig.booked(told.reference) == 1


@shows("a sale whose answer was lost is found by its reference, and not booked again",
       Role.ORDER_SINK, needs=["sale", "booked", "lose_answer"])  # fmt: skip
async def test_a_sale_whose_answer_was_lost(case, rig: Rig) -> None:
    told = await rig.sale("conf-sale-lost-answer")
    await rig.lose_answer()

    with pytest.raises(UnknownOutcome):
        await place(rig, [told])
    await rig.mend()
    assert await rig.booked(told.reference) == 1
    [result] = await place(rig, [told], second_try=True)

    assert result.error is None and result.external_id
    assert await rig.booked(told.reference) == 1
    assert await place(rig, [told], second_try=True) == [result]


@shows("a sale that was lost on its way is booked by the second try", Role.ORDER_SINK,
       needs=["sale", "booked", "lose_question"])  # fmt: skip
async def test_a_sale_that_was_lost_on_its_way(case, rig: Rig) -> None:
    told = await rig.sale("conf-sale-lost-question")
    await rig.lose_question()

    with pytest.raises(UnknownOutcome):
        await place(rig, [told])
    await rig.mend()
    assert await rig.booked(told.reference) == 0
    [result] = await place(rig, [told], second_try=True)

    assert result.error is None
    assert await rig.booked(told.reference) == 1


@shows("one bad sale does not cost the others", Role.ORDER_SINK,
       needs=["sale", "bad_sale", "booked"])  # fmt: skip
async def test_one_bad_sale_does_not_cost_the_others(case, rig: Rig) -> None:
    sales = [
        await rig.sale("conf-part-1"),
        await rig.bad_sale("conf-part-2"),
        await rig.sale("conf-part-3"),
    ]

    results = {it.reference: it for it in await place(rig, sales)}

    assert [results[sale.reference].error is None for sale in sales] == [True, False, True]
    assert [await rig.booked(sale.reference) for sale in sales] == [1, 0, 1]


@shows("a sale is called off, once or twice", Role.ORDER_SINK, needs=["sale", "booked"])
async def test_a_sale_is_called_off(case, rig: Rig) -> None:
    assert rig.backend.order_sink is not None
    told = await rig.sale("conf-off")
    [placed] = await place(rig, [told])

    first = await rig.backend.order_sink.cancel(told)
    again = await rig.backend.order_sink.cancel(told)

    if rig.backend.capabilities.cancels:
        assert (first.error, again.error) == (None, None)
        assert first.external_id == again.external_id
        if "unknown_sale" not in rig.cannot:  # who knows its sales names the one that it was
            assert first.external_id == placed.external_id
        assert await rig.booked(told.reference) == 0
    else:
        assert first.error
        assert await rig.booked(told.reference) == 1


@shows("calling off a sale that it never got is an answer, and makes none", Role.ORDER_SINK,
       needs=["unknown_sale", "booked"])  # fmt: skip
async def test_calling_off_what_never_came(case, rig: Rig) -> None:
    assert rig.backend.order_sink is not None
    told = await rig.unknown_sale("conf-never")

    result = await rig.backend.order_sink.cancel(told)

    assert result.reference == told.reference
    assert result.external_id is None
    assert await rig.booked(told.reference) == 0
