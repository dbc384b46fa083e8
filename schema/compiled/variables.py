"""The variables of a request, where they are what they seem: plain scalars, or none where there may
be none. Anything else is left to the library, which says what is wrong with it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Known:
    """One variable of an operation; ``may_lack``: it may be absent, which says nothing else."""

    name: str
    signature: GraphQLVariableSignature
    is_plain: Callable[[Any], bool]
    nullable: bool
    may_lack: bool


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
    for one in known:
        if one.name not in said:
            if not one.may_lack:
                return None
            sources[one.name] = VariableValueSource(one.signature)
            continue
        value = said[one.name]
        if not (one.nullable if value is None else one.is_plain(value)):
            return None
        sources[one.name] = VariableValueSource(one.signature, value)
        coerced[one.name] = value
    return VariableValues(sources, coerced)


def _known(
    schema: GraphQLSchema, document: Document, operation: OperationDefinitionNode
) -> Sequence[Known] | None:
    """The variables of an operation, found out once; None if one of them is no plain scalar."""
    key = (plain_values, schema, id(operation))  # the document keeps it alive
    if key not in document.found:
        document.found[key] = _found(schema, operation)
    found: Sequence[Known] | None = document.found[key]
    return found


def _found(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Sequence[Known] | None:
    known = []
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if not isinstance(signature, GraphQLVariableSignature):
            return None
        kind, nullable = signature.type, True
        if is_non_null_type(kind):
            kind, nullable = kind.of_type, False
        is_plain = _AS_IT_IS.get(kind)
        if is_plain is None:
            return None
        may_lack = nullable and node.default_value is None
        known.append(Known(signature.name, signature, is_plain, nullable, may_lack))
    return known
