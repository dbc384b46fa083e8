"""How many mutations a caller may send: a bucket of a second's worth for each, refilled steadily.

Callers are told apart by the subject of their token. Nothing is kept on disk: each process counts
for itself.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

CALLERS_MAX = 10_000
"""Most callers remembered; the one that was silent longest is forgotten, as if its bucket were full
again."""


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Allowance:
    """What each caller has left. ``per_second`` of 0 is no limit; times are in seconds."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str, mutations: int) -> float:
        """Takes some mutations out of a caller's bucket.

        A request of more than a bucket holds passes when it is full, and is paid off afterwards.

        Returns:
            0.0 if they were taken, else the seconds after which it is worth trying again.
        """
        if self._per_second == 0:
            return 0.0
        now, most = self._clock(), float(self._per_second)
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(most, now)
            if len(self._buckets) > CALLERS_MAX:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(caller)
        bucket.level = min(most, bucket.level + (now - bucket.at) * most)
        bucket.at = now
        wanted = min(float(mutations), most)
        if bucket.level < wanted:
            return (wanted - bucket.level) / most
        bucket.level -= mutations
        return 0.0
