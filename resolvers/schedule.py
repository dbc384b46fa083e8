"""When each entity of one backend is read next: soon while it changes, seldom when it is quiet, at
once when a message hinted at it.

It lives in the process that reads the backend; losing it costs a look at everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resolvers.backend_ports import Backend
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.domain.pacing import Beat, Pace, pause
from resolvers.house import LISTINGS, LOCATIONS, MEMBERS
from resolvers.sync import Read, entities
from resolvers.terms import SyncTerms

LOCATIONS_SECONDS = 60.0
"""Pause between two looks at places, which open and close rarely."""

WHOLE = (LISTINGS, MEMBERS)
"""Entities that are read whole from time to time where nobody tells what is gone."""


@dataclass(slots=True)
class _Line:
    """One entity's place in the schedule. ``under_way``: it is being read; ``again``: somebody
    wished it read anew meanwhile.
    """

    pace: Pace
    at: datetime
    beat: Beat = field(default_factory=Beat)
    under_way: bool = False
    again: bool = False
    whole: bool = False


class Schedule:
    """Says what is due. Everything in it is one backend's."""

    def __init__(self, backend: Backend, terms: SyncTerms, now: datetime) -> None:
        self._backend = backend
        self._terms = terms
        self._lines = {
            entity: _Line(_pace(backend, entity, terms), now) for entity in entities(backend)
        }
        self._away: set[str] = set()
        """Entities that nobody was there for."""

    def due(self, now: datetime) -> list[str]:
        """Entities to be read now, in the order of a first reading."""
        return [
            entity for entity, line in self._lines.items() if line.at <= now and not line.under_way
        ]

    def seconds_left(self, now: datetime) -> float:
        """Until something is due; 0 if something is."""
        waiting = [line.at for line in self._lines.values() if not line.under_way]
        return max(0.0, (min(waiting) - now).total_seconds()) if waiting else float("inf")

    def begin(self, entity: str, feeds: Iterable[Feed], now: datetime) -> bool:
        """Notes that an entity is being read; says whether it shall be read whole."""
        line = self._lines[entity]
        line.under_way = True
        whole = line.whole or self._whole_is_due(entity, {it.key: it for it in feeds}, now)
        line.again = line.whole = False
        return whole

    def end(self, entity: str, read: Read, now: datetime) -> None:
        """Notes what reading came to."""
        line = self._lines[entity]
        if read.waits:
            line.beat = Beat()
        else:
            line.beat = line.beat.found(read.changed) if read.good else line.beat.failed()
        line.under_way = False
        if not read.there:
            self._away.add(entity)
        elif read.good and entity in self._away:
            # All were called failing: each is to say that it is back. One that fails alone brings
            # nobody else's turn forward, or all would be read without a pause.
            self._away.clear()
            for other in self._lines.values():
                other.at = min(other.at, now)
        seconds = 0.0 if line.again else pause(line.pace, line.beat)
        line.at = now + timedelta(seconds=seconds)

    def hint(self, entity: str, now: datetime, *, whole: bool = False) -> None:
        """Has an entity read at once; what it is not read for is none of its business."""
        line = self._lines.get(entity)
        if line is None:
            return
        line.whole |= whole
        line.beat = Beat()
        line.again |= line.under_way
        line.at = min(line.at, now)

    def rest(self) -> None:
        """Notes that nothing is being read any more: what was, is due again when it was."""
        for line in self._lines.values():
            line.under_way = False

    def _whole_is_due(self, entity: str, feeds: dict[FeedKey, Feed], now: datetime) -> bool:
        capabilities = self._backend.capabilities
        if entity not in WHOLE or entity in capabilities.scanned or capabilities.deletions:
            return False
        feed = feeds.get((self._backend.code, entity, ""))
        if feed is None or feed.read:  # the first reading, or one that was stopped: it goes on
            return False
        every = timedelta(hours=self._terms.whole_hours)
        return feed.whole_at is None or now - feed.whole_at >= every


def _pace(backend: Backend, entity: str, terms: SyncTerms) -> Pace:
    """How soon an entity is looked at again."""
    poll = backend.poll_seconds
    quick, slow = poll, max(poll, terms.quiet_seconds)
    if entity == LOCATIONS:
        quick = slow = max(poll, LOCATIONS_SECONDS)
    elif entity in backend.capabilities.scanned:
        quick = slow = max(poll, terms.scan_seconds)
    return Pace(quick, slow, poll)
