"""Numbers that somebody waits for: as the feeds say them, and of this moment (G2, S1, P3)."""

from collections.abc import Sequence

from resolvers.backend_ports import Role
from resolvers.domain.errors import BackendRefused
from resolvers.domain.listings import Listing
from resolvers.domain.sources import Watermark
from resolvers.live_ports import Prices, Spot, StockLook
from tests.contract.connectors.cases import shows
from tests.contract.connectors.reading import one, pages
from tests.contract.connectors.rig import Rig, Things

STOCK, PRICES = Role.LIVE_STOCK, Role.LIVE_PRICES
UNKNOWN = "99999999"


async def look(rig: Rig, spots: Sequence[Spot]) -> StockLook:
    assert rig.backend.live_stock is not None
    return await rig.backend.live_stock.look(spots)


async def prices(rig: Rig, listings: Sequence[str]) -> dict[str, Prices]:
    assert rig.backend.live_prices is not None
    return dict(await rig.backend.live_prices.prices(listings))


async def listed(rig: Rig) -> dict[str, Listing]:
    """As many of the first listings as one question may ask for."""
    found: dict[str, Listing] = {}
    most = rig.backend.capabilities.live_prices_per_call
    async for page in pages(rig.backend, Role.LISTING_SOURCE):
        found |= page.things
        if len(found) >= most:
            break
    return dict(list(found.items())[:most])


# ---- stock ------------------------------------------------------------------------------------


@shows("a look is what a reading says of each spot, at every place, and what people count", STOCK,
       needs=["on_hand"])  # fmt: skip
async def test_a_look_is_what_a_reading_says(case, rig: Rig) -> None:
    backend = rig.backend
    assert backend.locations is not None and backend.stock is not None
    most = backend.capabilities.live_stock_per_call
    looked_at = 0
    for place in await backend.locations.locations():
        levels = (await backend.stock.read(place.code)).levels
        some = sorted(levels)[:most]

        told = (await look(rig, [(sku, place.code) for sku in some])).on_hand

        assert told == {(sku, place.code): levels[sku].on_hand for sku in some}
        for sku in some[:3]:
            assert told[sku, place.code] == await rig.on_hand(place.code, sku)
        looked_at += len(told)
    assert looked_at


@shows("a look leaves out what is unknown; a place that nobody knows is left out, or refused",
       STOCK, needs=["shelf", "on_hand"])  # fmt: skip
async def test_a_look_leaves_out_what_is_unknown(case, rig: Rig) -> None:
    sku, place = await rig.shelf()

    told = await look(rig, [("NO-SUCH-SKU", place), (sku, place)])

    assert told.on_hand == {(sku, place): await rig.on_hand(place, sku)}
    try:
        nowhere, kind = await look(rig, [(sku, "NO-SUCH-PLACE")]), "NOT_FOUND"
    except BackendRefused as refused:
        nowhere, kind = StockLook({}), refused.kind
    assert nowhere.on_hand == {}
    assert kind in {"NOT_FOUND", "INVALID"}


@shows("what moved is seen at once, at a later watermark if it has any", STOCK,
       needs=["shelf", "on_hand", "move"])  # fmt: skip
async def test_what_moved_is_seen_at_once(case, rig: Rig) -> None:
    declared = rig.backend.capabilities.stock
    assert declared is not None
    sku, place = await rig.shelf()
    before = await look(rig, [(sku, place)])

    await rig.move(place, sku, 2)
    after = await look(rig, [(sku, place)])

    assert after.on_hand[sku, place] == before.on_hand[sku, place] + 2
    if declared.watermark is Watermark.NONE:
        assert (before.watermark, after.watermark) == (None, None)
    else:
        assert before.watermark is not None and after.watermark is not None
        assert after.watermark > before.watermark


# ---- prices -----------------------------------------------------------------------------------


@shows("as many prices as it declares are looked at in one question, and are what the listings say;"
       " the unknown is left out", PRICES)  # fmt: skip
async def test_prices_are_what_the_listings_say(case, rig: Rig) -> None:
    await rig.feeds[Role.LISTING_SOURCE](rig).there()
    found = await listed(rig)

    told = await prices(rig, list(found))

    assert found
    assert told == {id: listing.prices for id, listing in found.items()}
    some = next(iter(found))
    assert await prices(rig, [UNKNOWN, some]) == {some: found[some].prices}


@shows("a price that has changed is seen at once, and no other is another", PRICES,
       needs=["reprice"])  # fmt: skip
async def test_a_price_that_has_changed_is_seen(case, rig: Rig) -> None:
    things: Things = rig.feeds[Role.LISTING_SOURCE](rig)
    await things.there()
    changed, quiet = list(await listed(rig))[:2]
    before = await prices(rig, [changed, quiet])

    await rig.reprice(changed)
    after = await prices(rig, [changed, quiet])

    assert after[changed] != before[changed]
    assert after[quiet] == before[quiet]
    assert (await one(rig.backend, Role.LISTING_SOURCE, changed)).prices == after[changed]
