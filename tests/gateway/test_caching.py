"""What caches on the way are told: header by header, and the answer without a body."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox import goods
from gateway.caching import has
from resolvers.access import Role
from resolvers.domain.feeds import Feed
from tests.conformance.asking import POSTED, Heard, Sent, ask
from tests.gateway.house import HOLD, NOON, PROMISE, House, opened

CATALOG = "{ products(first: 1) { nodes { handle } } }"
LONG = "{ __schema { types { name description } } }"
ORDERS = "{ orders(first: 1) { nodes { number } } }"
COST = '{ variant(by: {sku: "BT-0001-30ML"}) { unitCost { amount } } }'
VARY = "Accept, Authorization, Accept-Encoding"

KEPT: dict[str, tuple[str, Role | None, str]] = {
    "the catalogue to nobody": (CATALOG, None, "public, max-age=60"),
    "the catalogue to a guest with a token": (CATALOG, Role.GUEST, "private, max-age=60"),
    "the catalogue to staff": (CATALOG, Role.OPERATOR, "private, max-age=60"),
    "stock to nobody": (PROMISE, None, "public, max-age=1"),
    "stock to who may hold it": (PROMISE, Role.SHOPPER, "private, no-cache"),
    "its own orders": (ORDERS, Role.SHOPPER, "private, no-cache"),
    "a field that asks a scope, to nobody": (COST, None, "private, no-cache"),
    "the house's systems": ("{ backends { code } }", Role.OPERATOR, "no-store"),
    "what nobody may see": (ORDERS, None, "no-store"),
    "what is wrong": ("{ products }", None, "no-store"),
    "no GraphQL": ("{", None, "no-store"),
}


@pytest.fixture
async def house(house: House) -> House:
    """One that has just heard of its catalogue."""
    found = goods.catalogue()[:10]
    systems = {fact.system for product in found for fact in product.provenance}
    feeds = [Feed(system, "catalog", "", 1, NOON) for system in sorted(systems)]
    await house.runtime.store.house.save_feeds(feeds)
    return house


async def got(house: House, query: str, *headers: tuple[str, str]) -> Heard:
    """What is answered by GET."""
    text = query.replace(" ", "%20").replace('"', "%22").replace("\n", "%20")
    sent = Sent("GET", f"query={text}".encode(), [*POSTED, *headers])
    return await ask(house.app, sent)


@pytest.mark.parametrize(("query", "role", "control"), KEPT.values(), ids=KEPT.keys())
async def test_an_answer_says_who_may_keep_it_and_how_long(
    house: House, query: str, role: Role | None, control: str
) -> None:
    await house.stocked("WH-01", 7)
    token = [] if role is None else [*house.token(role).items()]

    by_get = await got(house, query, *((name.lower(), value) for name, value in token))
    by_post = await house.post({"query": query}, **dict(token))

    assert by_get.headers["cache-control"] == by_post.headers["cache-control"] == control
    assert by_get.headers["vary"] == by_post.headers["vary"] == VARY
    assert ("etag" in by_get.headers) is (control != "no-store")
    assert "etag" not in by_post.headers


async def test_what_is_changed_and_what_is_refused_is_never_kept(house: House) -> None:
    hold = {"query": HOLD, "variables": {"key": "k", "quantity": 1}}
    nowhere = '{ availability(skus: ["BT-0001-30ML"], channel: "moon") { sku } }'

    for answer in (
        await house.post(hold, **house.token()),
        await house.post({"query": nowhere}),
        await house.post(b"{"),
        await house.post({"query": CATALOG}, Authorization="Bearer x"),
        await house.post({"query": CATALOG}, Accept="image/png"),
        await house.post({"query": CATALOG}, X_Cost="1"),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["vary"] == VARY


async def test_facts_that_are_out_of_date_are_not_kept(tmp_path: Path) -> None:
    house = await opened(tmp_path)
    await house.stocked("WH-01", 7, observed_at=NOON - timedelta(hours=1))

    answer = await house.post({"query": PROMISE})

    assert [warning["code"] for warning in answer.json()["extensions"]["warnings"]] == ["STALE"]
    assert answer.headers["cache-control"] == "no-store"


async def test_who_has_an_answer_is_told_that_it_is_the_same(house: House) -> None:
    await house.stocked("WH-01", 7)
    first = await got(house, PROMISE)
    tag = first.headers["etag"]

    same = await got(house, PROMISE, ("if-none-match", f'"other", {tag}'))
    await house.stocked("ST-01", 2)
    other = await got(house, PROMISE, ("if-none-match", tag))

    kept = {"cache-control": "public, max-age=1", "etag": tag, "vary": VARY}
    assert (same.status, same.content) == (304, b"")
    assert {name: same.headers[name] for name in kept} == kept
    assert "content-type" not in same.headers and "content-length" not in same.headers
    assert (other.status, other.headers["etag"] == tag) == (200, False)


async def test_a_tag_is_of_one_media_type_and_of_every_compression(house: House) -> None:
    plain = await got(house, LONG)
    packed = await got(house, LONG, ("accept-encoding", "gzip"))
    other = await got(house, LONG, ("accept", "application/graphql-response+json"))

    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] == packed.headers["etag"] != other.headers["etag"]
    assert plain.headers["etag"].startswith('W/"')
    assert plain.headers["cache-control"] == "public, max-age=60"


async def test_nobody_is_told_that_an_error_is_the_same(house: House) -> None:
    answer = await got(house, ORDERS, ("if-none-match", "*"))

    assert (answer.status, answer.codes) == (200, ["UNAUTHENTICATED"])


async def test_what_is_kept_for_one_page_is_not_given_to_another(tmp_path: Path) -> None:
    """Also what is asked from no page depends on it: an answer without leave must not be kept for
    pages that have it.
    """
    house = await opened(tmp_path, allowed_origins=("https://shop.example",))

    for headers in ([], [("origin", "https://shop.example")], [("origin", "https://evil.test")]):
        answer = await got(house, LONG, *headers)
        assert answer.headers["vary"] == f"{VARY}, Origin"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('W/"a"', True),
        ('"a"', True),
        ('"b", W/"a"', True),
        ("*", True),
        ('"b"', False),
        ('W/"aa"', False),
        ("a", False),
        ("", False),
        ('"b,"a""', False),
        ('",a,", "b"', False),
    ],
)
def test_tags_are_compared_weakly(header: str, found: Any) -> None:
    assert has(header, 'W/"a"') is found
