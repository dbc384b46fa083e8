"""Messages of backends that wait for a person, and the wish to have a backend read."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import parking
from resolvers.domain.inbox import Message
from resolvers.house import BackendView
from schema.fields import After, First, plain
from schema.house import BackendType
from schema.ids import required_keys, seal
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

LIST = "parkedMessages"
_KIND = "ParkedMessage"


@strawberry.type(
    name=_KIND,
    description="A message of a backend that could not be understood or followed, and waits for a "
    "person. What it says is not shown: it may be about people.",
)
class ParkedMessageType:
    """Read from the domain's message."""

    id: strawberry.ID = plain(lambda message: seal(_KIND, message.id), "Opaque id of the message.")
    backend: str = strawberry.field(description="Code of the backend that sent it.")
    received_at: datetime = strawberry.field(description="When it came in.")
    error: str = plain(lambda message: message.error or "", "Why it waits, for operators.")
    attempts: int = strawberry.field(description="How often it was tried since it last waited.")
    size: int = plain(lambda message: len(message.body), "Bytes of its body.")


@strawberry.input(name="ReplayInboxInput", description="Which messages are tried again.")
class ReplayInboxInput:
    """Becomes the flow's arguments."""

    idempotency_key: str = key_field()
    backend: str | None = strawberry.field(
        default=None, description="Those of this backend only; absent: of every one."
    )
    ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="These only, at most 100; absent: every one that is parked."
    )

    def keys(self) -> list[str] | None:
        """The plain ids."""
        return None if self.ids is None else required_keys(_KIND, self.ids, ("input", "ids"))


@strawberry.input(name="SyncBackendInput", description="What is read.")
class SyncBackendInput:
    """Becomes the flow's arguments."""

    idempotency_key: str = key_field()
    backend: str = strawberry.field(description="The backend's code.")
    entities: list[str] | None = strawberry.field(
        default=None,
        description="Kinds of things, as its `lag` names them; absent: all that it is read for.",
    )
    whole: bool = strawberry.field(
        default=False,
        description="From the beginning instead of what changed: after it was restored to an "
        "earlier state, or to find what is gone.",
    )


@strawberry.type(name="ReplayInboxPayload", description="What came of `replayInbox`.")
class ReplayInboxPayload:
    """Read from an answer."""

    count: int | None = plain(
        "made", "Messages that wait to be tried again now; null when nothing was done."
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


@strawberry.type(name="SyncBackendPayload", description="What came of `syncBackend`.")
class SyncBackendPayload:
    """Read from an answer."""

    backend: BackendType | None = plain(
        "made", "The backend as it stands; its `lag` tells when it was read. Null when refused."
    )
    replayed: bool = replayed_field()
    user_errors: list[UserErrorType] = user_errors_field()


BackendCode = Annotated[
    str | None, strawberry.argument(description="Those of this backend. Absent: of every one.")
]


@strawberry.type
class InboxQuery:
    """The root field about messages."""

    @strawberry.field(
        graphql_type=ConnectionType[ParkedMessageType],
        description="Messages of backends that wait for a person, the eldest first. They hold up "
        "nothing else.",
    )
    @staticmethod
    async def parked_messages(
        info: Info, first: First, after: After = UNSET, backend: BackendCode = UNSET
    ) -> Listed[Message]:
        """A page of parked messages."""
        page = await parking.browse_parked(
            info.context.ctx, backend or None, first, after_of(after, LIST)
        )
        return listed(page, LIST)


Replay = Annotated[ReplayInboxInput, strawberry.argument(description="Which messages.")]
Sync = Annotated[SyncBackendInput, strawberry.argument(description="What is read.")]


@strawberry.type
class InboxMutation:
    """The root fields by which people move messages and readings on."""

    @strawberry.mutation(
        graphql_type=ReplayInboxPayload,
        description="Has parked messages tried again, once what kept them is mended.",
    )
    @staticmethod
    async def replay_inbox(info: Info, input: Replay) -> Answer[int]:
        """Some messages."""
        return await answered(
            lambda: parking.replay_inbox(
                info.context.ctx, input.idempotency_key, input.backend, input.keys()
            )
        )

    @strawberry.mutation(
        graphql_type=SyncBackendPayload,
        description="Has a backend read at once, by whichever process follows it, and does not "
        "wait for that. The wish is kept until the reading has succeeded.",
    )
    @staticmethod
    async def sync_backend(info: Info, input: Sync) -> Answer[BackendView]:
        """One backend."""
        return await answered(
            lambda: parking.wish_sync(
                info.context.ctx,
                input.idempotency_key,
                input.backend,
                input.entities,
                whole=input.whole,
            )
        )
