"""Keys of partners, records of deeds and uses of fields in SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import date, datetime

from connectors.stores.coding import decoder, encode, instant, micros
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.questions import Where, insert
from resolvers.domain.callers import ApiKey, AuditRecord, Deed, Use
from resolvers.filters import AuditFilter

AUDIT = "at, id, subject, role, action, key, result, target, codes, client, request_id"

read_api_key = decoder(ApiKey)

_AuditRow = tuple[
    int,
    str,
    str,
    str,
    str,
    str | None,
    str,
    str | None,
    str,
    str | None,
    str | None,
]


def audit_from(row: _AuditRow) -> AuditRecord:
    """A record from its row."""
    at, id, subject, role, action, key, result, target, codes, client, request_id = row
    told = tuple(codes.split())
    return AuditRecord(
        id, instant(at), subject, role, action, key, Deed(result), target, told, client, request_id
    )


def _audit_row(it: AuditRecord) -> _AuditRow:
    return (
        micros(it.at),
        it.id,
        it.subject,
        it.role,
        it.action,
        it.key,
        it.result,
        it.target,
        " ".join(it.codes),
        it.client,
        it.request_id,
    )


def append_audit(connection: sqlite3.Connection, records: Sequence[AuditRecord]) -> None:
    """Writes records, whatever stood there."""
    insert(connection, "INSERT OR REPLACE INTO audit", [_audit_row(it) for it in records])


def write_api_keys(connection: sqlite3.Connection, keys: Sequence[ApiKey]) -> None:
    """Writes keys, whatever stood there."""
    connection.executemany(
        "INSERT OR REPLACE INTO api_keys VALUES (?, ?)", [(it.id, encode(it)) for it in keys]
    )


class SqliteCallers:
    """Answers the CallerStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_api_key(self, key: ApiKey) -> None:
        """Writes a key, over one of the same id."""
        await self._database.write(lambda connection: write_api_keys(connection, [key]))

    async def api_keys(self) -> Sequence[ApiKey]:
        """Every key, in order of (partner, created_at, id)."""
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT body FROM api_keys").fetchall()
        )
        keys = [read_api_key(body) for (body,) in rows]
        return sorted(keys, key=lambda key: (key.partner, key.created_at, key.id))

    async def record_audit(self, records: Sequence[AuditRecord]) -> None:
        """Keeps records; one that is there already is left as it is."""

        def work(connection: sqlite3.Connection) -> None:
            insert(connection, "INSERT OR IGNORE INTO audit", [_audit_row(it) for it in records])

        await self._database.write(work)

    async def audit_page(
        self, audit_filter: AuditFilter, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[AuditRecord]:
        """Records, newest first by (at, id), after a given one."""
        where = _audit_where(audit_filter)
        if after is not None:
            where.add("(at, id) < (?, ?)", micros(after[0]), after[1])
        sql = f"SELECT {AUDIT} FROM audit {where.sql} ORDER BY at DESC, id DESC LIMIT ?"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (*where.values, limit)).fetchall()
        )
        return [audit_from(row) for row in rows]

    async def trim_audit(self, before: datetime, limit: int) -> int:
        """Drops records from before an instant, the eldest first."""

        def work(connection: sqlite3.Connection) -> int:
            cursor = connection.execute(
                "DELETE FROM audit WHERE (at, id) IN"
                " (SELECT at, id FROM audit WHERE at < ? ORDER BY at, id LIMIT ?)",
                (micros(before), limit),
            )
            return cursor.rowcount

        return await self._database.write(work)

    async def add_uses(self, uses: Sequence[Use]) -> None:
        """Adds to the counts of (day, client, field)."""

        def work(connection: sqlite3.Connection) -> None:
            insert(
                connection,
                "INSERT OR FAIL INTO uses",
                [(it.field, it.client, it.day.isoformat(), it.count) for it in uses],
                "ON CONFLICT (field, client, day) DO UPDATE SET count = count + excluded.count",
            )

        await self._database.write(work)

    async def uses(self, since: date) -> Sequence[Use]:
        """Counts from a day on, in order of (field, client, day)."""
        sql = (
            "SELECT day, client, field, count FROM uses WHERE day >= ? ORDER BY field, client, day"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (since.isoformat(),)).fetchall()
        )
        return [Use(date.fromisoformat(day), *of) for day, *of in rows]


def _audit_where(asked: AuditFilter) -> Where:
    """The conditions of a filter. One index is left to be walked in order: that of the subject, of
    the only action, or of time. A plus keeps SQLite from gathering and sorting by another.
    """
    where = Where()
    if asked.subject is not None:
        where.add("subject = ?", asked.subject)
    alone = asked.subject is None and len(asked.actions) == 1
    where.among("action" if alone else "+action", asked.actions)
    where.among("+result", asked.results)
    if asked.key is not None:
        where.add("+key = ?", asked.key)
    if asked.target is not None:
        where.add("+target = ?", asked.target)
    if asked.since is not None:
        where.add("at >= ?", micros(asked.since))
    if asked.until is not None:
        where.add("at < ?", micros(asked.until))
    return where
