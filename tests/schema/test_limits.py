"""What a document may cost: bounds that no client meets, and that nobody gets past."""

import pytest
from graphql import build_schema, get_introspection_query, parse, validate

from gateway.examples import examples
from gateway.graphiql import Example
from gateway.schema_text import sdl
from schema.limits import Bounds
from tests.schema.asking import ask
from tests.support import SKU, Shop

BOUNDS = Bounds()


def nested(levels: int) -> str:
    """A document that goes down from a variant to its product and back."""
    inner = "sku"
    for _ in range(levels):
        inner = f"product {{ variants(first: 1) {{ nodes {{ {inner} }} }} }}"
    return f'{{ variant(by: {{sku: "{SKU}"}}) {{ {inner} }} }}'


def doubling(fragments: int) -> str:
    """A document whose every fragment asks for twice as much as the next, at the same depth."""
    made = [f"fragment F{fragments} on Variant {{ sku }}"]
    for at in range(fragments):
        aliases = f"a{at}: product {{ handle }} ...F{at + 1}"
        made.append(f"fragment F{at} on Variant {{ {aliases} ... on Variant {{ ...F{at + 1} }} }}")
    return f'{{ variant(by: {{sku: "{SKU}"}}) {{ ...F0 }} }} {" ".join(made)}'


async def test_the_tools_that_draw_the_schema_are_let_through(shop: Shop) -> None:
    answer = await ask(shop, get_introspection_query(specified_by_url=True))

    assert answer.errors == []


async def test_a_document_that_goes_as_deep_as_is_allowed_runs(shop: Shop) -> None:
    assert BOUNDS.depth == 15

    answer = await ask(shop, nested(4))

    assert answer.errors == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (nested(5), f"fields go 17 deep; {BOUNDS.depth} are allowed"),
        (nested(60), f"fields go 182 deep; {BOUNDS.depth} are allowed"),
        (doubling(30), "2000 fields are allowed; split the document"),
        (
            "query($n: Int!) { products(first: 100) { nodes { variants(first: $n) { nodes {"
            " stockLevels(first: 30) { nodes { onHand } } } } } } }",
            "the answer may have 920,200 fields; 200,000 are allowed: ask for shorter pages",
        ),
    ],
)
async def test_a_document_that_asks_for_too_much_is_refused_before_it_runs(
    shop: Shop, document: str, message: str
) -> None:
    answer = await ask(shop, document)

    assert {error["extensions"]["code"] for error in answer.errors} == {"LIMIT_EXCEEDED"}
    assert answer.errors[0]["message"] == message


@pytest.mark.parametrize(
    "document",
    [
        "{ channels { code } }" + " " * 100_000,
        "{ " + "channels { code } " * 400 + "}",
        "# a\n" * 300 + "{ channels { code } }",
        "{ " * 5_000,
    ],
)
async def test_a_document_that_is_too_long_is_not_even_read(shop: Shop, document: str) -> None:
    answer = await ask(shop, document)

    assert answer.code == "GRAPHQL_PARSE_FAILED"


async def test_a_fragment_in_a_circle_is_refused_by_its_name(shop: Shop) -> None:
    document = "{ channels { ...A } } fragment A on Channel { ...B } fragment B on Channel { ...A }"

    answer = await ask(shop, document)

    assert answer.code == "GRAPHQL_VALIDATION_FAILED"
    assert "'A'" in answer.errors[0]["message"]


@pytest.mark.parametrize(
    "example", examples(SKU, "mini-program", "WH-01"), ids=lambda example: str(example.title)
)
def test_the_examples_of_graphiql_fit_the_schema(example: Example) -> None:
    document = parse(example.query)

    assert validate(build_schema(sdl()), document) == []
