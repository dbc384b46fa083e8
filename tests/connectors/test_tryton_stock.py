"""Readings of a warehouse and a shop, from what a real Tryton has said of them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.erp.tryton_changes import OVERLAP
from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_stock import DEPARTED_WINDOW, REPORT_KEPT, Stock
from connectors.erp.tryton_wire import decoded
from resolvers.backend_ports import Departed, Level
from resolvers.domain.errors import BackendRefused
from tests.connectors.tryton_scripted import (
    Clock,
    Scripted,
    client_of,
    of_company,
    recorded,
    search,
    stamp,
)

MOVES = "model.stock.move.search_read"
COUNT = "model.stock.move.search_count"
TICKETS = "model.sale.point.sale.line.search_read"
REPORT = "model.stock.reporting.inventory.search_read"

BETWEEN = ["shipment", "like", "stock.shipment.internal,%"]
SET_ASIDE = ["state", "=", "assigned"]
OPEN = ["state", "in", ["draft", "assigned"]]


class Warehouse:
    """A server that says of one warehouse what a real one has said, until a test changes it."""

    def __init__(self, name: str) -> None:
        self.told: dict[str, Any] = recorded(name)
        self.clock = Clock()
        self.server = Scripted(
            {
                **of_company(),
                "model.ir.date.today": lambda _: self.told["today"],
                MOVES: self._moves,
                COUNT: lambda _: self.told["done"],
                TICKETS: self._tickets,
                REPORT: lambda _: self.told["report"],
            }
        )
        client = client_of(self.server.handle, self.clock)
        self.stock = Stock(client, CompanyBooks(client, self.clock), self.clock)

    def _tickets(self, params: list[Any]) -> Any:
        return search(self.told["tickets"])(params)

    def _moves(self, params: list[Any]) -> Any:
        domain, limit = params[0], params[2]
        if BETWEEN in domain:
            kind = "set_aside" if SET_ASIDE in domain else "coming"
            return search(self.told.get(kind, []))(params)
        if OPEN in domain:
            return search(self.told["open"])(params)
        return self.told["newest"] if limit == 1 else self.told["departed"]


async def test_a_shop_has_what_its_report_says_and_its_open_tickets_have_sold():
    shop = Warehouse("stock_shop")

    reading = await shop.stock.read("SH01")

    assert reading.location == "SH01"
    assert reading.levels["BT0101-01"] == Level(5)
    assert reading.levels["BT0103-02"] == Level(2, elsewhere=2)
    assert reading.levels["LG0105-01"] == Level(0, elsewhere=1), "it was cut from the recording"
    assert "BT0111-01" not in reading.levels, "what a ticket gives back is not there yet"
    assert reading.departed == ()


async def test_a_warehouse_tells_what_others_have_sold_of_it_and_what_of_ours_has_left():
    warehouse = Warehouse("stock_warehouse")

    reading = await warehouse.stock.read("CW01")

    assert {sku: at.elsewhere for sku, at in reading.levels.items() if at.elsewhere} == {
        "BT0104-01": 4,
        "BT0105-01": 1,
        "LG0102-01": 1,
    }
    assert reading.departed == (
        Departed("UC261125-0123456789", "BT0103-01", 2),
        Departed("UC261125-0123456789", "LG0101-01", 1),
    )


async def test_what_goes_to_another_warehouse_is_set_aside_here_and_on_its_way_there():
    """S5: what is picked for a transfer is promised to nobody, and expected where it goes."""
    warehouse = Warehouse("stock_warehouse")
    before = (await warehouse.stock.read("CW01")).levels["BT0104-01"]
    warehouse.told |= {
        "set_aside": [move(901, "BT0104-01", 2.0)],
        "coming": [move(902, "BT0104-01", 5.0), move(903, "NEW-01", 1.0)],
    }

    reading = await warehouse.stock.read("CW01")

    elsewhere = before.elsewhere + 2
    assert reading.tells_incoming
    assert reading.levels["BT0104-01"] == Level(before.on_hand, elsewhere, incoming=5)
    assert reading.levels["NEW-01"] == Level(0, incoming=1)


def move(id: int, sku: str, units: float) -> dict[str, Any]:
    return {"id": id, "product.": {"id": id, "code": sku}, "internal_quantity": units}


async def test_our_own_open_sales_are_not_sold_elsewhere():
    warehouse = Warehouse("stock_warehouse")
    for row in warehouse.told["open"]:
        row["sale."] |= {"reference": "UC1-1", "description": "unified-commerce-gateway UC1-1"}

    reading = await warehouse.stock.read("CW01")

    assert {at.elsewhere for at in reading.levels.values()} == {0}


async def test_numbers_are_asked_last_so_that_they_hold_what_was_told_before():
    warehouse = Warehouse("stock_warehouse")

    await warehouse.stock.read("CW01")

    asked = [name for name in warehouse.server.methods() if name not in _COMPANY]
    assert set(asked[:-4]) == {MOVES, TICKETS}
    assert set(asked[-4:-2]) == {MOVES, COUNT}
    assert asked[-2:] == ["model.ir.date.today", REPORT]
    (context,) = [params[-1] for name, params in warehouse.server.calls if name == REPORT]
    assert context["location"] == 5
    assert context["date"] == warehouse.told["today"], "theirs, not ours"


_COMPANY = (
    "model.company.company.search_read",
    "model.account.configuration.search_read",
    "model.sale.configuration.search_read",
    "model.stock.location.search_read",
)


async def test_no_stamp_of_tryton_says_what_a_reading_holds():
    """It is the start of a transaction: one that began earlier may end later."""
    reading = await Warehouse("stock_shop").stock.read("SH01")

    assert reading.watermark is None


async def test_a_warehouse_in_which_nothing_moves_is_not_counted_again():
    shop = Warehouse("stock_shop")

    first = await shop.stock.read("SH01")
    again = await shop.stock.read("SH01")

    assert again == first
    assert len(shop.server.asked(REPORT)) == 1


@pytest.mark.parametrize(
    "moved",
    [
        {"newest": [{"id": 9, "last_modified_at": stamp(0, minute=30)}]},
        {"done": 188},  # a transaction that began earlier, and ended now
    ],
)
async def test_any_movement_is_seen_at_once(moved):
    shop = Warehouse("stock_shop")
    await shop.stock.read("SH01")

    shop.told |= moved
    shop.told["report"] = [{"id": 1, "product.": {"id": 1, "code": "BT0101-01"}, "quantity": 4.0}]
    reading = await shop.stock.read("SH01")

    assert reading.levels["BT0101-01"] == Level(4)


@pytest.mark.parametrize("later", [REPORT_KEPT, timedelta(hours=12)])
async def test_numbers_are_counted_again_after_a_while_and_on_a_new_day(later):
    shop = Warehouse("stock_shop")
    await shop.stock.read("SH01")

    shop.clock.now += later
    await shop.stock.read("SH01")

    assert len(shop.server.asked(REPORT)) == 2


async def test_new_departures_add_up_with_those_that_were_told_before():
    warehouse = Warehouse("stock_warehouse")
    first = await warehouse.stock.read("CW01")
    left = warehouse.told["departed"][0]

    more = {**left, "id": 9999, "internal_quantity": 3.0}
    warehouse.told["departed"] = [more]
    second = await warehouse.stock.read("CW01")
    warehouse.told["departed"] = [{**more, "state": "cancelled"}]
    third = await warehouse.stock.read("CW01")

    totals = {(at.reference, at.sku): at.total for at in second.departed}
    key = (left["sale."]["reference"], left["product."]["code"])
    assert totals[key] == 3 + int(left["internal_quantity"])
    assert third.departed == first.departed, "somebody took it back"


async def test_departures_are_asked_for_since_the_last_reading_and_once_whole_for_a_new_sale():
    warehouse = Warehouse("stock_warehouse")

    await warehouse.stock.read("CW01")
    await warehouse.stock.read("CW01")

    domains = [params[0] for params in warehouse.server.asked(MOVES)]
    since = [at[2] for domain in domains for at in domain if at[0] == "last_modified_at"]
    whole = [at[2] for domain in domains for at in domain if at[0] == "origin.sale.id"]
    newest = decoded(_text(warehouse.told["newest"][0]["last_modified_at"]))
    assert [decoded(_text(stamp)) for stamp in since] == [
        warehouse.clock.now - DEPARTED_WINDOW,
        newest - OVERLAP,
    ]
    assert whole == [[1]]


async def test_a_stamp_from_the_future_does_not_hide_what_leaves_after_it():
    """O6: once that clock is set right, movements are stamped below it."""
    warehouse = Warehouse("stock_warehouse")
    ahead = {"__class__": "datetime", "year": 2031, "month": 1, "day": 1}
    ahead |= {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
    warehouse.told["newest"] = [{"id": 9, "last_modified_at": ahead}]
    await warehouse.stock.read("CW01")
    before = len(warehouse.server.asked(MOVES))

    await warehouse.stock.read("CW01")

    domains = [params[0] for params in warehouse.server.asked(MOVES)[before:]]
    [since] = [at[2] for domain in domains for at in domain if at[0] == "last_modified_at"]
    assert decoded(_text(since)) == warehouse.clock.now - OVERLAP


async def test_a_part_of_a_unit_that_was_sold_takes_the_whole():
    shop = Warehouse("stock_shop")
    shop.told["tickets"][0]["quantity"] = 1.5

    reading = await shop.stock.read("SH01")

    assert reading.levels["BT0103-02"].elsewhere == 2


async def test_a_warehouse_that_nobody_knows_is_refused():
    shop = Warehouse("stock_shop")

    with pytest.raises(BackendRefused) as raised:
        await shop.stock.read("XX99")

    assert (raised.value.kind, shop.server.asked(REPORT)) == ("NOT_FOUND", [])


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()
