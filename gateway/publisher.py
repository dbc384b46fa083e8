"""Keeps a marketplace told what it may sell, whenever it is this process's turn."""

import asyncio
from datetime import timedelta

from gateway.bootstrap import Runtime
from gateway.tokens import principal_of
from resolvers.access import Role
from resolvers.backend_ports import Backend
from resolvers.ports import Renewed
from resolvers.publishing import FOLLOWED, Publisher

STINT_SECONDS = 1.0
"""How long it waits for a change before it looks whether the turn is still its own."""


class Telling:
    """The work at one marketplace."""

    def __init__(self, runtime: Runtime, backend: Backend) -> None:
        self._runtime = runtime
        self._changed = runtime.watch.following(*FOLLOWED)
        every = timedelta(seconds=runtime.settings.publication.whole_seconds)
        self._publisher = Publisher(backend, self._changed, every)
        self._debounce_seconds = runtime.settings.publication.debounce_seconds

    async def work(self, renewed: Renewed) -> None:
        """Waits until something has changed or is due, gathers what else changes, and looks at it.

        Raises:
            CommerceError: the marketplace cannot be told now.
        """
        left = min(STINT_SECONDS, self._publisher.seconds_left(self._runtime.clock()))
        if await self._woken(left):
            await asyncio.sleep(self._debounce_seconds)
        ctx = self._runtime.context(principal_of(Role.ADMIN))
        while await self._publisher.step(ctx, renewed):
            if renewed() is None:
                return

    async def rest(self) -> None:
        """Somebody else has the turn: in the next one of ours all is looked at."""
        self._publisher.forget()

    async def _woken(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.woken.wait()
        except TimeoutError:
            return False
        return True
