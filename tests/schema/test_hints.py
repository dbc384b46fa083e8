"""How long answers may be kept, and by whom: by table, for whole documents."""

from typing import Any

import pytest
from graphql import build_schema as sdl
from graphql import get_named_type, is_composite_type, is_leaf_type

from resolvers.ports import TOPICS
from schema.documents import read
from schema.hints import HINTS, NO_STORE, Policy, hinted, of_field
from schema.operations import Bounds, Operation, policy_of
from schema.root import build_schema

BUILT = build_schema()
SCHEMA = BUILT._schema  # noqa: SLF001  # the library has no other door to it

CATALOG = frozenset({"catalog"})
PROMISES = frozenset({"catalog", "rule", "stock"})


def asked(document: str, name: str | None = None, **variables: Any) -> Policy:
    return policy_of(BUILT, Operation(document, variables, name), Bounds())


def test_every_field_that_a_query_begins_with_has_a_row() -> None:
    assert SCHEMA.query_type is not None
    rows = {f"Query.{name}" for name in SCHEMA.query_type.fields}

    assert rows - HINTS.keys() == set()


def test_every_row_is_of_a_field_or_type_that_there_is() -> None:
    for row in HINTS:
        owner, _, name = row.partition(".")
        assert owner in SCHEMA.type_map, row
        assert not name or name in SCHEMA.type_map[owner].fields, row  # type: ignore[attr-defined]


def test_every_type_that_a_query_reaches_has_a_row() -> None:
    reached: set[Any] = set()
    waiting: list[Any] = [SCHEMA.query_type]
    while waiting:
        kind = waiting.pop()
        inner = {get_named_type(at.type) for at in getattr(kind, "fields", {}).values()}
        found = {at for at in inner if not is_leaf_type(at)} - reached
        reached |= found
        waiting += found

    assert {kind.name for kind in reached if is_composite_type(kind)} - HINTS.keys() == set()


def test_what_the_table_rests_on_are_topics_of_the_store() -> None:
    assert {topic for policy in HINTS.values() for topic in policy.topics} <= set(TOPICS)


def test_a_field_or_type_without_a_row_is_not_kept() -> None:
    strange = sdl("type Query { news: News, when: String } type News { of: News, text: String }")
    assert strange.query_type is not None
    fields = strange.query_type.fields
    news: Any = strange.type_map["News"]

    assert of_field(strange, strange.query_type, "when", fields["when"]) == NO_STORE
    assert of_field(strange, strange.query_type, "news", fields["news"]) == NO_STORE
    assert of_field(strange, news, "of", news.fields["of"]) == NO_STORE


KEPT: dict[str, tuple[str, Policy]] = {
    "the catalogue": (
        "{ products(first: 2) { nodes { title } } }",
        Policy(60, public=True, kept=True, topics=CATALOG),
    ),
    "channels": ("{ channels { code } }", Policy(60, public=True, kept=True)),
    "introspection": ("{ __schema { types { name } } }", Policy(60, public=True, kept=True)),
    "promises": (
        '{ availability(skus: ["A"], channel: "c") { availableToPromise } }',
        Policy(1, public=True, kept=True, topics=PROMISES),
    ),
    "a promise in a fragment in the catalogue": (
        "query { products(first: 1) { ...P } } fragment P on ProductConnection { nodes { ...V } }"
        ' fragment V on Product { variants(first: 1) { nodes { availability(channel: "c")'
        " { sku } } } }",
        Policy(1, public=True, kept=True, topics=PROMISES),
    ),
    "a page of levels": (
        "{ stockLevels(first: 2) { nodes { onHand } } }",
        Policy(1, public=True, kept=True, topics=PROMISES, every_sku=True),
    ),
    "seconds until now": (
        '{ variant(by: {sku: "A"}) { provenance { ageSeconds } } }',
        Policy(0, public=True, kept=True, topics=CATALOG),
    ),
    "a cost, which asks a scope": (
        '{ variant(by: {sku: "A"}) { ... @include(if: false) { unitCost { amount } } } }',
        Policy(0, kept=True, topics=CATALOG),
    ),
    "orders beside the catalogue": (
        "{ orders(first: 1) { nodes { number } } channels { code } }",
        Policy(0, kept=True),
    ),
    "anything by its id": ('{ node(id: "x") { id } }', Policy(0, kept=True)),
    "backends": ("{ backends { code } }", NO_STORE),
    "backends beside the catalogue": ("{ channels { code } backends { code } }", NO_STORE),
    "a field that there is not": ("{ channels { colour } }", NO_STORE),
    "a fragment in a circle": (
        "{ products(first: 1) { ...P } } fragment P on ProductConnection { ...P }",
        Policy(60, public=True, kept=True, topics=CATALOG),
    ),
    "a mutation": ('mutation { cancelOrder(input: {id: "x"}) { userErrors { code } } }', NO_STORE),
    "no GraphQL": ("{", NO_STORE),
    "one of two, unnamed": (
        "query A { channels { code } } query B { channels { code } }",
        NO_STORE,
    ),
}


@pytest.mark.parametrize(("document", "policy"), KEPT.values(), ids=KEPT.keys())
def test_an_answer_is_kept_as_short_as_the_least_of_it(document: str, policy: Policy) -> None:
    assert asked(document) == policy


def test_each_operation_of_a_document_has_its_own() -> None:
    two = "query A { channels { code } } query B { backends { code } }"

    assert (asked(two, "A").seconds, asked(two, "B")) == (60, NO_STORE)


@pytest.mark.parametrize(
    ("arguments", "variables", "seconds"),
    [
        ("filter: {brand: []}", {}, 60),
        ("filter: {inStock: true}", {}, 1),
        ("filter: {inStock: $in}", {"in": None}, 1),
        ("filter: $filter", {}, 60),
        ("filter: $filter", {"filter": None}, 60),
        ("filter: $filter", {"filter": {"brand": ["x"], "inStock": None}}, 60),
        ("filter: $filter", {"filter": {"inStock": False}}, 1),
        ("filter: $usual", {}, 1),
    ],
)
def test_a_list_by_stock_is_as_short_lived_as_stock(
    arguments: str, variables: dict[str, Any], seconds: int
) -> None:
    """And any SKU may come into it or leave it."""
    document = (
        "query Q($filter: ProductFilter, $in: Boolean, $usual: ProductFilter = {inStock: true})"
        f" {{ products(first: 1, {arguments}) {{ nodes {{ handle }} }} }}"
    )

    policy = asked(document, **variables)

    assert (policy.seconds, policy.every_sku) == (seconds, seconds == 1)


def test_a_document_is_looked_at_once() -> None:
    document = read("query Once { channels { code } }")

    first = hinted(SCHEMA, document, document.operations[0])

    assert hinted(SCHEMA, document, document.operations[0]) is first
