"""Ariadne as it comes, on uvicorn: ``python -m bench.servers.ariadne_stock FILE``.

It has no cache of documents of its own, so each is parsed and validated every time.
"""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiodataloader import DataLoader
from ariadne import (  # type: ignore[import-not-found,unused-ignore]  # installed beside it
    MutationType,
    ObjectType,
    QueryType,
    ScalarType,
    SubscriptionType,
    load_schema_from_path,
    make_executable_schema,
)
from ariadne.asgi import GraphQL  # type: ignore[import-not-found,unused-ignore]
from ariadne.asgi.handlers import (  # type: ignore[import-not-found,unused-ignore]
    GraphQLTransportWSHandler,
)
from graphql import GraphQLResolveInfo

from bench.servers.shop import Product, Shop, Variant, serve

SDL = Path(__file__).parent / "schema.graphql"
Answer = Mapping[str, Any]
Info = GraphQLResolveInfo[Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What each operation has: the shop, and a loader of its own."""

    shop: Shop
    availability: DataLoader[str, int]


def variant(_: object, info: Info, by: Mapping[str, str]) -> Variant | None:
    """One variant."""
    shop: Shop = info.context.shop
    return shop.variants.get(by["sku"])


def products(_: object, info: Info, first: int) -> Answer:
    """The first products."""
    return {"nodes": info.context.shop.products[:first]}


def variants(of: Product, _: Info, first: int) -> Answer:
    """The first variants of a product."""
    return {"nodes": of.variants[:first]}


def product(of: Variant, info: Info) -> Product:
    """The product of a variant."""
    shop: Shop = info.context.shop
    return shop.of_handle[of.handle]


def price(of: Variant, _: Info, channel: str) -> object:
    """The price of a variant in a channel."""
    return of.prices.get(channel)


async def availability(of: Variant, info: Info, channel: str) -> Answer:  # noqa: ARG001  # one shop, one number
    """What can be promised of a variant."""
    return {"availableToPromise": await info.context.availability.load(of.sku), "stale": False}


def reserve(_: object, info: Info, input: Mapping[str, Any]) -> Answer:
    """Holds units."""
    lines: Sequence[Mapping[str, Any]] = input["lines"]
    made = info.context.shop.reserve([(line["sku"], line["quantity"]) for line in lines])
    if made is None:
        short = [{"code": "INSUFFICIENT_STOCK"}]
        return {"reservation": None, "replayed": False, "userErrors": short}
    held = {"id": made, "status": "HELD", "lines": lines}
    return {"reservation": held, "replayed": False, "userErrors": []}


def level(place: str, units: int) -> Answer:
    """Units at a place."""
    return {"location": {"code": place}, "availableToPromise": units}


async def changes(
    _: object,
    info: Info,
    skus: Sequence[str],
    locationCodes: Sequence[str] | None = None,  # noqa: ARG001, N803  # as the schema names it; there is one place
) -> AsyncIterator[Answer]:
    """Units as they are, and whenever they change."""
    shop: Shop = info.context.shop
    async for units in shop.changes(skus[0]):
        yield level(shop.place, units)


def changed(level: Answer, _: Info, **__: object) -> Answer:
    """What came, as it came."""
    return level


def main() -> None:
    """Serves the shop of a file."""
    query, mutation, subscription = QueryType(), MutationType(), SubscriptionType()
    of_product, of_variant, of_money = map(ObjectType, ("Product", "Variant", "Money"))
    for binder, name, resolver in (
        (query, "variant", variant),
        (query, "products", products),
        (of_product, "variants", variants),
        (of_variant, "product", product),
        (of_variant, "price", price),
        (of_variant, "availability", availability),
        (mutation, "reserveStock", reserve),
        (subscription, "stockChanged", changed),
    ):
        binder.set_field(name, resolver)
    of_money.set_alias("currencyCode", "currency_code")
    subscription.set_source("stockChanged", changes)
    decimals = ScalarType("Decimal", serializer=lambda amount: str(Decimal(amount)))
    schema = make_executable_schema(
        load_schema_from_path(SDL.as_posix()),
        [query, mutation, subscription, of_product, of_variant, of_money, decimals],
    )
    shop = Shop(Path(sys.argv[1]))
    serve(
        GraphQL(
            schema,
            context_value=lambda *_: Context(shop, shop.loader()),
            websocket_handler=GraphQLTransportWSHandler(),
            introspection=True,
            explorer=None,
        )
    )


if __name__ == "__main__":
    main()
