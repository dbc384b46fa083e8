"""The ledger as clients see it: what moved a level, and where what is stored is not what moved."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from resolvers import catalog, ledger
from resolvers.domain.catalog import Variant
from resolvers.domain.ledger import Drift
from resolvers.domain.locations import Location
from resolvers.domain.stock import StockEntry
from schema.enums import Condition, EntryKind
from schema.fields import After, First, plain
from schema.info import Info
from schema.locations import LocationType
from schema.paging import ConnectionType, Listed, after_of, listed

if TYPE_CHECKING:
    from schema.catalog import VariantType

DRIFTS = "reconciliation"
ENTRIES = "stockEntries"


@strawberry.type(
    name="StockEntry",
    description="One movement of a SKU at a location, never edited. Its quantities are signed "
    "differences; a level is the sum of its entries.",
)
class StockEntryType:
    """Read from the domain's entry."""

    kind: EntryKind = strawberry.field(description="Why a quantity moved.")
    on_hand: int = strawberry.field(description="Units that came, or left if below zero.")
    soft_reserved: int = plain("soft", "Units held for buyers, or given back if below zero.")
    hard_reserved: int = plain("hard", "Units that became an order's, or are no more.")
    sold_elsewhere: int = plain(
        "elsewhere", "Units that the location's own system sold and has not booked out yet."
    )
    incoming: int = strawberry.field(description="Units expected.")
    cause: str = strawberry.field(
        description="What is behind it: a reservation, an order, a reading of a system or its "
        "number for what moved there, a correction."
    )
    source: str = strawberry.field(description="The system or person that says so.")
    at: datetime = strawberry.field(description="When it was written, by the stream's own time.")
    channel: str | None = plain(
        lambda entry: entry.taker and entry.taker.channel,
        "Code of the channel that units were taken for; null if for none.",
    )
    condition: Condition = strawberry.field(description="State of the goods.")
    lot: str | None = strawberry.field(description="The lot; null if that is not known.")
    expires_on: str | None = plain(
        lambda entry: entry.expires_on and entry.expires_on.isoformat(),
        "Best before, like `2027-03-31`; null if that is not known.",
    )
    key: str | None = strawberry.field(
        description="Digest of the idempotency key that it was decided under; null for a fact."
    )
    note: str | None = strawberry.field(description="A person's reason.")


@strawberry.type(
    name="Drift",
    description="A stored quantity that is not what its entries, or its pins, say: a sign of "
    "damage or of a bug.",
)
class DriftType:
    """Read from the domain's drift."""

    sku: str = strawberry.field(description="Of which SKU.")
    location_code: str | None = plain(
        lambda drift: drift.location or None, "Where; null for a count of the SKU as a whole."
    )
    quantity: str = strawberry.field(
        description="Which quantity: `on_hand`, `soft`, `hard`, `elsewhere`, `incoming`; "
        "`soft_pins` or `hard_pins`, the units that reservations name; `taken`, what limits count."
    )
    of: str | None = plain(
        lambda drift: drift.of or None, "Whose count it is: a channel's, a day's, a member's."
    )
    stored: int = strawberry.field(description="What is stored.")
    rebuilt: int = strawberry.field(description="What the entries come to.")
    difference: int = strawberry.field(description="`stored` less `rebuilt`.")
    source: str | None = strawberry.field(
        description="The system or person that moved the place last."
    )

    @strawberry.field(
        graphql_type=Annotated["VariantType", strawberry.lazy("schema.catalog")] | None,
        description="What is sold under the SKU; null if the catalogue does not have it.",
    )
    @staticmethod
    async def variant(drift: strawberry.Parent[Drift], info: Info) -> Variant | None:
        """The variant of the drift's SKU."""
        return await catalog.variant_by_sku(info.context.ctx, drift.sku)

    @strawberry.field(
        graphql_type=LocationType | None,
        description="Where; null for a count of the SKU as a whole, or if it is no place of ours.",
    )
    @staticmethod
    async def location(drift: strawberry.Parent[Drift], info: Info) -> Location | None:
        """The drift's location."""
        return await catalog.location_by_code(info.context.ctx, drift.location)


async def entries_of(
    info: Info, sku: str, location: str, first: int, after: str | None
) -> Listed[StockEntry]:
    """A page of what moved one level, the newest first."""
    cursor = after_of(after, ENTRIES)
    page = await ledger.history(info.context.ctx, sku, location, first, cursor)
    return listed(page, ENTRIES)


@strawberry.type
class LedgerQuery:
    """The root field about the ledger."""

    @strawberry.field(
        graphql_type=ConnectionType[DriftType],
        description="Where what is stored differs from what its entries and pins rebuild to, by "
        "SKU; empty in a sound house. A page looks at a bounded number of SKUs: it may hold fewer "
        "entries than asked for, and go on.",
    )
    @staticmethod
    async def reconciliation(info: Info, first: First, after: After = UNSET) -> Listed[Drift]:
        """A page of drifts."""
        page = await ledger.reconcile(info.context.ctx, first, after_of(after, DRIFTS))
        return listed(page, DRIFTS)
