"""Orders: place, pay, cancel and look at them.

What an order may become stands in ``domain/orders``; what each command decides in
``domain/checkout``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from resolvers.access import Scope as Right
from resolvers.catalog import variant_by_sku
from resolvers.commands import Decide, run
from resolvers.context import Context
from resolvers.domain import checkout
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.catalog import Variant, title_of
from resolvers.domain.errors import (
    Forbidden,
    InvalidInput,
    NoEligibleLocation,
    NotFound,
    Refused,
    refuse,
)
from resolvers.domain.locations import Channel, able
from resolvers.domain.orders import Delivery, Order, OrderLine, OrderStatus, Payment
from resolvers.domain.reservation import Line
from resolvers.domain.values import LINES_MAX, Money
from resolvers.engine import Outcome
from resolvers.paging import Page, checked_first, page_of
from resolvers.ports import OrderFilter
from resolvers.reservations import hold_of, own_member, reservation, scope_of

_ORDER = ("input", "orderId")


@dataclass(frozen=True, slots=True)
class AskedLine:
    """So many units of one SKU; a price only from a caller that may set it."""

    sku: str
    quantity: int
    unit_price: Money | None = None


@dataclass(frozen=True, slots=True)
class AskedPayment:
    """Money that a trusted caller says it has captured."""

    method: str
    amount: Money
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """An order as a caller asks for it: from a reservation, or of lines."""

    key: str
    channel: str
    delivery: Delivery
    reservation_id: str | None = None
    lines: tuple[AskedLine, ...] | None = None
    member_id: str | None = None
    payments: tuple[AskedPayment, ...] = ()
    associate_code: str | None = None
    origin_location: str | None = None


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
        _check_terms(ctx, asked)
        channel = ctx.directory.channel(asked.channel)
        scope, lines = await _asked_lines(ctx, asked)
        hold = replace(
            await hold_of(ctx, asked.channel, [Line(line.sku, line.quantity) for line in lines]),
            member_id=member_id,
            exactly=asked.delivery.location,
            method=asked.delivery.method,
        )
        await _check_delivery(ctx, asked)
        order_id = ctx.new_id()
        order = Order(
            order_id,
            number_of(ctx, order_id),
            channel.code,
            OrderStatus.PENDING,
            await _priced(ctx, order_id, lines, channel),
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

        return scope | Scope(skus=frozenset(hold.units)), decide

    outcome = await run(ctx, "placeOrder", asked.key, asked, prepare)
    return await _after(ctx, outcome), outcome.replayed


def number_of(ctx: Context, order_id: str) -> str:
    """An order's number: the prefix, the business day, and the end of its id."""
    day = ctx.now.astimezone(ZoneInfo(ctx.terms.time_zone))
    return f"{ctx.terms.number_prefix}{day:%y%m%d}-{order_id[-10:].upper()}"


def _check_terms(ctx: Context, asked: PlaceOrder) -> None:
    """Refuses prices and payments from a caller that may not name them."""
    if ctx.principal.may(Right.TRUSTED_TERMS):
        return
    refusals: list[Refused] = []
    message = "only a till, a marketplace or a partner may send this; leave it out"
    if asked.payments:
        refusals.append(InvalidInput(message, field=("input", "payments")))
    for at, line in enumerate(asked.lines or ()):
        if line.unit_price is not None:
            field = ("input", "lines", at, "unitPrice")
            refusals.append(InvalidInput(message, field=field))
    refuse(refusals)


async def _check_delivery(ctx: Context, asked: PlaceOrder) -> None:
    """Refuses a place that does not exist, or that cannot hand goods over in this way."""
    delivery = asked.delivery
    if delivery.location is not None:
        field = ("input", "delivery", delivery.method.lower(), "locationCode")
        place = await ctx.directory.location(delivery.location, field)
        if not able(place, delivery.method):
            raise NoEligibleLocation(
                f"{place.code} does not offer {delivery.method.lower()}", field=field
            )
    if asked.origin_location is not None:
        await ctx.directory.location(asked.origin_location, ("input", "originLocationCode"))


async def _asked_lines(ctx: Context, asked: PlaceOrder) -> tuple[Scope, tuple[AskedLine, ...]]:
    """What is ordered, and what the reservation behind it touches."""
    if asked.reservation_id is None:
        if not asked.lines:
            raise InvalidInput("give a reservationId or lines", field=("input", "lines"))
        return Scope(), _merged(asked.lines)
    scope = await scope_of(ctx, asked.reservation_id)
    held = await reservation(ctx, asked.reservation_id)
    assert held is not None, "it was found a moment ago"
    if asked.lines is not None:
        return scope, _merged(asked.lines)
    return scope, tuple(AskedLine(line.sku, line.quantity) for line in held.reservation.lines)


def _merged(lines: Sequence[AskedLine]) -> tuple[AskedLine, ...]:
    """Lines of the same SKU and price as one."""
    if len(lines) > LINES_MAX:
        raise InvalidInput(f"1 to {LINES_MAX} lines at a time", field=("input", "lines"))
    for at, line in enumerate(lines):
        if line.quantity < 1:
            field = ("input", "lines", at, "quantity")
            raise InvalidInput("a quantity is at least 1", field=field)
    merged: dict[tuple[str, Money | None], int] = {}
    for line in lines:
        key = (line.sku, line.unit_price)
        merged[key] = merged.get(key, 0) + line.quantity
    return tuple(AskedLine(sku, quantity, price) for (sku, price), quantity in merged.items())


async def _priced(
    ctx: Context, order_id: str, lines: Sequence[AskedLine], channel: Channel
) -> tuple[OrderLine, ...]:
    """The order's lines, at the channel's price now where the caller named none."""
    priced: list[OrderLine] = []
    refusals: list[Refused] = []
    for at, line in enumerate(lines):
        field = ("input", "lines", at)
        variant = await variant_by_sku(ctx, line.sku)
        assert variant is not None, "unknown SKUs were refused before"
        price = _price(variant, line, channel)
        if price is None:
            refusals.append(InvalidInput(f"{line.sku} is not sold in {channel.code}", field=field))
        elif price.currency != channel.currency or price.minor < 0:
            refusals.append(
                InvalidInput(
                    f"a price in {channel.code} is in {channel.currency}, 0 or more",
                    field=(*field, "unitPrice"),
                )
            )
        else:
            title = title_of(variant.titles, None)
            priced.append(
                OrderLine(
                    f"{order_id}.{at + 1}",
                    line.sku,
                    title,
                    line.quantity,
                    price,
                    components=variant.components,
                )
            )
    refuse(refusals)
    return tuple(priced)


def _price(variant: Variant, line: AskedLine, channel: Channel) -> Money | None:
    return line.unit_price or variant.prices.get(channel.code)


async def sinks(ctx: Context) -> Mapping[str, str]:
    """The backend that takes sales, by location: the authority of its stock, if it takes any."""
    return {
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
        if cut is not None and len({id for id, _ in cut}) != len(cut):
            raise InvalidInput("name each line once", field=("input", "lines"))

        def decide(books: Books) -> tuple[Change, str]:
            by = ctx.principal.subject
            if cut is None:
                return checkout.call_off(books, order_id, by, takers), order_id
            return checkout.call_off_lines(books, order_id, dict(cut), by), order_id

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
    held = await ctx.store.stock.reservation(order.reservation_id or "")
    pins = held[1] if held is not None else ()
    return Scope(
        skus=frozenset(pin.sku for pin in pins),
        reservations=frozenset([order.reservation_id] if order.reservation_id else []),
        orders=frozenset([order_id]),
    )


async def _after(ctx: Context, outcome: Outcome) -> Order:
    """The order as the command left it, or as it is now if the command was a replay."""
    if outcome.change is not None and outcome.change.orders:
        return outcome.change.orders[0]
    order = (await ctx.store.stock.orders([outcome.answer])).get(outcome.answer)
    assert order is not None, "a command never loses the order that it was about"
    return order.seen_at(ctx.now)


def visible(ctx: Context, order: Order | None) -> Order | None:
    """An order as it is now, if this caller may see it."""
    if order is None or not ctx.principal.owns(order.subject, order.member_id, order.channel):
        return None
    return order.seen_at(ctx.now)


async def order_by_id(ctx: Context, id: str) -> Order | None:
    """One order that this caller may see."""
    return visible(ctx, (await ctx.store.stock.orders([id])).get(id))


async def order_by_number(ctx: Context, number: str) -> Order | None:
    """One order that this caller may see, by our number."""
    return visible(ctx, (await ctx.store.stock.orders_by_number([number])).get(number))


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
    narrowed = _narrowed(ctx, asked)
    now = ctx.now
    rows = await ctx.store.stock.order_page(narrowed, _cursor(after), first + 1, now)
    edges = [(f"{order.placed_at.isoformat()}|{order.id}", order.seen_at(now)) for order in rows]
    return page_of(edges, first, after)


def _narrowed(ctx: Context, asked: OrderFilter) -> OrderFilter:
    """The filter with what this caller may see laid over it."""
    caller = ctx.principal
    if caller.channels:
        both = tuple(code for code in asked.channels or caller.channels if code in caller.channels)
        asked = replace(asked, channels=both or ("",))
    if caller.may(Right.ORDERS_ALL):
        return asked
    if caller.member_id is not None:
        if asked.member_id not in (None, caller.member_id):
            raise Forbidden("a member sees its own orders only; leave memberId out")
        return replace(asked, member_id=caller.member_id)
    return replace(asked, subject=caller.subject)


def _cursor(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    placed_at, _, id = after.partition("|")
    try:
        at = datetime.fromisoformat(placed_at)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not id:
        raise InvalidInput("this is not a cursor of this list", field=("after",))
    return at, id
