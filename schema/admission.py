"""Whether a mutation may run at all, said before any part of it has.

The fields of a mutation run one after the other, and what is asked of their answers comes last.
Were a denied field refused in its turn, those before it would be done, and the caller could not
tell by the refusal. What only the field itself can know, such as whose order it is about, is
refused in its turn all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)
from strawberry.extensions import SchemaExtension

from resolvers.access import Principal
from resolvers.domain.errors import Denied
from schema.access import ACCESS, OPEN, refuses, require, row_of
from schema.recording import turned_away


class Admission(SchemaExtension):
    """Refuses a mutation whole of which the caller may not do or see a part. Stands behind
    ``Limits``.
    """

    def on_validate(self) -> Iterator[None]:
        """Looks at every field of a mutation, if the document is otherwise good."""
        context = self.execution_context
        document = context.graphql_document
        if document is not None and not context.pre_execution_errors:
            operation = _operation(document, context.operation_name)
            if operation is not None and operation.operation is OperationType.MUTATION:
                core = context.schema._schema  # noqa: SLF001  # the library has no other door to it
                said = context.variables or {}
                caller = context.context.ctx.principal
                denied = denials(core, document, operation, said, caller)
                if denied:
                    asked = _asked(core, document, operation, said)
                    turned_away(context.context, asked.mutations(operation), _reasons(denied))
                context.pre_execution_errors = denied
        yield


def denials(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    caller: Principal,
) -> list[GraphQLError]:
    """The refusals of what a caller may not ask for in a mutation; none if it may run."""
    return list(_asked(schema, document, operation, variables).denials(operation, caller))


def _asked(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> "_Asked":
    return _Asked(schema, _fragments(document), _said(operation, variables))


def _reasons(errors: Sequence[GraphQLError]) -> list[Denied]:
    found = (error.original_error for error in errors)
    return [reason for reason in found if isinstance(reason, Denied)]


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation that will run."""
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and (
            name is None or (node.name is not None and node.name.value == name)
        ):
            return node
    return None


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    found = (node for node in document.definitions if isinstance(node, FragmentDefinitionNode))
    return {node.name.value: node for node in found}


def _said(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """What each variable is, by the request or else by its default."""
    given = {}
    for defined in operation.variable_definitions or ():
        name = defined.variable.name.value
        if isinstance(defined.default_value, BooleanValueNode):
            given[name] = defined.default_value.value
    return {**given, **variables}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an operation asks for, by the type that has it."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    visited: set[str] = field(default_factory=set)

    def denials(
        self, operation: OperationDefinitionNode, caller: Principal
    ) -> Iterator[GraphQLError]:
        """The refusals of the fields that a caller may not ask for; each field once."""
        told: set[str] = set()
        for owner, node in self._fields(self.schema.mutation_type, operation.selection_set):
            name = node.name.value
            if name not in owner.fields or f"{owner.name}.{name}" in told:  # __typename is no field
                continue
            row = row_of(ACCESS, owner.name, name)
            assert row is not None, "the schema is not built without"
            told.add(f"{owner.name}.{name}")
            at_root = owner is self.schema.mutation_type
            if not at_root and not refuses(owner.fields[name], ACCESS[row]):
                continue
            ask = ACCESS[row]
            try:
                require(caller, ask, nobody=not at_root or ask == OPEN)
            except Denied as denied:
                yield GraphQLError(str(denied), [node], original_error=denied)

    def mutations(self, operation: OperationDefinitionNode) -> Iterator[tuple[str, object]]:
        """The mutations of an operation: the name of each, and its input as it was said."""
        self.visited.clear()
        for owner, node in self._fields(self.schema.mutation_type, operation.selection_set):
            if owner is self.schema.mutation_type and not node.name.value.startswith("__"):
                said = (it.value for it in node.arguments or () if it.name.value == "input")
                value = next(said, None)
                known = dict(self.variables)
                yield (
                    node.name.value,
                    None if value is None else value_from_ast_untyped(value, known),
                )

    def _fields(
        self, owner: GraphQLNamedType | None, selections: SelectionSetNode
    ) -> Iterator[tuple[GraphQLObjectType, FieldNode]]:
        """The fields of a selection, of its fragments, and of what they lead to, but those that are
        left out. What several types have in common asks for nothing itself.
        """
        for node in selections.selections:
            if self._is_left_out(node):
                continue
            if isinstance(node, FieldNode):
                yield from self._field(owner, node)
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value not in self.visited:
                    self.visited.add(node.name.value)
                    fragment = self.fragments[node.name.value]
                    named = self.schema.type_map[fragment.type_condition.name.value]
                    yield from self._fields(named, fragment.selection_set)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                narrowed = self.schema.type_map[condition.name.value] if condition else owner
                yield from self._fields(narrowed, node.selection_set)

    def _field(
        self, owner: GraphQLNamedType | None, node: FieldNode
    ) -> Iterator[tuple[GraphQLObjectType, FieldNode]]:
        if isinstance(owner, GraphQLObjectType):
            yield owner, node
        if node.selection_set is not None and isinstance(
            owner, GraphQLObjectType | GraphQLInterfaceType
        ):
            led_to = get_named_type(owner.fields[node.name.value].type)
            yield from self._fields(led_to, node.selection_set)

    def _is_left_out(self, node: SelectionNode) -> bool:
        """Says whether a directive takes it out; what is no truth value is refused later."""
        for directive in node.directives or ():
            for argument in directive.arguments or ():
                said = (directive.name.value, self._truth(argument.value))
                if said in (("skip", True), ("include", False)):
                    return True
        return False

    def _truth(self, value: ValueNode) -> object:
        if isinstance(value, VariableNode):
            return self.variables.get(value.name.value)
        return value.value if isinstance(value, BooleanValueNode) else None
