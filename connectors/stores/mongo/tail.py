"""What is added to one collection, as it is committed; it says so when the tail was broken off."""

from typing import Any

from connectors.stores.mongo.client import Database
from connectors.stores.mongo.driver import DriverError
from connectors.stores.mongo.session import Document

_AWAIT_MS = 20
"""How long the server waits for something new before it says that there is nothing."""


class Lost(Exception):
    """A tail was broken off: something may have been added that it never told of."""


class Tail:
    """Follows a collection, from when its database was ready."""

    def __init__(self, database: Database, collection: str) -> None:
        self._database = database
        self._collection = collection
        self._stream: Any = None
        self._broken = False

    async def next(self) -> Document | None:
        """The next document; None if there is none yet.

        Raises:
            Lost: the cluster does not know any more what came next; it goes on with what comes now.
            Contended: the store does not answer.
        """
        await self._database.ready()
        if self._stream is not None or not self._broken:
            try:
                return await self._asked(self._database.began)
            except DriverError:
                # The driver has gone on by itself after what passes soon. From here on all that is
                # told begins with that something is missing.
                self._broken = True
                await self.close()
        try:
            await self._asked(None)
        except DriverError as error:
            await self.close()
            raise self._database.told_of(error) from None
        self._broken = False
        raise Lost

    async def _asked(self, start: object) -> Document | None:
        if self._stream is None:
            self._stream = self._database.watch(self._collection, start, _AWAIT_MS)
        change = await self._stream.try_next()
        if change is None and not self._stream.alive:
            raise DriverError("the collection is gone")
        return None if change is None else change["fullDocument"]

    async def close(self) -> None:
        """Ends it."""
        if self._stream is not None:
            await self._stream.close()
            self._stream = None
