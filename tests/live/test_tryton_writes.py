"""Writing to a real Tryton through the connector, and looking at what is there then."""

from dataclasses import replace
from decimal import Decimal

import httpx2
import pytest

from resolvers.backend_ports import Departed, Level
from resolvers.domain.errors import UnknownOutcome
from resolvers.domain.outbox import Adjustment
from tests.live.tryton.door import Erp, sale, sell, ship

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]  # the first run installs Tryton


async def test_a_sale_is_placed_once_and_processing(erp, witness):
    placed = sale("UC1-ONCE", ("BT0101-01", 2, 73_700), ("LG0101-02", 1, 24_700), at="SH01")

    [first] = await erp.sink.place([placed], second_try=False)
    [again] = await erp.sink.place([placed], second_try=True)

    [booked] = witness.sales("UC1-ONCE")
    total = witness.only("sale.sale", [["id", "=", booked["id"]]], "total_amount")["total_amount"]
    assert first == again
    assert first.error is None
    assert (booked["state"], booked["shipment_state"]) == ("processing", "waiting")
    assert (booked["warehouse"], booked["party"]) == ("SH01", "ONLINE")
    assert [(line["sku"], line["quantity"]) for line in booked["lines"]] == [
        ("BT0101-01", 2),
        ("LG0101-02", 1),
    ]
    assert total == Decimal("1721.00"), "what its buyer has paid, to the cent"


async def test_a_total_that_no_price_meets_gets_a_line_for_the_rest(erp, witness):
    placed = sale("UC1-REST", ("BT0102-01", 1001, 5))

    [result] = await erp.sink.place([placed], second_try=False)

    fields = ("state", "total_amount", "lines")
    booked = witness.only("sale.sale", [["reference", "=", "UC1-REST"]], *fields)
    assert (result.error, booked["state"]) == (None, "processing")
    assert booked["total_amount"] == Decimal("50.05")
    assert len(booked["lines"]) == 2


async def test_our_own_sale_is_neither_sold_elsewhere_nor_an_order(erp):
    _, cursor = await erp.orders()
    before = await erp.level("CW01", "LG0402-01")

    await erp.sink.place([sale("UC1-OWN", ("LG0402-01", 2, 100_000))], second_try=False)
    after = await erp.level("CW01", "LG0402-01")
    orders, _ = await erp.orders(cursor)

    assert after == before
    assert "UC1-OWN" not in orders


class AnswerLost(httpx2.AsyncBaseTransport):
    """Lets one call through to the server, and loses what it answers."""

    def __init__(self, method: str) -> None:
        self._method = method.encode()
        self._real = httpx2.AsyncHTTPTransport()
        self.lost = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._real.handle_async_request(request)
        if self._method in request.content and not self.lost:
            self.lost += 1
            await response.aread()
            await response.aclose()
            raise httpx2.ReadError("the answer got lost", request=request)
        return response

    async def aclose(self) -> None:
        await self._real.aclose()


@pytest.mark.parametrize("step", ["create", "quote", "confirm"])
async def test_a_sale_whose_answer_was_lost_is_there_once(own_tryton, witness, step):
    lossy = AnswerLost(f"sale.sale.{step}")
    erp = Erp(own_tryton, transport=lossy)
    placed = sale(f"UC1-LOST-{step}", ("BT0103-01", 1, 15_900))

    with pytest.raises(UnknownOutcome):
        await erp.sink.place([placed], second_try=False)
    [result] = await erp.sink.place([placed], second_try=True)
    await erp.close()

    [booked] = witness.sales(placed.reference)
    assert lossy.lost == 1
    assert result.error is None
    assert booked["state"] == "processing"


async def test_a_sale_that_tryton_left_confirmed_when_it_was_stopped_is_processed(erp, witness):
    """It processes in a second transaction; the state in between is written by hand here."""
    placed = sale("UC1-STUCK", ("BT0103-01", 1, 11_300))
    id = sell(witness, "BT0103-01", 1, "CW01", "UC1-STUCK", buyer="ONLINE")
    witness.call("sale.sale", "quote", [id])
    witness.call("sale.sale", "write", [id], {"state": "confirmed"})

    [result] = await erp.sink.place([placed], second_try=True)

    [booked] = witness.sales("UC1-STUCK")
    assert result.error is None
    assert (booked["state"], booked["shipment_state"]) == ("processing", "waiting")


async def test_two_sales_of_one_reference_become_one(erp, witness):
    placed = sale("UC1-TWICE", ("BT0103-01", 1, 11_300))
    eldest = sell(witness, "BT0103-01", 1, "CW01", "UC1-TWICE", buyer="ONLINE")
    second = sell(witness, "BT0103-01", 1, "CW01", "UC1-TWICE", buyer="ONLINE")

    [result] = await erp.sink.place([placed], second_try=True)

    states = {row["id"]: row["state"] for row in witness.sales("UC1-TWICE")}
    assert result.error is None
    assert states == {eldest: "processing", second: "cancelled"}


@pytest.mark.parametrize(("place", "zoned"), [("CW01", True), ("SH01", False)])
async def test_what_of_our_sale_has_left_is_told_with_the_numbers(
    own_tryton, erp, witness, place, zoned
):
    placed = sale(f"UC1-LEFT-{place}", ("BT0111-01", 1, 4900), at=place)
    witness.count_stock(place, "BT0111-01", 8)
    await erp.sink.place([placed], second_try=False)
    before = await erp.stock.read(place)

    ship(witness, witness.sales(placed.reference)[0]["id"], zoned=zoned)
    after = await erp.stock.read(place)
    new_process = Erp(own_tryton)
    told_anew = await new_process.stock.read(place)
    await new_process.close()

    fresh = Departed(placed.reference, "BT0111-01", 1)
    assert fresh not in before.departed
    assert fresh in after.departed
    assert before.levels["BT0111-01"] == Level(8)
    assert after.levels["BT0111-01"] == Level(7)
    assert told_anew.departed == after.departed


async def test_a_sale_is_called_off_and_its_goods_are_free(erp, witness):
    placed = sale("UC1-OFF", ("BT0104-01", 2, 32_900))
    await erp.sink.place([placed], second_try=False)

    canceled = await erp.sink.cancel(placed)
    again = await erp.sink.cancel(placed)

    [booked] = witness.sales("UC1-OFF")
    moves = witness.search_read(
        "stock.move", [["origin.sale.reference", "=", "UC1-OFF", "sale.line"]], ["state"]
    )
    assert (canceled.error, again.error) == (None, None)
    assert booked["shipment_state"] == "none", "nobody is asked what to do about it"
    assert {move["state"] for move in moves} == {"cancelled"}


async def test_an_order_that_moves_on_to_another_place_keeps_its_reference(erp, witness):
    first = sale("UC1-MOVED", ("BT0104-01", 1, 32_900), at="SH01")
    await erp.sink.place([first], second_try=False)
    await erp.sink.cancel(first)

    [result] = await erp.sink.place([replace(first, location="SH02")], second_try=False)

    places = [(row["warehouse"], row["shipment_state"]) for row in witness.sales("UC1-MOVED")]
    assert result.error is None
    assert places == [("SH01", "none"), ("SH02", "waiting")]


async def test_a_sale_that_tryton_left_confirmed_is_called_off_too(erp, witness):
    id = sell(witness, "BT0103-01", 1, "CW01", "UC1-STUCK-OFF", buyer="ONLINE")
    witness.call("sale.sale", "quote", [id])
    witness.call("sale.sale", "write", [id], {"state": "confirmed"})

    result = await erp.sink.cancel(sale("UC1-STUCK-OFF", ("BT0103-01", 1, 11_300)))

    assert result.error is None
    assert [row["state"] for row in witness.sales("UC1-STUCK-OFF")] == ["cancelled"]


async def test_what_is_on_its_way_is_not_called_off(erp, witness):
    placed = sale("UC1-LATE", ("BT0104-01", 1, 32_900))
    await erp.sink.place([placed], second_try=False)
    [booked] = witness.sales("UC1-LATE")
    ship(witness, booked["id"], zoned=True)

    result = await erp.sink.cancel(placed)

    assert result.error is not None
    assert result.error.startswith("it is too late: shipment ")
    assert witness.sales("UC1-LATE")[0]["shipment_state"] == "sent"


async def test_a_difference_is_booked_once_and_a_reading_after_its_answer_holds_it(erp):
    before = await erp.level("SH02", "LG0101-01")
    found = Adjustment("adj-live-1", "LG0101-01", "SH02", 4, "found behind the shelf")
    missing = Adjustment("adj-live-2", "LG0101-01", "SH02", -1, "broken")

    first = await erp.stock_sink.adjust(found, second_try=False)
    again = await erp.stock_sink.adjust(found, second_try=True)
    less = await erp.stock_sink.adjust(missing, second_try=False)
    reading = await erp.stock.read("SH02")

    assert first == again
    assert (first.error, less.error) == (None, None)
    assert reading.levels["LG0101-01"] == Level(before.on_hand + 3)


async def test_more_than_there_is_cannot_be_taken_away(erp):
    before = await erp.level("SH02", "LG0101-01")
    much = Adjustment("adj-live-3", "LG0101-01", "SH02", -500, "typing error")

    result = await erp.stock_sink.adjust(much, second_try=False)

    assert result.error == "erp has fewer than 500 free there"
    assert await erp.level("SH02", "LG0101-01") == before
