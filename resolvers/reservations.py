"""Holds: reserve, extend, release, look at and watch them.

What a hold may become stands in ``domain/reservation``; what each command decides in
``domain/holds``.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from resolvers.access import Role
from resolvers.access import Scope as Right
from resolvers.catalog import sold
from resolvers.commands import Decide, checked_name, checked_note, run
from resolvers.context import Context
from resolvers.domain import holds
from resolvers.domain.backing import Hold
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.errors import Forbidden, InvalidInput, NotFound, Refused, refuse
from resolvers.domain.locations import Method
from resolvers.domain.reservation import BackedLine, Line, Reservation, Status, backing
from resolvers.domain.stock import Pin
from resolvers.domain.values import LINES_MAX, QUANTITY_MAX
from resolvers.engine import Command, Outcome
from resolvers.ruling import asked_by_rules
from resolvers.terms import Terms

_ID = ("input", "reservationId")
_TTL = ("input", "ttlSeconds")


@dataclass(frozen=True, slots=True)
class Held:
    """A reservation as it is now, with the locations that back it."""

    reservation: Reservation
    pins: tuple[Pin, ...]

    @property
    def lines(self) -> list[BackedLine]:
        """Its lines, each with the pins that back it; a bundle's are its parts'."""
        return backing(self.reservation.lines, self.pins)


@dataclass(frozen=True, slots=True)
class ReserveStock:
    """A hold as a caller asks for it."""

    key: str
    channel: str
    lines: tuple[Line, ...]
    location: str | None = None
    method: Method | None = None
    member_id: str | None = None
    ttl_seconds: int | None = None


async def reserve_stock(ctx: Context, asked: ReserveStock) -> tuple[Held, bool]:
    """Holds every unit for one buyer, all or nothing: the hold, and whether it was made before.

    Raises:
        InvalidInput, NotFound, NoEligibleLocation, InsufficientStock (one a line): nothing is held.
    """
    ctx.principal.require(Right.RESERVE)
    ctx.principal.require_channel(asked.channel)
    member_id = own_member(ctx, asked.member_id)

    async def prepare() -> tuple[Scope, Decide]:
        terms = terms_in(ctx, asked.channel)
        ttl = terms.ttl_default_seconds
        if asked.ttl_seconds is not None:
            ttl = checked_ttl(terms, asked.ttl_seconds)
        hold = await hold_of(ctx, asked.channel, asked.lines)
        if asked.location is not None:
            await ctx.directory.location(asked.location, ("input", "locationCode"))
        ask = replace(
            hold,
            ttl_seconds=ttl,
            member_id=member_id,
            exactly=asked.location,
            method=asked.method,
            in_shop=sells_in(ctx, asked.location),
            blame=("input", "method" if asked.location is None else "locationCode"),
        )

        def decide(books: Books) -> tuple[Change, str]:
            return holds.reserve(books, ask), ask.id

        return seen_by(ask), decide

    outcome = await run(ctx, "reserveStock", asked.key, asked, prepare)
    return await _after(ctx, outcome), outcome.replayed


async def hold_of(
    ctx: Context, channel: str, lines: Sequence[Line], asked_at: Sequence[int] = ()
) -> Hold:
    """A hold of some lines, each SKU summed into the line where it stood first.

    ``asked_at`` is where each line stood in the input, if not in this order.

    Raises:
        InvalidInput, NotFound: a channel, SKU or quantity that cannot be meant.
    """
    selling = ctx.directory.channel(channel)
    if not 1 <= len(lines) <= LINES_MAX:
        raise InvalidInput(f"1 to {LINES_MAX} lines at a time", field=("input", "lines"))
    refusals: list[Refused] = []
    summed: dict[str, int] = {}
    first_at: dict[str, int] = {}
    for at, line in zip(asked_at or range(len(lines)), lines, strict=True):
        summed[line.sku] = summed.get(line.sku, 0) + line.quantity
        first_at.setdefault(line.sku, at)
        if line.quantity < 1 or summed[line.sku] > QUANTITY_MAX:
            field = ("input", "lines", at, "quantity")
            refusals.append(InvalidInput(f"a quantity is 1 to {QUANTITY_MAX}", field=field))
    refuse(refusals)
    fields = [("input", "lines", at, "sku") for at in first_at.values()]
    variants = await sold(ctx, list(summed), fields, alone=True)
    asked = await asked_by_rules(ctx, variants.values(), alone=True)
    return Hold(
        ctx.new_id(),
        ctx.principal.subject,
        selling,
        tuple(Line(sku, units, variants[sku].components) for sku, units in summed.items()),
        tuple((await ctx.directory.locations()).values()),
        asked_at=tuple(first_at.values()),
        categories=asked.categories,
        stale_hours=asked.stale_hours,
        time_zone=ctx.terms.time_zone,
        live_units_max=_live_units_max(ctx),
        channels=ctx.directory.channels,
    )


def _live_units_max(ctx: Context) -> int | None:
    """Most units that a caller may have live at a time: shoppers and guests only; 0 is no limit."""
    bound = ctx.principal.role in (Role.SHOPPER, Role.GUEST)
    return ctx.terms.live_units_max or None if bound else None


def seen_by(hold: Hold) -> Scope:
    """What a decision about a hold needs to see: its SKUs, and what its member has of them."""
    members = [hold.member_id] if hold.member_id is not None else []
    callers = [hold.subject] if hold.live_units_max is not None else []
    return Scope(skus=frozenset(hold.units), members=frozenset(members), callers=frozenset(callers))


def sells_in(ctx: Context, location: str | None) -> bool:
    """Says whether the caller is one of a place's own people, and may sell what is kept there for
    whoever stands before them.
    """
    caller = ctx.principal
    staff = caller.may(Right.TRUSTED_TERMS) and caller.role is not Role.PARTNER
    return caller.works_at(location) and (staff or location in caller.locations)


def own_member(ctx: Context, member_id: str | None) -> str | None:
    """The member that something is for: a member acts for itself, staff and partners for any.

    Raises:
        Forbidden: a member named another one.
        InvalidInput: no member has such an id.
    """
    own = ctx.principal.member_id
    if own is None:
        if member_id is not None and not ctx.principal.may(Right.TRUSTED_TERMS):
            raise Forbidden("this token is no member's; leave memberId out, or log in")
        return checked_name(member_id, "memberId")
    if member_id not in (None, own):
        raise Forbidden("a member acts for itself only; leave memberId out")
    return own


def terms_in(ctx: Context, channel: str) -> Terms:
    """The terms of holds in a channel; the house's for a channel that is gone."""
    selling = ctx.directory.channels.get(channel)
    return ctx.terms if selling is None else ctx.terms.within(selling)


def checked_ttl(terms: Terms, seconds: int) -> int:
    """A time to live, if it may be asked for.

    Raises:
        InvalidInput: not 1 to the maximum of these terms.
    """
    if not 1 <= seconds <= terms.ttl_max_seconds:
        raise InvalidInput(f"a hold lives 1 to {terms.ttl_max_seconds} seconds", field=_TTL)
    return seconds


async def extend_reservation(
    ctx: Context, key: str, id: str, ttl_seconds: int
) -> tuple[Held, bool]:
    """Lets a hold live on from now; never past what one hold may live in all.

    Raises:
        InvalidInput, NotFound, ReservationExpired, ReservationNotHeld: nothing changed.
    """
    ctx.principal.require(Right.RESERVE)

    async def prepare() -> tuple[Scope, Decide]:
        held = await own_reservation(ctx, id)
        terms = terms_in(ctx, held.reservation.channel)
        checked_ttl(terms, ttl_seconds)

        def decide(books: Books) -> tuple[Change, str]:
            return holds.extend(books, id, ttl_seconds, terms.life_max_seconds), id

        return touched_by(held), decide

    outcome = await run(ctx, "extendReservation", key, (id, ttl_seconds), prepare)
    return await _after(ctx, outcome), outcome.replayed


async def release_reservation(
    ctx: Context,
    key: str,
    id: str,
    lines: Sequence[Line] | None = None,
    reason: str | None = None,
) -> tuple[Held, bool]:
    """Gives a hold's units back, those of some lines or all. Releasing twice answers as the first
    time did.

    Raises:
        InvalidInput, NotFound, ReservationExpired, ReservationNotHeld: nothing changed.
    """
    ctx.principal.require(Right.RESERVE)

    async def prepare() -> tuple[Scope, Decide]:
        scope = touched_by(await own_reservation(ctx, id))
        checked_note(reason, "reason")
        if lines is not None and not 1 <= len(lines) <= LINES_MAX:
            raise InvalidInput(f"1 to {LINES_MAX} lines at a time", field=("input", "lines"))

        def decide(books: Books) -> tuple[Change, str]:
            return holds.release(books, id, lines or (), reason), id

        return scope, decide

    request = (id, reason) if lines is None else (id, lines, reason)
    outcome = await run(ctx, "releaseReservation", key, request, prepare)
    return await _after(ctx, outcome), outcome.replayed


async def own_reservation(ctx: Context, id: str) -> Held:
    """A reservation that is the caller's to go on with.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    held = await reservation(ctx, id)
    if held is None:
        raise NotFound("there is no such reservation", field=_ID)
    return held


def touched_by(held: Held) -> Scope:
    """What a step of a reservation touches: it, its order, and every SKU that backs it."""
    order_id = held.reservation.order_id
    return Scope(
        skus=frozenset(pin.sku for pin in held.pins),
        reservations=frozenset([held.reservation.id]),
        orders=frozenset([order_id] if order_id else []),
    )


async def reservation(ctx: Context, id: str) -> Held | None:
    """A reservation as it is now; None where there is none that this caller may see."""
    found = await held_among(ctx, [id])
    return found[0] if found else None


async def held_among(ctx: Context, ids: Sequence[str]) -> list[Held]:
    """Those of some reservations that this caller may see, as they are now, in the order asked."""
    found = await ctx.store.stock.reservations(ids)
    now = ctx.now
    return [
        Held(known.seen_at(now), tuple(pin for pin in pins if not pin.due(now)))
        for known, pins in (found[id] for id in ids if id in found)
        if ctx.principal.owns(known.subject, known.member_id, known.channel, (known.location,))
    ]


async def _after(ctx: Context, outcome: Outcome) -> Held:
    """The reservation as the command left it if that says all of it, else as it is now."""
    change = outcome.change
    if change is not None and change.reservations:
        known = change.reservations[0]
        pins = [pin for pin in change.pins if pin.quantity and pin.reservation == known.id]
        if known.status is Status.RELEASED or holds.whole(known, pins):
            return Held(known, tuple(pins))
    # A token that may see less now is told of none.
    return await own_reservation(ctx, outcome.answer)


async def watch_reservation(ctx: Context, id: str) -> AsyncIterator[Held]:
    """A reservation as it is, then again whenever it changes.

    Raises:
        NotFound: there is none that this caller may see.
    """
    shown: Held | None = None
    async for _ in ctx.watch.changes([("reservation", id)]):
        held = await reservation(ctx, id)
        if held is None:
            raise NotFound("there is no such reservation", field=("id",))
        if held != shown:
            shown = held
            yield held


async def expire_due(ctx: Context, limit: int) -> int:
    """Writes holds and unpaid orders down whose time is over; how many. Changes no answer."""
    due = await ctx.store.stock.due_reservations(ctx.now, limit)
    found = await ctx.store.stock.reservations([known.id for known in due])
    commands = []
    for known in due:
        _, pins = found[known.id]
        scope = Scope(
            skus=frozenset(pin.sku for pin in pins),
            reservations=frozenset([known.id]),
            orders=frozenset([known.order_id] if known.order_id else []),
        )
        commands.append(_expiry(known.id, scope))
    await asyncio.gather(*(ctx.engine.run(command) for command in commands))
    return len(due)


def _expiry(id: str, scope: Scope) -> Command:
    return Command(None, "", scope, lambda books: (holds.expire(books, id), id))
