"""What callers say about orders: which they mean, and what they want bought, paid or called off."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import strawberry

from resolvers.domain.orders import Address, Delivery
from resolvers.filters import OrderFilter
from resolvers.placing import AskedLine, AskedPayment, PlaceOrder
from schema.enums import Method, OrderStatus
from schema.ids import member_key, required_key
from schema.payloads import each, key_field
from schema.values import GeoPointInput, MoneyInput


@strawberry.input(name="ExternalRefInput", description="What another system calls a thing.")
class ExternalRefInput:
    """A system and its id."""

    system: str = strawberry.field(description="Code of the system.")
    id: str = strawberry.field(description="Its id or number there, compared exactly.")


@strawberry.input(
    name="OrderBy", description="One order, by exactly one of its names.", one_of=True
)
class OrderByInput:
    """Which order is asked for."""

    id: strawberry.ID | None = strawberry.field(description="Its opaque id.")
    number: str | None = strawberry.field(description="Our number of it.")
    external: ExternalRefInput | None = strawberry.field(
        description="What the system that it came from calls it."
    )


@strawberry.input(
    name="OrderFilter",
    description="Which orders are asked for. A list means any of its values; absent means all.",
)
class OrderFilterInput:
    """Becomes the port's filter."""

    updated_since: datetime | None = strawberry.field(
        description="Changed at or after this instant."
    )
    channel: list[str] | None = strawberry.field(description="Of these channels.")
    status: list[OrderStatus] | None = strawberry.field(description="In one of these states.")
    member_id: strawberry.ID | None = strawberry.field(description="Of this member.")
    location_code: str | None = strawberry.field(
        description="Handed over at this location; of orders that are not, sold there."
    )
    placed_from: datetime | None = strawberry.field(description="Placed at or after this instant.")
    placed_to: datetime | None = strawberry.field(description="Placed before this instant.")

    def asked(self) -> OrderFilter:
        """The same for the flow."""
        return OrderFilter(
            self.updated_since,
            tuple(self.channel or ()),
            tuple(self.status or ()),
            member_key(self.member_id),
            self.location_code,
            self.placed_from,
            self.placed_to,
        )


@strawberry.input(name="OrderLineInput", description="So many units of one SKU.")
class OrderLineInput:
    """One line that is asked for."""

    sku: str = strawberry.field(description="The SKU, compared exactly; a bundle's own, too.")
    quantity: int = strawberry.field(description="Units, 1 to 1,000,000.")
    unit_price: MoneyInput | None = strawberry.field(
        description="Price of one unit, tax included: only from partners and a shop's people. "
        "Absent: the channel's price now."
    )

    def asked(self, field: Sequence[str | int]) -> AskedLine:
        """The same for the flow."""
        price = self.unit_price
        asked = None if price is None else price.money((*field, "unitPrice"))
        return AskedLine(self.sku, self.quantity, asked)


@strawberry.input(name="PickupInput", description="The buyer fetches it later.")
class PickupInput:
    """Where it is fetched."""

    location_code: str = strawberry.field(description="Code of the location.")


@strawberry.input(name="TakeawayInput", description="The buyer takes it along at once.")
class TakeawayInput:
    """Where it is taken along."""

    location_code: str = strawberry.field(description="Code of the location.")


@strawberry.input(name="AddressInput", description="Where to send it.")
class AddressInput:
    """Becomes the domain's address."""

    recipient: str = strawberry.field(description="Who receives it.")
    phone: str = strawberry.field(description="Telephone number for the courier.")
    country_code: str = strawberry.field(description="ISO 3166 code of the country, like `CN`.")
    region: str = strawberry.field(description="Province or state.")
    city: str = strawberry.field(description="City.")
    district: str | None = strawberry.field(description="District of the city.")
    street: str = strawberry.field(description="Street, house, floor and door.")
    postal_code: str | None = strawberry.field(description="Postal code.")
    geo: GeoPointInput | None = strawberry.field(description="Where that is, if known.")

    def address(self) -> Address:
        """The same for the domain."""
        return Address(
            self.recipient,
            self.phone,
            self.country_code,
            self.region,
            self.city,
            self.street,
            self.district,
            self.postal_code,
            self.geo.point(("input", "delivery", "ship", "geo")) if self.geo else None,
        )


@strawberry.input(
    name="DeliveryInput", description="How it reaches the buyer: exactly one way.", one_of=True
)
class DeliveryInput:
    """Becomes the domain's delivery."""

    pickup: PickupInput | None = strawberry.field(description="Fetched later at a location.")
    ship: AddressInput | None = strawberry.field(description="Sent to an address.")
    takeaway: TakeawayInput | None = strawberry.field(
        description="Taken along at once, from a location that people enter."
    )

    def delivery(self) -> Delivery:
        """The same for the domain."""
        if self.pickup is not None:
            return Delivery(Method.PICKUP, self.pickup.location_code)
        if self.takeaway is not None:
            return Delivery(Method.TAKEAWAY, self.takeaway.location_code)
        assert self.ship is not None, "the library takes exactly one"
        return Delivery(Method.SHIP, address=self.ship.address())


@strawberry.input(name="PaymentInput", description="Money that the caller has captured.")
class PaymentInput:
    """Becomes the flow's payment."""

    method: str = strawberry.field(description="How it was paid, like `wechat-pay` or `cash`.")
    amount: MoneyInput = strawberry.field(
        description="How much, in the order's currency; never more than is owed."
    )
    reference: str | None = strawberry.field(description="What the payment's own system calls it.")

    def payment(self, field: Sequence[str | int]) -> AskedPayment:
        """The same for the flow."""
        amount = self.amount.money((*field, "amount"))
        return AskedPayment(self.method, amount, self.reference)


@strawberry.input(
    name="PlaceOrderInput",
    description="An order that is asked for: from a reservation, or of lines.",
)
class PlaceOrderInput:
    """Becomes the flow's order."""

    idempotency_key: str = key_field()
    channel: str = strawberry.field(description="Code of the channel that sells.")
    reservation_id: strawberry.ID | None = strawberry.field(
        description="The hold that it is made from; it must be of the same channel."
    )
    lines: list[OrderLineInput] | None = strawberry.field(
        description="1 to 100 lines. May be left out with a reservation; given with one, they must "
        "be its own."
    )
    member_id: strawberry.ID | None = strawberry.field(
        description="The member that buys. A member's own token needs none; staff and partners may "
        "name any."
    )
    delivery: DeliveryInput = strawberry.field(description="How it reaches the buyer.")
    payments: list[PaymentInput] | None = strawberry.field(
        description="What was captured already: only from partners and a shop's people. An "
        "order that is paid in full is confirmed at once; any other waits for `recordPayment`."
    )
    associate_code: str | None = strawberry.field(
        description="The associate who sold it; absent: the one of the token, if it is one's."
    )
    origin_location_code: str | None = strawberry.field(
        description="Where it was sold, when it was sold in a shop."
    )

    def asked(self) -> PlaceOrder:
        """The same for the flow.

        Raises:
            InvalidInput: an id or an amount that cannot be meant; of amounts, one for each.
        """
        reservation_id = None
        if self.reservation_id is not None:
            field = ("input", "reservationId")
            reservation_id = required_key("Reservation", self.reservation_id, field)
        lines = each(
            partial(line.asked, ("input", "lines", at)) for at, line in enumerate(self.lines or ())
        )
        payments = each(
            partial(paid.payment, ("input", "payments", at))
            for at, paid in enumerate(self.payments or ())
        )
        return PlaceOrder(
            self.idempotency_key,
            self.channel,
            self.delivery.delivery(),
            reservation_id,
            None if self.lines is None else tuple(lines),
            member_key(self.member_id),
            tuple(payments),
            self.associate_code,
            self.origin_location_code,
        )


@strawberry.input(name="RecordPaymentInput", description="Money that was captured for an order.")
class RecordPaymentInput:
    """What ``recordPayment`` asks for."""

    idempotency_key: str = key_field()
    order_id: strawberry.ID = strawberry.field(description="The order's id.")
    payment: PaymentInput = strawberry.field(description="What was captured.")


@strawberry.input(name="LineQuantityInput", description="Units of one line of an order.")
class LineQuantityInput:
    """Some units of a line."""

    order_line_id: strawberry.ID = strawberry.field(description="The line's id.")
    quantity: int = strawberry.field(description="Units, at least 1, at most what the line has.")


@strawberry.input(
    name="CancelOrderInput", description="An order, or units of an unpaid one, called off."
)
class CancelOrderInput:
    """What ``cancelOrder`` asks for."""

    idempotency_key: str = key_field()
    order_id: strawberry.ID = strawberry.field(description="The order's id.")
    reason: str | None = strawberry.field(description="Why, for people.")
    lines: list[LineQuantityInput] | None = strawberry.field(
        description="Which units; absent: the whole order. Each line at most once."
    )

    def cut(self) -> list[tuple[str, int]] | None:
        """The units by line, None for the whole order.

        Raises:
            InvalidInput: one for each id that is no order line's.
        """
        if self.lines is None:
            return None
        ids = each(
            partial(
                required_key,
                "OrderLine",
                line.order_line_id,
                ("input", "lines", at, "orderLineId"),
            )
            for at, line in enumerate(self.lines)
        )
        return [(id, line.quantity) for id, line in zip(ids, self.lines, strict=True)]
