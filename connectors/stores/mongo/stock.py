"""Streams, reservations, orders and keys in MongoDB: the questions, and the door to a batch."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from connectors.stores.coding import micros
from connectors.stores.mongo import ledger
from connectors.stores.mongo.append import Numbers, append, known_for, rules_of, streams_of
from connectors.stores.mongo.client import Database
from connectors.stores.mongo.clock import ClusterClock
from connectors.stores.mongo.documents import (
    order_from,
    pin_from,
    position_from,
    reservation_from,
    unseen_from,
)
from connectors.stores.mongo.session import Document, Session
from connectors.stores.mongo.turns import Turns
from connectors.stores.rows import words
from resolvers.domain.books import Batch, Key, Known, Scope
from resolvers.domain.ledger import Account
from resolvers.domain.orders import Order, OrderStatus
from resolvers.domain.reservation import Reservation
from resolvers.domain.rules import RuleBook
from resolvers.domain.stock import Pin, Position, StockEntry, Stream, Unseen
from resolvers.filters import LevelFilter, OrderFilter
from resolvers.ports import Clock, EntryPlace

_BY_ID = (("_id", 1),)


class MongoStock:
    """Answers the StockStore port."""

    def __init__(self, database: Database, clock: ClusterClock, turns: Turns) -> None:
        self._database = database
        self._clock = clock
        self._turns = turns
        self._numbers = Numbers()
        self._rules = RuleBook()

    async def transact(
        self, scope: Scope, keys: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        """Reads, decides and writes in one transaction; after it was beaten, in its turn."""
        offset = await self._clock.offset()
        versions: dict[str, int] = {}
        rules = self._rules
        again = False

        async def work(session: Session) -> Batch:
            nonlocal rules, again
            rules = await rules_of(session, self._rules)
            seen = await known_for(session, scope, keys, clock() + offset, rules)
            versions.clear()
            versions.update({sku: stream.version for sku, stream in seen.known.streams.items()})
            batch = decide(seen.known)
            if not batch.empty:
                tried, again = again, True
                await append(session, self._numbers, seen, batch, again=tried)
            return batch

        async with self._turns.turn(scope.skus) as turn:

            async def beaten() -> None:
                await turn.take(await self._moved(scope, versions))

            batch = await self._database.write(work, beaten)
        self._rules = rules  # what is not committed may turn out never to have been
        return batch

    async def _moved(self, scope: Scope, versions: Mapping[str, int]) -> list[str]:
        """The streams that have been written since they were seen."""
        found = await self._database.plain(
            lambda session: session.find(
                "streams", {"_id": {"$in": sorted(scope.skus)}}, fields=("version",)
            )
        )
        return [of["_id"] for of in found if of["version"] != versions.get(of["_id"], 0)]

    async def streams(self, skus: Sequence[str], now: datetime) -> Mapping[str, Stream]:
        """Streams by SKU, of one moment."""
        scope = Scope(frozenset(skus))

        async def work(session: Session) -> Mapping[str, Stream]:
            _, streams, _ = await streams_of(session, scope, now)
            return streams

        return await self._database.read(work)

    async def levels(
        self, level_filter: LevelFilter, after: tuple[str, str] | None, limit: int
    ) -> Sequence[Position]:
        """Positions in order of (SKU, location)."""
        pipeline = _levels(level_filter, after, limit)
        found = await self._database.plain(lambda session: session.aggregate("streams", pipeline))
        return [position_from(of["_id"], of["positions"]) for of in found]

    async def entries(self, sku: str) -> Sequence[StockEntry]:
        """Every entry of a SKU since its checkpoint, oldest first."""
        return await self._database.read(lambda session: ledger.entries_of(session, sku))

    async def history(
        self, sku: str, location: str | None, before: EntryPlace | None, limit: int
    ) -> Sequence[tuple[EntryPlace, StockEntry]]:
        """Entries of a SKU since its checkpoint (at a location), the newest first."""
        return await self._database.read(
            lambda session: ledger.history(session, sku, location, before, limit)
        )

    async def folded_at(self, skus: Sequence[str]) -> Mapping[str, datetime]:
        """When the last entry was written that each SKU's checkpoint holds."""
        return await self._database.plain(lambda session: ledger.folded_at(session, skus))

    async def skus(self, after: str | None, limit: int) -> Sequence[str]:
        """SKUs that have a history, in order."""
        asked = {"_id": {"$gt": after or ""}}
        found = await self._database.plain(
            lambda session: session.find(
                "streams", asked, fields=("_id",), order=_BY_ID, limit=limit
            )
        )
        return [of["_id"] for of in found]

    async def accounts(self, skus: Sequence[str]) -> Mapping[str, Account]:
        """Streams as they are stored, beside what their entries fold to, of one moment."""
        return await self._database.read(lambda session: ledger.accounts(session, skus))

    async def pins(self, sku: str, location: str, after: str | None, limit: int) -> Sequence[Pin]:
        """Pins of a SKU at a location, in order of reservation."""
        asked = {"sku": sku, "location": location, "reservation": {"$gt": after or ""}}
        found = await self._database.plain(
            lambda session: session.find("pins", asked, order=(("reservation", 1),), limit=limit)
        )
        return [pin_from(of) for of in found]

    async def unseen(self, location: str) -> Sequence[Unseen]:
        """Movements that a location's system may not have counted yet, in order of id."""
        found = await self._database.plain(
            lambda session: session.find("unseen", {"location": location}, order=_BY_ID)
        )
        return [unseen_from(of) for of in found]

    async def reservations(
        self, ids: Sequence[str]
    ) -> Mapping[str, tuple[Reservation, Sequence[Pin]]]:
        """Reservations by id, with their pins."""

        async def work(session: Session) -> tuple[list[Document], list[Document]]:
            asked = {"$in": list(ids)}
            return (
                await session.find("reservations", {"_id": asked}),
                await session.find(
                    "pins", {"reservation": asked}, order=(("sku", 1), ("location", 1))
                ),
            )

        reservations, of_them = await self._database.read(work)
        pins: dict[str, list[Pin]] = {}
        for of in of_them:
            pins.setdefault(of["reservation"], []).append(pin_from(of))
        return {of["_id"]: (reservation_from(of), pins.get(of["_id"], [])) for of in reservations}

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Holds whose time is over and that nobody has written down as expired, eldest first."""
        asked = {"due": {"$lte": micros(now)}}
        found = await self._database.plain(
            lambda session: session.find(
                "reservations", asked, order=(("due", 1), ("_id", 1)), limit=limit
            )
        )
        return [reservation_from(of) for of in found]

    async def orders(self, ids: Sequence[str]) -> Mapping[str, Order]:
        """Orders by id."""
        return {order.id: order for order in await self._orders("_id", ids)}

    async def orders_by_number(self, numbers: Sequence[str]) -> Mapping[str, Order]:
        """Orders by number."""
        return {order.number: order for order in await self._orders("number", numbers)}

    async def order_by_external(self, system: str, id: str) -> Order | None:
        """The order that another system knows under this id."""

        async def work(session: Session) -> Document | None:
            known = await session.one("externals", {"_id": words(system, id)})
            return None if known is None else await session.one("orders", {"_id": known["order"]})

        found = await self._database.plain(work)
        return None if found is None else order_from(found)

    async def order_page(
        self,
        order_filter: OrderFilter,
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Order]:
        """Orders as they are at ``now``, newest first."""
        asked = _orders(order_filter, after, now)
        found = await self._database.plain(
            lambda session: session.find(
                "orders", asked, order=(("placed_at", -1), ("_id", -1)), limit=limit
            )
        )
        return [order_from(of).seen_at(now) for of in found]

    async def rules(self) -> RuleBook:
        """The rules that are set now."""
        self._rules = await self._database.plain(lambda session: rules_of(session, self._rules))
        return self._rules

    async def recorded_answer(self, key: Key) -> str | None:
        """What was decided under a key."""
        found = await self._database.plain(lambda session: session.one("keys", {"_id": key.id}))
        return None if found is None else str(found["answer"])

    async def _orders(self, field: str, values: Sequence[str]) -> list[Order]:
        asked = {field: {"$in": list(values)}}
        found = await self._database.plain(lambda session: session.find("orders", asked))
        return [order_from(of) for of in found]


def _levels(level_filter: LevelFilter, after: tuple[str, str] | None, limit: int) -> list[Document]:
    """A walk over the streams in order, and over the positions of each."""
    skus: Document = {}
    if level_filter.skus:
        skus["$in"] = list(level_filter.skus)
    if after is not None:
        skus["$gte"] = after[0]
    own: Document = {}
    if level_filter.locations:
        own["positions.location"] = {"$in": list(level_filter.locations)}
    if level_filter.updated_since is not None:
        own["positions.changed_at"] = {"$gte": micros(level_filter.updated_since)}
    if level_filter.unpromised_max is not None:
        own["positions.free"] = {"$lte": level_filter.unpromised_max}
    beyond: list[Document] = []
    if after is not None:
        here = {"_id": after[0], "positions.location": {"$gt": after[1]}}
        beyond = [{"$match": {"$or": [here, {"_id": {"$gt": after[0]}}]}}]
    return [
        {"$match": {"_id": skus} if skus else {}},
        {"$sort": {"_id": 1}},
        {
            "$project": {
                "positions": {"$sortArray": {"input": "$positions", "sortBy": {"location": 1}}}
            }
        },
        {"$unwind": "$positions"},
        *beyond,
        {"$match": own},
        {"$limit": limit},
    ]


def _orders(
    order_filter: OrderFilter, after: tuple[datetime, str] | None, now: datetime
) -> Document:
    placed: Document = {}
    if order_filter.placed_from is not None:
        placed["$gte"] = micros(order_filter.placed_from)
    if order_filter.placed_to is not None:
        placed["$lt"] = micros(order_filter.placed_to)
    every: list[Document] = [{"placed_at": placed}] if placed else []
    if order_filter.updated_since is not None:
        every.append({"updated_at": {"$gte": micros(order_filter.updated_since)}})
    if order_filter.channels:
        every.append({"channel": {"$in": list(order_filter.channels)}})
    if order_filter.statuses:
        every.append(_in_status([status.value for status in order_filter.statuses], now))
    for field, value in (
        ("member", order_filter.member_id),
        ("subject", order_filter.subject),
        ("location", order_filter.location),
    ):
        if value is not None:
            every.append({field: value})
    if after is not None:
        at = micros(after[0])
        same = {"placed_at": at, "_id": {"$lt": after[1]}}
        every.append({"$or": [{"placed_at": {"$lt": at}}, same]})
    return {"$and": every} if every else {}


def _in_status(statuses: Sequence[str], now: datetime) -> Document:
    """Orders of some statuses; one whose payment is overdue is a canceled one."""
    overdue = {"status": OrderStatus.PENDING.value, "due_at": {"$lte": micros(now)}}
    found: list[Document] = [{"status": {"$in": list(statuses)}, "$nor": [overdue]}]
    if OrderStatus.CANCELED.value in statuses:
        found.append(overdue)
    return {"$or": found}
