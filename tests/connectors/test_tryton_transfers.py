"""Transfers at a scripted Tryton: step by step, once each, and what stops them (S5)."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_transfers import Transfers
from connectors.erp.tryton_writing import Writer
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import BackendRefused, UnknownOutcome
from resolvers.domain.outbox import Transfer, TransferLine, TransferStep
from tests.connectors.tryton_scripted import Clock, Refused, Scripted, client_of, of_company

MODEL = "model.stock.shipment.internal"
FLOOR, STORE, TRANSIT = 9, 3, 8
REQUESTED, SHIPPED = TransferStep.REQUESTED, TransferStep.SHIPPED
RECEIVED, CANCELED = TransferStep.RECEIVED, TransferStep.CANCELED
QUESTION = "c4760dbf.check_quantity_product"


class Road:
    """Internal shipments between SH01 and CW01 that buttons move on; ``free`` lie in the shop."""

    def __init__(self, free: int = 5) -> None:
        self.free = free
        self.shipments: list[dict[str, Any]] = []
        self.agreed: list[str] = []
        products = [
            {"id": 1, "code": "A", "default_uom": 1},
            {"id": 2, "code": "B", "default_uom": 1},
        ]
        self.server = Scripted(
            {
                **of_company(),
                "model.product.product.search_read": lambda params: [
                    row for row in products if row["code"] in params[0][0][2] and not _paged(params)
                ],
                "model.stock.move.search_read": self.moves,
                "model.stock.move.write": self.write_move,
                "model.res.user.warning.skip": lambda params: self.agreed.append(params[0]),
                f"{MODEL}.create": self.create,
                f"{MODEL}.write": self.write,
                f"{MODEL}.search_read": self.find,
                f"{MODEL}.draft": lambda params: self.become("draft", params),
                f"{MODEL}.wait": lambda params: self.become("waiting", params),
                f"{MODEL}.assign_try": self.assign,
                f"{MODEL}.pack": lambda params: self.become("packed", params),
                f"{MODEL}.ship": self.ship,
                f"{MODEL}.do": self.do,
                f"{MODEL}.cancel": lambda params: self.become("cancelled", params),
            }
        )
        client = client_of(self.server.handle)
        clock = Clock()
        self.sink = Transfers(Writer(client, 10.0), CompanyBooks(client, clock), clock)

    def create(self, params: list[Any]) -> Any:
        [values] = params[0]
        id = len(self.shipments) + 1
        row = {
            "id": id,
            "number": str(id),
            "state": "draft",
            "reference": values["reference"],
            "from_location.": {"warehouse.": {"code": "SH01"}},
            "to_location.": {"warehouse.": {"code": "CW01"}},
            "left": _goods(values["moves"][0][1]),
            "coming": _goods(values["moves"][0][1]),
        }
        self.shipments.append(row)
        return [id]

    def write(self, params: list[Any]) -> None:
        goods = _goods(params[1]["moves"][1][1])
        self.shipments[params[0][0] - 1] |= {"left": goods, "coming": dict(goods)}

    def find(self, _: list[Any]) -> Any:
        return [row for row in self.shipments if row["state"] != "cancelled"]

    def moves(self, params: list[Any]) -> Any:
        if _paged(params):
            return []
        row = self.shipments[int(params[0][0][2].split(",")[1]) - 1]
        gone = row["state"] in {"shipped", "done"}
        out = [_move(1, sku, units, FLOOR, TRANSIT, gone) for sku, units in row["left"].items()]
        back = [_move(2, sku, units, TRANSIT, STORE, False) for sku, units in row["coming"].items()]
        return out if row["state"] == "draft" else out + back

    def write_move(self, params: list[Any]) -> None:
        [id] = params[0]
        self.shipments[-1]["coming"]["A" if id == 21 else "B"] = params[1]["quantity"]

    def assign(self, params: list[Any]) -> None:
        if sum(self.shipments[params[0][0] - 1]["left"].values()) <= self.free:
            self.become("assigned", params)

    def ship(self, params: list[Any]) -> None:
        row = self.shipments[params[0][0] - 1]
        self.free -= int(sum(row["left"].values()))
        self.become("shipped", params)

    def do(self, params: list[Any]) -> None:
        row = self.shipments[params[0][0] - 1]
        if row["left"] != row["coming"] and not self.agreed:
            raise Refused("UserWarning", [QUESTION, "The quantities are different", ""])
        self.become("done", params)

    def become(self, state: str, params: list[Any]) -> None:
        for id in params[0]:
            self.shipments[id - 1]["state"] = state

    def states(self) -> list[str]:
        return [row["state"] for row in self.shipments]

    async def step(self, step: TransferStep, **goods: int) -> WriteResult:
        lines = tuple(TransferLine(sku, units) for sku, units in goods.items())
        told = Transfer("t-1", step, "SH01", "CW01", lines)
        return await self.sink.transfer(told, second_try=False)

    def pressed(self) -> list[str]:
        return [name.rsplit(".", 1)[1] for name in self.server.methods() if name.startswith(MODEL)]


def _paged(params: list[Any]) -> bool:
    return any(at[:2] == ["id", ">"] and at[2] > 0 for at in params[0])


def _goods(moves: list[Any]) -> dict[str, float]:
    return {"A" if move["product"] == 1 else "B": move["quantity"] for move in moves}


def _move(way: int, sku: str, units: float, start: int, end: int, done: bool) -> Mapping[str, Any]:
    return {
        "id": way * 10 + (1 if sku == "A" else 2),
        "product.": {"code": sku},
        "quantity": units,
        "state": "done" if done else "draft",
        "from_location": start,
        "to_location": end,
    }


async def test_a_transfer_goes_from_step_to_step_by_one_shipment():
    road = Road()

    told = [await road.step(step, A=3) for step in (REQUESTED, SHIPPED, RECEIVED)]

    assert told == [WriteResult("t-1", "1")] * 3
    assert road.states() == ["done"]
    assert [name for name in road.pressed() if name != "search_read"] == [
        "create",
        "wait",
        "assign_try",
        "pack",
        "ship",
        "do",
    ]


@pytest.mark.parametrize("step", [REQUESTED, SHIPPED, RECEIVED])
async def test_a_step_that_was_taken_or_passed_is_taken(step):
    road = Road()
    for before in (SHIPPED, RECEIVED):
        await road.step(before, A=3)
    pressed = [name for name in road.pressed() if name != "search_read"]

    result = await road.step(step, A=3)

    assert result == WriteResult("t-1", "1")
    assert [name for name in road.pressed() if name != "search_read"] == pressed


@pytest.mark.parametrize("button", ["create", "wait", "assign_try", "pack", "ship"])
async def test_a_transfer_is_carried_on_from_where_an_answer_was_lost(button):
    road = Road()
    press = road.server.answers[f"{MODEL}.{button}"]

    def lost(params: list[Any]) -> Any:
        press(params)
        raise httpx2.ReadError("gone")

    road.server.answers[f"{MODEL}.{button}"] = lost
    with pytest.raises(UnknownOutcome):
        await road.step(SHIPPED, A=3)
    road.server.answers[f"{MODEL}.{button}"] = press
    result = await road.step(SHIPPED, A=3)

    assert (result.error, road.states(), road.free) == (None, ["shipped"], 2)


async def test_more_than_is_free_does_not_leave_and_is_released():
    road = Road(free=2)
    await road.step(REQUESTED, A=3)

    result = await road.step(SHIPPED, A=3)

    assert result.error == "erp has fewer free at SH01 than were to leave"
    assert (road.states(), road.free) == (["waiting"], 2)
    assert road.pressed()[-1] == "wait"


async def test_what_leaves_is_what_the_step_says_not_what_was_asked_for():
    road = Road()
    await road.step(REQUESTED, A=3, B=1)

    result = await road.step(SHIPPED, A=2)

    assert result.error is None
    assert (road.shipments[0]["left"], road.free) == ({"A": 2.0}, 3)


async def test_less_may_arrive_than_left_and_tryton_is_told_that_it_is_meant():
    road = Road()
    await road.step(SHIPPED, A=3)

    result = await road.step(RECEIVED, A=2)

    assert (result.error, road.states()) == (None, ["done"])
    assert (road.shipments[0]["coming"], road.agreed) == ({"A": 2.0}, [QUESTION])


async def test_a_question_that_was_not_expected_is_not_answered_for_people():
    road = Road()
    await road.step(SHIPPED, A=3)

    def asks(_: list[Any]) -> None:
        raise Refused("UserWarning", ["0.something_else", "Are you sure?", ""])

    road.server.answers[f"{MODEL}.do"] = asks
    result = await road.step(RECEIVED, A=2)

    assert result.error == "erp: UserWarning: Are you sure?"
    assert (road.states(), road.agreed) == (["shipped"], [])


@pytest.mark.parametrize(
    ("before", "step", "error"),
    [
        ((), RECEIVED, "erp knows of no transfer of this reference"),
        ((REQUESTED,), RECEIVED, "shipment 1 is waiting: it has not left"),
        ((SHIPPED,), CANCELED, "it is too late: shipment 1 is shipped"),
        ((SHIPPED, RECEIVED), CANCELED, "it is too late: shipment 1 is done"),
    ],
)
async def test_a_step_out_of_its_turn_is_refused_and_changes_nothing(before, step, error):
    road = Road()
    for earlier in before:
        await road.step(earlier, A=3)
    there = (road.states(), road.free)

    result = await road.step(step, A=3)

    assert result.error == error
    assert (road.states(), road.free) == there


async def test_more_than_left_does_not_arrive():
    road = Road()
    await road.step(SHIPPED, A=3)

    result = await road.step(RECEIVED, A=4)

    assert result.error == "more of A has arrived than shipment 1 holds"
    assert road.states() == ["shipped"]


async def test_a_transfer_is_called_off_once_and_one_that_is_not_there_is_called_off():
    road = Road()
    nothing = await road.step(CANCELED)
    await road.step(REQUESTED, A=3)

    first = await road.step(CANCELED)
    again = await road.step(CANCELED)

    assert (nothing, first, again) == (
        WriteResult("t-1"),
        WriteResult("t-1", "1"),
        WriteResult("t-1"),
    )
    assert road.states() == ["cancelled"]


async def test_of_two_shipments_of_a_reference_the_eldest_goes():
    road = Road()
    await road.step(REQUESTED, A=3)
    road.shipments.append({**road.shipments[0], "id": 2, "number": "2"})

    result = await road.step(SHIPPED, A=3)

    assert (result.external_id, road.states()) == ("1", ["shipped", "cancelled"])


async def test_a_reference_of_another_way_is_left_alone():
    road = Road()
    await road.step(REQUESTED, A=3)
    road.shipments[0]["to_location."] = {"warehouse.": {"code": "BJ01"}}

    result = await road.step(SHIPPED, A=3)

    assert result.error == "its reference is of shipment 1, which goes elsewhere"
    assert road.states() == ["waiting"]


async def test_a_place_or_a_sku_that_tryton_does_not_have_makes_no_shipment():
    road = Road()

    unknown = await road.step(REQUESTED, C=1)
    told = Transfer("t-2", REQUESTED, "SH01", "MOON", (TransferLine("A", 1),))
    with pytest.raises(BackendRefused, match="no warehouse has the code MOON"):
        await road.sink.transfer(told, second_try=False)

    assert unknown.error == "erp has no active product C"
    assert road.shipments == []
