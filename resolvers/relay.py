"""Tells backends what they are to be told: takes writes from the outbox, sends them under a lease,
and notes what came of each.

A try is written down before it is made. Whatever is not known to have failed is looked up by its
reference before it is tried again, so that a write happens once however often it is sent. Where a
backend cannot be asked, such a write is not sent again but becomes a dead letter, as does one that
is refused or was tried for too long. What people do about those is in ``resolvers/dead_letters``.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from resolvers.backend_ports import Backend, Idempotency, WriteResult
from resolvers.context import Context
from resolvers.domain import facts, outbox
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.breakers import BreakerState
from resolvers.domain.due_writes import Step, needless, next_step
from resolvers.domain.errors import (
    BackendRefused,
    BackendTimedOut,
    BackendUnavailable,
    HalfDone,
    UnknownOutcome,
)
from resolvers.domain.feeds import FeedKey
from resolvers.domain.outbox import Adjustment, DeathKind, Verdict, Write, WriteAction
from resolvers.engine import Command
from resolvers.house import STOCK
from resolvers.ports import Lease, Renewed

BATCH_MAX = 20
"""Most writes that are taken from the outbox at a time."""

BACKOFF_FIRST = timedelta(seconds=0.5)
BACKOFF_MAX = timedelta(seconds=30)
_ERROR_CHARS = 300
_NO_ANSWER = "it was sent, and no answer came"
_WAITS = "waits until a person says what became of its sale"

NO_FEEDS: frozenset[FeedKey] = frozenset()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of telling one backend. ``beside`` are all writes of the orders concerned."""

    ctx: Context
    backend: Backend
    renewed: Renewed
    beside: Mapping[str, Sequence[Write]]

    @property
    def can_be_asked(self) -> bool:
        """Whether the backend can say that it has a write already, or knows it by its key."""
        return self.backend.capabilities.idempotency is not Idempotency.NONE

    async def save(self, write: Write, lease: Lease) -> bool:
        """Notes a write; False if somebody else tells this backend now."""
        return await self.ctx.store.outbox.save_write(write, lease)


async def push_due(ctx: Context, backend: Backend, renewed: Renewed) -> int:
    """Tells one backend what it waits for now; how many writes were tried, or settled without."""
    if backend.governor is not None and backend.governor.standing().breaker is BreakerState.OPEN:
        return 0  # it would not be asked; a try that is none is not written down
    due = await ctx.store.outbox.due_writes(backend.code, ctx.now, BATCH_MAX)
    asked = sorted({write.order_id for write in due if write.order_id is not None})
    beside = await ctx.store.outbox.writes_of(asked) if asked else {}
    this = _Round(ctx, backend, renewed, beside)
    moved = 0
    sent: list[Write] = []
    for write in due:
        if await _settled_without(this, write):
            moved += 1
        else:
            sent.append(write)
    for writes in _lots(backend, sent):
        lease = renewed()
        if lease is None:
            break
        moved += await _try(this, lease, writes)
    return moved


def _lots(backend: Backend, writes: Sequence[Write]) -> list[Sequence[Write]]:
    """What is told in one call each: new sales together, as many as the backend takes."""
    first = [write for write in writes if not write.attempts and write.sale is not None]
    first = [write for write in first if write.action is WriteAction.PLACE_SALE]
    size = backend.capabilities.sales_per_call
    together = [first[at : at + size] for at in range(0, len(first), size)]
    return [*together, *([write] for write in writes if write not in first)]


async def _settled_without(this: _Round, write: Write) -> bool:
    """Does what is to be done about a write without a call; False if it is to be sent."""
    after = _as_ruled(write)
    if after is None:
        if write.may_be_there and not this.can_be_asked:
            after = outbox.dead(write, DeathKind.UNKNOWN_OUTCOME, write.last_error or _NO_ANSWER)
        else:
            after = _beside_others(this, write)
    if after is None:
        return False
    lease = this.renewed()
    if lease is None:
        return True
    adjustment = write.adjustment
    if after.let_go and adjustment is not None:
        await _take_back(this, adjustment)
    elif after.status is outbox.WriteStatus.DONE and adjustment is not None:
        result = WriteResult(adjustment.reference, after.external_id)
        await _acknowledge(this, adjustment, result)
    if await this.save(after, lease):
        await _settle_sale(this, after, lease)
    return True


def _as_ruled(write: Write) -> Write | None:
    """A write as a person has decided; None if nobody has, or only that it is sent."""
    if write.verdict is Verdict.THERE:
        return outbox.answered(write, write.external_id, None)
    if write.verdict is Verdict.LET_GO:
        return outbox.let_go(write)
    return None


def _beside_others(this: _Round, write: Write) -> Write | None:
    """A sale's write as the others of its order leave it; None if it is to be sent."""
    beside = this.beside.get(write.order_id or "", ())
    match next_step(write, beside, can_be_found=this.can_be_asked):
        case Step.LET_GO:
            return outbox.let_go(write)
        case Step.WAIT:
            return replace(write, not_before=this.ctx.now + BACKOFF_MAX, last_error=_WAITS)
        case Step.SEND:
            return None


async def _settle_sale(this: _Round, done: Write, lease: Lease) -> None:
    """Lets a dead sale go that has been canceled, so that nobody sends it again."""
    if done.action is not WriteAction.CANCEL_SALE or done.order_id is None:
        return
    beside = await this.ctx.store.outbox.writes_of([done.order_id])
    dead = needless(done, beside.get(done.order_id, ()))
    if dead is not None:
        await this.save(outbox.let_go(dead), lease)


async def _try(this: _Round, lease: Lease, writes: Sequence[Write]) -> int:
    """Makes one call for some writes, and notes what came of it."""
    ctx, backend = this.ctx, this.backend
    running_max = timedelta(seconds=backend.capabilities.write_seconds_max)
    begun = [outbox.begun(write, ctx.now, running_max) for write in writes]
    for write in begun:
        if not await this.save(write, lease):
            return 0
    for adjustment in (write.adjustment for write in begun):
        if adjustment is not None:
            await _mark_sent(ctx, adjustment)
    current = this.renewed()
    if current is None:  # this process stood still since: the writes are another's now
        return 0
    try:
        # Cut off before the lease ends: what wakes up after that must not go on sending.
        async with asyncio.timeout((current.until - ctx.now).total_seconds()):
            results = await _call(backend, begun)
    except Exception as error:  # noqa: BLE001  # a bug in one connector must not stop the outbox
        for was, write in zip(writes, begun, strict=True):
            await _failed(this, lease, write, error, was)
        return len(begun)
    by_reference = {result.reference: result for result in results}
    for was, write in zip(writes, begun, strict=True):
        result = by_reference.get(reference_of(write))
        if result is None:
            lost = UnknownOutcome("the backend did not say what became of it", backend=backend.code)
            await _failed(this, lease, write, lost, was)
        else:
            await _settled(this, lease, write, result, was)
    return len(begun)


def reference_of(write: Write) -> str:
    """The reference under which a backend can find a write again."""
    told = write.sale or write.adjustment or write.give_back or write.transfer
    assert told is not None, "a write tells of something"
    return told.reference


async def _call(backend: Backend, writes: Sequence[Write]) -> Sequence[WriteResult]:
    second_try = any(write.attempts > 1 for write in writes)
    sales = [write.sale for write in writes if write.sale is not None]
    first = writes[0]
    if first.action is WriteAction.PLACE_SALE and backend.order_sink is not None:
        return await backend.order_sink.place(sales, second_try=second_try)
    cancels = backend.capabilities.cancels and first.action is WriteAction.CANCEL_SALE
    if cancels and backend.order_sink is not None:
        return [await backend.order_sink.cancel(sale) for sale in sales]
    if first.adjustment is not None and backend.stock_sink is not None:
        return [await backend.stock_sink.adjust(first.adjustment, second_try=second_try)]
    if first.give_back is not None and backend.return_sink is not None:
        return [await backend.return_sink.give_back(first.give_back, second_try=second_try)]
    if first.transfer is not None and backend.transfer_sink is not None:
        return [await backend.transfer_sink.transfer(first.transfer, second_try=second_try)]
    error = f"{backend.code} takes no {first.action.lower().replace('_', ' ')}"
    return [WriteResult(reference_of(write), error=error) for write in writes]


async def _mark_sent(ctx: Context, adjustment: Adjustment) -> None:
    await _post(ctx, adjustment.sku, lambda books: facts.sent(books, adjustment))


async def _settled(
    this: _Round, lease: Lease, write: Write, result: WriteResult, was: Write
) -> None:
    """Notes the backend's own answer. Its no is of this try: what an earlier one did that had no
    answer is as much in doubt as it was.
    """
    adjustment = write.adjustment
    if adjustment is not None and result.error is None:
        await _acknowledge(this, adjustment, result)
    elif adjustment is not None:
        await _take_back(this, adjustment)
    error = result.error and result.error[:_ERROR_CHARS]
    after = outbox.answered(write, result.external_id, error)
    if error is not None:
        after = replace(after, in_doubt=was.may_be_there)
    if await this.save(after, lease):
        await _settle_sale(this, after, lease)


async def _acknowledge(this: _Round, adjustment: Adjustment, result: WriteResult) -> None:
    await _post(
        this.ctx,
        adjustment.sku,
        lambda books: facts.acknowledged(
            books, adjustment, _stamp(books, this.backend, adjustment, result)
        ),
        frozenset([(this.backend.code, STOCK, adjustment.location)]),
    )


async def _take_back(this: _Round, adjustment: Adjustment) -> None:
    code = this.backend.code
    await _post(this.ctx, adjustment.sku, lambda books: facts.undone(books, adjustment, code))


def _stamp(
    books: Books, backend: Backend, adjustment: Adjustment, result: WriteResult
) -> int | None:
    """Where a correction stands among the readings of the system that has taken it."""
    source = backend.capabilities.stock
    feed = books.feeds.get((backend.code, STOCK, adjustment.location))
    if source is None:
        return result.acknowledged
    return source.stamped(result.acknowledged, feed.watermark if feed is not None else 0)


async def _failed(this: _Round, lease: Lease, write: Write, error: Exception, was: Write) -> None:
    """Notes a try without an answer, or with one that repeating does not mend."""
    if isinstance(error, BackendRefused) and error.final:
        result = WriteResult(reference_of(write), error=str(error))
        await _settled(this, lease, write, result, was)
        return
    told = str(error)[:_ERROR_CHARS]
    if isinstance(error, TimeoutError):
        told = _NO_ANSWER
    elif not isinstance(
        error, BackendRefused | BackendUnavailable | BackendTimedOut | UnknownOutcome
    ):
        log.error("a write to %s failed in our own code", this.backend.code, exc_info=error)
        told = "internal error; see the log"
    now = this.ctx.now
    undone = isinstance(error, BackendRefused | BackendUnavailable)
    if isinstance(error, HalfDone):
        was = replace(was, in_doubt=True)
    again = outbox.put_off(write, told, now + pause(write), undone=undone, was=was)
    asked = again.may_be_there and not this.can_be_asked
    since = write.tried_since or now
    if not asked and now - since >= timedelta(hours=this.ctx.terms.outbox.retry_hours):
        again = outbox.dead(again, DeathKind.RETRIES_SPENT)
        log.warning("%s: a write is given up and waits for a person: %s", this.backend.code, told)
    await this.save(again, lease)


def pause(write: Write) -> timedelta:
    """How long to wait after a failed try: doubling, bounded, and spread by the write's own id."""
    doubled = BACKOFF_FIRST * 2.0 ** min(write.attempts - 1, 10)
    spread = sha256(f"{write.id}{write.attempts}".encode()).digest()[0] / 255
    return min(doubled, BACKOFF_MAX) * (0.75 + spread / 2)


async def _post(
    ctx: Context,
    sku: str,
    decide: Callable[[Books], Change],
    feeds: frozenset[FeedKey] = NO_FEEDS,
) -> None:
    scope = Scope(skus=frozenset([sku]), feeds=feeds)
    await ctx.engine.run(Command(None, "", scope, lambda books: (decide(books), sku)))
