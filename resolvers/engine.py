"""The stock engine: commands that wait together are decided together and appended as one batch.

Each command sees what the one before it decided. A command that is refused drops out alone, the
same key twice in one batch shares one answer, and nobody is answered before the batch is on disk
(ADR-0002). Nobody waits for ever. No commercial rule lives here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

from resolvers.domain.books import (
    Batch,
    Books,
    Change,
    Key,
    Known,
    NeedsMore,
    Recorded,
    Scope,
    united,
)
from resolvers.domain.callers import AuditRecord, Deed
from resolvers.domain.errors import CommerceError, Contended, IdempotencyKeyReused, Overloaded
from resolvers.domain.records import quick
from resolvers.ports import Clock, StockStore

BATCH_MAX = 256
"""Most commands of one append: enough to share one sync, few enough to decide in milliseconds."""

QUEUE_MAX = 10_000
"""Most commands that may wait; beyond that a caller is told to come back."""

WAIT_SECONDS = 10.0
"""Longest that a command waits to be decided, and that a batch waits for the store."""

LOOKS_MAX = 3
"""Most times that one decision may ask to see more."""

QUIET_TURNS = 3
"""After how many turns of the loop that brought no command a batch begins. Requests that are read
together come to the engine a few turns apart: to begin with the first cut each batch in two.
"""

GATHER_SECONDS = 0.005
"""After how long it begins though more are coming: no longer than it takes to write."""

_TOO_LONG = "it waited too long and nothing changed; send the same key again"


@quick
@dataclass(frozen=True, slots=True)
class Command:
    """One thing to decide: under which key, of which request, seeing what, and how.

    ``decide`` is pure; it answers what changes and the id of the thing that it makes or touches, or
    raises ``Refused`` and nothing changes, or ``NeedsMore`` and is asked again. A fact has no key:
    it is idempotent by what it says. ``record`` is kept with what changes, if it is accepted; the
    engine adds that id.
    """

    key: Key | None
    fingerprint: str
    scope: Scope
    decide: Callable[[Books], tuple[Change, str]]
    record: AuditRecord | None = None


@quick
@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: the id of the thing it made, and whether that was decided before.

    ``change`` is what it changed; None when the answer is a replay.
    """

    answer: str
    replayed: bool
    change: Change | None = None


Batched = Callable[[int, float, float], None]
"""Hears of a batch: its commands, how long the first of them waited, how long the store was at it,
in seconds."""


@dataclass(slots=True)
class _Waiting:
    command: Command
    scope: Scope
    future: asyncio.Future[Outcome]
    since: float
    looks: int = 0
    alone: bool = False
    """Whether its batch failed as a whole, so that it is decided by itself."""


class StockEngine:
    """Takes commands one by one and appends them in batches, in the order they came."""

    def __init__(
        self,
        store: StockStore,
        clock: Clock,
        *,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        wait_seconds: float = WAIT_SECONDS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timer`` measures how long a command has waited, in seconds since any start."""
        assert batch_max > 0
        self._store = store
        self._clock = clock
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._wait_seconds = wait_seconds
        self._timer = timer
        self._queue: deque[_Waiting] = deque()
        self._drain: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._told: Batched | None = None

    def tell(self, told: Batched) -> None:
        """Tells somebody of every batch from now on."""
        self._told = told

    @property
    def waiting(self) -> int:
        """How many commands wait to be decided."""
        return len(self._queue)

    async def run(self, command: Command) -> Outcome:
        """Decides a command and waits until it is durable, for a bounded time.

        Raises:
            Refused: nothing changed.
            Overloaded: too many commands wait already; send the same key again.
            Contended: it took too long; send the same key again. Nothing changed, or, if the store
                had begun to write, it is not known.
        """
        if len(self._queue) >= self._queue_max:
            raise Overloaded("too many requests wait for stock; send the same key again")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(command, command.scope, future, self._timer()))
        if self._drain is None or self._drain.done():
            alone = Context()  # it works for all, not for the request that woke it
            self._drain = asyncio.create_task(self._work(), name="stock-engine", context=alone)
        return await future

    async def _work(self) -> None:
        while self._queue:
            await self._all_here()
            taken: list[_Waiting] = []
            while self._queue and len(taken) < self._batch_max:
                if taken and (taken[-1].alone or self._queue[0].alone):
                    break
                waiting = self._queue.popleft()
                if self._late(waiting):
                    _answer(waiting, Contended(_TOO_LONG))
                elif not waiting.future.done():  # a caller that has gone is skipped
                    taken.append(waiting)
            if taken:
                await self._append(taken)

    async def _all_here(self) -> None:
        """Waits while more commands come, turn for turn; a lone one is kept some microseconds."""
        known, quiet, until = len(self._queue), 0, self._timer() + GATHER_SECONDS
        while quiet < QUIET_TURNS and known < self._batch_max and self._timer() < until:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._queue) == known else 0
            known = len(self._queue)

    async def _append(self, taken: Sequence[_Waiting]) -> None:
        scope = united([waiting.scope for waiting in taken])
        keys = [w.command.key for w in taken if w.command.key is not None]
        results: list[Outcome | BaseException] = []

        def decide(known: Known) -> Batch:
            books = Books(known, scope)
            results[:] = [self._decided(waiting, books) for waiting in taken]
            return books.batch()

        self._watch(taken)
        began = self._timer()
        try:
            await self._store.transact(scope, keys, self._clock, decide)
        except Exception as error:  # noqa: BLE001  # every waiting caller must hear of it
            results[:] = [error] * len(taken)
            if len(taken) > 1 and not isinstance(error, CommerceError | OSError):
                self._apart(taken)  # a bug, or an unreadable record: only who meets it is to fail
                return
        finally:
            self._unwatch()
            if self._told is not None:
                self._told(len(taken), began - taken[0].since, self._timer() - began)
        again: list[_Waiting] = []
        answers: list[tuple[_Waiting, Outcome | BaseException]] = []
        for waiting, result in zip(taken, results, strict=True):
            if isinstance(result, NeedsMore) and waiting.looks < LOOKS_MAX:
                waiting.scope |= result.scope
                waiting.looks += 1
                again.append(waiting)
            else:
                answers.append((waiting, result))
        self._queue.extendleft(reversed(again))  # they came before all that wait
        # Callers are woken while the store is at the next batch already (7 % more decisions in the
        # median of seven noisy rounds).
        asyncio.get_running_loop().call_soon(_answer_all, answers)

    def _apart(self, taken: Sequence[_Waiting]) -> None:
        """Puts the commands of a batch before all that wait, to be decided one by one."""
        for waiting in taken:
            waiting.alone = True
        self._queue.extendleft(reversed(taken))

    def _decided(self, waiting: _Waiting, books: Books) -> Outcome | BaseException:
        if waiting.future.done():
            return Contended("nobody waits for it any more")
        return Contended(_TOO_LONG) if self._late(waiting) else _decide(waiting.command, books)

    def _late(self, waiting: _Waiting) -> bool:
        """Says whether a command has waited longer than it may."""
        return self._timer() - waiting.since > self._wait_seconds

    def _watch(self, taken: Sequence[_Waiting]) -> None:
        """Sees to it that nobody waits for a store that does not finish."""
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self._wait_seconds, self._let_go, taken)

    def _unwatch(self) -> None:
        assert self._patience is not None
        self._patience.cancel()

    def _let_go(self, taken: Sequence[_Waiting]) -> None:
        for waiting in taken:
            _answer(waiting, Contended("it is not known whether it was done; send the key again"))
        for waiting in self._queue:
            if self._late(waiting):
                _answer(waiting, Contended(_TOO_LONG))
        self._watch(taken)


def _answer_all(answers: Sequence[tuple[_Waiting, Outcome | BaseException]]) -> None:
    for waiting, result in answers:
        _answer(waiting, result)


def _answer(waiting: _Waiting, result: Outcome | BaseException) -> None:
    if waiting.future.done():
        return
    if isinstance(result, Outcome):
        waiting.future.set_result(result)
    elif isinstance(result, NeedsMore):
        waiting.future.set_exception(AssertionError(f"it never sees enough: {result.scope}"))
    else:
        waiting.future.set_exception(result)


def _decide(command: Command, books: Books) -> Outcome | BaseException:
    key = command.key
    if key is not None and (before := books.recorded.get(key.id)) is not None:
        if before.fingerprint != command.fingerprint:
            return IdempotencyKeyReused()
        return Outcome(before.answer, replayed=True)
    books.key = None if key is None else key.id
    try:
        change, answer = command.decide(books)
        books.post(change, books.key)
    except (CommerceError, NeedsMore) as refusal:
        return refusal
    except Exception as bug:  # noqa: BLE001  # one command's bug must not take the others with it
        return bug
    if key is not None:
        books.record(Recorded(key.id, command.fingerprint, answer, books.now))
    if command.record is not None:
        books.keep(command.record.came_to(Deed.DONE, answer))
    return Outcome(answer, replayed=False, change=change)
