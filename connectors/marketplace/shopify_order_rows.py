"""Orders and people as Shopify answers them; all else is in ``shopify_rows``."""

from datetime import datetime

from msgspec import Struct

from connectors.marketplace.shopify_rows import MoneyBag, Named, Page


class Address(Struct, rename="camel", frozen=True):
    """Where to ship to, as far as the app may know it."""

    name: str | None = None
    phone: str | None = None
    country_code_v2: str | None = None
    province: str | None = None
    city: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Transaction(Struct, rename="camel", frozen=True):
    """Money that moved, or was to."""

    id: str
    kind: str
    status: str
    created_at: datetime
    amount_set: MoneyBag
    processed_at: datetime | None = None
    gateway: str | None = None
    formatted_gateway: str | None = None


class Line(Struct, rename="camel", frozen=True):
    """Units of one variant. ``current_quantity`` is what is left after edits and returns."""

    id: str
    name: str
    quantity: int
    current_quantity: int
    unfulfilled_quantity: int
    original_unit_price_set: MoneyBag
    sku: str | None = None


class Order(Struct, rename="camel", frozen=True, kw_only=True):
    """An order with the first of its lines."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    processed_at: datetime
    currency_code: str
    taxes_included: bool
    display_fulfillment_status: str
    total_price_set: MoneyBag
    current_total_price_set: MoneyBag
    total_shipping_price_set: MoneyBag
    current_total_tax_set: MoneyBag
    transactions: list[Transaction]
    line_items: Page[Line]
    total_tax_set: MoneyBag | None = None
    display_financial_status: str | None = None
    cancelled_at: datetime | None = None
    source_name: str | None = None
    customer: Named | None = None
    retail_location: Named | None = None
    shipping_address: Address | None = None


class FulfilledLine(Struct, rename="camel", frozen=True):
    """Units of a line that left together."""

    line_item: Named
    quantity: int | None = None


class Fulfillment(Struct, rename="camel", frozen=True):
    """Units that left together."""

    status: str
    fulfillment_line_items: Page[FulfilledLine]


# ---- people -----------------------------------------------------------------------------------


class Email(Struct, rename="camel", frozen=True):
    """A mail address, and whether it may be advertised to."""

    email_address: str
    marketing_state: str
    marketing_updated_at: datetime | None = None


class SmsConsent(Struct, rename="camel", frozen=True):
    """Whether a phone may be advertised to."""

    state: str
    updated_at: datetime | None = None


class Phone(Struct, rename="camel", frozen=True):
    """A phone number."""

    phone_number: str
    sms_marketing_consent: SmsConsent


class Customer(Struct, rename="camel", frozen=True):
    """A person."""

    id: str
    display_name: str
    created_at: datetime
    updated_at: datetime
    tags: list[str]
    default_email_address: Email | None = None
    default_phone_number: Phone | None = None


# ---- answers ----------------------------------------------------------------------------------


class OrdersAnswer(Struct, rename="camel", frozen=True):
    """Orders."""

    orders: Page[Order]


class OrderLines(Struct, rename="camel", frozen=True):
    """More lines of an order."""

    line_items: Page[Line]


class OrderLinesAnswer(Struct, rename="camel", frozen=True):
    """More lines; None if the order is gone."""

    order: OrderLines | None = None


class Fulfillments(Struct, rename="camel", frozen=True):
    """What has left of an order."""

    fulfillments: list[Fulfillment]


class FulfillmentsAnswer(Struct, rename="camel", frozen=True):
    """What has left; None if the order is gone."""

    order: Fulfillments | None = None


class CustomersAnswer(Struct, rename="camel", frozen=True):
    """People."""

    customers: Page[Customer]


class CustomerAnswer(Struct, rename="camel", frozen=True):
    """One person, if there is one."""

    customer: Customer | None = None
