"""Orders that were placed elsewhere, written down here, and their goods found where that is ours.

When they are read is ``sync``'s; what a step makes of an order stands in ``domain/orders``.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from zoneinfo import ZoneInfo

from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.domain.books import Scope
from resolvers.domain.called_off import CalledOff, called_off
from resolvers.domain.orders import HOUSE, Order, OrderStatus
from resolvers.domain.outbox import WriteAction
from resolvers.domain.reservation import Line, needed
from resolvers.domain.sales import number_of
from resolvers.domain.taken import Taken, take
from resolvers.engine import Command
from resolvers.ground import easing
from resolvers.orders import sinks


async def take_orders(ctx: Context, backend: Backend, orders: Sequence[Order]) -> None:
    """Writes orders down that were placed elsewhere, and finds their goods where that is ours to
    do: at a backend that keeps no stock. Our own sales, coming back, are known already, and looked
    at only if they were called off there.
    """
    numbers = [number_of(order.number) for order in orders]
    ours = {
        number: order
        for number, order in (await ctx.store.stock.orders_by_number(numbers)).items()
        if order.system == HOUSE
    }
    for order, number in zip(orders, numbers, strict=True):
        if number in ours and order.status is OrderStatus.CANCELED:
            await _called_off(ctx, backend, ours[number], order)
    commands = [
        await _taking(ctx, backend, order)
        for order, number in zip(orders, numbers, strict=True)
        if number not in ours
    ]
    await asyncio.gather(*(ctx.engine.run(command) for command in commands))


async def _called_off(ctx: Context, backend: Backend, order: Order, told: Order) -> None:
    """Follows a backend that has called a sale of ours off, unless it was we who told it to."""
    location = told.origin_location or ""
    if dict(order.sales).get(location) != told.number:
        return
    writes = (await ctx.store.outbox.writes_of([order.id])).get(order.id, ())
    last = max(
        (
            write
            for write in writes
            if write.sale is not None and write.sale.location == location
            if write.sale.reference == told.number and write.backend == backend.code
        ),
        key=lambda write: write.sequence,
        default=None,
    )
    if last is None or last.action is not WriteAction.PLACE_SALE:
        return
    held = await ctx.store.stock.reservations([order.reservation_id or ""])
    scope = Scope(
        frozenset(pin.sku for _, pins in held.values() for pin in pins),
        frozenset([order.reservation_id or ""]),
        frozenset([order.id]),
    )
    off = CalledOff(order.id, location, backend.code, await sinks(ctx))
    await ctx.engine.run(Command(None, "", scope, lambda books: (called_off(books, off), order.id)))


async def _taking(ctx: Context, backend: Backend, placed: Order) -> Command:
    origin = placed.external[0]
    digest = sha256(f"{origin.system}\x1f{origin.external_id}".encode()).hexdigest()
    id = f"x{digest[:25]}"
    day = placed.placed_at.astimezone(ZoneInfo(ctx.terms.time_zone))
    variants = await ctx.loaders.variants_by_sku.load_many([line.sku for line in placed.lines])
    lines = tuple(
        replace(
            line,
            id=f"{id}.{at}",
            components=variant.components if variant is not None else (),
        )
        for at, (line, variant) in enumerate(zip(placed.lines, variants, strict=True), start=1)
    )
    order = replace(
        placed,
        id=id,
        number=f"{ctx.terms.number_prefix}{day:%y%m%d}-{digest[:16].upper()}",
        lines=lines,
    )
    units = needed([Line(line.sku, line.quantity, line.components) for line in lines])
    told = Taken(
        order,
        f"{id}-hold",
        ctx.directory.channels.get(order.channel) if backend.stock is None else None,
        tuple((await ctx.directory.locations()).values()),
        await sinks(ctx),
        ctx.terms.time_zone,
    )
    scope = Scope(frozenset(units), frozenset([told.hold_id]), frozenset([id]))
    ease = await easing(ctx, units)
    return Command(None, "", scope, lambda books: (ease(books, take(books, told)), id))
