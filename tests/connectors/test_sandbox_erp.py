"""The sandbox ERP: what it is told it does once, what leaves is told with the numbers."""

import time

import pytest

from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.ledger import SaleStatus
from resolvers.backend_ports import Departed
from resolvers.domain.catalog import Product
from resolvers.domain.errors import (
    BackendRefused,
    InvalidInput,
    NotFound,
)
from resolvers.domain.outbox import Adjustment, Sale, SaleLine
from resolvers.domain.stock import EntryKind
from resolvers.domain.values import Money, utc

SKU = "BT-0001-30ML"
NOON = utc(2026, 3, 2, 12)


def sale(reference: str, *lines: tuple[str, int], at: str = "WH-01") -> Sale:
    booked = tuple(SaleLine(sku, units, Money(76000, "CNY")) for sku, units in lines)
    return Sale(reference, at, NOON, booked)


async def catalogue_of(erp: SandboxErp, cursor: str = "") -> list[Product]:
    return [product async for page, _ in erp.products(cursor) for product in page]


async def test_nothing_changes_by_itself(erp):
    assert await catalogue_of(erp, "320") == []
    assert await erp.read("WH-01") == await erp.read("WH-01")


async def test_a_new_price_is_a_change_of_its_product_alone(erp):
    await erp.reprice(SKU, "live-stream", 69900)

    (product,) = await catalogue_of(erp, "320")

    assert product.handle == "amber-essence-001"
    assert product.updated_at == NOON
    assert product.variants[0].prices["live-stream"] == Money(69900, "CNY")
    assert product.variants[0].prices["store"] == Money(76000, "CNY")
    assert len(await catalogue_of(erp)) == 320


async def test_a_cursor_of_another_system_is_refused(erp):
    with pytest.raises(BackendRefused):
        await catalogue_of(erp, "2026-03-01")


async def test_an_adjustment_is_booked_once(erp):
    before = await erp.on_hand("WH-01", SKU)
    found = Adjustment("adj-1", SKU, "WH-01", 3, "found behind the shelf")

    first = await erp.adjust(found, second_try=False)
    again = await erp.adjust(found, second_try=True)
    reading = await erp.read("WH-01")

    assert first == again
    assert (first.external_id, first.acknowledged) == ("MV-000321", 321)
    assert reading.watermark == 321
    assert reading.levels[SKU].on_hand == before + 3


@pytest.mark.parametrize(
    ("sku", "location"), [("NO-SUCH", "WH-01"), (SKU, "WH-99"), ("BT-0311-SET", "WH-01")]
)
async def test_what_no_shelf_can_have_is_refused(erp, sku, location):
    before = await erp.read("WH-01")

    adjusted = await erp.adjust(Adjustment("adj-1", sku, location, 1, "?"), second_try=False)
    (placed,) = await erp.place([sale("r-1", (sku, 1), at=location)], second_try=False)

    assert adjusted.error is not None and adjusted.acknowledged is None
    assert placed.error is not None and placed.external_id is None
    assert await erp.read("WH-01") == before
    assert await erp.sales() == []


async def test_a_sale_is_booked_once_under_an_id_of_the_erps_own(erp):
    first = await erp.place([sale("r-1", (SKU, 2)), sale("r-2", (SKU, 1))], second_try=False)
    again = await erp.place([sale("r-2", (SKU, 1)), sale("r-3", (SKU, 1))], second_try=True)

    assert [result.external_id for result in first] == ["SO-000001", "SO-000002"]
    assert again[0] == first[1]
    assert again[1].external_id == "SO-000003"
    assert [booked.reference for booked in await erp.sales()] == ["r-1", "r-2", "r-3"]


async def test_more_sales_than_a_call_may_carry_are_refused(erp):
    with pytest.raises(BackendRefused):
        await erp.place([sale(f"r-{n}", (SKU, 1)) for n in range(21)], second_try=False)

    assert await erp.sales() == []


async def test_goods_that_were_shipped_are_off_the_shelf_and_told_with_the_numbers(erp):
    other = "BT-0001-50ML"
    before = await erp.on_hand("WH-01", SKU)
    await erp.place([sale("r-1", (SKU, 2), (SKU, 1), (other, 1))], second_try=False)

    part = await erp.ship("r-1", {SKU: 2})
    half_way = await erp.read("WH-01")
    whole = await erp.ship("r-1")
    reading = await erp.read("WH-01")

    assert (part.status, whole.status) == (SaleStatus.PART_SHIPPED, SaleStatus.SHIPPED)
    assert half_way.departed == (Departed("r-1", SKU, 2),)
    assert half_way.levels[SKU].on_hand == before - 2
    assert reading.departed == (Departed("r-1", SKU, 3), Departed("r-1", other, 1))
    assert reading.levels[SKU].on_hand == before - 3
    assert (await erp.read("DS-01")).departed == ()


async def test_a_location_tells_of_its_last_thousand_shipped_sales_and_stays_quick(erp):
    references = [f"r-{n:04}" for n in range(1001)]
    for at in range(0, len(references), 20):
        few = [sale(reference, (SKU, 1)) for reference in references[at : at + 20]]
        await erp.place(few, second_try=False)
    for reference in references:
        await erp.ship(reference)

    started = time.perf_counter()
    reading = await erp.read("WH-01")
    took = time.perf_counter() - started

    assert reading.departed == tuple(Departed(reference, SKU, 1) for reference in references[1:])
    assert took < 0.05


async def test_no_more_is_shipped_than_was_sold(erp):
    before = await erp.on_hand("WH-01", SKU)
    await erp.place([sale("r-1", (SKU, 2))], second_try=False)

    with pytest.raises(InvalidInput):
        await erp.ship("r-1", {SKU: 3})
    with pytest.raises(NotFound):
        await erp.ship("r-2")

    assert await erp.on_hand("WH-01", SKU) == before


async def test_a_sale_is_canceled_once_and_not_after_it_began_to_leave(erp):
    await erp.place([sale("r-1", (SKU, 2)), sale("r-2", (SKU, 2))], second_try=False)
    await erp.ship("r-2", {SKU: 1})

    first, again = await erp.cancel(sale("r-1")), await erp.cancel(sale("r-1"))
    too_late, unknown = await erp.cancel(sale("r-2")), await erp.cancel(sale("r-3"))

    assert first == again
    assert (first.external_id, first.error) == ("SO-000001", None)
    assert too_late.error == "SO-000002 has left the building"
    assert unknown.error == "there is no sale r-3"
    assert (await erp.sale("r-1")).status is SaleStatus.CANCELED
    with pytest.raises(NotFound):
        await erp.ship("r-1")


async def test_goods_come_in_and_are_sold_ahead(erp):
    before = (await erp.read("ST-01")).levels.get(SKU)
    on_hand = before.on_hand if before else 0

    await erp.receive("ST-01", SKU, 5)
    await erp.sell_ahead("ST-01", SKU, 2)
    level = (await erp.read("ST-01")).levels[SKU]

    assert (level.on_hand, level.elsewhere) == (on_hand + 5, 2)


async def test_what_moved_at_a_place_is_told_with_what_came_before_it(erp, tills):
    await erp.receive("ST-01", SKU, 5)
    await erp.receive("ST-02", SKU, 5)
    number = await tills.sell("ST-01", SKU, 1)
    await erp.write_off("ST-01", SKU, 2)
    await erp.sell_ahead("ST-01", SKU, 1)
    await erp.adjust(Adjustment("adj-1", SKU, "ST-01", 3, "found"), second_try=False)
    await erp.place([sale("r-1", (SKU, 1), at="ST-01")], second_try=False)
    await erp.ship("r-1")

    told = [it async for page in erp.movements("ST-01", 321) for it in page]

    assert [(it.kind, it.cause, it.units, it.elsewhere, it.ours) for it in told] == [
        (EntryKind.SALE, number, -1, 0, None),
        (EntryKind.ADJUSTMENT, "BR-000001", -2, 0, None),
        (EntryKind.SALE, "OS-000001", 0, 1, None),
        (EntryKind.ADJUSTMENT, "adj-1", 3, 0, "adj-1"),
        (EntryKind.SALE, "r-1", 0, 0, None),
    ]
    assert [(it.sequence, it.after) for it in told] == [
        (323, 321),
        (324, 323),
        (325, 324),
        (326, 325),
        (328, 326),
    ]
    assert told[0].id == "MV-000003"
    assert (await erp.read("ST-01")).watermark == 328


async def test_movements_come_in_pages_and_not_past_the_silence(erp):
    for _ in range(101):
        await erp.receive("ST-01", SKU, 1)
    await erp.set_knobs(Knobs(silent=True))
    await erp.receive("ST-01", SKU, 1)

    pages = [page async for page in erp.movements("ST-01", 0)]

    assert [len(page) for page in pages] == [100, 1]
    assert pages[1][0].sequence == (await erp.read("ST-01")).watermark == 421
