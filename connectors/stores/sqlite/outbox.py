"""Writes that backends wait for, in SQLite. They are made by the batch that decides them."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from connectors.stores.coding import decoder, encode, micros
from connectors.stores.indexing import ready_at
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.house import emit, holds
from connectors.stores.sqlite.questions import Where, rows_for
from resolvers.domain.outbox import (
    Write,
    WriteStatus,
    can_be_reopened,
    can_be_replayed,
    revived,
)
from resolvers.ports import Lease

read_write = decoder(Write)

_REPLAYED_AT_ONCE = 200
"""Most writes of one transaction: while it runs, stock commands wait."""


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
            _update(connection, write)
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

    async def write(self, id: str) -> Write | None:
        """One write, however far it has come."""
        return await self._database.read(partial(_write, id=id))

    async def dead_writes(self, backend: str | None, after: int, limit: int) -> Sequence[Write]:
        """Failed writes in order of sequence, after one."""
        return await self._database.read(
            partial(_dead, backend=backend, ids=(), after=after, limit=limit)
        )

    async def dead_counts(self) -> Mapping[str, int]:
        """How many writes are failed, by backend."""
        sql = "SELECT backend, count(*) FROM writes WHERE status = 'FAILED' GROUP BY backend"
        return await self._database.read(
            lambda connection: dict(connection.execute(sql).fetchall())
        )

    async def replay_writes(self, backend: str | None, ids: Sequence[str] | None) -> int:
        """Makes failed writes wait again, some at a time, but those that need a person's word."""
        named = None if ids is None else sorted(set(ids))
        if named == []:
            return 0
        total = 0
        for lot in [[]] if named is None else _lots(named):
            after: int | None = 0
            while after is not None:
                work = partial(_replay, backend=backend, ids=lot, after=after)
                count, after = await self._database.write(work)
                total += count
        return total

    async def rule_on_write(self, write: Write) -> bool:
        """Notes what a person said of a failed write."""

        def work(connection: sqlite3.Connection) -> bool:
            before = _write(connection, id=write.id)
            if before is None or before.status is not WriteStatus.FAILED:
                return False
            if before.attempts != write.attempts:
                return False
            _update(connection, write)
            return True

        return await self._database.write(work)

    async def reopen_write(self, write: Write) -> bool:
        """Has a write that was done wait again."""

        def work(connection: sqlite3.Connection) -> bool:
            before = _write(connection, id=write.id)
            if before is None or not can_be_reopened(before, write):
                return False
            _update(connection, write)
            return True

        return await self._database.write(work)


def _update(connection: sqlite3.Connection, write: Write) -> None:
    cursor = connection.execute(
        "UPDATE writes SET status = ?, ready_at = ?, body = ? WHERE id = ?",
        (write.status, micros(ready_at(write)), encode(write), write.id),
    )
    assert cursor.rowcount == 1, "a write is made by the batch that decided it"
    if write.order_id is not None:
        emit(connection, "order", [write.order_id])


def _write(connection: sqlite3.Connection, *, id: str) -> Write | None:
    sql = "SELECT sequence, body FROM writes WHERE id = ?"
    row = connection.execute(sql, (id,)).fetchone()
    return None if row is None else _numbered(*row)


def _dead(
    connection: sqlite3.Connection,
    *,
    backend: str | None,
    ids: Sequence[str],
    after: int,
    limit: int,
) -> list[Write]:
    where = Where()
    where.add("status = 'FAILED'")
    if backend is not None:
        where.add("backend = ?", backend)
    where.add("sequence > ?", after)
    where.among("id", ids)
    sql = f"SELECT sequence, body FROM writes {where.sql} ORDER BY sequence LIMIT ?"
    return [_numbered(*row) for row in connection.execute(sql, (*where.values, limit))]


def _replay(
    connection: sqlite3.Connection, *, backend: str | None, ids: Sequence[str], after: int
) -> tuple[int, int | None]:
    """Makes some writes wait again; how many, and the last looked at if there may be more."""
    found = _dead(connection, backend=backend, ids=ids, after=after, limit=_REPLAYED_AT_ONCE)
    waiting = [revived(write) for write in found if can_be_replayed(write)]
    for write in waiting:
        _update(connection, write)
    return len(waiting), found[-1].sequence if len(found) == _REPLAYED_AT_ONCE else None


def _lots(ids: Sequence[str]) -> list[Sequence[str]]:
    starts = range(0, len(ids), _REPLAYED_AT_ONCE)
    return [ids[start : start + _REPLAYED_AT_ONCE] for start in starts]


def _numbered(sequence: int, body: bytes) -> Write:
    return replace(read_write(body), sequence=sequence)
