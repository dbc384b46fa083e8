"""Which parts of the schema an operation uses, as coordinates."""

from enum import Enum

import strawberry

from schema.operations import Operation
from schema.root import build_schema
from schema.usage import deprecated_in, elements, uses

SCHEMA = build_schema()
DOCUMENT = """
query Shelf($by: VariantBy!, $first: Int = 2) {
  __typename
  variant(by: $by) { ...S }
  again: variant(by: {sku: "X"}) { ...S sku }
  products(first: $first, sort: TITLE_ASC) { nodes { ... on Product { title } } }
}
fragment S on Variant { sku product { id } }
mutation Other { __typename }
"""


def test_fields_arguments_inputs_and_values_of_enums_are_found() -> None:
    found = uses(SCHEMA, Operation(DOCUMENT, {}, "Shelf"))

    assert found.name == "Shelf"
    assert found.coordinates == (
        "Product.id",
        "Product.title",
        "ProductConnection.nodes",
        "ProductSort.TITLE_ASC",
        "Query.products",
        "Query.products(first:)",
        "Query.products(sort:)",
        "Query.variant",
        "Query.variant(by:)",
        "Variant.product",
        "Variant.sku",
        "VariantBy.sku",
    )
    assert found.watched == {}
    assert uses(SCHEMA, Operation(DOCUMENT, {"by": {"sku": "Y"}}, "Shelf")) is found
    assert uses(SCHEMA, Operation(DOCUMENT, {}, "Other")).coordinates == ()
    assert set(found.coordinates) <= elements(SCHEMA).keys()


@strawberry.enum
class Tone(Enum):
    LOUD = strawberry.enum_value("loud", deprecation_reason="use SOFT")
    SOFT = "soft"


@strawberry.input
class Line:
    tone: Tone
    label: str | None = strawberry.field(default=None, deprecation_reason="gone")


@strawberry.input
class Song:
    lines: list[Line]


@strawberry.type
class Query:
    @strawberry.field
    def sing(self, song: Song, times: int = 1) -> str:
        return "la"


def test_what_is_deprecated_is_found_in_variables_too() -> None:
    old = strawberry.Schema(Query)
    document = "query($s: Song!, $n: Int!) { sing(song: $s, times: $n) }"
    lines = [{"tone": "LOUD", "label": "x"}, {"tone": "SOFT"}, {"tone": "LOUD"}]
    variables = {"s": {"lines": lines}, "n": 2}

    found = uses(old, Operation(document, variables))

    assert list(found.watched) == ["s"]
    assert sorted(deprecated_in(found, variables)) == ["Line.label", "Tone.LOUD", "Tone.LOUD"]
    assert deprecated_in(found, {"n": 2}) == []
    assert {name: why for name, why in elements(old).items() if why} == {
        "Line.label": "gone",
        "Tone.LOUD": "use SOFT",
    }
