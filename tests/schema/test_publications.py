"""What marketplaces were told, as people see it (S5)."""

from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sandbox import retailer
from resolvers.domain.catalog import Provenance
from resolvers.domain.listings import Listing
from resolvers.domain.publication import PublicationRecord, failed
from tests.schema.asking import ask
from tests.support import NOON, OPERATOR, SHOPPER, SKU, Shop, open_shop

MARKET = "marketplace-a"
OPEN = """query ($backend: String, $after: String) {
  openPublications(first: 1, backend: $backend, after: $after) {
    nodes { externalId sku publication {
      state wanted wantedAt told toldAt reported verifiedAt error attempts nextTryAt } }
    pageInfo { hasNextPage endCursor } } }"""
BACKENDS = "{ backends { code pendingPublications failedPublications } }"


@pytest.fixture
async def shop(tmp_path: Path):
    """One listing that was told, one that waits, and one that was refused."""
    backends = retailer.backends(tmp_path)
    opened = await open_shop(backends=backends)
    fact = Provenance(MARKET, "1", NOON)
    listings = [Listing(MARKET, id, "好物", fact, NOON, SKU) for id in ("1", "2", "3")]
    await opened.store.listings.save_listings(listings)
    told = PublicationRecord(MARKET, "1", 4, NOON, told=4, told_at=NOON, found=4)
    waits = PublicationRecord(MARKET, "2", 5, NOON, told=6, told_at=NOON, found=7)
    refused = failed(PublicationRecord(MARKET, "3", 1, NOON), "no such listing", NOON)
    lease = await opened.store.house.lease("publish:x", "me", 60, NOON)
    assert lease is not None
    assert await opened.store.publications.save_publications([told, waits, refused], lease)
    yield opened
    for backend in backends:
        assert backend.close is not None
        backend.close()
    await opened.close()


async def test_what_waits_and_what_was_refused_is_listed_with_the_reason(shop: Shop) -> None:
    first = (await ask(shop, OPEN, OPERATOR)).data["openPublications"]
    after = first["pageInfo"]["endCursor"]
    second = (await ask(shop, OPEN, OPERATOR, after=after)).data["openPublications"]
    none = (await ask(shop, OPEN, OPERATOR, backend="marketplace-b")).data["openPublications"]

    [waits], [refused] = first["nodes"], second["nodes"]
    noon = NOON.isoformat().replace("+00:00", "Z")
    assert (waits["externalId"], waits["sku"]) == ("2", SKU)
    assert waits["publication"] == {
        "state": "WAITING",
        "wanted": 5,
        "wantedAt": noon,
        "told": 6,
        "toldAt": noon,
        "reported": 7,
        "verifiedAt": None,
        "error": None,
        "attempts": 0,
        "nextTryAt": None,
    }
    again = (NOON + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
    assert refused["externalId"] == "3"
    assert {
        key: refused["publication"][key] for key in ("state", "error", "attempts", "nextTryAt")
    } == {"state": "FAILED", "error": "no such listing", "attempts": 1, "nextTryAt": again}
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert none["nodes"] == []


async def test_a_backend_says_how_many_of_its_listings_wait_or_were_refused(shop: Shop) -> None:
    backends = (await ask(shop, BACKENDS, OPERATOR)).data["backends"]

    counts = {it["code"]: (it["pendingPublications"], it["failedPublications"]) for it in backends}
    assert counts[MARKET] == (1, 1)
    assert counts["marketplace-b"] == (0, 0)


async def test_a_shopper_is_not_shown_what_marketplaces_are_told(shop: Shop) -> None:
    answer = await ask(shop, OPEN, SHOPPER)

    assert answer.code == "FORBIDDEN"


async def test_a_cursor_of_another_list_is_refused(shop: Shop) -> None:
    unmatched = (
        "query ($after: String) { unmatchedListings(first: 1, after: $after) { nodes { id } } }"
    )
    first = (await ask(shop, OPEN, OPERATOR)).data["openPublications"]

    answer = await ask(shop, unmatched, OPERATOR, after=first["pageInfo"]["endCursor"])

    assert answer.code == "INVALID_INPUT"
