"""What a look over a store finds in what it mirrors: each sort of damage, named (S2, G5)."""

import sqlite3
from pathlib import Path

import pytest

from connectors.stores.mongo.client import Database
from connectors.stores.mongo.engine import open_mongo
from connectors.stores.mongo.layout import prepare
from connectors.stores.mongo.session import Query, Session
from connectors.stores.rows import row_of
from connectors.stores.sqlite.engine import open_sqlite
from resolvers.domain.catalog import Provenance
from resolvers.domain.inbox import Message
from resolvers.domain.listings import Listing, ListingMapping
from resolvers.domain.members import Identity, IdentityKind, Member
from resolvers.domain.publication import PublicationRecord
from resolvers.ports import Store
from tests.contract.shop import NOON, product
from tests.mongod import fresh_name

SEEN = Provenance("crm", "1", NOON)
PHONE = Identity(IdentityKind.PHONE, "crm", "+8613800000001", NOON, "source")


async def furnish(store: Store) -> None:
    """One of everything that is mirrored, and a member that is gone."""
    await store.inbox.keep([Message("i1", "shop", "d1", NOON, b"\xff")])
    await store.members.save_members(
        [
            Member("m1", "Wang", (PHONE,), SEEN, NOON, tags=("vip",)),
            Member("m2", None, (), SEEN, NOON, gone=True),
        ]
    )
    await store.listings.save_masters("erp", [product("bottle")])
    await store.listings.save_listings([Listing("shop", "7", "Bottle", SEEN, NOON, "A")])
    await store.listings.save_mapping(ListingMapping("shop", "7", "B", 1, "me", NOON))
    waits = PublicationRecord("shop", "7", 3, NOON)
    await store.upkeep.load("publications", [row_of("publications", waits)])


async def damaged(path: Path, damage: str) -> list[str]:
    """What is found in a SQLite store after something was done to it."""
    store = open_sqlite(path)
    await furnish(store)
    await store.close()
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    store = open_sqlite(path)
    found = await store.upkeep.faults()
    await store.close()
    return [line.partition(": ")[0] for line in found]


@pytest.mark.parametrize(
    ("damage", "findings"),
    [
        ("SELECT 1", []),
        ("UPDATE messages SET rest = x'7b'", ["message i1 cannot be read"]),
        ("UPDATE messages SET status = 'DONE'", ["message i1 is not what it is found by"]),
        ("UPDATE members SET body = x'7b' WHERE id = 'm1'", ["member m1 cannot be read"]),
        ("UPDATE members SET tier = 'x' WHERE id = 'm1'", ["member m1 is not what it is found by"]),
        ("DELETE FROM member_identities", ["member m1 is not what it is found by"]),
        ("DELETE FROM member_tags", ["member m1 is not what it is found by"]),
        (
            "INSERT INTO member_identities VALUES ('PHONE', '1', 'crm', 'm2')",
            [
                "member m2 is known by something and not there",
                "member m2 is not what it is found by",
            ],
        ),
        ("INSERT INTO member_tags VALUES ('vip', 'm3')", ["member m3 has tags and is not there"]),
        ("UPDATE masters SET body = x'7b'", ["master data of bottle cannot be read"]),
        ("UPDATE listings SET active = 0", ["listing 7 is not what it is found by"]),
        (
            "UPDATE publications SET state = 'TOLD'",
            ["the number of 7 is not what it is found by"],
        ),
        ("UPDATE mappings SET sku = 'C'", ["the mapping of 7 is not what it is found by"]),
    ],
)
async def test_each_sort_of_damage_in_a_file_is_found(tmp_path, damage, findings):
    assert await damaged(tmp_path / "store.db", damage) == findings


@pytest.mark.mongo
async def test_each_sort_of_damage_in_mongodb_is_found(mongo_url):
    name = fresh_name()
    store = open_mongo(mongo_url, name, lambda: NOON, "one")
    await furnish(store)
    assert await store.upkeep.faults() == []

    database = Database(mongo_url, name, prepare)

    async def change(collection: str, id: str, fields: Query) -> None:
        async def work(session: Session) -> None:
            await session.update(collection, [({"_id": id}, {"$set": fields})])

        await database.write(work)

    await change("messages", "shop\x1fd1", {"status": "DONE"})
    await change("members", "m1", {"known": []})
    await change("members", "m2", {"body": "{}"})
    await change("masters", "bottle\x1ferp", {"handle": "jar"})
    await change("listings", "shop\x1f7", {"code": "C"})
    await change("mappings", "shop\x1f7", {"body": "{}"})
    await change("publications", "shop\x1f7", {"state": "TOLD"})

    assert [line.partition(": ")[0] for line in await store.upkeep.faults()] == [
        "message shop d1 is not what it is found by",
        "member m2 cannot be read",
        "member m1 is not what it is found by",
        "master data of bottle erp is not what it is found by",
        "listing shop 7 is not what it is found by",
        "the mapping of shop 7 cannot be read",
        "the number of shop 7 is not what it is found by",
    ]
    await database.close()
    await store.close()
