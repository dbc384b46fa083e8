"""A whole house without its process: the sandbox retailer, a store in a file, a clock to turn.

Its first reading takes seconds; it is made once, and every test has a copy of what it left.
"""

import asyncio
import copy
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.sandbox.crm import SandboxCrm
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.marketplaces import SandboxMarketplace
from connectors.sandbox.tills import SandboxTills
from gateway.bootstrap import Runtime, bootstrap_demo
from gateway.settings import Settings, Storage
from gateway.settings_live import Live
from gateway.tokens import principal_of
from resolvers import levels, stock
from resolvers.access import Principal, Role
from resolvers.backend_ports import StockReading
from resolvers.context import Context
from resolvers.domain.feeds import Feed
from resolvers.domain.values import utc
from resolvers.following import follow
from resolvers.ports import Lease
from resolvers.reading import Memory
from resolvers.relay import push_due
from resolvers.sync import sync_backend


class House:
    """What a test does to the house, and the people around it."""

    def __init__(self, runtime: Runtime, data: Path, clock: "Clock") -> None:
        self.runtime = runtime
        self.clock = clock
        self.erp = SandboxErp(data, clock)
        self.crm = SandboxCrm(data, clock)
        self.tills = SandboxTills(data, clock)
        self.marketplace = SandboxMarketplace(data, "a", clock)
        self.memories = {code: Memory() for code in runtime.backends}
        self.lease: Lease | None = None

    def __call__(self, principal: Principal) -> Context:
        """What a request of this caller carries."""
        return self.runtime.context(principal)

    async def sync(self, *codes: str) -> bool:
        """One pass over some backends, or all; says whether all could be read."""
        good = [
            await sync_backend(self(ADMIN), self.runtime.backends[code], self.memories[code])
            for code in codes or self.runtime.backends
        ]
        return all(good)

    async def follow(self, reading: StockReading) -> None:
        """Lets the books follow one reading of the ERP after the last."""
        assert reading.watermark is not None
        feed = Feed("erp", "stock", reading.location, reading.watermark, self.clock())
        last = self.memories["erp"].readings.get(reading.location)
        await follow(self(ADMIN), self.runtime.backends["erp"], reading, feed, last)
        self.memories["erp"].readings[reading.location] = reading

    async def push(self, code: str = "erp") -> int:
        """Sends what one backend waits for."""
        house = self.runtime.store.house
        self.lease = await house.lease(f"push:{code}", "test", 60, self.clock())
        return await push_due(self(ADMIN), self.runtime.backends[code], lambda: self.lease)

    async def promised(self, sku: str, channel: str = "mini-program") -> int:
        [promise] = await stock.availability(self(SHOPPER), [sku], channel)
        assert promise is not None
        return promise.availability.available

    async def on_hand(self, sku: str, location: str) -> int:
        level = await levels.level_at(self(SHOPPER), sku, location)
        assert level is not None
        return level.position.on_hand


class Clock:
    """Time that stands still until it is turned."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


ADMIN = principal_of(Role.ADMIN)
SHOPPER = principal_of(Role.SHOPPER, member="M-1")
OTHER = principal_of(Role.SHOPPER, member="M-2")
PARTNER = principal_of(Role.PARTNER, channels=("mini-program",))
MANAGER = principal_of(Role.MANAGER, locations=("ST-01",))


@dataclass(frozen=True)
class FirstReading:
    """What a first reading of everything left: the files, and what the followers remember."""

    data: Path
    memories: Mapping[str, Memory]


@asynccontextmanager
async def opened(
    data: Path, live: Live | None = None, first: FirstReading | None = None
) -> AsyncIterator[House]:
    """The house after its first reading, or before it has read anything."""
    if first is not None:
        shutil.copytree(first.data, data, dirs_exist_ok=True)
    clock = Clock(utc(2026, 3, 2, 12))
    settings = replace(Settings(), store=Storage(engine="sqlite"), live=live or Live())
    runtime = bootstrap_demo(settings, data, clock)
    house = House(runtime, data, clock)
    if first is not None:
        house.memories = copy.deepcopy(dict(first.memories))
    yield house
    house.erp.close()
    house.crm.close()
    house.tills.close()
    house.marketplace.close()
    await runtime.close()


def read_first(data: Path) -> FirstReading:
    """Makes the first reading, in a directory of its own."""

    async def read() -> Mapping[str, Memory]:
        async with opened(data) as house:
            assert await house.sync()
            return house.memories

    return FirstReading(data, asyncio.run(read()))


@pytest.fixture
async def house(tmp_path: Path, first_reading: FirstReading) -> AsyncIterator[House]:
    """The house after its first reading."""
    async with opened(tmp_path, first=first_reading) as house:
        yield house
