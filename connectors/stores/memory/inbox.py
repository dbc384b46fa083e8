"""Messages of backends in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.stores.memory.state import State
from connectors.stores.mirrored import due_at, replayed, settled
from resolvers.domain.inbox import Message, MessageStatus


class MemoryInbox:
    """Answers the InboxStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def keep(self, messages: Sequence[Message]) -> int:
        """Keeps messages; those whose (backend, dedupe key) is known are left out."""
        new = 0
        for message in messages:
            key = (message.backend, message.dedupe_key)
            if key not in self._state.message_keys:
                self._state.message_keys[key] = message.id
                self._state.messages[message.id] = message
                new += 1
        return new

    async def due_messages(self, backend: str, now: datetime, limit: int) -> Sequence[Message]:
        """Waiting messages that may be tried now, in the order they came."""
        due = [
            it
            for it in self._state.messages.values()
            if it.backend == backend and it.status is MessageStatus.WAITING and due_at(it) <= now
        ]
        return sorted(due, key=_came)[:limit]

    async def settle(self, messages: Sequence[Message]) -> None:
        """Writes what became of messages. The body of one that is DONE is dropped."""
        for it in messages:
            if it.id in self._state.messages:
                self._state.messages[it.id] = settled(it)

    async def parked(self, backend: str | None, after: str | None, limit: int) -> Sequence[Message]:
        """Parked messages in order of id, after one."""
        found = [
            it
            for it in self._state.messages.values()
            if it.status is MessageStatus.PARKED
            and (backend is None or it.backend == backend)
            and (after is None or it.id > after)
        ]
        return sorted(found, key=lambda it: it.id)[:limit]

    async def parked_counts(self) -> Mapping[str, int]:
        """How many messages are parked, by backend."""
        counts: dict[str, int] = {}
        for it in self._state.messages.values():
            if it.status is MessageStatus.PARKED:
                counts[it.backend] = counts.get(it.backend, 0) + 1
        return counts

    async def replay(self, backend: str | None, ids: Sequence[str] | None, now: datetime) -> int:
        """Makes parked messages wait again."""
        again = [
            it
            for it in self._state.messages.values()
            if it.status is MessageStatus.PARKED
            and (backend is None or it.backend == backend)
            and (ids is None or it.id in ids)
        ]
        for it in again:
            self._state.messages[it.id] = replayed(it, now)
        return len(again)

    async def trim_messages(self, before: datetime, limit: int) -> int:
        """Drops messages that were DONE before an instant, the eldest first."""
        old = [
            it
            for it in self._state.messages.values()
            if it.status is MessageStatus.DONE and it.received_at < before
        ]
        old = sorted(old, key=_came)[:limit]
        for it in old:
            del self._state.messages[it.id]
            del self._state.message_keys[it.backend, it.dedupe_key]
        return len(old)


def _came(message: Message) -> tuple[datetime, str]:
    return message.received_at, message.id
