"""The work behind ``gateway inbox``: what waits for a person, and having it tried again."""

import asyncio
import sys
from collections.abc import Sequence

from gateway.bootstrap import Place
from gateway.ids import wall_clock
from gateway.store_commands import opened
from resolvers.domain.inbox import Message

_PAGE = 500


def show(place: Place, backend: str | None) -> None:
    """Prints parked messages, one a line, its parts between tabs."""

    async def work() -> None:
        after = None
        async with opened(place) as store:
            while found := await store.inbox.parked(backend, after, _PAGE):
                sys.stdout.writelines(map(_line, found))
                after = found[-1].id

    asyncio.run(work())


def replay(place: Place, backend: str | None, ids: Sequence[str] | None) -> None:
    """Makes parked messages wait again, and says how many."""

    async def work() -> int:
        async with opened(place) as store:
            return await store.inbox.replay(backend, ids or None, wall_clock())

    sys.stdout.write(f"{asyncio.run(work())} messages are tried again\n")


def _line(message: Message) -> str:
    error = " ".join((message.error or "").split())
    at = f"{message.received_at:%Y-%m-%dT%H:%M:%SZ}"
    parts = (message.id, message.backend, at, len(message.body), message.attempts, error)
    return "\t".join(map(str, parts)) + "\n"
