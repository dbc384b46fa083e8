"""How much a caller may send, of mutations and of points: a bucket for each, refilled steadily.

And how much a process takes on at a time. Callers are told apart by the subject of their token,
those who have none by their address. Nothing is kept on disk: each process counts for itself.
"""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

CALLERS_MAX = 10_000
"""Most callers remembered; the one that was silent longest is forgotten, as if its bucket were full
again."""

_MINUTE = 60.0


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Allowance:
    """What each caller has left. ``per_second`` of 0 is no limit; times are in seconds.

    ``saved_max`` is what a bucket holds: a second's worth, unless another number is said.
    """

    def __init__(
        self,
        per_second: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        saved_max: int | None = None,
    ) -> None:
        self.per_second = per_second
        self.saved_max = per_second if saved_max is None else saved_max
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str, amount: int) -> float:
        """Takes something out of a caller's bucket.

        A request of more than a bucket holds passes when it is full, and is paid off afterwards.

        Returns:
            0.0 if it was taken, else the seconds after which it is worth trying again.
        """
        if self.per_second == 0:
            return 0.0
        bucket = self._bucket(caller)
        wanted = min(amount, self.saved_max)
        if bucket.level < wanted:
            return (wanted - bucket.level) / self.per_second
        bucket.level -= amount
        return 0.0

    def left(self, caller: str) -> int:
        """What a caller may take now; 0 if something is still to be paid off."""
        return max(0, int(self._bucket(caller).level))

    def _bucket(self, caller: str) -> _Bucket:
        """A caller's bucket, filled up to now."""
        now, most = self._clock(), float(self.saved_max)
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(most, now)
            if len(self._buckets) > CALLERS_MAX:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(caller)
        bucket.level = min(most, bucket.level + (now - bucket.at) * self.per_second)
        bucket.at = now
        return bucket


def minute_gate(
    per_minute: int, clock: Callable[[], float] = time.monotonic
) -> Callable[[str], float]:
    """Lets so many of each caller in a minute, all at once or one by one: 0.0, or the seconds after
    which one more is let in.
    """
    allowance = Allowance(per_minute, lambda: clock() / _MINUTE)
    return lambda caller: allowance.take(caller, 1) * _MINUTE


def place_of(address: str) -> str:
    """What an address is counted by: of IPv6 the network of 64 bits, as one household or one rented
    machine has all that are in it.
    """
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


FEW = 8
"""So many may be under way however slow they are: a first slow answer says nothing of the next."""

_SMOOTHED = 64
"""Over about how many endings the pace is taken: a tenth of a second of a busy process."""

STANDING_SECONDS = 1.0
"""What is to do for longer than this is no burst, which would be over soon."""

_STANDING_PART = 5
"""In a load that stands, the wait that is allowed is one part of so many: nobody is served sooner
by waiting longer, as everybody waits as long."""

CALM_SECONDS = 2.0
"""A load that stood is over when there was half as much to do for so long: whoever was refused
comes again after a second."""

STANDING_MAX = 64
"""Nor may more be under way in a load that stands, however fast they end: by ``bench/overload.py``
16 to 64 keep a process busy, and who waits behind more is answered later."""

LATE_SECONDS = 0.01
"""A process is busy when its event loop is late by more than this; else what is under way waits for
others, a backend or a disk, and one more costs them nothing."""

USUAL_SECONDS = 0.5
"""Over about how long it is averaged how late the event loop is: a load stands only while that is
late, too, and not one long step of an event loop that otherwise waits for others."""

BEAT_SECONDS = 0.02
"""How often the event loop is asked how late it is."""


class Crowd:
    """How many operations are under way in the process, and at which pace they end.

    ``most`` of 0 is no limit. Nor is ``wait_seconds`` of 0: else there is no room either when the
    event loop is late, and one more would wait longer than so for those before it, which is their
    number times the pace at which they end (Little's law). Nobody may wait longer than that; of a
    load that stands, while the event loop is late on the average, too, nobody longer than a fifth
    of it, nor behind ``STANDING_MAX``. So the bound follows what the machine does just now, and
    whoever is let in is answered in time, however many are not.
    """

    def __init__(
        self, most: int, wait_seconds: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._pace = 0.0
        self._last = 0.0
        self._due: float | None = None
        self._late = 0.0
        self._usually_late = 0.0
        self._standing_since: float | None = None
        self._calm_since: float | None = None
        self.under_way = 0

    @property
    def full(self) -> bool:
        """Whether one more would be too many."""
        if 0 < self._most <= self.under_way:
            return True
        if self._wait_seconds == 0 or self.under_way < FEW:
            return False
        too_long = self._wait > self._wait_seconds or (self._stands and self._is_more_than(1))
        return too_long and self._lateness() > LATE_SECONDS

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Counts one operation for as long as it is under way."""
        if self.under_way == 0:
            self._last = self._clock()  # what was idle before says nothing of the pace
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            now = self._clock()
            self._pace += (now - self._last - self._pace) / _SMOOTHED
            self._last = now

    def beat(self) -> None:
        """Is to be called every ``BEAT_SECONDS``, and sees how late it is."""
        now = self._clock()
        if self._due is not None:
            self._late = max(0.0, now - self._due)
            weight = min(1.0, (now - self._due + BEAT_SECONDS) / USUAL_SECONDS)
            self._usually_late += (self._late - self._usually_late) * weight
        self._due = now + BEAT_SECONDS
        if self._is_more_than(0.5):  # it does not end by our keeping it at its bound
            self._calm_since = None
            if self._standing_since is None and self._is_more_than(1):
                self._standing_since = now
            return
        if self._calm_since is None:
            self._calm_since = now
        if not self._stands or now - self._calm_since > CALM_SECONDS:
            self._standing_since = None

    @property
    def _wait(self) -> float:
        """How long one more would wait for those before it."""
        return self.under_way * self._pace

    def _is_more_than(self, part: float) -> bool:
        """Whether there is more to do than this part of what a load that stands may bring."""
        standing = self._wait_seconds / _STANDING_PART
        more = self._wait > standing * part or self.under_way >= STANDING_MAX * part
        return more and self._usually_late > LATE_SECONDS

    @property
    def _stands(self) -> bool:
        since = self._standing_since
        return since is not None and self._clock() - since > STANDING_SECONDS

    def _lateness(self) -> float:
        """How late the event loop was, or is just now."""
        return 0.0 if self._due is None else max(self._late, self._clock() - self._due)


@asynccontextmanager
async def beating(crowd: Crowd) -> AsyncIterator[None]:
    """Has a crowd know how late the event loop is, until the block ends."""

    async def beat() -> None:
        while True:
            crowd.beat()
            await asyncio.sleep(BEAT_SECONDS)

    task = asyncio.create_task(beat(), name="beat")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
