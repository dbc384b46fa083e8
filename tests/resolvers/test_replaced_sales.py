"""A sale that replaces an earlier one is told once that one is off, not beside it (O1, O6).

Else the goods' system would hand both over: the first had left before its cancellation came.
"""

from dataclasses import replace

import pytest

from resolvers.domain import outbox
from resolvers.domain.due_writes import Step, next_step
from resolvers.domain.outbox import DeathKind, Sale, SaleLine, Verdict, Write, WriteAction
from resolvers.domain.values import Money, utc

NOON = utc(2026, 3, 2, 12)


def write(action: WriteAction, reference: str, sequence: int, *, at: str = "WH") -> Write:
    sale = Sale(reference, at, NOON, (SaleLine("A", 3, Money(900, "CNY")),))
    id = f"x1/{action}/{reference}"
    return Write(id, "erp", action, "x1", NOON, sale=sale, order_id="x1", sequence=sequence)


PLACED = outbox.answered(write(WriteAction.PLACE_SALE, "UC-1", 1), "7", None)
OFF = write(WriteAction.CANCEL_SALE, "UC-1", 2)
ANEW = write(WriteAction.PLACE_SALE, "UC-1/WH/1", 3)
REFUSED = outbox.answered(OFF, None, "it is too late: shipment 4 is done")
STANDS = outbox.let_go(outbox.ruled(REFUSED, Verdict.LET_GO, None, "r"))
NEVER_TOLD = outbox.let_go(outbox.dead(write(WriteAction.PLACE_SALE, "UC-1", 1), DeathKind.REFUSED))


@pytest.mark.parametrize(
    ("placed", "off", "step"),
    [
        (PLACED, outbox.answered(OFF, "7", None), Step.SEND),
        (PLACED, REFUSED, Step.WAIT),
        (PLACED, outbox.dead(OFF, DeathKind.RETRIES_SPENT), Step.WAIT),
        (PLACED, STANDS, Step.LET_GO),
        (NEVER_TOLD, outbox.let_go(OFF), Step.SEND),
    ],
    ids=["off", "refused", "given up", "a person says that it stands", "never told"],
)
def test_what_replaces_a_sale_goes_by_what_became_of_that(
    placed: Write, off: Write, step: Step
) -> None:
    assert next_step(ANEW, [placed, off, ANEW], can_be_found=True) is step


@pytest.mark.parametrize(
    "other",
    [write(WriteAction.CANCEL_SALE, "UC-1/ST", 2, at="ST"), replace(OFF, backend="pos")],
    ids=["place", "backend"],
)
def test_what_became_of_another_places_sale_does_not_hold_it_up(other: Write) -> None:
    refused = outbox.answered(other, None, "too late")

    assert next_step(ANEW, [PLACED, refused, ANEW], can_be_found=True) is Step.SEND


def test_a_sale_that_is_there_though_it_was_refused_is_called_off_there() -> None:
    """O6: such as one that comes to another total: it stands, with a word for people."""
    stands = outbox.answered(write(WriteAction.PLACE_SALE, "UC-1", 1), "7", "it comes to more")

    assert next_step(OFF, [stands, OFF], can_be_found=True) is Step.SEND


def test_a_sale_that_was_refused_and_is_nowhere_needs_no_calling_off() -> None:
    refused = outbox.answered(write(WriteAction.PLACE_SALE, "UC-1", 1), None, "no such product")

    assert next_step(OFF, [refused, OFF], can_be_found=True) is Step.LET_GO
