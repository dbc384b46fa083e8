"""How a mutation answers: with what it made, or with why it was refused, as data (ADR-0004).

Who may not call, and what is not ready, are no refusals: those are top-level errors (``errors``).
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import strawberry

from resolvers.domain.errors import InsufficientStock, Refused, Several, refuse
from schema.enums import UserErrorCode

T = TypeVar("T")


@strawberry.interface(
    name="UserError",
    description="Why a mutation was refused, as data: one for each line or value that is to blame. "
    "Nothing changed.",
)
class UserErrorType:
    """One refusal. Concrete types add fields."""

    code: UserErrorCode = strawberry.field(description="What kind of refusal, for programs.")
    message: str = strawberry.field(description="What is wrong, in a sentence for developers.")
    field: list[str] | None = strawberry.field(
        description='Path of the value that is to blame, from `input` on: `["input", "lines", "0", '
        '"sku"]`. Null when it is no single value.'
    )


@strawberry.type(
    name="InsufficientStockError",
    description="A line asks for more units than can be promised now.",
)
class InsufficientStockErrorType(UserErrorType):
    """The refusal that a buyer is told about."""

    sku: str = strawberry.field(description="The SKU that is short.")
    requested: int = strawberry.field(description="Units that the line asks for.")
    available_to_promise: int = strawberry.field(
        description="Units that could be promised instead, at the time of the answer."
    )


@strawberry.type(
    name="RequestError", description="A refusal that `code`, `message` and `field` say all about."
)
class RequestErrorType(UserErrorType):
    """Every other refusal."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of a mutation; its payload shows ``made`` under the thing's own name."""

    made: T | None
    replayed: bool
    user_errors: Sequence[UserErrorType]

    def refused_as(self, code: UserErrorCode) -> bool:
        """Says whether it was refused for this reason."""
        return any(error.code is code for error in self.user_errors)


async def answered(flow: Callable[[], Awaitable[tuple[T, bool]]]) -> Answer[T]:
    """Runs a flow, input and all; what it refuses becomes data."""
    try:
        made, replayed = await flow()
    except Refused as refusal:
        return Answer(None, False, user_errors(refusal))
    return Answer(made, replayed, ())


def user_errors(refusal: Refused) -> list[UserErrorType]:
    """What a refusal says, one error for each of its parts."""
    if isinstance(refusal, Several):
        return [error for part in refusal.refusals for error in user_errors(part)]
    code = UserErrorCode(refusal.code)
    field = list(refusal.field) or None
    if isinstance(refusal, InsufficientStock):
        return [
            InsufficientStockErrorType(
                code=code,
                message=refusal.message,
                field=field,
                sku=refusal.sku,
                requested=refusal.requested,
                available_to_promise=refusal.available,
            )
        ]
    return [RequestErrorType(code=code, message=refusal.message, field=field)]


def each(makers: Iterable[Callable[[], T]]) -> list[T]:
    """What each of them makes.

    Raises:
        Refused: what they refused, all of it together.
    """
    made: list[T] = []
    refusals: list[Refused] = []
    for make in makers:
        try:
            made.append(make())
        except Refused as refusal:
            refusals.append(refusal)
    refuse(refusals)
    return made


def replayed_field() -> Any:
    """The field ``replayed`` of every payload."""
    return strawberry.field(
        description="Whether this is the answer to an earlier request with the same idempotency "
        "key: nothing was done twice, and the object is as it is now."
    )


def user_errors_field() -> Any:
    """The field ``userErrors`` of every payload."""
    return strawberry.field(
        description="Why nothing was done: empty when it was. One for each line or value to blame."
    )


def key_field() -> Any:
    """The input field ``idempotencyKey`` of every mutation."""
    return strawberry.field(
        description="Made by the caller, one for each thing that it wants done, 1 to 255 "
        "characters (code points), no control characters, compared exactly. Sent again with the "
        "same content it answers what was done before; with other content it is refused. Kept for "
        "at least 24 hours; a refusal does not use it up."
    )
