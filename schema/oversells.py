"""What was promised beyond what is there, as people who settle it see it."""

import strawberry
from strawberry import UNSET

from resolvers import oversells
from resolvers.domain.orders import Order
from resolvers.oversells import Oversell
from resolvers.reservations import Held
from schema.fields import After, First, plain
from schema.info import Info
from schema.orders import OrderType
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.reservations import ReservationType
from schema.stock import StockLevelType, noted

LIST = "oversells"


@strawberry.type(
    name="Oversell", description="A location that owes more units of a SKU than it has."
)
class OversellType:
    """Read from the flow's oversell."""

    missing: int = strawberry.field(description="Units that were promised and are not there.")
    stock_level: StockLevelType = plain("level", "The level as it is.")

    @strawberry.field(
        graphql_type=list[ReservationType],
        description="Reservations that have units there and that the caller may see, the eldest "
        "first; at most 100.",
    )
    @staticmethod
    async def reservations(oversell: strawberry.Parent[Oversell], info: Info) -> list[Held]:
        """Whose promises it touches."""
        return await oversells.touched(info.context.ctx, oversell)

    @strawberry.field(
        graphql_type=list[OrderType],
        description="Orders of those reservations that the caller may see.",
    )
    @staticmethod
    async def orders(oversell: strawberry.Parent[Oversell], info: Info) -> list[Order]:
        """Whose orders it touches."""
        return await oversells.orders_touched(info.context.ctx, oversell)


@strawberry.type
class OversellsQuery:
    """The root field about what is oversold."""

    @strawberry.field(
        graphql_type=ConnectionType[OversellType],
        description="Where more was promised than turned out to be there, by SKU and location. "
        "Promises that any place may serve have moved to others as far as these had stock; what "
        "stands here is for people to settle. Shop staff see their own shop.",
    )
    @staticmethod
    async def oversells(info: Info, first: First, after: After = UNSET) -> Listed[Oversell]:
        """A page of oversold levels."""
        page = await oversells.browse_oversells(info.context.ctx, first, after_of(after, LIST))
        noted(info, [found.level for found in page.nodes])
        return listed(page, LIST)
