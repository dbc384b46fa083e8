"""Feeds, leases and the tail of changes in SQLite, and the tidying of what is old."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from connectors.stores.coding import OTHERS_KEPT, decoder, encode, micros, remembering
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.questions import insert
from resolvers.domain.feeds import Feed
from resolvers.ports import Event, Lease

read_feed = decoder(Feed)
_feed = remembering(read_feed, OTHERS_KEPT)

_NOBODY = ""  # the owner of a lease that was given back; its fence stays, to grow on


def emit(connection: sqlite3.Connection, topic: str, keys: Iterable[str]) -> None:
    """Notes that things changed, for whoever follows the events."""
    insert(connection, "INSERT OR FAIL INTO events (topic, key)", [(topic, key) for key in keys])


def write_feeds(connection: sqlite3.Connection, feeds: Sequence[Feed]) -> None:
    """Writes feeds, whatever stood there."""
    connection.executemany("INSERT OR REPLACE INTO feeds VALUES (?, ?, ?, ?, ?)", _rows(feeds))


def holds(connection: sqlite3.Connection, lease: Lease) -> bool:
    """Says whether nobody has taken a lease over, nor its owner given it back."""
    row = connection.execute(
        "SELECT 1 FROM leases WHERE name = ? AND owner = ? AND fence = ?",
        (lease.name, lease.owner, lease.fence),
    ).fetchone()
    return row is not None


class SqliteHouse:
    """Answers the HouseStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feeds = 1

    async def feeds(self) -> Sequence[Feed]:
        """Every feed, in order of its key."""
        rows = await self._database.look(
            lambda connection: connection.execute(
                "SELECT body FROM feeds ORDER BY backend, entity, location"
            ).fetchall(),
            self._feeds,
        )
        self._feeds = len(rows)  # so many are to be expected next time
        return [_feed(body) for (body,) in rows]

    async def save_feeds(self, feeds: Sequence[Feed]) -> None:
        """Writes feeds, but none over one whose watermark is later."""
        sql = (
            "INSERT INTO feeds VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET watermark = excluded.watermark, body = excluded.body"
            " WHERE watermark <= excluded.watermark"
        )

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(sql, _rows(feeds))

        await self._database.write(work)

    async def lease(self, name: str, owner: str, seconds: float, now: datetime) -> Lease | None:
        """Takes or renews a lease."""
        assert owner != _NOBODY
        until = now + timedelta(seconds=seconds)

        def work(connection: sqlite3.Connection) -> Lease | None:
            row = connection.execute(
                "SELECT owner, until, fence FROM leases WHERE name = ?", (name,)
            ).fetchone()
            holder, ends, fence = row or (_NOBODY, 0, 0)
            if holder != owner:
                if holder != _NOBODY and ends > micros(now):
                    return None
                fence += 1
            connection.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
                (name, owner, micros(until), fence),
            )
            return Lease(name, owner, until, fence)

        return await self._database.write(work)

    async def release_lease(self, lease: Lease) -> None:
        """Gives a lease back."""

        def work(connection: sqlite3.Connection) -> None:
            if holds(connection, lease):
                connection.execute(
                    "UPDATE leases SET owner = ? WHERE name = ?", (_NOBODY, lease.name)
                )

        await self._database.write(work)

    async def last_event(self) -> int:
        """The sequence of the newest event."""
        (newest,) = await self._database.look(
            lambda connection: connection.execute("SELECT max(sequence) FROM events").fetchone()
        )
        return newest or 0

    async def events(self, after: int, limit: int) -> Sequence[Event]:
        """Events after a sequence, eldest first."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT sequence, topic, key FROM events WHERE sequence > ?"
                " ORDER BY sequence LIMIT ?",
                (after, limit),
            ).fetchall()
        )
        return [Event(*row) for row in rows]

    async def trim(self, keys_before: datetime, events_keep: int, limit: int) -> int:
        """Drops old keys and events, the eldest first."""

        def work(connection: sqlite3.Connection) -> int:
            keys = connection.execute(
                # They are numbered as they came, so the eldest are first.
                "DELETE FROM keys WHERE number IN"
                " (SELECT number FROM (SELECT number, at FROM keys ORDER BY number LIMIT ?)"
                " WHERE at < ?)",
                (limit, micros(keys_before)),
            )
            # One writer numbers the events without gaps, so the newest N are a range.
            events = connection.execute(
                "DELETE FROM events WHERE sequence IN (SELECT sequence FROM events WHERE"
                " sequence <= (SELECT max(sequence) FROM events) - ? ORDER BY sequence LIMIT ?)",
                (events_keep, limit),
            )
            return keys.rowcount + events.rowcount

        return await self._database.write(work)


def _rows(feeds: Sequence[Feed]) -> list[tuple[str, str, str, int, bytes]]:
    return [(*feed.key, feed.watermark, encode(feed)) for feed in feeds]
