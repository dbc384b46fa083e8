"""Whether a mutation may run at all, said before any part of it has.

The fields of a mutation run one after the other. Were a denied one refused in its turn, those
before it would be done, and the caller could not tell by the refusal. What only the field itself
can know, such as whose order it is about, is refused in its turn all the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from strawberry.extensions import SchemaExtension

from resolvers.access import Principal
from resolvers.domain.errors import Denied
from schema.access import ACCESS, require

_ROOT = "Mutation"


class Admission(SchemaExtension):
    """Refuses a mutation whole of which the caller may not do a part. Stands behind ``Limits``."""

    def on_validate(self) -> Iterator[None]:
        """Looks at the fields at the root, if the document is otherwise good."""
        context = self.execution_context
        document = context.graphql_document
        if document is not None and not context.pre_execution_errors:
            operation = _operation(document, context.operation_name)
            if operation is not None and operation.operation is OperationType.MUTATION:
                asked = _Asked(_fragments(document), _said(operation, context.variables or {}))
                fields = asked.fields(operation.selection_set)
                caller = context.context.ctx.principal
                context.pre_execution_errors = list(_denials(caller, fields))
        yield


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


def _denials(caller: Principal, fields: Iterator[FieldNode]) -> Iterator[GraphQLError]:
    """The refusals of the fields that a caller may not ask for; each name once."""
    told = set()
    for field in fields:
        name = field.name.value
        row = f"{_ROOT}.{name}"
        if name in told or row not in ACCESS:  # __typename does nothing
            continue
        told.add(name)
        try:
            require(caller, ACCESS[row], nobody=False)
        except Denied as denied:
            yield GraphQLError(str(denied), [field], original_error=denied)


def _said(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """What each variable is, by the request or else by its default."""
    given = {}
    for defined in operation.variable_definitions or ():
        name = defined.variable.name.value
        if isinstance(defined.default_value, BooleanValueNode):
            given[name] = defined.default_value.value
    return {**given, **variables}


class _Asked:
    """The fields that run at the root of an operation."""

    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._fragments = fragments
        self._variables = variables
        self._visited: set[str] = set()

    def fields(self, selections: SelectionSetNode) -> Iterator[FieldNode]:
        """The fields of a selection and of its fragments, but those that are skipped."""
        for node in selections.selections:
            if self._is_left_out(node):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value not in self._visited:
                    self._visited.add(node.name.value)
                    yield from self.fields(self._fragments[node.name.value].selection_set)
            else:
                yield from self.fields(node.selection_set)  # type: ignore[attr-defined]

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
            return self._variables.get(value.name.value)
        return value.value if isinstance(value, BooleanValueNode) else None
