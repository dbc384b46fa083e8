"""A folder of CSV files as a backend, on real directories (G2, S2, O1)."""

import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors import drop_folder
from connectors.csv_rows import amount, whole
from resolvers.backend_ports import Departed, Level
from resolvers.domain.catalog import Component
from resolvers.domain.errors import BackendUnavailable, NotUnderstood, ReadingRefused
from resolvers.domain.inbox import Hint
from resolvers.domain.locations import Capability, LocationKind
from resolvers.domain.values import Money
from tests.connectors.dropped import PRODUCTS, STOCK, TICKETS, Shop, all_of, closed, message, opened
from tests.support import NOON

NOON_MICROS = int(NOON.timestamp()) * 1_000_000


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    made = opened(tmp_path / "till")
    yield made
    await closed(made.backend)


# ---- goods and places ---------------------------------------------------------------------------


async def test_rows_of_one_product_are_its_variants_with_prices_in_every_channel(shop):
    products, _ = await all_of(shop.backend.catalog.products(""))

    dress, bag = products
    assert [variant.sku for variant in dress.variants] == ["DR-S", "DR-M"]
    assert dress.variants[0].barcodes == ("690001", "690002")
    assert dict(bag.variants[0].titles) == {"zh-CN": "手袋, 小号"}
    money = Money(128050, "CNY")
    assert dict(bag.variants[0].prices) == {"store": money, "web": money}


async def test_more_columns_are_prices_of_a_channel_options_locales_and_parts(shop):
    head = "sku,title,title:en,price,price:web,option:颜色,components,cost,image"
    row = "SET,套装,Set,100,90.50,红,DR-S*1;BAG*2,40,https://cdn.example/set.jpg"
    shop.put("products.csv", f"{head}\n{row}\n")

    [found], _ = await all_of(shop.backend.catalog.products(""))

    variant = found.variants[0]
    assert dict(variant.titles) == {"zh-CN": "套装", "en": "Set"}
    assert {at: it.minor for at, it in variant.prices.items()} == {"store": 10000, "web": 9050}
    assert variant.options == (("颜色", "红"),)
    assert variant.components == (Component("DR-S", 1), Component("BAG", 2))
    assert variant.unit_cost == Money(4000, "CNY")
    assert found.media[0].url == "https://cdn.example/set.jpg"


async def test_places_are_the_folders_own(shop):
    store, warehouse = await shop.backend.locations.locations()

    assert (store.code, store.name, store.kind) == ("SH01", "南京西路店", LocationKind.STORE)
    assert store.capabilities == (Capability.PICKUP, Capability.SHIP_FROM)
    assert (store.authority, store.time_zone) == ("till", "Asia/Shanghai")
    assert warehouse.kind is LocationKind.WAREHOUSE


async def test_of_a_folder_that_is_gone_nothing_is_said(shop):
    """G2: a share that is not mounted has no goods any more, but nobody has taken them away."""
    shop.put("inbox/tickets-1.csv", TICKETS)
    [pulled] = await shop.backend.puller.pull(100)
    shop.root.rename(shop.root.with_name("elsewhere"))
    told = r"^till: till: No such file or directory$"

    for asked in (
        all_of(shop.backend.catalog.products("")),
        shop.backend.locations.locations(),
        shop.backend.stock.read("SH01"),
        all_of(shop.backend.order_source.orders("")),
        shop.backend.deliveries.delivered(json.loads(pulled.body)["kept"]),
        shop.backend.puller.pull(100),
        shop.backend.puller.acknowledge([pulled.id]),
    ):
        with pytest.raises(BackendUnavailable, match=told):
            await asked


async def test_products_are_read_again_only_when_their_file_is_another(shop):
    _, cursor = await all_of(shop.backend.catalog.products(""))
    assert await shop.skus(cursor) == []

    shop.put("products.csv", PRODUCTS + "NEW,新品,,1,\n", age=30)

    assert await shop.skus(cursor) == ["DR-S", "DR-M", "BAG", "NEW"]


async def test_a_reading_that_was_stopped_goes_on_at_its_page(shop):
    rows = "".join(f"S{at},T,,1\n" for at in range(250))
    shop.put("products.csv", f"sku,title,product,price\n{rows}")
    pages = shop.backend.catalog.products("")
    _, cursor = await anext(pages)
    await pages.aclose()

    assert await shop.skus(cursor) == [f"S{at}" for at in range(100, 250)]


@pytest.mark.parametrize(
    "content",
    [
        PRODUCTS.encode("utf-8-sig"),
        PRODUCTS.encode("gb18030"),
        PRODUCTS.replace("\n", "\r\n").encode("gb18030"),
        PRODUCTS.rstrip("\n").encode(),
    ],
    ids=["with a mark", "GB18030", "GB18030 with CRLF", "no last line break"],
)
async def test_a_file_is_read_in_the_encodings_that_shops_have(shop, content):
    shop.put("products.csv", content)

    products, _ = await all_of(shop.backend.catalog.products(""))

    assert dict(products[0].titles) == {"zh-CN": "红色连衣裙 S"}
    assert await shop.left_out() == []


async def test_a_row_that_makes_no_sense_is_left_out_and_named_and_costs_no_other(shop):
    bad = 'sku,title,product,price\nA,a,,1\n"B,b,,1\nC,c\n,d,,1\nE,e,,free\nA,again,,1\nF,f,,2\n'
    shop.put("products.csv", bad)

    assert await shop.skus() == ["A", "F"]
    assert await shop.left_out() == [
        "products.csv: 5 left out: line 3: its quotes are not closed, or closed in the middle; "
        "line 4: 2 columns, not 4; line 5: sku is empty, too long or not printable; "
        "line 6: price is no amount of CNY; line 7: its sku stands above already"
    ]


@pytest.mark.parametrize("cell", ["1e99999999999", "1e999990", "-1e999990", "sNaN", "Infinity"])
def test_a_number_that_is_beyond_all_reason_takes_no_time_and_costs_no_other(cell):
    """One such cell, written out, would have a million digits and more."""
    began = time.monotonic()

    with pytest.raises(NotUnderstood):
        whole(cell, "quantity", 1, 10)
    with pytest.raises(NotUnderstood):
        amount(cell, "price", "CNY")

    assert time.monotonic() - began < 1


async def test_what_was_left_out_is_told_once_and_again_by_the_next_process_under_one_key(shop):
    shop.put("products.csv", PRODUCTS + "BAD\n")
    [pulled] = await shop.backend.puller.pull(100)
    await shop.backend.puller.acknowledge([pulled.id])

    assert await shop.backend.puller.pull(100) == []
    other = shop.again()
    [again] = await other.backend.puller.pull(100)
    await closed(other.backend)
    assert again.dedupe_key == pulled.dedupe_key


async def test_what_was_left_out_waits_for_a_person_until_its_file_is_another(shop):
    shop.put("products.csv", PRODUCTS + "BAD\n")
    [pulled] = await shop.backend.puller.pull(100)
    with pytest.raises(
        NotUnderstood, match=r"^products.csv: 1 left out: line 5: 1 columns, not 5$"
    ):
        shop.backend.puller.hints(message(pulled))

    shop.put("products.csv", PRODUCTS, age=10)
    assert await shop.backend.puller.pull(100) == []

    assert shop.backend.puller.hints(message(pulled)) == [Hint("catalog")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"sku,price\nA,1\n", "products.csv has no column title in its first line"),
        (b"", "products.csv has no column sku, title in its first line"),
        (b"sku,title,sku\nA,a,B\n", "products.csv has a column twice"),
        (b"sku,title\n\xff\xff,a\n", "products.csv is neither UTF-8 nor GB18030"),
    ],
)
async def test_a_file_of_wrong_columns_is_not_read_and_told(shop, content, told):
    shop.put("products.csv", content)

    with pytest.raises(NotUnderstood, match=told):
        await shop.skus()
    [parked] = await shop.backend.puller.pull(100)
    assert json.loads(parked.body)["file"] == "products.csv"


async def test_a_file_that_is_still_written_is_not_read(shop):
    shop.put("products.csv", PRODUCTS, age=1.9)
    assert await shop.skus() == []

    shop.clock.now += timedelta(seconds=0.1)

    assert await shop.skus() == ["DR-S", "DR-M", "BAG"]


async def test_a_file_that_changes_under_its_reader_is_not_believed(shop):
    rows = "".join(f"S{at},T,,1\n" for at in range(250))
    path = shop.put("products.csv", f"sku,title,product,price\n{rows}")
    pages = shop.backend.catalog.products("")
    await anext(pages)

    with path.open("a") as more:
        more.write("LAST,T,,1\n")

    with pytest.raises(BackendUnavailable, match=r"products.csv: it was written while it was read"):
        await all_of(pages)


async def test_a_large_file_is_read_in_little_memory(shop):
    rows = "".join(f"SKU-{at:05},T,P-{at:05},1.00,{'长' * 2000}\n" for at in range(5_000))
    path = shop.put("products.csv", f"sku,title,product,price,description\n{rows}")
    assert path.stat().st_size > 30_000_000
    count = 0
    tracemalloc.start()

    assert shop.backend.catalog is not None
    async for page, _ in shop.backend.catalog.products(""):
        count += len(page)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5_000
    assert peak < 8_000_000


async def test_a_line_without_end_is_left_out(shop):
    endless = "X" * (3 * drop_folder.LINE_CHARS_MAX)
    shop.put("products.csv", f"{PRODUCTS}{endless}\nNEW,n,,1,\n")

    assert await shop.skus() == ["DR-S", "DR-M", "BAG", "NEW"]
    assert await shop.left_out() == ["products.csv: 1 left out: line 5: the line is too long"]


# ---- stock --------------------------------------------------------------------------------------


async def test_a_count_is_stamped_with_the_time_in_it(shop):
    reading = await shop.backend.stock.read("SH01")

    assert reading.levels == {"DR-S": Level(5), "BAG": Level(2)}
    assert reading.watermark == NOON_MICROS


async def test_a_count_with_its_time_in_its_name_counts_the_newest(shop):
    shop.put("stock-WH01@20260302T110000Z.csv", "sku,on_hand\nBAG,9\n", age=5)
    shop.put("stock-WH01@20260302T113000Z.csv", "sku,on_hand\nBAG,7\n", age=50)

    reading = await shop.backend.stock.read("WH01")

    assert reading.levels == {"BAG": Level(7)}
    assert reading.watermark == NOON_MICROS - 30 * 60 * 1_000_000


async def test_a_count_without_a_time_has_no_watermark_and_one_that_is_not_there_is_refused(shop):
    shop.put("stock-WH01.csv", "sku,on_hand\nBAG,9\n")

    assert (await shop.backend.stock.read("WH01")).watermark is None
    with pytest.raises(ReadingRefused, match=r"there is no stock-SH09.csv"):
        await shop.backend.stock.read("SH09")


async def test_a_number_in_doubt_counts_less(shop):
    shop.put("stock-SH01.csv", STOCK + "DR-S,3,2026-03-02T11:59:00Z\nDR-M,many,\n")

    reading = await shop.backend.stock.read("SH01")

    assert reading.levels == {"DR-S": Level(3), "BAG": Level(2)}
    assert reading.watermark == NOON_MICROS - 60_000_000
    [told] = await shop.left_out()
    assert "line 4: its sku stands above already; the lower number counts" in told
    assert "line 5: on_hand is no number" in told


async def test_a_count_that_is_being_replaced_is_what_it_was(shop):
    before = await shop.backend.stock.read("SH01")

    shop.put("stock-SH01.csv", "sku,on_hand,as_of\n", age=0)

    assert await shop.backend.stock.read("SH01") == before


async def moved(shop: Shop, after: int = NOON_MICROS) -> list[tuple[str, str, int]]:
    assert shop.backend.movements is not None
    pages = [page async for page in shop.backend.movements.movements("SH01", after)]
    return [(it.id, it.sku, it.units) for page in pages for it in page]


async def test_tickets_take_away_what_was_sold_since_the_count(shop):
    shop.put("inbox/tickets-1.csv", TICKETS)

    assert await moved(shop) == [("T-1", "DR-S", -2), ("T-1", "BAG", -1), ("T-2", "DR-S", -1)]


async def test_tickets_that_a_count_holds_take_nothing_away(shop):
    shop.put("inbox/tickets-1.csv", TICKETS.replace("2026-03-02T20:10:00", "2026-03-02T19:59:00"))

    assert await moved(shop) == [("T-2", "DR-S", -1)]


async def test_tickets_that_came_later_than_younger_ones_are_told_too(shop):
    shop.put("inbox/tickets-1.csv", TICKETS)
    late = TICKETS.splitlines()[0] + "\nT-0,SH01,2026-03-02T20:05:00,BAG,1,1,,\n"
    shop.put("inbox/tickets-0.csv", late)
    heard = NOON_MICROS + 11 * 60 * 1_000_000

    assert ("T-0", "BAG", -1) in await moved(shop, after=heard)


async def test_what_was_handed_over_for_a_sale_of_ours_left_with_the_count_that_holds_it(shop):
    handed = TICKETS.splitlines()[0] + "\nT-9,SH01,2026-03-02T12:30:00Z,DR-S,2,399,,UC260302-1\n"
    shop.put("inbox/tickets-1.csv", handed)
    assert await moved(shop) == []
    assert (await shop.backend.stock.read("SH01")).departed == ()

    shop.put("stock-SH01.csv", STOCK.replace("T12:00:00Z", "T12:45:00Z"), age=10)

    assert (await shop.backend.stock.read("SH01")).departed == (Departed("UC260302-1", "DR-S", 2),)
    orders, _ = await all_of(shop.backend.order_source.orders(""))
    assert orders == []
