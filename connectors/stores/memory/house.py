"""Feeds, leases and the tail of changes in memory, and the tidying of what is old."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import nsmallest

from connectors.stores.memory.state import State
from resolvers.domain.feeds import Feed
from resolvers.ports import Event, Lease

_NOBODY = ""  # the owner of a lease that was given back; its fence stays, to grow on


def holds(state: State, lease: Lease) -> bool:
    """Says whether nobody has taken a lease over, nor its owner given it back."""
    current = state.leases.get(lease.name)
    return current is not None and (current.owner, current.fence) == (lease.owner, lease.fence)


class MemoryHouse:
    """Answers the HouseStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def feeds(self) -> Sequence[Feed]:
        """Every feed, in order of its key."""
        return [self._state.feeds[key] for key in sorted(self._state.feeds)]

    async def save_feeds(self, feeds: Sequence[Feed]) -> None:
        """Writes feeds, but none over one whose watermark is later."""
        for feed in feeds:
            before = self._state.feeds.get(feed.key)
            if before is None or before.watermark <= feed.watermark:
                self._state.feeds[feed.key] = feed

    async def lease(self, name: str, owner: str, seconds: float, now: datetime) -> Lease | None:
        """Takes or renews a lease."""
        assert owner != _NOBODY
        current = self._state.leases.get(name) or Lease(name, _NOBODY, now, 0)
        fence = current.fence
        if current.owner != owner:
            if current.owner != _NOBODY and current.until > now:
                return None
            fence += 1
        lease = Lease(name, owner, now + timedelta(seconds=seconds), fence)
        self._state.leases[name] = lease
        return lease

    async def release_lease(self, lease: Lease) -> None:
        """Gives a lease back."""
        if holds(self._state, lease):
            self._state.leases[lease.name] = replace(lease, owner=_NOBODY)

    async def last_event(self) -> int:
        """The sequence of the newest event."""
        return self._state.events[-1].sequence if self._state.events else 0

    async def events(self, after: int, limit: int) -> Sequence[Event]:
        """Events after a sequence, eldest first."""
        events = self._state.events
        start = max(0, after - events[0].sequence + 1) if events else 0
        return events[start : start + limit]

    async def trim(self, keys_before: datetime, events_keep: int, limit: int) -> int:
        """Drops old keys and events, the eldest first."""
        recorded = self._state.keys.values()
        old = nsmallest(limit, ((r.at, r.key) for r in recorded if r.at < keys_before))
        for _, key in old:
            del self._state.keys[key]
        surplus = min(max(0, len(self._state.events) - events_keep), limit)
        del self._state.events[:surplus]
        return len(old) + surplus
