"""How a request reads by key: what is asked for in the same moment goes into one read.

The library's loader, without what it does for each read beside it: two tasks, and a look at what
kind of function it was given, which were a fifth of a short query; nor what it does for each value
that is known already.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Any, TypeVar

from aiodataloader import DataLoader, Loader, dispatch_queue

from resolvers.called_off import strays_told

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

BATCH_MAX = 1000
"""Most keys of one read; a page has at most 100 entries, each with a few keys."""

QUIET_TURNS, TURNS_MAX = 2, 20
"""After how many turns of the loop that brought no new key a read begins, and after how many it
does whatever comes."""


class Batched(DataLoader[K, V]):
    """A loader of one request. Without ``cache`` it keeps nothing: who asks again reads again."""

    def __init__(  # the library's own is not called: see above
        self,
        read: Callable[[list[K]], Coroutine[Any, Any, list[V]]],
        *,
        most: int = BATCH_MAX,
        cache: bool = True,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.max_batch_size = most
        self.cache = cache
        self.get_cache_key = _itself
        self._cache = {}
        self._read = read
        self._primed: dict[K, V] = {}
        self._queue: list[Loader] = []

    def prime(self, key: K, value: V) -> "Batched[K, V]":
        """Notes a value that is known. It becomes a future when it is asked for: of the hundred
        products of a page hardly any is.
        """
        self._primed[key] = value
        return self

    def load(self, key: K) -> "asyncio.Future[V]":
        """The value of a key. Whoever stops waiting for it leaves the others theirs."""
        future = self._known(key)
        return future if future.done() else asyncio.shield(future)

    async def load_many(  # type: ignore[override]  # who awaits it sees no difference
        self, keys: Iterable[K]
    ) -> list[V]:
        """The values of some keys, in their order: all are asked for before any is waited for.

        Raises:
            Exception: what the first of them in that order that cannot be read has raised.
        """
        asked = [self._known(key) for key in keys]
        waiting = [future for future in asked if not future.done()]
        if waiting:
            try:
                await asyncio.wait(waiting)  # which stops none of them when it is stopped itself
            except asyncio.CancelledError:
                for future in waiting:  # what nobody may wait for now is not told to the log
                    future.add_done_callback(_heard)
                raise
        for error in [future.exception() for future in asked]:  # each is heard, one is told
            if error is not None:
                raise error
        return [future.result() for future in asked]

    def _known(self, key: K) -> "asyncio.Future[V]":
        """The one future of a key, which all have who ask for it."""
        if self._primed and key in self._primed:
            super().prime(key, self._primed.pop(key))
        return super().load(key)

    async def batch_load_fn(self, keys: list[K]) -> list[V]:
        """Reads keys, for the library: what is raised reaches all who have asked for one."""
        with strays_told():
            return await self._read(keys)

    def clear(self, key: K) -> "Batched[K, V]":
        """Forgets the value of a key."""
        self._primed.pop(key, None)
        super().clear(key)
        return self

    def do_resolve_reject(self, key: K, future: "asyncio.Future[V]") -> None:
        """Puts a key into the line."""
        self._queue.append(Loader(key=key, future=future))
        if len(self._queue) == 1:
            self.loop.call_soon(self._turn, 1, 1, 1)

    def _turn(self, known: int, quiet: int, turns: int) -> None:
        """Reads if nothing more is being asked for, else waits for the next turn."""
        if len(self._queue) > known:
            known, quiet = len(self._queue), 0
        if quiet >= QUIET_TURNS or turns >= TURNS_MAX:
            dispatch_queue(self)
        else:
            self.loop.call_soon(self._turn, known, quiet + 1, turns + 1)


def _itself(key: Any) -> Any:
    return key


def _heard(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
