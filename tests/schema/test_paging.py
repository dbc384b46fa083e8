"""Lists in pages: walked from end to end, with cursors that fit their own list only."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from resolvers.domain.errors import InvalidInput
from resolvers.paging import Page, dated, moment_behind
from schema.ids import sealed_text
from schema.paging import after_of, listed
from tests.schema.asking import ask, place
from tests.support import NOON, OPERATOR, SHOPPER, Shop

PRODUCTS = """query ($first: Int!, $after: String, $sort: ProductSort) {
  products(first: $first, after: $after, sort: $sort) {
    edges { cursor node { handle } }
    nodes { handle }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


def test_a_cursor_is_opaque_and_found_again_in_its_own_list() -> None:
    page = listed(Page((("WH-01", "a"), ("ST-01", "b")), has_next=True), "locations")

    assert page.page_info.end_cursor == page.edges[1].cursor
    assert "ST-01" not in page.edges[1].cursor
    assert after_of(page.edges[1].cursor, "locations") == "ST-01"


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "WH-01",
        sealed_text("1\x1forders\x1fWH-01"),  # another list's
        sealed_text("0\x1flocations\x1fWH-01"),  # another version's
    ],
)
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        after_of(cursor, "locations")

    assert refusal.value.field == ("after",)


def test_a_moment_comes_back_from_its_cursor_in_utc() -> None:
    written = NOON.astimezone(timezone(timedelta(hours=8)))

    assert moment_behind(dated(written, "a|b")) == (NOON, "a|b")
    assert moment_behind(None) is None


@pytest.mark.parametrize("document", ["orders", "auditRecords"])
@pytest.mark.parametrize(
    "place",
    [
        "a",
        "2026-03-02T12:00:00+00:00",  # no id
        "2026-03-02T12:00:00+00:00|",
        "2026-03-02T12:00:00|a",  # nobody knows where
        "0001-01-01T00:00:00+08:00|a",  # the day before the first
        "9999-12-31T23:00:00-08:00|a",
    ],
)
async def test_a_cursor_without_a_moment_is_refused(shop: Shop, document: str, place: str) -> None:
    after = sealed_text(f"1\x1f{document}\x1f{place}")

    answer = await ask(
        shop, f'{{ {document}(first: 1, after: "{after}") {{ nodes {{ id }} }} }}', OPERATOR
    )

    assert answer.data is None
    assert answer.code == "INVALID_INPUT"
    assert answer.errors[0]["message"] == "this is not a cursor of this list"


async def test_a_walk_over_pages_meets_every_product_once(shop: Shop) -> None:
    handles: list[str] = []
    after: str | None = None
    pages: list[Any] = []
    for _ in range(10):
        answer = await ask(shop, PRODUCTS, first=3, after=after, sort="TITLE_ASC")
        page = answer.data["products"]
        pages.append(page)
        handles += [node["handle"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert len(pages) == 7
    assert len(handles) == len(set(handles)) == 20
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False] + [True] * 6
    assert [edge["node"] for edge in pages[0]["edges"]] == pages[0]["nodes"]
    assert pages[0]["edges"][0]["cursor"] == pages[0]["pageInfo"]["startCursor"]


async def test_a_page_that_is_empty_has_no_cursors(shop: Shop) -> None:
    document = """{ products(first: 5, filter: {search: "nothing like it"}) {
      nodes { handle } pageInfo { hasNextPage startCursor endCursor }
    } }"""

    answer = await ask(shop, document)

    assert answer.data["products"] == {
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
    }


async def test_a_cursor_of_another_order_of_the_same_list_is_refused(shop: Shop) -> None:
    first = await ask(shop, PRODUCTS, first=1, sort="TITLE_ASC")
    cursor = first.data["products"]["pageInfo"]["endCursor"]

    answer = await ask(shop, PRODUCTS, first=1, sort="PRICE_ASC", after=cursor)

    assert answer.code == "INVALID_INPUT"
    assert answer.errors[0]["extensions"]["field"] == ["after"]


async def test_variants_keep_the_order_that_the_erp_gives_them(shop: Shop) -> None:
    document = """query ($after: String) { product(by: {handle: "amber-essence-001"}) {
      variants(first: 2, after: $after) { nodes { sku } pageInfo { hasNextPage endCursor } }
    } }"""

    first = (await ask(shop, document)).data["product"]["variants"]
    then = await ask(shop, document, after=first["pageInfo"]["endCursor"])

    assert first["nodes"] == [{"sku": "BT-0001-30ML"}, {"sku": "BT-0001-50ML"}]
    assert first["pageInfo"]["hasNextPage"] is True
    assert then.data["product"]["variants"]["nodes"] == [{"sku": "BT-0001-75ML"}]


async def test_orders_are_walked_the_newest_first(shop: Shop) -> None:
    placed = []
    for key in ("a", "b", "c"):
        placed.append((await place(shop, key))["order"]["number"])
        shop.clock.advance(seconds=1)
    document = """query ($after: String) { orders(first: 2, after: $after) {
      nodes { number } pageInfo { hasNextPage endCursor }
    } }"""

    first = (await ask(shop, document, SHOPPER)).data["orders"]
    then = await ask(shop, document, SHOPPER, after=first["pageInfo"]["endCursor"])

    walked = first["nodes"] + then.data["orders"]["nodes"]
    assert [order["number"] for order in walked] == placed[::-1]
