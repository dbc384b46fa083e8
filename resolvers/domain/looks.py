"""What a look at a place's system says, laid over what the books say of it. Pure.

A look is shown and changes nothing: the books follow readings alone, which one process at a time
takes in order.
"""

from dataclasses import dataclass
from datetime import datetime

from resolvers.domain.feeds import Feed
from resolvers.domain.sources import StockSource, Watermark
from resolvers.domain.stock import Stream, counted


@dataclass(frozen=True, slots=True)
class Look:
    """What lay at a spot when its system was asked at ``at``, by its own watermark then; of a
    source without any, the count that a reading begun then would have had.
    """

    on_hand: int
    watermark: int
    at: datetime


def seen_by(
    look: Look, stream: Stream, feed: Feed, source: StockSource, now: datetime
) -> int | None:
    """What lies there by a look and by what its system had not seen then, as a reading would count
    it; None if the books hold a later word.
    """
    if feed.observed_at is not None and look.at <= feed.observed_at:
        return None
    if source.watermark is not Watermark.NONE and look.watermark < feed.watermark:
        return None
    position = stream.position(feed.location)
    entry = counted(
        stream,
        feed.location,
        look.on_hand,
        look.watermark,
        position.elsewhere,
        feed.backend,
        now,
        source,
    )
    return position.on_hand + (0 if entry is None else entry.on_hand)
