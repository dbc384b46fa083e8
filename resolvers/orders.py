"""Orders: place, pay, cancel and look at them.

What an order may become stands in ``domain/orders``; what each command decides in
``domain/checkout``.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from resolvers.access import Scope as Right
from resolvers.commands import Decide, checked_note, run
from resolvers.context import Context
from resolvers.domain import checkout
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
)
from resolvers.domain.orders import Order, OrderStatus, Payment
from resolvers.domain.reservation import Line
from resolvers.domain.sales import of_channel
from resolvers.engine import Outcome
from resolvers.filters import OrderFilter
from resolvers.paging import Page, checked_first, checked_lists, dated, moment_behind, page_of
from resolvers.placing import (
    AskedPayment,
    PlaceOrder,
    asked_lines,
    check_delivery,
    check_names,
    check_payment,
    check_terms,
    number_of,
    priced,
)
from resolvers.reservations import hold_of, own_member, seen_by, sells_in

_ORDER = ("input", "orderId")


async def place_order(ctx: Context, asked: PlaceOrder) -> tuple[Order, bool]:
    """Places an order and keeps its stock: the order, and whether it was placed before.

    Unpaid it waits, PENDING, until its deadline; paid in full it is CONFIRMED at once.

    Raises:
        Refused: of any kind that reserving or paying can raise; nothing changed.
    """
    ctx.principal.require(Right.ORDER)
    ctx.principal.require_channel(asked.channel)
    member_id = own_member(ctx, asked.member_id)

    async def prepare() -> tuple[Scope, Decide]:
        check_terms(ctx, asked)
        check_names(asked)
        channel = ctx.directory.channel(asked.channel)
        scope, lines = await asked_lines(ctx, asked)
        hold = replace(
            await hold_of(
                ctx,
                asked.channel,
                [Line(line.sku, line.quantity) for line in lines],
                [line.at for line in lines],
            ),
            member_id=member_id,
            exactly=asked.delivery.location,
            method=asked.delivery.method,
            in_shop=sells_in(ctx, asked.delivery.location),
            blame=("input", "delivery"),
        )
        await check_delivery(ctx, asked)
        order_id = ctx.new_id()
        order = Order(
            order_id,
            number_of(ctx, order_id),
            channel.code,
            OrderStatus.PENDING,
            await priced(ctx, order_id, lines, channel),
            channel.currency,
            ctx.now,
            ctx.now,
            ctx.principal.subject,
            delivery=asked.delivery,
            member_id=member_id,
            associate_code=asked.associate_code or ctx.principal.associate_code,
            origin_location=asked.origin_location,
        )
        ask = checkout.Checkout(
            order,
            hold,
            await sinks(ctx),
            ctx.principal.subject,
            channel.payment_due_seconds,
            tuple(
                Payment(paid.method, paid.amount, ctx.now, paid.reference)
                for paid in asked.payments
            ),
            asked.reservation_id,
            channel.confirm_unpaid,
        )

        def decide(books: Books) -> tuple[Change, str]:
            return checkout.place(books, ask), order_id

        return scope | seen_by(hold), decide

    outcome = await run(ctx, "placeOrder", asked.key, asked, prepare)
    return await _after(ctx, outcome), outcome.replayed


async def sinks(ctx: Context) -> Mapping[str, str]:
    """The backend that takes sales, by location: the authority of its stock, if it takes any; and
    that which takes orders, by ``of_channel``.
    """
    by_channel = {
        of_channel(code): channel.order_sink
        for code, channel in ctx.directory.channels.items()
        if channel.order_sink is not None
    }
    return by_channel | {
        code: at.authority
        for code, at in (await ctx.directory.locations()).items()
        if at.authority is not None
        and (backend := ctx.backends.get(at.authority)) is not None
        and backend.order_sink is not None
    }


async def record_payment(
    ctx: Context, key: str, order_id: str, payment: AskedPayment
) -> tuple[Order, bool]:
    """Puts captured money on an order; paid in full it is CONFIRMED and its backends are told.

    Raises:
        NotFound, OrderNotOpen, InvalidInput: nothing changed.
    """
    ctx.principal.require(Right.PAY)

    async def prepare() -> tuple[Scope, Decide]:
        scope = await _scope_of_order(ctx, order_id)
        check_payment(payment, "payment")
        paid = Payment(payment.method, payment.amount, ctx.now, payment.reference)
        takers = await sinks(ctx)

        def decide(books: Books) -> tuple[Change, str]:
            by = ctx.principal.subject
            return checkout.record_payment(books, order_id, paid, by, takers), order_id

        return scope, decide

    outcome = await run(ctx, "recordPayment", key, (order_id, payment), prepare)
    return await _after(ctx, outcome), outcome.replayed


async def cancel_order(
    ctx: Context,
    key: str,
    order_id: str,
    lines: Sequence[tuple[str, int]] | None = None,
    reason: str | None = None,
) -> tuple[Order, bool]:
    """Cancels an order, or units of an unpaid one, by line id; the units are free at once.

    Raises:
        NotFound, OrderNotOpen, InvalidInput: nothing changed.
    """
    ctx.principal.require(Right.ORDER)
    cut = None if lines is None else tuple(lines)

    async def prepare() -> tuple[Scope, Decide]:
        scope = await _scope_of_order(ctx, order_id)
        takers = await sinks(ctx)
        checked_note(reason, "reason")
        if cut is not None and not cut:
            raise InvalidInput(
                "name the lines, or leave lines out to cancel the whole order",
                field=("input", "lines"),
            )
        if cut is not None and len({id for id, _ in cut}) != len(cut):
            raise InvalidInput("name each line once", field=("input", "lines"))

        def decide(books: Books) -> tuple[Change, str]:
            by = ctx.principal.subject
            if cut is None:
                return checkout.call_off(books, order_id, by, takers, reason), order_id
            return checkout.call_off_lines(books, order_id, dict(cut), by, reason), order_id

        return scope, decide

    outcome = await run(ctx, "cancelOrder", key, (order_id, cut, reason), prepare)
    return await _after(ctx, outcome), outcome.replayed


async def _scope_of_order(ctx: Context, order_id: str) -> Scope:
    """What a step of an order touches: it, its hold, and every SKU that backs it.

    Raises:
        NotFound: there is none, or it is not this caller's to change.
    """
    order = await order_by_id(ctx, order_id)
    if order is None:
        raise NotFound("there is no such order", field=_ORDER)
    held = await ctx.store.stock.reservations([order.reservation_id or ""])
    return Scope(
        skus=frozenset(pin.sku for _, pins in held.values() for pin in pins),
        reservations=frozenset([order.reservation_id] if order.reservation_id else []),
        orders=frozenset([order_id]),
    )


async def _after(ctx: Context, outcome: Outcome) -> Order:
    """The order as the command left it, or as it is now if the command was a replay."""
    if outcome.change is not None and outcome.change.orders:
        return outcome.change.orders[0]
    order = await order_by_id(ctx, outcome.answer)
    if order is None:  # a replay by a token that may see less
        raise NotFound("there is no such order", field=_ORDER)
    return order


def visible(ctx: Context, order: Order | None) -> Order | None:
    """An order as it is now, if this caller may see it."""
    if order is None:
        return None
    places = (order.delivery.location if order.delivery else None, order.origin_location)
    if not ctx.principal.owns(order.subject, order.member_id, order.channel, places):
        return None
    return order.seen_at(ctx.now)


async def order_by_id(ctx: Context, id: str) -> Order | None:
    """One order that this caller may see."""
    return visible(ctx, (await ctx.store.stock.orders([id])).get(id))


async def order_by_number(ctx: Context, number: str) -> Order | None:
    """One order that this caller may see, by our number."""
    [found] = await orders_by_number(ctx, [number])
    return found


async def orders_by_number(ctx: Context, numbers: Sequence[str]) -> list[Order | None]:
    """Orders in the order asked, None where there is none that this caller may see."""
    found = await ctx.store.stock.orders_by_number(numbers)
    return [visible(ctx, found.get(number)) for number in numbers]


async def order_by_external(ctx: Context, system: str, id: str) -> Order | None:
    """One order that this caller may see, by its id in another system."""
    return visible(ctx, await ctx.store.stock.order_by_external(system, id))


async def browse_orders(
    ctx: Context, asked: OrderFilter, first: int, after: str | None
) -> Page[Order]:
    """A page of the orders that this caller may see, newest first.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    ctx.principal.require(Right.ORDERS_OWN)
    checked_first(first)
    checked_lists(channel=asked.channels, status=asked.statuses)
    narrowed = _narrowed(ctx, asked)
    now = ctx.now
    rows = await ctx.store.stock.order_page(narrowed, moment_behind(after), first + 1, now)
    edges = [(dated(order.placed_at, order.id), order.seen_at(now)) for order in rows]
    return page_of(edges, first, after)


async def orders_of_member(
    ctx: Context, member_id: str, first: int, after: str | None
) -> Page[Order]:
    """A page of a member's orders that this caller may see, newest first.

    Who works in several shops sees those of all of them.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    caller = ctx.principal
    shops = caller.locations if caller.may(Right.ORDERS_ALL) else ()
    if len(shops) <= 1:
        return await browse_orders(ctx, OrderFilter(member_id=member_id), first, after)
    pages = await asyncio.gather(
        *(
            browse_orders(ctx, OrderFilter(member_id=member_id, location=shop), first, after)
            for shop in shops
        )
    )
    edges = {order.id: (at, order) for page in pages for at, order in page.edges}
    newest = sorted(edges.values(), key=lambda edge: (edge[1].placed_at, edge[1].id), reverse=True)
    more = len(newest) > first or any(page.has_next for page in pages)
    return Page(tuple(newest[:first]), more, after is not None)


def _narrowed(ctx: Context, asked: OrderFilter) -> OrderFilter:
    """The filter with what this caller may see laid over it."""
    caller = ctx.principal
    if caller.channels:
        both = tuple(code for code in asked.channels or caller.channels if code in caller.channels)
        asked = replace(asked, channels=both or ("",))
    if caller.may(Right.ORDERS_ALL):
        return _of_the_shop(ctx, asked) if caller.locations else asked
    if caller.member_id is not None:
        if asked.member_id not in (None, caller.member_id):
            raise Forbidden("a member sees its own orders only; leave memberId out")
        return replace(asked, member_id=caller.member_id)
    return replace(asked, subject=caller.subject)


def _of_the_shop(ctx: Context, asked: OrderFilter) -> OrderFilter:
    """The filter of somebody who works in a shop: that shop's orders."""
    own = ctx.principal.locations
    if asked.location is not None:
        ctx.principal.require_location(asked.location)
        return asked
    if len(own) > 1:
        raise InvalidInput(
            f"name one of your locations: {', '.join(own)}", field=("filter", "locationCode")
        )
    return replace(asked, location=own[0])
