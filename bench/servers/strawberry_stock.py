"""Strawberry as it comes, on uvicorn.

    python -m bench.servers.strawberry_stock FILE [--uncached]

Its own caches of parsed and of validated documents are on, unless it is told to do without. What
the shop has is made of its types once, at the start.
"""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Self

import strawberry
from aiodataloader import DataLoader
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from bench.servers.shop import Product as ProductRecord
from bench.servers.shop import Shop, serve
from bench.servers.shop import Variant as VariantRecord


@dataclass(frozen=True, slots=True)
class Context:
    """What each operation has: the shop, and a loader of its own."""

    shelf: "Shelf"
    availability: DataLoader[str, int]


Info = strawberry.Info[Context, None]


@strawberry.type
class Money:
    """An amount."""

    amount: Decimal
    currency_code: str


@strawberry.type
class Availability:
    """What can be promised."""

    available_to_promise: int
    stale: bool


@strawberry.type
class Variant:
    """One SKU."""

    id: strawberry.ID
    sku: str
    title: str
    prices: strawberry.Private[Mapping[str, Money]]
    handle: strawberry.Private[str]

    @classmethod
    def of(cls, record: VariantRecord) -> Self:
        """It, of what the shop has."""
        prices = {
            at: Money(amount=it.amount, currency_code=it.currency_code)
            for at, it in record.prices.items()
        }
        return cls(
            id=strawberry.ID(record.id),
            sku=record.sku,
            title=record.title,
            prices=prices,
            handle=record.handle,
        )

    @strawberry.field
    def product(self, info: Info) -> "Product":
        """Its product."""
        return info.context.shelf.of_handle[self.handle]

    @strawberry.field
    def price(self, channel: str) -> Money | None:
        """Its price in a channel."""
        return self.prices.get(channel)

    @strawberry.field
    async def availability(self, info: Info, channel: str) -> Availability:  # noqa: ARG002  # one shop, one number
        """What can be promised of it."""
        units = await info.context.availability.load(self.sku)
        return Availability(available_to_promise=units, stale=False)


@strawberry.type
class VariantConnection:
    """Some variants."""

    nodes: list[Variant]


@strawberry.type
class Product:
    """One product."""

    id: strawberry.ID
    handle: str
    title: str
    brand: str | None
    description: str | None
    categories: list[str]
    has: strawberry.Private[Sequence[Variant]]

    @classmethod
    def of(cls, record: ProductRecord) -> Self:
        """It, of what the shop has."""
        return cls(
            id=strawberry.ID(record.id),
            handle=record.handle,
            title=record.title,
            brand=record.brand,
            description=record.description,
            categories=list(record.categories),
            has=[Variant.of(variant) for variant in record.variants],
        )

    @strawberry.field
    def variants(self, first: int) -> VariantConnection:
        """The first of its variants."""
        return VariantConnection(nodes=list(self.has[:first]))


@strawberry.type
class ProductConnection:
    """Some products."""

    nodes: list[Product]


class Shelf:
    """The shop, and its products as types of the schema."""

    def __init__(self, file: Path) -> None:
        """Reads the file that the bench has written."""
        self.shop = Shop(file)
        self.products = [Product.of(record) for record in self.shop.products]
        self.of_handle = {product.handle: product for product in self.products}
        self.variants = {it.sku: it for product in self.products for it in product.has}


@strawberry.input(one_of=True)
class VariantBy:
    """Which variant."""

    sku: strawberry.Maybe[str]


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    def variant(self, info: Info, by: VariantBy) -> Variant | None:
        """One variant."""
        return info.context.shelf.variants.get(by.sku.value) if by.sku else None

    @strawberry.field
    def products(self, info: Info, first: int) -> ProductConnection:
        """The first products."""
        return ProductConnection(nodes=info.context.shelf.products[:first])


@strawberry.enum
class ReservationStatus(Enum):
    """What a reservation is."""

    HELD = "HELD"


@strawberry.input
class ReservationLineInput:
    """What is wanted."""

    sku: str
    quantity: int


@strawberry.input
class ReserveStockInput:
    """A hold."""

    idempotency_key: str
    channel: str
    lines: list[ReservationLineInput]
    location_code: str | None = None
    ttl_seconds: int | None = None


@strawberry.type
class ReservationLine:
    """What is held."""

    sku: str
    quantity: int


@strawberry.type
class Reservation:
    """A hold that was made."""

    id: strawberry.ID
    status: ReservationStatus
    lines: list[ReservationLine]


@strawberry.type
class UserError:
    """Why nothing was done."""

    code: str


@strawberry.type
class ReserveStockPayload:
    """What a hold came to."""

    reservation: Reservation | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class Location:
    """A place."""

    code: str


@strawberry.type
class StockLevel:
    """Units at a place."""

    location: Location
    available_to_promise: int


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    def reserve_stock(self, info: Info, input: ReserveStockInput) -> ReserveStockPayload:
        """Holds units."""
        asked = [(line.sku, line.quantity) for line in input.lines]
        made = info.context.shelf.shop.reserve(asked)
        if made is None:
            short = [UserError(code="INSUFFICIENT_STOCK")]
            return ReserveStockPayload(reservation=None, replayed=False, user_errors=short)
        held = Reservation(
            id=strawberry.ID(made),
            status=ReservationStatus.HELD,
            lines=[ReservationLine(sku=sku, quantity=quantity) for sku, quantity in asked],
        )
        return ReserveStockPayload(reservation=held, replayed=False, user_errors=[])


@strawberry.type
class Subscription:
    """What can be watched."""

    @strawberry.subscription
    async def stock_changed(
        self,
        info: Info,
        skus: list[str],
        location_codes: list[str] | None = None,  # noqa: ARG002  # there is one place
    ) -> AsyncIterator[StockLevel]:
        """Units as they are, and whenever they change."""
        shop = info.context.shelf.shop
        async for units in shop.changes(skus[0]):
            yield StockLevel(location=Location(code=shop.place), available_to_promise=units)


class Served(GraphQL[Context, None]):
    """The library's own view, with what each operation has."""

    shelf: Shelf

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        """A loader for each operation."""
        del request, response
        return Context(self.shelf, self.shelf.shop.loader())


def main() -> None:
    """Serves the shop of a file."""
    cached = "--uncached" not in sys.argv
    caches: list[type[SchemaExtension]] = [ParserCache, ValidationCache] if cached else []
    schema = strawberry.Schema(Query, Mutation, Subscription, extensions=caches)
    app = Served(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL], graphql_ide=None)
    app.shelf = Shelf(Path(sys.argv[1]))
    serve(app)


if __name__ == "__main__":
    main()
