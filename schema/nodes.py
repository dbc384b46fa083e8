"""Things found again by nothing but their id, whatever their type."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

import strawberry

from resolvers import catalog, levels, listings, members, orders, reservations, ruling
from resolvers.context import Context
from resolvers.domain.errors import InvalidInput
from resolvers.paging import PAGE_MAX
from schema.access import ACCESS, admitted
from schema.ids import BETWEEN, NodeType, opened
from schema.info import Info


async def _level(ctx: Context, key: str) -> object:
    sku, _, location = key.partition(BETWEEN)
    return await levels.level_at(ctx, sku, location)


async def _listing(ctx: Context, key: str) -> object:
    backend, _, id = key.partition(BETWEEN)
    return await listings.listing_by_key(ctx, backend, id)


async def _order(ctx: Context, key: str) -> object:
    return orders.visible(ctx, await ctx.loaders.orders_by_id.load(key))


LOOK_UPS: Mapping[str, tuple[str, Callable[[Context, str], Awaitable[object]]]] = {
    "Product": ("Query.product", catalog.product_by_handle),
    "Variant": ("Query.variant", catalog.variant_by_sku),
    "Location": ("Query.location", catalog.location_by_code),
    "StockLevel": ("Query.stockLevels", _level),
    "StockRule": ("Query.stockRules", ruling.rule_by_code),
    "Listing": ("Query.unmatchedListings", _listing),
    "Reservation": ("Query.reservation", reservations.reservation),
    "Order": ("Query.order", _order),
    "Member": ("Query.me", members.member_by_id),
}
"""How a thing of each type is found, and the root field whose scope it asks for."""


async def found(info: Info, id: str) -> object:
    """The thing behind an id; None if there is none that the caller may see."""
    kind, key = opened(id) or ("", "")
    if kind not in LOOK_UPS:
        return None
    row, look_up = LOOK_UPS[kind]
    ctx = info.context.ctx
    return await look_up(ctx, key) if admitted(ctx.principal, ACCESS[row]) else None


@strawberry.type
class NodesQuery:
    """The root fields that know ids only."""

    @strawberry.field(
        graphql_type=NodeType | None,
        description="The thing behind an id; null if there is none that the caller may see.",
    )
    @staticmethod
    async def node(
        info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="An opaque id.")]
    ) -> object:
        """One thing."""
        return await found(info, id)

    @strawberry.field(
        graphql_type=list[NodeType | None],
        description="The things behind some ids, in the order asked, null where there is none that "
        "the caller may see.",
    )
    @staticmethod
    async def nodes(
        info: Info,
        ids: Annotated[
            list[strawberry.ID], strawberry.argument(description="At most 100 opaque ids.")
        ],
    ) -> list[object]:
        """One thing for each id; of one type they are read together."""
        if len(ids) > PAGE_MAX:
            raise InvalidInput(f"at most {PAGE_MAX} ids at a time", field=("ids",))
        return await asyncio.gather(*(found(info, id) for id in ids))
