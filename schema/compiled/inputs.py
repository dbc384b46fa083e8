"""Arguments as resolvers take them: what the library makes of coerced values, with all that is the
same for every request found out once.
"""

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any

from strawberry import UNSET
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info
from strawberry.types.lazy_type import LazyType

LEVELS_MAX = 8
"""Deepest nesting of inputs that is found out before; ours go five deep."""

Take = Callable[[Any], Any]


class Unknown(Exception):
    """An input is made in a way that only the library knows."""


def calling(defined: StrawberryField, converter: Any) -> Callable[..., Any] | None:
    """A resolver as the executor calls it, which calls ours at once; None if only the library can.

    It takes a parent, the request and coerced arguments by their names in the schema.
    """
    resolver = defined.base_resolver
    assert resolver is not None, "it was proved to have one"
    call = resolver.wrapped_func
    assert callable(call), "it was proved to be"
    try:
        taken = [_argument(one, converter) for one in defined.arguments]
    except Unknown:
        return None
    parent = None if resolver.parent_parameter is None else resolver.parent_parameter.name
    info_name = None if resolver.info_parameter is None else resolver.info_parameter.name

    def resolve(source: Any, info: Any, **said: Any) -> Any:
        given = {to: take(said[name]) for name, to, take in taken if name in said}
        if parent is not None:
            given[parent] = source
        if info_name is not None:
            given[info_name] = Info(_raw_info=info, _field=defined)
        return call(**given)

    return resolve


def _argument(argument: StrawberryArgument, converter: Any) -> tuple[str, str, Take]:
    name = converter.config.name_converter.from_argument(argument)
    return name, argument.python_name, _taking(argument.type, converter, 0)


def _taking(kind: Any, converter: Any, level: int) -> Take:
    """What the library does with a value of a type, as ``convert_argument`` has it."""
    if isinstance(kind, StrawberryMaybe) or level > LEVELS_MAX:
        raise Unknown
    if isinstance(kind, StrawberryOptional):
        return _taking(kind.of_type, converter, level)
    if isinstance(kind, LazyType):
        return _taking(kind.resolve_type(), converter, level)
    if isinstance(kind, StrawberryList):
        return _each(_taking(kind.of_type, converter, level + 1))
    if isinstance(kind, StrawberryEnumDefinition) or has_enum_definition(kind):
        return _as_it_is
    if has_object_definition(kind):
        return _object(kind, converter, level)
    if is_scalar(kind, converter.scalar_registry) and getattr(kind, "__name__", "") != "GlobalID":
        return _as_it_is
    raise Unknown


def _as_it_is(value: Any) -> Any:
    return value


def _each(take: Take) -> Take:
    def take_each(values: Any) -> Any:
        if values is None or values is UNSET:
            return values
        return [take(value) for value in values]

    return take_each


def _object(kind: Any, converter: Any, level: int) -> Take:
    definition = kind.__strawberry_definition__
    if definition.from_input is not None or not definition.is_input:
        raise Unknown
    if hasattr(kind, "__post_init__"):
        raise Unknown
    absent = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }
    fields = [
        (
            converter.config.name_converter.from_field(field),
            field.python_name,
            _taking(field.resolve_type(type_definition=definition), converter, level + 1),
        )
        for field in definition.fields
    ]

    def take_object(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        given = {to: take(value[name]) for name, to, take in fields if name in value}
        return kind(**{**absent, **given})

    return take_object
