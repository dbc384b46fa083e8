"""What of the schema an operation uses, as coordinates: ``Order.number``, ``Query.orders(first:)``,
``OrderFilter.channel``, ``OrderStatus.PENDING``.

Fields and arguments are found in the document, and so are fields of inputs and values of enums that
are written out in it. Of those in variables only the deprecated ones are looked for, so that a
request pays for the look only while there are any. Found once for each document.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    EnumValueNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLInputField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    type_from_ast,
)

from schema.documents import TOKENS_MAX, Document, read
from schema.operations import Operation, Schema

LEVELS_MAX = 200
VALUES_MAX = 10_000
"""Most values of variables that are looked at; a request of more is refused."""


class Uses:
    """What one operation of one document uses, and its name in it, "" if it has none. The same
    object each time it is asked for. ``watched`` are the variables in which something deprecated
    may stand.
    """

    __slots__ = ("coordinates", "name", "watched")

    def __init__(
        self, name: str, coordinates: tuple[str, ...], watched: Mapping[str, GraphQLNamedType]
    ) -> None:
        self.name = name
        self.coordinates = coordinates
        self.watched = watched


def uses(schema: Schema, operation: Operation, tokens_max: int = TOKENS_MAX) -> Uses:
    """What an operation uses that was run before."""
    document = read(operation.document, tokens_max)
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    key = (uses, core, operation.name)
    found: Uses | None = document.found.get(key)
    if found is None:
        found = document.found[key] = _found(core, document, operation.name)
    return found


def deprecated_in(found: Uses, variables: Mapping[str, Any] | None) -> list[str]:
    """The deprecated parts of inputs that stand in the variables."""
    told: list[str] = []
    level = [
        (kind, variables[name])
        for name, kind in found.watched.items()
        if variables and name in variables
    ]
    looked = 0
    while level and looked < VALUES_MAX:
        inner: list[tuple[GraphQLNamedType, Any]] = []
        for kind, value in level:
            looked += 1
            if isinstance(value, list):
                inner += [(kind, each) for each in value]
            elif is_enum_type(kind) and isinstance(value, str):
                meant = kind.values.get(value)
                if meant is not None and meant.deprecation_reason:
                    told.append(f"{kind.name}.{value}")
            elif is_input_object_type(kind) and isinstance(value, dict):
                for name, held in value.items():
                    if (defined := kind.fields.get(name)) is not None:
                        if defined.deprecation_reason:
                            told.append(f"{kind.name}.{name}")
                        inner.append((get_named_type(defined.type), held))
        level = inner
    return told


def elements(schema: Schema) -> dict[str, str | None]:
    """Every coordinate of a schema that clients may use, with its reason if it is deprecated."""
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    found: dict[str, str | None] = {}
    for kind in core.type_map.values():
        if kind.name.startswith("__"):
            continue
        for name, value in getattr(kind, "values", {}).items() if is_enum_type(kind) else ():
            found[f"{kind.name}.{name}"] = value.deprecation_reason
        for name, defined in getattr(kind, "fields", {}).items():
            found[f"{kind.name}.{name}"] = defined.deprecation_reason
            for argument, taken in getattr(defined, "args", {}).items():
                found[f"{kind.name}.{name}({argument}:)"] = taken.deprecation_reason
    return found


def _found(schema: GraphQLSchema, document: Document, name: str | None) -> Uses:
    for node in document.operations:
        if name is None or (node.name and node.name.value == name):
            walk = _Walk(schema, document)
            walk.selected(node.selection_set, schema.get_root_type(node.operation), 0)
            called = "" if node.name is None else node.name.value
            return Uses(called, tuple(sorted(walk.found)), dict(_watched(schema, node)))
    return Uses("", (), {})


def _watched(
    schema: GraphQLSchema, node: OperationDefinitionNode
) -> Iterator[tuple[str, GraphQLNamedType]]:
    """The variables of an operation in which something deprecated may stand."""
    for defined in node.variable_definitions or ():
        kind = type_from_ast(schema, defined.type)
        if kind is not None and _ages(get_named_type(kind), set()):
            yield defined.variable.name.value, get_named_type(kind)


def _ages(kind: GraphQLNamedType, seen: set[str]) -> bool:
    """Says whether an input has something deprecated in it, however deep."""
    if kind.name in seen:
        return False
    seen.add(kind.name)
    if is_enum_type(kind):
        return any(value.deprecation_reason for value in kind.values.values())
    if not is_input_object_type(kind):
        return False
    return any(
        field.deprecation_reason or _ages(get_named_type(field.type), seen)
        for field in kind.fields.values()
    )


class _Walk:
    """One look at an operation; each fragment is looked at once."""

    def __init__(self, schema: GraphQLSchema, document: Document) -> None:
        self._schema = schema
        self._document = document
        self._spread: set[str] = set()
        self.found: set[str] = set()

    def selected(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None, level: int
    ) -> None:
        if selections is None or level >= LEVELS_MAX:
            return
        for node in selections.selections:
            if isinstance(node, FieldNode):
                self._field(node, parent, level)
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition
                kind = parent if on is None else self._schema.get_type(on.name.value)
                self.selected(node.selection_set, kind, level + 1)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in self._spread:
                self._spread.add(node.name.value)
                fragment = self._document.fragments.get(node.name.value)
                if fragment is not None:
                    kind = self._schema.get_type(fragment.type_condition.name.value)
                    self.selected(fragment.selection_set, kind, level + 1)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> None:
        name = node.name.value
        defined = getattr(parent, "fields", {}).get(name)
        if parent is None or defined is None:
            return  # __typename and introspection, which belong to no type of ours
        self.found.add(f"{parent.name}.{name}")
        for argument in node.arguments or ():
            taken = defined.args.get(argument.name.value)
            if taken is not None:
                self.found.add(f"{parent.name}.{name}({argument.name.value}:)")
                self._value(argument.value, taken)
        self.selected(node.selection_set, get_named_type(defined.type), level + 1)

    def _value(self, node: ValueNode, taken: GraphQLArgument | GraphQLInputField) -> None:
        kind = get_named_type(taken.type)
        if isinstance(node, ListValueNode):
            for each in node.values:
                self._value(each, taken)
        elif isinstance(node, EnumValueNode) and is_enum_type(kind):
            self.found.add(f"{kind.name}.{node.value}")
        elif isinstance(node, ObjectValueNode) and is_input_object_type(kind):
            for field in node.fields:
                defined = kind.fields.get(field.name.value)
                if defined is not None:
                    self.found.add(f"{kind.name}.{field.name.value}")
                    self._value(field.value, defined)
