"""Our sales at a scripted Vendure: every step that can be lost is, and the order is there once
(O1-O6, G4).
"""

from typing import Any

import pytest

from resolvers.backend_ports import Backend, WriteResult
from resolvers.domain.errors import BackendRefused, BackendUnavailable, HalfDone, UnknownOutcome
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money
from tests.connectors.vendure_desk import Desk
from tests.connectors.vendure_scripted import NOW, OPTIONS, recorded

ENTERS = {"order_customer": "gateway@example.com", "order_shipping": "elsewhere"}
FIRST, SECOND = (row["sku"] for row in recorded("listings")["variants"][:2])
SALE = Sale(
    "UC-1",
    "",
    NOW,
    (SaleLine(FIRST, 2, Money(100, "CNY")), SaleLine(SECOND, 1, Money(7, "CNY"))),
    channel="web",
)
PLACING, CANCELING = 7, 3
"""Writes of a sale of two lines, and of calling it off."""


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    rows = recorded("listings")["variants"][:2]
    made.lists["productVariants"] = [dict(row) for row in rows]
    return made


def taker(desk: Desk, **more: Any) -> Backend:
    backend = desk.backend(options={**OPTIONS, **ENTERS}, **more)
    assert backend.order_sink is not None
    return backend


async def placed(backend: Backend, sale: Sale = SALE) -> WriteResult:
    assert backend.order_sink is not None
    [result] = await backend.order_sink.place([sale], second_try=True)
    return result


async def canceled(backend: Backend) -> WriteResult:
    assert backend.order_sink is not None
    return await backend.order_sink.cancel(SALE)


def right(desk: Desk) -> bool:
    """Whether the order is there once, whole and paid once."""
    [order] = desk.orders
    lines = {(it["productVariant"]["sku"], it["quantity"]) for it in order["lines"]}
    return (
        (order["code"], order["state"]) == ("UC-1", "PaymentSettled")
        and lines == {(FIRST, 2), (SECOND, 1)}
        and [(it["amount"], it["transactionId"]) for it in order["payments"]] == [(207, "UC-1")]
    )


async def test_a_sale_is_entered_once_however_often_it_is_sent(desk: Desk) -> None:
    backend = taker(desk)

    first = await placed(backend)
    writes = desk.writes
    again = await placed(backend)

    assert (first.error, again) == (None, first)
    assert right(desk)
    assert (writes, desk.writes) == (PLACING, PLACING)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("at", range(1, PLACING + 1))
async def test_a_step_that_is_lost_is_made_once(desk: Desk, at: int, where: str) -> None:
    desk.lose = lambda write: where if write == at else None
    with pytest.raises(UnknownOutcome):
        await placed(taker(desk))

    result = await placed(taker(desk))  # another process

    assert result.error is None
    assert right(desk)


async def test_every_answer_may_be_lost_one_after_the_other(desk: Desk) -> None:
    desk.lose = lambda _: "after"
    for _ in range(PLACING):
        with pytest.raises(UnknownOutcome):
            await placed(taker(desk))

    assert (await placed(taker(desk))).error is None
    assert right(desk)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("at", range(1, CANCELING + 1))
async def test_it_is_paid_back_once_whatever_is_lost(desk: Desk, at: int, where: str) -> None:
    await placed(taker(desk))
    desk.lose = lambda write: where if write == PLACING + at else None
    with pytest.raises(UnknownOutcome):
        await canceled(taker(desk))

    result = await canceled(taker(desk))
    again = await canceled(taker(desk))

    [order] = desk.orders
    [payment] = order["payments"]
    assert (result.error, again) == (None, result)
    assert order["state"] == "Cancelled"
    assert [(it["state"], it["total"]) for it in payment["refunds"]] == [("Settled", 207)]


async def test_what_was_paid_back_by_hand_is_not_paid_back_again(desk: Desk) -> None:
    await placed(taker(desk))
    [order] = desk.orders
    by_hand = [
        {"id": "r1", "state": "Settled", "total": 200, "transactionId": "bank"},
        {"id": "r2", "state": "Failed", "total": 7, "transactionId": None},
    ]
    order["payments"][0]["refunds"] = by_hand

    await canceled(taker(desk))

    refunds = [(it["state"], it["total"]) for it in order["payments"][0]["refunds"]]
    assert refunds == [("Settled", 200), ("Failed", 7), ("Settled", 7)]


async def test_a_line_that_was_added_twice_is_put_right(desk: Desk) -> None:
    """A write that was still under way when the next process looked."""
    desk.lose = lambda write: "after" if write == 2 else None
    with pytest.raises(UnknownOutcome):
        await placed(taker(desk))
    desk.orders[0]["lines"][0]["quantity"] += 2

    assert (await placed(taker(desk))).error is None
    assert right(desk)


async def test_a_draft_is_deleted_and_nothing_is_called_off(desk: Desk) -> None:
    desk.lose = lambda write: "after" if write == 3 else None
    with pytest.raises(UnknownOutcome):
        await placed(taker(desk))

    assert await canceled(taker(desk)) == WriteResult("UC-1")
    assert await canceled(taker(desk)) == WriteResult("UC-1")
    assert desk.orders == []


@pytest.mark.parametrize("state", ["PartiallyShipped", "Shipped", "Delivered"])
async def test_what_has_left_is_not_called_off(desk: Desk, state: str) -> None:
    await placed(taker(desk))
    desk.orders[0]["state"] = state
    writes = desk.writes

    result = await canceled(taker(desk))

    assert result.error == f"it is too late: it is {state}"
    assert desk.writes == writes


async def test_a_sum_that_is_not_ours_is_not_paid(desk: Desk) -> None:
    desk.surcharge = 1200

    result = await placed(taker(desk))

    assert result.error is not None
    assert result.error.startswith("it comes to 1407 in the shop, not 207 (minor units)")
    [order] = desk.orders
    assert (order["state"], order["payments"]) == ("Draft", [])
    assert result.external_id == order["id"]


async def test_a_shop_without_the_plugin_is_left_as_it_was(desk: Desk) -> None:
    desk.plugin = False

    with pytest.raises(BackendRefused, match="examples/vendure-orders"):
        await placed(taker(desk))

    assert desk.orders == []


async def test_what_is_called_off_in_the_shop_is_not_entered_again(desk: Desk) -> None:
    await placed(taker(desk))
    desk.orders[0]["state"] = "Cancelled"

    assert await placed(taker(desk)) == WriteResult("UC-1", error="it is called off in the shop")
    assert len(desk.orders) == 1


async def test_a_try_that_takes_too_long_goes_on_later(desk: Desk) -> None:
    def slow(query: str) -> None:
        desk.seconds += 25.0

    desk.before = slow
    with pytest.raises(UnknownOutcome, match="it goes on later"):
        await placed(taker(desk))
    desk.before = lambda _: None

    assert (await placed(taker(desk))).error is None
    assert right(desk)


def test_a_shop_that_takes_no_orders_says_so(desk: Desk) -> None:
    backend = desk.backend()

    assert backend.order_sink is None
    assert not backend.capabilities.cancels


async def test_a_shop_that_is_lost_between_two_steps_may_have_the_sale(desk: Desk) -> None:
    """O6: whoever calls it off then has to call it off there."""
    desk.lose = {PLACING: "down"}.get

    with pytest.raises(HalfDone):
        await placed(taker(desk))

    assert [order["state"] for order in desk.orders] == ["ArrangingPayment"]


async def test_a_shop_that_is_lost_before_the_first_step_has_nothing_of_it(desk: Desk) -> None:
    desk.lose = {1: "down"}.get

    with pytest.raises(BackendUnavailable) as raised:
        await placed(taker(desk))

    assert (type(raised.value), desk.orders) == (BackendUnavailable, [])


@pytest.mark.parametrize("at", range(2, PLACING + 1))
async def test_a_sale_that_is_refused_midway_names_what_stands_there(desk: Desk, at: int) -> None:
    """O6: a no that names an order does not let its cancellation go."""
    desk.lose = {at: "USER_INPUT_ERROR"}.get

    result = await placed(taker(desk))

    [order] = desk.orders
    assert result == WriteResult("UC-1", order["id"], "shop: it refused: USER_INPUT_ERROR")


async def test_a_sale_that_is_refused_at_once_names_nothing(desk: Desk) -> None:
    desk.lose = {1: "USER_INPUT_ERROR"}.get

    with pytest.raises(BackendRefused) as raised:
        await placed(taker(desk))

    assert (raised.value.kind, desk.orders) == ("INVALID", [])


async def test_a_login_that_ends_between_two_steps_may_have_left_the_sale(desk: Desk) -> None:
    """O6: a refusal of the login undoes none of the steps before it."""
    desk.lose = {PLACING: "FORBIDDEN"}.get

    with pytest.raises(HalfDone):
        await placed(taker(desk))

    assert [order["state"] for order in desk.orders] == ["ArrangingPayment"]


async def test_a_login_that_is_refused_before_the_first_step_has_left_nothing(desk: Desk) -> None:
    desk.lose = {1: "FORBIDDEN"}.get

    with pytest.raises(BackendRefused) as raised:
        await placed(taker(desk))

    assert (raised.value.kind, desk.orders) == ("AUTH", [])
