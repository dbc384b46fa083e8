"""Tells backends what they are to be told: takes writes from the outbox, sends them under a lease,
and notes what came of each.

A try is written down before it is made. Whatever is not known to have failed is looked up by its
reference before it is tried again, so that a write happens once however often it is sent.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from resolvers.backend_ports import Backend, WriteResult
from resolvers.context import Context
from resolvers.domain import facts
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.errors import (
    BackendRefused,
    BackendTimedOut,
    BackendUnavailable,
    UnknownOutcome,
)
from resolvers.domain.feeds import FeedKey
from resolvers.domain.outbox import Adjustment, Write, WriteAction, WriteStatus
from resolvers.engine import Command
from resolvers.house import STOCK
from resolvers.ports import Lease

BATCH_MAX = 20
"""Most writes that are taken from the outbox at a time."""

BACKOFF_FIRST = timedelta(seconds=0.5)
BACKOFF_MAX = timedelta(seconds=30)
_ERROR_CHARS = 300
_ANSWER_ENDS = ("INVALID", "CONFLICT", "NOT_FOUND", "PERMANENT")
"""Kinds of refusal that repeating does not mend; a login that fails is mended by people."""

NO_FEEDS: frozenset[FeedKey] = frozenset()

log = logging.getLogger(__name__)

Renewed = Callable[[], Lease | None]
"""The lease as it stands now; None once it is lost or too short for one more call."""


async def push_due(ctx: Context, backend: Backend, renewed: Renewed) -> int:
    """Sends the writes that one backend waits for now; how many were tried."""
    due = await ctx.store.outbox.due_writes(backend.code, ctx.now, BATCH_MAX)
    first = [write for write in due if not write.attempts and write.sale is not None]
    first = [write for write in first if write.action is WriteAction.PLACE_SALE]
    rest = [write for write in due if write not in first]
    size = backend.capabilities.sales_per_call
    together = [first[at : at + size] for at in range(0, len(first), size)]
    tried = 0
    for writes in [*together, *([write] for write in rest)]:
        lease = renewed()
        if lease is None:
            break
        tried += await _try(ctx, backend, lease, writes)
    return tried


async def _try(ctx: Context, backend: Backend, lease: Lease, writes: Sequence[Write]) -> int:
    """Makes one call for some writes, and notes what came of it."""
    running_max = timedelta(seconds=backend.capabilities.write_seconds_max)
    begun = [
        replace(
            write,
            attempts=write.attempts + 1,
            sent_at=ctx.now,
            settle_until=ctx.now + running_max,
        )
        for write in writes
    ]
    for write in begun:
        if not await ctx.store.outbox.save_write(write, lease):
            return 0
    for adjustment in (write.adjustment for write in begun):
        if adjustment is not None:
            await _mark_sent(ctx, adjustment)
    try:
        results = await _call(backend, begun)
    except Exception as error:  # noqa: BLE001  # a bug in one connector must not stop the outbox
        for write in begun:
            await _failed(ctx, backend, lease, write, error)
        return len(begun)
    by_reference = {result.reference: result for result in results}
    for write in begun:
        result = by_reference.get(reference_of(write))
        if result is None:
            lost = UnknownOutcome("the backend did not say what became of it", backend=backend.code)
            await _failed(ctx, backend, lease, write, lost)
        else:
            await _settled(ctx, backend, lease, write, result)
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
    ctx: Context, backend: Backend, lease: Lease, write: Write, result: WriteResult
) -> None:
    """Notes the backend's own answer."""
    adjustment = write.adjustment
    if adjustment is not None and result.error is None:
        await _post(
            ctx,
            adjustment.sku,
            lambda books: facts.acknowledged(
                books, adjustment, _stamp(books, backend, adjustment, result)
            ),
            frozenset([(backend.code, STOCK, adjustment.location)]),
        )
    elif adjustment is not None:
        await _post(
            ctx, adjustment.sku, lambda books: facts.undone(books, adjustment, backend.code)
        )
    done = replace(
        write,
        status=WriteStatus.DONE if result.error is None else WriteStatus.FAILED,
        external_id=result.external_id or write.external_id,
        last_error=result.error and result.error[:_ERROR_CHARS],
        settle_until=None,
        not_before=None,
    )
    await ctx.store.outbox.save_write(done, lease)


def _stamp(
    books: Books, backend: Backend, adjustment: Adjustment, result: WriteResult
) -> int | None:
    """Where a correction stands among the readings of the system that has taken it."""
    source = backend.capabilities.stock
    feed = books.feeds.get((backend.code, STOCK, adjustment.location))
    if source is None:
        return result.acknowledged
    return source.stamped(result.acknowledged, feed.watermark if feed is not None else 0)


async def _failed(
    ctx: Context, backend: Backend, lease: Lease, write: Write, error: Exception
) -> None:
    """Notes a try without an answer, or with one that repeating does not mend."""
    if isinstance(error, BackendRefused) and error.kind in _ANSWER_ENDS:
        result = WriteResult(reference_of(write), error=str(error))
        await _settled(ctx, backend, lease, write, result)
        return
    told = str(error)[:_ERROR_CHARS]
    if not isinstance(
        error, BackendRefused | BackendUnavailable | BackendTimedOut | UnknownOutcome
    ):
        log.error("a write to %s failed in our own code", backend.code, exc_info=error)
        told = "internal error; see the log"
    known_undone = isinstance(error, BackendRefused | BackendUnavailable)
    again = replace(
        write,
        last_error=told,
        settle_until=None if known_undone else write.settle_until,
        not_before=ctx.now + pause(write),
    )
    await ctx.store.outbox.save_write(again, lease)


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
