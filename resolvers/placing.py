"""What an order asks for: its lines, prices, delivery and terms, checked before it is decided."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from zoneinfo import ZoneInfo

from resolvers.access import Scope as Right
from resolvers.catalog import variant_by_sku
from resolvers.commands import checked_name
from resolvers.context import Context
from resolvers.domain.books import Scope
from resolvers.domain.catalog import Variant, title_of
from resolvers.domain.errors import (
    InvalidInput,
    NoEligibleLocation,
    Refused,
    refuse,
)
from resolvers.domain.locations import Channel, ChannelKind, able
from resolvers.domain.orders import Address, Delivery, OrderLine
from resolvers.domain.values import LINES_MAX, Money
from resolvers.reservations import own_reservation, touched_by

TEXT_MAX = 200
"""Longest part of an address: longer ones fit on no label."""

PAYMENTS_MAX = 20
"""Most payments of one order when it is placed."""


@dataclass(frozen=True, slots=True)
class AskedLine:
    """So many units of one SKU; a price only from a caller that may set it.

    ``at`` is where it stood in the input.
    """

    sku: str
    quantity: int
    unit_price: Money | None = None
    at: int = 0


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


def number_of(ctx: Context, order_id: str) -> str:
    """An order's number: the prefix, the business day, and the end of its id."""
    day = ctx.now.astimezone(ZoneInfo(ctx.terms.time_zone))
    return f"{ctx.terms.number_prefix}{day:%y%m%d}-{order_id[-10:].upper()}"


def check_terms(ctx: Context, asked: PlaceOrder) -> None:
    """Refuses prices and payments from a caller that may not name them: people of a shop may, for
    what is sold in it.
    """
    if len(asked.payments) > PAYMENTS_MAX:
        raise InvalidInput(f"{PAYMENTS_MAX} payments at a time", field=("input", "payments"))
    caller, channel = ctx.principal, ctx.directory.channel(asked.channel)
    places = (asked.origin_location, asked.delivery.location)
    in_shop = channel.kind is ChannelKind.IN_STORE and any(map(caller.works_at, places))
    if caller.may(Right.TRUSTED_TERMS) and (in_shop or not caller.locations):
        return
    refusals: list[Refused] = []
    message = "only a partner, or a shop for what it sells itself, may send this; leave it out"
    if asked.payments:
        refusals.append(InvalidInput(message, field=("input", "payments")))
    for at, line in enumerate(asked.lines or ()):
        if line.unit_price is not None:
            field = ("input", "lines", at, "unitPrice")
            refusals.append(InvalidInput(message, field=field))
    refuse(refusals)


def check_names(asked: PlaceOrder) -> None:
    """Refuses what could not be the name of an associate or of a payment."""
    checked_name(asked.associate_code or None, "associateCode")
    for at, payment in enumerate(asked.payments):
        check_payment(payment, "payments", at)


def check_payment(payment: AskedPayment, *field: str | int) -> None:
    """Refuses a payment whose method or reference nobody could read back."""
    checked_name(payment.method, *field, "method")
    checked_name(payment.reference, *field, "reference")


async def check_delivery(ctx: Context, asked: PlaceOrder) -> None:
    """Refuses a place that does not exist, or that cannot hand goods over in this way; and an
    address that nobody could deliver to, or print.
    """
    delivery = asked.delivery
    if delivery.address is not None:
        _check_address(delivery.address)
    if delivery.location is not None:
        field = ("input", "delivery", delivery.method.lower(), "locationCode")
        place = await ctx.directory.location(delivery.location, field)
        if not able(place, delivery.method):
            raise NoEligibleLocation(
                f"{place.code} does not offer {delivery.method.lower()}", field=field
            )
    if asked.origin_location is not None:
        await ctx.directory.location(asked.origin_location, ("input", "originLocationCode"))


def _check_address(address: Address) -> None:
    refusals: list[Refused] = []
    for part in fields(address):
        text = getattr(address, part.name)
        if part.name == "geo" or text is None:
            continue
        if not text.strip() or len(text) > TEXT_MAX or not text.isprintable():
            first, *rest = part.name.split("_")
            name = first + "".join(word.capitalize() for word in rest)
            refusals.append(
                InvalidInput(
                    f"1 to {TEXT_MAX} printable characters",
                    field=("input", "delivery", "ship", name),
                )
            )
    refuse(refusals)


async def asked_lines(ctx: Context, asked: PlaceOrder) -> tuple[Scope, tuple[AskedLine, ...]]:
    """What is ordered, and what the reservation behind it touches."""
    if asked.reservation_id is None:
        if not asked.lines:
            raise InvalidInput("give a reservationId or lines", field=("input", "lines"))
        return Scope(), _merged(asked.lines)
    held = await own_reservation(ctx, asked.reservation_id)
    if asked.lines is not None:
        return touched_by(held), _merged(asked.lines)
    lines = enumerate(held.reservation.lines)
    return touched_by(held), tuple(AskedLine(line.sku, line.quantity, at=at) for at, line in lines)


def _merged(lines: Sequence[AskedLine]) -> tuple[AskedLine, ...]:
    """Lines of the same SKU and price as one."""
    if len(lines) > LINES_MAX:
        raise InvalidInput(f"1 to {LINES_MAX} lines at a time", field=("input", "lines"))
    refusals: list[Refused] = [
        InvalidInput("a quantity is at least 1", field=("input", "lines", at, "quantity"))
        for at, line in enumerate(lines)
        if line.quantity < 1
    ]
    refuse(refusals)
    merged: dict[tuple[str, Money | None], AskedLine] = {}
    for at, line in enumerate(lines):
        first = merged.get((line.sku, line.unit_price), replace(line, quantity=0, at=at))
        merged[line.sku, line.unit_price] = replace(first, quantity=first.quantity + line.quantity)
    return tuple(merged.values())


async def priced(
    ctx: Context, order_id: str, lines: Sequence[AskedLine], channel: Channel
) -> tuple[OrderLine, ...]:
    """The order's lines, at the channel's price now where the caller named none."""
    priced: list[OrderLine] = []
    refusals: list[Refused] = []
    for number, line in enumerate(lines, start=1):
        field = ("input", "lines", line.at)
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
                    f"{order_id}.{number}",
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
