"""Sales that Tryton fails at midway: they are told again, and nobody has to look (O6)."""

from typing import Any

import httpx2
import pytest

from resolvers.domain.errors import BackendUnavailable, HalfDone
from tests.connectors.test_tryton_sales import SALE, place
from tests.connectors.tryton_desk import FIND, QUOTE, Desk
from tests.connectors.tryton_scripted import Refused, Status


@pytest.mark.parametrize(
    ("from_sales_on", "raised", "states"),
    [(0, BackendUnavailable, []), (1, HalfDone, ["draft"])],
)
async def test_a_question_that_failed_inside_the_server_is_no_answer_to_the_sale(
    from_sales_on: int, raised: type[BackendUnavailable], states: list[str]
) -> None:
    desk = Desk()

    def find(params: list[Any]) -> Any:
        if len(desk.sales) >= from_sales_on:
            raise Refused("database is locked", "Traceback")
        return desk.find(params)

    desk.server.answers[FIND] = find

    with pytest.raises(BackendUnavailable, match="failed inside the server") as failure:
        await desk.desk.place([SALE], second_try=False)

    assert (type(failure.value), desk.states()) == (raised, states)


@pytest.mark.parametrize("failure", [httpx2.ConnectError("down"), Status(503)])
async def test_a_server_that_is_lost_between_two_steps_may_have_the_sale(
    failure: Exception,
) -> None:
    """O6: whoever calls it off then has to call it off there."""
    desk = Desk()

    def failing(_: list[Any]) -> Any:
        raise failure

    desk.server.answers[QUOTE] = failing
    with pytest.raises(HalfDone):
        await place(desk)

    assert desk.states() == ["draft"]
