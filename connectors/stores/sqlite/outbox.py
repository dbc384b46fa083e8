"""Writes that backends wait for, in SQLite. They are made by the batch that decides them."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.stores.coding import decoder, encode, micros
from connectors.stores.indexing import ready_at
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.house import emit, holds
from connectors.stores.sqlite.questions import rows_for
from resolvers.domain.outbox import Write
from resolvers.ports import Lease

read_write = decoder(Write)


def insert_writes(connection: sqlite3.Connection, writes: Sequence[Write]) -> None:
    """Adds new writes; each gets the next sequence."""
    connection.executemany(
        "INSERT INTO writes (id, backend, subject, status, order_id, ready_at, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (w.id, w.backend, w.subject, w.status, w.order_id, micros(ready_at(w)), encode(w))
            for w in writes
        ],
    )


class SqliteOutbox:
    """Answers the OutboxStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due_writes(self, backend: str, now: datetime, limit: int) -> Sequence[Write]:
        """The eldest waiting write of each subject that may be tried now."""
        sql = (
            "SELECT sequence, body FROM writes AS own"
            " WHERE backend = ? AND status = 'WAITING' AND ready_at <= ? AND NOT EXISTS ("
            "  SELECT 1 FROM writes AS elder INDEXED BY writes_by_subject"
            "  WHERE elder.backend = own.backend AND elder.subject = own.subject"
            "  AND elder.status = 'WAITING' AND elder.sequence < own.sequence)"
            " ORDER BY sequence LIMIT ?"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (backend, micros(now), limit)).fetchall()
        )
        return [_numbered(sequence, body) for sequence, body in rows]

    async def save_write(self, write: Write, lease: Lease) -> bool:
        """Notes a try or its outcome."""

        def work(connection: sqlite3.Connection) -> bool:
            if not holds(connection, lease):
                return False
            cursor = connection.execute(
                "UPDATE writes SET status = ?, ready_at = ?, body = ? WHERE id = ?",
                (write.status, micros(ready_at(write)), encode(write), write.id),
            )
            assert cursor.rowcount == 1, "a write is made by the batch that decided it"
            if write.order_id is not None:
                emit(connection, "order", [write.order_id])
            return True

        return await self._database.write(work)

    async def writes_of(self, order_ids: Sequence[str]) -> Mapping[str, Sequence[Write]]:
        """Writes by order, each order's in the order they were made."""

        def work(connection: sqlite3.Connection) -> list[Write]:
            sql = "SELECT sequence, body FROM writes WHERE order_id IN"
            return [_numbered(*row) for row in rows_for(connection, sql, order_ids)]

        by_order: dict[str, list[Write]] = {}
        for write in sorted(await self._database.read(work), key=lambda write: write.sequence):
            assert write.order_id is not None
            by_order.setdefault(write.order_id, []).append(write)
        return by_order

    async def pending_writes(self, backend: str) -> int:
        """How many writes wait for a backend."""
        (count,) = await self._database.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM writes WHERE backend = ? AND status = 'WAITING'", (backend,)
            ).fetchone()
        )
        return int(count)


def _numbered(sequence: int, body: bytes) -> Write:
    return replace(read_write(body), sequence=sequence)
