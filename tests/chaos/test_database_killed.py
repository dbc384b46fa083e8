"""The database itself is killed while the house works: what was answered is there (S4, G4)."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.chaos.audit import audit
from tests.chaos.child import branch, work
from tests.chaos.mix import SKUS, Mix, Told, furnish
from tests.mongod import StandIn, fresh_name
from tests.support import SKU, open_store

KILLS = 3
FRESH = 40


@pytest.mark.mongo
@pytest.mark.timeout(300)
async def test_a_database_that_is_killed_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    server = StandIn(tmp_path / "mongod", durable=True)
    server.start()
    place = f"{server.url}#{fresh_name()}"
    await furnish(place, 90, 25)
    commands = Mix(1, "p").life(FRESH * KILLS)
    told: list[Told] = []
    shop = branch(await open_store(place))
    try:
        working = asyncio.create_task(work(shop, commands, told.append))
        for kill in range(1, KILLS + 1):
            async with asyncio.timeout(60):
                while len(told) < FRESH * kill // 2:  # noqa: ASYNC110  # it is elsewhere
                    await asyncio.sleep(0.005)
            server.end(signal.SIGKILL)
            server.start()
        await working

        asked = {command["key"]: command for command in commands}
        heard = {one["key"]: one for one in told}
        assert heard.keys() == asked.keys()
        seeded = {sku: 90 if sku == SKU else 25 for sku in SKUS}
        await audit(shop.store, asked, heard, seeded)
    finally:
        await shop.close()
        server.end()
