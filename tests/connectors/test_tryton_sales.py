"""Our sales at a scripted Tryton: placed once, called off, and what may be under way."""

from decimal import Decimal
from typing import Any

import httpx2
import pytest

from resolvers.domain.errors import BackendRefused, BackendUnavailable, HalfDone, UnknownOutcome
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money, utc
from tests.connectors.tryton_desk import (
    CALL_BACK,
    CANCEL,
    CONFIRM,
    CREATE,
    DRAFT,
    FIND,
    QUOTE,
    VAT,
    WIZARD,
    Desk,
    product,
)
from tests.connectors.tryton_scripted import Refused, Status, decimal, search

SALE = Sale(
    "UC261125-0123456789",
    "SH01",
    utc(2026, 11, 24, 18),
    (
        SaleLine("BT0101-01", 2, Money(73700, "CNY")),
        SaleLine("LG0101-02", 1, Money(24700, "CNY")),
    ),
    note="gift",
)


async def test_a_sale_is_made_whole_and_confirmed():
    desk = Desk()

    [result] = await desk.desk.place([SALE], second_try=False)

    [[[values]]] = desk.server.asked(CREATE)
    assert (result.reference, result.external_id, result.error) == (SALE.reference, "101", None)
    assert desk.written() == [CREATE, QUOTE, CONFIRM]
    assert desk.server.methods().index(FIND) < desk.server.methods().index(CREATE)
    assert values == {
        "reference": "UC261125-0123456789",
        "description": "unified-commerce-gateway UC261125-0123456789",
        "comment": "gift",
        "party": 2,
        "invoice_address": 6,
        "shipment_address": 6,
        "payment_term": 10,
        "warehouse": 10,
        "currency": 1,
        "sale_date": {"__class__": "date", "year": 2026, "month": 11, "day": 25},
        "lines": [["create", values["lines"][0][1]]],
    }
    assert values["lines"][0][1][0] == {
        "product": 1,
        "quantity": 2.0,
        "unit": 1,
        "unit_price": decimal("652.2126"),
        "taxes": [["add", [1]]],
    }


async def test_a_sale_that_is_there_is_not_made_again():
    desk = Desk()
    desk.there("processing")

    first = await desk.desk.place([SALE], second_try=False)
    again = await desk.desk.place([SALE], second_try=True)

    assert first == again
    assert first[0].external_id == "101"
    assert desk.written() == []


@pytest.mark.parametrize(
    ("state", "steps"), [("draft", [QUOTE, CONFIRM]), ("quotation", [CONFIRM]), ("done", [])]
)
async def test_a_sale_is_carried_on_from_where_it_is(state, steps):
    desk = Desk()
    desk.there(state)

    [result] = await desk.desk.place([SALE], second_try=True)

    assert (result.external_id, result.error) == ("101", None)
    assert desk.written() == steps


async def test_a_sale_that_was_confirmed_but_never_processed_is_confirmed_anew():
    """Tryton was stopped between the two: nobody goes on, and nothing would ever be shipped."""
    desk = Desk()
    desk.there("confirmed")

    [result] = await desk.desk.place([SALE], second_try=True)

    assert (result.external_id, result.error) == ("101", None)
    assert (desk.states(), desk.written()) == (["processing"], [DRAFT, QUOTE, CONFIRM])


async def test_a_sale_without_its_shipment_is_not_taken_for_placed():
    desk = Desk()
    desk.server.answers[CONFIRM] = desk.moves_on("quotation", "confirmed")

    with pytest.raises(HalfDone, match="sale 101 has no shipment yet"):
        await place(desk)

    assert desk.states() == ["confirmed"]


async def test_where_confirmed_sales_wait_before_they_are_processed_that_is_enough():
    desk = Desk()
    later = {"__class__": "timedelta", "seconds": 3600.0}
    settings = [{"id": 1, "sale_process_after": later}]
    desk.server.answers["model.sale.configuration.search_read"] = search(settings)
    desk.server.answers[CONFIRM] = desk.moves_on("quotation", "confirmed")

    [first] = await desk.desk.place([SALE], second_try=False)
    [again] = await desk.desk.place([SALE], second_try=True)

    assert first == again
    assert (first.external_id, first.error, desk.states()) == ("101", None, ["confirmed"])


async def test_of_two_sales_of_a_reference_the_eldest_stays():
    desk = Desk()
    desk.there("quotation")
    desk.there("draft")

    [result] = await desk.desk.place([SALE], second_try=True)

    assert (result.external_id, result.error) == ("101", None)
    assert desk.states() == ["processing", "cancelled"]


async def test_a_second_one_that_was_confirmed_is_for_people():
    desk = Desk()
    desk.there("processing")
    desk.there("processing")

    [result] = await desk.desk.place([SALE], second_try=True)

    assert result.external_id == "101"
    assert result.error == "its reference was confirmed more than once: call off 102"
    assert desk.written() == []


async def test_a_sale_that_was_called_off_does_not_stand_for_a_new_one():
    """An order that moves to another shop comes with the reference that it had before."""
    desk = Desk()
    desk.there("processing", location="CW01")
    await desk.desk.cancel(SALE)

    [result] = await desk.desk.place([SALE], second_try=False)

    assert (result.external_id, result.error) == ("102", None)
    assert desk.states() == ["processing", "processing"]


async def test_a_live_sale_of_the_reference_at_another_place_is_not_taken_for_it():
    desk = Desk()
    desk.there("draft", location="CW01")

    [result] = await desk.desk.place([SALE], second_try=False)

    assert result.error == "its reference is booked at another place than SH01"
    assert desk.states() == ["draft"]


async def test_a_button_that_another_try_has_pressed_is_no_failure():
    desk = Desk()
    desk.there("draft")

    def pressed_meanwhile(params: list[Any]) -> Any:
        desk.moves_on("draft", "quotation")(params)
        raise Refused("UserError", ["You can not", "", None])

    desk.server.answers[QUOTE] = pressed_meanwhile
    [result] = await desk.desk.place([SALE], second_try=True)

    assert (result.error, desk.states()) == (None, ["processing"])


async def test_what_tryton_does_not_want_is_an_answer_that_names_what_stands_there():
    desk = Desk()

    def refused(_):
        raise Refused("UserError", ["Credit limit", "", None])

    desk.server.answers[CONFIRM] = refused
    [result] = await desk.desk.place([SALE], second_try=False)

    assert (result.external_id, result.error) == ("1", "erp: UserError: Credit limit")
    assert desk.states() == ["quotation"]


@pytest.mark.parametrize(
    ("products", "error"),
    [
        ([product(1, "BT0101-01")], "erp has no active product LG0101-02"),
        (
            [
                product(1, "BT0101-01"),
                product(2, "LG0101-02", **{"template.": {"id": 1, "salable": 0}}),
            ],
            "LG0101-02 is not for sale",
        ),
        (
            [
                product(1, "BT0101-01"),
                product(
                    2,
                    "LG0101-02",
                    **{"account_category.": {"customer_taxes_used.": [VAT | {"type": "fixed"}]}},
                ),
            ],
            "the taxes of LG0101-02 are not plain percentages",
        ),
    ],
)
async def test_what_cannot_be_sold_is_not_tried(products, error):
    desk = Desk()
    desk.server.answers["model.product.product.search_read"] = search(products)

    [result] = await desk.desk.place([SALE], second_try=False)

    assert (result.external_id, result.error) == (None, error)
    assert desk.written() == []


async def test_another_currency_than_the_companys_is_not_tried():
    desk = Desk()
    sale = Sale("r-1", "SH01", SALE.placed_at, (SaleLine("BT0101-01", 1, Money(1, "USD")),))

    [result] = await desk.desk.place([sale], second_try=False)

    assert result.error == "erp sells in CNY only"
    assert desk.written() == []


async def test_a_cent_that_rounding_took_comes_back_as_a_line():
    desk = Desk()
    desk.off_by = Decimal("-0.01")

    [result] = await desk.desk.place([SALE], second_try=False)

    [[[line]]] = desk.server.asked("model.sale.line.create")
    assert line["unit_price"] == decimal("0.01")
    assert "product" not in line
    assert (result.error, desk.sales[0]["total_amount"]) == (None, decimal("1721.00"))


async def test_a_total_that_is_off_by_more_than_rounding_is_for_people():
    desk = Desk()
    desk.off_by = Decimal("-24.00")

    [result] = await desk.desk.place([SALE], second_try=False)

    assert result.error == (
        "it comes to 1697.00 in erp, not 1721.00: compare the taxes of its products"
    )
    assert (result.external_id, desk.states()) == ("1", ["draft"])


@pytest.mark.parametrize("step", [CREATE, QUOTE, CONFIRM, CALL_BACK])
async def test_a_step_without_an_answer_may_have_been_done(step):
    desk = Desk()

    def lost(_):
        raise httpx2.ReadError("gone")

    desk.server.answers[step] = lost
    if step == CALL_BACK:
        desk.there("processing")

    with pytest.raises(UnknownOutcome):
        await (desk.desk.cancel(SALE) if step == CALL_BACK else place(desk))


async def place(desk: Desk) -> None:
    await desk.desk.place([SALE], second_try=False)


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        (FIND, httpx2.ReadTimeout("slow")),
        (FIND, httpx2.ReadError("gone")),
        (CREATE, httpx2.ConnectError("down")),
        (CREATE, Status(503)),
    ],
)
async def test_where_nothing_can_be_under_way_the_write_may_be_sent_again_at_once(step, failure):
    desk = Desk()

    def failing(_):
        raise failure

    desk.server.answers[step] = failing
    with pytest.raises(BackendUnavailable):
        await place(desk)

    assert desk.sales == []


async def test_an_answer_that_was_lost_is_found_by_the_second_try():
    desk = Desk()

    def lost(params: list[Any]) -> Any:
        desk.create(params)
        raise httpx2.ReadError("gone")

    desk.server.answers[CREATE] = lost
    with pytest.raises(UnknownOutcome):
        await place(desk)
    desk.server.answers[CREATE] = desk.create
    [result] = await desk.desk.place([SALE], second_try=True)

    assert (result.external_id, desk.states()) == ("101", ["processing"])


async def test_only_one_sale_is_taken_a_call():
    desk = Desk()

    with pytest.raises(BackendRefused):
        await desk.desk.place([SALE, SALE], second_try=False)

    assert desk.server.calls == []


# ---- calling off ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["draft", "quotation"])
async def test_an_open_sale_is_canceled_itself(state):
    desk = Desk()
    desk.there(state)

    result = await desk.desk.cancel(SALE)

    assert result.error is None
    assert (desk.states(), desk.written()) == (["cancelled"], [CANCEL])


async def test_a_confirmed_sale_is_called_off_by_its_shipments_and_nobody_is_asked():
    desk = Desk()
    desk.there("processing")

    result = await desk.desk.cancel(SALE)
    again = await desk.desk.cancel(SALE)

    [[_, answer, button]] = desk.server.asked(f"{WIZARD}.execute")
    assert (result.external_id, result.error) == ("101", None)
    assert again == result
    assert (answer["ask"]["ignore_moves"], button) == ([7], "handle")
    assert desk.written() == [CALL_BACK, f"{WIZARD}.create", f"{WIZARD}.execute"]


async def test_a_sale_whose_shipments_were_never_made_goes_back_and_is_canceled():
    desk = Desk()
    desk.there("confirmed")

    result = await desk.desk.cancel(SALE)

    assert (result.error, desk.states()) == (None, ["cancelled"])
    assert desk.written() == [DRAFT, CANCEL]


@pytest.mark.parametrize("state", ["picked", "packed", "shipped", "done"])
async def test_what_is_on_its_way_cannot_be_called_back(state):
    desk = Desk()
    desk.there("processing")
    desk.shipment = state

    result = await desk.desk.cancel(SALE)

    assert result.external_id == "101"
    assert result.error == f"it is too late: shipment 5 is {state}"
    assert desk.written() == []


async def test_what_is_not_there_is_called_off():
    desk = Desk()

    result = await desk.desk.cancel(SALE)

    assert (result.external_id, result.error) == (None, None)
    assert desk.written() == []
