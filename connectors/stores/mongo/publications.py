"""What each listing is to sell, and what its marketplace was told, in MongoDB."""

from collections.abc import Mapping, Sequence

from connectors.stores.coding import decoder
from connectors.stores.mirrored import OPEN, counts_of
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.documents import text
from connectors.stores.mongo.house import holds
from connectors.stores.mongo.session import Document, Session
from connectors.stores.rows import words
from resolvers.domain.publication import PublicationRecord
from resolvers.ports import Lease
from resolvers.publication_port import PublicationCounts

_OPEN = {"$in": [state.value for state in OPEN]}

_record = decoder(PublicationRecord)


def publication_doc(it: PublicationRecord) -> Document:
    """A record, with what it is found by."""
    return {
        "_id": words(it.backend, it.listing),
        "backend": it.backend,
        "state": it.state.value,
        "body": text(it),
    }


def publication_from(of: Document) -> PublicationRecord:
    """A record from its document."""
    return _record(of["body"])


class MongoPublications:
    """Answers the PublicationStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_publications(self, records: Sequence[PublicationRecord], lease: Lease) -> bool:
        """Writes records, over what stood there, while the lease is held."""

        async def work(session: Session) -> bool:
            if not await holds(session, lease):
                return False
            await session.put("publications", map(publication_doc, records))
            return True

        return await self._database.write(work)

    async def publications(
        self, keys: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], PublicationRecord]:
        """Records by (backend, listing); unknown ones are left out."""
        ids = list(dict.fromkeys(words(*key) for key in keys))

        async def work(session: Session) -> list[PublicationRecord]:
            found = session.among("publications", "_id", ids, fields=("_id", "body"))
            return [publication_from(of) async for of in found]

        return {(it.backend, it.listing): it for it in await self._database.plain(work)}

    async def open_publications(
        self, backend: str | None, after: tuple[str, str] | None, limit: int
    ) -> Sequence[PublicationRecord]:
        """Records that wait or have failed, by (backend, listing), after one."""
        query: Document = {"state": _OPEN}
        if backend is not None:
            query["backend"] = backend
        if after is not None:
            query["_id"] = {"$gt": words(*after)}
        found = await self._database.plain(
            lambda session: session.find("publications", query, order=(("_id", 1),), limit=limit)
        )
        return [publication_from(of) for of in found]

    async def publication_counts(self) -> Mapping[str, PublicationCounts]:
        """Counts by backend; those where all is told are left out."""
        of = {"_id": {"backend": "$backend", "state": "$state"}, "count": {"$sum": 1}}
        pipeline: list[Document] = [{"$match": {"state": _OPEN}}, {"$group": of}]
        found = await self._database.plain(
            lambda session: session.aggregate("publications", pipeline)
        )
        return counts_of((it["_id"]["backend"], it["_id"]["state"], it["count"]) for it in found)
