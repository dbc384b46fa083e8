"""Master data and listings as their sources say them, and what a listing stands for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.stores.memory.engine import open_memory
from resolvers.copying import Side, copy, digest_of
from resolvers.domain.catalog import Media, Provenance
from resolvers.domain.listings import Listing, ListingMapping
from resolvers.domain.values import Money
from resolvers.ports import Store
from tests.contract.shop import NOON, minutes, product, variant


def listing(id: str, code: str | None = None, backend: str = "tmall", **more: Any) -> Listing:
    """A listing that is on offer, by its seller code, unless more is said."""
    made = Listing(backend, id, f"Offer {id}", Provenance(backend, id, NOON), NOON, code)
    return replace(made, **more)


def mapped(id: str, sku: str, backend: str = "tmall") -> ListingMapping:
    return ListingMapping(backend, id, sku, 2, "me", NOON)


def keys(found: Sequence[Listing]) -> list[str]:
    return [f"{it.backend} {it.id}" for it in found]


async def walk(store: Store, *, unmatched: bool, backend: str | None = None) -> list[str]:
    """Listings from the first page to the last, two at a time."""
    seen: list[str] = []
    after: tuple[str, str] | None = None
    while page := await store.listings.listing_page(backend, after, 2, unmatched=unmatched):
        seen += keys(page)
        after = (page[-1].backend, page[-1].id)
        assert len(seen) < 99
    return seen


async def stands_for(store: Store, *skus: str) -> dict[str, list[str]]:
    return {sku: keys(of) for sku, of in (await store.listings.listings_of(skus)).items()}


async def test_what_each_source_says_of_a_product_stands_beside_the_others(store):
    ours, theirs = product("bottle", brand="Amber"), product("bottle", brand="AMBER")
    await store.listings.save_masters("tmall", [theirs])
    await store.listings.save_masters("erp", [ours, product("jar")])

    found = await store.listings.masters(["bottle", "jar", "cup", "bottle"])
    assert found == {
        "bottle": [("erp", ours), ("tmall", theirs)],
        "jar": [("erp", product("jar"))],
    }

    later = (Provenance("erp", "1", NOON + minutes(9)),)
    await store.listings.save_masters("erp", [replace(ours, provenance=later)])  # says the same
    assert (await store.listings.masters(["bottle"]))["bottle"][0] == ("erp", ours)
    await store.listings.save_masters("erp", [replace(ours, brand="Umber")])
    assert (await store.listings.masters(["bottle"]))["bottle"] == [
        ("erp", replace(ours, brand="Umber")),
        ("tmall", theirs),
    ]


async def test_a_listing_comes_back_whole_and_what_says_the_same_is_no_change(store):
    whole = listing(
        "1",
        "A",
        barcodes=("690", "691"),
        prices=(("web", Money(1990, "CNY")),),
        description="two 瓶",
        media=(Media("https://x/1.jpg", "front"),),
        product_title="Bottle",
        published=3,
        active=False,
    )
    other = listing("1", backend="jd")

    assert await store.listings.save_listings([whole, other]) == 2
    seen_later = replace(whole, provenance=replace(whole.provenance, observed_at=NOON + minutes(1)))
    assert await store.listings.save_listings([seen_later, other]) == 0
    assert await store.listings.save_listings([other, replace(other, published=1)]) == 1

    found = await store.listings.listings([("tmall", "1"), ("jd", "1"), ("jd", "2")])
    assert found == {("tmall", "1"): whole, ("jd", "1"): replace(other, published=1)}


async def test_a_mapping_goes_over_the_seller_code_at_once_and_a_later_one_over_it(store):
    await store.listings.save_listings(
        [listing("2", "A"), listing("1", "A"), listing("3"), listing("1", "A", "jd")]
    )
    assert await stands_for(store, "A", "B") == {"A": ["jd 1", "tmall 1", "tmall 2"]}

    for mapping in (mapped("2", "B"), mapped("3", "B"), mapped("4", "B")):
        await store.listings.save_mapping(mapping)
    assert await stands_for(store, "B", "A", "B") == {
        "A": ["jd 1", "tmall 1"],
        "B": ["tmall 2", "tmall 3"],
    }

    await store.listings.save_mapping(mapped("2", "C"))
    assert await stands_for(store, "A", "B", "C") == {
        "A": ["jd 1", "tmall 1"],
        "B": ["tmall 3"],
        "C": ["tmall 2"],
    }
    found = await store.listings.mappings([("tmall", "2"), ("tmall", "4"), ("jd", "1")])
    assert found == {("tmall", "2"): mapped("2", "C"), ("tmall", "4"): mapped("4", "B")}


async def test_a_listing_that_is_mapped_before_it_is_read_stands_for_that_sku(store):
    await store.listings.save_mapping(mapped("1", "B"))

    await store.listings.save_listings([listing("1", "A")])

    assert await stands_for(store, "A", "B") == {"B": ["tmall 1"]}


async def test_what_is_not_on_offer_any_more_stands_for_nothing_and_is_still_listed(store):
    await store.listings.save_listings([listing("1", "A"), listing("2")])
    await store.listings.save_mapping(mapped("2", "A"))

    ended = [listing("1", "A", active=False), listing("2", active=False)]
    assert await store.listings.save_listings(ended) == 2

    assert await stands_for(store, "A") == {}
    assert await walk(store, unmatched=True) == []
    assert await walk(store, unmatched=False) == ["tmall 1", "tmall 2"]


async def test_pages_go_by_backend_and_id_also_where_ids_are_equal(store):
    names = [(code, id) for code in ("tmall", "jd") for id in ("3", "10", "1")]
    await store.listings.save_listings([listing(id, backend=code) for code, id in names])

    in_order = ["jd 1", "jd 10", "jd 3", "tmall 1", "tmall 10", "tmall 3"]
    assert await walk(store, unmatched=False) == in_order
    assert await walk(store, unmatched=False, backend="jd") == in_order[:3]
    assert await walk(store, unmatched=True, backend="tmall") == in_order[3:]
    after = await store.listings.listing_page("tmall", ("jd", "3"), 9, unmatched=False)
    assert keys(after) == in_order[3:]


async def test_a_listing_is_unmatched_while_what_it_stands_for_is_not_sold(store):
    await store.catalog.save_products([product("a"), product("b")], NOON)
    await store.listings.save_listings(
        [
            listing("1", "A"),
            listing("2", "X"),
            listing("3"),
            listing("4", "A"),
            listing("5", "X"),
            listing("6", "X", active=False),
            listing("7", "Y", "jd"),
        ]
    )
    await store.listings.save_mapping(mapped("4", "gone"))
    await store.listings.save_mapping(mapped("5", "B"))

    assert await walk(store, unmatched=True) == ["jd 7", "tmall 2", "tmall 3", "tmall 4"]

    await store.listings.save_mapping(mapped("3", "B"))
    assert await walk(store, unmatched=True, backend="tmall") == ["tmall 2", "tmall 4"]
    sold_now = [product("b", [variant("X", "b")]), product("y")]
    await store.catalog.save_products(sold_now, NOON)  # X is sold, and B no more
    assert await walk(store, unmatched=True) == ["tmall 3", "tmall 4", "tmall 5"]


async def test_the_few_unmatched_among_many_are_found_page_by_page(store):
    await store.catalog.save_products([product("a")], NOON)
    many = [listing(f"{at:03}", "X" if at in (5, 250, 449) else "A") for at in range(450)]
    await store.listings.save_listings(many)

    assert await walk(store, unmatched=True) == ["tmall 005", "tmall 250", "tmall 449"]


@pytest.mark.parametrize("part", ["masters", "listings", "mappings"])
async def test_a_copy_carries_them_over(store, part):
    await store.listings.save_masters("erp", [product("bottle")])
    await store.listings.save_masters("tmall", [product("bottle"), product("jar")])
    await store.listings.save_listings([listing("1", "A"), listing("2"), listing("1", "A", "jd")])
    for mapping in (mapped("1", "B"), mapped("2", "B")):
        await store.listings.save_mapping(mapping)
    other = open_memory()

    async for _ in copy(Side("one", store), Side("other", other), "copier", lambda: NOON, 0):
        pass
    await store.upkeep.load(part, await other.upkeep.dump(part, None, 9))

    assert await digest_of(store, part) == await digest_of(other, part)
    assert await other.listings.masters(["bottle"]) == await store.listings.masters(["bottle"])
    for each in (store, other):
        assert await stands_for(each, "A", "B") == {"A": ["jd 1"], "B": ["tmall 1", "tmall 2"]}
    keys = [row.key for row in await store.upkeep.dump(part, None, 9)]
    assert (
        keys
        == {
            "masters": ["bottle\x1ferp", "bottle\x1ftmall", "jar\x1ftmall"],
            "listings": ["jd\x1f1", "tmall\x1f1", "tmall\x1f2"],
            "mappings": ["tmall\x1f1", "tmall\x1f2"],
        }[part]
    )
    second = await store.upkeep.dump(part, keys[0], 1)
    assert [row.key for row in second] == [keys[1]]
