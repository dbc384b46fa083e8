"""How long an answer may be kept, and by whom: one table, read once for each document.

A row is for a field or for a type of objects; an answer is kept as short as the shortest of what it
is made of. What has no row is not kept at all, nor by anybody. Who keeps it stands in ``gateway``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

from resolvers.access import SCOPES, Role
from schema.access import ACCESS, OPEN, row_of
from schema.documents import Document

LONGEST_SECONDS = 60
"""Longest that anything is kept: as long as a price may be seen after it was changed."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be done with an answer.

    Without ``kept`` nobody stores it. ``public``: it is the same for everybody who may ask.
    ``seconds`` is how long it is good; 0: it is asked again each time. ``topics`` of the store's
    events make it out of date; of ``stock`` those of the SKUs that it read, or, with ``every_sku``,
    of any.
    """

    seconds: int = 0
    public: bool = False
    kept: bool = False
    topics: frozenset[str] = frozenset()
    every_sku: bool = False

    def beside(self, other: "Policy") -> "Policy":
        """That of an answer that holds both."""
        return Policy(
            min(self.seconds, other.seconds),
            self.public and other.public,
            self.kept and other.kept,
            self.topics | other.topics,
            self.every_sku or other.every_sku,
        )

    def at_most(self, seconds: float) -> "Policy":
        """The same, good for so long at most."""
        return replace(self, seconds=min(self.seconds, int(seconds)))


NO_STORE: Final = Policy()
PRIVATE: Final = Policy(kept=True)
ANYTHING: Final = Policy(LONGEST_SECONDS, public=True, kept=True)
"""Of what is part of something else, and says nothing of its own."""

CATALOGUE: Final = replace(ANYTHING, topics=frozenset({"catalog"}))
STOCK: Final = Policy(1, public=True, kept=True, topics=frozenset({"catalog", "rule", "stock"}))
"""A hold that expires frees its units without an event: so late is it seen."""

EVERY_STOCK: Final = replace(STOCK, every_sku=True)
"""A list that any SKU may come into or leave."""

NOW: Final = replace(ANYTHING, seconds=0)
"""It counts the seconds until now."""

HINTS: Mapping[str, Policy] = {
    "Query.node": PRIVATE,
    "Query.nodes": PRIVATE,
    "Query._service": ANYTHING,
    "Query._entities": PRIVATE,
    "Query.product": CATALOGUE,
    "Query.products": CATALOGUE,
    "Query.variant": CATALOGUE,
    "Query.variants": CATALOGUE,
    "Query.channels": ANYTHING,
    "Query.locations": CATALOGUE,
    "Query.location": CATALOGUE,
    "Query.availability": STOCK,
    "Query.stockLevels": EVERY_STOCK,
    "Query.oversells": PRIVATE,
    "Query.stockRules": PRIVATE,
    "Query.reservation": PRIVATE,
    "Query.order": PRIVATE,
    "Query.orders": PRIVATE,
    "Query.unmatchedListings": PRIVATE,
    "Query.openPublications": PRIVATE,
    "Query.priceDifferences": PRIVATE,
    "Query.me": PRIVATE,
    "Query.member": PRIVATE,
    "Query.members": PRIVATE,
    "Query.backends": NO_STORE,
    "Query.reconciliation": NO_STORE,
    "Query.auditRecords": NO_STORE,
    "Query.parkedMessages": NO_STORE,
    "Query.deadLetters": NO_STORE,
    "Provenance.ageSeconds": NOW,
    **dict.fromkeys(
        (
            "Channel",
            "GeoPoint",
            "Media",
            "Money",
            "OpeningHours",
            "PageInfo",
            "Provenance",
            "SelectedOption",
            "_Service",
        ),
        ANYTHING,
    ),
    **dict.fromkeys(
        (
            "AttributeSource",
            "BundleComponent",
            "Location",
            "LocationConnection",
            "LocationEdge",
            "Product",
            "ProductConnection",
            "ProductEdge",
            "Variant",
            "VariantConnection",
            "VariantEdge",
        ),
        CATALOGUE,
    ),
    **dict.fromkeys(
        (
            "Availability",
            "AvailabilityTerm",
            "PickupPromise",
            "StockLevel",
            "StockLevelConnection",
            "StockLevelEdge",
        ),
        STOCK,
    ),
    **dict.fromkeys(
        (
            "Address",
            "BackendWrite",
            "ChannelPrice",
            "Consent",
            "Delivery",
            "Identity",
            "Listing",
            "ListingConnection",
            "ListingEdge",
            "ListingPrice",
            "ListingPublication",
            "ListingSuggestion",
            "Member",
            "MemberConnection",
            "MemberEdge",
            "Node",
            "Order",
            "OrderConnection",
            "OrderEdge",
            "OrderEvent",
            "OrderLine",
            "Oversell",
            "OversellConnection",
            "OversellEdge",
            "Payment",
            "PriceDifference",
            "PriceDifferenceConnection",
            "PriceDifferenceEdge",
            "Reservation",
            "ReservationLine",
            "ReservationPin",
            "StockEntry",
            "StockEntryConnection",
            "StockEntryEdge",
            "StockRule",
            "StockRuleConnection",
            "StockRuleEdge",
            "_Entity",
        ),
        PRIVATE,
    ),
    **dict.fromkeys(("Backend", "BackendPressure", "EntityLag"), NO_STORE),
    **dict.fromkeys(("Drift", "DriftConnection", "DriftEdge"), NO_STORE),
    **dict.fromkeys(("AuditRecord", "AuditRecordConnection", "AuditRecordEdge"), NO_STORE),
    **dict.fromkeys(("DeadLetter", "DeadLetterConnection", "DeadLetterEdge"), NO_STORE),
    **dict.fromkeys(("ParkedMessage", "ParkedMessageConnection", "ParkedMessageEdge"), NO_STORE),
}
"""By type and field, and by type: a plain value is as good as the object that it is of. What asks a
scope that guests do not have (``schema.access``) is private besides.
"""

FILTERED, BY_STOCK = {"Query.products": "filter"}, "inStock"
"""Lists that are of every stock when their filter asks for it."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """An operation's policy. ``filters`` are variables: if one of them asks for stock, the answer
    is of ``EVERY_STOCK``, too.
    """

    policy: Policy
    filters: tuple[str, ...] = ()

    def with_variables(self, variables: Mapping[str, Any]) -> Policy:
        """The policy when it is asked with these."""
        given = (variables.get(name) for name in self.filters)
        if any(isinstance(value, dict) and value.get(BY_STOCK) is not None for value in given):
            return self.policy.beside(EVERY_STOCK)
        return self.policy


def hinted(schema: GraphQLSchema, document: Document, operation: OperationDefinitionNode) -> Hinted:
    """What the table says of an operation, looked up once for each document."""
    known: dict[int, Hinted] = document.found.setdefault((hinted, schema), {})
    at = id(operation)  # it lives as long as its document
    if at not in known:
        known[at] = _Pass(schema, document).over(operation)
    return known[at]


_Selected = tuple[SelectionSetNode, GraphQLNamedType | None]


class _Pass:
    """One look at an operation; each of its fragments is looked at once."""

    def __init__(self, schema: GraphQLSchema, document: Document) -> None:
        self._schema = schema
        self._document = document
        self._spread: set[str] = set()
        self._filters: set[str] = set()
        self._defaults: dict[str, ValueNode | None] = {}

    def over(self, operation: OperationDefinitionNode) -> Hinted:
        """The least of its fields."""
        self._defaults = {
            defined.variable.name.value: defined.default_value
            for defined in operation.variable_definitions or ()
        }
        policy = ANYTHING
        root = self._schema.get_root_type(operation.operation)
        waiting: list[_Selected] = [(operation.selection_set, root)]
        while waiting and policy.kept:
            selections, parent = waiting.pop()
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    policy = policy.beside(self._of_field(node, parent))
            waiting.extend(self._below(selections, parent))
        return Hinted(policy, tuple(sorted(self._filters)))

    def _below(
        self, selections: SelectionSetNode, parent: GraphQLNamedType | None
    ) -> Iterator[_Selected]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                defined = _field(parent, node)
                if node.selection_set is not None and defined is not None:
                    yield node.selection_set, get_named_type(defined.type)
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition
                kind = parent if on is None else self._schema.get_type(on.name.value)
                yield node.selection_set, kind
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in self._spread:
                self._spread.add(node.name.value)
                fragment = self._document.fragments.get(node.name.value)
                if fragment is not None:
                    on = fragment.type_condition
                    yield fragment.selection_set, self._schema.get_type(on.name.value)

    def _of_field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Policy:
        name = node.name.value
        if name.startswith("__"):
            return ANYTHING
        defined = _field(parent, node)
        if parent is None or defined is None:
            return NO_STORE
        policy = of_field(self._schema, parent, name, defined)
        argument = FILTERED.get(f"{parent.name}.{name}")
        for given in node.arguments or ():
            if given.name.value == argument and self._asks_for_stock(given.value):
                policy = policy.beside(EVERY_STOCK)
        return policy

    def _asks_for_stock(self, value: ValueNode) -> bool:
        """Says whether a filter surely or maybe asks for stock; a variable is looked at later."""
        if isinstance(value, ObjectValueNode):
            return any(member.name.value == BY_STOCK for member in value.fields)
        if isinstance(value, VariableNode):
            name = value.name.value
            self._filters.add(name)
            default = self._defaults.get(name)
            return default is not None and self._asks_for_stock(default)
        return False


def of_field(
    schema: GraphQLSchema, parent: GraphQLNamedType, name: str, field: GraphQLField
) -> Policy:
    """The policy of one field, by its own row and its type's."""
    row = f"{parent.name}.{name}"
    own, kind = HINTS.get(row), get_named_type(field.type)
    if own is None and parent is schema.query_type:
        return NO_STORE
    its = ANYTHING if is_leaf_type(kind) else HINTS.get(kind.name)
    if its is None:
        its = NO_STORE if own is None else ANYTHING
    policy = its if own is None else its.beside(own)
    ruling = row_of(ACCESS, parent.name, name)
    ask = OPEN if ruling is None else ACCESS[ruling]
    if ask != OPEN and ask not in SCOPES[Role.GUEST]:
        policy = policy.beside(PRIVATE)
    return policy


def _field(parent: GraphQLNamedType | None, node: FieldNode) -> GraphQLField | None:
    fields: Mapping[str, GraphQLField] = getattr(parent, "fields", {})
    return fields.get(node.name.value)
