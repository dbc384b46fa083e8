"""What the workers do by themselves, under their leases (S2)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.sandbox import chain
from gateway import workers
from gateway.bootstrap import Runtime, assemble
from gateway.settings import Settings, Storage
from resolvers.copying import NotCopied
from resolvers.upkeep_port import COPYING, Row
from tests.contract.shop import Shop

HISTORY_DAYS = 30


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[Runtime, Shop]]:
    """A gateway without backends, whose clock is the shop's, and the shop over its store."""
    shop: Shop

    def now() -> datetime:
        return shop.now

    settings = Settings(store=Storage("memory", history_days=HISTORY_DAYS))
    runtime = assemble(settings, tmp_path, [], chain.CHANNELS, now)
    shop = Shop(runtime.store)
    yield runtime, shop
    await runtime.close()


async def until_folded(shop: Shop) -> None:
    async with asyncio.timeout(5):
        while not await shop.store.stock.folded_at(["A"]):  # noqa: ASYNC110  # a worker does it
            await asyncio.sleep(0)


async def test_history_past_its_days_is_folded_by_itself(house):
    runtime, shop = house
    begun = shop.now
    await shop.receive("A", "WH", 5)
    shop.now += timedelta(days=HISTORY_DAYS)
    await shop.receive("A", "WH", 1)
    shop.now += timedelta(minutes=1)

    async with workers.running(runtime):
        await until_folded(shop)

    assert await shop.store.stock.folded_at(["A"]) == {"A": begun}
    assert [entry.on_hand for entry in await shop.store.stock.entries("A")] == [1]


async def test_nothing_is_done_on_a_copy_that_is_not_finished(house):
    runtime, shop = house
    await shop.store.upkeep.load(COPYING, [Row("!from", b'"var/pilot"')])

    with pytest.raises(NotCopied, match="is a copy of var/pilot that is not finished"):
        async with workers.running(runtime):
            pass

    assert await shop.store.house.lease("sweep", "somebody", 1, shop.now) is not None
