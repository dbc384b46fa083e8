"""A marketplace's messages, with the manners that vendors have, reach whoever watches (S2)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx2
import pytest

from connectors.sandbox import retailer
from connectors.sandbox.couriers import Courier, Manners, secret_of
from connectors.sandbox.marketplaces import SandboxMarketplace
from gateway import workers
from gateway.app import create_app
from gateway.bootstrap import Runtime, assemble
from gateway.ids import wall_clock
from gateway.settings import Settings, Storage
from resolvers.filters import OrderFilter

NEVER_SECONDS = 3600.0


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    """A gateway of the demo's systems, none of which is looked at a second time by itself."""
    systems = [replace(it, poll_seconds=NEVER_SECONDS) for it in retailer.demo(tmp_path)]
    settings = Settings(store=Storage("memory"))
    made = assemble(settings, tmp_path, systems, retailer.CHANNELS, wall_clock)
    yield made
    await made.close()


async def known(runtime: Runtime) -> set[str]:
    """Numbers of the orders that the gateway knows."""
    found = await runtime.store.stock.order_page(OrderFilter(), None, 100, wall_clock())
    return {at.external_id for it in found for at in it.external}


async def until_known(runtime: Runtime, numbers: set[str]) -> None:
    async with asyncio.timeout(20):
        while not numbers <= await known(runtime):  # noqa: ASYNC110  # a worker does it
            await asyncio.sleep(0.02)


async def until_read(runtime: Runtime, since: datetime) -> None:
    async with asyncio.timeout(20):
        while True:
            feeds = await runtime.store.house.feeds()
            orders = [it for it in feeds if it.entity == "orders"]
            read = {it.backend for it in orders if it.observed_at and it.observed_at > since}
            if "marketplace-a" in read:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "manners",
    [
        Manners(),
        Manners(doubled=True),
        Manners(swapped=True),
        Manners(late_seconds=0.3),
        Manners(doubled=True, swapped=True, late_seconds=0.1),
    ],
)
async def test_orders_that_messages_tell_of_are_read_at_once(
    runtime: Runtime, tmp_path: Path, manners: Manners
) -> None:
    url = "http://shop.test/webhooks/marketplace-a"
    transport = httpx2.ASGITransport(create_app(runtime))
    courier = Courier(url, secret_of(tmp_path), manners, transport)
    door = SandboxMarketplace(tmp_path, "a", courier=courier)
    listing = next(iter(await door.stands_for()))

    for code in ("erp", "marketplace-a"):
        await workers.sync_once(runtime, code)
    async with workers.running(runtime):
        await until_read(runtime, wall_clock())
        numbers = {await door.order({listing: 1}) for _ in range(3)}
        await courier.close()
        await until_known(runtime, numbers)

    assert courier.undelivered == 0
    assert await runtime.store.inbox.parked_counts() == {}
    door.close()


async def test_a_stranger_is_not_heard(runtime: Runtime, tmp_path: Path) -> None:
    transport = httpx2.ASGITransport(create_app(runtime))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        answer = await client.post("/webhooks/marketplace-a", content=b"{}")

    assert answer.status_code == 401
    assert secret_of(tmp_path) == secret_of(tmp_path) != b""
