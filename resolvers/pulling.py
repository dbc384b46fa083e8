"""Fetches messages from backends that are polled for them, and keeps each before it says so there.

Killed in between, the same messages are pulled again and known by their keys: none is lost, none
is worked off as two. How they are worked off stands in ``inbox``.
"""

import asyncio
from collections.abc import Sequence

from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.inbox import BODY_BYTES_MAX, Message, known_by, marked_pulled
from resolvers.event_ports import Pulled

PULLED_MAX = 100
"""Most messages of one call."""

CALLS_MAX = 20
"""Most calls of one turn; what lies there then is the next one's."""


async def pull_events(ctx: Context, backend: Backend) -> int:
    """Fetches what lies at a backend, keeps it and acknowledges it; how many messages that were.

    Raises:
        Unready: they could not be kept now; they stay where they are.
        NotUnderstood: one is larger than any message may be; it stays where it is.
    """
    puller = backend.puller
    assert puller is not None, "who is asked for messages has some"
    taken = 0
    for _ in range(CALLS_MAX):
        found = await puller.pull(PULLED_MAX)
        small = [it for it in found if len(it.body) <= BODY_BYTES_MAX]
        await _keep(ctx, backend, small)
        if small:
            await puller.acknowledge([it.id for it in small])
        taken += len(small)
        if len(small) < len(found):
            raise NotUnderstood(f"a message of more than {BODY_BYTES_MAX} bytes is left there")
        if len(found) < PULLED_MAX:
            break
    return taken


async def _keep(ctx: Context, backend: Backend, found: Sequence[Pulled]) -> None:
    """Keeps messages, durably; with one that could not be, none counts as kept."""
    messages = [
        marked_pulled(
            Message(
                ctx.new_id(),
                backend.code,
                known_by(it.dedupe_key, it.body),
                ctx.now,
                it.body,
                tuple(it.headers.items()),
            )
        )
        for it in found
    ]
    kept = (ctx.intake.keep(message) for message in messages)
    for result in await asyncio.gather(*kept, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
