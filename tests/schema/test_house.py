"""The house over the schema: its backends, and what each was told of an order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.sandbox import retailer
from gateway.bootstrap import closed
from resolvers.access import Principal
from resolvers.domain.feeds import Feed
from tests.schema.asking import PAY, ask, place
from tests.support import OPERATOR, PARTNER, SHOPPER, SKU, Shop, open_shop

BACKENDS = """{ backends {
  code vendor roles status breaker lag { entity lastSyncedAt seconds }
  capabilities pendingOut parkedIn lastError
} }"""

WRITES = """query ($id: ID!) { order(by: {id: $id}) {
  backendWrites { backend action status externalId attempts lastError }
} }"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop whose backends are the sandbox's systems; nobody follows or tells them."""
    backends = retailer.backends(tmp_path)
    opened = await open_shop(backends=backends)
    await opened.stocked(SKU, "WH-01", 5)
    yield opened
    for backend in backends:
        await closed(backend)
    await opened.close()


async def order_of(shop: Shop) -> str:
    """An order that was paid, so that its backend waits for it."""
    order = (await place(shop, "o"))["order"]
    payment = {"method": "cash", "amount": {"amount": "760.00", "currencyCode": "CNY"}}
    asked = {"idempotencyKey": "p", "orderId": order["id"], "payment": payment}
    await ask(shop, PAY, PARTNER, input=asked)
    return str(order["id"])


async def test_a_backend_says_how_it_stands_and_what_it_is_able_to_do(shop: Shop) -> None:
    await order_of(shop)
    shop.clock.advance(seconds=30)

    answer = await ask(shop, BACKENDS, OPERATOR)

    codes = [backend["code"] for backend in answer.data["backends"]]
    assert codes == ["crm", "erp", "marketplace-a", "marketplace-b", "pos"]
    assert answer.data["backends"][1] == {
        "code": "erp",
        "vendor": "sandbox",
        "roles": [
            "CATALOG_SOURCE",
            "LOCATION_SOURCE",
            "STOCK_FEED",
            "STOCK_SINK",
            "ORDER_SINK",
            "RETURN_SINK",
            "TRANSFER_SINK",
            "LIVE_STOCK",
        ],
        "status": "UP",
        "breaker": "CLOSED",
        "lag": [
            {"entity": entity, "lastSyncedAt": "2026-03-02T12:00:00Z", "seconds": 30.0}
            for entity in ("catalog", "stock")
        ],
        "capabilities": {
            "roles": [
                "CATALOG_SOURCE",
                "LOCATION_SOURCE",
                "STOCK_FEED",
                "STOCK_SINK",
                "ORDER_SINK",
                "RETURN_SINK",
                "TRANSFER_SINK",
                "LIVE_STOCK",
            ],
            "idempotency": "NATIVE_KEY",
            "stock": {
                "meaning": "ON_HAND",
                "granularity": "LOCATION",
                "watermark": "SEQUENCE",
                "resolutionSeconds": 0.0,
            },
            "delta": "change sequence; stock read whole, and what moved in between",
            "cancels": True,
            "returns": True,
            "transfers": True,
            "salesPerCall": shop.backends["erp"].capabilities.sales_per_call,
            "writeSecondsMax": 1.0,
            "publicationsPerCall": 1,
            "publicationCas": "NONE",
            "orderLagSeconds": 0.0,
            "throttle": "UNDOCUMENTED",
            "callsPerSecond": 50.0,
            "callsAtOnce": 8,
            "webhooks": None,
            "scanned": [],
            "deletions": False,
            "pullsEvents": False,
            "loyalty": None,
            "liveStockPerCall": 50,
            "livePricesPerCall": 50,
        },
        "pendingOut": 1,
        "parkedIn": 0,
        "lastError": None,
    }


async def test_a_backend_that_fails_says_why(shop: Shop) -> None:
    failing = Feed("erp", "catalog", watermark=99, observed_at=shop.clock(), error="no route")
    await shop.store.house.save_feeds([failing])

    answer = await ask(shop, BACKENDS, OPERATOR)

    [erp] = [backend for backend in answer.data["backends"] if backend["code"] == "erp"]
    [pos] = [backend for backend in answer.data["backends"] if backend["code"] == "pos"]
    assert (erp["status"], erp["breaker"], erp["lastError"]) == ("DEGRADED", "OPEN", "no route")
    assert (pos["status"], pos["lag"], pos["lastError"]) == ("DOWN", [], "not heard of yet")


@pytest.mark.parametrize(("caller", "told"), [(SHOPPER, None), (OPERATOR, "till is locked")])
async def test_what_a_backend_said_is_told_to_staff_and_not_to_buyers(
    shop: Shop, caller: Principal, told: str | None
) -> None:
    id = await order_of(shop)
    [write] = await shop.store.outbox.due_writes("erp", shop.clock(), 10)
    lease = await shop.store.house.lease("push:erp", "test", 60, shop.clock())
    assert lease is not None
    failed = replace(write, attempts=2, last_error="till is locked")
    assert await shop.store.outbox.save_write(failed, lease)

    answer = await ask(shop, WRITES, caller, id=id)

    assert answer.errors == []
    assert answer.data["order"]["backendWrites"] == [
        {
            "backend": "erp",
            "action": "PLACE_SALE",
            "status": "WAITING",
            "externalId": None,
            "attempts": 2,
            "lastError": told,
        }
    ]
