"""What is to be done about a write, given the others of its order: a sale and its cancellation, and
the sale that takes the place of an earlier one. Pure.
"""

from collections.abc import Sequence
from enum import StrEnum

from resolvers.domain.outbox import Write, WriteAction, WriteStatus


class Step(StrEnum):
    """What is to be done about a write that is due."""

    SEND = "SEND"
    WAIT = "WAIT"
    LET_GO = "LET_GO"


def next_step(write: Write, of_order: Sequence[Write], *, can_be_found: bool) -> Step:
    """What to do about a sale's due write, given all writes of its order.

    A sale that surely is not there and is canceled already is never sent, and neither is its
    cancellation. A cancellation waits while nobody can say whether its sale is there
    (``can_be_found`` is False where the backend cannot be asked). A sale that takes the place of an
    earlier one waits until that one is off, or a person has said that it stands: then it is let go.
    """
    others = [other for other in of_order if _same_sale(write, other)]
    if write.action is WriteAction.PLACE_SALE:
        cancels = [other for other in others if other.action is WriteAction.CANCEL_SALE]
        called_off = any(of.status is WriteStatus.DONE and not of.let_go for of in cancels)
        surely_not_there = bool(cancels) and _is_not_there(write)
        return Step.LET_GO if called_off or surely_not_there else _replacing(write, of_order)
    placed = [other for other in others if other.action is WriteAction.PLACE_SALE]
    if not placed or write.may_be_there:
        return Step.SEND
    [sale] = placed
    if sale.let_go:
        return Step.LET_GO
    if sale.status is WriteStatus.DONE:
        return Step.SEND
    if _is_not_there(sale):
        return Step.LET_GO
    return Step.SEND if can_be_found else Step.WAIT


def _is_not_there(write: Write) -> bool:
    """Says whether the backend surely has not got a sale: a refusal that names one is of a sale
    that stands there, and that people have to look at.
    """
    return not write.may_be_there and write.external_id is None


def _replacing(write: Write, of_order: Sequence[Write]) -> Step:
    """What to do about a sale as the earlier ones of its order leave it, at its location: of two
    that stand the goods would be handed over twice.
    """
    assert write.sale is not None
    for off in of_order:
        cancels = off.action is WriteAction.CANCEL_SALE and off.sale is not None
        if not cancels or off.backend != write.backend or off.sequence > write.sequence:
            continue
        assert off.sale is not None
        if off.sale.location != write.sale.location or off.sale.reference == write.sale.reference:
            continue
        if off.status is WriteStatus.FAILED:
            return Step.WAIT
        placed = [other for other in of_order if _same_sale(off, other)]
        stands = [other for other in placed if other.action is WriteAction.PLACE_SALE]
        if off.let_go and any(it.status is WriteStatus.DONE and not it.let_go for it in stands):
            return Step.LET_GO
    return Step.SEND


def needless(done: Write, of_order: Sequence[Write]) -> Write | None:
    """The dead sale that a cancellation's being ``done`` has settled: it must never be sent now."""
    if done.action is not WriteAction.CANCEL_SALE or done.status is not WriteStatus.DONE:
        return None
    for other in of_order:
        if other.action is WriteAction.PLACE_SALE and _same_sale(done, other):
            return other if other.status is WriteStatus.FAILED else None
    return None


def is_expected(sale: Write, of_order: Sequence[Write]) -> bool:
    """Whether a sale that was told is to be found at its backend: nobody has asked to cancel it
    since, or that was refused. ``of_order`` are all writes of its order.
    """
    if sale.action is not WriteAction.PLACE_SALE or sale.sale is None:
        return False
    if sale.status is not WriteStatus.DONE or sale.let_go:
        return False
    cancels = (
        other
        for other in of_order
        if other.action is WriteAction.CANCEL_SALE and _same_sale(sale, other)
    )
    return all(cancel.status is WriteStatus.FAILED for cancel in cancels)


def _same_sale(one: Write, other: Write) -> bool:
    return (
        one.id != other.id
        and one.sale is not None
        and other.sale is not None
        and one.backend == other.backend
        and (one.sale.reference, one.sale.location) == (other.sale.reference, other.sale.location)
    )
