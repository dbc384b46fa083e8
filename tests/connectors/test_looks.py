"""What systems are asked while somebody waits, against servers that are scripted (G2)."""

from typing import Any

import pytest

from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_looks import Looks
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Knobs
from resolvers.domain.errors import BackendRefused
from resolvers.domain.values import Money
from tests.connectors.tryton_scripted import Clock, Scripted, client_of, of_company
from tests.connectors.vendure_scripted import Shop

QUANTITIES = "model.product.product.search_read"


class Warehouse:
    """A Tryton whose products lie in amounts that a test says, by the id of the location."""

    def __init__(self, at: dict[int, dict[str, float]]) -> None:
        self.at = at
        self.server = Scripted(
            {
                **of_company(),
                QUANTITIES: self._quantities,
            }
        )
        clock = Clock()
        client = client_of(self.server.handle, clock)
        self.books = CompanyBooks(client, clock)
        self.looks = Looks(client, self.books)

    def _quantities(self, params: list[Any]) -> Any:
        [location], [[_, _, skus]] = params[-1]["locations"], params[0]
        shelf = self.at[location]
        return [
            {"id": at, "code": sku, "quantity": shelf[sku]}
            for at, sku in enumerate(skus, start=1)
            if sku in shelf
        ]


async def test_tryton_is_asked_once_a_warehouse_and_only_for_what_is_looked_at():
    warehouse = Warehouse({})
    ids = {code: (await warehouse.books.warehouse(code)).id for code in ("CW01", "SH01")}
    warehouse.at = {ids["CW01"]: {"A": 7.0, "B": -2.0}, ids["SH01"]: {"A": 1.5}}

    look = await warehouse.looks.look([("B", "CW01"), ("A", "SH01"), ("A", "CW01"), ("C", "CW01")])

    assert look.on_hand == {("A", "CW01"): 7, ("B", "CW01"): -2, ("A", "SH01"): 1}
    assert look.watermark is None
    asked = {(str(p[0]), p[2]) for p in warehouse.server.asked(QUANTITIES)}
    assert asked == {
        ("[['code', 'in', ['A', 'B', 'C']]]", 200),
        ("[['code', 'in', ['A']]]", 200),
    }


async def test_tryton_refuses_a_warehouse_that_it_does_not_have():
    with pytest.raises(BackendRefused):
        await Warehouse({}).looks.look([("A", "XX99")])


async def test_vendure_is_asked_once_a_channel_for_all_listings():
    shop = Shop()
    backend = shop.backend()
    assert backend.live_prices is not None and backend.listings is not None
    known = [it async for page in backend.listings.listings("") for it in page.items]
    shop.asked.clear()

    prices = await backend.live_prices.prices([it.id for it in known])

    assert prices == {it.id: it.prices for it in known if it.prices}
    assert sorted(channel for _, _, channel in shop.asked) == ["mini", "web"]


async def test_vendure_leaves_out_what_it_does_not_have_and_currencies_that_are_not_ours():
    shop = Shop()
    backend = shop.backend()
    assert backend.live_prices is not None
    id = shop.prices["web"][0]["id"]
    shop.prices["web"][0] = {**shop.prices["web"][0], "priceWithTax": 4200}
    for row in shop.prices["mini"]:
        row["currencyCode"] = "USD"

    prices = await backend.live_prices.prices([id, "no such"])

    assert prices == {id: (("web", Money(4200, "CNY")),)}


async def test_the_sandbox_tells_who_looks_what_its_silent_feeds_do_not(tmp_path):
    erp = SandboxErp(tmp_path)
    spot = ("BT-0001-30ML", "WH-01")
    before = await erp.look([spot])
    await erp.set_knobs(Knobs(silent=True))
    await erp.write_off(spot[1], spot[0], 2)

    now = await erp.look([spot, ("NO-SUCH", "WH-01")])

    assert before.watermark is not None and now.watermark == before.watermark + 1
    assert now.on_hand == {spot: before.on_hand[spot] - 2}
    assert (await erp.read("WH-01")).levels[spot[0]].on_hand == before.on_hand[spot]
    erp.close()
