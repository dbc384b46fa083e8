"""Follows one backend for as long as it is this process's turn: its entities beside each other,
each at its own pace, so that a long reading of one holds up no other.
"""

import asyncio
import time

from gateway.bootstrap import Runtime
from gateway.tokens import principal_of
from resolvers.access import Role
from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.reading import Memory
from resolvers.schedule import Schedule
from resolvers.sync import Read, sync_entity

STINT_SECONDS = 2.0
"""How long it works before it looks whether the turn is still its own."""


class Follower:
    """Reads what is due of one backend."""

    def __init__(self, runtime: Runtime, backend: Backend) -> None:
        self._runtime = runtime
        self._backend = backend
        self._memory = Memory()
        self._schedule = Schedule(backend, runtime.terms.sync, runtime.clock())
        self._tasks: dict[asyncio.Task[Read], str] = {}

    async def work(self) -> None:
        """Reads for a while; what is not done by then goes on meanwhile."""
        until = time.monotonic() + STINT_SECONDS
        while (left := until - time.monotonic()) > 0:
            await self._begin()
            soon = min(left, self._schedule.seconds_left(self._runtime.clock()))
            if not self._tasks:
                await asyncio.sleep(soon)
                continue
            done, _ = await asyncio.wait(
                self._tasks, timeout=soon, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                self._end(task)

    async def rest(self) -> None:
        """Stops reading; what was read so far is kept, and gone on with in the next turn."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._memory.readings.clear()  # somebody else may follow it meanwhile
        self._schedule.rest()

    async def _begin(self) -> None:
        now = self._runtime.clock()
        due = self._schedule.due(now)
        if not due:
            return
        feeds = await self._runtime.store.house.feeds()
        for entity in due:
            whole = self._schedule.begin(entity, feeds, now)
            reading = sync_entity(self._house(), self._backend, entity, self._memory, whole=whole)
            name = f"read {entity} of {self._backend.code}"
            self._tasks[asyncio.create_task(reading, name=name)] = entity

    def _end(self, task: asyncio.Task[Read]) -> None:
        entity = self._tasks.pop(task)
        read = task.result() if task.exception() is None else Read(good=False, changed=0)
        if not read.good:
            self._memory.readings.clear()
        self._schedule.end(entity, read, self._runtime.clock())
        if (error := task.exception()) is not None:
            raise error

    def _house(self) -> Context:
        return self._runtime.context(principal_of(Role.ADMIN))
