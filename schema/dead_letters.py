"""Writes to backends that are given up and wait for a person."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import dead_letters
from resolvers.domain.outbox import Write
from resolvers.relay import reference_of
from schema.enums import DeathKind, Verdict, WriteStatus
from schema.fields import After, First, plain
from schema.ids import required_key, required_keys, seal
from schema.inbox import BackendCode
from schema.info import Info
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.payloads import (
    Answer,
    UserErrorType,
    answered,
    key_field,
    replayed_field,
    user_errors_field,
)

LIST = "deadLetters"
_KIND = "DeadLetter"


def _order(write: Write) -> str | None:
    return None if write.order_id is None else seal("Order", write.order_id)


@strawberry.type(
    name=_KIND,
    description="Something that a backend was to be told and that is not tried any more by itself. "
    "It holds up nothing but what hangs on the very sale that it is about: its cancellation while "
    "nobody can say whether the sale is there, and after a cancellation that was refused the sale "
    "that would take its place.",
)
class DeadLetterType:
    """Read from the domain's write."""

    id: strawberry.ID = plain(lambda write: seal(_KIND, write.id), "Opaque id of the dead letter.")
    backend: str = strawberry.field(description="Code of the backend.")
    action: str = strawberry.field(
        description="What it was to be told: `PLACE_SALE`, `CANCEL_SALE`, `RETURN_SALE`, "
        "`ADJUST_STOCK`, `TRANSFER_STOCK`. More may come."
    )
    reference: str = plain(reference_of, "What it can be found by at the backend, if it is there.")
    order_id: strawberry.ID | None = plain(_order, "Id of its order; null if it is of none.")
    status: WriteStatus = strawberry.field(
        description="How far it has come: `FAILED` in the list; in the answer to a verdict how it "
        "is then."
    )
    kind: DeathKind | None = plain("death", "Why it is given up; null once it is not any more.")
    unknown_outcome: bool = plain(
        lambda write: write.may_be_there,
        "Whether the backend may have it though its answer was lost. If `kind` is another than "
        "`UNKNOWN_OUTCOME` it is looked up before it is sent again.",
    )
    error: str = plain(lambda write: write.last_error or "", "What went wrong, for operators.")
    attempts: int = strawberry.field(description="How often it was sent.")
    created_at: datetime = strawberry.field(description="When it was decided.")
    tried_at: datetime | None = plain("sent_at", "When it was last sent; null if it never was.")
    external_id: str | None = strawberry.field(
        description="What the backend calls it, as far as that is known."
    )


@strawberry.input(name="ReplayOutboxInput", description="Which dead letters are tried again.")
class ReplayOutboxInput:
    """Becomes the flow's arguments."""

    idempotency_key: str = key_field()
    backend: str | None = strawberry.field(
        default=None, description="Those of this backend only; absent: of every one."
    )
    ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="These only, at most 100; absent: every one."
    )

    def keys(self) -> list[str] | None:
        """The plain ids."""
        return None if self.ids is None else required_keys(_KIND, self.ids, ("input", "ids"))


@strawberry.input(
    name="RuleOnDeadLetterInput", description="What a person says became of a dead letter."
)
class RuleOnDeadLetterInput:
    """Becomes the flow's arguments."""

    idempotency_key: str = key_field()
    id: strawberry.ID = strawberry.field(description="The dead letter.")
    verdict: Verdict = strawberry.field(description="What is so, or shall be.")
    external_id: str | None = strawberry.field(
        default=None, description="What the backend calls it; with the verdict `THERE` only."
    )


@strawberry.type(name="ReplayOutboxPayload", description="What came of `replayOutbox`.")
class ReplayOutboxPayload:
    """Read from an answer."""

    count: int | None = plain(
        "made", "Dead letters that wait to be sent now; null when nothing was done."
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type(name="RuleOnDeadLetterPayload", description="What came of `ruleOnDeadLetter`.")
class RuleOnDeadLetterPayload:
    """Read from an answer."""

    dead_letter: DeadLetterType | None = plain("made", "The write as it is now. Null when refused.")
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type
class DeadLettersQuery:
    """The root field about dead letters."""

    @strawberry.field(
        graphql_type=ConnectionType[DeadLetterType],
        description="Writes to backends that are given up and wait for a person, the eldest first.",
    )
    @staticmethod
    async def dead_letters(
        info: Info, first: First, after: After = UNSET, backend: BackendCode = UNSET
    ) -> Listed[Write]:
        """A page of dead letters."""
        page = await dead_letters.browse_dead(
            info.context.ctx, backend or None, first, after_of(after, LIST)
        )
        return listed(page, LIST)


Replay = Annotated[ReplayOutboxInput, strawberry.argument(description="Which dead letters.")]
Ruling = Annotated[RuleOnDeadLetterInput, strawberry.argument(description="Which, and what.")]


@strawberry.type
class DeadLettersMutation:
    """The root fields by which people move dead letters on."""

    @strawberry.mutation(
        graphql_type=ReplayOutboxPayload,
        description="Has dead letters tried again, once what kept them is mended: under the same "
        "reference, and looked up before. Left out are those of the kind `UNKNOWN_OUTCOME`: for "
        "them, `ruleOnDeadLetter`.",
    )
    @staticmethod
    async def replay_outbox(info: Info, input: Replay) -> Answer[int]:
        """Some dead letters."""
        return await answered(
            lambda: dead_letters.replay_outbox(
                info.context.ctx, input.idempotency_key, input.backend, input.keys()
            )
        )

    @strawberry.mutation(
        graphql_type=RuleOnDeadLetterPayload,
        description="Says what became of a dead letter: it is there, it shall be sent again, or it "
        "shall not be any more. It takes effect at the backend's next turn, within a second.",
    )
    @staticmethod
    async def rule_on_dead_letter(info: Info, input: Ruling) -> Answer[Write]:
        """One dead letter."""
        return await answered(
            lambda: dead_letters.rule_on(
                info.context.ctx,
                input.idempotency_key,
                required_key(_KIND, input.id, ("input", "id")),
                input.verdict,
                input.external_id,
            )
        )
