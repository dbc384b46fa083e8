"""Streams, reservations, orders and keys in SQLite: the questions, and the door to a batch."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from connectors.stores.coding import micros
from connectors.stores.sqlite import ledger
from connectors.stores.sqlite.append import (
    PIN,
    POSITION,
    UNSEEN,
    append,
    known_for,
    pin_from,
    read_order,
    read_reservation,
    rules_of,
    unseen_from,
)
from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.known_streams import KnownStreams
from connectors.stores.sqlite.questions import Where, marks, rows_for
from resolvers.domain.books import Batch, Key, Known, Scope
from resolvers.domain.ledger import Account
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, Position, StockEntry, Stream, Unseen
from resolvers.filters import LevelFilter, OrderFilter
from resolvers.ports import Clock, EntryPlace

_READ_HERE_MAX = 10
"""Most streams that are read whole in the event loop: 100 of 12 places take 8 ms."""


class SqliteStock:
    """Answers the StockStore port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules = RuleBook()
        self._known = KnownStreams()

    async def transact(
        self, scope: Scope, keys: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        """Reads, decides and writes in one turn."""

        def work(connection: sqlite3.Connection) -> Batch:
            self._rules = rules_of(connection, self._rules)
            batch = decide(known_for(connection, scope, keys, clock(), self._rules))
            if not batch.empty:
                append(connection, batch)
            return batch

        return await self._database.write(work)

    async def streams(self, skus: Sequence[str], now: datetime) -> Mapping[str, Stream]:
        """Streams by SKU, of one moment."""
        known, all_of_them = self._known, len(skus)
        found = await self._database.look_at_once(
            lambda connection: known.read(connection, skus, now, _READ_HERE_MAX), all_of_them
        )
        if found is None:
            found = await self._database.read(
                lambda connection: known.read(connection, skus, now, all_of_them)
            )
        assert found is not None, "no more can be read than were asked for"
        return found

    async def levels(
        self, level_filter: LevelFilter, after: tuple[str, str] | None, limit: int
    ) -> Sequence[Position]:
        """Positions in order of (SKU, location)."""
        where = Where()
        where.among("location", level_filter.locations)
        where.among("sku", level_filter.skus)
        if level_filter.updated_since is not None:
            where.add("changed_at >= ?", micros(level_filter.updated_since))
        if level_filter.unpromised_max is not None:
            where.add("on_hand - soft - hard - elsewhere <= ?", level_filter.unpromised_max)
        if after is not None:
            where.add("(sku, location) > (?, ?)", *after)
        sql = f"SELECT {POSITION} FROM positions {where.sql} ORDER BY sku, location LIMIT ?"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (*where.values, limit)).fetchall()
        )
        return [Position(*row) for row in rows]

    async def entries(self, sku: str) -> Sequence[StockEntry]:
        """Every entry of a SKU since its checkpoint, oldest first."""
        return await self._database.read(lambda connection: ledger.entries_of(connection, sku))

    async def history(
        self, sku: str, location: str | None, before: EntryPlace | None, limit: int
    ) -> Sequence[tuple[EntryPlace, StockEntry]]:
        """Entries of a SKU since its checkpoint (at a location), the newest first."""
        return await self._database.read(
            lambda connection: ledger.history(connection, sku, location, before, limit)
        )

    async def folded_at(self, skus: Sequence[str]) -> Mapping[str, datetime]:
        """When the last entry was written that each SKU's checkpoint holds."""
        return await self._database.look(
            lambda connection: ledger.folded_at(connection, skus), len(skus)
        )

    async def skus(self, after: str | None, limit: int) -> Sequence[str]:
        """SKUs that have a history, in order."""
        sql = "SELECT sku FROM streams WHERE sku > ? ORDER BY sku LIMIT ?"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (after or "", limit)).fetchall()
        )
        return [sku for (sku,) in rows]

    async def accounts(self, skus: Sequence[str]) -> Mapping[str, Account]:
        """Streams as they are stored, beside what their entries fold to, of one moment."""
        return await self._database.read(lambda connection: ledger.accounts(connection, skus))

    async def pins(self, sku: str, location: str, after: str | None, limit: int) -> Sequence[Pin]:
        """Pins of a SKU at a location, in order of reservation."""
        sql = (
            f"SELECT {PIN} FROM pins"
            " WHERE sku = ? AND location = ? AND reservation > ? ORDER BY reservation LIMIT ?"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(
                sql, (sku, location, after or "", limit)
            ).fetchall()
        )
        return [pin_from(row) for row in rows]

    async def unseen(self, location: str) -> Sequence[Unseen]:
        """Movements that a location's system may not have counted yet, in order of id."""
        sql = f"SELECT {UNSEEN} FROM unseen WHERE location = ? ORDER BY id"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (location,)).fetchall()
        )
        return [unseen_from(row) for row in rows]

    async def reservations(
        self, ids: Sequence[str]
    ) -> Mapping[str, tuple[Reservation, Sequence[Pin]]]:
        """Reservations by id, with their pins."""

        def work(connection: sqlite3.Connection) -> dict[str, tuple[Reservation, Sequence[Pin]]]:
            pins: dict[str, list[Pin]] = {}
            for row in rows_for(connection, f"SELECT {PIN} FROM pins WHERE reservation IN", ids):
                pin = pin_from(row)
                pins.setdefault(pin.reservation, []).append(pin)
            sql = "SELECT id, body FROM reservations WHERE id IN"
            return {
                id: (
                    read_reservation(body),
                    sorted(pins.get(id, ()), key=lambda pin: (pin.sku, pin.location)),
                )
                for id, body in rows_for(connection, sql, ids)
            }

        return await self._database.look_at_once(work, len(ids))

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Holds whose time is over and that nobody has written down as expired, eldest first."""
        sql = (
            "SELECT body FROM reservations WHERE status = 'HELD' AND expires_at <= ?"
            " ORDER BY expires_at, id LIMIT ?"
        )
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (micros(now), limit)).fetchall()
        )
        return [read_reservation(body) for (body,) in rows]

    async def orders(self, ids: Sequence[str]) -> Mapping[str, Order]:
        """Orders by id."""
        return {order.id: order for order in await self._orders("id", ids)}

    async def orders_by_number(self, numbers: Sequence[str]) -> Mapping[str, Order]:
        """Orders by number."""
        return {order.number: order for order in await self._orders("number", numbers)}

    async def order_by_external(self, system: str, id: str) -> Order | None:
        """The order that another system knows under this id."""
        sql = (
            "SELECT body FROM order_externals JOIN orders ON orders.id = order_id"
            " WHERE system = ? AND external = ?"
        )
        row = await self._database.read(
            lambda connection: connection.execute(sql, (system, id)).fetchone()
        )
        return None if row is None else read_order(row[0])

    async def order_page(
        self,
        order_filter: OrderFilter,
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Order]:
        """Orders as they are at ``now``, newest first."""
        where = _order_where(order_filter, now)
        if after is not None:
            where.add("(placed_at, id) < (?, ?)", micros(after[0]), after[1])
        sql = f"SELECT body FROM orders {where.sql} ORDER BY placed_at DESC, id DESC LIMIT ?"
        rows = await self._database.read(
            lambda connection: connection.execute(sql, (*where.values, limit)).fetchall()
        )
        return [read_order(body).seen_at(now) for (body,) in rows]

    async def rules(self) -> RuleBook:
        """The rules that are set now."""

        def work(connection: sqlite3.Connection) -> RuleBook:
            self._rules = rules_of(connection, self._rules)
            return self._rules

        return await self._database.look_at_once(work)

    async def recorded_answer(self, key: Key) -> str | None:
        """What was decided under a key."""
        row = await self._database.look(
            lambda connection: connection.execute(
                "SELECT answer FROM keys WHERE key = ?", (key.id,)
            ).fetchone()
        )
        return None if row is None else str(row[0])

    async def _orders(self, column: str, values: Sequence[str]) -> list[Order]:
        sql = f"SELECT body FROM orders WHERE {column} IN"
        return await self._database.look(
            lambda connection: [read_order(body) for (body,) in rows_for(connection, sql, values)],
            len(values),
        )


def _order_where(order_filter: OrderFilter, now: datetime) -> Where:
    where = Where()
    if order_filter.updated_since is not None:
        where.add("updated_at >= ?", micros(order_filter.updated_since))
    if order_filter.placed_from is not None:
        where.add("placed_at >= ?", micros(order_filter.placed_from))
    if order_filter.placed_to is not None:
        where.add("placed_at < ?", micros(order_filter.placed_to))
    where.among("channel", order_filter.channels)
    if order_filter.statuses:
        where.add(
            "CASE WHEN status = 'PENDING' AND due_at <= ? THEN 'CANCELED' ELSE status END"
            f" IN ({marks(order_filter.statuses)})",
            micros(now),
            *order_filter.statuses,
        )
    if order_filter.member_id is not None:
        where.add("member = ?", order_filter.member_id)
    if order_filter.subject is not None:
        where.add("subject = ?", order_filter.subject)
    if order_filter.location is not None:
        where.add("location = ?", order_filter.location)
    return where
