"""Listings of the sandbox's marketplaces in a whole house: what needs a person, and how the
catalogue follows (P1, P3).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from connectors.sandbox import goods
from resolvers.domain.catalog import Product
from resolvers.listings import ListingView, MapListing, browse_unmatched, map_listing, suggested
from resolvers.merging import merge
from resolvers.price_differences import browse_price_differences
from tests.resolvers.conftest import ADMIN, House
from tests.support import SKU

MARKET = "marketplace-a"


async def unmatched(house: House) -> list[ListingView]:
    """Every page of them."""
    page = await browse_unmatched(house(ADMIN), 100, None)
    found = page.nodes
    for _ in range(10):
        if not page.has_next:
            return found
        page = await browse_unmatched(house(ADMIN), 100, page.end)
        found += page.nodes
    raise AssertionError("there are fewer pages than ten")


async def test_every_odd_listing_is_shown_and_suggests_what_it_really_is(house: House) -> None:
    shown = [view for view in await unmatched(house) if view.listing.backend == MARKET]
    truth = await house.marketplace.stands_for()

    best = {
        view.listing.id: (await suggested(house(ADMIN), view))[0].sku
        for view in shown
        if view.offer is None
    }
    assert best == {id: truth[id] for id in best}
    assert len(best) == 12
    [repeated] = [view for view in shown if view.offer is not None]
    assert repeated.offer is not None
    assert truth[repeated.duplicate_of or ""] == repeated.offer.sku


async def test_a_mapped_listing_is_shown_no_more(house: House) -> None:
    [first, *rest] = await unmatched(house)
    sku = (await suggested(house(ADMIN), first))[0].sku

    await map_listing(house(ADMIN), "k", MapListing(first.listing.backend, first.listing.id, sku))

    assert [view.listing.id for view in await unmatched(house)] == [it.listing.id for it in rest]


async def test_a_price_of_a_marketplace_is_followed_and_gone_with_its_listing(house: House) -> None:
    listing = next(id for id, sku in (await house.marketplace.stands_for()).items() if sku == SKU)
    await house.marketplace.reprice(listing, 70_000)
    await house.sync(MARKET)
    [difference] = (await browse_price_differences(house(ADMIN), 1, None)).nodes
    assert (
        difference.variant.sku,
        difference.difference.minor if difference.difference else 0,
    ) == (
        SKU,
        6_000,
    )

    await house.marketplace.take_down(listing)
    await house.sync(MARKET)

    variant = (await house.runtime.store.catalog.variants([SKU]))[SKU]
    assert variant.prices[MARKET] == goods.variants_by_sku()[SKU].prices[MARKET]
    assert [fact.system for fact in variant.provenance] == ["erp", "marketplace-b"]


async def test_a_product_that_was_kept_before_masters_were_is_its_masters_word(
    house: House,
) -> None:
    store = house.runtime.store
    product = replace(goods.catalogue()[0], handle="old", variants=())
    await store.catalog.save_products([product], house.clock())

    assert await merge(house(ADMIN), ["old"]) == 0

    assert (await store.listings.masters(["old"]))["old"] == [("erp", product)]


class _Overtaken:
    """A catalogue in which another process shows an older word between our reading and our
    writing, once.
    """

    def __init__(self, behind: Any, older: Product) -> None:
        self._behind = behind
        self._older: Product | None = older

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    async def save_products(self, products: Sequence[Product], now: Any) -> int:
        saved = int(await self._behind.save_products(products, now))
        if self._older is not None:
            await self._behind.save_products([self._older], now)
            self._older = None
        return saved


async def test_what_another_process_shows_too_late_does_not_stay(house: House) -> None:
    handle = goods.catalogue()[0].handle
    ctx = house(ADMIN)
    before = (await ctx.store.catalog.products([handle]))[handle]
    listing = next(id for id, sku in (await house.marketplace.stands_for()).items() if sku == SKU)
    key = (MARKET, listing)
    known = (await ctx.store.listings.listings([key]))[key]
    await ctx.store.listings.save_listings([replace(known, active=False)])
    overtaken: Any = _Overtaken(ctx.store.catalog, before)
    ctx = replace(ctx, store=replace(ctx.store, catalog=overtaken))

    await merge(ctx, [handle])

    variant = (await ctx.store.catalog.variants([SKU]))[SKU]
    assert [fact.system for fact in variant.provenance] == ["erp", "marketplace-b"]
