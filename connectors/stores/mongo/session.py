"""What is asked of MongoDB and written to it, in its own words: the questions' small vocabulary.

The driver comes in from outside; it is not imported here.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Document = dict[str, Any]
Query = Mapping[str, Any]
Order = Sequence[tuple[str, int]]

DUPLICATE = 11000
"""MongoDB's code of an id, or another unique thing, that is there already."""

_WRITTEN_AT_ONCE = 500
_BYTES_AT_ONCE = 12 << 20
"""Most documents of one command, so that a slow server has done it before it is taken for lost, and
most bytes; no command may have more than 16 MiB."""

_ASKED_AT_ONCE = 200
"""Most values that one question names: a server may compare each document with all of them."""


class Moved(Exception):
    """What a transaction had read is not so any more: it is to be done again.

    It says what stood there already, if something did.
    """


class WriteRefused(Exception):
    """The server did not take a document: a bug of ours."""


class Session:
    """Asks and writes, in one transaction, at one moment, or neither."""

    def __init__(
        self, database: Any, session: object | None, bytes_of: Callable[[Document], int]
    ) -> None:
        """``bytes_of`` says how much a document takes on its way to the server."""
        self._database = database
        self._session = session
        self._bytes_of = bytes_of

    async def find(
        self,
        collection: str,
        query: Query,
        *,
        fields: Sequence[str] | None = None,
        order: Order | None = None,
        limit: int = 0,
    ) -> list[Document]:
        """Documents that match, in an order; 0 means every one of them."""
        cursor = self._database[collection].find(
            query,
            None if fields is None else list(fields),
            sort=None if order is None else list(order),
            limit=limit,
            session=self._session,
        )
        found: list[Document] = await cursor.to_list(None)
        return found

    async def one(self, collection: str, query: Query) -> Document | None:
        """A document that matches, or None."""
        found: Document | None = await self._database[collection].find_one(
            query, session=self._session
        )
        return found

    async def each(
        self,
        collection: str,
        query: Query,
        *,
        fields: Sequence[str] | None = None,
        order: Order | None = None,
    ) -> AsyncGenerator[Document, None]:
        """Documents that match, a few at a time, however many there are."""
        cursor = self._database[collection].find(
            query,
            None if fields is None else list(fields),
            sort=None if order is None else list(order),
            session=self._session,
        )
        try:
            async for document in cursor:
                yield document
        finally:
            await cursor.close()

    async def among(
        self,
        collection: str,
        field: str,
        values: Sequence[object],
        query: Query | None = None,
        *,
        fields: Sequence[str] | None = None,
        order: Order | None = None,
    ) -> AsyncGenerator[Document, None]:
        """Documents that have one of many values in a field, asked for by some values at a time;
        each time in an order. One whose field is a list may come several times.
        """
        for at in range(0, len(values), _ASKED_AT_ONCE):
            asked = {**(query or {}), field: {"$in": list(values[at : at + _ASKED_AT_ONCE])}}
            async for document in self.each(collection, asked, fields=fields, order=order):
                yield document

    async def aggregate(self, collection: str, pipeline: Sequence[Query]) -> list[Document]:
        """What a pipeline answers."""
        cursor = self._database[collection].aggregate(list(pipeline), session=self._session)
        found: list[Document] = await cursor.to_list(None)
        return found

    async def count(self, collection: str, query: Query) -> int:
        """How many documents match."""
        return int(await self._database[collection].count_documents(query, session=self._session))

    async def insert(self, collection: str, documents: Sequence[Document]) -> None:
        """Adds documents; one whose id is there already makes the transaction begin anew."""
        await self._write("insert", collection, "documents", documents)

    async def put(
        self, collection: str, documents: Iterable[Document], by: Sequence[str] = ("_id",)
    ) -> None:
        """Writes documents by id, whatever stood there. ``by`` names also what a cluster may be
        sharded by, which never changes.
        """
        await self.update(
            collection,
            [({name: of[name] for name in by}, of) for of in documents],
            upsert=True,
        )

    async def update(
        self,
        collection: str,
        changes: Sequence[tuple[Query, Query | Sequence[Query]]],
        *,
        upsert: bool = False,
    ) -> int:
        """Changes the document of each query, if there is one or ``upsert``; how many there were or
        are now.
        """
        updates = [{"q": query, "u": change, "upsert": upsert} for query, change in changes]
        return await self._write("update", collection, "updates", updates)

    async def guard(self, collection: str, changes: Sequence[tuple[Query, Query]]) -> None:
        """Changes the document of every query; the transaction begins anew if one has moved on."""
        if changes and await self.update(collection, changes) != len(changes):
            raise Moved

    async def delete(self, collection: str, queries: Sequence[Query]) -> int:
        """Drops everything that matches one of the queries; how many went."""
        deletes = [{"q": query, "limit": 0} for query in queries]
        return await self._write("delete", collection, "deletes", deletes)

    async def _write(
        self, verb: str, collection: str, field: str, statements: Sequence[Document]
    ) -> int:
        """Sends statements in as few commands as may be; how many documents they met."""
        assert self._session is not None, "writes belong in a transaction"
        if not statements:
            return 0
        met = 0
        for part in self._parts(statements):
            reply: Document = await self._database.command(
                verb, collection, **{field: part}, session=self._session
            )
            for error in reply.get("writeErrors", ()):
                if error["code"] == DUPLICATE:
                    raise Moved(error["errmsg"])
                raise WriteRefused(f"{error['code']}: {error['errmsg']}")
            met += reply["n"]
        return met

    def _parts(self, statements: Sequence[Document]) -> Iterator[Sequence[Document]]:
        """Halves and halves of them, until each goes into a command."""
        count = len(statements)
        fits = count <= _WRITTEN_AT_ONCE and self._bytes_of({"": statements}) <= _BYTES_AT_ONCE
        if fits or count == 1:  # one that is too large for any command is refused
            yield statements
            return
        yield from self._parts(statements[: count // 2])
        yield from self._parts(statements[count // 2 :])
