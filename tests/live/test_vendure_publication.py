"""A real Vendure shop is kept told what it may sell, and keeps what it has sold (S5)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.ids import wall_clock
from resolvers.backend_ports import Backend
from resolvers.publishing import Publisher
from resolvers.reading import Memory
from resolvers.sync import sync_backend
from resolvers.watch import Follower
from tests.contract.shop import product, variant
from tests.live.vendure.connected import CHANNELS, closed, connected, level, variant_id
from tests.live.vendure.house import RunningVendure
from tests.support import OPERATOR, Clock, Shop

pytestmark = [pytest.mark.live_vendure, pytest.mark.timeout(600)]

SKU, PLACE = "BT0104-01", "WH-01"
STEPS_MAX = 100


class Wall(Clock):
    """The time by the wall: orders are asked for by the shop's own stamps."""

    def __call__(self) -> datetime:
        return wall_clock()


async def test_it_follows_our_stock_and_an_order_that_slips_in_is_not_given_back(
    vendure: RunningVendure,
) -> None:
    made = connected(vendure)
    try:
        await follows(vendure, made)
    finally:
        await closed(made)


async def follows(vendure: RunningVendure, made: Backend) -> None:
    backend = replace(made, publishes=True)
    assert backend.publication is not None
    shop = Shop(clock=Wall(), channels=CHANNELS, backends=[backend])
    await shop.furnish([product("serum", (variant(SKU, "serum"),))])
    await shop.stocked(SKU, PLACE, 12)
    ctx = shop.context(OPERATOR)
    assert await sync_backend(ctx, backend, Memory(), whole=True)
    changed = Follower()
    publisher = Publisher(backend, changed, timedelta(minutes=5))
    last = 0

    async def tell() -> None:
        nonlocal last
        for event in await shop.store.house.events(last, 10_000):
            last = event.sequence
            changed.note((event.topic, event.key))
        lease = await shop.store.house.lease("publish:shop", "me", 600, shop.clock())
        for _ in range(STEPS_MAX):
            if not await publisher.step(shop.context(OPERATOR), lambda: lease):
                return
        raise AssertionError("it never came to rest")

    serum = variant_id(vendure.admin(), SKU)
    await tell()
    promised = await shop.available(SKU, "web")
    assert (await backend.publication.published([serum]))[serum] == promised > 0

    shopper = vendure.shopper()
    shopper.takes(serum, 3)
    shopper.says_who("Ruoxi", "Wu", "slips@example.com", "136 0013 9990")
    shopper.pays()
    await shop.stocked(SKU, PLACE, 10)  # two were sold at a till; the shop's three are unread
    await tell()

    left = await shop.available(SKU, "web")
    assert left == promised - 5
    assert (await backend.publication.published([serum]))[serum] == left
    assert level(vendure.admin(), serum)[1] == 3
    await shop.close()
