"""Prices asked of a real Vendure while somebody waits, against what it lists and what its people
change (G2, P3).
"""

import pytest

from resolvers.backend_ports import Backend, Role
from resolvers.domain.values import Money
from tests.live.vendure import seed
from tests.live.vendure.connected import listings, variant_id
from tests.live.vendure.house import RunningVendure

pytestmark = [pytest.mark.live_vendure, pytest.mark.timeout(900)]


async def test_a_look_says_what_the_listings_say_in_both_channels(backend: Backend) -> None:
    found, _ = await listings(backend)
    some = sorted(found.values(), key=lambda it: it.id)[:50]
    assert backend.live_prices is not None and Role.LIVE_PRICES in backend.capabilities.roles

    prices = await backend.live_prices.prices([it.id for it in some])

    assert prices == {it.id: it.prices for it in some}
    assert any(len(said) == 2 for said in prices.values())


async def test_a_look_sees_a_new_price_at_once_and_leaves_out_what_is_unknown(
    vendure: RunningVendure, backend: Backend
) -> None:
    admin = vendure.admin()
    id = variant_id(admin, "BT0101-01")
    live = backend.live_prices
    assert live is not None
    before = dict((await live.prices([id]))[id])["web"]
    seed.change_variants(admin, [{"id": id, "price": before.minor + 500}])

    prices = await live.prices([id, "99999999"])

    assert list(prices) == [id]
    assert dict(prices[id])["web"] == Money(before.minor + 500, "CNY")
