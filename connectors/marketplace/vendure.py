"""Vendure 3 as a marketplace: one configured shop, with the roles it plays.

Each role has a module of its own beside this one; nothing is asked of the shop before it is used.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import httpx2

from connectors.governor import Governor, GovernorTerms
from connectors.marketplace.vendure_client import VendureClient
from connectors.marketplace.vendure_events import SCHEME, Events
from connectors.marketplace.vendure_health import VendureHealth
from connectors.marketplace.vendure_listings import Listings
from connectors.marketplace.vendure_looks import PER_CALL as PRICES_PER_CALL
from connectors.marketplace.vendure_looks import Looks
from connectors.marketplace.vendure_members import Members
from connectors.marketplace.vendure_orders import Orders
from connectors.marketplace.vendure_publication import PER_CALL, Publisher
from connectors.marketplace.vendure_sales import SECONDS_MAX, STEP_CALLS_MAX, Sales
from connectors.marketplace.vendure_shop import Shop, ShopTerms, terms_of
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

VENDOR = "vendure"

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

CALLS_AT_ONCE = 6
"""A shop's process works on one core, and has ten connections to its database by default."""

CALLS_PER_SECOND = 50.0


def wall_clock() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def backend(
    *,
    code: str,
    url: str,
    user: str,
    password: str,
    channels: Sequence[Channel],
    webhooks: Endpoint | None = None,
    timeout_seconds: float = 10.0,
    poll_seconds: float = 2.0,
    options: Mapping[str, str] = NO_OPTIONS,
    clock: Callable[[], datetime] = wall_clock,
    timer: Callable[[], float] = time.monotonic,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Backend:
    """One shop. ``url`` is where its process answers, without ``/admin-api``; ``timeout_seconds``
    bounds one question to it. ``webhooks`` is what is agreed with its plugin; without,
    it sends no messages.

    Options: ``channels`` (which of its channels are which of ours), ``location`` (name of the stock
    location that we publish to), ``barcode_field`` (custom field of variants), ``phone_region``;
    ``order_customer`` and ``order_shipping`` (our orders are entered for whom, sent how).

    Raises:
        BadOption: one of the options cannot be meant.
    """
    terms = terms_of(options, channels)
    governor = Governor(
        code, GovernorTerms(calls_at_once=CALLS_AT_ONCE, calls_per_second=CALLS_PER_SECOND)
    )
    patience = Patience(read=timeout_seconds, total=timeout_seconds)
    wire = Wire(governor, url, patience, transport=transport)
    client = VendureClient(wire, user, password, timer=timer)
    shop = Shop(client, terms, timer)
    return Backend(
        code,
        VENDOR,
        _declared(terms, timeout_seconds, SCHEME if webhooks is not None else None),
        health=VendureHealth(shop),
        poll_seconds=poll_seconds,
        timeout_seconds=timeout_seconds,
        order_source=Orders(shop, clock),
        order_sink=Sales(shop, timer) if terms.takes_orders else None,
        listings=Listings(shop, clock),
        publication=Publisher(shop),
        members=Members(shop, clock),
        live_prices=Looks(shop),
        events=None if webhooks is None else Events(webhooks),
        governor=governor,
        close=client.close,
    )


def _declared(terms: ShopTerms, timeout_seconds: float, webhooks: str | None) -> Capabilities:
    """What a shop with such options is able to do."""
    entering = SECONDS_MAX + STEP_CALLS_MAX * timeout_seconds if terms.takes_orders else 0.0
    return Capabilities(
        roles=(
            Role.LISTING_SOURCE,
            Role.ORDER_SOURCE,
            Role.PUBLICATION_SINK,
            Role.MEMBER_SOURCE,
            Role.LIVE_PRICES,
            *((Role.ORDER_SINK,) if terms.takes_orders else ()),
            *((Role.EVENT_RECEIVER,) if webhooks is not None else ()),
        ),
        idempotency=Idempotency.EXTERNAL_REFERENCE if terms.takes_orders else Idempotency.NONE,
        cancels=terms.takes_orders,
        delta="changed since, with an overlap; open orders by their state; stock by messages",
        write_seconds_max=max(2 * timeout_seconds, entering),
        publications_per_call=PER_CALL,
        publication_cas=CompareAndSet.NONE,
        throttle=Throttle.UNDOCUMENTED,
        calls_per_second=CALLS_PER_SECOND,
        calls_at_once=CALLS_AT_ONCE,
        webhooks=webhooks,
        deletions=False,
        live_prices_per_call=PRICES_PER_CALL,
    )
