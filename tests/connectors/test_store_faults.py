"""What a look over a SQLite store finds: each sort of damage, named (S2, G5)."""

import sqlite3
from pathlib import Path

import pytest

from connectors.stores.sqlite.engine import open_sqlite
from resolvers.domain.books import Change
from tests.contract.shop import Shop, order

HELD = "R-1"


async def furnished(path: Path) -> None:
    """Two batches of one SKU, a hold and an order."""
    shop = Shop(open_sqlite(path))
    await shop.receive("A", "WH", 5)
    await shop.hold(HELD, ("A", "WH", 1))
    await shop.post(Change(orders=(order("1"),)))
    await shop.store.close()


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("DELETE FROM journal WHERE batch = 2", "place A at WH in 2 has no batch"),
        (
            "DELETE FROM journal_places WHERE batch = 2",
            "entries of A at WH in batch 2 are found by no place",
        ),
        (
            "INSERT INTO journal_places VALUES ('A', 'ST', 1)",
            "1 places are of batches that have no entries there",
        ),
        ("UPDATE journal SET entries = x'7b' WHERE batch = 1", "batch 1 cannot be read: "),
        ("DELETE FROM streams", "pin A at WH of R-1 has no stream"),
        ("DELETE FROM reservations", "pin A at WH of R-1 has no reservation"),
        ("UPDATE reservations SET status = 'FULFILLED'", "reservation R-1 is not what it is found"),
        ("UPDATE orders SET number = 'N-7'", "order 1 is not what it is found by"),
        ("UPDATE orders SET body = x'7b'", "order 1 cannot be read: "),
        (
            "INSERT INTO order_externals VALUES ('erp', '7', '9')",
            "order 9 is known elsewhere and not there",
        ),
        (
            "INSERT INTO checkpoint_counts VALUES ('A', 'day', '2026-03-02 web', 1)",
            "folded counts of A have no checkpoint",
        ),
        ("INSERT INTO api_keys VALUES ('k1', x'7b')", "key k1 cannot be read: "),
        (
            "INSERT INTO audit VALUES (1, 'a1', 'me', 'admin', 'x', NULL, '?', NULL, '', '', '')",
            "audit record a1 cannot be read: ",
        ),
    ],
)
async def test_each_sort_of_damage_is_found(tmp_path, damage, finding):
    path = tmp_path / "store.db"
    await furnished(path)
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()

    store = open_sqlite(path)
    found = await store.upkeep.faults()
    await store.close()

    assert found[0].startswith(finding)


async def test_of_many_alike_a_few_are_named_and_the_rest_is_counted(tmp_path):
    path = tmp_path / "store.db"
    await furnished(path)
    with sqlite3.connect(path) as connection:
        for at in range(25):
            connection.execute("INSERT INTO order_externals VALUES ('erp', ?, ?)", (at, f"O{at}"))
    connection.close()

    store = open_sqlite(path)
    found = await store.upkeep.faults()
    await store.close()

    assert len(found) == 21
    assert found[-1] == "and 5 more like it"


async def test_an_index_that_does_not_fit_its_table_is_damage(tmp_path):
    path = tmp_path / "store.db"
    await furnished(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'HELD', 'EXPIRED')"
            " WHERE name = 'reservations_due'"
        )
    connection.close()

    store = open_sqlite(path)
    found = await store.upkeep.faults()
    await store.close()

    assert found == ["the file is damaged: wrong # of entries in index reservations_due"]
