"""Locations and channels, looked up by code.

Channels are configuration. Locations are mirrored from the backends; a process reads them again at
most every second, so a place that opens is seen at once everywhere.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from resolvers.domain.errors import NotFound
from resolvers.domain.locations import Channel, Location
from resolvers.ports import CatalogStore, Clock

_FRESH = timedelta(seconds=1)


class Directory:
    """The places and channels of one retailer.

    ``laid_over`` adds what the configuration says of a place to what its backend says.
    """

    def __init__(
        self,
        store: CatalogStore,
        channels: Sequence[Channel],
        clock: Clock,
        laid_over: Callable[[Location], Location] = lambda location: location,
    ) -> None:
        self._laid_over = laid_over
        self._store = store
        self._clock = clock
        self._locations: Mapping[str, Location] = {}
        self._read_at: datetime | None = None
        self._reading: asyncio.Task[None] | None = None
        self.channels: Mapping[str, Channel] = {channel.code: channel for channel in channels}

    async def locations(self) -> Mapping[str, Location]:
        """Every location by code, in order of code."""
        if self._outdated():
            if self._reading is None:
                self._reading = asyncio.create_task(self._read(), name="read locations")
                self._reading.add_done_callback(self._has_read)
            # One reads for all who ask meanwhile, and all go on in one turn of the loop: what they
            # ask for next is one batch. One after the other, a page of 50 read variants 17 times.
            await asyncio.shield(self._reading)
        return self._locations

    async def location(self, code: str, field: tuple[str, ...]) -> Location:
        """One location.

        Raises:
            NotFound: no location of that code; ``field`` is to blame.
        """
        found = (await self.locations()).get(code)
        if found is None:
            raise NotFound(f"there is no location {code[:40]!r}", field=field)
        return found

    def channel(self, code: str, field: tuple[str, ...] = ("input", "channel")) -> Channel:
        """One channel.

        Raises:
            NotFound: no channel of that code; ``field`` is to blame.
        """
        found = self.channels.get(code)
        if found is None:
            known = ", ".join(self.channels)
            raise NotFound(f"there is no channel {code[:40]!r}; there are {known}", field=field)
        return found

    def _outdated(self) -> bool:
        at = self._read_at
        return at is None or not self._locations or self._clock() - at >= _FRESH

    def _has_read(self, reading: asyncio.Task[None]) -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # told to who asked; nobody may be left to hear it

    async def _read(self) -> None:
        now = self._clock()
        found = await self._store.locations()
        self._locations = {
            at.code: self._laid_over(at) for at in sorted(found, key=lambda at: at.code)
        }
        self._read_at = now
