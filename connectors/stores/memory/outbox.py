"""Writes that backends wait for, in memory. They are made by the batch that decides them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.stores.indexing import ready_at
from connectors.stores.memory.append import put_write
from connectors.stores.memory.house import holds
from connectors.stores.memory.state import State
from resolvers.domain.outbox import Write
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
        put_write(self._state, replace(write, sequence=before.sequence))
        if write.order_id is not None:
            self._state.emit("order", [write.order_id])
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
