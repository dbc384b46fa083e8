"""Top-level errors: their codes, and that nothing of what went wrong inside is told."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLError

from resolvers.domain.errors import (
    BackendRefused,
    BackendUnavailable,
    Contended,
    Forbidden,
    InvalidInput,
    NotFound,
    Overloaded,
    Several,
    Unauthenticated,
    UnknownOutcome,
)
from schema.errors import formatted
from tests.schema.asking import HOLD, ask, states
from tests.support import CHANNEL, OPERATOR, SKU, Shop, open_shop


def told(error: Exception) -> dict[str, Any]:
    return formatted(GraphQLError(str(error), path=["it"], original_error=error), "r-7")


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (Unauthenticated("send a token"), "UNAUTHENTICATED", False),
        (Forbidden("not yours"), "FORBIDDEN", False),
        (NotFound("no such channel"), "NOT_FOUND", False),
        (Contended("others were faster"), "CONTENDED", True),
        (Overloaded("too many wait"), "THROTTLED", True),
        (BackendUnavailable("it is down", backend="erp"), "BACKEND_UNAVAILABLE", True),
        (UnknownOutcome("no answer", backend="erp"), "BACKEND_TIMEOUT", True),
    ],
)
def test_an_error_of_the_house_says_its_code_and_whether_to_try_again(
    error: Exception, code: str, retryable: bool
) -> None:
    answer = told(error)

    assert answer["message"] == str(error)
    assert answer["path"] == ["it"]
    assert answer["extensions"]["code"] == code
    assert answer["extensions"]["retryable"] is retryable
    assert answer["extensions"]["requestId"] == "r-7"


def test_a_refused_query_names_the_argument_to_blame() -> None:
    answer = told(InvalidInput("first is 1 to 100, not 0", field=("first",)))

    assert answer["extensions"]["field"] == ["first"]


def test_of_several_refusals_the_first_one_says_the_code() -> None:
    answer = told(Several([NotFound("no SKU 'x'", field=("skus", 0)), InvalidInput("no")]))

    assert answer["extensions"]["code"] == "NOT_FOUND"
    assert answer["message"] == "no SKU 'x'; no"


@pytest.mark.parametrize(
    "bug",
    [
        KeyError("the secret"),
        BackendRefused("the secret", backend="erp", kind="AUTH"),
        TypeError("Cannot return null for the secret"),
        GraphQLError("Expected value of type 'X' but got: <the secret>."),
        AssertionError("the secret"),
    ],
)
def test_a_bug_is_logged_whole_and_told_by_its_request_alone(
    bug: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = told(bug)

    assert answer["extensions"]["code"] == "INTERNAL"
    assert answer["message"] == "something went wrong in here; quote request r-7"
    assert "secret" not in str(answer)
    [record] = caplog.records
    assert record.exc_info is not None and record.exc_info[1] is bug
    assert "r-7" in record.getMessage()


class _Broken:
    """A role of a store that fails whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: Any) -> Any:
            raise RuntimeError(f"the secret of {name}")

        return fail


@pytest.fixture
async def broken() -> AsyncIterator[Shop]:
    """A shop whose stock cannot be read."""
    shop = await open_shop()
    parts: Any = _Broken()
    kept = shop.store
    shop.store = replace(kept, stock=parts, outbox=parts)
    yield shop
    await shop.close()


async def test_a_bug_under_a_field_is_logged_once_and_never_told(
    broken: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await ask(broken, "{ stockLevels(first: 1) { nodes { onHand } } }")

    assert answer.code == "INTERNAL"
    assert "secret" not in str(answer)
    assert len(caplog.records) == 1


async def test_a_bug_under_a_subscription_is_never_told(
    broken: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    document = "subscription ($s: [String!]!) { stockChanged(skus: $s) { onHand } }"

    answers = [answer async for answer in states(broken, document, s=[SKU])]

    assert [answer.code for answer in answers] == ["INTERNAL"]
    assert "secret" not in str(answers)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ("{ products(", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ products(first: 1.5) { nodes { id } } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { products(first: $n) { nodes { id } } }", {"n": "x"}, "BAD_USER_INPUT"),
        ("query ($n: Int!) { products(first: $n) { nodes { id } } }", {}, "BAD_USER_INPUT"),
        (
            "query ($n: Int = 1) { products(first: $n) { nodes { id } } }",
            {"n": None},
            "BAD_USER_INPUT",
        ),
        ("query ($b: ProductBy!) { product(by: $b) { id } }", {"b": {}}, "BAD_USER_INPUT"),
        (
            "query ($b: ProductBy!) { product(by: $b) { id } }",
            {"b": {"id": "1", "handle": "2"}},
            "BAD_USER_INPUT",
        ),
        (
            "query ($f: ProductFilter) { products(first: 1, filter: $f) { nodes { id } } }",
            {"f": {"updatedSince": "yesterday"}},
            "BAD_USER_INPUT",
        ),
        ("{ products(first: 101) { nodes { id } } }", {}, "INVALID_INPUT"),
        ('{ products(first: 1, after: "x") { nodes { id } } }', {}, "INVALID_INPUT"),
        ('{ availability(skus: [], channel: "store") { id } }', {}, "INVALID_INPUT"),
        ('{ availability(skus: ["x"], channel: "none") { id } }', {}, "NOT_FOUND"),
    ],
)
async def test_a_request_that_cannot_be_meant_says_what_is_wrong_with_it(
    shop: Shop,
    document: str,
    variables: dict[str, Any],
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = await ask(shop, document, **variables)

    assert answer.code == code
    assert answer.data is None
    assert caplog.records == []


@pytest.mark.parametrize("document", ["", "query { channels { code } }", "subscription { none }"])
async def test_what_cannot_be_watched_is_not_taken_for_a_bug(
    shop: Shop, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [answer async for answer in states(shop, document)]

    assert [answer.code for answer in answers] in (
        ["BAD_USER_INPUT"],
        ["GRAPHQL_VALIDATION_FAILED"],
    )
    assert caplog.records == []


async def test_a_refusal_is_not_logged_as_if_it_were_a_bug(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    line = {"sku": "none", "quantity": 1}

    await ask(shop, HOLD, input={"idempotencyKey": "k", "channel": CHANNEL, "lines": [line]})
    await ask(shop, HOLD, OPERATOR, input={"idempotencyKey": "", "channel": "", "lines": []})

    assert caplog.records == []
