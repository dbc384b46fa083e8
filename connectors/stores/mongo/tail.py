"""What is added to one collection, as it is committed; it says so when the tail was broken off."""

from typing import Any

from connectors.stores.mongo.client import Database, DriverError
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
        self._lost = False

    async def next(self) -> Document | None:
        """The next document; None if there is none yet.

        Raises:
            Lost: the cluster does not know any more what came next; it goes on with what comes now.
        """
        await self._database.ready()
        if self._stream is None:
            start = None if self._lost else self._database.began
            self._stream = self._database.watch(self._collection, start, _AWAIT_MS)
        try:
            change = await self._stream.try_next()
        except DriverError as error:
            # The driver goes on by itself after whatever passes; what comes here does not.
            await self._begin_anew()
            raise Lost from error
        if change is None and not self._stream.alive:  # the collection is gone
            await self._begin_anew()
            raise Lost
        return None if change is None else change["fullDocument"]

    async def _begin_anew(self) -> None:
        await self.close()
        self._lost = True

    async def close(self) -> None:
        """Ends it."""
        if self._stream is not None:
            await self._stream.close()
            self._stream = None
