"""Streams that were read before are read again when they have changed, and only then (G5).

That what is promised is right after whatever happens is shown by the stores' state machine, which
asks for its streams after each step.
"""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.stores.sqlite.known_streams import KnownStreams
from resolvers.domain.limits import DAY
from resolvers.domain.reservation import Line
from resolvers.reservations import ReserveStock, reserve_stock
from tests.support import CHANNEL, SKU, Shop, open_shop, open_store

OTHER = "BT-0001-50ML"
SKUS = (SKU, OTHER)


@pytest.fixture
async def shop(path: Path) -> AsyncIterator[Shop]:
    shop = await open_shop(await open_store(str(path.parent)))
    for sku in SKUS:
        await shop.stocked(sku, "WH-01", 10)
    yield shop
    await shop.close()


async def hold(shop: Shop, key: str, units: int, seconds: int = 600) -> None:
    asked = ReserveStock(key, CHANNEL, (Line(SKU, units),), ttl_seconds=seconds)
    await reserve_stock(shop.context(), asked)


async def test_what_has_changed_is_read_and_what_has_not_is_the_same_object(shop: Shop) -> None:
    before = await shop.store.stock.streams(SKUS, shop.clock())
    await hold(shop, "k1", 3)
    after = await shop.store.stock.streams(SKUS, shop.clock())

    assert after[OTHER] is before[OTHER]
    assert after[SKU].version == before[SKU].version + 1
    assert after[SKU].position("WH-01").soft == 3


async def test_what_another_process_has_written_is_seen_at_once(shop: Shop, path: Path) -> None:
    await shop.store.stock.streams(SKUS, shop.clock())
    other = Shop(await open_store(str(path.parent)), clock=shop.clock)
    await hold(other, "k1", 4)
    await other.close()

    found = await shop.store.stock.streams(SKUS, shop.clock())
    assert found[SKU].position("WH-01").soft == 4


async def test_a_backup_that_was_put_back_is_seen_though_it_has_come_as_far_since(
    shop: Shop, path: Path
) -> None:
    live, backup = sqlite3.connect(path), sqlite3.connect(":memory:")
    live.backup(backup)
    await hold(shop, "k1", 3)
    before = await shop.store.stock.streams(SKUS, shop.clock())
    backup.backup(live)
    other = Shop(await open_store(str(path.parent)), clock=shop.clock)
    shop.clock.advance(seconds=1)
    await hold(other, "k2", 5)
    await other.close()

    after = await shop.store.stock.streams(SKUS, shop.clock())
    assert after[SKU].version == before[SKU].version
    assert after[SKU].position("WH-01").soft == 5
    live.close()
    backup.close()


async def test_a_hold_whose_time_is_over_counts_no_more_though_nobody_wrote_it(shop: Shop) -> None:
    await hold(shop, "k1", 6, seconds=60)
    assert await shop.available(SKU) == 10 - 6 - await kept_there(shop)

    shop.clock.advance(seconds=61)
    assert await shop.available(SKU) == 10 - await kept_there(shop)


async def kept_there(shop: Shop) -> int:
    """Units that the place keeps for its own people."""
    return (await shop.directory.locations())["WH-01"].safety_stock


async def test_counts_of_days_are_read_anew_when_the_day_is_another(shop: Shop) -> None:
    await hold(shop, "k1", 2, seconds=60)
    today = await shop.store.stock.streams(SKUS, shop.clock())
    shop.clock.advance(days=3)
    later = await shop.store.stock.streams(SKUS, shop.clock())

    assert [units for (kind, _), units in today[SKU].taken.items() if kind == DAY] == [2]
    assert [units for (kind, _), units in later[SKU].taken.items() if kind == DAY] == []
    assert later[SKU].version == today[SKU].version


async def test_all_are_forgotten_before_they_are_too_many(shop: Shop, path: Path) -> None:
    connection = sqlite3.connect(path)
    one_and_its_position = 2
    known = KnownStreams(most=one_and_its_position)

    def read(sku: str) -> object:
        found = known.read(connection, [sku], shop.clock(), 1)
        assert found is not None
        return found[sku]

    first = read(SKU)
    assert read(SKU) is first
    read(OTHER)
    assert read(SKU) is not first
    assert read(SKU) == first
    connection.close()


async def test_too_many_that_are_new_are_left_to_a_thread(shop: Shop, path: Path) -> None:
    connection = sqlite3.connect(path)
    known = KnownStreams()

    assert known.read(connection, SKUS, shop.clock(), 1) is None
    assert set(known.read(connection, SKUS, shop.clock(), 2) or ()) == set(SKUS)
    assert set(known.read(connection, SKUS, shop.clock(), 0) or ()) == set(SKUS)
    assert known.read(connection, ["unknown"], shop.clock(), 0) == {}
    connection.close()
