"""Pages of products: every order is walked to its end, every filter keeps what it says."""

import random
from collections.abc import Callable

import pytest

from resolvers.domain.catalog import Component, Product
from resolvers.domain.errors import InvalidInput
from resolvers.domain.search import lowest_price, title_key
from resolvers.domain.values import Money
from resolvers.filters import ProductFilter, ProductSort
from tests.contract.shop import NOON, minutes, product, variant

RELEVANCE, TITLE = ProductSort.RELEVANCE, ProductSort.TITLE_ASC
UPDATED = ProductSort.UPDATED_DESC
PRICE_ASC, PRICE_DESC = ProductSort.PRICE_ASC, ProductSort.PRICE_DESC
EVERYTHING = ProductFilter()
CNY = "CNY"


def make(at: int) -> Product:
    """One of forty products: titles, prices and times of change recur, every fifth has no price."""
    handle = f"p-{at * 7 % 40:02}"
    prices = {"web": Money(at % 4 * 100, CNY), "store": Money(at % 3 * 100 + 50, CNY)}
    if at % 6 == 0:
        del prices["store"]
    if at % 5 == 0:
        prices = {}
    return product(
        handle,
        (variant(f"S-{at}", handle, prices=prices),),
        titles={"en": f"{('tea', 'TEA', 'teapot', '茶')[at % 4]} thing"},
        brand=("Velorine", "Tarvano", None)[at % 3],
        categories=(("beauty/skincare", "beauty/makeup", "leather", "beautyfarm")[at % 4],),
        updated_at=None if at % 8 == 0 else NOON + minutes(at % 9),
    )


PRODUCTS = [make(at) for at in range(40)]
SAVED_AT = NOON + minutes(4)


@pytest.fixture
async def catalog(store):
    shuffled = random.Random(5).sample(PRODUCTS, len(PRODUCTS))
    await store.catalog.save_products(shuffled, SAVED_AT)
    return store.catalog


async def walk(catalog, asked: ProductFilter, sort: ProductSort) -> list[str]:
    """Handles from the first page to the last, seven at a time."""
    handles: list[str] = []
    after = None
    for _ in range(len(PRODUCTS)):
        page = await catalog.product_page(asked, sort, after, 7)
        handles += [found.handle for _, found in page]
        if len(page) < 7:
            break
        after = page[-1][0]
    return handles


def price(one: Product, channel: str | None) -> int:
    """The lowest price, above all others where there is none."""
    lowest = lowest_price(one, channel)
    return 10**9 if lowest is None else lowest


def dearest_first(one: Product) -> tuple[bool, int]:
    lowest = lowest_price(one, None)
    return lowest is None, -(lowest or 0)


def keys(sort: ProductSort, channel: str | None = None) -> Callable[[Product], tuple]:
    """What an order means, said once more and naively."""

    def price(one: Product) -> tuple[bool, int]:
        lowest = lowest_price(one, channel)
        return (lowest is None, lowest or 0)

    return {
        RELEVANCE: lambda one: (one.handle,),
        TITLE: lambda one: (title_key(one), one.handle),
        UPDATED: lambda one: (SAVED_AT - (one.updated_at or SAVED_AT), one.handle),
        PRICE_ASC: lambda one: (price(one), one.handle),
        PRICE_DESC: lambda one: (price(one)[0], -price(one)[1], one.handle),
    }[sort]


@pytest.mark.parametrize("sort", list(ProductSort))
async def test_every_order_is_walked_without_loss_or_repeat(catalog, sort):
    walked = await walk(catalog, EVERYTHING, sort)

    assert walked == [one.handle for one in sorted(PRODUCTS, key=keys(sort))]


@pytest.mark.parametrize("sort", list(ProductSort))
async def test_every_order_of_one_channel_is_walked_by_the_prices_of_that_channel(catalog, sort):
    sold = [one for one in PRODUCTS if "store" in one.variants[0].prices]

    walked = await walk(catalog, ProductFilter(channel="store"), sort)

    assert walked == [one.handle for one in sorted(sold, key=keys(sort, "store"))]


@pytest.mark.parametrize("sort", [PRICE_ASC, PRICE_DESC])
async def test_what_is_narrowed_further_is_walked_by_the_prices_of_its_channel_too(catalog, sort):
    sold = [one for one in PRODUCTS if "store" in one.variants[0].prices]
    begins = [one for one in sold if "茶" not in one.titles["en"]]
    branded = [one for one in sold if one.brand == "Tarvano"]

    assert await walk(catalog, ProductFilter(channel="store", search="te"), sort) == [
        one.handle for one in sorted(begins, key=keys(sort, "store"))
    ]
    assert await walk(catalog, ProductFilter(channel="store", brands=("Tarvano",)), sort) == [
        one.handle for one in sorted(branded, key=keys(sort, "store"))
    ]


@pytest.mark.parametrize("sort", [TITLE, UPDATED, PRICE_ASC, PRICE_DESC])
async def test_every_order_of_a_search_is_walked_without_loss_or_repeat(catalog, sort):
    found = [one for one in PRODUCTS if "茶" not in one.titles["en"]]

    walked = await walk(catalog, ProductFilter(search="te thing"), sort)

    assert walked == [one.handle for one in sorted(found, key=keys(sort))]


async def test_a_search_is_walked_by_how_many_of_its_words_are_there_exactly(catalog):
    exact = {one.handle for one in PRODUCTS if one.titles["en"].casefold() == "tea thing"}
    begins = {one.handle for one in PRODUCTS if one.titles["en"] == "teapot thing"}

    walked = await walk(catalog, ProductFilter(search="TEA"), RELEVANCE)

    assert walked == [*sorted(exact), *sorted(begins)]


async def test_a_page_that_others_change_meanwhile_neither_repeats_nor_skips(catalog):
    first = await catalog.product_page(EVERYTHING, RELEVANCE, None, 3)

    await catalog.save_products([product("p-01a"), product("p-02a")], NOON)

    second = await catalog.product_page(EVERYTHING, RELEVANCE, first[-1][0], 3)
    assert [one.handle for _, one in first] == ["p-00", "p-01", "p-02"]
    assert [one.handle for _, one in second] == ["p-02a", "p-03", "p-04"]


def kept(predicate: Callable[[Product], bool]) -> list[str]:
    return sorted(one.handle for one in PRODUCTS if predicate(one))


async def test_products_are_kept_by_each_filter(catalog):
    since = NOON + minutes(4)

    async def found(asked: ProductFilter) -> list[str]:
        return await walk(catalog, asked, RELEVANCE)

    assert await found(ProductFilter(brands=("Velorine", "X"))) == kept(
        lambda one: one.brand == "Velorine"
    )
    assert await found(ProductFilter(categories=("beauty",))) == kept(
        lambda one: one.categories[0].startswith("beauty/")
    )
    assert await found(ProductFilter(categories=("beauty/makeup", "leather"))) == kept(
        lambda one: one.categories[0] in {"beauty/makeup", "leather"}
    )
    assert await found(ProductFilter(channel="web")) == kept(
        lambda one: "web" in one.variants[0].prices
    )
    assert await found(ProductFilter(channel="nowhere")) == []
    assert await found(ProductFilter(updated_since=since)) == kept(
        lambda one: (one.updated_at or SAVED_AT) >= since
    )
    assert await found(
        ProductFilter(brands=("Tarvano",), categories=("beauty",), channel="web")
    ) == kept(
        lambda one: (
            one.brand == "Tarvano"
            and one.categories[0].startswith("beauty/")
            and "web" in one.variants[0].prices
        )
    )


async def test_in_stock_means_that_some_place_has_more_than_was_promised(shop, store):
    parts = (Component("PLENTY", 1),)
    await store.catalog.save_products(
        [
            product("plenty"),
            product("promised"),
            product("sold-out"),
            product("never"),
            product("split", (variant("EMPTY", "split"), variant("FULL", "split"))),
            product("bundle", (variant("BUNDLE", "bundle", components=parts),)),
        ],
        NOON,
    )
    for sku, units in (("PLENTY", 2), ("PROMISED", 2), ("SOLD-OUT", 0), ("FULL", 1), ("BUNDLE", 5)):
        await shop.receive(sku, "WH", units)
    await shop.receive("PROMISED", "SH", 0)
    await shop.hold("R1", ("PROMISED", "WH", 2), ("PLENTY", "WH", 1))

    async def found(*, in_stock: bool) -> list[str]:
        return await walk(store.catalog, ProductFilter(in_stock=in_stock), RELEVANCE)

    assert await found(in_stock=True) == ["plenty", "split"]
    assert await found(in_stock=False) == ["bundle", "never", "promised", "sold-out"]


async def test_what_lies_in_stock_is_walked_by_the_prices_of_a_channel(shop, store):
    prices = (("b", 200), ("a", 100), ("c", 100), ("d", 50))
    await store.catalog.save_products(
        [
            product(handle, (variant(handle, handle, prices={"web": Money(minor, CNY)}),))
            for handle, minor in prices
        ],
        NOON,
    )
    for sku in "abc":
        await shop.receive(sku, "WH", 1)

    stocked, sold_out = (ProductFilter(channel="web", in_stock=wanted) for wanted in (True, False))
    assert await walk(store.catalog, stocked, PRICE_ASC) == ["a", "c", "b"]
    assert await walk(store.catalog, stocked, PRICE_DESC) == ["b", "a", "c"]
    assert await walk(store.catalog, sold_out, PRICE_ASC) == ["d"]


async def test_titles_and_handles_stand_in_the_order_of_their_code_points(store):
    leaf, last_of_the_first_plane = "\U0001f33f", "\ufffd"
    titled = [(leaf, "z"), (last_of_the_first_plane, "y"), ("a", leaf), ("a", "\ufffd")]
    await store.catalog.save_products(
        [product(handle, titles={"en": title}) for title, handle in titled], NOON
    )

    assert await walk(store.catalog, EVERYTHING, TITLE) == ["\ufffd", leaf, "y", "z"]
    assert await walk(store.catalog, EVERYTHING, RELEVANCE) == ["y", "z", "\ufffd", leaf]


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "garbage",
        "p-01",
        "[]",
        '["HANDLE",0]',
        '["HANDLE",0,"p-01","more"]',
        '["HANDLE",0.5,"p-01"]',
        '["HANDLE",true,"p-01"]',
        '["HANDLE","0","p-01"]',
        '["HANDLE",99999999999999999999,"p-01"]',
        '["TITLE_ASC","a","p-01"]',
        '["HANDLE",0,"\\ud800"]',
        '["HANDLE",0,"\ud800"]',
        "\x00",
        "[" * 10_000,
    ],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(store, garbage):
    with pytest.raises(InvalidInput, match="cursor") as refusal:
        await store.catalog.product_page(EVERYTHING, RELEVANCE, garbage, 7)

    assert refusal.value.field == ("after",)


async def test_a_cursor_of_another_order_is_refused(catalog):
    for sort in ProductSort:
        ((cursor, _),) = await catalog.product_page(EVERYTHING, sort, None, 1)
        for other in set(ProductSort) - {sort}:
            with pytest.raises(InvalidInput, match="cursor"):
                await catalog.product_page(EVERYTHING, other, cursor, 1)

    ((cursor, _),) = await catalog.product_page(EVERYTHING, RELEVANCE, None, 1)
    with pytest.raises(InvalidInput, match="cursor"):
        await catalog.product_page(ProductFilter(search="thing"), RELEVANCE, cursor, 1)
