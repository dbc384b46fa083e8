"""What a question is taken to cost before it is answered, an object a point, a list as many as it
may have, a write ten; and what it did cost.
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
    return WRITE if is_write(document) else _of(_operation(document).selection_set, variables)


def is_write(document: DocumentNode) -> bool:
    """Says whether a document changes something."""
    return _operation(document).operation is OperationType.MUTATION


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def spent_on(data: Any) -> int:
    """The points of an answer: its objects, a list's own not counted."""
    if isinstance(data, list):
        return sum(spent_on(it) for it in data)
    if not isinstance(data, dict):
        return 0
    below = sum(spent_on(it) for name, it in data.items() if name != "pageInfo")
    return below + (not data.keys() <= {"nodes", "pageInfo"})


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
