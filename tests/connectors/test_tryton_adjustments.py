"""Differences of stock at Tryton: booked once, whatever answer was lost."""

from typing import Any

import httpx2
import pytest

from connectors.erp.tryton_adjustments import Adjustments
from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_writing import Writer
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import UnknownOutcome
from resolvers.domain.outbox import Adjustment
from tests.connectors.tryton_scripted import Clock, Scripted, client_of, of_company, search

MODEL = "model.stock.shipment.internal"
ZONE, LOST = 9, 4


class Floor:
    """Internal shipments that buttons move on; ``free`` units lie in the shop."""

    def __init__(self, free: int = 5) -> None:
        self.free = free
        self.shipments: list[dict[str, Any]] = []
        self.server = Scripted(
            {
                **of_company(),
                "model.product.product.search_read": search([{"id": 1, "default_uom": 1}]),
                f"{MODEL}.create": self.create,
                f"{MODEL}.search_read": self.find,
                f"{MODEL}.wait": lambda params: self.become("waiting", params),
                f"{MODEL}.assign_try": self.assign,
                f"{MODEL}.do": lambda params: self.become("done", params),
                f"{MODEL}.cancel": lambda params: self.become("cancelled", params),
            }
        )
        client = client_of(self.server.handle)
        clock = Clock()
        self.sink = Adjustments(Writer(client, 10.0), CompanyBooks(client, clock), clock)

    def create(self, params: list[Any]) -> Any:
        [values] = params[0]
        id = len(self.shipments) + 1
        shipment = {"id": id, "number": str(id), "state": "draft", "values": values}
        self.shipments.append(shipment)
        return [id]

    def find(self, _: list[Any]) -> Any:
        return [row for row in self.shipments if row["state"] != "cancelled"]

    def assign(self, params: list[Any]) -> None:
        [move] = self.shipments[params[0][0] - 1]["values"]["moves"][0][1]
        if move["from_location"] == LOST or move["quantity"] <= self.free:
            self.become("assigned", params)

    def become(self, state: str, params: list[Any]) -> None:
        for id in params[0]:
            self.shipments[id - 1]["state"] = state

    def states(self) -> list[str]:
        return [row["state"] for row in self.shipments]


def change(delta: int) -> Adjustment:
    return Adjustment("adj-1", "BT0101-01", "SH01", delta, "counted")


@pytest.mark.parametrize(("delta", "way"), [(-2, (ZONE, LOST)), (3, (LOST, ZONE))])
async def test_a_difference_is_moved_from_or_to_lost_and_found(delta, way):
    floor = Floor()

    result = await floor.sink.adjust(change(delta), second_try=False)

    values = floor.shipments[0]["values"]
    [move] = values["moves"][0][1]
    assert result == WriteResult("adj-1", "1")
    assert values["reference"] == "adj-1"
    assert (values["from_location"], values["to_location"]) == way
    assert (move["from_location"], move["to_location"]) == way
    assert (move["product"], move["quantity"], move["unit"]) == (1, float(abs(delta)), 1)


async def test_a_difference_is_booked_once():
    floor = Floor()

    first = await floor.sink.adjust(change(-2), second_try=False)
    again = await floor.sink.adjust(change(-2), second_try=True)

    assert first == again
    assert floor.states() == ["done"]


@pytest.mark.parametrize("step", ["wait", "assign_try", "do"])
async def test_a_difference_is_carried_on_from_where_an_answer_was_lost(step):
    floor = Floor()
    button = floor.server.answers[f"{MODEL}.{step}"]

    def lost(params: list[Any]) -> Any:
        button(params)
        raise httpx2.ReadError("gone")

    floor.server.answers[f"{MODEL}.{step}"] = lost
    with pytest.raises(UnknownOutcome):
        await floor.sink.adjust(change(-2), second_try=False)
    floor.server.answers[f"{MODEL}.{step}"] = button
    result = await floor.sink.adjust(change(-2), second_try=True)

    assert (result.external_id, result.error, floor.states()) == ("1", None, ["done"])


async def test_more_than_is_free_is_not_taken_and_nothing_stays_reserved():
    floor = Floor(free=1)

    result = await floor.sink.adjust(change(-2), second_try=False)

    assert result.error == "erp has fewer than 2 free there"
    assert floor.states() == ["cancelled"]


async def test_a_second_one_of_a_reference_that_is_not_done_is_canceled():
    floor = Floor()
    await floor.sink.adjust(change(-2), second_try=False)
    floor.create([[floor.shipments[0]["values"]]])

    result = await floor.sink.adjust(change(-2), second_try=True)

    assert (result.external_id, result.error) == ("1", None)
    assert floor.states() == ["done", "cancelled"]


async def test_a_sku_that_tryton_does_not_have_is_not_tried():
    floor = Floor()
    floor.server.answers["model.product.product.search_read"] = search([])

    result = await floor.sink.adjust(change(1), second_try=False)

    assert result.error == "erp has no active product BT0101-01"
    assert floor.shipments == []
