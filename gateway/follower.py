"""Follows one backend for as long as it is this process's turn: its entities beside each other,
each at its own pace, so that a long reading of one holds up no other; and what it has sent us.
"""

import asyncio
import time
from typing import Any

from gateway.bootstrap import Runtime
from gateway.tokens import principal_of
from resolvers.access import Role
from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.inbox import Inbox
from resolvers.reading import Memory
from resolvers.schedule import Schedule
from resolvers.sync import Read, sync_entity

STINT_SECONDS = 2.0
"""How long it works before it looks whether the turn is still its own."""

LOOK_SECONDS, LOOK_SELDOM_SECONDS = 0.1, 1.0
"""Pauses between two looks for messages that other processes have kept: of a backend that sends
some, and of one of which there are only people's wishes.
"""


class Follower:
    """Reads what is due of one backend."""

    def __init__(self, runtime: Runtime, backend: Backend) -> None:
        self._runtime = runtime
        self._backend = backend
        self._memory = Memory()
        self._schedule = Schedule(backend, runtime.terms.sync, runtime.clock())
        self._tasks: dict[asyncio.Task[Read], str] = {}
        self._inbox = Inbox(backend, self._hint)
        self._bell = runtime.intake.bell(backend.code)
        self._look_seconds = LOOK_SELDOM_SECONDS if backend.events is None else LOOK_SECONDS
        self._look_at = 0.0
        self._looking: asyncio.Task[bool] | None = None

    async def work(self) -> None:
        """Reads for a while; what is not done by then goes on meanwhile."""
        until = time.monotonic() + STINT_SECONDS
        while (left := until - time.monotonic()) > 0:
            self._look()
            await self._begin()
            await self._wait(min(left, self._schedule.seconds_left(self._runtime.clock())))
            for task in [task for task in self._tasks if task.done()]:
                await self._end(task)

    async def rest(self) -> None:
        """Stops reading; what was read so far is kept, and gone on with in the next turn."""
        tasks: list[asyncio.Task[Read] | asyncio.Task[bool]] = [*self._tasks]
        if self._looking is not None:
            tasks.append(self._looking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._looking = None
        self._inbox.forget()
        self._memory.readings.clear()  # somebody else may follow it meanwhile
        self._schedule.rest()

    def _look(self) -> None:
        """Has the messages that are due worked off, if none are being and some may be there."""
        if self._looking is not None:
            if not self._looking.done():
                return
            looked, self._looking = self._looking, None
            pause = 0.0 if looked.result() else self._look_seconds
            self._look_at = time.monotonic() + pause
        if self._bell.is_set() or time.monotonic() >= self._look_at:
            self._bell.clear()
            work = self._inbox.work(self._house())
            self._looking = asyncio.create_task(work, name=f"inbox of {self._backend.code}")

    async def _wait(self, seconds: float) -> None:
        """Waits until something has ended or come in, or is due."""
        waits: list[asyncio.Task[Any]] = [*self._tasks]
        ring = asyncio.ensure_future(self._bell.wait())
        if self._looking is not None:
            waits.append(self._looking)
        else:
            waits.append(ring)
            seconds = min(seconds, max(0.0, self._look_at - time.monotonic()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ring.cancel()

    async def _begin(self) -> None:
        now = self._runtime.clock()
        due = self._schedule.due(now)
        if not due:
            return
        feeds = await self._runtime.store.house.feeds()
        for entity in due:
            whole = self._schedule.begin(entity, feeds, now)
            self._inbox.begun(entity)
            reading = sync_entity(self._house(), self._backend, entity, self._memory, whole=whole)
            name = f"read {entity} of {self._backend.code}"
            self._tasks[asyncio.create_task(reading, name=name)] = entity

    async def _end(self, task: asyncio.Task[Read]) -> None:
        entity = self._tasks.pop(task)
        read = task.result() if task.exception() is None else Read(good=False, changed=0)
        if not read.good:
            self._memory.readings.clear()
        self._schedule.end(entity, read, self._runtime.clock())
        if (error := task.exception()) is not None:
            raise error
        await self._inbox.ended(self._house(), entity, good=read.good)

    def _hint(self, entity: str, whole: bool) -> None:  # noqa: FBT001  # as Wake says it
        self._schedule.hint(entity, self._runtime.clock(), whole=whole)

    def _house(self) -> Context:
        return self._runtime.context(principal_of(Role.ADMIN))
