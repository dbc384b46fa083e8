"""What is asked of Shopify is valid: by the cut of its schema, and the cut by the published one."""

import pytest
from graphql import GraphQLSchema, NoDeprecatedCustomRule, parse, validate

from connectors.marketplace.shopify_operations import OPERATIONS, Operation
from tests.shopify.published import CUT, FETCH_SECONDS, cut_of, cut_schema, published_schema

pytestmark = pytest.mark.timeout(FETCH_SECONDS + 60)


@pytest.fixture(scope="module")
def published() -> GraphQLSchema:
    return published_schema()


def test_names_are_unique_so_that_costs_are_learned_of_the_right_one() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda it: it.name)
def test_every_operation_is_valid_in_the_cut_schema(operation: Operation) -> None:
    assert validate(cut_schema(), parse(operation.text)) == []
    assert f" {operation.name}(" in operation.text


@pytest.mark.published
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda it: it.name)
def test_every_operation_is_valid_in_the_published_schema(
    operation: Operation, published: GraphQLSchema
) -> None:
    assert validate(published, parse(operation.text)) == []


@pytest.mark.published
def test_nothing_that_is_asked_for_is_deprecated(published: GraphQLSchema) -> None:
    told = [
        error.message
        for operation in OPERATIONS
        for error in validate(published, parse(operation.text), [NoDeprecatedCustomRule])
    ]
    assert told == []


@pytest.mark.published
def test_the_cut_is_what_the_published_schema_says(published: GraphQLSchema) -> None:
    assert CUT.read_text(encoding="utf-8") == cut_of(published)
