"""What each field asks of its caller: one table, laid over the schema when it is built.

A root field refuses a caller without its scope. Another field without it is null where it may be,
and refuses where it may not; personal data is masked. Whose orders and holds a caller may see is
decided in ``resolvers``; what each role sees by this table, ``docs/access.md`` shows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, Literal

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, is_non_null_type

from resolvers.access import NOBODY, Principal, Scope
from resolvers.domain.errors import Unauthenticated
from resolvers.domain.personal import hidden, masked_name, masked_phone
from schema.info import RequestContext
from schema.recording import recorded

OPEN: Final = "open"
"""Nothing is asked beyond what led there; what is behind it says for itself who may see it."""


@dataclass(frozen=True, slots=True)
class Masked:
    """Shown whole to whoever has the scope, and to whose it is; to others as ``mask`` leaves it.

    The field's parent says whose it is, by ``is_own``.
    """

    scope: Scope
    mask: Callable[[str], str]


Ask = Scope | Masked | Literal["open"]

LAID: Final = "laid"
"""Where a field's extensions keep what was laid over it."""

ANY = "*"
"""In the place of a field: every field of the type that has no row of its own."""

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
    "Query.me": Scope.ORDERS_OWN,
    "Query.member": Scope.MEMBERS,
    "Query.members": Scope.MEMBERS,
    "Query.backends": Scope.HOUSE,
    "Query.reconciliation": Scope.HOUSE,
    "Query.parkedMessages": Scope.HOUSE,
    "Query.deadLetters": Scope.HOUSE,
    "Query.auditRecords": Scope.AUDIT,
    "Query.unmatchedListings": Scope.LISTINGS_READ,
    "Query.openPublications": Scope.LISTINGS_READ,
    "Query.priceDifferences": Scope.LISTINGS_READ,
    "Mutation.reserveStock": Scope.RESERVE,
    "Mutation.extendReservation": Scope.RESERVE,
    "Mutation.releaseReservation": Scope.RESERVE,
    "Mutation.adjustStock": Scope.ADJUST,
    "Mutation.setStockRule": Scope.RULES,
    "Mutation.removeStockRule": Scope.RULES,
    "Mutation.mapListing": Scope.LISTINGS,
    "Mutation.placeOrder": Scope.ORDER,
    "Mutation.recordPayment": Scope.PAY,
    "Mutation.cancelOrder": Scope.ORDER,
    "Mutation.wechatLogin": OPEN,
    "Mutation.guestLogin": OPEN,
    "Mutation.replayInbox": Scope.OPERATE,
    "Mutation.replayOutbox": Scope.OPERATE,
    "Mutation.ruleOnDeadLetter": Scope.OPERATE,
    "Mutation.syncBackend": Scope.OPERATE,
    "Subscription.reservationChanged": Scope.RESERVE,
    "Subscription.stockChanged": Scope.STOCK_LEVELS,
    "Subscription.stockSignal": Scope.SIGNALS,
    "Variant.unitCost": Scope.COSTS,
    "Variant.stockLevels": Scope.STOCK_LEVELS,
    "StockLevel.entries": Scope.HISTORY,
    "StockLevel.entriesSince": Scope.HISTORY,
    "BackendWrite.lastError": Scope.ORDERS_ALL,
    "Address.recipient": Masked(Scope.PERSONAL, masked_name),
    "Address.phone": Masked(Scope.PERSONAL, masked_phone),
    "Address.street": Masked(Scope.PERSONAL, hidden),
    "Address.postalCode": Masked(Scope.PERSONAL, hidden),
    "Address.*": OPEN,
    "AdjustStockPayload.*": OPEN,
    "AuditRecord.*": OPEN,
    "AuditRecordConnection.*": OPEN,
    "AuditRecordEdge.*": OPEN,
    "Availability.*": OPEN,
    "AvailabilityTerm.*": OPEN,
    "AttributeSource.*": OPEN,
    "Backend.*": OPEN,
    "ChannelPrice.*": Scope.LISTINGS_READ,
    "BackendPressure.*": OPEN,
    "BackendWrite.*": OPEN,
    "BundleComponent.*": OPEN,
    "CancelOrderPayload.*": OPEN,
    "Channel.*": OPEN,
    "Delivery.*": OPEN,
    "Drift.*": OPEN,
    "DriftConnection.*": OPEN,
    "DriftEdge.*": OPEN,
    "EntityLag.*": OPEN,
    "ExtendReservationPayload.*": OPEN,
    "GeoPoint.*": OPEN,
    "InsufficientStockError.*": OPEN,
    "Location.*": OPEN,
    "LocationConnection.*": OPEN,
    "LocationEdge.*": OPEN,
    "Media.*": OPEN,
    "Money.*": OPEN,
    "OpeningHours.*": OPEN,
    "Order.*": OPEN,
    "OrderConnection.*": OPEN,
    "OrderEdge.*": OPEN,
    "OrderEvent.*": OPEN,
    "OrderLine.*": OPEN,
    "Oversell.*": OPEN,
    "OversellConnection.*": OPEN,
    "OversellEdge.*": OPEN,
    "PageInfo.*": OPEN,
    "DeadLetter.*": OPEN,
    "DeadLetterConnection.*": OPEN,
    "DeadLetterEdge.*": OPEN,
    "ParkedMessage.*": OPEN,
    "ParkedMessageConnection.*": OPEN,
    "ParkedMessageEdge.*": OPEN,
    "Payment.*": OPEN,
    "PaymentPayload.*": OPEN,
    "PickupPromise.*": OPEN,
    "PlaceOrderPayload.*": OPEN,
    "PriceDifference.*": Scope.LISTINGS_READ,
    "PriceDifferenceConnection.*": OPEN,
    "PriceDifferenceEdge.*": OPEN,
    "Product.*": OPEN,
    "ProductConnection.*": OPEN,
    "ProductEdge.*": OPEN,
    "Provenance.*": OPEN,
    "ReleaseReservationPayload.*": OPEN,
    "RemoveStockRulePayload.*": OPEN,
    "RequestError.*": OPEN,
    "Reservation.*": OPEN,
    "ReservationLine.*": OPEN,
    "ReservationPin.*": OPEN,
    "Consent.*": OPEN,
    "Identity.*": OPEN,
    "Listing.*": Scope.LISTINGS_READ,
    "ListingConnection.*": OPEN,
    "ListingEdge.*": OPEN,
    "ListingPrice.*": Scope.LISTINGS_READ,
    "ListingPublication.*": Scope.LISTINGS_READ,
    "ListingSuggestion.*": Scope.LISTINGS_READ,
    "LoginPayload.*": OPEN,
    "MapListingPayload.*": OPEN,
    "Member.*": OPEN,
    "MemberConnection.*": OPEN,
    "MemberEdge.*": OPEN,
    "ReplayInboxPayload.*": OPEN,
    "ReplayOutboxPayload.*": OPEN,
    "RuleOnDeadLetterPayload.*": OPEN,
    "ReserveStockPayload.*": OPEN,
    "SyncBackendPayload.*": OPEN,
    "SelectedOption.*": OPEN,
    "SetStockRulePayload.*": OPEN,
    "StockEntry.*": OPEN,
    "StockEntryConnection.*": OPEN,
    "StockEntryEdge.*": OPEN,
    "StockLevel.*": OPEN,
    "StockLevelConnection.*": OPEN,
    "StockLevelEdge.*": OPEN,
    "StockRule.*": OPEN,
    "StockRuleConnection.*": OPEN,
    "StockRuleEdge.*": OPEN,
    "StockSignal.*": OPEN,
    "Variant.*": OPEN,
    "VariantConnection.*": OPEN,
    "VariantEdge.*": OPEN,
    "_Service.*": OPEN,
}

Table = Mapping[str, Ask]
Resolve = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Laid:
    """What a field asks for, its resolver under the guard, the guard over it, how that is laid, and
    whether it refuses who has not what it asks for.
    """

    ask: Ask
    under: Resolve
    over: Resolve
    lay: Callable[[Resolve], Resolve]
    refuses: bool


def admitted(caller: Principal, ask: Ask) -> bool:
    """Says whether a caller has what a field asks for, so that it sees the whole of it."""
    return ask == OPEN or caller.may(ask.scope if isinstance(ask, Masked) else ask)


def require(caller: Principal, ask: Ask, *, nobody: bool = True) -> None:
    """Refuses a caller who has not what a field asks for, and nobody at all unless ``nobody`` may.

    Raises:
        Unauthenticated: nobody has said who calls.
        Forbidden: the caller's role or key lacks the scope, which the message names.
    """
    if caller == NOBODY and not nobody:
        raise Unauthenticated("send a token: Authorization: Bearer …")
    if ask != OPEN:
        caller.require(ask.scope if isinstance(ask, Masked) else ask)


def objects(schema: GraphQLSchema) -> Iterator[GraphQLObjectType]:
    """The object types of a schema, but those by which it describes itself."""
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            yield kind


def row_of(table: Table, kind: str, field: str) -> str | None:
    """The row that holds for a field: its own, else its type's; None if there is none."""
    rows = (f"{kind}.{field}", f"{kind}.{ANY}")
    return next((row for row in rows if row in table), None)


def guard(schema: GraphQLSchema, table: Table = ACCESS) -> None:
    """Lays the table over a schema: every field has a row, and every row a field."""
    found = {
        f"{owner.name}.{name}": row_of(table, owner.name, name)
        for owner in objects(schema)
        for name in owner.fields
    }
    without = sorted(name for name, row in found.items() if row is None)
    assert not without, f"no row in ACCESS: {without}"
    idle = sorted(table.keys() - set(found.values()))
    assert not idle, f"no field for the rows: {idle}"
    for owner in objects(schema):
        for name, field in owner.fields.items():
            ask = table[found[f"{owner.name}.{name}"] or ""]
            _lay(schema, owner, field, ask)


def refuses(field: GraphQLField, ask: Ask) -> bool:
    """Says whether a field that is not at the root refuses who lacks what it asks for, since it
    can be neither masked nor null.
    """
    return isinstance(ask, Scope) and is_non_null_type(field.type)


def _lay(schema: GraphQLSchema, owner: GraphQLObjectType, field: GraphQLField, ask: Ask) -> None:
    """Lays what a field asks over what it does; where it asks nothing, the field stays as it is."""
    if owner is schema.subscription_type:
        field.resolve = _afresh(_resolve_of(field))
        if ask != OPEN:
            assert field.subscribe is not None
            field.subscribe = _refusing(field.subscribe, ask)
        return
    if ask == OPEN and owner is not schema.mutation_type:
        return
    refusing = owner in (schema.mutation_type, schema.query_type) or refuses(field, ask)

    def lay(resolve: Resolve) -> Resolve:
        if owner is schema.mutation_type:
            return recorded(_refusing(_afresh(resolve), ask, nobody=ask == OPEN))
        if isinstance(ask, Masked):
            return _masking(resolve, ask)
        return _refusing(resolve, ask) if refusing else _hiding(resolve, ask)

    under = _resolve_of(field)
    field.resolve = lay(under)
    field.extensions = {**field.extensions, LAID: Laid(ask, under, field.resolve, lay, refusing)}


def _resolve_of(field: GraphQLField) -> Resolve:
    assert field.resolve is not None, "the library gives every field a resolver"
    return field.resolve


def _refusing(resolve: Resolve, ask: Ask, *, nobody: bool = True) -> Resolve:
    @wraps(resolve)
    def refuse_or_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        require(_caller(info), ask, nobody=nobody)
        return resolve(source, info, **arguments)

    return refuse_or_resolve


def _hiding(resolve: Resolve, ask: Ask) -> Resolve:
    @wraps(resolve)
    def hide_or_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        return resolve(source, info, **arguments) if admitted(_caller(info), ask) else None

    return hide_or_resolve


def _masking(resolve: Resolve, ask: Masked) -> Resolve:
    @wraps(resolve)
    def mask_or_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        value = resolve(source, info, **arguments)
        whole = value is None or source.is_own or admitted(_caller(info), ask)
        return value if whole else ask.mask(value)

    return mask_or_resolve


def _afresh(resolve: Resolve) -> Resolve:
    """Lets a mutation forget what the one before it in the same document has read, and each state
    of a subscription what was read for the one before.
    """

    @wraps(resolve)
    def renew_and_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        info.context.renew()
        return resolve(source, info, **arguments)

    return renew_and_resolve


def _caller(info: Any) -> Principal:
    context: RequestContext = info.context
    return context.ctx.principal
