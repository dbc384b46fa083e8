"""Lets the books follow one location's system: its readings, and what it tells moved in between.

Everything here may be said twice, late or by two processes, and comes to the same. What is read
when, and what becomes of a failure, is ``sync``'s.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from resolvers.backend_ports import Backend, Departed, Level, StockReading
from resolvers.context import Context
from resolvers.domain import facts
from resolvers.domain.books import Scope
from resolvers.domain.errors import ReadingRefused
from resolvers.domain.feeds import Feed
from resolvers.domain.movements import Moved, Movement, move
from resolvers.domain.orders import HOUSE, Order, OrderStatus
from resolvers.domain.outbox import WriteAction
from resolvers.domain.sales import number_of
from resolvers.domain.sources import StockSource, Watermark
from resolvers.domain.stock import Position
from resolvers.engine import Command
from resolvers.filters import LevelFilter
from resolvers.ground import Ease, easing

_SKUS_PER_COMMAND = 200
_MOVEMENTS_PER_COMMAND = 200
_LEVELS_PER_READ = 2000
_COUNTS_AT_ONCE = 8
"""Commands of one location that are under way together: enough to share a write with those of other
locations, few enough that a first reading of a large retailer is never in memory twice.
"""


def source_of(backend: Backend) -> StockSource:
    """What a backend declares of its stock; a bug if it has none."""
    declared = backend.capabilities.stock
    assert declared is not None, "who tells of stock declares what its numbers mean"
    return declared


async def follow_movements(
    ctx: Context, backend: Backend, feed: Feed, movements: Sequence[Movement]
) -> tuple[Feed, int]:
    """Books movements that no reading holds yet; the location's feed as it is then, and how many
    of them are to be remembered.

    Raises:
        ReadingRefused: one of them is from the future; none was booked.
    """
    source = source_of(backend)
    for movement in movements:
        source.believed(movement.sequence, 0, ctx.now)
    remembered = 0
    for at in range(0, len(movements), _MOVEMENTS_PER_COMMAND):
        some = movements[at : at + _MOVEMENTS_PER_COMMAND]
        outcome = await ctx.engine.run(await _moving(ctx, Moved(feed.key, some, source)))
        change = outcome.change
        if change is not None:
            feed = change.feeds[0] if change.feeds else feed
            remembered += len(change.unseen)
    return feed, remembered


async def _moving(ctx: Context, told: Moved) -> Command:
    skus = frozenset(movement.sku for movement in told.movements)
    ease = await easing(ctx, skus)
    _, _, location = told.feed
    scope = Scope(skus=skus, feeds=frozenset([told.feed]))
    return Command(None, "", scope, lambda books: (ease(books, move(books, told)), location))


async def follow(
    ctx: Context,
    backend: Backend,
    reading: StockReading,
    feed: Feed,
    last: StockReading | None,
    *,
    anew: bool = False,
) -> None:
    """Lets the books follow what one location's system says.

    ``last`` is the reading that they have followed before, None if that is not known; ``anew`` as
    in a ``Count``.

    Raises:
        ReadingRefused: another process's reading has the number of this one; it was let go.
    """
    source = source_of(backend)
    if last is None or last.departed != reading.departed:
        await _departures(ctx, backend, reading)
    unseen = {movement.sku for movement in await ctx.store.stock.unseen(reading.location)}
    changed = unseen | await differing(ctx, source, reading, last)
    if last is not None:  # a count that held a departure before it was told is made again
        changed |= {gone.sku for gone in set(reading.departed) - set(last.departed)}
    skus = sorted(changed)
    chunks = [skus[at : at + _SKUS_PER_COMMAND] for at in range(0, len(skus), _SKUS_PER_COMMAND)]
    if not chunks and (last is None or last.watermark != reading.watermark):
        chunks = [[]]
    told, believed = facts.Count(feed, {}, source, anew), False
    for at in range(0, len(chunks), _COUNTS_AT_ONCE):
        believed |= await _counted(ctx, reading, told, chunks[at : at + _COUNTS_AT_ONCE])
    if source.watermark is Watermark.NONE and not believed:
        raise ReadingRefused("another process has followed a reading of its own meanwhile")


async def _counted(
    ctx: Context, reading: StockReading, told: facts.Count, chunks: Sequence[Sequence[str]]
) -> bool:
    """Lets the books follow some chunks of a reading, beside each other; says whether it moved its
    feed.
    """
    ctx = ctx.renewed()  # else it keeps all that it looks up: a whole catalogue, over a reading
    commands = [_count(reading, chunk, told, await easing(ctx, chunk)) for chunk in chunks]
    runs = (ctx.engine.run(command) for command in commands)
    results = await asyncio.gather(*runs, return_exceptions=True)  # the feed stands still after it
    for result in results:
        if isinstance(result, BaseException):
            raise result
    outcomes = [result for result in results if not isinstance(result, BaseException)]
    return any(outcome.change is not None and outcome.change.feeds for outcome in outcomes)


def _count(reading: StockReading, skus: Sequence[str], of: facts.Count, ease: Ease) -> Command:
    """The command that counts some SKUs of a reading."""
    told = told_of(reading, skus, of)
    scope = Scope(skus=frozenset(skus), feeds=frozenset([told.feed.key]))
    return Command(
        None, "", scope, lambda books: (ease(books, facts.count(books, told)), reading.location)
    )


def told_of(reading: StockReading, skus: Sequence[str], of: facts.Count) -> facts.Count:
    """A count of some SKUs as a reading has them; ``of`` says whose it is and when it was taken."""
    none = Level(0)
    levels = {
        sku: (level.on_hand, level.elsewhere)
        for sku in skus
        for level in (reading.levels.get(sku, none),)
    }
    incoming = {sku: reading.levels.get(sku, none).incoming for sku in skus}
    return replace(of, levels=levels, incoming=incoming if reading.tells_incoming else None)


async def differing(
    ctx: Context, source: StockSource, reading: StockReading, last: StockReading | None
) -> set[str]:
    """SKUs whose position is not what was read; compared with the last reading where there is one,
    as only readings and unseen movements change what is on hand.
    """
    if last is not None:
        before, now = last.levels, reading.levels
        if before == now:
            return set()
        return {sku for sku in before.keys() | now.keys() if before.get(sku) != now.get(sku)}
    positions = {at.sku: at async for at in _positions(ctx, reading.location)}
    return {
        sku
        for sku in positions.keys() | reading.levels.keys()
        if not _agrees(source, positions.get(sku), reading.levels.get(sku) or Level(0), reading)
    }


def _agrees(
    source: StockSource, position: Position | None, level: Level, reading: StockReading
) -> bool:
    known = (position.on_hand, position.elsewhere) if position is not None else (0, 0)
    expected = position.incoming if position is not None else 0
    if reading.tells_incoming and expected != level.incoming:
        return False
    return known == (source.on_hand(level.on_hand, level.elsewhere), level.elsewhere)


async def _positions(ctx: Context, location: str) -> AsyncIterator[Position]:
    asked = LevelFilter(locations=(location,))
    after: tuple[str, str] | None = None
    while True:
        rows = await ctx.store.stock.levels(asked, after, _LEVELS_PER_READ)
        for row in rows:
            yield row
        if len(rows) < _LEVELS_PER_READ:
            return
        after = (rows[-1].sku, rows[-1].location)


async def _departures(ctx: Context, backend: Backend, reading: StockReading) -> None:
    """Takes what has left a location off the promises that it was for."""
    numbers = list({number_of(gone.reference) for gone in reading.departed})
    orders = await ctx.store.stock.orders_by_number(numbers)
    writes = await ctx.store.outbox.writes_of([order.id for order in orders.values()])
    sold: dict[tuple[str, str], int] = {}
    for of_order in writes.values():
        for write in of_order:
            if write.backend != backend.code:
                continue
            if write.action is WriteAction.PLACE_SALE and write.sale is not None:
                for line in write.sale.lines:
                    key = (write.sale.reference, line.sku)
                    sold[key] = sold.get(key, 0) + line.quantity
    commands = [
        _departure(order, gone, sold[gone.reference, gone.sku], reading.location, backend.code)
        for gone in reading.departed
        if (order := orders.get(number_of(gone.reference))) is not None
        and (gone.reference, gone.sku) in sold
        and not _is_known(order, gone)
    ]
    await asyncio.gather(*(ctx.engine.run(command) for command in commands))


def _is_known(order: Order, gone: Departed) -> bool:
    """Says whether a departure is booked already. That an order is fulfilled says so of ours only:
    a marketplace may call its own fulfilled before its goods' system tells that they have left.
    """
    counted = {(reference, sku): units for reference, sku, units in order.left}
    known = counted.get((gone.reference, gone.sku), 0) >= gone.total
    return known or (order.system == HOUSE and order.status is OrderStatus.FULFILLED)


def _departure(order: Order, gone: Departed, sold: int, location: str, system: str) -> Command:
    told = facts.Left(order.id, gone.sku, location, sold, gone.total, system, gone.reference)
    scope = Scope(
        skus=frozenset([gone.sku]),
        reservations=frozenset([order.reservation_id or ""]),
        orders=frozenset([order.id]),
    )
    return Command(None, "", scope, lambda books: (facts.depart(books, told), order.id))
