"""What lies where: levels, people's corrections, and watching both.

What a channel may promise of it stands in ``availability``.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry
from strawberry import UNSET

from resolvers import catalog, freshness, ledger, levels, looks, stock
from resolvers.domain.catalog import Variant
from resolvers.domain.stock import StockEntry
from resolvers.filters import LevelFilter
from resolvers.freshness import Unconfirmed
from resolvers.levels import Level, Shortage
from resolvers.paging import Page
from resolvers.stock import AdjustStock
from schema.availability import Skus, warn_of
from schema.enums import StockReason
from schema.fields import After, First, instances_of, plain, read_together
from schema.ids import NodeType, identity
from schema.info import Info
from schema.ledger import StockEntryType, entries_of
from schema.locations import LocationType
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.payloads import (
    Answer,
    UserErrorType,
    answered,
    key_field,
    replayed_field,
    user_errors_field,
)
from schema.values import ProvenanceType

if TYPE_CHECKING:
    from schema.catalog import VariantType

LIST = "stockLevels"


async def _variants(lying: Sequence[Level], info: Info) -> Sequence[Variant]:
    """The variant of each of some levels."""
    return await catalog.known_variants(info.context.ctx, [it.position.sku for it in lying])


@strawberry.type(name="StockLevel", description="What one location has of one SKU now.")
class StockLevelType(NodeType):
    """Read from the flow's level."""

    is_type_of = instances_of(Level)

    id: strawberry.ID = identity("StockLevel", "position.sku", "position.location")
    location: LocationType = strawberry.field(description="Where it lies.")
    on_hand: int = plain(
        "on_hand",
        "Units that are physically there; below zero when more was sold than was counted.",
    )
    soft_reserved: int = plain("position.soft", "Of these, units held for buyers for a while.")
    hard_reserved: int = plain("position.hard", "Of these, units that belong to confirmed orders.")
    safety_stock: int = plain(
        "safety_stock",
        "Units kept for people in the shop, by a stock rule that names no channel or else by the "
        "location's own setting: no other channel is promised them.",
    )
    available_to_promise: int = plain(
        "available",
        "Units that a channel outside the shop may promise from here, 0 or more: on hand less all "
        "that is promised, sold elsewhere or kept. Rules for single channels may leave it less.",
    )
    incoming: int = plain("position.incoming", "Units expected; never promised.")
    provenance: ProvenanceType = plain("origin", "Which system says so, and when.")

    @strawberry.field(
        graphql_type=Annotated["VariantType", strawberry.lazy("schema.catalog")],
        description="What lies there.",
        metadata=read_together(_variants),
    )
    @staticmethod
    async def variant(level: strawberry.Parent[Level], info: Info) -> Variant:
        """The variant of the level's SKU."""
        [found] = await _variants([level], info)
        return found

    @strawberry.field(
        graphql_type=ConnectionType[StockEntryType],
        description="What moved it, the newest first, back to `entriesSince`.",
    )
    @staticmethod
    async def entries(
        level: strawberry.Parent[Level], info: Info, first: First, after: After = UNSET
    ) -> Listed[StockEntry]:
        """A page of its ledger."""
        at = level.position
        return await entries_of(info, at.sku, at.location, first, after)

    @strawberry.field(
        graphql_type=datetime | None,
        description="When the last entry was written that is folded into the SKU's checkpoint; "
        "null while every entry is there.",
    )
    @staticmethod
    async def entries_since(level: strawberry.Parent[Level], info: Info) -> datetime | None:
        """Where its history begins."""
        return await ledger.history_begins(info.context.ctx, level.position.sku)


@strawberry.input(
    name="StockLevelFilter",
    description="Which levels are asked for. A list means any of its values; absent means all.",
)
class StockLevelFilterInput:
    """Becomes the port's filter."""

    location_code: list[str] | None = strawberry.field(description="At these locations.")
    sku: list[str] | None = strawberry.field(description="Of these SKUs.")
    low_stock: bool | None = strawberry.field(
        description="True: with at least 1 unit to promise, and no more than the configuration "
        "calls low. False: all others. With `outOfStock` true as well: either."
    )
    out_of_stock: bool | None = strawberry.field(
        description="True: with nothing to promise. False: with at least 1 unit."
    )
    updated_since: datetime | None = strawberry.field(
        description="Changed at or after this instant."
    )

    def asked(self) -> LevelFilter:
        """The same for the flow."""
        return LevelFilter(
            tuple(self.location_code or ()), tuple(self.sku or ()), self.updated_since
        )

    def shortage(self) -> Shortage:
        """What it says of levels that are short, for the flow."""
        return Shortage(self.low_stock, self.out_of_stock)


@strawberry.input(name="RecountInput", description="What somebody counted.")
class RecountInput:
    """A count and what it was expected to be."""

    on_hand: int = strawberry.field(description="Units that lie there, 0 to 1,000,000.")
    expected: int = strawberry.field(
        description="Units on hand by the books when the counting began; if they say something "
        "else by now, the recount is refused (`STOCK_MOVED`)."
    )


@strawberry.input(
    name="AdjustStockInput",
    description="A correction of what lies at a location. Give exactly one of `delta` and "
    "`recount`.",
)
class AdjustStockInput:
    """Becomes the flow's correction."""

    idempotency_key: str = key_field()
    sku: str = strawberry.field(description="The SKU; a bundle has no stock of its own.")
    location_code: str = strawberry.field(description="Where.")
    delta: int | None = strawberry.field(
        description="Units more (or, below zero, fewer) than before; at most 1,000,000 either way."
    )
    recount: RecountInput | None = strawberry.field(description="What somebody counted instead.")
    reason: StockReason = strawberry.field(description="Why.")
    note: str | None = strawberry.field(description="Anything to remember of it, for people.")

    def asked(self) -> AdjustStock:
        """The same for the flow."""
        counted = self.recount
        return AdjustStock(
            self.idempotency_key,
            self.sku,
            self.location_code,
            self.reason,
            self.delta,
            counted.on_hand if counted else None,
            counted.expected if counted else None,
            self.note,
        )


@strawberry.type(name="AdjustStockPayload", description="What came of `adjustStock`.")
class AdjustStockPayload:
    """Read from an answer."""

    stock_level: StockLevelType | None = plain(
        "made", "The level after the correction; null when nothing was done."
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


async def looked(info: Info, page: Page[Level]) -> Page[Level]:
    """The page as it is shown: what is too old asked anew, with a warning for what stays old."""
    shown = await looks.looked(info.context.ctx, page.nodes)
    noted(info, shown)
    cursors = (cursor for cursor, _ in page.edges)
    return replace(page, edges=tuple(zip(cursors, shown, strict=True)))


def noted(info: Info, levels: Sequence[Level]) -> None:
    """Warns of levels that rest on facts which are out of date."""
    for level in levels:
        if isinstance(level.origin, Unconfirmed):
            told = level.origin
            info.context.warn_unconfirmed(told.system, "stock", told.why)
        elif freshness.stale(info.context.ctx, level.origin):
            warn_of(info, level.position.sku, level.origin)


Filter = Annotated[
    StockLevelFilterInput | None,
    strawberry.argument(description="Which levels; absent: every one."),
]
Adjustment = Annotated[AdjustStockInput, strawberry.argument(description="The correction.")]
LocationCodes = Annotated[
    list[str] | None,
    strawberry.argument(description="At these locations only; absent: at all of them."),
]


@strawberry.type
class StockQuery:
    """The root field about levels."""

    @strawberry.field(
        graphql_type=ConnectionType[StockLevelType],
        description="Stock levels, by SKU and then by location. A SKU that the catalogue does not "
        "have is left out. Where few of very many are to be shown, a page may have fewer entries "
        "than asked for and `hasNextPage` true: go on after its `endCursor`.",
    )
    @staticmethod
    async def stock_levels(
        info: Info, first: First, after: After = UNSET, filter: Filter = UNSET
    ) -> Listed[Level]:
        """A page of levels."""
        asked, short = (filter.asked(), filter.shortage()) if filter else (LevelFilter(), None)
        start = after_of(after, LIST)
        page = await levels.browse_levels(info.context.ctx, asked, first, start, short)
        return listed(await looked(info, page), LIST)


@strawberry.type
class StockMutation:
    """The root field about corrections."""

    @strawberry.mutation(
        graphql_type=AdjustStockPayload,
        description="Corrects what lies at a location, by a difference or a recount. Where a "
        "backend owns the number it is told; one that takes no corrections is `NOT_AUTHORITATIVE`.",
    )
    @staticmethod
    async def adjust_stock(info: Info, input: Adjustment) -> Answer[Level | None]:
        """One correction."""
        return await answered(lambda: stock.adjust_stock(info.context.ctx, input.asked()))


@strawberry.type
class StockSubscription:
    """The root field that watches levels."""

    @strawberry.subscription(
        graphql_type=StockLevelType,
        description="Each level of some SKUs as it is, then again whenever it changes. States, not "
        "differences: a slow client misses some, but never the last.",
    )
    @staticmethod
    async def stock_changed(
        info: Info, skus: Skus, location_codes: LocationCodes = UNSET
    ) -> AsyncIterator[Level]:
        """Levels, one at a time."""
        watched = levels.watch_levels(info.context.ctx, skus, location_codes or ())
        async with aclosing(cast("AsyncGenerator[Level, None]", watched)) as states:
            async for level in states:
                noted(info, [level])
                yield level
