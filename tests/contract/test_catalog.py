"""The mirror of products and places: what differs is written, and found again."""

from dataclasses import replace

from resolvers.domain.catalog import Component, Media, Provenance
from resolvers.domain.locations import (
    Capability,
    GeoPoint,
    Location,
    LocationKind,
    OpeningHours,
)
from resolvers.domain.values import Money
from resolvers.filters import ProductFilter, ProductSort
from tests.contract.shop import NOON, minutes, product, variant

LATER = NOON + minutes(1)
FULL = product(
    "bag",
    (
        variant(
            "BAG-1",
            "bag",
            titles={"zh-CN": "包 黑色", "en": "Bag Black"},
            barcodes=("690001", "690002"),
            options=(("colour", "黑色 Black"),),
            prices={"web": Money(280_000, "CNY"), "store": Money(290_000, "CNY")},
            unit_cost=Money(90_000, "CNY"),
            provenance=(Provenance("erp", "17", NOON), Provenance("pos", "b-17", NOON)),
        ),
        variant("BAG-SET", "bag", components=(Component("BAG-1", 1), Component("BELT", 2))),
    ),
    titles={"zh-CN": "包", "en": "Bag"},
    brand="Tarvano",
    description="Leather 皮",
    categories=("leather/bags",),
    media=(Media("https://media.example.com/bag.jpg", "Bag"),),
)


async def test_a_product_comes_back_as_it_was_saved(store):
    assert await store.catalog.save_products([FULL], NOON) == 1

    assert await store.catalog.product("bag") == FULL
    assert await store.catalog.product("Bag") is None
    assert await store.catalog.products(["bag", "belt"]) == {"bag": FULL}
    assert await store.catalog.variants(["BAG-SET", "BELT"]) == {"BAG-SET": FULL.variants[1]}


async def test_the_order_of_titles_survives(store):
    await store.catalog.save_products([FULL], NOON)

    turned = replace(FULL, titles=dict(sorted(FULL.titles.items())))

    assert await store.catalog.save_products([turned], NOON) == 1
    found = await store.catalog.product("bag")
    assert list(found.titles) == ["en", "zh-CN"]


async def test_only_what_differs_is_written_and_told(shop, store):
    belt, hat = product("belt"), product("hat")
    await store.catalog.save_products([FULL, belt], NOON)
    dearer = replace(belt, variants=(replace(belt.variants[0], prices={"web": Money(9, "CNY")}),))

    assert await store.catalog.save_products([FULL, dearer, hat], LATER) == 2

    assert await shop.events() == [
        ("catalog", "bag"),
        ("catalog", "belt"),
        ("catalog", "belt"),
        ("catalog", "hat"),
    ]
    assert await store.catalog.product("belt") == dearer


async def test_reading_the_same_again_later_writes_nothing(shop, store):
    await store.catalog.save_products([FULL, product("belt")], NOON)

    def seen_later(provenance: tuple[Provenance, ...]) -> tuple[Provenance, ...]:
        return tuple(replace(fact, observed_at=LATER) for fact in provenance)

    again = replace(
        FULL,
        provenance=seen_later(FULL.provenance),
        variants=tuple(replace(v, provenance=seen_later(v.provenance)) for v in FULL.variants),
    )

    assert await store.catalog.save_products([again, product("belt")], LATER) == 0
    assert len(await shop.events()) == 2


async def test_the_last_word_on_a_product_counts_even_within_one_reading(store):
    renamed = replace(FULL, brand="Mosskarn")

    assert await store.catalog.save_products([FULL, renamed, renamed], NOON) == 2

    assert await store.catalog.product("bag") == renamed


async def test_a_large_reading_is_saved_whole(shop, store):
    many = [product(f"p-{at:03}") for at in range(120)]

    assert await store.catalog.save_products(many, NOON) == 120

    assert await store.catalog.products([p.handle for p in many]) == {p.handle: p for p in many}
    assert await shop.events() == [("catalog", p.handle) for p in many]


async def test_a_variant_that_a_product_lost_is_gone_with_its_barcodes(store):
    await store.catalog.save_products([FULL], NOON)

    await store.catalog.save_products([replace(FULL, variants=FULL.variants[1:])], NOON)

    assert list(await store.catalog.variants(["BAG-1", "BAG-SET"])) == ["BAG-SET"]
    assert await store.catalog.skus_of_barcode("690001") == []


async def test_a_variant_that_moved_is_the_new_products_whichever_was_saved_first(store):
    moved = variant("V", "new", barcodes=("690002",))
    old = product("old", (variant("V", "old", barcodes=("690001",)), variant("W", "old")))
    await store.catalog.save_products([old], NOON)

    await store.catalog.save_products([product("new", (moved,))], NOON)
    await store.catalog.save_products([product("old", (variant("W", "old"),))], NOON)

    assert await store.catalog.variants(["V"]) == {"V": moved}
    assert await store.catalog.skus_of_barcode("690001") == []
    assert await store.catalog.skus_of_barcode("690002") == ["V"]


async def test_a_barcode_leads_to_every_sku_that_bears_it(store):
    shared = ("690009",)
    await store.catalog.save_products(
        [
            product("one", (variant("B", "one", barcodes=shared),)),
            product("two", (variant("A", "two", barcodes=(*shared, "690010", "690010")),)),
        ],
        NOON,
    )

    assert await store.catalog.skus_of_barcode("690009") == ["A", "B"]
    assert await store.catalog.skus_of_barcode("690010") == ["A"]
    assert await store.catalog.skus_of_barcode("69000") == []

    await store.catalog.save_products([product("two", (variant("A", "two"),))], NOON)

    assert await store.catalog.skus_of_barcode("690009") == ["B"]


async def test_a_product_that_changed_is_found_by_what_it_says_now(store):
    await store.catalog.save_products([FULL], NOON)
    became = replace(FULL, titles={"en": "Pouch"}, categories=("gifts",), brand=None)
    variants = (variant("BAG-1", "bag", prices={"live": Money(5, "CNY")}),)
    await store.catalog.save_products([replace(became, variants=variants)], LATER)

    async def finds(**asked: object) -> bool:
        asking = ProductFilter(**asked)  # type: ignore[arg-type]
        page = await store.catalog.product_page(asking, ProductSort.PRICE_ASC, None, 10)
        return [found.handle for _, found in page] == ["bag"]

    assert await finds(search="pouch")
    assert await finds(categories=("gifts",))
    assert await finds(channel="live")
    assert not await finds(search="tarvano")
    assert not await finds(search="690001")
    assert not await finds(categories=("leather",))
    assert not await finds(channel="web")
    assert not await finds(brands=("Tarvano",))


async def test_places_are_written_when_they_differ_and_listed_by_code(store):
    shop_ = Location(
        "SH-01",
        "静安店",
        LocationKind.STORE,
        "east",
        GeoPoint(31.2, 121.5),
        (Capability.PICKUP,),
        opening_hours=(OpeningHours(1, "10:00", "22:00"),),
        active_from=NOON,
        safety_stock=1,
        authority="erp",
    )
    warehouse = Location("AA-01", "Warehouse", LocationKind.WAREHOUSE)

    assert await store.catalog.save_locations([shop_, warehouse]) == 2
    assert await store.catalog.save_locations([shop_, replace(warehouse, name="Depot")]) == 1
    assert await store.catalog.save_locations([]) == 0

    assert await store.catalog.locations() == [replace(warehouse, name="Depot"), shop_]


async def test_variants_are_walked_through_in_order_of_sku(store):
    await store.catalog.save_products([product("belt"), FULL], NOON)

    first = await store.catalog.variant_page(None, 2)
    rest = await store.catalog.variant_page("BAG-SET", 2)

    assert first == list(FULL.variants)
    assert [variant.sku for variant in rest] == ["BELT"]
    assert await store.catalog.variant_page("BELT", 2) == []


async def test_who_said_what_comes_back(store):
    said = {"title": ("erp",), "prices.web": ("shop", "erp")}
    told = product("bag", (variant("BAG-1", "bag", said_by=said),), said_by=said)

    await store.catalog.save_products([told], NOON)

    assert await store.catalog.product("bag") == told
