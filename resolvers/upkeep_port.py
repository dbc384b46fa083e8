"""What a store is kept sound by: the port, and the few records exchanged.

Apart from the other ports because no answer needs it but those about the store itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a store as any engine can take it: its key within its part, and JSON."""

    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Compacted:
    """One step of compaction: what was folded or dropped, and whether there is more to do."""

    entries: int = 0
    reservations: int = 0
    counts: int = 0
    more: bool = False


COPYING = "copying"
"""The part in which a copy keeps its own notes; ``parts`` leaves it out."""


class UpkeepStore(Protocol):
    """What a store is kept sound by: looking it over, folding what is old, and moving house."""

    async def faults(self) -> Sequence[str]:
        """What the engine itself finds wrong, in words: damage, orphans, broken seals."""

    async def compact(self, before: datetime, limit: int) -> Compacted:
        """Folds the eldest batches of entries, from before an instant, into their SKUs'
        checkpoints: about ``limit`` entries, whole batches, the eldest first. Drops as many of what
        nobody can ask for any more: reservations without an order that ended before then and that
        no key answers with, and counts of days past, alike from the streams and the checkpoints.
        """

    async def parts(self) -> Mapping[str, int]:
        """The parts that a copy carries over, in order, and how many rows each has.

        Leases and events are no part: turns and watchers belong to the processes on a store.
        """

    async def dump(self, part: str, after: str | None, limit: int) -> Sequence[Row]:
        """Rows of a part in order of key, after one."""

    async def load(self, part: str, rows: Sequence[Row]) -> None:
        """Writes rows of a part, whatever stood there; the same rows may come again."""
