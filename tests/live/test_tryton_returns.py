"""Returns and transfers at a real Tryton: where the goods lie then, and what its people find."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from resolvers.backend_ports import Level
from resolvers.domain.errors import UnknownOutcome
from resolvers.domain.outbox import GiveBack, ReturnedLine, Transfer, TransferLine, TransferStep
from resolvers.domain.values import Money
from tests.live.test_tryton_writes import AnswerLost
from tests.live.tryton.door import Erp, sale, ship

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(900)]  # the first run installs Tryton

REQUESTED, SHIPPED = TransferStep.REQUESTED, TransferStep.SHIPPED
RECEIVED, CANCELED = TransferStep.RECEIVED, TransferStep.CANCELED


def back(reference: str, *lines: tuple[str, int, int], at: str, of: str | None = None) -> GiveBack:
    refunds = tuple(ReturnedLine(sku, units, Money(minor, "CNY")) for sku, units, minor in lines)
    return GiveBack(reference, at, datetime.now(UTC), refunds, of)


def moving(reference: str, step: TransferStep, *lines: tuple[str, int]) -> Transfer:
    goods = tuple(TransferLine(sku, units) for sku, units in lines)
    return Transfer(reference, step, "SH01", "CW01", goods)


# ---- returns ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["SH02", "CW01"])
async def test_goods_that_one_shop_has_sold_come_back_at_another_place(erp, witness, place):
    sold = sale(f"UC2-SOLD-{place}", ("BT0112-01", 2, 35_900), at="SH01")
    witness.count_stock("SH01", "BT0112-01", 6)
    await erp.sink.place([sold], second_try=False)
    [booked] = witness.sales(sold.reference)
    ship(witness, booked["id"], zoned=False)
    before = await erp.level(place, "BT0112-01")
    returned = back(f"RT2-{place}", ("BT0112-01", 1, 35_900), at=place, of=sold.reference)

    first = await erp.returns.give_back(returned, second_try=False)
    again = await erp.returns.give_back(returned, second_try=True)
    after = await erp.level(place, "BT0112-01")

    found = witness.only(
        "sale.sale",
        [["reference", "=", returned.reference]],
        *("state", "shipment_state", "origin", "total_amount", "warehouse.code"),
    )
    credit = witness.only(
        "account.invoice",
        [["lines.origin.sale.id", "=", found["id"], "sale.line"]],
        *("state", "total_amount"),
    )
    assert first == again
    assert first.error is None
    assert (found["origin"], found["warehouse."]["code"]) == (f"sale.sale,{booked['id']}", place)
    assert (found["state"], found["shipment_state"]) == ("processing", "sent")
    assert (credit["state"], credit["total_amount"]) == ("draft", Decimal("-359.00"))
    assert after == Level(before.on_hand + 1, before.elsewhere)
    assert await erp.level("SH01", "BT0112-01") == Level(4 if place != "SH01" else 5)


async def test_a_return_is_neither_an_order_nor_something_that_left(erp, witness):
    _, cursor = await erp.orders()

    await erp.returns.give_back(
        back("RT2-QUIET", ("BT0112-02", 1, 100), at="BJ01"), second_try=False
    )
    orders, _ = await erp.orders(cursor)
    reading = await erp.stock.read("BJ01")

    assert "RT2-QUIET" not in orders
    assert [gone for gone in reading.departed if gone.reference == "RT2-QUIET"] == []


async def test_a_refund_that_no_price_meets_comes_to_it_all_the_same(erp, witness):
    returned = back("RT2-CENTS", ("BT0112-03", 3, 10_000), ("BT0101-01", 7, 0), at="SH01")

    result = await erp.returns.give_back(returned, second_try=False)

    found = witness.only("sale.sale", [["reference", "=", "RT2-CENTS"]], "total_amount", "state")
    assert result.error is None
    assert (found["state"], found["total_amount"]) == ("processing", Decimal("-100.00"))


@pytest.mark.parametrize("step", ["sale.create", "sale.quote", "sale.confirm", "return.receive"])
async def test_a_return_whose_answer_was_lost_is_there_once(own_tryton, witness, step):
    name = {"return.receive": "stock.shipment.out.return.receive"}.get(step, f"sale.{step}")
    lossy = AnswerLost(name)
    erp = Erp(own_tryton, transport=lossy)
    returned = back(f"RT2-LOST-{step}", ("BT0103-01", 1, 15_900), at="CW01")
    before = witness.on_hand("CW01").get("BT0103-01", 0)

    with pytest.raises(UnknownOutcome):
        await erp.returns.give_back(returned, second_try=False)
    result = await erp.returns.give_back(returned, second_try=True)
    await erp.close()

    [booked] = witness.sales(returned.reference)
    assert lossy.lost == 1
    assert result.error is None
    assert booked["shipment_state"] == "sent"
    assert witness.on_hand("CW01")["BT0103-01"] == before + 1


async def test_a_return_of_what_tryton_does_not_have_changes_nothing(erp, witness):
    result = await erp.returns.give_back(
        back("RT2-NONE", ("NO-SUCH", 1, 100), at="SH01"), second_try=False
    )

    assert result.error == "erp has no active product NO-SUCH"
    assert witness.sales("RT2-NONE") == []


# ---- transfers --------------------------------------------------------------------------------


async def levels(erp: Erp, sku: str) -> tuple[Level, Level]:
    """What lies at both ends; a SKU that is nowhere has no level."""
    read = [await erp.stock.read(place) for place in ("SH01", "CW01")]
    shop, warehouse = (reading.levels.get(sku, Level(0)) for reading in read)
    return shop, warehouse


async def test_goods_under_way_lie_at_neither_end_and_then_at_the_other(erp, witness):
    witness.count_stock("SH01", "LG0201-01", 5)
    witness.count_stock("CW01", "LG0201-01", 10)
    goods = ("LG0201-01", 3)

    asked = await erp.transfers.transfer(moving("TR2-1", REQUESTED, goods), second_try=False)
    at_first = await levels(erp, "LG0201-01")
    sent = await erp.transfers.transfer(moving("TR2-1", SHIPPED, goods), second_try=False)
    sent_again = await erp.transfers.transfer(moving("TR2-1", SHIPPED, goods), second_try=True)
    under_way = await levels(erp, "LG0201-01")
    late = await erp.transfers.transfer(moving("TR2-1", CANCELED, goods), second_try=False)
    came = await erp.transfers.transfer(moving("TR2-1", RECEIVED, goods), second_try=False)
    came_again = await erp.transfers.transfer(moving("TR2-1", RECEIVED, goods), second_try=True)
    passed = await erp.transfers.transfer(moving("TR2-1", SHIPPED, goods), second_try=True)
    in_the_end = await levels(erp, "LG0201-01")

    assert {asked, sent, sent_again, came, came_again, passed} == {asked}
    assert asked.error is None
    assert (at_first, under_way, in_the_end) == (
        (Level(5), Level(10, incoming=3)),
        (Level(2), Level(10, incoming=3)),
        (Level(2), Level(13)),
    )
    assert late.error == f"it is too late: shipment {asked.external_id} is shipped"


async def test_other_units_leave_than_were_asked_for(erp, witness):
    witness.count_stock("SH01", "LG0202-01", 5)
    witness.count_stock("SH01", "LG0202-02", 5)
    asked = moving("TR2-OTHER", REQUESTED, ("LG0202-01", 3), ("LG0202-02", 1))

    await erp.transfers.transfer(asked, second_try=False)
    result = await erp.transfers.transfer(
        moving("TR2-OTHER", SHIPPED, ("LG0202-01", 2)), second_try=False
    )

    assert result.error is None
    assert (await erp.level("SH01", "LG0202-01"), await erp.level("SH01", "LG0202-02")) == (
        Level(3),
        Level(5),
    )


async def test_what_does_not_arrive_stays_under_way(erp, witness):
    witness.count_stock("SH01", "LG0203-01", 5)
    witness.count_stock("CW01", "LG0203-01", 1)
    await erp.transfers.transfer(moving("TR2-LESS", SHIPPED, ("LG0203-01", 4)), second_try=False)

    result = await erp.transfers.transfer(
        moving("TR2-LESS", RECEIVED, ("LG0203-01", 3)), second_try=False
    )

    transit = witness.only("stock.shipment.internal", [["reference", "=", "TR2-LESS"]], "state")
    assert (result.error, transit["state"]) == (None, "done")
    assert await levels(erp, "LG0203-01") == (Level(1), Level(4))


async def test_more_than_left_does_not_arrive(erp, witness):
    witness.count_stock("SH01", "LG0204-01", 5)
    await erp.transfers.transfer(moving("TR2-MORE", SHIPPED, ("LG0204-01", 2)), second_try=False)
    before = await levels(erp, "LG0204-01")

    result = await erp.transfers.transfer(
        moving("TR2-MORE", RECEIVED, ("LG0204-01", 3)), second_try=False
    )

    assert result.error is not None
    assert result.error.startswith("more of LG0204-01 has arrived than shipment ")
    assert await levels(erp, "LG0204-01") == before


async def test_more_than_is_free_does_not_leave_and_nothing_stays_set_aside(erp, witness):
    witness.count_stock("SH01", "LG0205-01", 2)
    goods = ("LG0205-01", 9)
    before = await levels(erp, "LG0205-01")
    await erp.transfers.transfer(moving("TR2-MUCH", REQUESTED, goods), second_try=False)

    result = await erp.transfers.transfer(moving("TR2-MUCH", SHIPPED, goods), second_try=False)
    canceled = await erp.transfers.transfer(moving("TR2-MUCH", CANCELED, goods), second_try=False)

    of_it = [["shipment.reference", "=", "TR2-MUCH", "stock.shipment.internal"]]
    assert result.error == "erp has fewer free at SH01 than were to leave"
    assert canceled.error is None
    assert await levels(erp, "LG0205-01") == before
    assert {row["state"] for row in witness.search_read("stock.move", of_it, ["state"])} == {
        "cancelled"
    }


async def test_what_people_have_picked_for_another_place_is_promised_to_nobody(erp, witness):
    witness.count_stock("SH01", "LG0208-01", 5)
    before = await levels(erp, "LG0208-01")
    goods = moving("TR2-STAFF", REQUESTED, ("LG0208-01", 2))
    await erp.transfers.transfer(goods, second_try=False)
    shipment = witness.only("stock.shipment.internal", [["reference", "=", "TR2-STAFF"]])["id"]

    witness.call("stock.shipment.internal", "assign_try", [shipment])
    picked = await levels(erp, "LG0208-01")
    for button in ("pack", "ship"):
        witness.call("stock.shipment.internal", button, [shipment])
    left = await levels(erp, "LG0208-01")

    there = Level(before[1].on_hand, incoming=2)
    assert picked == (Level(5, elsewhere=2), there)
    assert left == (Level(3), there)


@pytest.mark.parametrize("step", ["create", "wait", "assign_try", "pack", "ship"])
async def test_a_transfer_whose_answer_was_lost_leaves_once(own_tryton, witness, step):
    lossy = AnswerLost(f"stock.shipment.internal.{step}")
    erp = Erp(own_tryton, transport=lossy)
    witness.count_stock("SH01", "BT0104-02", 5)
    goods = moving(f"TR2-LOST-{step}", SHIPPED, ("BT0104-02", 2))

    with pytest.raises(UnknownOutcome):
        await erp.transfers.transfer(goods, second_try=False)
    result = await erp.transfers.transfer(goods, second_try=True)
    await erp.close()

    assert lossy.lost == 1
    assert result.error is None
    assert witness.on_hand("SH01")["BT0104-02"] == 3
