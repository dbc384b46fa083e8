"""What each field asks of its caller: one table, laid over the schema when it is built.

A root field refuses a caller without its scope. Another field without it is null where it may be,
and refuses where it may not. Whose orders and holds a caller may see is decided in ``resolvers``.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, Literal

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, is_non_null_type

from resolvers.access import NOBODY, Principal, Scope
from resolvers.domain.errors import Unauthenticated
from schema.info import RequestContext
from schema.recording import recorded

OPEN: Final = "open"
"""Anybody may ask; what is behind it says for itself who may see it."""

Ask = Scope | Literal["open"]

ACCESS: Mapping[str, Ask] = {
    "Query.node": OPEN,
    "Query.nodes": OPEN,
    "Query._service": OPEN,
    "Query._entities": OPEN,
    "Query.product": Scope.BROWSE,
    "Query.products": Scope.BROWSE,
    "Query.variant": Scope.BROWSE,
    "Query.variants": Scope.BROWSE,
    "Query.channels": Scope.BROWSE,
    "Query.locations": Scope.BROWSE,
    "Query.location": Scope.BROWSE,
    "Query.availability": Scope.BROWSE,
    "Query.stockLevels": Scope.STOCK_LEVELS,
    "Query.oversells": Scope.SIGNALS,
    "Query.stockRules": Scope.RULES_READ,
    "Query.reservation": Scope.RESERVE,
    "Query.order": Scope.ORDERS_OWN,
    "Query.orders": Scope.ORDERS_OWN,
    "Query.backends": Scope.HOUSE,
    "Query.reconciliation": Scope.HOUSE,
    "Query.parkedMessages": Scope.HOUSE,
    "Query.auditRecords": Scope.AUDIT,
    "Mutation.reserveStock": Scope.RESERVE,
    "Mutation.extendReservation": Scope.RESERVE,
    "Mutation.releaseReservation": Scope.RESERVE,
    "Mutation.adjustStock": Scope.ADJUST,
    "Mutation.setStockRule": Scope.RULES,
    "Mutation.removeStockRule": Scope.RULES,
    "Mutation.placeOrder": Scope.ORDER,
    "Mutation.recordPayment": Scope.PAY,
    "Mutation.cancelOrder": Scope.ORDER,
    "Mutation.replayInbox": Scope.OPERATE,
    "Mutation.syncBackend": Scope.OPERATE,
    "Subscription.reservationChanged": Scope.RESERVE,
    "Subscription.stockChanged": Scope.STOCK_LEVELS,
    "Subscription.stockSignal": Scope.SIGNALS,
    "Variant.unitCost": Scope.COSTS,
    "Variant.stockLevels": Scope.STOCK_LEVELS,
    "StockLevel.entries": Scope.HISTORY,
    "StockLevel.entriesSince": Scope.HISTORY,
    "BackendWrite.lastError": Scope.ORDERS_ALL,
}

Resolve = Callable[..., Any]


def admitted(caller: Principal, ask: Ask) -> bool:
    """Says whether a caller has what a field asks for."""
    return ask == OPEN or caller.may(ask)


def guard(schema: GraphQLSchema) -> None:
    """Lays the table over a schema: every root field has a row, and every row a field."""
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    names = {f"{root.name}.{name}" for root in roots if root is not None for name in root.fields}
    assert names <= ACCESS.keys(), f"no row in ACCESS: {sorted(names - ACCESS.keys())}"
    for row, ask in ACCESS.items():
        type_name, _, field_name = row.partition(".")
        owner = schema.type_map[type_name]
        assert isinstance(owner, GraphQLObjectType), f"no such type: {row}"
        field = owner.fields[field_name]
        if owner is schema.subscription_type:
            assert field.subscribe is not None
            field.subscribe = _refusing(field.subscribe, ask)
        elif owner is schema.mutation_type:
            asking = _refusing(_afresh(_resolve_of(field)), ask, nobody=False)
            field.resolve = recorded(asking)
        elif owner is schema.query_type or is_non_null_type(field.type):
            field.resolve = _refusing(_resolve_of(field), ask)
        else:
            field.resolve = _hiding(_resolve_of(field), ask)


def _resolve_of(field: GraphQLField) -> Resolve:
    assert field.resolve is not None, "the library gives every field a resolver"
    return field.resolve


def _refusing(resolve: Resolve, ask: Ask, *, nobody: bool = True) -> Resolve:
    @wraps(resolve)
    def refuse_or_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        caller = _caller(info)
        if caller == NOBODY and not nobody:
            raise Unauthenticated("send a token: Authorization: Bearer …")
        if ask != OPEN:
            caller.require(ask)
        return resolve(source, info, **arguments)

    return refuse_or_resolve


def _hiding(resolve: Resolve, ask: Ask) -> Resolve:
    @wraps(resolve)
    def hide_or_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        return resolve(source, info, **arguments) if admitted(_caller(info), ask) else None

    return hide_or_resolve


def _afresh(resolve: Resolve) -> Resolve:
    """Lets a mutation forget what the one before it in the same document has read."""

    @wraps(resolve)
    def renew_and_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        info.context.renew()
        return resolve(source, info, **arguments)

    return renew_and_resolve


def _caller(info: Any) -> Principal:
    context: RequestContext = info.context
    return context.ctx.principal
