"""What a field costs, in points: about the objects that an answer is made of.

As in IBM's directives ``@cost`` and ``@listSize``: a field that is a text or a number costs
nothing, an object 1, a mutation 10, unless ``WEIGHTS`` says otherwise; a list costs as many times
as it is long. How long it may be is what it is asked with, else what ``LENGTHS`` takes for granted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_object_type,
)

OBJECT, CHANGE = 1, 10
"""Points of an object and of a mutation."""

WEIGHTS: Mapping[str, int] = {
    "Query.products": 5,
    "Query.orders": 5,
    "Query.member": 2,
    "Query.members": 5,
    "Query.oversells": 5,
    "Query.reconciliation": 200,
    "Query.availability": 2,
    "Query.unmatchedListings": 10,
    "Query.openPublications": 10,
    "Query.priceDifferences": 50,
    "Listing.suggestions": 10,
    "Query.backends": 10,
    "Query.parkedMessages": 5,
    "Query.deadLetters": 5,
    "Query.auditRecords": 10,
    "Query._service": 1_000,
    "Member.orders": 5,
    "Variant.availability": 2,
    "Variant.stockLevels": 2,
    "StockLevel.entries": 5,
    "StockLevel.entriesSince": 5,
}
"""Points of fields that ask more of us than an object does, by type and field."""

DESCRIBING: Mapping[str, int] = {"__schema": 10_000, "__type": 500}
"""Points of introspection: the whole schema is an answer of some ten thousand fields."""

PAGE_UNKNOWN = 100
"""Length of a list that nobody said: the longest that is allowed."""

LENGTHS: Mapping[str, int] = {"explain": 40, "pickup": 20, "availability": 1, "suggestions": 5}
"""Length of lists that nobody asks a length for, by their field."""

SLICING = "first"
"""The argument that says how long a page is."""

NAMING = ("skus", "ids", "representations")
"""Arguments that name each entry of the list that is answered."""

SIZED = ("edges", "nodes")
"""Fields of a page that are as long as it."""


@dataclass(slots=True)
class Lengths:
    """How long the lists of an operation are asked to be.

    ``asked`` collects the variables that said so: with others the operation costs the same.
    """

    variables: Mapping[str, Any]
    defaults: Mapping[str, Any]
    asked: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls, operations: list[OperationDefinitionNode], variables: Mapping[str, Any]
    ) -> "Lengths":
        """Those of a document's operations, with what a variable is if nobody gives it."""
        defaults = {
            defined.variable.name.value: defined.default_value
            for operation in operations
            for defined in operation.variable_definitions or ()
            if defined.default_value is not None
        }
        return cls(variables, defaults)

    def of_field(self, node: FieldNode) -> int:
        """How long a field's list may be, by what it is asked with; 1 if it is none."""
        length = LENGTHS.get(node.name.value, 1)
        for argument in node.arguments or ():
            if argument.name.value == SLICING:
                return max(1, self._number(argument.value))
            if argument.name.value in NAMING:
                length = self._count(argument.value)
        return max(1, length)

    def _number(self, value: ValueNode) -> int:
        """A length that is said outright; one that is out of bounds is refused by the list."""
        if isinstance(value, VariableNode):
            said = self.of_variable(value.name.value)
            if isinstance(said, int):
                return min(said, PAGE_UNKNOWN)
            if not isinstance(said, ValueNode):
                return PAGE_UNKNOWN
            value = said
        if isinstance(value, IntValueNode) and len(value.value) <= len(str(PAGE_UNKNOWN)):
            return int(value.value)
        return PAGE_UNKNOWN

    def _count(self, value: ValueNode) -> int:
        """The length of a list that is answered entry by entry."""
        if isinstance(value, VariableNode):
            said = self.of_variable(value.name.value)
            if isinstance(said, list):
                return len(said)
            if not isinstance(said, ValueNode):
                return PAGE_UNKNOWN if said is None else 1
            value = said
        return len(value.values) if isinstance(value, ListValueNode) else 1

    def of_variable(self, name: str) -> Any:
        """What a variable is: a plain value, a literal if only its default is known, or None."""
        self.asked.add(name)
        return self.variables[name] if name in self.variables else self.defaults.get(name)


class Weights:
    """What the fields of one schema cost."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._changes = schema.mutation_type

    def of_field(
        self, parent: GraphQLNamedType | None, name: str
    ) -> tuple[int, GraphQLField | None]:
        """The points of a field itself, and what it is; an unknown one is taken for an object."""
        if name in DESCRIBING:
            return DESCRIBING[name], None
        defined = getattr(parent, "fields", {}).get(name)
        if defined is None:
            return (0 if name == "__typename" else OBJECT), None
        assert parent is not None, "a field was found in it"
        if parent is self._changes:
            return CHANGE, defined
        weight = WEIGHTS.get(f"{parent.name}.{name}")
        if weight is None:
            weight = 0 if is_leaf_type(get_named_type(defined.type)) else OBJECT
        return weight, defined


def is_page(kind: GraphQLNamedType | None) -> bool:
    """Says whether an object is a page of a list, as in Relay."""
    return is_object_type(kind) and all(name in kind.fields for name in SIZED)
