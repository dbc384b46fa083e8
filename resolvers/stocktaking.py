"""Reads what lies at a backend's locations: what moved since it was last heard of, then all of it.

How the books follow stands in ``following``.
"""

import asyncio
from dataclasses import replace

from resolvers.domain.errors import Overloaded
from resolvers.domain.feeds import Feed
from resolvers.domain.movements import in_doubt
from resolvers.following import follow, follow_movements, source_of
from resolvers.house import LOCATIONS, STOCK
from resolvers.reading import Reading

READS_AT_ONCE = 4
"""Most questions that one backend is asked at a time."""

REMEMBERED_MAX = 10_000
"""Most movements of a location that are remembered: then it is its readings' turn to come."""

PAGES_MAX = 200
"""Most pages of movements that are taken of a location in one pass; the rest is in its reading."""

IN_DOUBT = "movements are missing; what would add units waits for a later reading"


async def read_stock(this: Reading) -> None:
    """Reads every location of the backend, a few at a time: what moved, then what is there.

    If all is read anew, readings hold even if their watermarks run back.
    """
    code = this.backend.code
    places = [at.code for at in await this.ctx.store.catalog.locations() if at.authority == code]
    if this.backend.locations is not None and this.feed(LOCATIONS).observed_at is None:
        this.waits = True
        return
    source = source_of(this.backend)
    turns = asyncio.Semaphore(READS_AT_ONCE)

    heard: list[Feed] = []

    async def one(location: str) -> None:
        async with turns:
            unmoved = await _movements(this, location)
            async with this.noting(STOCK, location) as feed:
                assert this.backend.stock is not None
                source.require_places(places)
                before = this.ctx.now
                read = this.memory.compact(await this.backend.stock.read(location))
                watermark = source.believed(read.watermark, feed.watermark, this.ctx.now)
                runs_back = watermark < feed.watermark
                if not this.whole:
                    source.require_order(watermark, feed.watermark)
                reading = replace(read, watermark=watermark)
                last = this.memory.readings.get(location)
                if last is not None and last.watermark != feed.watermark:
                    last = None  # somebody else has followed this location since
                told = replace(feed, watermark=watermark, observed_at=before, error=unmoved)
                if runs_back:
                    told = replace(told, moved=0, doubt=0)
                if in_doubt(told, source):
                    told = replace(told, error=IN_DOUBT)
                await follow(this.ctx, this.backend, reading, told, last, anew=runs_back)
                this.changed += last is None or last.levels != reading.levels
                this.memory.readings[location] = reading
                heard.append(told)

    results = await asyncio.gather(*(one(at) for at in places), return_exceptions=True)
    await this.save(*heard)
    for failure in results:
        if isinstance(failure, BaseException):
            raise failure


async def _movements(this: Reading, location: str) -> str:
    """Books what moved at a location since it was last heard of; why it could not, or ""."""
    source, feed = this.backend.movements, this.feed(STOCK, location)
    if source is None or feed.observed_at is None:
        return ""
    async with this.noting(STOCK, location):
        waiting, pages = len(await this.ctx.store.stock.unseen(location)), 0
        async for page in source.movements(location, max(feed.moved, feed.watermark)):
            if waiting >= REMEMBERED_MAX:
                raise Overloaded(f"{waiting} movements wait for a reading that holds them")
            feed, booked = await follow_movements(this.ctx, this.backend, feed, page)
            this.heard(feed)
            this.changed += len(page)
            waiting, pages = waiting + booked, pages + 1
            if pages == PAGES_MAX:
                break
        this.heard(replace(feed, error=""))
    return this.feed(STOCK, location).error
