"""The graph as a part of a partner's own (Apollo Federation 2): entities found by their keys, and
the text that composers read.

An entity is whatever ``node`` finds, and is shown to whom the field that leads to it shows it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, NewType

import strawberry
from graphql import (
    GraphQLError,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    parse,
    print_ast,
)
from strawberry.schema.base import BaseSchema
from strawberry.types.scalar import ScalarDefinition

from resolvers import catalog, levels, members, orders, reservations
from resolvers.context import Context
from resolvers.domain.errors import Denied, Forbidden, InvalidInput
from resolvers.paging import PAGE_MAX
from schema.access import ACCESS, require
from schema.catalog import ProductType, VariantType
from schema.catalog_queries import noted as noted_of_catalogue
from schema.errors import Telling
from schema.ids import BETWEEN, key_of
from schema.info import Info
from schema.listings import ListingType
from schema.locations import LocationType
from schema.members import MemberType
from schema.nodes import LOOK_UPS
from schema.orders import OrderType
from schema.reservations import ReservationType
from schema.rules import StockRuleType
from schema.stock import StockLevelType
from schema.stock import noted as noted_of_stock

LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", '
    'import: ["@key", "@shareable"])'
)
"""The newest version that every composer knows; of it the text uses two directives."""

SHAREABLE = ("Money", "PageInfo")
"""Types that mean the same in any graph, so that a partner may have its own."""

REPRESENTATIONS_MAX = PAGE_MAX
"""Most entities of one question, as many as ids of ``nodes``."""

_MACHINERY = frozenset({"_Any", "_Entity", "_Service", "_entities", "_service", "node", "nodes"})
"""Types and root fields that a composer adds by itself, or that partners have, too."""

_NAMED_CHARS = 64  # of what a partner sent, as much is said back
_KEY_CHARS_MAX = 1024  # longer than any key of ours

Find = Callable[[Info, Sequence[str]], Awaitable[Sequence[object]]]
"""Finds things by one kind of key, together, in the order asked; None where there is none."""


def _each(look_up: Callable[[Context, str], Awaitable[object]]) -> Find:
    """By a look-up whose loader reads together what is asked for at the same time."""

    async def find(info: Info, keys: Sequence[str]) -> Sequence[object]:
        return await asyncio.gather(*(look_up(info.context.ctx, key) for key in keys))

    return find


async def _products(info: Info, handles: Sequence[str]) -> Sequence[object]:
    ctx = info.context.ctx
    found = await asyncio.gather(*(catalog.product_by_handle(ctx, handle) for handle in handles))
    await noted_of_catalogue(info, found)
    return found


async def _variants(info: Info, skus: Sequence[str]) -> Sequence[object]:
    found = await asyncio.gather(*(catalog.variant_by_sku(info.context.ctx, sku) for sku in skus))
    await noted_of_catalogue(info, found)
    return found


async def _levels(info: Info, keys: Sequence[str]) -> Sequence[object]:
    places = [(sku, location) for sku, _, location in (key.partition(BETWEEN) for key in keys)]
    found = await levels.levels_at(info.context.ctx, places)
    noted_of_stock(info, [level for level in found if level is not None])
    return found


async def _reservations(info: Info, ids: Sequence[str]) -> Sequence[object]:
    found = await reservations.held_among(info.context.ctx, list(dict.fromkeys(ids)))
    by_id = {held.reservation.id: held for held in found}
    return [by_id.get(id) for id in ids]


async def _rules(info: Info, codes: Sequence[str]) -> Sequence[object]:
    book = await info.context.ctx.loaders.rules()
    return [book.find(code) for code in codes]


async def _orders_by_number(info: Info, numbers: Sequence[str]) -> Sequence[object]:
    return await orders.orders_by_number(info.context.ctx, numbers)


def _behind_ids(kind: str, find: Find) -> Find:
    """By opaque ids; one that is malformed or another type's finds nothing."""

    async def find_behind(info: Info, ids: Sequence[str]) -> Sequence[object]:
        keys = [key_of(kind, id) for id in ids]
        found = iter(await find(info, [key for key in keys if key is not None]))
        return [None if key is None else next(found) for key in keys]

    return find_behind


KEYS: Mapping[str, Mapping[str, Find]] = {
    "Product": {"id": _behind_ids("Product", _products), "handle": _products},
    "Variant": {"id": _behind_ids("Variant", _variants), "sku": _variants},
    "Location": {
        "id": _behind_ids("Location", _each(catalog.location_by_code)),
        "code": _each(catalog.location_by_code),
    },
    "StockLevel": {"id": _behind_ids("StockLevel", _levels)},
    "StockRule": {"id": _behind_ids("StockRule", _rules)},
    "Listing": {"id": _behind_ids("Listing", _each(LOOK_UPS["Listing"][1]))},
    "Reservation": {"id": _behind_ids("Reservation", _reservations)},
    "Order": {
        "id": _behind_ids("Order", _each(LOOK_UPS["Order"][1])),
        "number": _orders_by_number,
    },
    "Member": {"id": _behind_ids("Member", _each(members.member_by_id))},
}
"""Each entity's keys, and how things are found by them."""

Representation = NewType("Representation", object)
"""What a router knows of an entity: its type's name and one key."""

FEDERATION_SCALARS: dict[object, ScalarDefinition] = {
    Representation: strawberry.scalar(
        name="_Any",
        description="What a router knows of an entity: an object with `__typename` and the fields "
        'of one key, like `{"__typename": "Variant", "sku": "BT-0001-30ML"}`.',
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
}

EntityType = Annotated[
    ProductType
    | VariantType
    | LocationType
    | StockLevelType
    | StockRuleType
    | ListingType
    | ReservationType
    | OrderType
    | MemberType,
    strawberry.union("_Entity", description="Whatever a partner's graph may name by a key."),
]


@strawberry.type(name="_Service", description="This graph as a part of a partner's.")
class ServiceType:
    """What a composer asks for."""

    sdl: str = strawberry.field(
        description="The schema as Federation 2 reads it, with keys; `gateway schema --federation` "
        "prints the same."
    )


@strawberry.type
class FederationQuery:
    """The root fields that routers and composers ask; people have no use for them."""

    @strawberry.field(
        name="_service", description="For composers: this graph as a part of a partner's."
    )
    @staticmethod
    def service(info: Info) -> ServiceType:
        """The text for composers.

        Raises:
            Forbidden: introspection is shut, and this tells the same.
        """
        if info.context.telling is not Telling.WRONG:
            raise Forbidden("the schema is not told here; compose what `gateway schema` prints")
        return ServiceType(sdl=federated(info.schema))

    @strawberry.field(
        name="_entities",
        graphql_type=list[EntityType | None],
        description="For routers: the things behind some representations, in the order asked. Null "
        "where there is none that the caller may see; null with an error of its own where a "
        "representation cannot be read, or its type is not the caller's to see.",
    )
    @staticmethod
    async def entities(
        info: Info,
        representations: Annotated[
            list[Representation],
            strawberry.argument(description="At most 100, each of a type and a key of it."),
        ],
    ) -> list[object]:
        """One entity, or what is wrong with it, for each representation."""
        return await found_behind(info, representations)


async def found_behind(info: Info, representations: Sequence[object]) -> list[object]:
    """An entity, None, or an error for each representation; each type is read once for each key.

    Raises:
        InvalidInput: more than 100.
    """
    if len(representations) > REPRESENTATIONS_MAX:
        raise InvalidInput(
            f"at most {REPRESENTATIONS_MAX} representations at a time", field=("representations",)
        )
    answers: list[object] = [None] * len(representations)
    asked: dict[tuple[str, str], dict[int, str]] = {}
    for at, representation in enumerate(representations):
        try:
            kind, name, key = _read(representation, at)
            _admit(info, kind)
        except (InvalidInput, Denied) as refusal:
            answers[at] = refusal
        else:
            asked.setdefault((kind, name), {})[at] = key
    batches = await asyncio.gather(
        *(KEYS[kind][name](info, list(keys.values())) for (kind, name), keys in asked.items()),
        return_exceptions=True,
    )
    for places, batch in zip(asked.values(), batches, strict=True):
        for turn, at in enumerate(places):
            answers[at] = _failed(batch) if isinstance(batch, BaseException) else batch[turn]
    return answers


def _failed(error: BaseException) -> GraphQLError:
    """What kept a whole batch from being read, as one place's own error."""
    if not isinstance(error, Exception):
        raise error
    return GraphQLError(str(error), original_error=error)


def _admit(info: Info, kind: str) -> None:
    """Refuses a caller whom the field that leads to such a thing refuses."""
    row, _ = LOOK_UPS[kind]
    require(info.context.ctx.principal, ACCESS[row])


def _read(representation: object, at: int) -> tuple[str, str, str]:
    """The type that a representation names, the name of its key, and the key.

    Raises:
        InvalidInput: it is none of ours.
    """
    place = ("representations", at)
    if not isinstance(representation, Mapping):
        raise InvalidInput(f"representation {at} is no object", field=place)
    kind = representation.get("__typename")
    if not isinstance(kind, str):
        raise InvalidInput(f"representation {at} has no __typename", field=place)
    if kind not in KEYS:
        told = f"representation {at}: there is no entity {kind[:_NAMED_CHARS]!r} here"
        raise InvalidInput(told, field=(*place, "__typename"))
    for name in KEYS[kind]:
        if name in representation:
            return kind, name, _key(representation[name], at, name)
    told = f"representation {at}: a {kind} is named by {' or '.join(KEYS[kind])}"
    raise InvalidInput(told, field=place)


def _key(value: object, at: int, name: str) -> str:
    """A key as the look-ups take it; one that no text can be would spoil others' batch."""
    if isinstance(value, str) and 0 < len(value) <= _KEY_CHARS_MAX and _written(value):
        return value
    told = f"representation {at}: {name} is a text of 1 to {_KEY_CHARS_MAX} characters"
    raise InvalidInput(told, field=("representations", at, name))


def _written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return True


@lru_cache(maxsize=4)
def federated(schema: BaseSchema) -> str:
    """A schema as composers read it: with keys, and without what only this gateway can answer.

    ``node`` and ``nodes`` are left out: a partner's graph may have its own.
    """
    written = [
        print_ast(_marked(node) if isinstance(node, ObjectTypeDefinitionNode) else node)
        for node in parse(schema.as_str()).definitions
        if not (isinstance(node, TypeDefinitionNode) and node.name.value in _MACHINERY)
    ]
    return "\n\n".join([LINK, *written]) + "\n"


def _marked(node: ObjectTypeDefinitionNode) -> ObjectTypeDefinitionNode:
    """A type with its directives of federation."""
    name = node.name.value
    marks = [f'@key(fields: "{key}")' for key in KEYS.get(name, ())]
    marks += ["@shareable"] if name in SHAREABLE else []
    [marked] = parse(f"type {name} {' '.join(marks)}").definitions
    assert isinstance(marked, ObjectTypeDefinitionNode), "it was written so"
    fields = node.fields or ()
    if name == "Query":
        fields = tuple(field for field in fields if field.name.value not in _MACHINERY)
    return replace(node, directives=marked.directives, fields=fields)
