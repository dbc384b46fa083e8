"""The stand-in shop, and the connector before it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.marketplace import shopify
from resolvers.backend_ports import Backend
from resolvers.domain.locations import Channel, ChannelKind
from tests.shopify.standin import CLIENT_ID, CLIENT_SECRET, URL, ShopifyStandin

WEB = Channel("web", "Web", ChannelKind.ONLINE, "CNY")
TILLS = Channel("shops", "Shops", ChannelKind.IN_STORE, "CNY")
OPTIONS = {"location": "7", "pos_locations": "75001=ST-01"}

Connect = Callable[..., Backend]


@pytest.fixture
def shop() -> ShopifyStandin:
    return ShopifyStandin()


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    def connected(shop: ShopifyStandin, **told: Any) -> Backend:
        parts: dict[str, Any] = {
            "code": "shop",
            "url": URL,
            "user": CLIENT_ID,
            "password": CLIENT_SECRET,
            "channels": (WEB, TILLS),
            "data": tmp_path,
            "options": OPTIONS,
            "clock": shop.clock,
            "timer": shop.timer,
            "sleep": shop.sleep,
            "transport": shop.transport(),
        }
        return shopify.backend(**{**parts, **told})

    return connected


@pytest.fixture
def backend(shop: ShopifyStandin, connect: Connect) -> Backend:
    return connect(shop)
