"""Orders as clients see them. What is asked of them and done to them stands in ``checkout``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import freshness, members
from resolvers.domain.catalog import Provenance
from resolvers.domain.orders import Address, Delivery, Order, OrderLine
from resolvers.domain.outbox import Write
from resolvers.house import ORDERS
from resolvers.members import Shown
from schema.enums import Method, OrderStatus, WriteStatus
from schema.fields import IS_PURE, instances_of, plain
from schema.ids import NodeType, identity, seal, sealed_member
from schema.info import Info
from schema.values import MoneyType, ProvenanceType

if TYPE_CHECKING:
    from schema.members import MemberType


def _line_total(line: OrderLine) -> object:
    return line.unit_price.times(line.quantity)


@strawberry.type(name="OrderLine", description="So many units of one SKU at one price.")
class OrderLineType:
    """Read from the domain's order line."""

    id: strawberry.ID = identity("OrderLine", "id")
    sku: str = strawberry.field(description="The SKU; of a bundle, the bundle's own.")
    title: str = strawberry.field(description="Its title when it was sold.")
    quantity: int = strawberry.field(description="Units that were sold.")
    unit_price: MoneyType = strawberry.field(description="Price of one unit, tax included.")
    total: MoneyType = plain(_line_total, "Price of all units of the line, tax included.")
    fulfilled_quantity: int = plain("fulfilled", "Units of it that have left for the buyer.")
    returned_quantity: int = plain(
        "returned",
        "Units of it that came back; of a line of which none were sold, units of a sale that the "
        "till does not name.",
    )


def _reservation_id(order: Order) -> str | None:
    return None if order.reservation_id is None else seal("Reservation", order.reservation_id)


@strawberry.type(name="Payment", description="Money that a trusted caller says it has captured.")
class PaymentType:
    """Read from the domain's payment."""

    method: str = strawberry.field(description="How it was paid, in the caller's words.")
    amount: MoneyType = strawberry.field(description="How much.")
    recorded_at: datetime = strawberry.field(description="When it was recorded here.")
    reference: str | None = strawberry.field(
        description="What the payment's own system calls it; null if nobody said."
    )


@strawberry.type(name="OrderEvent", description="One step in an order's life.")
class OrderEventType:
    """Read from the domain's event."""

    kind: str = strawberry.field(
        description="What happened: `PAID`, `CONFIRMED`, `REDUCED`, `CANCELED`, `PAYMENT_OVERDUE`, "
        "`PARTIALLY_FULFILLED`, `FULFILLED`, `OVERSOLD`, `NO_ELIGIBLE_LOCATION`. More may come."
    )
    at: datetime = strawberry.field(description="When.")
    by: str = strawberry.field(description="Who did it: a caller's subject, or a system's code.")
    note: str | None = strawberry.field(
        description="Why, in the words of who did it; null if nobody said."
    )


@strawberry.type(
    name="BackendWrite",
    description="What a backend was or is to be told about an order, and what it answered.",
)
class BackendWriteType:
    """Read from the domain's write."""

    backend: str = strawberry.field(description="Code of the backend.")
    action: str = strawberry.field(
        description="What it is told: `PLACE_SALE`, `CANCEL_SALE`, `RETURN_SALE`. More may come."
    )
    status: WriteStatus = strawberry.field(description="How far it has come.")
    external_id: str | None = strawberry.field(
        description="What the backend calls it; null until it has taken it."
    )
    attempts: int = strawberry.field(description="How often it was sent so far.")
    unknown_outcome: bool = plain(
        lambda write: write.may_be_there,
        "Whether the backend may have it though no answer of it has come. It is looked up before "
        "it is sent again, or where that cannot be done waits for a person.",
    )
    let_go: bool = strawberry.field(
        description="Whether it is over without the backend having it: a sale that was canceled "
        "before it was sent, and its cancellation; or a person decided so."
    )
    last_error: str | None = strawberry.field(
        description="What the backend said when it last failed. Null if it never did, and to "
        "whoever may see their own orders only."
    )


@dataclass(frozen=True, slots=True)
class _Destination:
    """An order's address, and whether the order is the caller's own."""

    address: Address
    is_own: bool


@dataclass(frozen=True, slots=True)
class _Way:
    """An order's delivery, and whether the order is the caller's own."""

    delivery: Delivery
    is_own: bool


@strawberry.type(
    name="Address",
    description="Where goods are shipped to. Whose order it is, and who has the scope "
    "`personal:read`, sees it whole; to others some of it is masked.",
)
class AddressType:
    """Read from an order's destination."""

    recipient: str = plain("address.recipient", "Who receives it; masked: `林**`.")
    phone: str = plain("address.phone", "Telephone number for the carrier; masked: `138****5678`.")
    country_code: str = plain("address.country_code", "Country, ISO 3166 alpha-2.")
    region: str = plain("address.region", "Province or state.")
    city: str = plain("address.city", "City.")
    district: str | None = plain("address.district", "District; null where there is none.")
    street: str = plain(
        "address.street", "Street, number and whatever else finds the door; masked: `****`."
    )
    postal_code: str | None = plain(
        "address.postal_code", "Postal code; masked: `****`. Null if nobody said."
    )


def _destination(way: _Way) -> _Destination | None:
    address = way.delivery.address
    return None if address is None else _Destination(address, way.is_own)


@strawberry.type(name="Delivery", description="How an order's goods reach the buyer.")
class DeliveryType:
    """Read from an order's way to the buyer."""

    method: Method = plain("delivery.method", "How.")
    location_code: str | None = plain(
        "delivery.location", "Where they are handed over; null when they are shipped."
    )
    address: AddressType | None = plain(
        _destination, "Where they are shipped to; null when they are not, or nobody said."
    )


@strawberry.type(
    name="Order",
    description="What a buyer bought. The selling system owns its terms, this gateway where its "
    "units come from.",
)
class OrderType(NodeType):
    """Read from the domain's order."""

    is_type_of = instances_of(Order)

    id: strawberry.ID = identity("Order", "id")
    number: str = strawberry.field(
        description="Our number for people, unique. A foreign number is found by `external`."
    )
    channel: str = strawberry.field(description="Code of the channel that sold.")
    status: OrderStatus = strawberry.field(description="Where it stands at the time of the answer.")
    lines: list[OrderLineType] = strawberry.field(description="What was bought.")
    subtotal: MoneyType = strawberry.field(description="The sum of the lines, tax included.")
    discounts: MoneyType = strawberry.field(
        description="What the selling system took off the whole order, 0 or more."
    )
    shipping: MoneyType = strawberry.field(description="What the buyer pays for the way.")
    tax: MoneyType = strawberry.field(
        description="Tax on top of prices that include none; 0 where prices include theirs."
    )
    total: MoneyType = strawberry.field(description="What the buyer owes in full, tax included.")
    paid: MoneyType = strawberry.field(
        description="What was captured of it so far. Of a canceled order whoever captured it gives "
        "it back."
    )
    payment_due_at: datetime | None = strawberry.field(
        description="Until when an unpaid order keeps its units; at that instant it is canceled. "
        "Null once it is confirmed."
    )
    updated_at: datetime = strawberry.field(description="When it last changed.")
    placed_at: datetime = strawberry.field(description="When it was placed.")
    member_id: strawberry.ID | None = plain(
        lambda order: sealed_member(order.member_id),
        "Id of the member who bought; null if nobody is known.",
    )
    reservation_id: strawberry.ID | None = plain(
        _reservation_id, "The reservation that holds its units; null where its own system has them."
    )
    associate_code: str | None = strawberry.field(
        description="Code of the associate who sold it; null if nobody did."
    )
    origin_location_code: str | None = plain(
        "origin_location", "Code of the shop where it was sold; null when it was in none."
    )
    payments: list[PaymentType] = strawberry.field(description="What was captured, oldest first.")
    history: list[OrderEventType] = strawberry.field(
        description="What happened to it, oldest first."
    )

    @strawberry.field(
        graphql_type=DeliveryType | None,
        description="How its goods reach the buyer; null where the selling system does not say.",
        metadata=IS_PURE,
    )
    @staticmethod
    def delivery(order: strawberry.Parent[Order], info: Info) -> _Way | None:
        """The order's delivery, as the caller may see it."""
        if order.delivery is None:
            return None
        caller = info.context.ctx.principal
        return _Way(order.delivery, caller.is_self(order.subject, order.member_id))

    @strawberry.field(
        graphql_type=Annotated["MemberType", strawberry.lazy("schema.members")] | None,
        description="The member who bought; null if nobody is known, or if the caller may not see "
        "members.",
    )
    @staticmethod
    async def member(order: strawberry.Parent[Order], info: Info) -> Shown | None:
        """The member, if there is one."""
        ctx, member_id = info.context.ctx, order.member_id
        return None if member_id is None else await members.member_by_id(ctx, member_id)

    @strawberry.field(
        graphql_type=list[BackendWriteType],
        description="What each backend was told of it, and what it answered, oldest first.",
    )
    @staticmethod
    async def backend_writes(order: strawberry.Parent[Order], info: Info) -> Sequence[Write]:
        """The order's writes."""
        return await info.context.ctx.loaders.writes_by_order.load(order.id) or ()

    @strawberry.field(
        graphql_type=list[ProvenanceType],
        description="What other systems call it, and when they last spoke of orders; empty if it "
        "was placed here.",
    )
    @staticmethod
    async def provenance(order: strawberry.Parent[Order], info: Info) -> list[Provenance]:
        """Where the order came from."""
        return await freshness.confirmed(info.context.ctx, order.external, ORDERS)
