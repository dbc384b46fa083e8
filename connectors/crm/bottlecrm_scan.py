"""How a list that moves is read whole, by offset and limit. Pure.

The list is the newest first. What is created meanwhile moves everything on, and shows a row twice;
what is deleted moves everything back, and would hide one. So each page begins with the last rows of
the page before: as long as one of those is seen again, nothing has slipped between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

OVERLAP = 5
"""Rows that are read again with the next page: so many of them may be deleted meanwhile before a
step back is needed."""


class Stuck(Exception):
    """The list gives fewer rows than are read again anyway: it cannot be gone through."""


@dataclass(slots=True)
class Scan:
    """One reading, and how far it has come. ``resumed``: it does not know the rows before."""

    offset: int = 0
    resumed: bool = False
    ended: bool = False
    last: str = ""
    _seen: set[str] = field(default_factory=set)
    _count: int = 0
    _back: int = OVERLAP

    @classmethod
    def at(cls, cursor: str) -> Self:
        """Goes on where a reading was stopped, or begins."""
        offset, _, last = cursor.partition("@")
        if not (last and offset.isascii() and offset.isdigit()):
            return cls()
        return cls(int(offset), resumed=int(offset) > 0, last=last, _seen={last})

    @property
    def cursor(self) -> str:
        """Where to go on."""
        return f"{self.offset}@{self.last}"

    def take(self, ids: Sequence[str], count: int) -> frozenset[str]:
        """Takes a page, of a list of ``count`` rows; the ids that are new. None are where rows may
        have slipped away before it: ``offset`` then steps back.

        Raises:
            Stuck: it would go on for ever.
        """
        self._count = count
        if self.offset > 0 and self._seen.isdisjoint(ids):
            self._back *= 2
            self.offset = max(0, self.offset - self._back)
            return frozenset()
        self._back = OVERLAP
        new = frozenset(ids) - self._seen
        self._seen |= new
        end = self.offset + len(ids)
        if end >= count:
            self.ended = True
        elif len(ids) <= OVERLAP:
            raise Stuck
        else:
            self.offset = end - OVERLAP
        if ids:
            self.last = ids[-1]
        return new

    def look_back(self, ids: Sequence[str], count: int) -> frozenset[str]:
        """Takes the first rows once more, when the end was reached: those created meanwhile."""
        joined = not ids or not self._seen.isdisjoint(ids)
        new = frozenset(ids) - self._seen
        self._seen |= new
        self._count = count if joined else len(self._seen) + 1
        return new

    @property
    def whole(self) -> bool:
        """Whether all that the list has now was seen. Who was deleted meanwhile was seen too."""
        return self.ended and len(self._seen) >= self._count
