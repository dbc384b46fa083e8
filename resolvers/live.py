"""Asks backends while somebody waits: each thing once at a time, no longer than a deadline, and
nothing of one that is known to be away.

One desk serves all requests of a process. A call that is late goes on without whoever asked, and
what it brings is kept for who asks next; it ends by the backend's own patience. What is asked when,
and what becomes of an answer, is ``looks``'.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from resolvers.backend_ports import Backend
from resolvers.domain.breakers import BreakerState
from resolvers.domain.errors import BackendThrottled, BackendTimedOut, CommerceError
from resolvers.ports import Clock
from resolvers.terms import LiveField

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CALLS_MAX = 8
"""Most calls under way to one backend for one field; who would need another has what is known."""

KEPT_MAX = 10_000
"""Most answers that are kept of one backend's field: the newest."""

TASKS_MAX = 100
"""Most errands that run behind the requests; one more is left undone."""

PATIENCE = 2.0
"""A call that did not end by itself is ended after so many of its backend's timeouts."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said(Generic[V]):
    """One answer, and when it was asked for; ``value`` None: it has no such thing."""

    value: V | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked(Generic[K, V]):
    """What came of asking: the answers that were there in time, and why others were not."""

    found: Mapping[K, Said[V]]
    why: str = ""


@dataclass(slots=True)
class _Line:
    """One backend's field: answers that are kept, and calls under way, by what they ask for."""

    kept: OrderedDict[Any, Said[Any]] = field(default_factory=OrderedDict)
    flights: dict[Any, asyncio.Task[str]] = field(default_factory=dict)
    calls: set[asyncio.Task[str]] = field(default_factory=set)


class LiveDesk:
    """One process's way to ask. Used by one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[tuple[str, LiveField], _Line] = {}
        self._errands: dict[str, asyncio.Task[Any]] = {}
        self._done: dict[str, int] = {}

    async def ask(
        self,
        backend: Backend,
        about: LiveField,
        groups: Sequence[Sequence[K]],
        read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        since: datetime,
        until: float,
    ) -> Asked[K, V]:
        """Answers that were asked for at ``since`` or later. Each group is one call, but for what
        is kept or being asked for already. ``until`` is of the running loop's time.
        """
        line = self._lines.setdefault((backend.code, about), _Line())
        found: dict[K, Said[V]] = {}
        waits: set[asyncio.Task[str]] = set()
        why = _away(backend, until)
        for group in groups:
            new: list[K] = []
            for key in group:
                kept = line.kept.get(key)
                if kept is not None and kept.at >= since:
                    found[key] = kept
                elif (flight := line.flights.get(key)) is not None:
                    waits.add(flight)
                else:
                    new.append(key)
            if not new or why:
                continue
            if len(line.calls) >= CALLS_MAX:
                why = "it is being asked for too much already"
            else:
                waits.add(self._begin(line, backend, new, read))
        if waits:
            left = max(0.0, until - asyncio.get_running_loop().time())
            done, late = await asyncio.wait(waits, timeout=left)
            failed = [said for task in done if (said := _outcome(task))]
            why = (failed[0] if failed else why) or ("it did not answer in time" if late else "")
        for group in groups:
            for key in group:
                kept = line.kept.get(key)
                if kept is not None and kept.at >= since:
                    found[key] = kept
        return Asked(found, why)

    def errand(self, name: str, turn: int, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Does something behind the requests, once for each ``turn`` of a name: who asks again
        meanwhile changes nothing.
        """
        if self._done.get(name) == turn or name in self._errands or len(self._errands) >= TASKS_MAX:
            return
        self._done[name] = turn
        task = asyncio.create_task(work(), name=name)
        self._errands[name] = task
        task.add_done_callback(lambda ended: self._ended(name, ended))

    async def close(self) -> None:
        """Ends all that is under way."""
        tasks = [*self._errands.values(), *(it for at in self._lines.values() for it in at.calls)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(
        self,
        line: _Line,
        backend: Backend,
        keys: Sequence[K],
        read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
    ) -> asyncio.Task[str]:
        call = self._call(line, backend, keys, read)
        task = asyncio.create_task(call, name=f"look at {backend.code}")
        line.calls.add(task)
        line.flights.update(dict.fromkeys(keys, task))

        def landed(ended: asyncio.Task[str]) -> None:
            line.calls.discard(ended)
            for key in keys:
                if line.flights.get(key) is ended:
                    del line.flights[key]

        task.add_done_callback(landed)
        return task

    async def _call(
        self,
        line: _Line,
        backend: Backend,
        keys: Sequence[K],
        read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
    ) -> str:
        """One call, whose answers are kept; why it brought none, or ""."""
        at = self._clock()
        try:
            async with asyncio.timeout(PATIENCE * backend.timeout_seconds):
                told = await read(keys)
        except (TimeoutError, BackendTimedOut):
            return "it did not answer in time"
        except BackendThrottled:
            return "it is asked too much"
        except CommerceError as error:
            log.info("a look at %s failed: %s", backend.code, error)
            return "it could not be asked"
        except Exception:
            log.exception("a look at %s failed in our own code", backend.code)
            return "it could not be asked"
        for key in keys:
            line.kept[key] = Said(told.get(key), at)
            line.kept.move_to_end(key)
        while len(line.kept) > KEPT_MAX:
            line.kept.popitem(last=False)
        return ""

    def _ended(self, name: str, task: asyncio.Task[Any]) -> None:
        self._errands.pop(name, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._done.pop(name, None)
            log.warning("%s failed: %s", name, error)


def _outcome(task: asyncio.Task[str]) -> str:
    return "it could not be asked" if task.cancelled() else task.result()


def _away(backend: Backend, until: float) -> str:
    """Why a backend need not be asked now: it is left alone, or silent for longer than anybody
    would wait.
    """
    if backend.governor is None:
        return ""
    standing = backend.governor.standing()
    if standing.breaker is BreakerState.OPEN:
        return "it has failed several times and is left alone for a while"
    left = until - asyncio.get_running_loop().time()
    return "it is asked too much" if standing.silent_seconds > max(0.0, left) else ""
