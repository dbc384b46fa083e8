"""The gateway as a part of a partner's graph: entities by their keys, the text for composers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, build_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.schema_text import federated_sdl, sdl
from resolvers.access import NOBODY, Principal
from resolvers.domain.catalog import Variant
from resolvers.domain.errors import BackendUnavailable
from resolvers.ports import CatalogStore
from schema.federation import KEYS
from schema.ids import seal
from schema.info import RequestContext
from schema.nodes import LOOK_UPS
from schema.operations import Operation, run
from tests.schema.asking import Answered, ask, hold, place, schema_of
from tests.support import (
    ASSOCIATE,
    GUEST,
    MANAGER,
    OPERATOR,
    OTHER_SHOPPER,
    SHOPPER,
    SKU,
    Shop,
    counted,
    open_shop,
)

HANDLE = "amber-essence-001"

ENTITIES = """query ($of: [_Any!]!) { _entities(representations: $of) {
  __typename
  ... on Product { handle }
  ... on Variant { sku unitCost { amount } }
  ... on Location { code }
  ... on StockLevel { onHand }
  ... on StockRule { code }
  ... on Reservation { status }
  ... on Order { number }
} }"""


async def entities(shop: Shop, *of: object, caller: Principal = SHOPPER) -> Answered:
    return await ask(shop, ENTITIES, caller, of=list(of))


def told(answer: Answered) -> list[tuple[list[Any], str]]:
    """Where each error of an answer is, and its code."""
    return [(error["path"], error["extensions"]["code"]) for error in answer.errors]


async def test_a_thing_is_found_by_each_of_its_keys_in_the_order_asked(shop: Shop) -> None:
    order = (await place(shop, "o"))["order"]
    held = (await hold(shop, "h"))["reservation"]

    answer = await entities(
        shop,
        {"__typename": "Order", "number": order["number"]},
        {"__typename": "Variant", "sku": SKU},
        {"__typename": "Order", "id": order["id"]},
        {"__typename": "Product", "handle": HANDLE},
        {"__typename": "Reservation", "id": held["id"]},
        {"__typename": "Location", "code": "ST-01"},
        {"__typename": "Variant", "id": seal("Variant", SKU)},
        {"__typename": "Product", "id": seal("Product", HANDLE)},
        {"__typename": "StockLevel", "id": seal("StockLevel", SKU, "ST-01")},
        {"__typename": "Location", "id": seal("Location", "ST-01")},
        {"__typename": "Variant", "sku": SKU},
    )

    assert answer.errors == []
    variant = {"__typename": "Variant", "sku": SKU, "unitCost": None}
    assert answer.data["_entities"] == [
        {"__typename": "Order", "number": order["number"]},
        variant,
        {"__typename": "Order", "number": order["number"]},
        {"__typename": "Product", "handle": HANDLE},
        {"__typename": "Reservation", "status": "HELD"},
        {"__typename": "Location", "code": "ST-01"},
        variant,
        {"__typename": "Product", "handle": HANDLE},
        {"__typename": "StockLevel", "onHand": 3},
        {"__typename": "Location", "code": "ST-01"},
        variant,
    ]


@pytest.mark.parametrize(
    ("representation", "field", "says"),
    [
        ({"__typename": "Nope", "id": "x"}, ["__typename"], "there is no entity 'Nope' here"),
        ({"__typename": "Money", "id": "x"}, ["__typename"], "there is no entity 'Money' here"),
        ({"id": "x"}, [], "representation 1 has no __typename"),
        ({"__typename": 5}, [], "representation 1 has no __typename"),
        ("Variant", [], "representation 1 is no object"),
        ([], [], "representation 1 is no object"),
        ({"__typename": "Variant", "handle": "x"}, [], "a Variant is named by id or sku"),
        ({"__typename": "Variant", "sku": None}, ["sku"], "sku is a text of 1 to 1024"),
        ({"__typename": "Variant", "sku": 5}, ["sku"], "sku is a text of 1 to 1024"),
        ({"__typename": "Variant", "sku": ""}, ["sku"], "sku is a text of 1 to 1024"),
        ({"__typename": "Variant", "sku": "x" * 1025}, ["sku"], "sku is a text of 1 to 1024"),
        ({"__typename": "Variant", "sku": "\ud800"}, ["sku"], "sku is a text of 1 to 1024"),
    ],
)
async def test_what_is_no_representation_has_an_error_at_its_own_place(
    shop: Shop, representation: object, field: list[str], says: str
) -> None:
    known = {"__typename": "Location", "code": "ST-01"}

    answer = await entities(shop, known, representation, known)

    assert answer.data["_entities"] == [known, None, known]
    [error] = answer.errors
    assert error["path"] == ["_entities", 1]
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert error["extensions"]["field"] == ["representations", "1", *field]
    assert says in error["message"]


async def test_what_does_not_exist_is_null_without_an_error(shop: Shop) -> None:
    answer = await entities(
        shop,
        {"__typename": "Variant", "sku": "none"},
        {"__typename": "Variant", "id": seal("Product", HANDLE)},
        {"__typename": "Variant", "id": "精华"},
        {"__typename": "Order", "number": "none"},
        {"__typename": "StockLevel", "id": seal("StockLevel", SKU)},
        {"__typename": "Reservation", "id": seal("Reservation", "none")},
    )

    assert (answer.data, answer.errors) == ({"_entities": [None] * 6}, [])


@pytest.mark.parametrize(("caller", "code"), [(NOBODY, "UNAUTHENTICATED"), (GUEST, "FORBIDDEN")])
async def test_a_type_that_is_not_the_callers_to_see_is_refused_and_no_other(
    shop: Shop, caller: Principal, code: str
) -> None:
    order = (await place(shop, "o"))["order"]

    answer = await entities(
        shop,
        {"__typename": "Order", "number": order["number"]},
        {"__typename": "Location", "code": "ST-01"},
        {"__typename": "Reservation", "id": seal("Reservation", "none")},
        caller=caller,
    )

    assert answer.data["_entities"] == [None, {"__typename": "Location", "code": "ST-01"}, None]
    assert told(answer) == [(["_entities", 0], code), (["_entities", 2], code)]


async def test_somebody_elses_order_or_hold_is_null_as_if_it_were_not_there(shop: Shop) -> None:
    order = (await place(shop, "o"))["order"]
    held = (await hold(shop, "h"))["reservation"]

    answer = await entities(
        shop,
        {"__typename": "Order", "id": order["id"]},
        {"__typename": "Order", "number": order["number"]},
        {"__typename": "Reservation", "id": held["id"]},
        caller=OTHER_SHOPPER,
    )

    assert (answer.data, answer.errors) == ({"_entities": [None] * 3}, [])


async def test_a_field_of_an_entity_asks_for_its_scope_as_elsewhere(shop: Shop) -> None:
    of = {"__typename": "Variant", "sku": SKU}

    shown = (await entities(shop, of, caller=MANAGER)).data["_entities"]
    hidden = (await entities(shop, of, caller=ASSOCIATE)).data["_entities"]

    assert (shown[0]["unitCost"], hidden[0]["unitCost"]) == ({"amount": "220.40"}, None)


class Broken:
    """A catalogue that cannot read variants."""

    def __init__(self, behind: CatalogStore) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    async def variants(self, skus: Sequence[str]) -> Mapping[str, Variant]:
        raise BackendUnavailable("the disk is gone")


async def test_what_could_not_be_read_is_an_error_for_each_and_spoils_no_other_type(
    shop: Shop,
) -> None:
    shop.store = replace(shop.store, catalog=Broken(shop.store.catalog))
    variant = {"__typename": "Variant", "sku": SKU}

    answer = await entities(shop, variant, {"__typename": "Location", "code": "ST-01"}, variant)

    assert answer.data["_entities"] == [None, {"__typename": "Location", "code": "ST-01"}, None]
    code = "BACKEND_UNAVAILABLE"
    assert told(answer) == [(["_entities", 0], code), (["_entities", 2], code)]


TEXTS = st.text(st.characters(), max_size=12) | st.sampled_from(
    [SKU, "", "\ud800", "\x00", "\x1f", "__proto__", seal("Variant", SKU), "Variant"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
REPRESENTATIONS = VALUES.filter(lambda value: value is not None) | st.fixed_dictionaries(
    {"__typename": st.sampled_from(sorted(KEYS)) | VALUES},
    optional=dict.fromkeys(("id", "sku", "code", "handle", "number"), VALUES | TEXTS),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(REPRESENTATIONS, max_size=6))
async def test_whatever_is_sent_each_place_has_its_own_answer(shop: Shop, of: list[object]) -> None:
    context = RequestContext(shop.context(OPERATOR), [], "r-1")

    answer = await run(schema_of(), Operation(ENTITIES, {"of": of}), context)

    assert len(answer.body["data"]["_entities"]) == len(of)
    assert set(answer.codes) <= {"INVALID_INPUT"}


async def test_a_hundred_entities_of_a_type_are_read_together() -> None:
    shop = await open_shop()
    order = (await place_in(shop))["number"]
    shop.store, asked = counted(shop.store)
    of = [
        *({"__typename": "Variant", "sku": sku} for sku in (SKU, "none", "none too")),
        *({"__typename": "Product", "handle": handle} for handle in (HANDLE, "none")),
        *({"__typename": "Order", "number": number} for number in (order, "none", "none too")),
        *({"__typename": "Reservation", "id": seal("Reservation", id)} for id in "abc"),
        *({"__typename": "StockLevel", "id": seal("StockLevel", SKU, at)} for at in "abc"),
    ]

    answer = await entities(shop, *of)

    assert answer.errors == []
    reads = ("catalog.variants", "catalog.products", "stock.orders_by_number")
    assert {name: asked[name] for name in (*reads, "stock.reservations", "stock.streams")} == {
        "catalog.variants": 1,
        "catalog.products": 1,
        "stock.orders_by_number": 1,
        "stock.reservations": 1,
        "stock.streams": 1,
    }
    await shop.close()


async def place_in(shop: Shop) -> Any:
    """An order in a shop whose shelves were empty."""
    await shop.stocked(SKU, "WH-01", 5)
    return (await place(shop, "o"))["order"]


async def test_more_than_a_hundred_representations_are_refused(shop: Shop) -> None:
    answer = await entities(shop, *[{"__typename": "Variant", "sku": SKU}] * 101)

    assert answer.code == "INVALID_INPUT"
    assert answer.errors[0]["extensions"]["field"] == ["representations"]


async def test_facts_that_are_out_of_date_are_told_as_by_the_fields_that_lead_to_them(
    shop: Shop,
) -> None:
    shop.clock.advance(days=3)

    answer = await entities(
        shop,
        {"__typename": "Variant", "sku": SKU},
        {"__typename": "StockLevel", "id": seal("StockLevel", SKU, "ST-01")},
    )

    assert [(told["code"], told.get("sku")) for told in answer.warnings] == [
        ("STALE", None),
        ("STALE", SKU),
    ]


async def test_a_composer_asks_for_the_same_text_that_the_command_prints(shop: Shop) -> None:
    answer = await ask(shop, "{ _service { sdl } }", NOBODY)

    assert answer.data == {"_service": {"sdl": federated_sdl()}}


def test_whatever_node_finds_is_an_entity_by_its_id() -> None:
    schema = build_schema(sdl())
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    types = {type_.name for type_ in schema.get_possible_types(node)}

    assert types == KEYS.keys() == LOOK_UPS.keys()
    assert [kind for kind, keys in KEYS.items() if "id" not in keys] == []


def test_the_page_for_partners_says_each_entitys_keys_and_what_it_asks_for() -> None:
    page = (Path(__file__).parents[2] / "docs" / "federation.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| `(\w+)` \| (`.+`) \| `(Query\.\w+)` \|$", page, re.MULTILINE)

    said = {kind: (re.findall(r"\w+", keys), field) for kind, keys, field in rows}
    assert said == {kind: (list(keys), LOOK_UPS[kind][0]) for kind, keys in KEYS.items()}


def test_the_text_for_composers_says_what_is_an_entity_and_what_is_shared() -> None:
    marked = re.findall(r"^type (\w+)(?: implements Node)? (@.+) {$", federated_sdl(), re.MULTILINE)

    assert marked == [
        ("Listing", '@key(fields: "id")'),
        ("Location", '@key(fields: "id") @key(fields: "code")'),
        ("Member", '@key(fields: "id")'),
        ("Money", "@shareable"),
        ("Order", '@key(fields: "id") @key(fields: "number")'),
        ("PageInfo", "@shareable"),
        ("Product", '@key(fields: "id") @key(fields: "handle")'),
        ("Reservation", '@key(fields: "id")'),
        ("StockLevel", '@key(fields: "id")'),
        ("StockRule", '@key(fields: "id")'),
        ("Variant", '@key(fields: "id") @key(fields: "sku")'),
    ]


def test_the_text_for_composers_has_all_that_clients_have_and_none_of_the_machinery() -> None:
    _, types = federated_sdl().split("\n\n", 1)
    marks = re.compile(r' (@key\(fields: "\w+"\)|@shareable)')
    composed = build_schema(marks.sub("", types))
    whole = build_schema(sdl())

    assert whole.type_map.keys() - composed.type_map.keys() == {"_Any", "_Entity", "_Service"}
    assert whole.query_type is not None and composed.query_type is not None
    left_out = whole.query_type.fields.keys() - composed.query_type.fields.keys()
    assert left_out == {"_entities", "_service", "node", "nodes"}
