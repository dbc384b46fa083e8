"""What a look over a MongoDB store finds: each sort of damage, named (S2, G5)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from connectors.stores.mongo.client import Database
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.mongo.layout import prepare
from connectors.stores.mongo.session import Document, Query, Session
from resolvers.domain.books import Change
from resolvers.domain.catalog import Provenance
from resolvers.domain.reservation import hold_entries
from resolvers.domain.stock import Pin, Taker
from tests.contract.shop import NOON, Shop, minutes, order, write
from tests.mongod import fresh_name

pytestmark = pytest.mark.mongo


@dataclass(frozen=True, slots=True)
class Desk:
    """A shop, and somebody who gets at its database behind its back."""

    shop: Shop
    database: Database

    async def change(self, collection: str, id: object, change: Query) -> None:
        """Damages one document, which is there."""

        async def work(session: Session) -> None:
            assert await session.update(collection, [({"_id": id}, change)]) == 1

        await self.database.write(work)

    async def add(self, collection: str, *documents: Document) -> None:
        await self.database.write(lambda session: session.insert(collection, documents))

    async def drop(self, collection: str, query: Query) -> None:
        await self.database.write(lambda session: session.delete(collection, [query]))

    async def ids(self, collection: str) -> list[object]:
        """Ids of what is there, in order."""
        found = await self.database.plain(
            lambda session: session.find(collection, {}, order=[("_id", 1)])
        )
        return [of["_id"] for of in found]

    async def faults(self) -> list[str]:
        return list(await self.shop.store.upkeep.faults())


@pytest.fixture
async def desk(mongo_url: str) -> AsyncIterator[Desk]:
    """Three batches: a delivery, a hold whose units are counted, and an order with its write; what
    was there three days before is folded.
    """
    name = fresh_name()
    database = Database(mongo_url, name, prepare)

    async def server_time() -> datetime:
        return shop.now

    store = open_mongo(mongo_url, name, lambda: shop.now, "one", server_time=server_time)
    shop = Shop(store)
    early = Pin("R-0", "A", "WH", 1, NOON + timedelta(days=9), taker=Taker("web", "2026-03-02"))
    held = await shop.hold("R-0", ("B", "WH", 1), until=early.until)
    await shop.post(Change(tuple(hold_entries([early], NOON)), (early,), reservations=(held,)))
    shop.now += timedelta(days=3)
    await store.upkeep.compact(NOON + minutes(1), 100)
    await shop.receive("A", "WH", 5)
    await shop.hold("R-1", ("A", "WH", 1))
    bought = order("1", external=(Provenance("tmall", "T-1", NOON),))
    await shop.post(Change(orders=(bought,), writes=(write("W1", "1", order_id="1"),)))
    yield Desk(shop, database)
    await store.close()
    await database.close()


async def test_what_is_sound_has_no_faults(desk):
    assert await desk.faults() == []
    assert [part for part, rows in (await desk.shop.store.upkeep.parts()).items() if rows] == [
        "orders", "reservations", "writes", "journal", "checkpoints", "checkpoint_counts",
        "streams", "positions", "pins", "taken",
    ]  # fmt: skip


async def test_documents_that_point_at_nothing_are_found(desk):
    held = (await desk.shop.store.stock.reservations(["R-0"]))["R-0"][0]
    await desk.shop.post(Change(reservations=(replace(held, order_id="8"),)))
    await desk.drop("streams", {})
    await desk.drop("reservations", {"_id": "R-1"})
    await desk.drop("checkpoints", {"_id": "A"})
    await desk.drop("orders", {})

    assert await desk.faults() == [
        "pin A at WH of R-0 has no stream",
        "pin A at WH of R-1 has no stream",
        "pin B at WH of R-0 has no stream",
        "pin A at WH of R-1 has no reservation",
        "entries of A at WH have no stream",
        "counts of A have no stream",
        "the checkpoint of B has no stream",
        "folded counts of A have no checkpoint",
        "reservation R-0 is of an order that is not there",
        "write W1 is of an order that is not there",
        "order 1 is known elsewhere and not there",
    ]


async def test_documents_that_are_not_what_they_are_found_by_are_found(desk):
    receipt, hold = await desk.ids("journal")
    await desk.change("streams", "A", {"$set": {"positions.0.free": 5}})
    await desk.change("streams", "B", {"$set": {"version": 0}})
    await desk.change("pins", "B\x1fR-0\x1fWH", {"$set": {"location": "ST"}})
    await desk.change("journal", receipt, {"$set": {"places": [], "skus": ["A", "C"]}})
    await desk.change("journal", hold, {"$push": {"places": "A\x1fST"}})
    await desk.change("counts", "A\x1flive\x1fweb", {"$set": {"name": "pos"}})
    await desk.change("checkpoints", "A", {"$set": {"at": 7}})
    await desk.change("checkpoints", "B", {"$set": {"seal": "0"}})
    await desk.change("reservations", "R-0", {"$unset": {"due": ""}})
    await desk.change("reservations", "R-1", {"$set": {"ended": 7}})
    [sequence] = await desk.ids("writes")
    await desk.change("writes", sequence, {"$set": {"status": "DONE"}})
    await desk.change("orders", "1", {"$set": {"number": "N-7"}})

    assert await desk.faults() == [
        "position A at WH is not what it is found by",
        "the stream of B was never written",
        "pin B at ST of R-0 is not what it is found by",
        f"entries of A at WH in batch {receipt} are found by no place",
        f"SKU C in batch {receipt} has no entries",
        f"place A at ST in batch {hold} has no entries",
        "the count of pos of A is not what it is found by",
        "the checkpoint of A is not what it is found by",
        "the checkpoint of B is not what its seal says",
        "reservation R-0 is not what it is found by",
        "reservation R-1 is not what it is found by",
        "write W1 is not what it is found by",
        "order 1 is not what it is found by",
    ]


async def test_documents_that_cannot_be_read_are_found(desk):
    [receipt, _] = await desk.ids("journal")
    for collection, id, change in (
        ("streams", "B", {"$unset": {"positions": ""}}),
        ("pins", "A\x1fR-1\x1fWH", {"$unset": {"quantity": ""}}),
        ("journal", receipt, {"$set": {"entries": "{"}}),
        ("counts", "A\x1flive\x1fweb", {"$unset": {"units": ""}}),
        ("checkpoints", "B", {"$set": {"body": "[]"}}),
        ("reservations", "R-0", {"$set": {"body": 7}}),
        ("orders", "1", {"$set": {"body": "{}"}}),
    ):
        await desk.change(collection, id, change)
    await desk.add("api_keys", {"_id": "k1", "body": "{}"})
    await desk.add("audit", {"_id": "0000000000000000001\x1fa1", "subject": "me"})

    found = await desk.faults()

    assert [fault.partition(": ")[0] for fault in found] == [
        "the stream of B cannot be read",
        "pin A R-1 WH cannot be read",
        f"batch {receipt} cannot be read",
        "count A live web cannot be read",
        "the checkpoint of B cannot be read",
        "reservation R-0 cannot be read",
        "order 1 cannot be read",
        "key k1 cannot be read",
        "audit record 0000000000000000001 a1 cannot be read",
    ]
    assert found[0].endswith(": it has no 'positions'")


async def test_a_position_that_stands_twice_and_a_stream_that_runs_back_are_found(desk):
    [stream] = await desk.database.plain(lambda session: session.find("streams", {"_id": "A"}))
    await desk.change("streams", "A", {"$push": {"positions": stream["positions"][0]}})
    await desk.change("streams", "A", {"$set": {"last": 1}})

    assert await desk.faults() == [
        "position A at WH stands there twice",
        "what A writes next comes before its entries",
    ]


async def test_of_many_alike_on_several_pages_a_few_are_named_and_the_rest_is_counted(desk):
    lost = [{"_id": f"erp\x1f{at:04}", "order": f"O{at:04}"} for at in range(1_020)]
    await desk.add("externals", *lost)

    found = await desk.faults()

    assert len(found) == 21
    assert found[0] == "order O0000 is known elsewhere and not there"
    assert found[-1] == "and 1000 more like it"
