"""The connector at the live shop, and what the tests of it ask for again and again."""

import time
from collections.abc import Callable

from connectors.marketplace import vendure as connector
from connectors.webhooks import Endpoint
from resolvers.backend_ports import Backend
from resolvers.domain.listings import Listing
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.members import IdentityKind, Member
from resolvers.domain.orders import Order
from tests.live.vendure.api import Api
from tests.live.vendure.house import RunningVendure

CHANNELS = (
    Channel("web", "Web", ChannelKind.ONLINE, "CNY"),
    Channel("mini-program", "Mini program", ChannelKind.ONLINE, "CNY"),
)
OPTIONS = {
    "channels": "__default_channel__=web, mini=mini-program",
    "location": "CW01",
    "barcode_field": "barcode",
}
SECRET = "known to the shop and to us alone"


def connected(
    shop: RunningVendure,
    password: str | None = None,
    timer: Callable[[], float] = time.monotonic,
) -> Backend:
    return connector.backend(
        code="shop",
        url=shop.url,
        user=shop.user,
        password=password or shop.password,
        channels=CHANNELS,
        webhooks=Endpoint((SECRET.encode(),)),
        timeout_seconds=30,
        options=OPTIONS,
        timer=timer,
    )


async def closed(backend: Backend) -> None:
    assert backend.close is not None
    await backend.close()  # type: ignore[misc]  # ours is a coroutine


async def listings(backend: Backend, cursor: str = "") -> tuple[dict[str, Listing], str]:
    """By SKU, and the cursor after them."""
    assert backend.listings is not None
    found: dict[str, Listing] = {}
    async for page in backend.listings.listings(cursor):
        found |= {it.seller_code or it.id: it for it in page.items}
        cursor = page.cursor
    return found, cursor


async def orders(backend: Backend, cursor: str = "") -> tuple[dict[str, Order], str]:
    """By number, and the cursor after them."""
    assert backend.order_source is not None
    found: dict[str, Order] = {}
    async for page, after in backend.order_source.orders(cursor):
        found |= {it.number: it for it in page}
        cursor = after
    return found, cursor


async def members(backend: Backend, cursor: str = "") -> tuple[dict[str, Member], str]:
    """By mail address, and the cursor after them."""
    assert backend.members is not None
    found: dict[str, Member] = {}
    async for page in backend.members.members(cursor):
        found |= {it.first(IdentityKind.EMAIL) or it.id: it for it in page.items}
        cursor = page.cursor
    return found, cursor


def variant_id(admin: Api, sku: str) -> str:
    rows = admin.ask(
        "query($s: String!) {"
        " productVariants(options: {filter: {sku: {eq: $s}}}) { items { id } } }",
        s=sku,
    )
    [row] = rows["items"]
    return str(row["id"])


def level(admin: Api, id: str) -> tuple[int, int]:
    """What lies at the first location, and what is promised of it, as Vendure's people see it."""
    row = admin.ask(
        "query($i: ID!) { productVariant(id: $i) {"
        " stockLevels { stockLocation { name } stockOnHand stockAllocated } } }",
        i=id,
    )
    [at] = [it for it in row["stockLevels"] if it["stockLocation"]["name"] == "CW01"]
    return at["stockOnHand"], at["stockAllocated"]


def stamp(admin: Api, id: str) -> str:
    return str(
        admin.ask("query($i: ID!) { productVariant(id: $i) { updatedAt } }", i=id)["updatedAt"]
    )
