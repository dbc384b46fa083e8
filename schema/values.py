"""Values that several topics share: money, where a fact came from, a point on the earth."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import strawberry

from resolvers import freshness
from resolvers.domain.catalog import Provenance
from resolvers.domain.errors import InvalidInput
from resolvers.domain.locations import GeoPoint
from resolvers.domain.values import Money, money
from schema.fields import IS_PURE, plain
from schema.info import Info


@strawberry.type(name="Money", description="An amount of one currency.")
class MoneyType:
    """Read from the domain's money, which counts minor units."""

    amount: Decimal = strawberry.field(
        description='Amount in major units, with all digits of the currency: `"1280.00"` CNY.'
    )
    currency_code: str = plain("currency", "ISO 4217 code of the currency.")


@strawberry.input(name="MoneyInput", description="An amount of one currency.")
class MoneyInput:
    """Becomes the domain's money."""

    amount: Decimal = strawberry.field(
        description="Amount in major units, with no more decimal digits than the currency has."
    )
    currency_code: str = strawberry.field(description="ISO 4217 code of the currency, like `CNY`.")

    def money(self, field: Sequence[str | int]) -> Money:
        """The same in minor units.

        Raises:
            InvalidInput: more digits than the currency has, or beyond all reason.
        """
        return money(self.amount, self.currency_code, field=(*field, "amount"))


@strawberry.type(
    name="Provenance", description="Which system a fact came from, and how long ago it was heard."
)
class ProvenanceType:
    """Read from the domain's provenance; its age is that of this answer."""

    system: str = strawberry.field(
        description="Code of the backend that says so; `gateway` where this house itself owns it."
    )
    external_id: str = strawberry.field(description="What that system calls the thing.")
    observed_at: datetime = strawberry.field(
        description="When that system was last heard saying so, or saying that nothing changed."
    )

    @strawberry.field(
        description="Seconds since then, at the time of this answer; never below zero.",
        metadata=IS_PURE,
    )
    @staticmethod
    def age_seconds(fact: strawberry.Parent[Provenance], info: Info) -> float:
        """How old the fact is."""
        return freshness.age_seconds(info.context.ctx, fact)

    @strawberry.field(
        description="Whether that is longer ago than the configuration allows, or the system was "
        "asked again just now and did not answer: it may say something else by now. Never so for "
        "what this house owns.",
        metadata=IS_PURE,
    )
    @staticmethod
    def stale(fact: strawberry.Parent[Provenance], info: Info) -> bool:
        """Whether the fact is out of date."""
        return freshness.stale(info.context.ctx, fact)


@strawberry.type(name="GeoPoint", description="A point on the earth (WGS 84).")
class GeoPointType:
    """Read from the domain's point."""

    latitude: float = strawberry.field(description="Degrees north of the equator, -90 to 90.")
    longitude: float = strawberry.field(description="Degrees east of Greenwich, -180 to 180.")


@strawberry.input(name="GeoPointInput", description="A point on the earth (WGS 84).")
class GeoPointInput:
    """Becomes the domain's point."""

    latitude: float = strawberry.field(description="Degrees north of the equator, -90 to 90.")
    longitude: float = strawberry.field(description="Degrees east of Greenwich, -180 to 180.")

    def point(self, field: Sequence[str | int]) -> GeoPoint:
        """The same for the domain.

        Raises:
            InvalidInput: not on the earth.
        """
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise InvalidInput("latitude is -90 to 90, longitude -180 to 180", field=field)
        return GeoPoint(self.latitude, self.longitude)
