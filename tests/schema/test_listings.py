"""Listings through the schema: those that need a person, a person's word, prices that differ (P1,
P3).
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.sandbox import goods, retailer
from resolvers.backend_ports import Backend
from resolvers.domain.catalog import Provenance
from resolvers.domain.listings import Listing
from resolvers.domain.values import Money
from resolvers.mirroring import take_listings, take_products
from resolvers.terms import CatalogTerms, Terms
from schema.ids import seal
from tests.schema.asking import ask
from tests.support import MANAGER, NOON, OPERATOR, SHOPPER, SKU, Shop

MARKET = "marketplace-a"
OTHER = "BT-0001-50ML"
UNMATCHED = """query ($after: String) { unmatchedListings(first: 2, after: $after) {
  nodes { externalId sku duplicateOf suggestions { sku reason score } }
  pageInfo { hasNextPage endCursor } } }"""
DIFFERENCES = """{ priceDifferences(first: 10) { nodes {
  variant { sku } difference { amount }
  channels { channel price { amount } source shown observedAt } } } }"""
MAP = """mutation ($input: MapListingInput!) { mapListing(input: $input) {
  listing { id externalId sku units } replayed userErrors { code field } } }"""
PRICE = """{ variant(by: {sku: "BT-0001-30ML"}) {
  price(channel: "marketplace-a") { amount } provenance { system }
  saidBy { attribute systems } } }"""


def listing(id: str, seller_code: str | None = None, yuan: int = 760, **more: object) -> Listing:
    fact = Provenance(MARKET, id, NOON)
    made = Listing(MARKET, id, "好物", fact, NOON, seller_code)
    priced = replace(made, prices=((MARKET, Money(yuan * 100, "CNY")),))
    return replace(priced, **more)  # type: ignore[arg-type]


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop with the sandbox's first three products, as its ERP says them, and a marketplace."""
    backends = retailer.backends(tmp_path)
    terms = Terms(catalog=CatalogTerms(aliases={"old one": SKU}))
    shop = Shop(backends=backends, terms=terms)
    await take_products(shop.context(OPERATOR), backend_of(shop, "erp"), goods.catalogue()[:3])
    yield shop
    for backend in backends:
        assert backend.close is not None
        backend.close()
    await shop.close()


def backend_of(shop: Shop, code: str) -> Backend:
    return shop.backends[code]


async def told(shop: Shop, *listings: Listing) -> None:
    await take_listings(shop.context(OPERATOR), listings)


async def mapped(shop: Shop, key: str, **more: object) -> dict[str, object]:
    asked = {"idempotencyKey": key, "backend": MARKET, "listingId": "1", "sku": SKU, **more}
    answer = await ask(shop, MAP, OPERATOR, input=asked)
    assert answer.errors == []
    return dict(answer.data["mapListing"])


async def test_what_stands_for_nothing_or_for_the_same_is_listed_with_suggestions(
    market: Shop,
) -> None:
    variant = goods.variants_by_sku()[SKU]
    await told(
        market,
        listing("1", barcodes=variant.barcodes),
        listing("2", "bt 0001/30ml"),
        listing("3", "Old-One"),
        listing("4", title=f"现货 {variant.titles['zh-CN']}"),
        listing("5", SKU),
        listing("6", SKU),
        listing("7", "NO-SUCH", active=False),
    )

    first = await ask(market, UNMATCHED, MANAGER)
    after = first.data["unmatchedListings"]["pageInfo"]["endCursor"]
    second = await ask(market, UNMATCHED, MANAGER, after=after)
    after = second.data["unmatchedListings"]["pageInfo"]["endCursor"]
    third = await ask(market, UNMATCHED, MANAGER, after=after)

    pages = [it.data["unmatchedListings"] for it in (first, second, third)]
    nodes = [node for page in pages for node in page["nodes"]]
    best = {it["externalId"]: it["suggestions"][:1] for it in nodes}
    assert best == {
        "1": [{"sku": SKU, "reason": "BARCODE", "score": 0.95}],
        "2": [{"sku": SKU, "reason": "SELLER_CODE", "score": 0.9}],
        "3": [{"sku": SKU, "reason": "ALIAS", "score": 1.0}],
        "4": [{"sku": SKU, "reason": "TITLE", "score": 0.74}],
        "6": [],
    }
    assert [(it["externalId"], it["sku"], it["duplicateOf"]) for it in nodes[-2:]] == [
        ("4", None, None),
        ("6", SKU, "5"),
    ]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]


async def test_a_persons_word_about_a_listing_is_shown_at_once_and_once_for_a_key(
    market: Shop,
) -> None:
    await told(market, listing("1", yuan=1560))

    made = await mapped(market, "k", units=2)
    again = await mapped(market, "k", units=2)
    price = (await ask(market, PRICE)).data["variant"]

    id = seal("Listing", MARKET, "1")
    assert made == {
        "listing": {"id": id, "externalId": "1", "sku": SKU, "units": 2},
        "replayed": False,
        "userErrors": [],
    }
    assert again == {**made, "replayed": True}
    assert price["price"] == {"amount": "780.00"}
    assert price["provenance"] == [{"system": "erp"}, {"system": MARKET}]
    assert {"attribute": f"prices.{MARKET}", "systems": [MARKET]} in price["saidBy"]
    node = await ask(
        market, "query ($id: ID!) { node(id: $id) { ... on Listing { sku } } }", MANAGER, id=id
    )
    assert node.data == {"node": {"sku": SKU}}
    records = await ask(market, "{ auditRecords(first: 9) { nodes { action result } } }", OPERATOR)
    assert records.data["auditRecords"]["nodes"] == [
        {"action": "mapListing", "result": "REPLAYED"},
        {"action": "mapListing", "result": "DONE"},
    ]


async def test_a_later_word_stands_though_an_earlier_one_is_sent_again(market: Shop) -> None:
    await told(market, listing("1", SKU, 700))
    await mapped(market, "one")
    market.clock.advance(seconds=1)
    await mapped(market, "two", sku=OTHER)

    replayed = await mapped(market, "one")

    listing_now = replayed["listing"]
    assert isinstance(listing_now, dict)
    assert listing_now["sku"] == OTHER
    assert (await ask(market, PRICE)).data["variant"]["price"] == {"amount": "760.00"}


async def test_a_word_that_was_not_kept_before_the_process_ended_is_kept_by_the_same_key(
    market: Shop,
) -> None:
    await told(market, listing("1", "NO-SUCH", 700))
    await mapped(market, "k")
    forgotten = market.store.listings
    key = (MARKET, "1")
    [word] = (await forgotten.mappings([key])).values()
    await forgotten.save_mapping(
        replace(word, sku="NO-SUCH", set_at=word.set_at.replace(year=2020))
    )

    assert (await mapped(market, "k"))["replayed"] is True

    assert (await forgotten.mappings([key]))[key] == word


async def test_a_word_that_cannot_be_meant_names_each_field(market: Shop) -> None:
    refused = await mapped(market, "k", listingId="9", sku="NO-SUCH", units=1001)

    assert refused == {
        "listing": None,
        "replayed": False,
        "userErrors": [
            {"code": "INVALID_INPUT", "field": ["input", "units"]},
            {"code": "NOT_FOUND", "field": ["input", "listingId"]},
            {"code": "NOT_FOUND", "field": ["input", "sku"]},
        ],
    }


async def test_a_price_that_differs_is_listed_with_all_that_is_said_of_it(market: Shop) -> None:
    await told(market, listing("1", SKU, 799), listing("2", OTHER, 1140))

    answer = await ask(market, DIFFERENCES, MANAGER)

    [found] = answer.data["priceDifferences"]["nodes"]
    assert (found["variant"], found["difference"]) == ({"sku": SKU}, {"amount": "39.00"})
    said = [
        (it["channel"], it["price"]["amount"], it["source"], it["shown"])
        for it in found["channels"]
        if it["channel"] in (MARKET, "store")
    ]
    assert said == [
        (MARKET, "799.00", MARKET, True),
        (MARKET, "760.00", "erp", False),
        ("store", "760.00", "erp", True),
    ]


async def test_a_listing_that_ends_leaves_the_product_as_the_erp_says_it(market: Shop) -> None:
    before = await market.store.catalog.products(["amber-essence-001"])
    await told(market, listing("1", SKU, 799))
    during = await market.store.catalog.products(["amber-essence-001"])
    await told(market, listing("1", SKU, 799, active=False))

    assert await market.store.catalog.products(["amber-essence-001"]) == before != during
    assert (await ask(market, DIFFERENCES, MANAGER)).data == {"priceDifferences": {"nodes": []}}


async def test_listings_are_for_managers_and_mapping_for_operators(market: Shop) -> None:
    asked = {"idempotencyKey": "k", "backend": MARKET, "listingId": "1", "sku": SKU}
    for caller in (SHOPPER, MANAGER):
        answer = await ask(market, MAP, caller, input=asked)
        assert {error["extensions"]["code"] for error in answer.errors} == {"FORBIDDEN"}
    for document in (UNMATCHED, DIFFERENCES):
        assert (await ask(market, document, SHOPPER)).code == "FORBIDDEN"
        assert (await ask(market, document, MANAGER)).errors == []
