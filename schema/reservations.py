"""Holds: reserve, extend, release, look at and watch them."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from resolvers import catalog, members, orders, reservations
from resolvers.domain.locations import Location
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Line
from resolvers.domain.stock import Pin
from resolvers.members import Shown
from resolvers.reservations import Held, ReserveStock
from schema.enums import Method, Status, UserErrorCode
from schema.fields import instances_of, plain, read_together
from schema.ids import NodeType, identity, key_of, member_key, required_key, seal, sealed_member
from schema.info import Info
from schema.locations import LocationType
from schema.payloads import (
    Answer,
    UserErrorType,
    answered,
    key_field,
    replayed_field,
    user_errors_field,
)

if TYPE_CHECKING:
    from schema.members import MemberType
    from schema.orders import OrderType

_ID = ("input", "reservationId")


async def _places(pins: Sequence[Pin], info: Info) -> Sequence[Location]:
    """The location of each of some pins."""
    return await catalog.known_locations(info.context.ctx, [pin.location for pin in pins])


@strawberry.type(
    name="ReservationPin", description="Units of a reservation that one location backs."
)
class ReservationPinType:
    """Read from the domain's pin."""

    sku: str = strawberry.field(
        description="What lies there: the line's SKU, or a part of it if the line is a bundle."
    )
    location_code: str = plain("location", "Code of the location.")
    quantity: int = strawberry.field(description="Units of it.")
    tentative: bool = strawberry.field(
        description="Whether another location may still take its place: nobody asked for this one."
    )

    @strawberry.field(
        graphql_type=LocationType,
        description="The location.",
        metadata=read_together(_places),
    )
    @staticmethod
    async def location(pin: strawberry.Parent[Pin], info: Info) -> Location:
        """The pin's location."""
        [found] = await _places([pin], info)
        return found


@strawberry.type(name="ReservationLine", description="So many units of one SKU.")
class ReservationLineType:
    """Read from the domain's backed line."""

    sku: str = strawberry.field(description="The SKU; of a bundle, the bundle's own.")
    quantity: int = strawberry.field(description="Units, 1 to 1,000,000.")
    pins: list[ReservationPinType] = strawberry.field(
        description="Which locations back it now; empty once the units were given back, ran out of "
        "time or have left."
    )


def _order_id(held: Held) -> str | None:
    order_id = held.reservation.order_id
    return None if order_id is None else seal("Order", order_id)


@strawberry.type(
    name="Reservation",
    description="One buyer's claim on units, all or nothing over its lines.",
)
class ReservationType(NodeType):
    """Read from the flow's held reservation."""

    is_type_of = instances_of(Held)

    id: strawberry.ID = identity("Reservation", "reservation.id")
    status: Status = plain("reservation.status", "Where it stands at the time of the answer.")
    channel: str = plain("reservation.channel", "Code of the channel that it was made in.")
    expires_at: datetime | None = plain(
        "reservation.expires_at",
        "Until when its units are kept; at that instant they are free again. Null once it belongs "
        "to a confirmed order, or was given back.",
    )
    created_at: datetime = plain("reservation.created_at", "When it was made.")
    lines: list[ReservationLineType] = strawberry.field(
        description="What is claimed, a line for each SKU."
    )
    member_id: strawberry.ID | None = plain(
        lambda held: sealed_member(held.reservation.member_id),
        "Id of the member that it is for; null for a guest's.",
    )
    order_id: strawberry.ID | None = plain(
        _order_id, "Id of the order that it is for; null while there is none."
    )

    @strawberry.field(
        graphql_type=Annotated["MemberType", strawberry.lazy("schema.members")] | None,
        description="The member that it is for; null for a guest's, for somebody who is not known, "
        "or if the caller may not see members.",
    )
    @staticmethod
    async def member(held: strawberry.Parent[Held], info: Info) -> Shown | None:
        """The member, if there is one."""
        ctx, member_id = info.context.ctx, held.reservation.member_id
        return None if member_id is None else await members.member_by_id(ctx, member_id)

    @strawberry.field(
        graphql_type=Annotated["OrderType", strawberry.lazy("schema.orders")] | None,
        description="The order that it is for; null while there is none, or if the caller may "
        "not see it.",
    )
    @staticmethod
    async def order(held: strawberry.Parent[Held], info: Info) -> Order | None:
        """The order, if there is one."""
        ctx, order_id = info.context.ctx, held.reservation.order_id
        if order_id is None:
            return None
        return orders.visible(ctx, await ctx.loaders.orders_by_id.load(order_id))


@strawberry.input(name="ReservationLineInput", description="So many units of one SKU.")
class ReservationLineInput:
    """One line that is asked for."""

    sku: str = strawberry.field(description="The SKU, compared exactly; a bundle's own, too.")
    quantity: int = strawberry.field(
        description="Units, 1 to 1,000,000. The same SKU in several lines is summed."
    )


def _lines(lines: list[ReservationLineInput]) -> tuple[Line, ...]:
    return tuple(Line(line.sku, line.quantity) for line in lines)


@strawberry.input(name="ReserveStockInput", description="A hold that is asked for.")
class ReserveStockInput:
    """Becomes the flow's hold."""

    idempotency_key: str = key_field()
    channel: str = strawberry.field(description="Code of the channel that sells.")
    lines: list[ReservationLineInput] = strawberry.field(
        description="1 to 100 lines, all or nothing."
    )
    location_code: str | None = strawberry.field(
        description="Exactly this location must have the units; absent: anywhere that the channel "
        "sells from."
    )
    method: Method | None = strawberry.field(
        description="Only locations able to serve this way count. Absent: any, and `placeOrder` "
        "finds a place that serves the delivery, or refuses."
    )
    member_id: strawberry.ID | None = strawberry.field(
        description="The member that it is for. A member's own token needs none; staff and "
        "partners may name any."
    )
    ttl_seconds: int | None = strawberry.field(
        description="How long the units are kept, from 1 second to the configured maximum; absent: "
        "the configured default."
    )

    def asked(self) -> ReserveStock:
        """The same for the flow."""
        return ReserveStock(
            self.idempotency_key,
            self.channel,
            _lines(self.lines),
            self.location_code,
            self.method,
            member_key(self.member_id),
            self.ttl_seconds,
        )


@strawberry.input(name="ExtendReservationInput", description="More time for a hold.")
class ExtendReservationInput:
    """What ``extendReservation`` asks for."""

    idempotency_key: str = key_field()
    reservation_id: strawberry.ID = strawberry.field(description="The reservation's id.")
    ttl_seconds: int = strawberry.field(
        description="How long from now on the units are kept, from 1 second to the configured "
        "maximum. Never shortens a hold, and never lets it live past its configured life."
    )


@strawberry.input(name="ReleaseReservationInput", description="A hold that is given back.")
class ReleaseReservationInput:
    """What ``releaseReservation`` asks for."""

    idempotency_key: str = key_field()
    reservation_id: strawberry.ID = strawberry.field(description="The reservation's id.")
    lines: list[ReservationLineInput] | None = strawberry.field(
        description="What is given back of it, 1 to 100 lines, whole bundles; absent: all of it.",
        default=None,
    )
    reason: str | None = strawberry.field(description="Why, for people.", default=None)


@strawberry.type(name="ReserveStockPayload", description="What came of `reserveStock`.")
class ReserveStockPayload:
    """Read from an answer."""

    reservation: ReservationType | None = plain("made", "The hold; null when nothing was held.")
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type(name="ExtendReservationPayload", description="What came of `extendReservation`.")
class ExtendReservationPayload:
    """Read from an answer."""

    reservation: ReservationType | None = plain(
        "made",
        "The hold as it is now. Null when it was refused, but shown when its time is over.",
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type(name="ReleaseReservationPayload", description="What came of `releaseReservation`.")
class ReleaseReservationPayload:
    """Read from an answer."""

    reservation: ReservationType | None = plain(
        "made",
        "The hold as it is now. Null when it was refused, but shown when its time is over.",
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


async def with_expired(info: Info, id: str, answer: Answer[Held]) -> Answer[Held]:
    """The answer, with the reservation in it if it was refused because its time is over."""
    key = key_of("Reservation", id)
    if key is None or not answer.refused_as(UserErrorCode.RESERVATION_EXPIRED):
        return answer
    held = await reservations.reservation(info.context.ctx, key)
    return Answer(held, answer.replayed, answer.user_errors)


Id = Annotated[strawberry.ID, strawberry.argument(description="The reservation's id.")]


@strawberry.type
class ReservationsQuery:
    """The root field about holds."""

    @strawberry.field(
        graphql_type=ReservationType | None,
        description="A reservation as it is now; null if there is none that the caller may see.",
    )
    @staticmethod
    async def reservation(info: Info, id: Id) -> Held | None:
        """One reservation, by id."""
        key = key_of("Reservation", id)
        return None if key is None else await reservations.reservation(info.context.ctx, key)


@strawberry.type
class ReservationsMutation:
    """The root fields that change holds."""

    @strawberry.mutation(
        graphql_type=ReserveStockPayload,
        description="Holds units for one buyer for a while, all or nothing. Safe to send again "
        "with the same key. Short lines are told one by one.",
    )
    @staticmethod
    async def reserve_stock(
        info: Info,
        input: Annotated[ReserveStockInput, strawberry.argument(description="The hold.")],
    ) -> Answer[Held]:
        """One hold."""
        return await answered(lambda: reservations.reserve_stock(info.context.ctx, input.asked()))

    @strawberry.mutation(
        graphql_type=ExtendReservationPayload,
        description="Lets a hold live on from now. Safe to send again with the same key.",
    )
    @staticmethod
    async def extend_reservation(
        info: Info,
        input: Annotated[
            ExtendReservationInput, strawberry.argument(description="Which hold, and how long.")
        ],
    ) -> Answer[Held]:
        """More time for one hold."""
        answer = await answered(
            lambda: reservations.extend_reservation(
                info.context.ctx,
                input.idempotency_key,
                required_key("Reservation", input.reservation_id, _ID),
                input.ttl_seconds,
            )
        )
        return await with_expired(info, input.reservation_id, answer)

    @strawberry.mutation(
        graphql_type=ReleaseReservationPayload,
        description="Gives a hold's units back at once. Safe to send again with the same key.",
    )
    @staticmethod
    async def release_reservation(
        info: Info,
        input: Annotated[ReleaseReservationInput, strawberry.argument(description="Which hold.")],
    ) -> Answer[Held]:
        """One hold given back."""
        answer = await answered(
            lambda: reservations.release_reservation(
                info.context.ctx,
                input.idempotency_key,
                required_key("Reservation", input.reservation_id, _ID),
                _lines(input.lines) if input.lines is not None else None,
                input.reason,
            )
        )
        return await with_expired(info, input.reservation_id, answer)


@strawberry.type
class ReservationsSubscription:
    """The root field that watches a hold."""

    @strawberry.subscription(
        graphql_type=ReservationType,
        description="A reservation as it is, then again whenever it changes. States, not "
        "differences: a slow client misses some, but never the last.",
    )
    @staticmethod
    async def reservation_changed(info: Info, id: Id) -> AsyncIterator[Held]:
        """One reservation, again and again."""
        key = required_key("Reservation", id, ("id",))
        watched = reservations.watch_reservation(info.context.ctx, key)
        async with aclosing(cast("AsyncGenerator[Held, None]", watched)) as states:
            async for held in states:
                yield held
