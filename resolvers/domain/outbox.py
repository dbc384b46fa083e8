"""What backends are to be told: written with the change itself, sent later, exactly once in effect.

A write names its backend, what is to happen there, and the reference under which it can be found
again before any second try. One that is given up is a dead letter: it waits for a person, who has
it tried again or says what became of it. Pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from resolvers.domain.values import Money


class WriteStatus(StrEnum):
    """How far a write has come. FAILED is a dead letter: it waits for a person. DONE is over, also
    when it was let go.
    """

    WAITING = "WAITING"
    DONE = "DONE"
    FAILED = "FAILED"


class WriteAction(StrEnum):
    """What the backend is told."""

    PLACE_SALE = "PLACE_SALE"
    CANCEL_SALE = "CANCEL_SALE"
    ADJUST_STOCK = "ADJUST_STOCK"
    RETURN_SALE = "RETURN_SALE"
    TRANSFER_STOCK = "TRANSFER_STOCK"


class DeathKind(StrEnum):
    """Why a write is no longer tried.

    REFUSED: the backend said no, and would again. RETRIES_SPENT: it was tried for as long as the
    settings allow. UNKNOWN_OUTCOME: its answer was lost, and its backend cannot be asked whether it
    is there; only a person can say.
    """

    REFUSED = "REFUSED"
    RETRIES_SPENT = "RETRIES_SPENT"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"


class Verdict(StrEnum):
    """What a person says of a dead letter.

    THERE: the backend has it. SEND_AGAIN: it has not, and shall be told. LET_GO: it has not, and
    shall not be told any more.
    """

    THERE = "THERE"
    SEND_AGAIN = "SEND_AGAIN"
    LET_GO = "LET_GO"


LOST = "its backend had it, and has it no more"
"""What is said of a write that was done and waits again."""


@dataclass(frozen=True, slots=True)
class SaleLine:
    """So many units of one SKU at one unit price (tax included)."""

    sku: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Sale:
    """An order's part at one location, for its backend to book; all of an order, without a
    location, for a backend that its channel's orders are told to. ``reference`` is ours, unique.
    """

    reference: str
    location: str
    placed_at: datetime
    lines: tuple[SaleLine, ...]
    note: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of on-hand stock that a location's own system shall book. ``reference`` is ours."""

    reference: str
    sku: str
    location: str
    delta: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """So many units of one SKU that came back, and what the buyer gets for all of them in money,
    tax included; nothing if they were exchanged for others.
    """

    sku: str
    quantity: int
    refund: Money


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Goods that a buyer has brought or sent back to a location, whichever place had sold them.

    ``reference`` is ours, unique among sales and returns; ``sale`` is the reference of the sale
    that they are of, None where its backend was never told one.
    """

    reference: str
    location: str
    returned_at: datetime
    lines: tuple[ReturnedLine, ...]
    sale: str | None = None
    note: str = ""


class TransferStep(StrEnum):
    """How far goods have come between two locations, or that they are not to leave after all."""

    REQUESTED = "REQUESTED"
    SHIPPED = "SHIPPED"
    RECEIVED = "RECEIVED"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True)
class TransferLine:
    """So many units of one SKU. A transfer names each SKU once."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """One step of goods that go from one location to another. ``reference`` is ours, the same at
    every step.

    ``lines`` are what is asked for, what has left, or what has arrived, as the step says. What has
    left and does not arrive stays under way in its backend's books until a person looks.
    """

    reference: str
    step: TransferStep
    origin: str
    target: str
    lines: tuple[TransferLine, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """One thing that one backend is told, with what came of it so far.

    ``subject`` orders writes: of one backend and subject (an order, a SKU) only the eldest is sent.
    ``sent_at`` is the start of the last try; ``settle_until`` is set while that try may still be
    running at the backend and a second one must wait. ``tried_since`` is the start of the first
    try, or of the first since a person had it tried again: how long it is tried counts from there.
    ``in_doubt`` says that some try may have happened at the backend though no answer said so.
    ``death`` is why a FAILED one is so; ``let_go`` says that a DONE one is over without the backend
    having it. ``verdict`` is the last that a person said of it, under the recorded key ``ruling``;
    it takes effect when it is its turn.
    """

    id: str
    backend: str
    action: WriteAction
    subject: str
    created_at: datetime
    sale: Sale | None = None
    adjustment: Adjustment | None = None
    give_back: GiveBack | None = None
    transfer: Transfer | None = None
    order_id: str | None = None
    status: WriteStatus = WriteStatus.WAITING
    attempts: int = 0
    not_before: datetime | None = None
    sent_at: datetime | None = None
    settle_until: datetime | None = None
    external_id: str | None = None
    last_error: str | None = None
    sequence: int = 0
    tried_since: datetime | None = None
    in_doubt: bool = False
    death: DeathKind | None = None
    let_go: bool = False
    verdict: Verdict | None = None
    ruling: str | None = None

    @property
    def may_be_there(self) -> bool:
        """Whether the backend may have it though it has not said so."""
        return self.in_doubt or self.settle_until is not None


def begun(write: Write, now: datetime, running_max: timedelta) -> Write:
    """A try is about to be made: from now on its backend may have it."""
    return replace(
        write,
        attempts=write.attempts + 1,
        not_before=None,
        sent_at=now,
        settle_until=now + running_max,
        tried_since=write.tried_since or now,
        in_doubt=True,
    )


def answered(write: Write, external_id: str | None, error: str | None) -> Write:
    """The backend has said what became of it; an error is its no."""
    return replace(
        write,
        status=WriteStatus.DONE if error is None else WriteStatus.FAILED,
        death=None if error is None else DeathKind.REFUSED,
        external_id=external_id or write.external_id,
        last_error=error,
        settle_until=None,
        not_before=None,
        in_doubt=False,
    )


def put_off(write: Write, error: str, not_before: datetime, *, undone: bool, was: Write) -> Write:
    """A try has no answer that is final; it is made again. ``undone`` says that this try is known
    not to have happened, so that the write is as much in doubt as it ``was`` before.
    """
    return replace(
        write,
        last_error=error,
        not_before=not_before,
        settle_until=None if undone else write.settle_until,
        in_doubt=was.may_be_there if undone else True,
    )


def dead(write: Write, death: DeathKind, error: str | None = None) -> Write:
    """It is given up until a person acts."""
    return replace(
        write,
        status=WriteStatus.FAILED,
        death=death,
        last_error=error or write.last_error,
        not_before=None,
        in_doubt=write.may_be_there,
    )


def let_go(write: Write) -> Write:
    """It is over, and the backend is not told."""
    return replace(
        write,
        status=WriteStatus.DONE,
        let_go=True,
        death=None,
        not_before=None,
        settle_until=None,
        in_doubt=False,
    )


def revived(write: Write) -> Write:
    """A dead letter waits again, as the same write under the same reference; its time to be tried
    starts anew, and what was in doubt stays so.
    """
    assert write.status is WriteStatus.FAILED, "only what is dead is revived"
    return replace(write, status=WriteStatus.WAITING, death=None, not_before=None, tried_since=None)


def reopened(write: Write) -> Write:
    """A write that was done and is not at its backend any more: it waits again under its reference,
    and is looked up before it is sent, as every second try is.
    """
    assert write.status is WriteStatus.DONE, "only what was done is undone by its backend"
    return replace(
        write,
        status=WriteStatus.WAITING,
        attempts=max(1, write.attempts),
        external_id=None,
        last_error=LOST,
        tried_since=None,
        verdict=None,
    )


def can_be_reopened(write: Write, as_read: Write) -> bool:
    """Whether a write stands as it was read when its backend was asked for it."""
    done = write.status is WriteStatus.DONE and not write.let_go
    return done and max(1, write.attempts) == as_read.attempts


def can_be_replayed(write: Write) -> bool:
    """Whether it may be tried again without a person's word on what became of it."""
    return write.status is WriteStatus.FAILED and write.death is not DeathKind.UNKNOWN_OUTCOME


def ruled(write: Write, verdict: Verdict, external_id: str | None, ruling: str) -> Write:
    """A dead letter that a person has decided on: it waits for its turn, when that takes effect."""
    waiting = replace(
        revived(write),
        verdict=verdict,
        ruling=ruling,
        external_id=external_id or write.external_id,
    )
    if verdict is not Verdict.SEND_AGAIN:
        return waiting
    # It is in doubt no more, but a try that may still be running is waited for.
    return replace(waiting, in_doubt=False, settle_until=None, not_before=write.settle_until)
