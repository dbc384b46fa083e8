"""Sandbox tills and marketplaces: what happens there is told in the house's words."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sandbox.marketplaces import SandboxMarketplace
from resolvers.backend_ports import OrderSource
from resolvers.domain.errors import (
    InvalidInput,
    NotFound,
    OrderNotOpen,
)
from resolvers.domain.members import member_id
from resolvers.domain.orders import OrderStatus
from resolvers.domain.values import Money, utc

SKU = "BT-0001-30ML"
NOON = utc(2026, 3, 2, 12)


@pytest.fixture(params=["a", "b"])
def marketplace(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SandboxMarketplace]:
    door = SandboxMarketplace(tmp_path, request.param, lambda: NOON)
    yield door
    door.close()


async def orders_of(source: OrderSource, cursor: str = "") -> list[tuple[str, OrderStatus]]:
    return [(o.number, o.status) async for page, _ in source.orders(cursor) for o in page]


async def cursor_of(source: OrderSource) -> str:
    return [cursor async for _, cursor in source.orders("")][-1]


async def test_a_ticket_lowers_the_erps_on_hand_and_is_told_as_an_order(erp, tills):
    before = await erp.on_hand("ST-01", SKU)

    number = await tills.sell("ST-01", SKU, 2, "AS-001", "C100007")
    again = await tills.sell("ST-01", SKU, 1)
    ((orders, cursor),) = [page async for page in tills.orders("")]

    assert (number, again) == ("ST-01-000001", "ST-01-000002")
    assert await erp.on_hand("ST-01", SKU) == before - 3
    assert cursor == "2"
    assert await orders_of(tills, cursor) == []
    ticket = orders[0]
    assert (ticket.number, ticket.system, ticket.channel) == (number, "pos", "store")
    assert (ticket.status, ticket.total) == (OrderStatus.FULFILLED, Money(152000, "CNY"))
    assert ticket.paid == ticket.total
    assert (ticket.origin_location, ticket.associate_code) == ("ST-01", "AS-001")
    assert (ticket.lines[0].quantity, ticket.lines[0].fulfilled) == (2, 2)
    assert [(o.system, o.external_id) for o in ticket.external] == [("pos", number)]
    assert ticket.placed_at == NOON
    assert [order.member_id for order in orders] == [member_id("crm", "C100007"), None]


async def test_a_ticket_left_open_is_booked_once_with_the_next(erp, tills, tmp_path):
    before = await erp.on_hand("ST-02", SKU)
    await tills.sell("ST-02", SKU, 1)
    with sqlite3.connect(tmp_path / "sandbox" / "pos.sqlite") as db:
        db.execute(
            "INSERT INTO placed SELECT 'ST-02-000099', 1000, 99, status, placed_at, updated_at,"
            " lines, location, associate, customer FROM placed"
        )
        db.execute("INSERT INTO unbooked VALUES ('ST-02-000001'), ('ST-02-000099')")
    db.close()

    await tills.sell("ST-02", SKU, 1)

    assert await erp.on_hand("ST-02", SKU) == before - 3


async def test_a_till_sells_only_what_there_is_in_shops(tills):
    with pytest.raises(NotFound):
        await tills.sell("WH-01", SKU, 1)
    with pytest.raises(NotFound):
        await tills.sell("ST-01", "NO-SUCH", 1)
    with pytest.raises(InvalidInput):
        await tills.sell("ST-01", SKU, 0)

    assert await orders_of(tills) == []


async def test_a_marketplace_has_listings_and_numbers_of_its_own(marketplace):
    listings = await marketplace.stands_for()
    listing = next(id for id, sku in listings.items() if sku == SKU)
    cursor = await cursor_of(marketplace)

    number = await marketplace.order({listing: 2})
    ((orders, _),) = [page async for page in marketplace.orders(cursor)]

    assert (
        number
        == {"marketplace-a": "20260000000001", "marketplace-b": "PB-000001"}[marketplace.code]
    )
    assert len(set(listings.values())) == len(listings) - 1, "one is listed twice"
    assert not set(listings) & set(listings.values())
    (order,) = orders
    assert (order.number, order.system, order.channel) == (
        number,
        marketplace.code,
        marketplace.code,
    )
    assert order.status is OrderStatus.CONFIRMED
    assert [(line.sku, line.quantity) for line in order.lines] == [(SKU, 2)]
    assert order.paid == order.total == Money(152000, "CNY")
    assert order.delivery is not None and order.delivery.address is not None
    assert order.delivery.address.country_code == "CN"
    assert order.member_id == member_id("crm", "C100002")


async def test_an_order_called_off_is_told_again(marketplace):
    listing = next(iter(await marketplace.stands_for()))
    number = await marketplace.order({listing: 1})
    cursor = await cursor_of(marketplace)

    await marketplace.call_off(number)

    assert await orders_of(marketplace, cursor) == [(number, OrderStatus.CANCELED)]
    with pytest.raises(OrderNotOpen):
        await marketplace.call_off(number)
    with pytest.raises(NotFound):
        await marketplace.order({"no-such-listing": 1})


async def test_a_marketplace_tells_its_listings_and_then_what_changed_or_went(marketplace):
    told = [page async for page in marketplace.listings("")]
    listings = {it.id: it for page in told for it in page.items}
    truth = await marketplace.stands_for()
    odd = [it for it in listings.values() if it.seller_code != truth[it.id]]
    first, second = list(truth)[:2]

    await marketplace.reprice(first, 100)
    await marketplace.take_down(second)
    later = [page async for page in marketplace.listings(told[-1].cursor)]

    assert listings.keys() == truth.keys()
    assert all(len(page.items) <= 100 for page in told)
    assert {it.seller_code is None for it in odd} == {True, False}
    assert [bool(it.barcodes) for it in odd] == [it.seller_code is None for it in odd]
    assert [([it.id for it in page.items], page.gone) for page in later] == [([first], [second])]
    assert later[0].items[0].prices == ((marketplace.code, Money(100, "CNY")),)
    assert await marketplace.listing(first) == later[0].items[0]
    assert await marketplace.listing(second) is None
    with pytest.raises(NotFound):
        await marketplace.reprice(second, 100)
