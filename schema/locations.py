"""Places and channels: where stock lies, and where it is sold from."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import catalog
from resolvers.domain.locations import Channel, Location
from schema.enums import Capability, ChannelKind, LocationKind
from schema.fields import After, First, instances_of, plain
from schema.ids import NodeType, identity, key_of
from schema.info import Info
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.values import GeoPointType

LIST = "locations"


@strawberry.type(name="Channel", description="Where things are sold.")
class ChannelType:
    """Read from the domain's channel."""

    code: str = strawberry.field(description="Code that arguments name it by, like `mini-program`.")
    name: str = strawberry.field(description="Its name, for people.")
    kind: ChannelKind = strawberry.field(description="What sort of selling it is.")
    currency_code: str = plain("currency", "ISO 4217 code of the one currency of its prices.")


@strawberry.type(
    name="OpeningHours", description="One opening of one weekday, in the location's local time."
)
class OpeningHoursType:
    """Read from the domain's opening hours."""

    weekday: int = strawberry.field(description="ISO weekday: 1 is Monday, 7 is Sunday.")
    opens: str = strawberry.field(description="When it opens, `HH:MM`.")
    closes: str = strawberry.field(description="When it closes, `HH:MM`, later on the same day.")


@strawberry.type(
    name="Location", description="A place that holds and hands over stock: a shop, a warehouse."
)
class LocationType(NodeType):
    """Read from the domain's location."""

    is_type_of = instances_of(Location)

    id: strawberry.ID = identity("Location", "code")
    code: str = strawberry.field(description="Code that arguments name it by, like `ST-01`.")
    name: str = strawberry.field(description="Its name, for people.")
    kind: LocationKind = strawberry.field(description="What sort of place it is.")
    geo: GeoPointType | None = strawberry.field(
        description="Where it is; null where its backend does not say."
    )
    capabilities: list[Capability] = strawberry.field(
        description="What it is able to do for a buyer."
    )
    region: str | None = strawberry.field(
        description="The retailer's region; null where its backend knows none."
    )
    address: str | None = strawberry.field(
        description="Postal address in one line; null where its backend does not say."
    )
    phone: str | None = strawberry.field(
        description="Telephone number for buyers; null where its backend does not say."
    )
    time_zone: str = strawberry.field(description="IANA time zone, like `Asia/Shanghai`.")
    opening_hours: list[OpeningHoursType] = strawberry.field(
        description="When it is open in an ordinary week; empty where its backend does not say."
    )
    active_from: datetime | None = strawberry.field(
        description="Sells and serves from then on; null: it always did."
    )
    active_to: datetime | None = strawberry.field(
        description="Sells and serves until then; null: no end is known."
    )


@strawberry.input(
    name="LocationBy", description="One location, by exactly one of its names.", one_of=True
)
class LocationByInput:
    """Which location is asked for."""

    id: strawberry.ID | None = strawberry.field(description="Its opaque id.")
    code: str | None = strawberry.field(description="Its code, compared exactly.")


@strawberry.input(
    name="LocationFilter",
    description="Which locations are asked for. A list means any of its values; absent means all.",
)
class LocationFilterInput:
    """Becomes the flow's filter."""

    kind: list[LocationKind] | None = strawberry.field(description="Of these sorts.")
    region: list[str] | None = strawberry.field(description="In these regions.")
    capability: list[Capability] | None = strawberry.field(
        description="Able to do at least one of these."
    )

    def asked(self) -> catalog.LocationFilter:
        """The same for the flow."""
        return catalog.LocationFilter(
            tuple(self.kind or ()), tuple(self.region or ()), tuple(self.capability or ())
        )


Filter = Annotated[
    LocationFilterInput | None,
    strawberry.argument(description="Which locations; absent: every one."),
]
By = Annotated[
    LocationByInput, strawberry.argument(description="Which location, by exactly one name.")
]


@strawberry.type
class LocationsQuery:
    """The root fields about places and channels."""

    @strawberry.field(
        graphql_type=list[ChannelType], description="Every channel that the retailer sells in."
    )
    @staticmethod
    def channels(info: Info) -> list[Channel]:
        """Channels are configuration."""
        return list(info.context.ctx.directory.channels.values())

    @strawberry.field(
        graphql_type=ConnectionType[LocationType],
        description="Locations, in order of their code.",
    )
    @staticmethod
    async def locations(
        info: Info, first: First, after: After = UNSET, filter: Filter = UNSET
    ) -> Listed[Location]:
        """A page of locations."""
        asked = filter.asked() if filter else catalog.LocationFilter()
        page = await catalog.browse_locations(info.context.ctx, asked, first, after_of(after, LIST))
        return listed(page, LIST)

    @strawberry.field(
        graphql_type=LocationType | None, description="One location; null if there is none such."
    )
    @staticmethod
    async def location(info: Info, by: By) -> Location | None:
        """One location, by id or code."""
        code = by.code if by.id is None else key_of("Location", by.id)
        return None if code is None else await catalog.location_by_code(info.context.ctx, code)
