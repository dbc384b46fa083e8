"""Goods that came back at a scripted Tryton: booked once, received once, and what stops it (O5)."""

from typing import Any

import httpx2
import pytest

from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_returns import Returns
from connectors.erp.tryton_sale_terms import SaleTerms, priced_lines
from connectors.erp.tryton_writing import Writer
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import BackendUnavailable, UnknownOutcome
from resolvers.domain.outbox import GiveBack, ReturnedLine, SaleLine
from resolvers.domain.values import Money, utc
from tests.connectors.tryton_desk import CONFIRM, CREATE, FIND, QUOTE, Desk, product
from tests.connectors.tryton_scripted import Clock, Refused, client_of, decimal, search

PARCELS = "model.stock.shipment.out.return"
BACK = GiveBack(
    "RT261125-1",
    "SH01",
    utc(2026, 11, 24, 18),
    (ReturnedLine("BT0101-01", 2, Money(147_400, "CNY")),),
    "UC261125-1",
    "too small",
)


class Counter(Desk):
    """The desk where goods come back; ``parcels`` are the shipments that bring them."""

    def __init__(self, *, zoned: bool = False) -> None:
        super().__init__()
        self.parcels: list[dict[str, Any]] = []
        self.zoned = zoned
        self.sold: list[dict[str, Any]] = [{"id": 77, "number": "41"}]
        self.server.answers |= {
            FIND: self.find_either,
            CREATE: self.create_return,
            CONFIRM: self.confirm,
            f"{PARCELS}.search_read": search(self.parcels),
            f"{PARCELS}.receive": self.receive,
            f"{PARCELS}.do": lambda params: self.become("done", params),
        }
        client = client_of(self.server.handle)
        terms = SaleTerms(client, CompanyBooks(client, Clock()), Clock(), "ONLINE")
        self.returns = Returns(Writer(client, 10.0), terms)

    def find_either(self, params: list[Any]) -> Any:
        if ["reference", "=", BACK.sale] in params[0]:
            return self.sold
        return self.find(params)

    def create_return(self, params: list[Any]) -> Any:
        made = self.create(params)
        self.sales[-1]["shipment_returns"] = []
        return made

    def confirm(self, params: list[Any]) -> None:
        self.moves_on("quotation", "processing")(params)
        self.parcels.append({"id": 5, "number": "5", "state": "draft"})
        self.sales[-1]["shipment_returns"] = [5]

    def receive(self, params: list[Any]) -> None:
        self.become("received" if self.zoned else "done", params)

    def become(self, state: str, params: list[Any]) -> None:
        for parcel in self.parcels:
            if parcel["id"] in params[0]:
                parcel["state"] = state


async def test_a_return_is_a_sale_of_fewer_than_none_of_the_sale_that_it_takes_back():
    counter = Counter()

    result = await counter.returns.give_back(BACK, second_try=False)

    [[[values]]] = counter.server.asked(CREATE)
    [line] = values["lines"][0][1]
    assert result == WriteResult("RT261125-1", "101")
    assert counter.written() == [CREATE, QUOTE, CONFIRM, f"{PARCELS}.receive"]
    assert (values["reference"], values["origin"]) == ("RT261125-1", "sale.sale,77")
    assert values["description"] == "unified-commerce-gateway RT261125-1"
    assert (values["warehouse"], values["comment"]) == (10, "too small")
    assert (line["product"], line["quantity"], line["taxes"]) == (1, -2.0, [["add", [1]]])
    assert line["unit_price"] == decimal("652.2124")


async def test_where_goods_come_in_and_lie_in_two_zones_they_are_put_away_too():
    counter = Counter(zoned=True)

    result = await counter.returns.give_back(BACK, second_try=False)

    assert result.error is None
    assert counter.written()[-2:] == [f"{PARCELS}.receive", f"{PARCELS}.do"]
    assert [parcel["state"] for parcel in counter.parcels] == ["done"]


async def test_a_return_is_booked_once():
    counter = Counter()

    first = await counter.returns.give_back(BACK, second_try=False)
    before = counter.written()
    again = await counter.returns.give_back(BACK, second_try=True)

    assert first == again
    assert counter.written() == before


@pytest.mark.parametrize("step", [CREATE, QUOTE, CONFIRM, f"{PARCELS}.receive", f"{PARCELS}.do"])
async def test_a_return_is_carried_on_from_where_an_answer_was_lost(step):
    counter = Counter(zoned=True)
    button = counter.server.answers[step]

    def lost(params: list[Any]) -> Any:
        button(params)
        raise httpx2.ReadError("gone")

    counter.server.answers[step] = lost
    with pytest.raises(UnknownOutcome):
        await counter.returns.give_back(BACK, second_try=False)
    counter.server.answers[step] = button
    result = await counter.returns.give_back(BACK, second_try=True)

    assert result == WriteResult("RT261125-1", "101")
    assert counter.states() == ["processing"]
    assert counter.written().count(f"{PARCELS}.receive") == 1


async def test_a_return_of_a_sale_that_tryton_never_had_stands_alone():
    counter = Counter()
    counter.sold = []

    result = await counter.returns.give_back(BACK, second_try=False)

    [[[values]]] = counter.server.asked(CREATE)
    assert (result.error, values["origin"]) == (None, None)


async def test_what_is_no_longer_for_sale_may_come_back():
    counter = Counter()
    gone = product(1, "BT0101-01") | {"template.": {"id": 1, "salable": 0}}
    counter.server.answers["model.product.product.search_read"] = search([gone])

    result = await counter.returns.give_back(BACK, second_try=False)

    assert result.error is None


async def test_a_return_in_another_currency_is_not_booked():
    counter = Counter()
    dollars = (ReturnedLine("BT0101-01", 1, Money(100, "USD")),)

    result = await counter.returns.give_back(
        GiveBack("RT-2", "SH01", BACK.returned_at, dollars), second_try=False
    )

    assert result.error == "erp sells in CNY only"
    assert counter.sales == []


async def test_a_return_whose_parcel_somebody_canceled_says_so():
    counter = Counter()
    counter.server.answers[f"{PARCELS}.receive"] = lambda params: counter.become(
        "cancelled", params
    )

    result = await counter.returns.give_back(BACK, second_try=False)

    assert result == WriteResult(
        "RT261125-1", "101", "it was not received: shipment 5 is cancelled"
    )


async def test_a_return_that_may_not_be_received_is_named():
    """O5: its people find it by its number."""
    counter = Counter()

    def refused(_: list[Any]) -> None:
        raise Refused("UserError", ["The period is closed", "", None])

    counter.server.answers[f"{PARCELS}.receive"] = refused

    result = await counter.returns.give_back(BACK, second_try=False)

    assert result == WriteResult("RT261125-1", "101", "erp: UserError: The period is closed")


async def test_a_return_that_is_processed_later_waits_for_its_parcel():
    counter = Counter()
    later = {"__class__": "timedelta", "seconds": 3600.0}
    settings = [{"id": 1, "sale_process_after": later}]
    counter.server.answers["model.sale.configuration.search_read"] = search(settings)
    counter.server.answers[CONFIRM] = counter.moves_on("quotation", "confirmed")

    with pytest.raises(BackendUnavailable, match="return 101 has no shipment yet"):
        await counter.returns.give_back(BACK, second_try=False)

    assert counter.states() == ["confirmed"]


def test_a_refund_is_shared_over_units_to_the_last_cent():
    lines = (ReturnedLine("A", 3, Money(10_000, "CNY")), ReturnedLine("B", 2, Money(0, "CNY")))

    assert priced_lines(lines) == [
        SaleLine("A", 1, Money(3_334, "CNY")),
        SaleLine("A", 2, Money(3_333, "CNY")),
        SaleLine("B", 2, Money(0, "CNY")),
    ]
