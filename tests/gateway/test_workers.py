"""What the workers do by themselves, under their leases (S2)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.sandbox import chain
from gateway import workers
from gateway.bootstrap import Runtime, assemble
from gateway.ids import wall_clock
from gateway.settings import Settings, Storage
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe
from resolvers.copying import NotCopied
from resolvers.domain.callers import AuditRecord, Deed
from resolvers.domain.errors import Contended
from resolvers.filters import AuditFilter
from resolvers.upkeep_port import COPYING, Row
from tests.contract.shop import Shop

HISTORY_DAYS = 30
AUDIT_DAYS = 3


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[Runtime, Shop]]:
    """A gateway without backends, whose clock is the shop's, and the shop over its store."""
    shop: Shop

    def now() -> datetime:
        return shop.now

    storage = Storage("memory", history_days=HISTORY_DAYS, audit_days=AUDIT_DAYS)
    settings = Settings(store=storage)
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


async def test_records_past_their_days_are_dropped_by_themselves(house):
    runtime, shop = house
    callers = shop.store.callers
    await callers.record_audit(
        [
            AuditRecord(
                f"{days}-{at}", shop.now - timedelta(days=days), "me", "admin", "x", None, Deed.DONE
            )
            for days, count in ((4, workers.AUDIT_TRIM_MAX + 1), (2, 1))
            for at in range(count)
        ]
    )

    async with workers.running(runtime), asyncio.timeout(5):
        while len(kept := await callers.audit_page(AuditFilter(), None, 9)) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert [record.id for record in kept] == ["2-0"]


async def test_nothing_is_done_on_a_copy_that_is_not_finished(house):
    runtime, shop = house
    await shop.store.upkeep.load(COPYING, [Row("!from", b'"var/pilot"')])

    with pytest.raises(NotCopied, match="is a copy of var/pilot that is not finished"):
        async with workers.running(runtime):
            pass

    assert await shop.store.house.lease("sweep", "somebody", 1, shop.now) is not None


class Desk:
    """The health of a system that is asked nothing else: how often, and by how many at a time."""

    def __init__(self) -> None:
        self.asked = 0
        self.at_once = 0
        self.at_once_max = 0

    async def probe(self) -> Probe:
        self.asked += 1
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            await asyncio.sleep(0.01)
        finally:
            self.at_once -= 1
        return Probe(good=True, detail="it is there")

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(5):
            while self.asked < times:  # noqa: ASYNC110  # a worker does it
                await asyncio.sleep(0)


@pytest.fixture
async def read(tmp_path: Path) -> AsyncIterator[tuple[Runtime, Desk]]:
    """A gateway with one backend, ``crm``, that is looked at all the time."""
    desk = Desk()
    crm = Backend("crm", "any", Capabilities((), Idempotency.NONE), desk, poll_seconds=0.0)
    runtime = assemble(
        Settings(store=Storage("memory")), tmp_path, [crm], chain.CHANNELS, wall_clock
    )
    yield runtime, desk
    await runtime.close()


async def test_a_person_who_reads_a_backend_takes_its_turn_and_gives_it_back(read):
    runtime, desk = read

    async with workers.running(runtime):
        await desk.until_asked(2)
        assert await workers.sync_once(runtime, "crm")
        await desk.until_asked(desk.asked + 2)

    assert desk.at_once_max == 1


@pytest.mark.parametrize(
    ("lease", "told"),
    [
        ("sync:crm", "another process reads crm and has not given way for 0 s; try again"),
        ("sync-now:crm", "somebody else reads crm by hand just now; try again"),
    ],
)
async def test_a_person_waits_for_the_turn_no_longer_than_told(read, lease, told):
    runtime, desk = read
    await runtime.store.house.lease(lease, "somebody", 60, runtime.clock())

    with pytest.raises(Contended, match=told):
        await workers.sync_once(runtime, "crm", wait_seconds=0)

    assert desk.asked == 0
