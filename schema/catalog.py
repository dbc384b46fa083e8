"""Products and their variants, each with what may be promised of it and where it lies at hand.

What is asked about them stands in ``catalog_queries``.
"""

from collections.abc import Awaitable, Sequence
from operator import itemgetter
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from resolvers import catalog, freshness, levels, looks, stock
from resolvers.domain.catalog import Component, Product, Provenance, Variant, title_of
from resolvers.domain.values import Money
from resolvers.house import CATALOG, LISTINGS
from resolvers.levels import Level
from resolvers.paging import sliced
from resolvers.stock import Promise
from resolvers.terms import LiveField
from schema.availability import AvailabilityType, ChannelCode, Near, ServedBy, noted, point_of
from schema.enums import Method
from schema.fields import (
    IS_PURE,
    After,
    First,
    Locale,
    instances_of,
    plain,
    pure_when,
    read_together,
)
from schema.ids import NodeType, identity
from schema.info import Info
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.stock import LocationCodes, StockLevelType, looked
from schema.values import GeoPointInput, MoneyType, ProvenanceType

PRODUCTS, VARIANTS, LEVELS = "products", "variants", "stockLevelsOfVariant"


def _known_price(variant: Variant, channel: str) -> Money | None:
    return variant.prices.get(channel)


async def _price(info: Info, variant: Variant, channel: str) -> Money | None:
    """A price, with a warning if it should have been asked for anew and could not be."""
    shown = await looks.price_of(info.context.ctx, variant, channel)
    if shown.fallen_back is not None:
        info.context.warn_unconfirmed(shown.fallen_back.system, "price", shown.fallen_back.why)
    return shown.price


async def provenance_of(info: Info, facts: Sequence[Provenance]) -> list[Provenance]:
    """The facts of the catalogue, each as fresh as its system's last word on the catalogue."""
    return await freshness.confirmed(info.context.ctx, facts, CATALOG, LISTINGS)


async def _provenances(
    records: Sequence[Product] | Sequence[Variant], info: Info
) -> list[list[Provenance]]:
    """The same of each of some records."""
    return [await provenance_of(info, record.provenance) for record in records]


@strawberry.type(name="Media", description="A picture or film of a product.")
class MediaType:
    """Read from the domain's media."""

    url: str = strawberry.field(description="Where it lies; for a browser, not for this gateway.")
    alt: str = strawberry.field(description="What it shows, in words; may be empty.")


@strawberry.type(name="SelectedOption", description="What tells a variant from its sisters.")
class SelectedOptionType:
    """One pair of the domain's options."""

    name: str = plain(itemgetter(0), "What is chosen, like `size`.")
    value: str = plain(itemgetter(1), "What was chosen, like `30ml`.")


@strawberry.type(name="AttributeSource", description="Which backends an attribute was taken from.")
class AttributeSourceType:
    """One pair of the domain's ``said_by``."""

    attribute: str = plain(
        lambda said: said[0],
        "`title`, `brand`, `description`, `media`, `categories`, `barcodes`, `options`, `cost`, or "
        "`prices.` and the code of a channel.",
    )
    systems: list[str] = plain(
        lambda said: said[1], "Codes of the backends that said it, whoever is believed first first."
    )


def attribute_sources() -> Any:
    """The field ``saidBy`` of whatever is merged."""
    return plain(
        lambda made: list(made.said_by.items()),
        "Which backends each attribute was taken from, if several say something of it; empty if "
        "one system says all.",
    )


async def _parts(parts: Sequence[Component], info: Info) -> Sequence[Variant]:
    """The variant of each of some parts."""
    return await catalog.known_variants(info.context.ctx, [part.sku for part in parts])


@strawberry.type(name="BundleComponent", description="A part of a bundle.")
class BundleComponentType:
    """Read from the domain's component."""

    quantity: int = strawberry.field(description="Units of it in one bundle.")

    @strawberry.field(
        graphql_type="VariantType",
        description="What the part is.",
        metadata=read_together(_parts),
    )
    @staticmethod
    async def variant(part: strawberry.Parent[Component], info: Info) -> Variant:
        """The part's own variant."""
        [found] = await _parts([part], info)
        return found


async def _promises(
    variants: Sequence[Variant],
    info: Info,
    channel: str,
    method: Method | None = UNSET,
    near: GeoPointInput | None = UNSET,
) -> list[Promise]:
    """What a channel may promise of each of some variants."""
    ctx, point = info.context.ctx, point_of(near)
    found = await stock.promises_of(ctx, variants, channel, method or None, point)
    return [noted(info, promise) for promise in found]


async def _products(variants: Sequence[Variant], info: Info) -> Sequence[Product]:
    """The product of each of some variants."""
    return await catalog.products_of(info.context.ctx, variants)


@strawberry.type(
    name="Variant", description="What is sold and counted: one SKU, the ERP's item code."
)
class VariantType(NodeType):
    """Read from the domain's variant."""

    is_type_of = instances_of(Variant)

    id: strawberry.ID = identity("Variant", "sku")
    sku: str = strawberry.field(description="The ERP's item code, compared exactly.")
    barcodes: list[str] = strawberry.field(
        description="Every barcode of it; a variant may have several, or none."
    )
    options: list[SelectedOptionType] = strawberry.field(
        description="What tells it from the product's other variants; empty if it is the only one."
    )
    components: list[BundleComponentType] = strawberry.field(
        description="Its parts, if it is a bundle; empty if it is not."
    )
    unit_cost: MoneyType | None = strawberry.field(
        description="What one unit costs the retailer, by the ERP. Null where the ERP does not "
        "say, and to whoever may not see costs."
    )

    said_by: list[AttributeSourceType] = attribute_sources()

    @strawberry.field(description="Its title, in one language.", metadata=IS_PURE)
    @staticmethod
    def title(variant: strawberry.Parent[Variant], locale: Locale = UNSET) -> str:
        """The title in a locale."""
        return title_of(variant.titles, locale or None)

    @strawberry.field(
        graphql_type="ProductType",
        description="The product that it is one of.",
        metadata=read_together(_products),
    )
    @staticmethod
    async def product(variant: strawberry.Parent[Variant], info: Info) -> Product:
        """The product of the variant's handle."""
        [found] = await catalog.products_of(info.context.ctx, [variant])
        return found

    @strawberry.field(
        graphql_type=MoneyType | None,
        description="Its price in a channel, tax included; null if it is not sold there.",
        metadata=pure_when(
            lambda asked: not looks.may_ask(asked.ctx, LiveField.PRICE), then=_known_price
        ),
    )
    @staticmethod
    def price(
        variant: strawberry.Parent[Variant],
        info: Info,
        channel: Annotated[str, strawberry.argument(description="Code of the channel.")],
    ) -> Money | Awaitable[Money | None] | None:
        """The channel's price; nothing waits where no backend may be asked."""
        if not looks.may_ask(info.context.ctx, LiveField.PRICE):
            return _known_price(variant, channel)
        return _price(info, variant, channel)

    @strawberry.field(
        graphql_type=AvailabilityType,
        description="What a channel may promise of it now, and why.",
        metadata=read_together(_promises),
    )
    @staticmethod
    async def availability(
        variant: strawberry.Parent[Variant],
        info: Info,
        channel: ChannelCode,
        method: ServedBy = UNSET,
        near: Near = UNSET,
    ) -> Promise:
        """The promise for this SKU; many variants are answered together."""
        ctx, point = info.context.ctx, point_of(near)
        return noted(
            info, await stock.availability_of(ctx, variant, channel, method or None, point)
        )

    @strawberry.field(
        graphql_type=ConnectionType[StockLevelType],
        description="What lies of it where, by location. A bundle has no stock of its own.",
    )
    @staticmethod
    async def stock_levels(
        variant: strawberry.Parent[Variant],
        info: Info,
        first: First,
        after: After = UNSET,
        location_codes: LocationCodes = UNSET,
    ) -> Listed[Level]:
        """A page of its levels."""
        start = after_of(after, LEVELS)
        ctx, places = info.context.ctx, location_codes or ()
        ctx.loaders.variants_by_sku.prime(variant.sku, variant)  # levels are asked what they are of
        page = await levels.levels_of(ctx, variant.sku, places, first, start)
        return listed(await looked(info, page), LEVELS)

    @strawberry.field(
        graphql_type=list[ProvenanceType],
        description="Which systems say so, and when.",
        metadata=read_together(_provenances),
    )
    @staticmethod
    async def provenance(variant: strawberry.Parent[Variant], info: Info) -> list[Provenance]:
        """Where the variant came from."""
        return await provenance_of(info, variant.provenance)


@strawberry.type(
    name="Product", description="A style: what a shopper looks at, with variants to choose from."
)
class ProductType(NodeType):
    """Read from the domain's product."""

    is_type_of = instances_of(Product)

    id: strawberry.ID = identity("Product", "handle")
    handle: str = strawberry.field(description="Its name in addresses, the same for ever.")
    brand: str | None = strawberry.field(description="Its brand; null where the ERP knows none.")
    description: str | None = strawberry.field(
        description="What it is, for shoppers; null where no system says."
    )
    categories: list[str] = strawberry.field(
        description="Paths like `beauty/skincare`, the widest first."
    )
    media: list[MediaType] = strawberry.field(description="Pictures and films, the main one first.")

    said_by: list[AttributeSourceType] = attribute_sources()

    @strawberry.field(description="Its title, in one language.", metadata=IS_PURE)
    @staticmethod
    def title(product: strawberry.Parent[Product], locale: Locale = UNSET) -> str:
        """The title in a locale."""
        return title_of(product.titles, locale or None)

    @strawberry.field(
        graphql_type=ConnectionType[VariantType],
        description="Its variants, in the order that the ERP gives them.",
        metadata=IS_PURE,
    )
    @staticmethod
    def variants(
        product: strawberry.Parent[Product], first: First, after: After = UNSET
    ) -> Listed[Variant]:
        """A page of variants, by place."""
        places = [(f"{at:06}", variant) for at, variant in enumerate(product.variants)]
        return listed(sliced(places, first, after_of(after, VARIANTS)), VARIANTS)

    @strawberry.field(
        graphql_type=list[ProvenanceType],
        description="Which systems say so, and when.",
        metadata=read_together(_provenances),
    )
    @staticmethod
    async def provenance(product: strawberry.Parent[Product], info: Info) -> list[Provenance]:
        """Where the product came from."""
        return await provenance_of(info, product.provenance)
