"""A few numbers asked of a real Tryton while somebody waits, against its witness and its readings
(G2, S1).
"""

from collections.abc import AsyncIterator

import pytest

from resolvers.backend_ports import Role
from resolvers.domain.errors import BackendRefused
from tests.live.tryton.door import Erp
from tests.live.tryton.house import RunningTryton

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]  # the first run installs Tryton


@pytest.fixture
async def erp(tryton: RunningTryton) -> AsyncIterator[Erp]:
    door = Erp(tryton)
    yield door
    await door.close()


async def test_a_look_counts_as_a_reading_does_at_every_place(erp):
    live = erp.backend.live_stock
    assert live is not None and Role.LIVE_STOCK in erp.backend.capabilities.roles
    for place in ("CW01", "SH01"):
        levels = (await erp.stock.read(place)).levels
        some = sorted(levels)[:50]

        look = await live.look([(sku, place) for sku in some])

        assert look.on_hand == {(sku, place): levels[sku].on_hand for sku in some}
        assert look.watermark is None


async def test_a_look_at_two_places_keeps_them_apart_and_leaves_out_what_is_unknown(erp):
    live = erp.backend.live_stock
    assert live is not None
    sku = "BT0101-01"
    readings = {place: (await erp.stock.read(place)).levels for place in ("CW01", "SH01")}

    look = await live.look([(sku, "CW01"), (sku, "SH01"), ("NO-SUCH-SKU", "CW01")])

    assert look.on_hand == {(sku, at): levels[sku].on_hand for at, levels in readings.items()}
    assert len(set(look.on_hand.values())) == 2, "two places that are told apart by their numbers"


async def test_a_place_that_is_not_there_is_refused(erp):
    live = erp.backend.live_stock
    assert live is not None

    with pytest.raises(BackendRefused):
        await live.look([("BT0101-01", "XX99")])
