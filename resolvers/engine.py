"""The stock engine: commands that wait together are decided together and appended as one batch.

Each command sees what the one before it decided. A command that is refused drops out alone, the
same key twice in one batch shares one answer, and nobody is answered before the batch is on disk
(ADR-0002). No commercial rule lives here.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resolvers.domain.books import Batch, Books, Change, Key, Known, Recorded, Scope
from resolvers.domain.errors import CommerceError, IdempotencyKeyReused, Overloaded
from resolvers.ports import Clock, StockStore

BATCH_MAX = 256
"""Most commands of one append: enough to share one sync, few enough to decide in milliseconds."""

QUEUE_MAX = 10_000
"""Most commands that may wait; beyond that a caller is told to come back."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to decide: under which key, of which request, seeing what, and how.

    ``decide`` is pure; it answers what changes and the id of the thing that it makes or touches, or
    raises ``Refused`` and nothing changes. A fact has no key: it is idempotent by what it says.
    """

    key: Key | None
    fingerprint: str
    scope: Scope
    decide: Callable[[Books], tuple[Change, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: the id of the thing it made, and whether that was decided before.

    ``change`` is what it changed; None when the answer is a replay.
    """

    answer: str
    replayed: bool
    change: Change | None = None


@dataclass(slots=True)
class _Waiting:
    command: Command
    future: asyncio.Future[Outcome]


class StockEngine:
    """Takes commands one by one and appends them in batches, in the order they came."""

    def __init__(self, store: StockStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._drain: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many commands wait to be decided."""
        return len(self._queue)

    async def run(self, command: Command) -> Outcome:
        """Decides a command and waits until it is durable.

        Raises:
            Refused: nothing changed.
            Overloaded: too many commands wait already; send the same key again.
            Contended: other processes were faster all the time; send the same key again.
        """
        if len(self._queue) >= QUEUE_MAX:
            raise Overloaded("too many requests wait for stock; send the same key again")
        waiting = _Waiting(command, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._drain is None or self._drain.done():
            self._drain = asyncio.create_task(self._work(), name="stock-engine")
        return await waiting.future

    async def _work(self) -> None:
        while self._queue:
            taken: list[_Waiting] = []
            while self._queue and len(taken) < BATCH_MAX:
                waiting = self._queue.popleft()
                if not waiting.future.done():  # a caller that has gone is skipped
                    taken.append(waiting)
            if taken:
                await self._append(taken)

    async def _append(self, taken: Sequence[_Waiting]) -> None:
        scope = Scope()
        for waiting in taken:
            scope |= waiting.command.scope
        keys = [w.command.key for w in taken if w.command.key is not None]
        results: list[Outcome | BaseException] = []

        def decide(known: Known) -> Batch:
            books = Books(known, scope)
            results[:] = [_decide(waiting.command, books) for waiting in taken]
            return books.batch()

        try:
            await self._store.transact(scope, keys, self._clock, decide)
        except Exception as error:  # noqa: BLE001  # every waiting caller must hear of it
            results[:] = [error] * len(taken)
        for waiting, result in zip(taken, results, strict=True):
            if waiting.future.done():
                continue
            if isinstance(result, Outcome):
                waiting.future.set_result(result)
            else:
                waiting.future.set_exception(result)


def _decide(command: Command, books: Books) -> Outcome | BaseException:
    key = command.key
    if key is not None and (before := books.recorded.get(key.id)) is not None:
        if before.fingerprint != command.fingerprint:
            return IdempotencyKeyReused()
        return Outcome(before.answer, replayed=True)
    try:
        change, answer = command.decide(books)
        books.post(change, key.id if key is not None else None)
    except CommerceError as refusal:
        return refusal
    except Exception as bug:  # noqa: BLE001  # one command's bug must not take the others with it
        return bug
    if key is not None:
        books.record(Recorded(key.id, command.fingerprint, answer, books.now))
    return Outcome(answer, replayed=False, change=change)
