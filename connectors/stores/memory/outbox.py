"""Writes that backends wait for, in memory. They are made by the batch that decides them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.stores.indexing import ready_at
from connectors.stores.memory.append import put_write
from connectors.stores.memory.house import holds
from connectors.stores.memory.state import State
from resolvers.domain.outbox import (
    Write,
    WriteStatus,
    can_be_reopened,
    can_be_replayed,
    revived,
)
from resolvers.ports import Lease


class MemoryOutbox:
    """Answers the OutboxStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def due_writes(self, backend: str, now: datetime, limit: int) -> Sequence[Write]:
        """The eldest waiting write of each subject that may be tried now."""
        waiting = self._state.waiting.get(backend, {}).values()
        eldest: dict[str, Write] = {}
        for write in sorted(waiting, key=lambda write: write.sequence):
            eldest.setdefault(write.subject, write)
        return [write for write in eldest.values() if ready_at(write) <= now][:limit]

    async def save_write(self, write: Write, lease: Lease) -> bool:
        """Notes a try or its outcome."""
        if not holds(self._state, lease):
            return False
        before = self._state.writes[write.id]
        self._put(replace(write, sequence=before.sequence))
        return True

    async def writes_of(self, order_ids: Sequence[str]) -> Mapping[str, Sequence[Write]]:
        """Writes by order, each order's in the order they were made."""
        by_order = self._state.writes_of
        return {
            id: [self._state.writes[write] for write in by_order[id]]
            for id in order_ids
            if id in by_order
        }

    async def pending_writes(self, backend: str) -> int:
        """How many writes wait for a backend."""
        return len(self._state.waiting.get(backend, ()))

    async def write(self, id: str) -> Write | None:
        """One write, however far it has come."""
        return self._state.writes.get(id)

    async def dead_writes(self, backend: str | None, after: int, limit: int) -> Sequence[Write]:
        """Failed writes in order of sequence, after one."""
        found = [write for write in self._dead(backend) if write.sequence > after]
        return sorted(found, key=lambda write: write.sequence)[:limit]

    async def dead_counts(self) -> Mapping[str, int]:
        """How many writes are failed, by backend."""
        return Counter(write.backend for write in self._dead(None))

    async def replay_writes(self, backend: str | None, ids: Sequence[str] | None) -> int:
        """Makes failed writes wait again but those that need a person's word."""
        named = None if ids is None else set(ids)
        found = [
            write
            for write in self._dead(backend)
            if can_be_replayed(write) and (named is None or write.id in named)
        ]
        for write in found:
            self._put(revived(write))
        return len(found)

    async def rule_on_write(self, write: Write) -> bool:
        """Notes what a person said of a failed write."""
        before = self._state.writes.get(write.id)
        if before is None or before.status is not WriteStatus.FAILED:
            return False
        if before.attempts != write.attempts:
            return False
        self._put(replace(write, sequence=before.sequence))
        return True

    async def reopen_write(self, write: Write) -> bool:
        """Has a write that was done wait again."""
        before = self._state.writes.get(write.id)
        if before is None or not can_be_reopened(before, write):
            return False
        self._put(replace(write, sequence=before.sequence))
        return True

    def _dead(self, backend: str | None) -> list[Write]:
        """A walk over every write: this engine is for tests and for shops of one afternoon."""
        return [
            write
            for write in self._state.writes.values()
            if write.status is WriteStatus.FAILED and backend in (None, write.backend)
        ]

    def _put(self, write: Write) -> None:
        put_write(self._state, write)
        if write.order_id is not None:
            self._state.emit("order", [write.order_id])
