"""What a source of stock declares of its numbers, and what follows for whoever believes them.

A watermark is a whole number that only grows: a sequence of the source's own, or microseconds since
1970 (UTC) by its own clock. Our clock never says what a number holds. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from resolvers.domain.errors import ReadingRefused

AHEAD_MAX = timedelta(minutes=5)
"""How far a source's clock may be ahead of ours: what Kerberos lets two machines differ by."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Meaning(StrEnum):
    """What a source's number of a SKU is.

    ON_HAND is all that lies there. NET is less what its own people have promised to somebody. Our
    sales that it has taken are in both until they leave: a connector whose system takes them off
    at once adds them again, as only its own answer knows which they are.
    """

    ON_HAND = "ON_HAND"
    NET = "NET"


class Granularity(StrEnum):
    """What a number is of: a SKU at each LOCATION, or a SKU in all that the source knows.

    A source of the second kind is one place to us: which of several its units lie at is unknown.
    """

    LOCATION = "LOCATION"
    SKU = "SKU"


class Watermark(StrEnum):
    """What a source stamps its readings with: a SEQUENCE, its own CLOCK, or NONE."""

    SEQUENCE = "SEQUENCE"
    CLOCK = "CLOCK"
    NONE = "NONE"


class Seen(StrEnum):
    """Whether a reading holds a movement."""

    YES = "YES"
    NO = "NO"
    PERHAPS = "PERHAPS"


@dataclass(frozen=True, slots=True)
class StockSource:
    """What one source declares of its stock.

    ``resolution_seconds``: stamps of its clock that are closer than this do not say which came
    first; 0 if a reading holds everything up to its own stamp, as with a sequence.
    """

    meaning: Meaning = Meaning.ON_HAND
    granularity: Granularity = Granularity.LOCATION
    watermark: Watermark = Watermark.SEQUENCE
    resolution_seconds: float = 0.0

    def __post_init__(self) -> None:
        assert self.resolution_seconds >= 0
        assert self.watermark is Watermark.CLOCK or not self.resolution_seconds

    def seen(self, stamp: int, watermark: int) -> Seen:
        """Whether a reading at ``watermark`` holds what the source stamped so.

        Without watermarks of its own our count of its readings stands in for them, and a stamp is
        the number of the reading that was under way when the source had answered.
        """
        if self.watermark is Watermark.NONE:
            return Seen.YES if watermark > stamp else Seen.PERHAPS
        if abs(watermark - stamp) < self.resolution_seconds * 1_000_000:
            return Seen.PERHAPS
        return Seen.YES if stamp <= watermark else Seen.NO

    def stamped(self, told: int | None, before: int) -> int | None:
        """The stamp of what the source answers to a write after a reading at ``before``."""
        return before + 1 if self.watermark is Watermark.NONE else told

    def on_hand(self, number: int, elsewhere: int) -> int:
        """What lies there, or by how much that changes, when the source says ``number``."""
        return number + elsewhere if self.meaning is Meaning.NET else number

    def believed(self, told: int | None, before: int, now: datetime) -> int:
        """The watermark of a reading that was heard at ``now``, after one at ``before``.

        Raises:
            ReadingRefused: it has none though the source declares one, or it is later than any
                clock may say by now.
        """
        if self.watermark is Watermark.NONE:
            return before + 1
        if told is None or told < 0:
            raise ReadingRefused("the reading does not say when it was taken")
        if self.watermark is Watermark.CLOCK:
            ahead = told - (now - _EPOCH) // _MICROSECOND
            if ahead > AHEAD_MAX // _MICROSECOND:
                seconds = ahead // 1_000_000
                raise ReadingRefused(f"it is stamped {seconds} s in the future; set its clock")
        return told

    def require_order(self, watermark: int, before: int) -> None:
        """Refuses a reading that was taken before the last one: late, or of a restored system.

        Raises:
            ReadingRefused: with what a person can do.
        """
        if watermark < before:
            raise ReadingRefused(
                "the reading was taken before the last one that was followed; if its system was "
                "restored, gateway sync CODE accepts it"
            )

    def require_places(self, places: Sequence[str]) -> None:
        """Refuses to deal one number out over several places.

        Raises:
            ReadingRefused: the source has one number a SKU, and more than one place is its own.
        """
        if self.granularity is Granularity.SKU and len(places) > 1:
            raise ReadingRefused(
                f"it has one number a SKU, and is the authority of {len(places)} locations; "
                "leave it one"
            )


BY_SEQUENCE = StockSource()
"""What a source declares that numbers its changes and counts what lies at each place."""
