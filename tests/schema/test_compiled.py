"""What runs by a plan is what the library answers: the same bytes, the same errors in the same
order, the same batches (G5).
"""

import asyncio
import gc
import os
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from graphql import GraphQLError

from resolvers.access import Role
from tests.schema.corners import context, cornered
from tests.schema.dealing import Documents

PARTS = int(os.environ.get("COMPILED_PARTS", "14"))
"""How many times ``DOCUMENTS`` are dealt for each sort of goods; `make compiled` deals more."""

DOCUMENTS = 50
SETTLED_TURNS = 30
SCHEMA = cornered()
ROLES = (Role.SHOPPER, Role.MANAGER, Role.ADMIN, Role.GUEST)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What was called off before it had begun goes here, and not while another test runs."""
    yield
    gc.collect()


def told(errors: list[GraphQLError] | None) -> list[Any]:
    return [
        (
            error.message,
            error.path,
            [location.formatted for location in error.locations or ()],
            error.extensions,
            repr(error.original_error),
        )
        for error in errors or ()
    ]


def seen(result: Any) -> tuple[bytes, list[Any]]:
    return msgspec.json.encode(result.data), told(result.errors)


async def both(document: str, variables: dict[str, Any], role: Role, wild: float) -> Any:
    """What the library answers, and what a plan does, each with what was loaded for it; and whether
    the plan had left it to the library, which then answers in the same request.
    """
    plain, compiled = context(role, wild), context(role, wild)
    expected = await SCHEMA.execute(document, variables, plain)
    assert SCHEMA.compiled is not None
    found = await SCHEMA.compiled.run(document, None, variables, compiled)
    left = found is None
    if left:
        found = await SCHEMA.execute(document, variables, compiled)
    for _ in range(SETTLED_TURNS):  # of what goes on behind an answer that is null already
        await asyncio.sleep(0)
    ran: Any = (plain.ctx, compiled.ctx)
    return expected, found, *(ctx.batches for ctx in ran), left


@pytest.mark.filterwarnings(
    # The library leaves what it calls off before it has begun, and says so.
    "ignore:coroutine .* was never awaited",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("wild", [0.0, 0.02, 0.2])
async def test_a_plan_answers_as_the_library_does(wild: float, part: int) -> None:
    ran, left_without_one, with_errors, with_batches = 0, 0, 0, 0
    for seed in range(part * DOCUMENTS, (part + 1) * DOCUMENTS):
        dice = random.Random(f"{wild} {seed}")
        document, variables = Documents(dice).document()
        role = dice.choice(ROLES)

        expected, found, batches, loaded, left = await both(document, variables, role, wild)

        assert seen(found) == seen(expected), (seed, document, variables)
        assert loaded == batches, (seed, document)
        if left:  # nearly always for an error
            left_without_one += not expected.errors
            continue
        ran += 1
        with_errors += bool(expected.errors)
        with_batches += bool(batches)

    assert ran > DOCUMENTS * 0.8
    assert left_without_one <= 1
    assert with_batches > 0
    assert with_errors > (DOCUMENTS * 0.5 if wild > 0.1 else 0)
