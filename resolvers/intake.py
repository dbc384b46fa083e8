"""Takes messages into the store before they are acknowledged, many with one write, and rings for
whoever works them off.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from resolvers.domain.errors import Overloaded
from resolvers.domain.inbox import Message
from resolvers.mirror_ports import InboxStore

WAITING_MAX = 2_000
"""Most messages that wait to be written; beyond that their senders are told to come again."""

WRITTEN_AT_ONCE = 500
"""Most messages of one write."""


@dataclass(slots=True)
class _Waiting:
    message: Message
    kept: asyncio.Future[None]


class Intake:
    """One process's way into the inbox. While one write is under way the next gathers."""

    def __init__(self, store: InboxStore, *, waiting_max: int = WAITING_MAX) -> None:
        self._store = store
        self._waiting_max = waiting_max
        self._waiting: deque[_Waiting] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._bells: dict[str, asyncio.Event] = {}

    async def keep(self, message: Message) -> None:
        """Keeps a message, durably, unless it is known; whoever works it off hears of it.

        Raises:
            Overloaded: too many wait already; it was not taken.
            Unready: the store cannot take it now.
        """
        if len(self._waiting) >= self._waiting_max:
            raise Overloaded("too many messages wait to be kept; send it again")
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(message, kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="intake")
        await kept

    def bell(self, backend: str) -> asyncio.Event:
        """Set when this process has kept something of a backend; whoever looks clears it first."""
        return self._bells.setdefault(backend, asyncio.Event())

    def ring(self, backend: str) -> None:
        """Says that a backend's messages are worth a look."""
        self.bell(backend).set()

    async def close(self) -> None:
        """Waits for what is being written."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self) -> None:
        while self._waiting:
            some = [
                self._waiting.popleft() for _ in range(min(len(self._waiting), WRITTEN_AT_ONCE))
            ]
            try:
                await self._store.keep([it.message for it in some])
            except Exception as error:  # noqa: BLE001  # it ends the requests that wait for it
                for it in some:
                    if not it.kept.done():
                        it.kept.set_exception(error)
                continue
            for it in some:
                if not it.kept.done():
                    it.kept.set_result(None)
            for backend in {it.message.backend for it in some}:
                self.ring(backend)
