"""The house itself: its backends, how fresh each is, and what waits for them."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import strawberry
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from resolvers import house
from resolvers.house import BackendView, EntityLag
from schema.enums import BackendStatus
from schema.fields import IS_PURE, plain
from schema.info import Info


@strawberry.type(
    name="EntityLag", description="When a backend was last heard of one kind of thing."
)
class EntityLagType:
    """Read from the flow's lag."""

    entity: str = strawberry.field(
        description="`catalog`, `locations`, `stock`, `listings`, `members`, `orders`, `events` "
        "(its messages that are fetched), or `health` of one that is read for nothing."
    )
    last_synced_at: datetime | None = plain(
        "observed_at",
        "When it was last read in full; of stock, at the location that was heard the longest ago. "
        "Null before the first time.",
    )

    @strawberry.field(
        description="Seconds since then; null before the first time.", metadata=IS_PURE
    )
    @staticmethod
    def seconds(lag: strawberry.Parent[EntityLag], info: Info) -> float | None:
        """How long ago that was."""
        if lag.observed_at is None:
            return None
        return max(0.0, (info.context.ctx.now - lag.observed_at).total_seconds())

    read_so_far: int | None = plain(
        lambda lag: lag.read or None,
        "Things that the reading which is under way has taken; null while none is.",
    )


@strawberry.type(name="BackendPressure", description="How much this process asks of a backend now.")
class BackendPressureType:
    """Read from the governor's standing."""

    calls_per_second: float = strawberry.field(
        description="The rate that is kept to: what was configured, or less since it complained."
    )
    under_way: int = strawberry.field(description="Calls under way.")
    waiting: int = strawberry.field(description="Calls that wait for their turn.")
    silent_seconds: float = strawberry.field(
        description="How long it is left alone because it asked for a pause; 0 if it is not."
    )


def _capabilities(view: BackendView) -> dict[str, object]:
    declared: dict[str, object] = msgspec.to_builtins(view.backend.capabilities)
    return _camel_case(declared)


def _camel_case(declared: Mapping[str, object]) -> dict[str, object]:
    return {
        to_camel_case(name): _camel_case(value) if isinstance(value, dict) else value
        for name, value in declared.items()
    }


@strawberry.type(name="Backend", description="One of the retailer's systems, as it stands now.")
class BackendType:
    """Read from the flow's view of a backend."""

    code: str = plain("backend.code", "Code that the configuration gave it.")
    vendor: str = plain("backend.vendor", "What product it is.")
    roles: list[str] = plain(
        "backend.capabilities.roles", "What it does for the house, like `STOCK_FEED`."
    )
    status: BackendStatus = strawberry.field(description="How it answered when last asked.")
    breaker: str = plain(
        lambda view: view.breaker.value,
        "`CLOSED`: it is asked whenever there is something to ask. `OPEN`: its last tries failed, "
        "so that it is asked at growing intervals only. `HALF_OPEN`: the next call shows whether "
        "it is back.",
    )
    pressure: BackendPressureType | None = plain(
        "standing", "How much this process asks of it; null where nothing is limited."
    )
    lag: list[EntityLagType] = strawberry.field(
        description="How long ago each kind of thing was read from it."
    )
    capabilities: JSON = plain(
        _capabilities,
        "What it declares about itself: its `roles`, its `idempotency`, what its numbers of stock "
        "mean (`stock`: their `meaning`, `granularity`, `watermark` and `resolutionSeconds`; null "
        "if it has none), how changes are found (`delta`, and `scanned` for what is read whole), "
        "whether it takes cancellations (`cancels`), goods that came back (`returns`), steps of "
        "transfers (`transfers`), how it takes quantities (`publicationsPerCall`, "
        "`publicationCas`, `orderLagSeconds`), how it limits us (`throttle`, `callsPerSecond`, "
        "`callsAtOnce`), its `webhooks`, whether its messages are fetched (`pullsEvents`), what "
        "its points are (`loyalty`: `worthMinor` and `currency` of one, and its `tiers`; null if "
        "it keeps none), `salesPerCall`, and `writeSecondsMax`.",
    )
    pending_out: int = strawberry.field(description="Writes that wait for it.")
    parked_in: int = strawberry.field(
        description="Messages from it that could not be understood and wait for a person."
    )
    pending_publications: int = plain(
        "numbers.waiting",
        "Listings of it whose number is on its way: it has not said yet that it has it.",
    )
    failed_publications: int = plain(
        "numbers.failed",
        "Listings of it whose number it has not taken; `openPublications` says which, and why.",
    )
    dead_out: int = strawberry.field(
        description="Writes to it that are given up and wait for a person: `deadLetters`."
    )
    last_error: str | None = strawberry.field(
        description="What went wrong when it was last asked; null if nothing did."
    )


@strawberry.type
class HouseQuery:
    """The root field about the house."""

    @strawberry.field(
        graphql_type=list[BackendType], description="Every configured backend, by code."
    )
    @staticmethod
    async def backends(info: Info) -> list[BackendView]:
        """The backends as they stand."""
        return await house.backends(info.context.ctx)
