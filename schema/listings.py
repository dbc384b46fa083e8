"""Listings that need a person, a person's word about one, and prices that differ."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import freshness, listings, price_differences
from resolvers.domain.matching import Suggestion
from resolvers.domain.price_differences import PriceDifference, PriceSaid
from resolvers.house import CATALOG, LISTINGS
from resolvers.listings import ListingView, MapListing
from schema.catalog import VariantType
from schema.enums import PublicationState, Reason
from schema.fields import After, First, instances_of, plain
from schema.ids import NodeType, identity
from schema.info import Info
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.payloads import (
    Answer,
    UserErrorType,
    answered,
    key_field,
    replayed_field,
    user_errors_field,
)
from schema.values import MoneyType

UNMATCHED, DIFFERENCES = "unmatchedListings", "priceDifferences"
OPEN = "openPublications"


@strawberry.type(name="ListingPrice", description="What a listing costs in a channel.")
class ListingPriceType:
    """One pair of the domain's prices."""

    channel: str = plain(lambda said: said[0], "Code of the channel.")
    price: MoneyType = plain(lambda said: said[1], "Of the whole listing, tax included.")


@strawberry.type(name="ListingSuggestion", description="A SKU that a listing may stand for.")
class ListingSuggestionType:
    """Read from the domain's suggestion."""

    sku: str = strawberry.field(description="The SKU; `mapListing` takes it.")
    reason: Reason = strawberry.field(description="Why.")
    score: float = strawberry.field(
        description="How likely, 0 to 1; 1 is the configuration's own word."
    )


@strawberry.type(
    name="ListingPublication",
    description="What a marketplace was told that a listing may sell. All quantities are pieces "
    "of the listing.",
)
class ListingPublicationType:
    """Read from the domain's record."""

    state: PublicationState = strawberry.field(description="How far it is.")
    wanted: int = strawberry.field(description="How many it may sell, by the books.")
    wanted_at: datetime = strawberry.field(description="Since when that is so.")
    told: int | None = strawberry.field(
        description="The number that it had, or was given, when all that its marketplace had sold "
        "was in the books; null before the first time."
    )
    told_at: datetime | None = strawberry.field(description="When that was.")
    reported: int | None = plain(
        "found",
        "The number that the marketplace had when it was asked last; null if it has no "
        "such listing, or does not count it. If it differs from `told`, somebody there has sold or "
        "changed it since.",
    )
    verified_at: datetime | None = strawberry.field(
        description="When the marketplace was last seen to have the number that was wanted."
    )
    error: str | None = strawberry.field(
        description="Why it was not taken; null if nothing went wrong."
    )
    attempts: int = strawberry.field(description="Tries since it was last as wanted.")
    next_try_at: datetime | None = plain(
        "not_before", "Not tried again before; null if nothing holds it back."
    )


@strawberry.type(name="Listing", description="What a marketplace offers under an id of its own.")
class ListingType(NodeType):
    """Read from the flow's view of a listing."""

    is_type_of = instances_of(ListingView)

    id: strawberry.ID = identity("Listing", "listing.backend", "listing.id")
    backend: str = plain("listing.backend", "Code of the marketplace.")
    external_id: str = plain("listing.id", "What the marketplace calls it.")
    title: str = plain("listing.title", "Its title there.")
    seller_code: str | None = plain(
        "listing.seller_code", "What the seller wrote on it, mostly a SKU; null if nothing."
    )
    barcodes: list[str] = plain("listing.barcodes", "Barcodes that the marketplace has of it.")
    prices: list[ListingPriceType] = plain("listing.prices", "What it costs, by channel.")
    active: bool = plain("listing.active", "Whether it is still offered.")
    sku: str | None = plain(
        lambda view: None if view.offer is None else view.offer.sku,
        "The SKU that it stands for; null if it stands for none that is sold.",
    )
    units: int | None = plain(
        lambda view: None if view.offer is None else view.offer.units,
        "How many units of that SKU a buyer of it gets; null if it stands for none.",
    )
    duplicate_of: str | None = strawberry.field(
        description="`externalId` of the listing of the same marketplace that stands for as many "
        "units of the same SKU; null if it is the only one, or the first."
    )
    publication: ListingPublicationType | None = strawberry.field(
        description="What its marketplace was told that it may sell; null if nothing, as it stands "
        "for nothing, or its marketplace is not told."
    )

    @strawberry.field(
        graphql_type=list[ListingSuggestionType],
        description="SKUs that it may stand for, the likeliest first; at most 5, without the one "
        "that it stands for.",
    )
    @staticmethod
    async def suggestions(view: strawberry.Parent[ListingView], info: Info) -> Sequence[Suggestion]:
        """What may be accepted."""
        return await listings.suggested(info.context.ctx, view)


@strawberry.type(
    name="ChannelPrice", description="What one system says that a unit costs in a channel."
)
class ChannelPriceType:
    """Read from the domain's word on a price."""

    channel: str = strawberry.field(description="Code of the channel.")
    price: MoneyType | None = strawberry.field(
        description="Of one unit, tax included; null if the price of a listing of several units "
        "comes to no whole amount for one."
    )
    source: str = plain("fact.system", "Code of the backend that says so.")
    shown: bool = strawberry.field(
        description="Whether this is the price that the channel's buyers are shown."
    )

    @strawberry.field(description="When that backend was last heard saying so.")
    @staticmethod
    async def observed_at(said: strawberry.Parent[PriceSaid], info: Info) -> datetime:
        """How fresh it is."""
        ctx = info.context.ctx
        [fact] = await freshness.confirmed(ctx, [said.fact], CATALOG, LISTINGS)
        return fact.observed_at


@strawberry.type(
    name="PriceDifference",
    description="A variant that costs another price in one channel than in another, or than "
    "another system says.",
)
class PriceDifferenceType:
    """Read from the domain's difference."""

    variant: VariantType = strawberry.field(description="What is sold.")
    channels: list[ChannelPriceType] = plain(
        "said", "All that is said of its price, by channel; of one channel the price shown first."
    )
    difference: MoneyType | None = strawberry.field(
        description="Between the lowest and the highest of one currency, the largest if there are "
        "several. Null if they are the same and only some price is missing."
    )


@strawberry.input(name="MapListingInput", description="What a listing stands for.")
class MapListingInput:
    """Becomes the flow's command."""

    idempotency_key: str = key_field()
    backend: str = strawberry.field(description="Code of the marketplace.")
    listing_id: str = strawberry.field(
        description="What the marketplace calls the listing: its `externalId`."
    )
    sku: str = strawberry.field(description="The SKU that it stands for; a bundle's, too.")
    units: int = strawberry.field(
        default=1, description="How many units of it a buyer of the listing gets, 1 to 1000."
    )

    def asked(self) -> MapListing:
        """The same for the flow."""
        return MapListing(self.backend, self.listing_id, self.sku, self.units)


@strawberry.type(name="MapListingPayload", description="What came of `mapListing`.")
class MapListingPayload:
    """Read from an answer."""

    listing: ListingType | None = plain(
        "made", "The listing as it is now; null when nothing was done."
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


OfBackend = Annotated[
    str | None, strawberry.argument(description="Code of one marketplace; all if left out.")
]


@strawberry.type
class ListingsQuery:
    """The root fields about listings and their prices."""

    @strawberry.field(
        graphql_type=ConnectionType[ListingType],
        description="Listings that need a person: first those that stand for no SKU that is sold, "
        "then those that repeat another, each by backend and id. A page may have fewer entries "
        "than asked for though more come.",
    )
    @staticmethod
    async def unmatched_listings(
        info: Info, first: First, after: After = UNSET
    ) -> Listed[ListingView]:
        """A page of listings."""
        start = after_of(after, UNMATCHED)
        return listed(await listings.browse_unmatched(info.context.ctx, first, start), UNMATCHED)

    @strawberry.field(
        graphql_type=ConnectionType[ListingType],
        description="Listings whose marketplace does not have yet the number that they may sell: "
        "it is on its way, or was not taken. By backend and id.",
    )
    @staticmethod
    async def open_publications(
        info: Info, first: First, after: After = UNSET, backend: OfBackend = None
    ) -> Listed[ListingView]:
        """A page of listings."""
        start = after_of(after, OPEN)
        page = await listings.browse_open_publications(info.context.ctx, backend, first, start)
        return listed(page, OPEN)

    @strawberry.field(
        graphql_type=ConnectionType[PriceDifferenceType],
        description="Variants whose price differs between channels of one currency, or between "
        "systems, by SKU. A page looks at 1,000 SKUs at most, so that it may have fewer entries "
        "than asked for though more come.",
    )
    @staticmethod
    async def price_differences(
        info: Info, first: First, after: After = UNSET
    ) -> Listed[PriceDifference]:
        """A page of variants."""
        start = after_of(after, DIFFERENCES)
        page = await price_differences.browse_price_differences(info.context.ctx, first, start)
        return listed(page, DIFFERENCES)


Mapping = Annotated[MapListingInput, strawberry.argument(description="Which listing, and what.")]


@strawberry.type
class ListingsMutation:
    """The root field about what listings stand for."""

    @strawberry.mutation(
        graphql_type=MapListingPayload,
        description="Says which SKU a listing stands for, whatever its seller code says, over what "
        "was said before. Its price is shown at once; no stock is moved.",
    )
    @staticmethod
    async def map_listing(info: Info, input: Mapping) -> Answer[ListingView]:
        """One word about one listing."""
        return await answered(
            lambda: listings.map_listing(info.context.ctx, input.idempotency_key, input.asked())
        )
