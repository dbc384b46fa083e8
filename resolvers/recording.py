"""What mutations leave behind: one record of each, whatever came of it.

The record of one that was accepted is the stock engine's to write, in the transaction of what it
changed. A ``Recorder`` keeps the others: many share one write, and nobody waits for it.
"""

import asyncio
import logging
from asyncio import CancelledError
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from itertools import count, islice

from resolvers.callers_port import CallerStore
from resolvers.domain.callers import AuditRecord, Deed
from resolvers.domain.errors import CommerceError, Denied, Refused, Several, Unready
from resolvers.engine import Outcome

WAITING_MAX = 10_000
"""Most records that wait to be written; beyond that they are dropped and counted."""

WRITTEN_AT_ONCE = 500
"""Most records of one write."""

GATHER_SECONDS = 0.1
"""How long a write waits for others to share it."""

TOLD_EVERY = 1_000
"""Lost records from one line of the log to the next."""

RETRY_SECONDS = 2.0
"""Pause after a write that the store could not take."""

FLUSHES_MAX = 2 * WAITING_MAX // WRITTEN_AT_ONCE

UNANSWERED = "UNANSWERED"
"""Code of a mutation that was cut off: what came of it is known by its key alone."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sent:
    """A mutation under way: its record as it is if it is done, and what the engine has answered."""

    record: AuditRecord
    outcome: Outcome | None = None

    def came_to(self, codes: Sequence[str] = ()) -> AuditRecord | None:
        """What is still to be kept of one that was answered, with the codes of its refusals; None
        if the engine has kept it.
        """
        if self.outcome is None:
            result = Deed.REFUSED if codes else Deed.DONE
            return self.record.came_to(result, codes=tuple(dict.fromkeys(codes)))
        if self.outcome.replayed:
            return self.record.came_to(Deed.REPLAYED, self.outcome.answer)
        return None

    def ended_by(self, error: BaseException) -> AuditRecord | None:
        """What is still to be kept of one that an error has ended; None if it was done all the
        same, and the engine has kept it.
        """
        if self.outcome is not None:
            return self.came_to()
        refused = isinstance(error, Refused | Denied)
        result = Deed.REFUSED if refused else Deed.FAILED
        return self.record.came_to(result, codes=tuple(dict.fromkeys(_codes_of(error))))


def _codes_of(error: BaseException) -> list[str]:
    """Codes of an error as callers see them."""
    if isinstance(error, Several):
        return [code for part in error.refusals for code in _codes_of(part)]
    if isinstance(error, Refused | Denied | Unready):
        return [error.code]
    return [UNANSWERED if isinstance(error, CancelledError) else CommerceError.code]


class Recorder:
    """Keeps records of deeds behind their answers, and gives each its id."""

    def __init__(
        self,
        callers: CallerStore,
        name: str,
        *,
        waiting_max: int = WAITING_MAX,
        gather_seconds: float = GATHER_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """``name`` is this process's own, which no other has."""
        self._callers = callers
        self._name = name
        self._numbers = count(1)
        self._waiting_max = waiting_max
        self._gather_seconds = gather_seconds
        self._retry_seconds = retry_seconds
        self._waiting: deque[AuditRecord] = deque()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        """Records that were lost since the start."""

    def new_id(self) -> str:
        """An id that no record has had. Those of one process are in their order; a random one would
        take 4 us of each mutation.
        """
        return f"{self._name}-{next(self._numbers):09}"

    def note(self, record: AuditRecord | None) -> None:
        """Takes a record, if there is one. It never waits, and never fails."""
        if record is None:
            return
        if len(self._waiting) >= self._waiting_max:
            self._lose(1, "too many wait to be written")
            return
        self._waiting.append(record)
        if self._task is None or self._task.done():
            alone = Context()  # it works for all, not for the request that woke it
            self._task = asyncio.create_task(self._work(), name="recorder", context=alone)

    async def flush(self) -> None:
        """Writes what waits now, if the store takes it."""
        for _ in range(FLUSHES_MAX):
            if not self._waiting or not await self._write():
                return

    async def close(self) -> None:
        """Writes what waits, once more; what the store does not take is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()
        if self._waiting:
            self._lose(len(self._waiting), "the process ends")
            self._waiting.clear()

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._gather_seconds)
            if not await self._write():
                await asyncio.sleep(self._retry_seconds)

    async def _write(self) -> bool:
        """Writes some of what waits; False if the store cannot take it now."""
        async with self._writing:
            some = list(islice(self._waiting, WRITTEN_AT_ONCE))
            if not some:
                return True
            try:
                await self._callers.record_audit(some)
            except (CommerceError, OSError) as error:
                log.warning("audit records wait: %s", error)
                return False
            except Exception:  # a bug must not keep all others waiting
                log.exception("audit records cannot be written")
                self._lose(len(some), "they cannot be written")
            for _ in some:
                self._waiting.popleft()
            return True

    def _lose(self, count: int, why: str) -> None:
        """Counts what is lost, and says so: of many that are lost one by one, now and then."""
        self.lost += count
        if count > 1 or self.lost % TOLD_EVERY == 1:
            log.error("%d audit records are lost since the start: %s", self.lost, why)
