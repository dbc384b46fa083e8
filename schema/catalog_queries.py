"""The questions about the catalogue: one product or variant by its names, and lists of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import catalog, freshness
from resolvers.domain.catalog import Product, Variant
from resolvers.filters import ProductFilter
from resolvers.house import CATALOG, LISTINGS
from schema.availability import Skus
from schema.catalog import PRODUCTS, ProductType, VariantType
from schema.enums import ProductSort
from schema.fields import After, First
from schema.ids import key_of
from schema.info import Info
from schema.paging import ConnectionType, Listed, after_of, listed


@strawberry.input(
    name="ProductBy", description="One product, by exactly one of its names.", one_of=True
)
class ProductByInput:
    """Which product is asked for."""

    id: strawberry.ID | None = strawberry.field(description="Its opaque id.")
    handle: str | None = strawberry.field(description="Its handle, compared exactly.")


@strawberry.input(
    name="VariantBy", description="One variant, by exactly one of its names.", one_of=True
)
class VariantByInput:
    """Which variant is asked for."""

    id: strawberry.ID | None = strawberry.field(description="Its opaque id.")
    sku: str | None = strawberry.field(description="Its SKU, compared exactly.")
    barcode: str | None = strawberry.field(
        description="One of its barcodes; one that several variants have is refused, never guessed."
    )


@strawberry.input(
    name="ProductFilter",
    description="Which products are asked for. A list means any of its values; absent means all.",
)
class ProductFilterInput:
    """Becomes the port's filter."""

    search: str | None = strawberry.field(
        description="Words to find, at most 200 characters: Chinese by any two characters, other "
        "text by words and their beginnings. Case and width do not matter."
    )
    brand: list[str] | None = strawberry.field(description="Of these brands.")
    category: list[str] | None = strawberry.field(
        description="In these categories or below: `beauty` finds `beauty/skincare`, too."
    )
    channel: str | None = strawberry.field(description="Sold in this channel.")
    updated_since: datetime | None = strawberry.field(
        description="Changed at or after this instant."
    )
    in_stock: bool | None = strawberry.field(
        description="Whether some location has more of a variant than is promised. Bundles count "
        "as out of stock."
    )

    def asked(self) -> ProductFilter:
        """The same for the flow."""
        return ProductFilter(
            self.search,
            tuple(self.brand or ()),
            tuple(self.category or ()),
            self.channel,
            self.updated_since,
            self.in_stock,
        )


async def noted(info: Info, found: Sequence[Product | Variant | None]) -> None:
    """Warns if a system that some of it came from was not heard for too long."""
    facts = {fact.system: fact for one in found if one is not None for fact in one.provenance}
    ctx = info.context.ctx
    eldest = freshness.eldest_stale(
        ctx, await freshness.confirmed(ctx, facts.values(), CATALOG, LISTINGS)
    )
    if eldest is not None:
        age = freshness.age_seconds(ctx, eldest)
        info.context.warn_stale(
            f"the catalogue of {eldest.system} was last heard {age:.0f} s ago",
            path=info.path.as_list(),
        )


Filter = Annotated[
    ProductFilterInput | None,
    strawberry.argument(description="Which products; absent: every one."),
]
Sort = Annotated[
    ProductSort | None,
    strawberry.argument(description="In which order; absent: what answers the search best first."),
]


@strawberry.type
class CatalogQuery:
    """The root fields about the catalogue."""

    @strawberry.field(
        graphql_type=ProductType | None, description="One product; null if there is none such."
    )
    @staticmethod
    async def product(
        info: Info,
        by: Annotated[
            ProductByInput, strawberry.argument(description="Which, by exactly one name.")
        ],
    ) -> Product | None:
        """One product, by id or handle."""
        handle = by.handle if by.id is None else key_of("Product", by.id)
        if handle is None:
            return None
        found = await catalog.product_by_handle(info.context.ctx, handle)
        await noted(info, [found])
        return found

    @strawberry.field(
        graphql_type=ConnectionType[ProductType],
        description="Products, found and sorted as asked.",
    )
    @staticmethod
    async def products(
        info: Info, first: First, after: After = UNSET, filter: Filter = UNSET, sort: Sort = UNSET
    ) -> Listed[Product]:
        """A page of products."""
        asked = filter.asked() if filter else ProductFilter()
        order = sort or ProductSort.RELEVANCE
        start = after_of(after, PRODUCTS)
        page = await catalog.browse_products(info.context.ctx, asked, order, first, start)
        await noted(info, page.nodes)
        return listed(page, PRODUCTS)

    @strawberry.field(
        graphql_type=VariantType | None, description="One variant; null if there is none such."
    )
    @staticmethod
    async def variant(
        info: Info,
        by: Annotated[
            VariantByInput, strawberry.argument(description="Which, by exactly one name.")
        ],
    ) -> Variant | None:
        """One variant, by id, SKU or barcode."""
        ctx, found = info.context.ctx, None
        sku = by.sku if by.id is None else key_of("Variant", by.id)
        if by.barcode is not None:
            found = await catalog.variant_by_barcode(ctx, by.barcode)
        elif sku is not None:
            found = await catalog.variant_by_sku(ctx, sku)
        await noted(info, [found])
        return found

    @strawberry.field(
        graphql_type=list[VariantType | None],
        description="Some variants, in the order asked, null where a SKU is unknown.",
    )
    @staticmethod
    async def variants(info: Info, skus: Skus) -> Sequence[Variant | None]:
        """One variant for each SKU."""
        found = await catalog.variants_by_sku(info.context.ctx, skus)
        await noted(info, found)
        return found
