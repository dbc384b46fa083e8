"""Tryton 8 as ERP with tills: one configured backend, with the roles it plays, and its health.

Each role has a module of its own beside this one; nothing is asked of the server before it is used.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import httpx2

from connectors.erp.tryton_adjustments import Adjustments
from connectors.erp.tryton_catalog import Catalog
from connectors.erp.tryton_company import CompanyBooks
from connectors.erp.tryton_health import TrytonHealth
from connectors.erp.tryton_looks import PER_CALL, Looks
from connectors.erp.tryton_orders import Orders
from connectors.erp.tryton_returns import Returns
from connectors.erp.tryton_rpc import LOOKERS_MAX, READERS_MAX, TrytonClient
from connectors.erp.tryton_sale_terms import SaleTerms
from connectors.erp.tryton_sales import Sales
from connectors.erp.tryton_stock import Stock
from connectors.erp.tryton_transfers import Transfers
from connectors.erp.tryton_writing import Writer
from connectors.governor import Governor, GovernorTerms
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Role
from resolvers.domain.locations import Channel
from resolvers.domain.sources import StockSource, Watermark

VENDOR = "tryton"

PARTY = "party"
"""Name of the option with the code of the party that our sales are booked for."""

PARTY_DEFAULT = "ONLINE"

LOCALE = "locale"
"""Name of the option with the language of product names (``zh-CN``); default: the user's."""

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

CREATE_SECONDS = 40.0
"""How long Tryton may go on making a sale whose caller has gone: 6 tries of 5 s for its turn to
write to SQLite, and the work itself. The steps after it may be pressed twice without harm."""


CALLS_AT_ONCE = READERS_MAX + 2 + LOOKERS_MAX
"""Its readers, its writer, somebody who asks whether it is well, and people who wait."""

CALLS_PER_SECOND = 100.0


def wall_clock() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def backend(
    *,
    code: str,
    url: str,
    database: str,
    user: str,
    password: str,
    channels: Sequence[Channel],
    timeout_seconds: float = 10.0,
    poll_seconds: float = 2.0,
    options: Mapping[str, str] = NO_OPTIONS,
    clock: Callable[[], datetime] = wall_clock,
    transport: httpx2.AsyncBaseTransport | None = None,
    headers: Callable[[], Mapping[str, str]] = dict,
) -> Backend:
    """One Tryton database. ``timeout_seconds`` bounds one question to it; ``headers`` are what goes
    with each, such as the trace that it is part of.

    Options: ``party`` (code of the buyer of our sales), ``sales_channel`` (channel of Tryton's own
    sales), ``locale`` (language of product names), ``till_channels`` (channels of tickets by shop).

    Raises:
        BadOption: one of them cannot be meant.
    """
    governor = Governor(code, _asked(timeout_seconds))
    client = TrytonClient(
        code=code,
        url=url,
        database=database,
        user=user,
        password=password,
        timeout_seconds=timeout_seconds,
        headers=headers,
        clock=clock,
        transport=transport,
        governor=governor,
    )
    books = CompanyBooks(client, clock)
    terms = SaleTerms(client, books, clock, options.get(PARTY, PARTY_DEFAULT))
    steps_seconds = 2 * timeout_seconds  # of the eight or so steps that a write takes together
    write_seconds = timeout_seconds + steps_seconds  # the first is the wait for its turn
    writer = Writer(client, steps_seconds)
    sales = Sales(writer, terms)
    return Backend(
        code,
        VENDOR,
        _declared(write_seconds + CREATE_SECONDS),
        health=TrytonHealth(client, terms),
        poll_seconds=poll_seconds,
        timeout_seconds=write_seconds,
        catalog=Catalog(client, books, clock, channels, options.get(LOCALE)),
        locations=books,
        stock=Stock(client, books, clock),
        stock_sink=Adjustments(writer, books, clock),
        order_source=Orders(client, clock, channels, options),
        order_sink=sales,
        sale_lookup=sales,
        return_sink=Returns(writer, terms),
        transfer_sink=Transfers(writer, books, clock),
        live_stock=Looks(client, books),
        governor=governor,
        close=client.close,
    )


def _asked(turn_seconds: float) -> GovernorTerms:
    """What one database may be asked."""
    return GovernorTerms(
        calls_at_once=CALLS_AT_ONCE,
        live_reserved=LOOKERS_MAX,
        calls_per_second=CALLS_PER_SECOND,
        turn_seconds=turn_seconds,
    )


def _declared(write_seconds_max: float) -> Capabilities:
    """What it is able to do."""
    return Capabilities(
        roles=(
            Role.CATALOG_SOURCE,
            Role.LOCATION_SOURCE,
            Role.STOCK_FEED,
            Role.STOCK_SINK,
            Role.ORDER_SOURCE,
            Role.ORDER_SINK,
            Role.RETURN_SINK,
            Role.TRANSFER_SINK,
            Role.LIVE_STOCK,
        ),
        idempotency=Idempotency.EXTERNAL_REFERENCE,
        stock=StockSource(watermark=Watermark.NONE),
        delta="changed since, with an overlap; stock read whole",
        cancels=True,
        returns=True,
        transfers=True,
        sales_per_call=1,
        write_seconds_max=write_seconds_max,
        calls_per_second=CALLS_PER_SECOND,
        calls_at_once=CALLS_AT_ONCE,
        live_stock_per_call=PER_CALL,
    )
