"""The variables of a request, where all of them are what their types say. Anything else is left to
the library, which says what is wrong with it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value

from schema.documents import Document

INT_MAX = 2**31 - 1

Take = Callable[[Any], Any]
"""Makes of a value what the library would; raises where it is not plainly of its type."""

_AS_IT_IS: Mapping[object, Callable[[Any], bool]] = {
    GraphQLString: lambda value: type(value) is str,
    GraphQLID: lambda value: type(value) is str,
    GraphQLBoolean: lambda value: type(value) is bool,
    GraphQLInt: lambda value: type(value) is int and -INT_MAX <= value <= INT_MAX,
    GraphQLFloat: lambda value: type(value) is float and abs(value) < float("inf"),
}
"""Says of a value whether the library would take it as it is."""


class NotPlain(Exception):
    """A value is not what it seems, or a type is one of those that are left to the library."""


@dataclass(frozen=True, slots=True)
class Known:
    """One variable of an operation; ``may_lack``: it may be absent, which says nothing else."""

    name: str
    signature: GraphQLVariableSignature
    take: Take
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
    try:
        for one in known:
            if one.name in said:
                value = said[one.name]
                sources[one.name] = VariableValueSource(one.signature, value)
                coerced[one.name] = one.take(value)
            elif one.may_lack:
                sources[one.name] = VariableValueSource(one.signature)
            else:
                return None
    except Exception:  # noqa: BLE001  # whatever it is, the library comes to it again and tells
        return None
    return VariableValues(sources, coerced)


def _known(
    schema: GraphQLSchema, document: Document, operation: OperationDefinitionNode
) -> Sequence[Known] | None:
    """The variables of an operation, found out once; None if one of them is not to be had."""
    key = (plain_values, schema, id(operation))  # the document keeps it alive
    if key not in document.found:
        document.found[key] = _found(schema, operation)
    found: Sequence[Known] | None = document.found[key]
    return found


def _found(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Sequence[Known] | None:
    known, takers = [], _Takers()
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if not isinstance(signature, GraphQLVariableSignature):
            return None
        try:
            take = takers.of(signature.type)
        except NotPlain:
            return None
        may_lack = not is_non_null_type(signature.type) and node.default_value is None
        known.append(Known(signature.name, signature, take, may_lack))
    return known


class _Takers:
    """What takes values of types; one for each input object, as they may hold one another."""

    def __init__(self) -> None:
        self._objects: dict[str, Take] = {}

    def of(self, kind: GraphQLInputType) -> Take:
        """What takes a value of a type, or none where there may be none."""
        if is_non_null_type(kind):
            return _required(self._value(kind.of_type))
        return _optional(self._value(kind))

    def _value(self, kind: Any) -> Take:
        if is_list_type(kind):
            return _each(self.of(kind.of_type))
        if is_input_object_type(kind):
            return self._object(kind)
        is_plain = _AS_IT_IS.get(kind)
        return _leaf(kind) if is_plain is None else _as_it_is(is_plain)

    def _object(self, kind: GraphQLInputObjectType) -> Take:
        if kind.is_one_of:
            raise NotPlain
        if kind.name not in self._objects:
            # Who holds itself meets this before it is made, and calls what it is by then.
            self._objects[kind.name] = lambda value: self._objects[kind.name](value)  # noqa: PLW0108
            fields = [(name, it, self.of(it.type)) for name, it in kind.fields.items()]
            self._objects[kind.name] = _fields(kind, fields)
        return self._objects[kind.name]


def _required(take: Take) -> Take:
    def required(value: Any) -> Any:
        if value is None:
            raise NotPlain
        return take(value)

    return required


def _optional(take: Take) -> Take:
    return lambda value: None if value is None else take(value)


def _as_it_is(is_plain: Callable[[Any], bool]) -> Take:
    def as_it_is(value: Any) -> Any:
        if not is_plain(value):
            raise NotPlain
        return value

    return as_it_is


def _leaf(kind: Any) -> Take:
    def leaf(value: Any) -> Any:
        taken = kind.coerce_input_value(value)
        if taken is Undefined:
            raise NotPlain
        return taken

    return leaf


def _each(take: Take) -> Take:
    def each(values: Any) -> Any:
        if type(values) is not list:  # one value may stand for a list
            raise NotPlain
        return [take(value) for value in values]

    return each


def _fields(kind: GraphQLInputObjectType, fields: Sequence[tuple[str, Any, Take]]) -> Take:
    names = frozenset(name for name, _, _ in fields)

    def of_fields(value: Any) -> Any:
        if type(value) is not dict or not names.issuperset(value):
            raise NotPlain
        taken = {}
        for name, field, take in fields:
            if name in value:
                taken[field.out_name or name] = take(value[name])
                continue
            if is_required_input_field(field):
                raise NotPlain
            default = coerce_default_value(field)
            if default is not Undefined:
                taken[field.out_name or name] = default
        return kind.out_type(taken)

    return of_fields
