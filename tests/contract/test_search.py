"""Search: Chinese by two characters or one, Latin by words and prefixes, in any case and width."""

import pytest

from resolvers.filters import ProductFilter, ProductSort
from tests.contract.shop import NOON, product, variant

ESSENCE = product(
    "amber-essence",
    (variant("BT-0001-30ML", "amber-essence", barcodes=("2900000100004",)),),
    titles={"zh-CN": "琥珀水润精华", "en": "Amber Hydrating Essence"},
    brand="Velorine",
    categories=("beauty/skincare",),
)
LIPSTICK = product(
    "aurora-lipstick",
    (
        variant(
            "BT-0011-R01",
            "aurora-lipstick",
            titles={"zh-CN": "极光丝绒口红 玫瑰"},
            options=(("shade", "玫瑰 Rose"),),
        ),
    ),
    titles={"zh-CN": "极光丝绒口红", "en": "Aurora Velvet Lipstick"},
    brand="Lumarelle",
)
VELVET = product("pouch", titles={"en": "Velveteen pouch"})


@pytest.fixture
async def find(store):
    await store.catalog.save_products([ESSENCE, LIPSTICK, VELVET], NOON)

    async def find(search: str, sort: ProductSort = ProductSort.RELEVANCE) -> list[str]:
        page = await store.catalog.product_page(ProductFilter(search=search), sort, None, 10)
        return [found.handle for _, found in page]

    return find


@pytest.mark.parametrize("search", ["水润", "精华", "琥珀水润精华", "精", "珀水", "琥珀 精华"])
async def test_chinese_is_found_by_any_part_of_it(find, search):
    assert await find(search) == ["amber-essence"]


@pytest.mark.parametrize("search", ["水精", "华精", "口琥", "琥珀口红", "飞"])
async def test_chinese_that_does_not_stand_together_is_not_found(find, search):
    assert await find(search) == []


@pytest.mark.parametrize(
    "search", ["ess", "AMBER", "hydrating ess", "ＡＭＢＥＲ", "velor", "essence"]
)
async def test_latin_is_found_by_words_and_beginnings_in_any_case_and_width(find, search):
    assert await find(search) == ["amber-essence"]


@pytest.mark.parametrize("search", ["ssence", "amberx", "amber pouch", "amber_essence_x"])
async def test_the_inside_of_a_word_and_another_word_are_not_found(find, search):
    assert await find(search) == []


async def test_options_skus_barcodes_and_categories_are_searched_too(find):
    assert await find("rose 玫瑰") == ["aurora-lipstick"]
    assert await find("BT-0011-R01") == ["aurora-lipstick"]
    assert await find("29000001") == ["amber-essence"]
    assert await find("skincare") == ["amber-essence"]
    assert await find("bt") == ["amber-essence", "aurora-lipstick"]


async def test_the_word_itself_comes_before_words_that_only_begin_like_it(find, store):
    await store.catalog.save_products([product("a-bag", titles={"en": "Velveteen"})], NOON)

    assert await find("velvet") == ["aurora-lipstick", "a-bag", "pouch"]
    assert await find("velvet lip") == ["aurora-lipstick"]
    assert await find("velvet", ProductSort.TITLE_ASC) == [
        "a-bag",
        "pouch",
        "aurora-lipstick",
    ]


async def test_a_search_without_a_word_in_it_keeps_everything(find):
    assert await find(" -!？ ") == ["amber-essence", "aurora-lipstick", "pouch"]


async def test_words_of_sql_are_only_words(find):
    assert await find("' OR 1=1 --") == []
    assert await find('%" velvet') == ["aurora-lipstick", "pouch"]
