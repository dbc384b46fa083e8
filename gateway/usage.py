"""Which client uses which part of the schema, counted per day (UTC) and written to the store.

A request costs one addition: what a document uses is known, and is multiplied out when its counts
are written. Clients are bounded, as anybody may call itself anything.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import date

from resolvers.callers_port import CallerStore
from resolvers.domain.callers import Use
from resolvers.ports import Clock
from schema.usage import Uses

FLUSH_SECONDS = 60.0
UNWRITTEN_MAX = 50_000
"""Most counts that are kept while the store does not take them; then the eldest go."""

PENDING_MAX = 256
"""Most pairs of document and client that are kept before they are multiplied out."""

CLIENTS_MAX = 50
"""Most clients that one writing names, those that ask most; the others together are ``other``."""

CLIENTS_A_DAY = 200
"""Most clients that one process names in a day."""

COUNTED_MAX = 1_000
"""Most clients that are told apart between two writings."""

ROWS_MAX = 500
"""Most counts that are written at a time."""

OTHER = "other"

log = logging.getLogger(__name__)


class Usage:
    """The counts of one process that are not in the store yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: dict[tuple[Uses, str], int] = {}
        self._fields: dict[str, Counter[str]] = {}
        self._unwritten: list[Use] = []
        self._named: set[str] = set()
        self._day = clock().date()

    @property
    def waiting(self) -> int:
        """How many counts are not in the store yet."""
        return len(self._pending) + sum(map(len, self._fields.values())) + len(self._unwritten)

    def add(self, used: Uses, client: str, aged: Sequence[str] = ()) -> None:
        """Counts one operation of a client; ``aged`` is what its variables use of what is
        deprecated.
        """
        key = (used, client)
        self._pending[key] = self._pending.get(key, 0) + 1
        if aged:
            self._of(client).update(aged)
        if len(self._pending) >= PENDING_MAX:
            self._multiply()

    async def flush(self, store: CallerStore) -> None:
        """Writes everything that was counted; what could not be written is kept for next time."""
        day = self._clock().date()
        self._multiply()
        if day != self._day:
            self._named.clear()
        self._unwritten += self._taken(self._day)
        self._day = day
        del self._unwritten[:-UNWRITTEN_MAX]
        while self._unwritten:
            await store.add_uses(self._unwritten[:ROWS_MAX])
            del self._unwritten[:ROWS_MAX]

    def _of(self, client: str) -> Counter[str]:
        is_new = client not in self._fields and client not in self._named
        if is_new and len(self._fields) >= COUNTED_MAX:
            client = OTHER
        return self._fields.setdefault(client, Counter())

    def _multiply(self) -> None:
        for (used, client), count in self._pending.items():
            counted = self._of(client)
            for coordinate in used.coordinates:
                counted[coordinate] += count
        self._pending.clear()

    def _taken(self, day: date) -> list[Use]:
        """What was counted, as rows of bounded clients."""
        most = sorted(self._fields, key=lambda client: -self._fields[client].total())[:CLIENTS_MAX]
        told: dict[str, Counter[str]] = {}
        for client, counted in self._fields.items():
            known = client in self._named
            if not known and client in most and len(self._named) < CLIENTS_A_DAY:
                self._named.add(client)
                known = True
            told.setdefault(client if known else OTHER, Counter()).update(counted)
        self._fields.clear()
        return [
            Use(day, client, coordinate, count)
            for client, counted in told.items()
            for coordinate, count in counted.items()
        ]


async def flushing(usage: Usage, store: CallerStore, stop: asyncio.Event) -> None:
    """Writes what was counted each minute, and once more when it is told to stop."""
    stopping = False
    while not stopping:
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                stopping = await stop.wait()
        except TimeoutError:
            pass
        try:
            await usage.flush(store)
        except Exception:  # counts are no reason to end anything; they are tried again
            log.exception("uses of fields could not be written")
