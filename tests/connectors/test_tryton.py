"""One configured backend: its roles, its feeds as pages, its health in words for people."""

from typing import Any

import httpx2
import pytest

from connectors.erp.tryton import backend
from resolvers.backend_ports import Backend, Idempotency, Role
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.sources import StockSource, Watermark
from tests.connectors.tryton_scripted import Clock, Scripted, Status, of_company, recorded, search

CHANNELS = (
    Channel("abroad", "Abroad", ChannelKind.ONLINE, "USD"),
    Channel("web", "Web", ChannelKind.ONLINE, "CNY"),
    Channel("store", "Shops", ChannelKind.IN_STORE, "CNY"),
)
RETURNED = ["quantity", "<", 0]
ACCESS = "model.ir.model.access.get_access"


def erp(server: Scripted, *, password: str = "good", **options: str) -> Backend:
    return backend(
        code="erp",
        url="http://tryton.test",
        database="retail",
        user="gateway",
        password=password,
        channels=CHANNELS,
        options=options,
        clock=Clock(),
        transport=httpx2.MockTransport(server.handle),
    )


def allowed(params: list[Any]) -> Any:
    rights = dict.fromkeys(("read", "create", "write", "delete"), 1)
    return dict.fromkeys(params[0], rights)


def well() -> Scripted:
    """A server on which everything is as it has to be."""
    catalog, orders = recorded("catalog"), recorded("orders")
    return Scripted(
        {
            "common.server.version": lambda _: "8.0",
            ACCESS: allowed,
            **of_company(),
            "model.party.party.search_read": search(
                [{"id": 2, "addresses": [6], "customer_payment_term": None}]
            ),
            "model.product.category.search_read": search(catalog["categories"]),
            "model.product.template.search_read": search(catalog["templates"]),
            "model.product.product.search_read": search(catalog["variants"]),
            "model.product.identifier.search_read": search([]),
            "model.stock.move.search_read": search([]),
            "model.sale.sale.search_read": search(orders["sales"]),
            "model.sale.line.search_read": lambda params: (
                [] if RETURNED in params[0] else search(orders["sale_lines"])(params)
            ),
            "model.sale.point.sale.search_read": search(orders["tickets"]),
            "model.sale.point.sale.line.search_read": search(orders["ticket_lines"]),
            "model.sale.point.payment.search_read": search(orders["payments"]),
        }
    )


async def test_a_backend_is_made_without_network_and_declares_what_it_can():
    server = well()

    made = erp(server)

    assert server.requests == []
    assert (made.code, made.vendor, made.poll_seconds) == ("erp", "tryton", 2.0)
    assert set(made.capabilities.roles) == {
        Role.CATALOG_SOURCE,
        Role.LOCATION_SOURCE,
        Role.STOCK_FEED,
        Role.STOCK_SINK,
        Role.ORDER_SOURCE,
        Role.ORDER_SINK,
        Role.RETURN_SINK,
        Role.TRANSFER_SINK,
        Role.LIVE_STOCK,
    }
    assert made.governor is not None
    assert made.governor.standing().calls_per_second == made.capabilities.calls_per_second
    assert made.capabilities.idempotency is Idempotency.EXTERNAL_REFERENCE
    assert (made.capabilities.cancels, made.capabilities.sales_per_call) == (True, 1)
    assert made.capabilities.stock == StockSource(watermark=Watermark.NONE)
    assert (made.timeout_seconds, made.capabilities.write_seconds_max) == (30.0, 70.0)
    assert "good" not in repr(made)


async def test_products_have_their_price_in_every_channel_of_the_companys_currency():
    pages = [page async for page in _catalog(erp(well())).products("")]

    [(products, first), (none, last)] = pages
    assert [product.handle for product in products] == ["bt0101", "bt0102", "bt0109", "lg0101"]
    assert set(products[0].variants[0].prices) == {"web", "store"}
    assert list(products[0].titles) == ["en"]
    assert none == []
    assert first != last


async def test_names_are_in_the_language_that_the_option_says():
    pages = [page async for page in _catalog(erp(well(), locale="zh-CN")).products("")]

    assert list(pages[0][0][0].titles) == ["zh-CN"]


async def test_places_are_the_warehouses_with_a_code():
    made = erp(well())
    assert made.locations is not None

    assert [at.code for at in await made.locations.locations()] == ["CW01", "SH01"]


async def test_orders_are_what_others_sold_in_the_first_channel_that_fits():
    """The first online channel sells in dollars; a named one is taken instead."""
    to_the_first = [at async for at in _orders(erp(well())).orders("")]
    to_the_named = [at async for at in _orders(erp(well(), sales_channel="web")).orders("")]

    sales, tickets, end = (orders for orders, _ in to_the_named)
    assert [(order.id, order.channel) for order in sales] == [
        ("erp-sale-2", "web"),
        ("erp-sale-3", "web"),
        ("erp-sale-4", "web"),
        ("erp-sale-5", "web"),
    ]
    assert [(order.id, order.channel) for order in tickets] == [
        ("erp-ticket-1", "store"),
        ("erp-ticket-2", "store"),
        ("erp-ticket-3", "store"),
    ]
    assert end == []
    assert [len(orders) for orders, _ in to_the_first] == [0, 3, 0]


# ---- health -----------------------------------------------------------------------------------


async def test_a_good_probe_says_what_is_there():
    probe = await erp(well()).health.probe()

    assert (probe.good, probe.detail) == (True, "Tryton 8.0, in CNY, Asia/Shanghai")


def failing(failure: Exception):
    def answer(_: list[Any]) -> Any:
        raise failure

    return answer


LACKING = {"read": 1, "create": 0, "write": 0, "delete": 0}


@pytest.mark.parametrize(
    ("script", "detail", "remedy"),
    [
        (
            {"common.server.version": failing(httpx2.ConnectError("nobody"))},
            "erp: no connection to http://tryton.test",
            "backends.erp.url",
        ),
        (
            {"common.server.version": lambda _: "6.0"},
            "erp is Tryton 6.0",
            "backends.erp.url",
        ),
        (
            {"common.db.login": failing(Status(404))},
            "erp: it cannot open this database",
            "backends.erp.database",
        ),
        (
            {"common.db.login": failing(Status(401))},
            "erp: user or password is wrong",
            "backends.erp.password_env",
        ),
        (
            {"common.db.login": failing(Status(429))},
            "erp: too many wrong passwords; the login is locked for about 5 minutes",
            "wait 5 minutes",
        ),
        (
            {ACCESS: lambda params: allowed(params) | {"sale.sale": LACKING}},
            "its user may not create sale.sale, write sale.sale",
            "the groups Sales, Stock and POS",
        ),
        (
            {"model.company.company.search_read": search([])},
            "erp: the user works for no company",
            "a company",
        ),
        (
            {"model.party.party.search_read": search([])},
            "erp: no party has the code ONLINE",
            "backends.erp.options.party",
        ),
    ],
)
async def test_a_bad_probe_names_what_is_wrong_and_the_setting_to_look_at(script, detail, remedy):
    server = well()
    server.answers |= script

    probe = await erp(server).health.probe()

    assert not probe.good
    assert probe.detail == detail
    assert remedy in probe.remedy


def _catalog(made: Backend):
    assert made.catalog is not None
    return made.catalog


def _orders(made: Backend):
    assert made.order_source is not None
    return made.order_source
