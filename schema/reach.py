"""What each role sees of the schema, by the table of ``schema.access``: which fields it can reach.

A field that asks for nothing is reached where something leads to it that the role may ask for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
)

from resolvers.access import SCOPES, Role, Scope
from schema.access import ACCESS, OPEN, Ask, Masked, objects, row_of
from schema.operations import Schema

ASIDE = ("Query.node", "Query.nodes", "Query._entities")
"""Fields that lead to anything, and show of it what other fields would: they open nothing new."""


class Sight(StrEnum):
    """How much of a field a role sees."""

    WHOLE = "whole"
    MASKED = "masked"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Shown:
    """One field: its type, its name, the scope that it asks for, and how much each role sees."""

    kind: str
    field: str
    scope: Scope | None
    sights: Mapping[Role, Sight]


def shown(schema: Schema) -> list[Shown]:
    """Every field of a schema, roots first, then by type, each in the schema's own order."""
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    kinds = {kind.name: kind for kind in objects(core)}
    roots = [root.name for root in _roots(core)]
    reach = {role: _reached(core, role) for role in Role}
    return [
        Shown(
            kind,
            field,
            _scope(_ask(kind, field)),
            {role: reach[role].get(f"{kind}.{field}", Sight.NOTHING) for role in Role},
        )
        for kind in [*roots, *sorted(kinds.keys() - set(roots))]
        for field in kinds[kind].fields
    ]


def _reached(core: GraphQLSchema, role: Role) -> dict[str, Sight]:
    """What a role sees, by following what it may ask for from the roots on."""
    seen: dict[str, Sight] = {}
    ahead = list(_roots(core))
    known = {root.name for root in ahead}
    while ahead:
        owner = ahead.pop()
        for name, field in owner.fields.items():
            path = f"{owner.name}.{name}"
            seen[path] = _sight(_ask(owner.name, name), role)
            if seen[path] is not Sight.NOTHING and path not in ASIDE:
                led = [kind for kind in _led_to(core, field) if kind.name not in known]
                known.update(kind.name for kind in led)
                ahead.extend(led)
    return seen


def _roots(core: GraphQLSchema) -> Iterator[GraphQLObjectType]:
    for root in (core.query_type, core.mutation_type, core.subscription_type):
        if root is not None:
            yield root


def _led_to(core: GraphQLSchema, field: GraphQLField) -> Iterator[GraphQLObjectType]:
    """The types of which a field's answer may be."""
    named = get_named_type(field.type)
    if isinstance(named, GraphQLObjectType):
        yield named
    elif is_abstract_type(named):
        yield from core.get_possible_types(named)


def _ask(kind: str, field: str) -> Ask:
    row = row_of(ACCESS, kind, field)
    assert row is not None, "a schema without a row for each field is not built"
    return ACCESS[row]


def _scope(ask: Ask) -> Scope | None:
    if isinstance(ask, Masked):
        return ask.scope
    return None if ask == OPEN else ask


def _sight(ask: Ask, role: Role) -> Sight:
    scope = _scope(ask)
    if scope is None or scope in SCOPES[role]:
        return Sight.WHOLE
    return Sight.MASKED if isinstance(ask, Masked) else Sight.NOTHING
