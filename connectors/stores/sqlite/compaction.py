"""Compaction in SQLite: the eldest batches of the journal become checkpoints, and what nobody asks
for any more goes.

Batches are folded whole and in order, so that what is left of a SKU follows on its checkpoint.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from connectors.stores.checkpoints import Head, fold_more, seal_of
from connectors.stores.coding import encode, micros, micros_or_none
from connectors.stores.sqlite.ledger import heads_of, read_entries
from resolvers.domain.limits import DAY, first_day, taken_by
from resolvers.domain.stock import StockEntry


class Fold:
    """The eldest batches of the journal, folded and not yet written: reading and reckoning hold
    nobody up, and writing is short.
    """

    def __init__(self, connection: sqlite3.Connection, before: datetime, limit: int) -> None:
        """Reads whole batches from before an instant, until about ``limit`` entries are in."""
        self.batches: list[int] = []
        self._entries: list[StockEntry] = []
        self.more = False
        sql = "SELECT batch, at, entries FROM journal ORDER BY batch"
        for batch, at, body in connection.execute(sql):
            if at >= micros(before):
                break
            if len(self._entries) >= limit:
                self.more = True
                break
            self.batches.append(batch)
            self._entries += read_entries(body)
        skus = {entry.sku for entry in self._entries}
        before_it = {head.sku: head for head in heads_of(connection, skus)}
        self._heads, self._counts = fold_more(before_it, self._entries)

    def write(self, connection: sqlite3.Connection) -> int:
        """Puts the checkpoints in the place of the entries; how many went. Nothing is done if
        another process was faster.
        """
        if not self.batches:
            return 0
        (eldest,) = connection.execute("SELECT min(batch) FROM journal").fetchone()
        if eldest != self.batches[0]:
            self.more = True
            return 0
        connection.execute(
            "DELETE FROM journal WHERE batch BETWEEN ? AND ?", (eldest, self.batches[-1])
        )
        connection.executemany(
            "DELETE FROM journal_places WHERE sku = ? AND location = ? AND batch BETWEEN ? AND ?",
            [
                (*place, eldest, self.batches[-1])
                for place in {(entry.sku, entry.location) for entry in self._entries}
            ],
        )
        write_heads(connection, [(seal_of(head), head) for head in self._heads.values()])
        changed = [
            (sku, *of, units) for sku, taken in self._counts.items() for of, units in taken.items()
        ]
        connection.executemany(
            "INSERT INTO checkpoint_counts VALUES (?, ?, ?, ?)"
            " ON CONFLICT (sku, kind, name) DO UPDATE SET units = units + excluded.units",
            changed,
        )
        spent = {(entry.sku, *of) for entry in self._entries for of, _ in taken_by(entry)}
        _drop_spent(connection, sorted(spent))
        return len(self._entries)


def write_heads(connection: sqlite3.Connection, sealed: Iterable[tuple[str, Head]]) -> None:
    """Writes checkpoints under their seals, whatever stood there."""
    connection.executemany(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)",
        [(head.sku, micros_or_none(head.at), seal, encode(head)) for seal, head in sealed],
    )


def _drop_spent(connection: sqlite3.Connection, counts: Sequence[tuple[str, str, str]]) -> None:
    """Counts that have come to nothing are the same as none."""
    for table in ("checkpoint_counts", "taken"):
        connection.executemany(
            f"DELETE FROM {table} WHERE sku = ? AND kind = ? AND name = ? AND units = 0", counts
        )


def drop_days(connection: sqlite3.Connection, before: datetime, limit: int) -> int:
    """Takes counts of days past out of checkpoints, and as many units out of the streams: what is
    given back of such a day later counts below zero, and is dropped in its turn.
    """
    rows = connection.execute(
        f"SELECT sku, name, units FROM checkpoint_counts WHERE kind = '{DAY}' AND name < ?"
        " ORDER BY name LIMIT ?",
        (first_day(before), limit),
    ).fetchall()
    connection.executemany(
        "INSERT INTO taken VALUES (?, ?, ?, ?)"
        " ON CONFLICT (sku, kind, name) DO UPDATE SET units = units + excluded.units",
        [(sku, DAY, name, -units) for sku, name, units in rows],
    )
    connection.executemany(
        "DELETE FROM checkpoint_counts WHERE sku = ? AND kind = ? AND name = ?",
        [(sku, DAY, name) for sku, name, _ in rows],
    )
    _drop_spent(connection, [(sku, DAY, name) for sku, name, _ in rows])
    return len(rows)


def drop_reservations(connection: sqlite3.Connection, before: datetime, limit: int) -> int:
    """Drops holds that ended without an order, unless a key still answers with one."""
    cursor = connection.execute(
        "DELETE FROM reservations WHERE id IN (SELECT id FROM reservations"
        " WHERE status IN ('RELEASED', 'EXPIRED') AND order_id IS NULL AND changed_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM keys WHERE answer = reservations.id)"
        " ORDER BY changed_at LIMIT ?)",
        (micros(before), limit),
    )
    return cursor.rowcount
