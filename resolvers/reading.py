"""One reading of a backend: its feeds as they were and as they are now, and what it came to."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from resolvers.backend_ports import Backend, Level, StockReading
from resolvers.context import Context
from resolvers.domain.errors import BackendTimedOut, BackendUnavailable, CommerceError
from resolvers.domain.feeds import Feed, FeedKey
from resolvers.house import CATALOG, LOCATIONS

_ERROR_CHARS = 300
_LEVELS_MAX = 10_000
"""Most different levels that are kept once; numbers of pieces are mostly small."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Memory:
    """What the last pass over a backend read, so that the next one looks at differences only.

    Losing it costs time, nothing else. SKUs and levels that many places have are kept once: a
    hundred thousand SKUs at ten places are a million entries, of which each costs its place in a
    dictionary only.
    """

    readings: dict[str, StockReading] = field(default_factory=dict)
    _skus: dict[str, str] = field(default_factory=dict)
    _levels: dict[Level, Level] = field(default_factory=dict)

    def compact(self, reading: StockReading) -> StockReading:
        """The same reading, made of what is kept already."""
        if len(self._levels) > _LEVELS_MAX:
            self._levels.clear()
        sku_of, level_of = self._skus.setdefault, self._levels.setdefault
        levels = {sku_of(sku, sku): level_of(it, it) for sku, it in reading.levels.items()}
        return replace(reading, levels=levels)


Progress = Callable[[str, int], None]
"""Is told, page by page, of an entity and how many things of it were read."""


def in_silence(_: str, __: int) -> None:
    """Whom nobody needs to be told."""


class Reading:
    """Work at one backend's feeds. ``good`` says whether all of it succeeded, ``changed`` how much
    of what was read was new. ``whole``: it begins at the beginning; ``waits``: something else has
    to be read first.
    """

    def __init__(
        self,
        ctx: Context,
        backend: Backend,
        memory: Memory,
        known: Mapping[FeedKey, Feed],
        *,
        whole: bool = False,
        told: Progress = in_silence,
    ) -> None:
        self.ctx = ctx
        self.backend = backend
        self.memory = memory
        self.whole = whole
        self.told = told
        self._known = dict(known)
        self.good = True
        self.changed = 0
        self.waits = False

    def feed(self, entity: str, location: str = "") -> Feed:
        """A feed of this backend."""
        key = (self.backend.code, entity, location)
        return self._known.get(key) or Feed(*key)

    def goods_are_known(self) -> bool:
        """Says whether every source of places and goods has been read: an order that is placed
        elsewhere can only then be given its goods.
        """
        return all(
            (feed := self._known.get((code, entity, ""))) is not None and feed.observed_at
            for code, backend in self.ctx.backends.items()
            for entity, source in ((LOCATIONS, backend.locations), (CATALOG, backend.catalog))
            if source is not None
        )

    def heard(self, feed: Feed) -> None:
        """Takes over a feed that was written down already."""
        self._known[feed.key] = feed

    async def save(self, *feeds: Feed) -> None:
        """Writes down how far reading came."""
        self._known.update((feed.key, feed) for feed in feeds)
        await self.ctx.store.house.save_feeds(feeds)

    @asynccontextmanager
    async def noting(self, entity: str, location: str = "") -> AsyncIterator[Feed]:
        """Notes on its feed if reading an entity fails, and goes on unless nobody is there."""
        try:
            yield self.feed(entity, location)
        except CommerceError as error:
            self.good = False
            await self._note(entity, location, self.shown(str(error)))
            if isinstance(error, BackendUnavailable | BackendTimedOut):
                raise
        except Exception:
            self.good = False
            log.exception("reading %s of %s failed in our own code", entity, self.backend.code)
            await self._note(entity, location, "internal error; see the log")

    async def mark_all(self, error: str) -> None:
        """Notes on every feed of the backend that nobody is there."""
        self.good = False
        known = {feed.key: feed for feed in await self.ctx.store.house.feeds()}
        await self.save(
            *(
                replace(feed, error=self.shown(error))
                for feed in known.values()
                if feed.backend == self.backend.code
            )
        )

    @staticmethod
    def shown(error: str) -> str:
        """As much of an error as a feed keeps."""
        return error[:_ERROR_CHARS]

    async def _note(self, entity: str, location: str, error: str) -> None:
        """Writes an error on a feed as it stands now: what failed may have moved it."""
        stored = {feed.key: feed for feed in await self.ctx.store.house.feeds()}
        feed = self.feed(entity, location)
        await self.save(replace(stored.get(feed.key, feed), error=error))
