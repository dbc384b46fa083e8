"""Shopify as a marketplace, with its tills: one configured shop, with the roles it plays.

Each role has a module of its own beside this one; nothing is asked of the shop before it is used.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import httpx2

from connectors.governor import CostBucket, Governor, GovernorTerms
from connectors.marketplace import shopify_options
from connectors.marketplace.shopify_client import ShopifyClient
from connectors.marketplace.shopify_events import SCHEME, Events
from connectors.marketplace.shopify_feeds import Listings, Members, Orders
from connectors.marketplace.shopify_health import ShopifyHealth
from connectors.marketplace.shopify_looks import PER_CALL, Looks
from connectors.marketplace.shopify_options import REFRESH_TOKEN_FILE, Options
from connectors.marketplace.shopify_publication import AT_ONCE, BUSY_MAX, BUSY_SECONDS, Publications
from connectors.marketplace.shopify_tokens import (
    App,
    RefreshTokens,
    RenewedToken,
    StaticToken,
    TokenSource,
    client_credentials,
)
from connectors.options import BadOption
from connectors.webhooks import Endpoint
from connectors.wire import Patience, Wire
from resolvers.backend_ports import (
    Backend,
    Capabilities,
    CompareAndSet,
    Idempotency,
    Role,
    Throttle,
)
from resolvers.domain.locations import Channel

__all__ = ["VENDOR", "backend"]

VENDOR = "shopify"

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

CALLS_AT_ONCE = 8
CALLS_PER_SECOND = 20.0
"""Shopify counts points, not calls; this keeps one shop from a burst of cheap ones."""

POINTS_MAX = 2000.0
POINTS_PER_SECOND = 100.0
"""What the smallest plan gives; each answer says what this shop's does."""

ORDER_LAG_SECONDS = 5.0
"""Orders are found by a search that follows the shop's writes; by how much is promised nowhere."""


def wall_clock() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def backend(
    *,
    code: str,
    url: str,
    user: str | None,
    password: str,
    channels: Sequence[Channel],
    data: Path,
    webhook_secrets: Sequence[bytes] = (),
    timeout_seconds: float = 10.0,
    poll_seconds: float = 2.0,
    options: Mapping[str, str] = NO_OPTIONS,
    clock: Callable[[], datetime] = wall_clock,
    timer: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Backend:
    """One app in one shop. ``url`` is the shop's address (``https://….myshopify.com``).

    With ``user``, the app's client id, ``password`` is its client secret, which also signs its
    messages; without, it is an access token that never ends, and ``webhook_secrets`` (the newest
    first) say what signs them. Refresh tokens are kept in ``data``.

    Options: ``location``, ``channel``, ``pos_channel``, ``pos_locations``, ``phone_region``,
    ``refresh_token_file``.

    Raises:
        BadOption: one of the options cannot be meant.
    """
    read = shopify_options.read(code, options, channels)
    governor = Governor(
        code,
        GovernorTerms(calls_at_once=CALLS_AT_ONCE, calls_per_second=CALLS_PER_SECOND),
        timer=timer,
        sleep=sleep,
    )
    patience = Patience(read=timeout_seconds, total=timeout_seconds)
    wire = Wire(governor, url, patience, transport=transport)
    bucket = CostBucket(POINTS_MAX, POINTS_PER_SECOND, timer=timer, sleep=sleep)
    app = App(user, password) if user else None
    tokens: TokenSource
    tokens = StaticToken(password) if app is None else _renewed(wire, app, read, data, clock)
    client = ShopifyClient(wire, tokens, bucket)
    secrets = tuple(webhook_secrets) or ((password.encode(),) if user else ())
    events = Events(urlsplit(url).hostname or "", Endpoint(secrets)) if secrets else None
    return Backend(
        code,
        VENDOR,
        _capabilities(timeout_seconds, signed=events is not None),
        health=ShopifyHealth(client, read.location),
        poll_seconds=poll_seconds,
        timeout_seconds=timeout_seconds,
        order_source=Orders(client, read.terms, read.places, clock),
        listings=Listings(client, read.location, read.terms, clock),
        publication=Publications(client, read.location, sleep),
        members=Members(client, read.terms, clock),
        live_prices=Looks(client, read.terms),
        events=events,
        governor=governor,
        close=client.close,
    )


def _capabilities(timeout_seconds: float, *, signed: bool) -> Capabilities:
    """What the shop is able to do. It takes no orders from us, so that cancellations and sales say
    nothing here.
    """
    return Capabilities(
        roles=(
            Role.LISTING_SOURCE,
            Role.PUBLICATION_SINK,
            Role.ORDER_SOURCE,
            Role.MEMBER_SOURCE,
            Role.LIVE_PRICES,
            *((Role.EVENT_RECEIVER,) if signed else ()),
        ),
        idempotency=Idempotency.NATIVE_KEY,
        delta="changed since, with an overlap; what is gone only by reading all",
        write_seconds_max=timeout_seconds + BUSY_MAX * BUSY_SECONDS,
        publications_per_call=AT_ONCE,
        publication_cas=CompareAndSet.NATIVE,
        order_lag_seconds=ORDER_LAG_SECONDS,
        throttle=Throttle.COST_BUCKET,
        calls_per_second=CALLS_PER_SECOND,
        calls_at_once=CALLS_AT_ONCE,
        webhooks=SCHEME if signed else None,
        deletions=False,
        live_prices_per_call=PER_CALL,
    )


def _renewed(
    wire: Wire, app: App, options: Options, data: Path, clock: Callable[[], datetime]
) -> TokenSource:
    """Access tokens that are asked for: by client credentials, or by refresh token."""
    file = options.refresh_token_file
    if file is None:
        return RenewedToken(client_credentials(wire, app, clock), clock)
    try:
        first = (data / file).read_text(encoding="utf-8").strip()
    except OSError as error:
        found = (error.strerror or "an unreadable one").lower()
        raise BadOption(REFRESH_TOKEN_FILE, "a file with a refresh token", found) from None
    kept = data / "tokens" / f"{wire.code}.json"
    return RenewedToken(RefreshTokens(wire, app, first, kept, clock), clock)
