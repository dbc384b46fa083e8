"""Reading from a real Tryton through the connector, compared with a witness who asks without it."""

import shutil
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from resolvers.backend_ports import Level
from resolvers.domain.locations import LocationKind
from resolvers.domain.orders import OrderStatus
from resolvers.domain.values import Money
from tests.live.tryton.door import Erp, confirm, sell, ship
from tests.live.tryton.house import RunningTryton
from tests.live.tryton.rpc import Witness

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]  # the first run installs Tryton

PLACES = ("BJ01", "CW01", "GZ01", "SH01", "SH02")


@pytest.fixture
async def erp(tryton: RunningTryton) -> AsyncIterator[Erp]:
    door = Erp(tryton)
    yield door
    await door.close()


@pytest.fixture(scope="module")
def witness(tryton: RunningTryton) -> Witness:
    return tryton.witness()


@pytest.fixture(scope="module")
def till(tryton: RunningTryton) -> Witness:
    return tryton.witness("shop")


# ---- reading ----------------------------------------------------------------------------------


async def test_every_sku_has_tryton_s_price_in_both_channels(erp, witness):
    products, _ = await erp.products()

    variants = [variant for product in products for variant in product.variants]
    prices = {variant.sku: variant.prices for variant in variants}
    expected = {sku: Money(int(price * 100), "CNY") for sku, price in witness.prices().items()}
    assert {sku: price["web"] for sku, price in prices.items()} == expected
    assert {sku: price["store"] for sku, price in prices.items()} == expected
    assert len(expected) == 220
    assert len({product.handle for product in products}) == 92
    assert all(len(variant.barcodes) == 1 for variant in variants)
    assert {product.categories for product in products} == {
        ("美妆-beauty",),
        ("皮具-leather-goods",),
    }


async def test_the_five_places_are_one_warehouse_and_four_shops(erp):
    places = {at.code: at.kind for at in await erp.locations.locations()}

    assert places == {
        "CW01": LocationKind.WAREHOUSE,
        **dict.fromkeys(("SH01", "SH02", "BJ01", "GZ01"), LocationKind.STORE),
    }


@pytest.mark.parametrize("place", PLACES)
async def test_a_reading_is_what_the_witness_counts(erp, witness, place):
    reading = await erp.stock.read(place)

    on_hand = {sku: at.on_hand for sku, at in reading.levels.items() if at.on_hand}
    assert on_hand == witness.on_hand(place)
    assert on_hand


async def test_a_changed_price_shows_in_the_next_delta_alone(erp, witness):
    _, cursor = await erp.products()
    _, cursor = await erp.products(cursor)
    template = witness.only("product.template", [["code", "=", "LG0301"]])["id"]

    witness.call("product.template", "write", [template], {"gross_price": Decimal(3210)})
    changed, cursor = await erp.products(cursor)
    nothing, _ = await erp.products(cursor)

    (product,) = changed
    assert product.handle == "lg0301"
    assert {variant.prices["web"] for variant in product.variants} == {Money(321_000, "CNY")}
    assert nothing == []


async def test_a_barcode_that_is_written_on_its_own_shows_in_the_next_delta(erp, witness):
    _, cursor = await erp.products()
    _, cursor = await erp.products(cursor)
    barcode = witness.only("product.identifier", [["product.code", "=", "LG0302-01"]])["id"]

    witness.call("product.identifier", "write", [barcode], {"code": "4006381333931"})
    changed, _ = await erp.products(cursor)

    (product,) = changed
    assert product.variants[0].barcodes == ("4006381333931",)


async def test_a_sku_that_is_taken_out_vanishes_from_its_product(erp, witness):
    _, cursor = await erp.products()
    _, cursor = await erp.products(cursor)
    template = witness.only("product.template", [["code", "=", "LG0305"]])["id"]
    fresh = {"template": template, "suffix_code": "-09", "description": "试 Trial"}
    trial = witness.add("product.product", **fresh)

    added, cursor = await erp.products(cursor)
    witness.call("product.product", "write", [trial], {"active": False})
    removed, _ = await erp.products(cursor)

    assert "LG0305-09" in {variant.sku for variant in added[0].variants}
    assert "LG0305-09" not in {variant.sku for variant in removed[0].variants}


async def test_a_ticket_is_sold_elsewhere_until_it_is_posted_and_gone_then(erp, till, witness):
    sku = next(sku for sku, units in witness.on_hand("GZ01").items() if units >= 3)
    before = await erp.level("GZ01", sku)

    ticket = till.ring_up("GZ01", sku, 2)
    rung_up = await erp.level("GZ01", sku)
    till.call("sale.point.sale", "post", [ticket])
    posted = await erp.level("GZ01", sku)

    assert rung_up == Level(before.on_hand, elsewhere=2)
    assert posted == Level(before.on_hand - 2)


async def test_a_reading_changes_with_what_moves_and_only_then(erp, witness):
    first = await erp.stock.read("BJ01")
    quiet = await erp.stock.read("BJ01")
    witness.count_stock("BJ01", "LG0410-01", 17)
    counted = await erp.stock.read("BJ01")

    assert quiet == first
    assert counted.watermark is None
    assert counted.levels["LG0410-01"] == Level(17)


async def test_a_sale_of_the_staff_is_sold_elsewhere_and_an_order(erp, witness):
    _, cursor = await erp.orders()
    before = await erp.level("CW01", "LG0401-01")

    id = sell(witness, "LG0401-01", 3, "CW01", "PO-4711")
    confirm(witness, id)
    sold = await erp.level("CW01", "LG0401-01")
    orders, cursor = await erp.orders(cursor)
    ship(witness, id, zoned=True)
    sent = await erp.level("CW01", "LG0401-01")
    shipped, _ = await erp.orders(cursor)

    assert sold == Level(before.on_hand, elsewhere=3)
    assert sent == Level(before.on_hand - 3)
    assert orders["PO-4711"].status is OrderStatus.CONFIRMED
    assert orders["PO-4711"].channel == "web"
    assert orders["PO-4711"].lines[0].unit_price == Money(11_300, "CNY")
    assert shipped["PO-4711"].status is OrderStatus.FULFILLED
    assert shipped["PO-4711"].lines[0].fulfilled == 3


async def test_a_ticket_is_an_order_of_its_shop(erp, till):
    _, cursor = await erp.orders()

    number = till.sell_at_till("SH02", "BT0101-01", 1)
    orders, _ = await erp.orders(cursor)

    order = orders[number]
    assert (order.channel, order.status) == ("store", OrderStatus.FULFILLED)
    assert order.origin_location == "SH02"
    assert order.total == order.paid == Money(8900, "CNY")


# ---- health -----------------------------------------------------------------------------------


async def test_a_server_that_is_well_is_found_well(erp):
    probe = await erp.backend.health.probe()

    assert (probe.good, probe.detail) == (True, "Tryton 8.0, in CNY, Asia/Shanghai")


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"url": "http://127.0.0.1:9"}, "backends.erp.url"),
        ({"database": "nosuch"}, "backends.erp.database"),
        ({"password": "wrong"}, "backends.erp.password_env"),
        ({"options": {"party": "NOBODY"}}, "backends.erp.options.party"),
    ],
)
async def test_a_setting_that_is_wrong_is_named(tryton, settings, remedy):
    erp = Erp(tryton, **settings)

    probe = await erp.backend.health.probe()
    await erp.close()

    assert not probe.good
    assert remedy in probe.remedy


async def test_a_user_without_the_groups_is_told_which(tryton):
    erp = Erp(tryton, user="shop", password=tryton.house.password("shop"))

    probe = await erp.backend.health.probe()
    await erp.close()

    assert not probe.good
    assert probe.detail.startswith("its user may not read sale.sale, ")
    assert "the groups Sales, Stock and POS" in probe.remedy


async def test_a_session_that_the_server_has_lost_is_renewed(tryton_house, tmp_path):
    with tryton_house.start(tmp_path) as server:
        erp = Erp(server)
        first = await erp.stock.read("SH01")
        server.stop()
        for file in (tmp_path / "database").iterdir():
            file.unlink()
        shutil.copyfile(tryton_house.pristine, tmp_path / "database" / "retail.sqlite")
        server.start_again()

        second = await erp.stock.read("SH01")
        await erp.close()

    assert second.levels == first.levels
