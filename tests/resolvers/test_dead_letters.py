"""When a write is given up, what that means for others, and what people's words do (O6, G4, S5)."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from resolvers import orders
from resolvers.backend_ports import Idempotency, OrderSink, WriteResult
from resolvers.dead_letters import replay_outbox, rule_on
from resolvers.domain.errors import HalfDone
from resolvers.domain.orders import Order
from resolvers.domain.outbox import DeathKind, Sale, Verdict, Write, WriteStatus
from tests.resolvers.asking import paid_order
from tests.resolvers.conftest import ADMIN, PARTNER, House


async def writes(house: House, order: Order) -> list[Write]:
    found = await house.runtime.store.outbox.writes_of([order.id])
    return list(found[order.id])


async def sold(house: House) -> list[tuple[str, str]]:
    return [(sale.reference, sale.status) for sale in await house.erp.sales()]


async def cancel(house: House, order: Order) -> None:
    await orders.cancel_order(house(PARTNER), f"cancel {order.id}", order.id)


@pytest.fixture
def mute(house: House) -> House:
    """The same house, whose ERP can neither be asked what it has nor knows a key."""
    erp = house.runtime.backends["erp"]
    declared = replace(erp.capabilities, idempotency=Idempotency.NONE)
    backends = {**house.runtime.backends, "erp": replace(erp, capabilities=declared)}
    house.runtime = replace(house.runtime, backends=backends)
    return house


async def test_a_write_is_given_up_after_its_hours_and_revived_under_its_reference(
    house: House,
) -> None:
    await house.erp.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    order = await paid_order(house, "one")
    await house.push()
    house.clock.turn(hours=71)
    await house.push()
    [waits] = await writes(house, order)
    house.clock.turn(hours=2)
    await house.push()
    [dead] = await writes(house, order)

    assert (waits.status, dead.status) == (WriteStatus.WAITING, WriteStatus.FAILED)
    assert (dead.death, dead.attempts, dead.may_be_there) == (DeathKind.RETRIES_SPENT, 3, False)

    await house.erp.set_knobs(Knobs())
    assert await house.push() == 0, "it waits for a person"
    assert await replay_outbox(house(ADMIN), "k", "erp", None) == (1, False)
    assert await house.push() == 1
    assert [reference for reference, _ in await sold(house)] == [order.number]


async def test_a_sale_that_was_canceled_before_it_was_sent_is_never_sent(house: House) -> None:
    order = await paid_order(house, "one")
    await cancel(house, order)

    while await house.push():
        pass

    assert await sold(house) == []
    assert [(it.status, it.let_go, it.attempts) for it in await writes(house, order)] == [
        (WriteStatus.DONE, True, 0)
    ] * 2


async def test_a_cancellation_of_a_refused_sale_ends_both(house: House) -> None:
    await house.erp.set_knobs(Knobs(fail=Fault.REFUSE))
    order = await paid_order(house, "one")
    await house.push()
    await house.erp.set_knobs(Knobs())
    await cancel(house, order)
    while await house.push():
        pass
    await replay_outbox(house(ADMIN), "k", None, None)
    while await house.push():
        pass

    assert await sold(house) == []
    assert [it.status for it in await writes(house, order)][1] is WriteStatus.DONE
    assert await house.runtime.store.outbox.dead_counts() == {}


async def test_what_nobody_can_look_up_is_never_sent_again_by_itself(mute: House) -> None:
    await mute.erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))
    order = await paid_order(mute, "one")
    await mute.push()
    await mute.erp.set_knobs(Knobs())
    mute.clock.turn(seconds=60)
    await mute.push()

    [dead] = await writes(mute, order)
    assert (dead.death, dead.attempts, dead.may_be_there) == (DeathKind.UNKNOWN_OUTCOME, 1, True)
    assert await replay_outbox(mute(ADMIN), "k", None, None) == (0, False)
    assert await writes(mute, order) == [dead]


async def test_a_cancellation_waits_until_a_person_says_whether_its_sale_is_there(
    mute: House,
) -> None:
    await mute.erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))
    order = await paid_order(mute, "one")
    await mute.push()
    await mute.erp.set_knobs(Knobs())
    await cancel(mute, order)
    mute.clock.turn(seconds=60)
    for _ in range(3):
        await mute.push()
    dead, waits = await writes(mute, order)
    assert (dead.status, waits.status, waits.attempts) == (
        WriteStatus.FAILED,
        WriteStatus.WAITING,
        0,
    )

    await rule_on(mute(ADMIN), "k", dead.id, Verdict.THERE, "SO-1")
    mute.clock.turn(seconds=60)
    while await mute.push():
        pass

    assert await sold(mute) == [(order.number, "CANCELED")]
    assert [it.status for it in await writes(mute, order)] == [WriteStatus.DONE] * 2


async def test_a_dead_write_of_one_order_holds_up_no_other(mute: House) -> None:
    await mute.erp.set_knobs(Knobs(fail=Fault.ANSWER_LOST))
    lost = await paid_order(mute, "one")
    await mute.push()
    await mute.erp.set_knobs(Knobs())
    other = await paid_order(mute, "two")
    mute.clock.turn(seconds=60)
    while await mute.push():
        pass

    assert [it.status for it in await writes(mute, other)] == [WriteStatus.DONE]
    assert [it.status for it in await writes(mute, lost)] == [WriteStatus.FAILED]


class Halfway:
    """Takes sales as the inner one does, and the first time is lost before it can say so."""

    def __init__(self, inner: OrderSink) -> None:
        self.inner = inner

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:
        results = await self.inner.place(sales, second_try=second_try)
        if second_try:
            return results
        raise HalfDone("erp: it was lost between two steps", backend="erp")

    async def cancel(self, sale: Sale) -> WriteResult:
        return await self.inner.cancel(sale)


async def test_a_sale_that_is_half_done_is_called_off_there(house: House) -> None:
    """O6: it used to be let go like one that was never sent, and was handed over."""
    erp = house.runtime.backends["erp"]
    assert erp.order_sink is not None
    half = replace(erp, order_sink=Halfway(erp.order_sink))
    backends = {**house.runtime.backends, "erp": half}
    house.runtime = replace(house.runtime, backends=backends)
    order = await paid_order(house, "one")
    await house.push()
    [waits] = await writes(house, order)

    await cancel(house, order)
    for _ in range(3):
        house.clock.turn(minutes=5)
        await house.push()

    assert (waits.status, waits.may_be_there, waits.settle_until) == (
        WriteStatus.WAITING,
        True,
        None,
    )
    assert [status for _, status in await sold(house)] == ["CANCELED"]
    assert {write.status for write in await writes(house, order)} == {WriteStatus.DONE}
