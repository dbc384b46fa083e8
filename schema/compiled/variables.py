"""The variables of a request, where they are what they seem: plain scalars, all given. Anything
else is left to the library, which says what is wrong with it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource

from schema.documents import Document

INT_MAX = 2**31 - 1

_AS_IT_IS: Mapping[object, Callable[[Any], bool]] = {
    GraphQLString: lambda value: type(value) is str,
    GraphQLID: lambda value: type(value) is str,
    GraphQLBoolean: lambda value: type(value) is bool,
    GraphQLInt: lambda value: type(value) is int and -INT_MAX <= value <= INT_MAX,
    GraphQLFloat: lambda value: type(value) is float and abs(value) < float("inf"),
}
"""Says of a value whether the library would take it as it is."""

Known = Sequence[tuple[str, GraphQLVariableSignature, Callable[[Any], bool]]]


def plain_values(
    schema: GraphQLSchema,
    document: Document,
    operation: OperationDefinitionNode,
    said: Mapping[str, Any],
) -> VariableValues | None:
    """The values of all variables of an operation; None if the library is to look at them."""
    known = _known(schema, document, operation)
    if known is None:
        return None
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for name, signature, is_plain in known:
        if name not in said or not is_plain(said[name]):
            return None
        sources[name] = VariableValueSource(signature, said[name])
        coerced[name] = said[name]
    return VariableValues(sources, coerced)


def _known(
    schema: GraphQLSchema, document: Document, operation: OperationDefinitionNode
) -> Known | None:
    """The variables of an operation, found out once; None if one of them is no plain scalar."""
    key = (plain_values, schema, id(operation))  # the document keeps it alive
    if key not in document.found:
        document.found[key] = _found(schema, operation)
    found: Known | None = document.found[key]
    return found


def _found(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Known | None:
    known = []
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if not isinstance(signature, GraphQLVariableSignature):
            return None
        kind = signature.type
        is_plain = _AS_IT_IS.get(kind.of_type if is_non_null_type(kind) else kind)
        if is_plain is None:
            return None
        known.append((signature.name, signature, is_plain))
    return known
