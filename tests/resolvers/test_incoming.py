"""What is on its way to a place, as its system says it: seen, and never promised (S1, S5)."""

from resolvers.backend_ports import Level, StockReading
from resolvers.domain.stock import Position
from tests.resolvers.played import HERE, Followed, followed
from tests.support import SKU


def told(watermark: int, *, incoming: int, tells: bool = True) -> StockReading:
    levels = {SKU: Level(10, 0, incoming)}
    return StockReading(HERE, levels, watermark, tells_incoming=tells)


async def position(it: Followed) -> Position:
    streams = await it.shop.store.stock.streams([SKU], it.shop.clock())
    return streams[SKU].position(HERE)


async def test_what_is_on_its_way_is_seen_and_not_promised() -> None:
    it = await followed()
    it.erp.told[HERE] = told(11, incoming=4)

    await it.sync()

    seen = await position(it)
    assert (seen.on_hand, seen.incoming, seen.unpromised) == (10, 4, 10)


async def test_what_has_arrived_is_on_its_way_no_longer() -> None:
    it = await followed()
    it.erp.told[HERE] = told(11, incoming=4)
    await it.sync()
    it.erp.told[HERE] = StockReading(HERE, {SKU: Level(14)}, 12, tells_incoming=True)

    await it.sync()

    seen = await position(it)
    assert (seen.on_hand, seen.incoming) == (14, 0)


async def test_a_new_process_finds_what_is_on_its_way_different_from_what_is_known() -> None:
    it = await followed()
    it.erp.told[HERE] = told(11, incoming=4)
    await it.sync()
    it.erp.told[HERE] = told(12, incoming=3)

    await it.sync_by_hand()

    assert (await position(it)).incoming == 3


async def test_a_system_that_says_nothing_of_it_leaves_it_as_it_is() -> None:
    it = await followed()
    it.erp.told[HERE] = told(11, incoming=4)
    await it.sync()
    it.erp.told[HERE] = told(12, incoming=0, tells=False)

    await it.sync()
    await it.sync_by_hand()

    assert (await position(it)).incoming == 4
