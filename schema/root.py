"""The schema as a whole: its root types, and the limits and the guard laid over it."""

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types.execution import ExecutionContext

from schema.access import guard
from schema.admission import Admission
from schema.audit import AuditQuery
from schema.availability import AvailabilityQuery
from schema.catalog_queries import CatalogQuery
from schema.checkout import OrdersMutation, OrdersQuery
from schema.compiled.running import Compiled
from schema.dead_letters import DeadLettersMutation, DeadLettersQuery
from schema.federation import FEDERATION_SCALARS, FederationQuery
from schema.house import HouseQuery
from schema.inbox import InboxMutation, InboxQuery
from schema.ledger import LedgerQuery
from schema.limits import Bounds, Limits
from schema.listings import ListingsMutation, ListingsQuery
from schema.locations import LocationsQuery
from schema.logins import LoginsMutation
from schema.members import MembersQuery
from schema.nodes import NodesQuery
from schema.oversells import OversellsQuery
from schema.payloads import InsufficientStockErrorType, RequestErrorType
from schema.reservations import (
    ReservationsMutation,
    ReservationsQuery,
    ReservationsSubscription,
)
from schema.rules import RulesMutation, RulesQuery
from schema.scalars import SCALARS
from schema.signals import SignalsSubscription
from schema.stock import StockMutation, StockQuery, StockSubscription

BOUNDS = Bounds()
"""The limits where nothing was configured."""


class Schema(strawberry.Schema):
    """Leaves errors to ``schema.errors``: the library would log refusals as if they were bugs.

    ``compiled`` has the plans by which operations run; None if they all run as the library does it.
    """

    compiled: Compiled | None = None

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Does nothing: whoever answers formats them."""


def build_schema(bounds: Bounds = BOUNDS, *, compiled: bool = True) -> Schema:
    """The schema, guarded, ready to run operations with a ``RequestContext`` each.

    With ``compiled`` those that come again run by plans, else all as the library does it.
    """
    schema = Schema(
        query=_root(
            "Query",
            "What can be asked. Nothing here changes anything.",
            NodesQuery,
            CatalogQuery,
            LocationsQuery,
            AvailabilityQuery,
            StockQuery,
            OversellsQuery,
            ListingsQuery,
            LedgerQuery,
            RulesQuery,
            ReservationsQuery,
            OrdersQuery,
            MembersQuery,
            HouseQuery,
            InboxQuery,
            DeadLettersQuery,
            AuditQuery,
            FederationQuery,
        ),
        mutation=_root(
            "Mutation",
            "What can be done. Each but a login takes an idempotency key: sent again with the same "
            "key it answers what was done before. A refusal is data, in `userErrors`.",
            ReservationsMutation,
            StockMutation,
            RulesMutation,
            ListingsMutation,
            OrdersMutation,
            LoginsMutation,
            InboxMutation,
            DeadLettersMutation,
        ),
        subscription=_root(
            "Subscription",
            "What can be watched. Each first tells the present state, then every later one.",
            ReservationsSubscription,
            StockSubscription,
            SignalsSubscription,
        ),
        types=[InsufficientStockErrorType, RequestErrorType],
        extensions=[lambda: Limits(bounds), Admission],
        config=StrawberryConfig(scalar_map={**SCALARS, **FEDERATION_SCALARS}),
    )
    guard(schema._schema)  # noqa: SLF001  # the library has no other door to it
    if compiled:
        schema.compiled = Compiled(schema, bounds)
    return schema


def _root(name: str, description: str, *parts: type) -> type:
    merged = merge_types(name, parts)
    merged.__strawberry_definition__.description = description  # type: ignore[attr-defined]  # made by the library
    return merged
