"""Sales called off or taken back at a real Tryton: ours by its people, theirs, and what is too late
for us.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from resolvers.backend_ports import Level
from resolvers.domain.orders import OrderStatus
from tests.live.tryton.door import confirm, sale, sell, ship
from tests.live.tryton.rpc import Witness

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]  # the first run installs Tryton

WIZARD = "wizard.sale.handle.shipment.exception"


def call_back(witness: Witness, sale_id: int) -> list[int]:
    """Somebody cancels the shipments of a sale; its movements. Tryton asks then what is meant."""
    row = witness.only("sale.sale", [["id", "=", sale_id]], "shipments", "moves")
    witness.call("stock.shipment.out", "cancel", row["shipments"])
    moves: list[int] = row["moves"]
    return moves


def answer(witness: Witness, sale_id: int, moves: Sequence[int], *, again: Sequence[int]) -> None:
    """Somebody says which movements are to be made again; the others never."""
    context = {
        **witness.context,
        "active_id": sale_id,
        "active_ids": [sale_id],
        "active_model": "sale.sale",
    }
    never = [move for move in moves if move not in again]
    ask = {"recreate_moves": again, "ignore_moves": never, "domain_moves": moves}
    session, *_ = witness.ask(f"{WIZARD}.create", context)
    witness.ask(f"{WIZARD}.execute", session, {"ask": ask}, "handle", context)
    witness.ask(f"{WIZARD}.delete", session, context)


async def test_our_sale_that_people_call_off_is_told_once_they_have_said_so(erp, witness):
    placed = sale("UC3-OFF", ("LG0209-01", 1, 100_000), at="SH01")
    await erp.sink.place([placed], second_try=False)
    _, cursor = await erp.orders()
    [booked] = witness.sales("UC3-OFF")

    moves = call_back(witness, booked["id"])
    asked, _ = await erp.orders(cursor)
    answer(witness, booked["id"], moves, again=[])
    told, _ = await erp.orders(cursor)

    assert "UC3-OFF" not in asked, "it may be made again"
    assert told["UC3-OFF"].status is OrderStatus.CANCELED
    assert told["UC3-OFF"].origin_location == "SH01"


async def test_our_sale_whose_shipment_is_made_again_is_not_called_off(erp, witness):
    placed = sale("UC3-AGAIN", ("LG0209-01", 1, 100_000), at="SH01")
    await erp.sink.place([placed], second_try=False)
    _, cursor = await erp.orders()
    [booked] = witness.sales("UC3-AGAIN")

    moves = call_back(witness, booked["id"])
    answer(witness, booked["id"], moves, again=moves)
    told, _ = await erp.orders(cursor)

    assert "UC3-AGAIN" not in told
    assert witness.sales("UC3-AGAIN")[0]["shipment_state"] == "waiting"


async def test_our_sale_that_moved_on_to_another_place_is_not_called_off(erp):
    placed = sale("UC3-MOVED", ("LG0209-01", 1, 100_000), at="SH01")
    await erp.sink.place([placed], second_try=False)
    _, cursor = await erp.orders()
    await erp.sink.cancel(placed)
    off, _ = await erp.orders(cursor)

    await erp.sink.place([replace(placed, location="SH02")], second_try=False)
    moved, _ = await erp.orders(cursor)

    assert off["UC3-MOVED"].origin_location == "SH01"
    assert "UC3-MOVED" not in moved


async def test_a_sale_of_the_staff_that_is_called_off_is_sold_elsewhere_no_longer(erp, witness):
    before = await erp.level("CW01", "LG0301-01")
    _, cursor = await erp.orders()
    id = sell(witness, "LG0301-01", 2, "CW01", "UC3-STAFF")
    confirm(witness, id)
    sold = await erp.level("CW01", "LG0301-01")
    orders, cursor = await erp.orders(cursor)

    answer(witness, id, call_back(witness, id), again=[])
    off = await erp.level("CW01", "LG0301-01")
    canceled, _ = await erp.orders(cursor)

    assert (sold, off) == (Level(before.on_hand, elsewhere=2), before)
    assert orders["UC3-STAFF"].status is OrderStatus.CONFIRMED
    assert canceled["UC3-STAFF"].status is OrderStatus.CANCELED


async def test_a_sale_that_has_left_in_part_is_too_late_and_its_rest_still_goes(erp, witness):
    witness.count_stock("SH01", "LG0210-01", 5)
    placed = sale("UC3-PART", ("LG0210-01", 3, 100_000), at="SH01")
    await erp.sink.place([placed], second_try=False)
    [booked] = witness.sales("UC3-PART")
    row = witness.only("sale.sale", [["id", "=", booked["id"]]], "shipments", "moves")
    witness.call("stock.move", "write", row["moves"], {"quantity": 1.0})
    for button in ("assign_try", "pack", "do"):
        witness.call("stock.shipment.out", button, row["shipments"])

    result = await erp.sink.cancel(placed)

    shipments = witness.search_read(
        "stock.shipment.out",
        [["moves.origin.sale.id", "=", booked["id"], "sale.line"]],
        ["state", "number"],
    )
    assert [at["state"] for at in shipments] == ["done", "waiting"]
    assert result.error == f"it is too late: shipment {shipments[0]['number']} is done"
    assert await erp.level("SH01", "LG0210-01") == Level(4)


async def test_what_comes_back_of_a_sale_of_the_staff_is_returned_once_it_is_received(erp, witness):
    id = sell(witness, "LG0302-01", 2, "CW01", "UC3-BACK")
    confirm(witness, id)
    ship(witness, id, zoned=True)
    _, cursor = await erp.orders()

    session, *_ = witness.ask("wizard.sale.return_sale.create", witness.context)
    context = {**witness.context, "active_id": id, "active_ids": [id], "active_model": "sale.sale"}
    witness.ask("wizard.sale.return_sale.execute", session, {"start": {}}, "return_", context)
    back = witness.only("sale.sale", [["origin", "=", f"sale.sale,{id}"]])["id"]
    confirm(witness, back)
    announced, cursor = await erp.orders(cursor)
    parcels = witness.only("sale.sale", [["id", "=", back]], "shipment_returns")
    witness.call("stock.shipment.out.return", "receive", parcels["shipment_returns"])
    received, _ = await erp.orders(cursor)

    assert announced["UC3-BACK"].status is OrderStatus.FULFILLED
    assert received["UC3-BACK"].status is OrderStatus.RETURNED
    assert [(line.fulfilled, line.returned) for line in received["UC3-BACK"].lines] == [(2, 2)]
    assert {order.id for order in received.values()} & {f"erp-sale-{back}"} == set()
