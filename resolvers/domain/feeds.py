"""How fresh the house's knowledge of each backend is: one record an entity and location. Pure."""

from dataclasses import dataclass
from datetime import datetime

FeedKey = tuple[str, str, str]
"""Backend, entity (``catalog``, ``stock``, ``orders`` …), location ("" for all)."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a backend last said of one entity, of one location where it is read by location.

    ``watermark`` is the backend's own clock or sequence; ``observed_at`` is ours, when we last
    heard it, None until the first reading is in. ``cursor`` is where the next reading goes on.
    ``error`` says why the last try failed, "" if it did not.

    ``whole_at`` is ours too, when all of it was last read from its beginning; ``read`` how many
    things a reading that is under way has taken, 0 if none is.

    Of a location's stock, ``moved`` is the latest movement that was heard beside the readings, and
    ``doubt`` the one up to which others may be missing; both by the backend's own sequence.
    """

    backend: str
    entity: str
    location: str = ""
    watermark: int = 0
    observed_at: datetime | None = None
    cursor: str = ""
    error: str = ""
    moved: int = 0
    doubt: int = 0
    whole_at: datetime | None = None
    read: int = 0

    @property
    def key(self) -> FeedKey:
        """What tells it from other feeds."""
        return (self.backend, self.entity, self.location)
