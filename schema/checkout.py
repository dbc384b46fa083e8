"""What is asked about orders and done to them: look-ups, placing, paying, canceling."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import orders
from resolvers.domain.orders import Order
from resolvers.filters import OrderFilter
from schema.fields import After, First, plain
from schema.ids import key_of, required_key
from schema.info import Info
from schema.order_inputs import (
    CancelOrderInput,
    OrderByInput,
    OrderFilterInput,
    PlaceOrderInput,
    RecordPaymentInput,
)
from schema.orders import OrderType
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.payloads import Answer, UserErrorType, answered, replayed_field, user_errors_field

LIST = "orders"
_ORDER = ("input", "orderId")


@strawberry.type(name="PlaceOrderPayload", description="What came of `placeOrder`.")
class PlaceOrderPayload:
    """Read from an answer."""

    order: OrderType | None = plain("made", "The order; null when none was placed.")
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type(name="PaymentPayload", description="What came of `recordPayment`.")
class PaymentPayload:
    """Read from an answer."""

    order: OrderType | None = plain("made", "The order as it is now; null when it was refused.")
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type(name="CancelOrderPayload", description="What came of `cancelOrder`.")
class CancelOrderPayload:
    """Read from an answer."""

    order: OrderType | None = plain("made", "The order as it is now; null when it was refused.")
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


Filter = Annotated[
    OrderFilterInput | None,
    strawberry.argument(description="Which orders; absent: all that the caller may see."),
]


@strawberry.type
class OrdersQuery:
    """The root fields about orders."""

    @strawberry.field(
        graphql_type=OrderType | None,
        description="An order as it is now; null if there is none that the caller may see.",
    )
    @staticmethod
    async def order(
        info: Info,
        by: Annotated[OrderByInput, strawberry.argument(description="Which, by exactly one name.")],
    ) -> Order | None:
        """One order, by id, number or foreign number."""
        ctx = info.context.ctx
        if by.external is not None:
            return await orders.order_by_external(ctx, by.external.system, by.external.id)
        if by.number is not None:
            return await orders.order_by_number(ctx, by.number)
        key = key_of("Order", by.id or "")
        return None if key is None else await orders.order_by_id(ctx, key)

    @strawberry.field(
        graphql_type=ConnectionType[OrderType],
        description="The orders that the caller may see, the newest first.",
    )
    @staticmethod
    async def orders(
        info: Info, first: First, after: After = UNSET, filter: Filter = UNSET
    ) -> Listed[Order]:
        """A page of orders."""
        asked = filter.asked() if filter else OrderFilter()
        page = await orders.browse_orders(info.context.ctx, asked, first, after_of(after, LIST))
        return listed(page, LIST)


@strawberry.type
class OrdersMutation:
    """The root fields that change orders."""

    @strawberry.mutation(
        graphql_type=PlaceOrderPayload,
        description="Places an order and keeps its units, all or nothing. Unpaid it waits, "
        "`PENDING`, until `paymentDueAt`. Safe to send again with the same key.",
    )
    @staticmethod
    async def place_order(
        info: Info,
        input: Annotated[PlaceOrderInput, strawberry.argument(description="The order.")],
    ) -> Answer[Order]:
        """One order."""
        return await answered(lambda: orders.place_order(info.context.ctx, input.asked()))

    @strawberry.mutation(
        graphql_type=PaymentPayload,
        description="Records money that was captured for an order; paid in full it is confirmed "
        "and its backends are told. For partners, and a shop's people.",
    )
    @staticmethod
    async def record_payment(
        info: Info,
        input: Annotated[
            RecordPaymentInput, strawberry.argument(description="The order and its payment.")
        ],
    ) -> Answer[Order]:
        """One payment."""
        return await answered(
            lambda: orders.record_payment(
                info.context.ctx,
                input.idempotency_key,
                required_key("Order", input.order_id, _ORDER),
                input.payment.payment(("input", "payment")),
            )
        )

    @strawberry.mutation(
        graphql_type=CancelOrderPayload,
        description="Calls an order off before anything has left; its units are free at once, and "
        "backends that know it are told. Units of single lines only while it is unpaid.",
    )
    @staticmethod
    async def cancel_order(
        info: Info,
        input: Annotated[CancelOrderInput, strawberry.argument(description="What is called off.")],
    ) -> Answer[Order]:
        """One order, or some of its units."""
        return await answered(
            lambda: orders.cancel_order(
                info.context.ctx,
                input.idempotency_key,
                required_key("Order", input.order_id, _ORDER),
                input.cut(),
                input.reason,
            )
        )
