"""Shopify's messages: whose they are, which are the same, and what to read anew."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from resolvers.backend_ports import Backend
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.event_ports import EventReceiver, RawMessage
from tests.shopify.conftest import Connect
from tests.shopify.standin import ShopifyStandin
from tests.support import NOON


def receiver(backend: Backend) -> EventReceiver:
    assert backend.events is not None
    return backend.events


def kept(events: EventReceiver, raw: RawMessage) -> Message:
    headers = tuple(events.kept_headers(raw).items())
    return Message("m", "shop", events.dedupe_key(raw), NOON, raw.body, headers)


def told(topic: str, body: Mapping[str, Any]) -> Message:
    return Message("m", "shop", "k", NOON, json.dumps(body).encode(), (("x-shopify-topic", topic),))


async def test_only_what_this_shop_has_signed_is_its_own(
    shop: ShopifyStandin, backend: Backend
) -> None:
    events, raw = receiver(backend), shop.message("orders/create", {"id": 5})
    stranger = {**raw.headers, "x-shopify-shop-domain": "other.myshopify.com"}

    assert events.verify(raw)
    assert not events.verify(replace(raw, body=raw.body + b" "))
    assert not events.verify(replace(raw, headers=stranger))
    assert not events.verify(replace(raw, headers={}))


async def test_the_old_secret_signs_for_a_while(shop: ShopifyStandin, connect: Connect) -> None:
    renewed = connect(shop, webhook_secrets=(b"new", b"shpss_secret"))
    raw = shop.message("orders/create", {"id": 5})
    assert receiver(renewed).verify(raw)
    assert not receiver(connect(shop, webhook_secrets=(b"new",))).verify(raw)


LISTING, ORDER, MEMBER = "listings", "orders", "members"


@pytest.mark.parametrize(
    ("topic", "body", "hints"),
    [
        (
            "products/update",
            {"id": 1, "variants": [{"id": 2}, {"id": 3}]},
            [(LISTING, "ProductVariant/2"), (LISTING, "ProductVariant/3")],
        ),
        ("products/update", {"id": 1, "variants": [{"id": n} for n in range(21)]}, [(LISTING, "")]),
        ("products/delete", {"id": 1}, [(LISTING, "")]),
        ("inventory_levels/update", {"inventory_item_id": 4}, [(LISTING, "InventoryItem/4")]),
        ("inventory_items/update", {"id": 4}, [(LISTING, "InventoryItem/4")]),
        ("orders/cancelled", {"id": 5}, [(ORDER, "Order/5")]),
        ("refunds/create", {"id": 9, "order_id": 5}, [(ORDER, "Order/5")]),
        ("fulfillments/update", {"id": 9, "order_id": 5}, [(ORDER, "Order/5")]),
        ("customers/delete", {"id": 6}, [(MEMBER, "Customer/6")]),
    ],
)
async def test_what_a_message_says_has_changed(
    backend: Backend, topic: str, body: dict[str, Any], hints: list[tuple[str, str]]
) -> None:
    assert receiver(backend).hints(told(topic, body)) == [
        Hint(entity, f"gid://shopify/{id}" if id else None) for entity, id in hints
    ]


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("orders/create", {}),
        ("orders/create", {"id": "x/../5"}),
        ("products/update", {"variants": [7]}),
        ("customers/redact", {"id": 6}),
        ("app/uninstalled", {"id": 1}),
        ("", {"id": 1}),
    ],
)
async def test_what_makes_no_sense_is_for_a_person(
    backend: Backend, topic: str, body: dict[str, Any]
) -> None:
    with pytest.raises(NotUnderstood):
        receiver(backend).hints(told(topic, body))
    for raw in (b"", b"[]", b"\xff"):
        with pytest.raises(NotUnderstood):
            receiver(backend).hints(replace(told(topic, body), body=raw))


@pytest.mark.parametrize("seed", range(5))
async def test_messages_twice_and_in_any_order_come_to_what_the_shop_says(
    shop: ShopifyStandin, backend: Backend, seed: int
) -> None:
    [id] = shop.offer("Tea", {"sku": "A", "available": 5})
    item = shop.variants[id]["inventoryItem"]
    sent = []
    for at in range(4):
        shop.sell(id)
        body = {"inventory_item_id": int(item["id"].rpartition("/")[2]), "available": 4 - at}
        sent.append(shop.message("inventory_levels/update", body, f"w-{at}"))

    events, known, found = receiver(backend), set(), None
    assert backend.listings is not None
    for raw in shop.delivered(sent, random.Random(seed)):
        assert events.verify(raw)
        message = kept(events, raw)
        if message.dedupe_key in known:
            continue
        known.add(message.dedupe_key)
        for hint in events.hints(message):
            found = await backend.listings.listing(hint.external_id or "")

    assert len(known) == 4
    assert found is not None
    assert (found.id, found.published) == (id, 1)
