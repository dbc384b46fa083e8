"""Signals of stock as they happen: what is low, out, oversold, and what is back (S6).

States, not differences: who is slow misses some in between, but never how a level is now. When a
level is a signal stands in ``domain/signals``.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from resolvers.access import Scope as Right
from resolvers.context import Context
from resolvers.domain.signals import SignalKind
from resolvers.filters import LevelFilter
from resolvers.levels import LOOK_MAX, Level, Place, levels_at, narrowed, stocked_levels
from resolvers.paging import checked_lists

PRESENT_MAX = 1000
"""Most signals of the present state at the beginning; ``stockLevels`` lists all of them."""

TOLD_MAX = 100_000
"""Most levels of which one watcher's last signal is kept, some 20 MB; the eldest is forgotten, and
may be told once more.
"""

_SKUS_PER_READ = 200
_SHORT = (SignalKind.LOW_STOCK, SignalKind.OUT_OF_STOCK)


@dataclass(frozen=True, slots=True)
class Signal:
    """How a level is by the kinds that a watcher asked for."""

    kind: SignalKind
    level: Level


class Told:
    """What one watcher was last told of each level that is short of something."""

    def __init__(self, kinds: Collection[SignalKind]) -> None:
        self._kinds = frozenset(kinds) or frozenset(SignalKind)
        self._looked_for = self._kinds - {SignalKind.BACK_IN_STOCK} or {SignalKind.OUT_OF_STOCK}
        self._last: dict[Place, SignalKind] = {}

    @property
    def places(self) -> list[Place]:
        """Levels that were told to be short and not to be back."""
        return list(self._last)

    def news(self, level: Level) -> Signal | None:
        """The signal that a level is now, if it differs from the last.

        A level is the gravest of what holds of it and is asked for; when nothing is, it is back.
        Who asks for nothing but that is told of levels that were out of stock.
        """
        place = (level.position.sku, level.location.code)
        kind = next((kind for kind in level.conditions if kind in self._looked_for), None)
        last = self._last.pop(place, None)
        if kind is not None:
            self._last[place] = kind
            if len(self._last) > TOLD_MAX:
                del self._last[next(iter(self._last))]
            new = kind is not last and kind in self._kinds
            return Signal(kind, level) if new else None
        back = last is not None and SignalKind.BACK_IN_STOCK in self._kinds
        return Signal(SignalKind.BACK_IN_STOCK, level) if back else None


async def watch_signals(
    ctx: Context, locations: Sequence[str], kinds: Collection[SignalKind]
) -> AsyncIterator[Signal]:
    """Every level that is low, out or oversold now (the first thousand), then each whose kind
    changes; at some locations, of some kinds, or all.

    Raises:
        InvalidInput, NotFound: too many locations, or one that there is not.
    """
    ctx.principal.require(Right.SIGNALS)
    checked_lists(locationCodes=locations)
    for at, code in enumerate(locations):
        await ctx.directory.location(code, ("locationCodes", str(at)))
    told = Told(kinds)
    begun = False
    async for changed in ctx.watch.topics("stock", "rule"):
        if changed is None or any(topic == "rule" for topic, _ in changed):
            found = _all_news(ctx, told, locations)
        else:
            found = _news_of(ctx, told, locations, sorted(sku for _, sku in changed))
        count = 0
        async with aclosing(found) as news:
            async for signal in news:
                yield signal
                count += 1
                if not begun and count == PRESENT_MAX:
                    break
        begun = True


T = TypeVar("T")


def _bites(things: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(things)
    while some := list(islice(rest, _SKUS_PER_READ)):
        yield some


async def _news_of(
    ctx: Context, told: Told, locations: Sequence[str], skus: Iterable[str]
) -> AsyncGenerator[Signal, None]:
    for some in _bites(skus):
        for level in await stocked_levels(ctx.renewed(), some, locations):
            if (signal := told.news(level)) is not None:
                yield signal


async def _all_news(
    ctx: Context, told: Told, locations: Sequence[str]
) -> AsyncGenerator[Signal, None]:
    """What differs from what was told, by looking at everything: what is short, then what was."""
    asked = await narrowed(ctx.renewed(), LevelFilter(locations=tuple(locations)), _SHORT)
    before = dict.fromkeys(told.places)
    after: Place | None = None
    while True:
        rows = await ctx.store.stock.levels(asked, after, LOOK_MAX)
        places = [(row.sku, row.location) for row in rows]
        for level in await levels_at(ctx.renewed(), places):
            if level is not None:
                before.pop((level.position.sku, level.location.code), None)
                if (signal := told.news(level)) is not None:
                    yield signal
        if len(rows) < LOOK_MAX:
            break
        after = places[-1]
    for some in _bites(before):
        for level in await levels_at(ctx.renewed(), some):
            if level is not None and (signal := told.news(level)) is not None:
                yield signal
