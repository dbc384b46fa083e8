"""What Shopify offers: listings, whole, since a cursor, and one by one."""

from datetime import timedelta
from typing import Any

import pytest

from resolvers.backend_ports import Backend
from resolvers.domain.catalog import Media, Provenance
from resolvers.domain.errors import BackendRefused, BackendUnavailable
from resolvers.domain.listings import Listing
from resolvers.domain.values import Money
from tests.shopify.standin import ShopifyStandin
from tests.support import NOON


async def listed(backend: Backend, cursor: str = "") -> tuple[list[Listing], str, bool]:
    assert backend.listings is not None
    found: list[Listing] = []
    whole = False
    async for page in backend.listings.listings(cursor):
        found += page.items
        cursor, whole = page.cursor, page.whole
    return found, cursor, whole


async def test_a_variant_is_a_listing_with_its_price_and_what_our_location_may_sell(
    shop: ShopifyStandin, backend: Backend
) -> None:
    picture = {"__typename": "MediaImage", "image": {"url": "https://cdn.test/1", "altText": None}}
    [id] = shop.offer(
        "Jasmine",
        {"sku": " BT-1 ", "barcode": "690001", "price": "128.50", "title": "30 g", "available": 4},
        description="Green.",
        featuredMedia=picture,
    )

    assert await listed(backend) == (
        [
            Listing(
                backend="shop",
                id=id,
                title="Jasmine - 30 g",
                provenance=Provenance("shop", id, NOON),
                updated_at=NOON,
                seller_code="BT-1",
                barcodes=("690001",),
                prices=(("web", Money(12850, "CNY")),),
                description="Green.",
                media=(Media("https://cdn.test/1"),),
                product_title="Jasmine",
                published=4,
                active=True,
            )
        ],
        '{"since":"2026-03-02T12:00:00+00:00"}',
        True,
    )


@pytest.mark.parametrize(
    ("variant", "product", "expected"),
    [
        ({"sku": None}, {}, {"seller_code": None, "title": "Tea"}),
        ({"sku": "A", "tracked": False}, {}, {"published": None}),
        ({"sku": "A", "stocked": False}, {}, {"published": None}),
        ({"sku": "A", "available": -2}, {}, {"published": -2}),
        ({"sku": "A"}, {"status": "DRAFT"}, {"active": False}),
        ({"sku": "A"}, {"status": "UNLISTED"}, {"active": True}),
    ],
)
async def test_what_a_listing_does_not_have(
    shop: ShopifyStandin,
    backend: Backend,
    variant: dict[str, Any],
    product: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    shop.offer("Tea", variant, **product)
    [[listing], _, _] = await listed(backend)

    assert {name: getattr(listing, name) for name in expected} == expected


async def test_all_pages_are_read_and_all_variants_of_a_product(
    shop: ShopifyStandin, backend: Backend
) -> None:
    ids = [shop.offer(f"Tea {at}", {"sku": f"S{at}"}) for at in range(34)]
    ids.append(shop.offer("Many", *({"sku": f"M{at}"} for at in range(130))))

    found, _, whole = await listed(backend)

    assert [it.id for it in found] == [id for product in ids for id in product]
    assert whole


async def test_shopify_says_how_much_may_be_asked_at_once_and_that_is_learned(
    shop: ShopifyStandin, backend: Backend
) -> None:
    for at in range(30):
        shop.offer(f"Tea {at}", {"sku": f"S{at}"})
    await listed(backend)
    sizes = [variables["first"] for name, variables in shop.asked if name == "Products"]

    assert sizes == [10, 10, 10]
    assert shop.throttled == 0


async def test_a_reading_since_a_cursor_tells_only_what_changed(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [first] = shop.offer("First", {"sku": "A"})
    shop.offer("Second", {"sku": "B"})
    shop.clock.advance(minutes=10)
    _, cursor, _ = await listed(backend)
    shop.clock.advance(minutes=10)
    shop.sell(first)

    found, after, whole = await listed(backend, cursor)

    assert [it.id for it in found] == [first]
    assert after == '{"since":"2026-03-02T12:20:00+00:00"}'
    assert not whole


async def test_no_change_is_lost_at_equal_stamps_over_pages_nor_in_a_late_index(
    shop: ShopifyStandin, backend: Backend
) -> None:
    shop.index_lag = timedelta(seconds=90)
    ids = [shop.offer(f"Tea {at}", {"sku": f"S{at}"})[0] for at in range(25)]
    shop.clock.advance(minutes=10)
    _, cursor, _ = await listed(backend)
    for id in ids:  # all in the second of the reading, and not yet in the index
        shop.sell(id)
    found, cursor, _ = await listed(backend, cursor)
    assert found == []

    shop.clock.advance(seconds=91)
    found, cursor, _ = await listed(backend, cursor)
    assert [it.id for it in found] == ids


async def test_a_listing_is_found_by_its_id_and_by_what_is_counted_of_it(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 3})
    assert backend.listings is not None
    by_id = await backend.listings.listing(id)
    by_item = await backend.listings.listing(shop.variants[id]["inventoryItem"]["id"])

    assert by_id is not None
    assert (by_id.id, by_id.published) == (id, 3)
    assert by_item == by_id
    assert await backend.listings.listing("no id of theirs") is None


@pytest.mark.parametrize(
    "cursor", ["x", "[]", "{}", '{"after":3}', '{"since":"yesterday"}', '{"since":3}']
)
async def test_a_cursor_of_others_is_refused(backend: Backend, cursor: str) -> None:
    with pytest.raises(BackendRefused, match="is no cursor"):
        await listed(backend, cursor)


async def test_a_price_that_its_currency_does_not_have_makes_no_sense(
    shop: ShopifyStandin, backend: Backend
) -> None:
    shop.offer("Tea", {"sku": "A", "price": "1.005"})
    with pytest.raises(BackendUnavailable, match="CNY has 2 decimal digits"):
        await listed(backend)


async def test_prices_of_variants_are_asked_for_in_one_question(
    shop: ShopifyStandin, backend: Backend
) -> None:
    [id] = shop.offer("Jasmine", {"sku": "BT-1", "price": "128.50", "title": "30 g"})
    assert backend.live_prices is not None

    prices = await backend.live_prices.prices([id, "gid://shopify/ProductVariant/999999"])

    assert prices == {id: (("web", Money(12850, "CNY")),)}
