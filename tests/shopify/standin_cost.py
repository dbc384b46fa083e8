"""What a question is taken to cost before it is asked: an object a point, a list as many as it may
have, a write ten.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
)

WRITE = 10


def cost_of(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """The points of a document with one operation."""
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    if operation.operation is OperationType.MUTATION:
        return WRITE
    return _of(operation.selection_set, variables)


def _of(selection: SelectionSetNode, variables: Mapping[str, Any]) -> int:
    return sum(_field(it, variables) for it in selection.selections)


def _field(field: Any, variables: Mapping[str, Any]) -> int:
    if isinstance(field, InlineFragmentNode):
        return _of(field.selection_set, variables)
    assert isinstance(field, FieldNode)
    if field.selection_set is None:
        return 0
    below = _of(field.selection_set, variables)
    if field.name.value in ("nodes", "pageInfo") and not field.arguments:
        return below
    return _many(field, variables) * (1 + below)


def _many(field: FieldNode, variables: Mapping[str, Any]) -> int:
    for argument in field.arguments or ():
        value = argument.value
        if argument.name.value == "first" and isinstance(value, IntValueNode):
            return int(value.value)
        if argument.name.value in ("first", "ids") and isinstance(value, VariableNode):
            told = variables[value.name.value]
            return told if isinstance(told, int) else len(told)
    return 1
