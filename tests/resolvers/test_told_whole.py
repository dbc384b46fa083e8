"""A channel's orders told to a backend of its own, besides the locations' (O1, O6)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from connectors.sandbox import chain
from resolvers import orders
from resolvers.domain.books import Change
from resolvers.domain.called_off import CalledOff, called_off
from resolvers.domain.catalog import Component, Provenance
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery, Order, OrderLine, OrderStatus
from resolvers.domain.outbox import Sale, SaleLine, WriteAction, WriteStatus
from resolvers.domain.reservation import Reservation, Status, commit_entries, hold_entries
from resolvers.domain.sales import number_of, of_channel, reference_anew, writes_of
from resolvers.domain.stock import Pin
from resolvers.domain.values import Money, utc
from resolvers.filters import OrderFilter
from resolvers.placing import AskedLine, AskedPayment, PlaceOrder
from resolvers.relay import push_due
from resolvers.taking import take_orders
from tests.connectors.vendure_desk import Desk
from tests.connectors.vendure_scripted import OPTIONS
from tests.property.test_changed_orders import World
from tests.support import CHANNEL, OPERATOR, PARTNER, SKU, open_shop

NOON = utc(2026, 3, 2, 12)
PRICE = Money(900, "CNY")


def order(system: str = "gateway") -> Order:
    parts = (Component("A", 1), Component("B", 2))
    return Order(
        "id-1",
        "UC-1",
        "mini-program",
        OrderStatus.CONFIRMED,
        (OrderLine("id-1.1", "SET", "Set", 2, PRICE, components=parts),),
        "CNY",
        NOON,
        NOON,
        "member:M-1",
        system=system,
        external=(Provenance(system, "7", NOON + timedelta(seconds=1)),),
        sales=(("WH", "UC-1"),),
        version=3,
    )


PINS = (Pin("hold", "A", "WH", 2, None), Pin("hold", "B", "WH", 4, None))


def told(
    sinks: Mapping[str, str], of: Order, action: WriteAction = WriteAction.PLACE_SALE
) -> dict[str, Sale | None]:
    """What each backend is told, by the write's id."""
    writes = writes_of(of, PINS, sinks, action, NOON)
    assert [(it.subject, it.order_id) for it in writes] == [("id-1", "id-1")] * len(writes)
    return {f"{it.backend} {it.id}": it.sale for it in writes}


def test_the_location_is_told_its_units_and_the_channel_what_was_bought():
    sinks = {"WH": "erp", of_channel("mini-program"): "shop", of_channel("web"): "other"}

    sales = told(sinks, order())

    units = (SaleLine("A", 2, Money(300, "CNY")), SaleLine("B", 4, Money(300, "CNY")))
    assert sales == {
        "erp id-1/PLACE_SALE/WH": Sale("UC-1", "WH", NOON, units, channel="mini-program"),
        "shop id-1/PLACE_SALE/@shop": Sale(
            "UC-1", "", NOON, (SaleLine("SET", 2, PRICE),), channel="mini-program"
        ),
    }


def test_both_are_told_that_it_is_off():
    sinks = {"WH": "erp", of_channel("mini-program"): "shop"}

    sales = told(sinks, order(), WriteAction.CANCEL_SALE)

    assert list(sales) == ["erp id-1/CANCEL_SALE/WH", "shop id-1/CANCEL_SALE/@shop"]


def test_an_order_of_another_system_is_not_told_to_the_channels_backend():
    """Or the shop would be told its own orders."""
    sinks = {of_channel("mini-program"): "shop"}

    assert told(sinks, order("shop")) == {}


def test_no_backend_is_told_of_an_order_both_ways():
    sinks = {"WH": "shop", of_channel("mini-program"): "shop"}

    assert list(told(sinks, order())) == ["shop id-1/PLACE_SALE/WH"]


def test_a_sale_that_is_told_anew_is_found_by_the_orders_number():
    reference = reference_anew(order(), "WH")

    assert reference == "UC-1/WH/3"
    assert number_of(reference) == "UC-1"


def test_the_channels_backend_hears_of_a_sale_that_its_place_has_called_off():
    """O6: the shop would else keep the buyer's money for goods that nobody hands over."""
    sinks = {"WH": "erp", of_channel("mini-program"): "shop"}
    world = World()
    world.known = replace(
        world.known,
        orders={"x1": replace(order(), id="x1", reservation_id="hold")},
        reservations={
            "hold": Reservation(
                "hold",
                Status.COMMITTED,
                "mini-program",
                (),
                "member:M-1",
                NOON,
                None,
                order_id="x1",
                units=(("A", 2), ("B", 4)),
            )
        },
    )
    for pin in PINS:
        world.stocked(pin.sku, "WH", 9)
        entries, _ = commit_entries([pin], NOON)
        change = Change((*hold_entries([pin], NOON), *entries), (pin,))
        world.run(partial(lambda change, _: change, change))

    for _ in range(2):
        world.run(lambda books: called_off(books, CalledOff("x1", "WH", "erp", sinks)))

    assert [write.id for write in world.writes] == ["x1/CANCEL_SALE/@shop"]
    assert (world.hard("A"), world.hard("B")) == (0, 0)


async def test_an_order_that_is_placed_here_stands_in_the_shop_and_comes_back_as_ours():
    """Placed, paid, entered, read back, called off, paid back (O1, O5, O6)."""
    desk = Desk()
    desk.lists["productVariants"] = [{"id": "5", "sku": SKU}]
    enters = {"order_customer": "gateway@example.com", "order_shipping": "elsewhere"}
    backend = desk.backend(options={**OPTIONS, **enters})
    channels = [
        replace(at, order_sink="shop") if at.code == CHANNEL else at for at in chain.CHANNELS
    ]
    shop = await open_shop(channels=channels, backends=[backend])
    await shop.stocked(SKU, "WH-01", 5)
    placed, _ = await orders.place_order(
        shop.context(PARTNER),
        PlaceOrder(
            "k",
            CHANNEL,
            Delivery(Method.SHIP),
            lines=(AskedLine(SKU, 2),),
            payments=(AskedPayment("WECHAT", Money(152000, "CNY")),),
        ),
    )

    lease = await shop.store.house.lease("push:shop", "test", 60, shop.clock())
    await push_due(shop.context(OPERATOR), backend, lambda: lease)
    [entered] = desk.orders
    assert (entered["code"], entered["state"]) == (placed.number, "PaymentSettled")
    assert entered["totalWithTax"] == 152000
    assert [line["quantity"] for line in entered["lines"]] == [2]

    read_back = replace(
        placed,
        id=f"shop-{entered['id']}",
        system="shop",
        subject="backend:shop",
        reservation_id=None,
        external=(Provenance("shop", entered["id"], NOON),),
    )
    await take_orders(shop.context(OPERATOR), backend, [read_back])
    known = await orders.browse_orders(shop.context(OPERATOR), OrderFilter(), 10, None)
    assert [order.id for _, order in known.edges] == [placed.id]
    assert await shop.available(SKU) == 3

    await orders.cancel_order(shop.context(PARTNER), "c", placed.id)
    await push_due(shop.context(OPERATOR), backend, lambda: lease)
    writes = await shop.store.outbox.writes_of([placed.id])
    assert [(it.status, it.external_id) for it in writes[placed.id]] == [
        (WriteStatus.DONE, entered["id"])
    ] * 2
    assert entered["state"] == "Cancelled"
    [payment] = entered["payments"]
    assert [(it["state"], it["total"]) for it in payment["refunds"]] == [("Settled", 152000)]
    await shop.close()
