"""What each listing is to sell, and what its marketplace was told, in SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence

from connectors.stores.coding import decoder, encode
from connectors.stores.mirrored import counts_of
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.house import holds
from connectors.stores.sqlite.questions import Where, insert, rows_for
from resolvers.domain.publication import PublicationRecord
from resolvers.ports import Lease
from resolvers.publication_port import PublicationCounts

PUBLICATION = "backend, listing, state"
"""What a record is found by."""

_OPEN = "state IN ('WAITING', 'FAILED')"

read_publication = decoder(PublicationRecord)


def publication_key(it: PublicationRecord) -> tuple[object, ...]:
    """What a record is found by."""
    return it.backend, it.listing, it.state.value


def write_publications(
    connection: sqlite3.Connection, records: Sequence[PublicationRecord]
) -> None:
    """Writes records, whatever stood there."""
    rows = [(*publication_key(it), encode(it)) for it in records]
    insert(connection, f"INSERT OR REPLACE INTO publications ({PUBLICATION}, body)", rows)


class SqlitePublications:
    """Answers the PublicationStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_publications(self, records: Sequence[PublicationRecord], lease: Lease) -> bool:
        """Writes records, over what stood there, while the lease is held."""

        def work(connection: sqlite3.Connection) -> bool:
            if not holds(connection, lease):
                return False
            write_publications(connection, records)
            return True

        return await self._database.write(work)

    async def publications(
        self, keys: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], PublicationRecord]:
        """Records by (backend, listing); unknown ones are left out."""
        ids: dict[str, list[str]] = {}
        for backend, listing in keys:
            ids.setdefault(backend, []).append(listing)
        sql = "SELECT body FROM publications WHERE backend = ? AND listing IN"

        def work(connection: sqlite3.Connection) -> list[bytes]:
            return [
                body
                for backend, listings in ids.items()
                for (body,) in rows_for(connection, sql, listings, backend)
            ]

        found = [read_publication(body) for body in await self._database.read(work)]
        return {(it.backend, it.listing): it for it in found}

    async def open_publications(
        self, backend: str | None, after: tuple[str, str] | None, limit: int
    ) -> Sequence[PublicationRecord]:
        """Records that wait or have failed, by (backend, listing), after one."""
        where = Where()
        where.add(_OPEN)
        if backend is not None:
            where.add("backend = ?", backend)
        if after is not None:
            where.add("(backend, listing) > (?, ?)", *after)
        sql = f"SELECT body FROM publications {where.sql} ORDER BY backend, listing LIMIT ?"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (*where.values, limit)).fetchall()
        )
        return [read_publication(body) for (body,) in rows]

    async def publication_counts(self) -> Mapping[str, PublicationCounts]:
        """Counts by backend; those where all is told are left out."""
        sql = (
            "SELECT backend, state, COUNT(*) FROM publications INDEXED BY publications_open"
            f" WHERE {_OPEN} GROUP BY backend, state"
        )
        rows = await self._database.read(lambda connection: connection.execute(sql).fetchall())
        return counts_of(rows)
