"""Arguments by plans: what resolvers are given is what the library makes of them (G5)."""

import random
from copy import copy
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLInputType,
    GraphQLObjectType,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.types.arguments import convert_arguments

from schema.compiled.inputs import calling
from schema.compiled.plain import DEFINED
from schema.root import build_schema

SCHEMA = build_schema()
CORE, CONVERTER = SCHEMA._schema, SCHEMA.schema_converter  # noqa: SLF001  # the library has no other door to it
TIMES = 40
ABSENT = object()

FIELDS = {
    f"{kind.name}.{name}": field
    for kind in CORE.type_map.values()
    if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
    for name, field in kind.fields.items()
    if field.args and getattr(field.extensions.get(DEFINED), "base_resolver", None) is not None
}


def value(kind: GraphQLInputType, dice: random.Random) -> Any:
    """A value of a type as the library hands it on after it has looked at it."""
    if is_non_null_type(kind):
        return value(kind.of_type, dice)
    if is_list_type(kind):
        return [entry(kind.of_type, dice) for _ in range(dice.randrange(3))]
    if is_enum_type(kind):
        return kind.coerce_input_value(dice.choice(list(kind.values)))
    if is_input_object_type(kind):
        given = {name: entry(it.type, dice, absent=True) for name, it in kind.fields.items()}
        return {name: of for name, of in given.items() if of is not ABSENT}
    return dice.choice(["text", 7, True])


def entry(kind: GraphQLInputType, dice: random.Random, *, absent: bool = False) -> Any:
    """The same where there may be none."""
    if is_non_null_type(kind):
        return value(kind, dice)
    return dice.choice([value(kind, dice), value(kind, dice), None, ABSENT if absent else None])


def said(arguments: dict[str, GraphQLArgument], dice: random.Random) -> dict[str, Any]:
    given = {name: entry(it.type, dice, absent=True) for name, it in arguments.items()}
    return {name: of for name, of in given.items() if of is not ABSENT}


def taking(defined: Any) -> Any:
    """The field with a resolver that tells what it was given."""
    told = copy(defined)
    told.base_resolver = copy(defined.base_resolver)
    told.base_resolver.wrapped_func = lambda **given: given
    return calling(told, CONVERTER)


def test_no_field_of_ours_is_made_in_a_way_that_only_the_library_knows() -> None:
    assert {"Query.products", "Mutation.reserveStock", "Variant.price"} < set(FIELDS)
    assert [name for name, it in FIELDS.items() if taking(it.extensions[DEFINED]) is None] == []


@pytest.mark.parametrize("coordinate", FIELDS)
def test_arguments_are_as_the_library_makes_them(coordinate: str) -> None:
    field, dice = FIELDS[coordinate], random.Random(coordinate)
    defined: Any = field.extensions[DEFINED]
    resolve = taking(defined)
    around = {
        it.name
        for it in (defined.base_resolver.parent_parameter, defined.base_resolver.info_parameter)
        if it is not None
    }
    for _ in range(TIMES):
        given = said(field.args, dice)
        expected = convert_arguments(
            given,
            defined.arguments,
            scalar_registry=CONVERTER.scalar_registry,
            config=CONVERTER.config,
        )

        found = resolve("parent", None, **given)

        assert {name: of for name, of in found.items() if name not in around} == expected
