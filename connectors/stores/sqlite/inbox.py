"""Messages of backends in SQLite. Their bodies stand apart from the rest: bytes, as they came."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from connectors.stores.coding import decoder, encode, micros
from connectors.stores.mirrored import due_at, replayed
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.questions import Where, insert
from resolvers.domain.inbox import Message, MessageStatus

MESSAGE = "id, backend, dedupe_key, status, ready_at, received_at"
"""What messages are found by."""

_REPLAYED_AT_ONCE = 500
"""Most messages of one transaction: while it runs, stock commands wait."""

_read_rest = decoder(Message)

_Replayed = tuple[int, str | None]


def message_from(rest: bytes, body: bytes) -> Message:
    """A message from its row."""
    return replace(_read_rest(rest), body=body)


def message_key(it: Message) -> tuple[object, ...]:
    """What a message is found by."""
    at = micros(it.received_at)
    return it.id, it.backend, it.dedupe_key, it.status.value, micros(due_at(it)), at


def write_messages(connection: sqlite3.Connection, messages: Sequence[Message]) -> None:
    """Writes messages, whatever stood there."""
    _insert(connection, "OR REPLACE", messages)


def _insert(connection: sqlite3.Connection, how: str, messages: Sequence[Message]) -> int:
    into = f"INSERT {how} INTO messages ({MESSAGE}, rest, body)"
    return insert(connection, into, [(*message_key(it), _rest(it), it.body) for it in messages])


def _rest(message: Message) -> bytes:
    return encode(replace(message, body=b""))


class SqliteInbox:
    """Answers the InboxStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, messages: Sequence[Message]) -> int:
        """Keeps messages in one transaction; those whose (backend, dedupe key) is known are left
        out.
        """
        return await self._database.write(partial(_insert, how="OR IGNORE", messages=messages))

    async def due_messages(self, backend: str, now: datetime, limit: int) -> Sequence[Message]:
        """Waiting messages that may be tried now, in the order they came."""
        sql = (
            "SELECT rest, body FROM messages"
            " WHERE backend = ? AND status = 'WAITING' AND ready_at <= ?"
            " ORDER BY received_at, id LIMIT ?"
        )
        return await self._found(sql, (backend, micros(now), limit))

    async def settle(self, messages: Sequence[Message]) -> None:
        """Writes what became of messages. The body of one that is DONE is dropped."""
        sql = (
            "UPDATE messages SET status = ?, ready_at = ?, rest = ?, body = iif(?, x'', body)"
            " WHERE id = ?"
        )
        rows = [
            (it.status, micros(due_at(it)), _rest(it), it.status is MessageStatus.DONE, it.id)
            for it in messages
        ]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(sql, rows)

        await self._database.write(work)

    async def parked(self, backend: str | None, after: str | None, limit: int) -> Sequence[Message]:
        """Parked messages in order of id, after one."""
        where = _parked(backend)
        if after is not None:
            where.add("id > ?", after)
        sql = f"SELECT rest, body FROM messages {where.sql} ORDER BY id LIMIT ?"
        return await self._found(sql, (*where.values, limit))

    async def parked_counts(self) -> Mapping[str, int]:
        """How many messages are parked, by backend."""
        sql = "SELECT backend, count(*) FROM messages WHERE status = 'PARKED' GROUP BY backend"
        return await self._database.read(
            lambda connection: dict(connection.execute(sql).fetchall())
        )

    async def replay(self, backend: str | None, ids: Sequence[str] | None, now: datetime) -> int:
        """Makes parked messages wait again, some at a time; one that is parked anew meanwhile stays
        so.
        """
        total = 0
        for lot in [None] if ids is None else _lots(ids):
            after: str | None = ""
            while after is not None:
                work = partial(_replay, backend=backend, ids=lot, after=after, now=now)
                count, after = await self._database.write(work)
                total += count
        return total

    async def trim_messages(self, before: datetime, limit: int) -> int:
        """Drops messages that were DONE before an instant, the eldest first."""
        sql = (
            "DELETE FROM messages WHERE id IN (SELECT id FROM messages"
            " WHERE status = 'DONE' AND received_at < ? ORDER BY received_at, id LIMIT ?)"
        )
        return await self._database.write(
            lambda connection: connection.execute(sql, (micros(before), limit)).rowcount
        )

    async def _found(self, sql: str, values: Sequence[object]) -> Sequence[Message]:
        rows = await self._database.read(
            lambda connection: connection.execute(sql, values).fetchall()
        )
        return [message_from(*row) for row in rows]


def _lots(ids: Sequence[str]) -> list[list[str]]:
    named = sorted(set(ids))
    starts = range(0, len(named), _REPLAYED_AT_ONCE)
    return [named[start : start + _REPLAYED_AT_ONCE] for start in starts]


def _parked(backend: str | None) -> Where:
    where = Where()
    where.add("status = 'PARKED'")
    if backend is not None:
        where.add("backend = ?", backend)
    return where


def _replay(
    connection: sqlite3.Connection,
    *,
    backend: str | None,
    ids: Sequence[str] | None,
    after: str,
    now: datetime,
) -> _Replayed:
    """Makes some messages wait again; how many, and the id of the last if there may be more."""
    where = _parked(backend)
    where.add("id > ?", after)
    where.among("id", ids or ())
    sql = f"SELECT id, rest FROM messages {where.sql} ORDER BY id LIMIT ?"
    rows = connection.execute(sql, (*where.values, _REPLAYED_AT_ONCE)).fetchall()
    waiting = [replayed(_read_rest(rest), now) for _, rest in rows]
    connection.executemany(
        "UPDATE messages SET status = ?, ready_at = ?, rest = ? WHERE id = ?",
        [(it.status, micros(due_at(it)), encode(it), it.id) for it in waiting],
    )
    return len(rows), rows[-1][0] if len(rows) == _REPLAYED_AT_ONCE else None
