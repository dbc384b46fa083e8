"""What a marketplace is told that a listing may sell, and what is known of its own number (S5).

The books promise so many units; a marketplace counts down by itself as it sells. A number of its
that we do not know the reason of may hide a sale that is not in the books yet, so ours is worked
out anew after its orders have been read, and only then told. Pure; quantities are pieces of the
listing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

RETRY_FIRST, RETRY_MAX = timedelta(seconds=2), timedelta(minutes=5)
"""Pauses after a number that was not taken: doubling, bounded. People mend most of these."""

MOVED_MAX = 3
"""Times in a row that a listing which sells meanwhile is tried again at once."""

_ERROR_CHARS = 300


class PublicationState(StrEnum):
    """How far a listing's number is: told and read back, on its way, not taken, or of no interest
    any more because the listing has ended.
    """

    TOLD = "TOLD"
    WAITING = "WAITING"
    FAILED = "FAILED"
    ENDED = "ENDED"


class Next(StrEnum):
    """What is to be done about a listing: nothing, wait, read the marketplace's orders first, or
    tell it the number.
    """

    NOTHING = "NOTHING"
    WAIT = "WAIT"
    ORDERS = "ORDERS"
    TELL = "TELL"


@dataclass(frozen=True, slots=True)
class PublicationRecord:
    """What one listing is to sell, and what its marketplace was told and has answered.

    ``told`` is a number that it had while all its sales were in the books: as long as it still has
    it, nothing was sold since. ``found`` is what it said last; ``moved_at`` is when it first said
    a number that we do not know the reason of. ``sending`` is a number whose write nobody has
    answered yet; until ``settle_until`` it may still arrive.
    """

    backend: str
    listing: str
    wanted: int
    wanted_at: datetime
    told: int | None = None
    told_at: datetime | None = None
    sending: int | None = None
    settle_until: datetime | None = None
    found: int | None = None
    moved_at: datetime | None = None
    verified_at: datetime | None = None
    error: str | None = None
    attempts: int = 0
    not_before: datetime | None = None
    ended: bool = False

    @property
    def state(self) -> PublicationState:
        """How far it is."""
        if self.ended:
            return PublicationState.ENDED
        if self.error is not None:
            return PublicationState.FAILED
        at_rest = self.sending is None and self.moved_at is None and self.wanted == self.found
        return PublicationState.TOLD if at_rest else PublicationState.WAITING


def shared(available: int, units: Sequence[int]) -> list[int]:
    """How many pieces each of some listings of one SKU may sell, so that all of them together never
    sell more than ``available``: dealt out one by one, the first first. ``units`` are those of a
    piece of each.
    """
    assert all(each > 0 for each in units)
    rounds, left = divmod(max(0, available), sum(units) or 1)
    pieces = [rounds] * len(units)
    dealt = True
    while dealt:  # what is left is less than one piece of each
        dealt = False
        for at, each in enumerate(units):
            if each <= left:
                pieces[at] += 1
                left -= each
                dealt = True
    return pieces


def wanting(
    record: PublicationRecord | None, key: tuple[str, str], quantity: int, now: datetime
) -> PublicationRecord:
    """A listing's record when it is to sell so many; one that had ended begins anew."""
    if record is None or record.ended:
        return PublicationRecord(*key, quantity, now)
    return record if record.wanted == quantity else replace(record, wanted=quantity, wanted_at=now)


def ended(record: PublicationRecord) -> PublicationRecord:
    """The record of a listing that is not offered any more."""
    return PublicationRecord(
        record.backend, record.listing, record.wanted, record.wanted_at, ended=True
    )


def looked(
    record: PublicationRecord,
    number: int | None,
    now: datetime,
    orders_read_at: datetime | None,
    order_lag: timedelta,
) -> tuple[Next, PublicationRecord]:
    """What follows from the number that a marketplace has, which was read just before ``now``.

    ``orders_read_at`` is when the last reading of its orders began that the books and ``wanted``
    know; an order may be missing from a reading that began less than ``order_lag`` after its sale.
    """
    if number is None:
        why = "the marketplace has no such listing, or does not count it"
        return Next.NOTHING, failed(replace(record, found=None), why, now)
    if record.sending is not None:
        waits = record.settle_until is not None and now < record.settle_until
        if number != record.sending and waits:
            return Next.WAIT, replace(record, found=number)
        record = replace(record, sending=None, settle_until=None, told=None)
    if number != record.told or record.moved_at is not None:
        again = record.moved_at is not None and number == record.found
        moved_at = record.moved_at if again and record.moved_at is not None else now
        record = replace(record, found=number, moved_at=moved_at)
        if orders_read_at is None or orders_read_at < moved_at + order_lag:
            return (Next.ORDERS if now >= moved_at + order_lag else Next.WAIT), record
        record = replace(record, told=number, told_at=now, moved_at=None)
    record = replace(record, found=number)
    if number != record.wanted:
        return Next.TELL, record
    return Next.NOTHING, replace(record, verified_at=now, error=None, attempts=0, not_before=None)


def sending(record: PublicationRecord, now: datetime, running_max: timedelta) -> PublicationRecord:
    """The record as it is kept before the number is sent."""
    return replace(record, sending=record.wanted, settle_until=now + running_max)


def unsent(record: PublicationRecord) -> PublicationRecord:
    """The record of a number that is known not to have been taken."""
    return replace(record, sending=None, settle_until=None)


def sent(record: PublicationRecord, now: datetime) -> PublicationRecord:
    """The record of a number that the marketplace says it has taken."""
    taken = replace(unsent(record), told=record.sending, told_at=now)
    return replace(taken, attempts=record.attempts + 1)


def refused(
    record: PublicationRecord, number: int | None, error: str, now: datetime
) -> PublicationRecord:
    """The record of a number that was not taken. One that has moved meanwhile (``number`` is what
    the marketplace has now) is no failure, but for one that never holds still.
    """
    before, again = record.found, replace(unsent(record), attempts=record.attempts + 1)
    if number is not None and number != before and again.attempts < MOVED_MAX:
        return again
    return failed(unsent(record), error, now)


def failed(record: PublicationRecord, error: str, now: datetime) -> PublicationRecord:
    """The record of a number that was not taken, to be tried again after a while."""
    attempts = record.attempts + 1
    pause = min(RETRY_FIRST * 2.0 ** min(attempts - 1, 12), RETRY_MAX)
    told = error[:_ERROR_CHARS]
    return replace(record, error=told, attempts=attempts, not_before=now + pause)
