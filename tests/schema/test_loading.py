"""How often an answer asks the store: once for each kind of thing, however many there are of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from connectors.sandbox import goods
from connectors.stores.memory.engine import open_memory
from connectors.stores.sqlite.engine import open_sqlite
from schema.ids import seal
from tests.schema.asking import ask, hold, place, states
from tests.support import CHANNEL, SKU, Shop, counted

SKUS = [variant.sku for product in goods.catalogue()[:50] for variant in product.variants][:100]

AVAILABILITY = """query ($skus: [String!]!, $channel: String!) {
  availability(skus: $skus, channel: $channel) {
    availableToPromise stale explain { provenance { system } } pickup { location { code } }
  }
}"""

BROWSE = """{ products(first: 50) { nodes {
  title provenance { stale }
  variants(first: 10) { nodes {
    sku product { handle } components { variant { sku } } provenance { stale }
    price(channel: "mini-program") { amount }
    availability(channel: "mini-program", method: PICKUP) {
      availableToPromise pickup { location { name } }
    }
    stockLevels(first: 5) { nodes { onHand variant { product { handle } } location { name } } }
  } }
} } }"""

LEVELS = """{ stockLevels(first: 100) { nodes {
  onHand variant { sku product { handle } } location { name } provenance { stale }
} } }"""

Counted = tuple[Shop, Counter[str]]


@pytest.fixture(params=["memory", "sqlite"])
async def counting(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counted]:
    """A shop over each engine, and what its store is asked from now on."""
    engine = open_memory() if request.param == "memory" else open_sqlite(tmp_path / "store.db")
    store, asked = counted(engine)
    shop = Shop(store)
    await shop.furnish(goods.catalogue()[:50])
    await shop.stocked(SKU, "WH-01", 9)
    for sku in SKUS[1:4]:
        await shop.stocked(sku, "ST-01", 3)
    shop.clock.advance(seconds=5)
    asked.clear()
    yield shop, asked
    await shop.close()


async def test_a_hundred_skus_are_promised_in_one_read_of_their_streams(counting: Counted) -> None:
    shop, asked = counting

    answer = await ask(shop, AVAILABILITY, skus=SKUS, channel=CHANNEL)

    assert len(SKUS) == len(answer.data["availability"]) == 100
    assert asked == {
        "catalog.variants": 1,
        "catalog.locations": 1,
        "house.feeds": 1,
        "stock.streams": 1,
        "stock.rules": 1,
    }


async def test_a_page_of_products_asks_once_for_each_kind_of_thing(counting: Counted) -> None:
    shop, asked = counting

    answer = await ask(shop, BROWSE)

    assert answer.errors == []
    assert asked == {
        "catalog.product_page": 1,
        "catalog.locations": 1,
        "house.feeds": 1,
        "stock.streams": 1,
        "stock.rules": 1,
    }


async def test_a_page_of_levels_asks_once_for_each_kind_of_thing(counting: Counted) -> None:
    shop, asked = counting

    answer = await ask(shop, LEVELS)

    assert len(answer.data["stockLevels"]["nodes"]) == 4
    assert asked == {
        "stock.levels": 1,
        "catalog.variants": 1,
        "catalog.products": 1,
        "catalog.locations": 1,
        "house.feeds": 1,
        "stock.streams": 1,
        "stock.rules": 1,
    }


async def test_the_pins_of_a_hold_share_one_read_of_the_places(counting: Counted) -> None:
    shop, asked = counting
    lines = [{"sku": sku, "quantity": 1} for sku in SKUS[:4]]
    id = (await hold(shop, "k", lines=lines))["reservation"]["id"]
    shop.clock.advance(seconds=5)
    asked.clear()
    document = """query ($id: ID!) { reservation(id: $id) {
      lines { pins { location { name } } }
    } }"""

    answer = await ask(shop, document, id=id)

    assert len(answer.data["reservation"]["lines"]) == 4
    assert asked == {"stock.reservations": 1, "catalog.locations": 1}


async def test_what_backends_were_told_is_read_once_for_a_page_of_orders(counting: Counted) -> None:
    shop, asked = counting
    for key in ("a", "b", "c"):
        await place(shop, key)
    asked.clear()

    answer = await ask(shop, "{ orders(first: 10) { nodes { backendWrites { status } } } }")

    assert len(answer.data["orders"]["nodes"]) == 3
    assert asked == {"stock.order_page": 1, "outbox.writes_of": 1}


async def test_ids_of_one_type_are_read_together(counting: Counted) -> None:
    shop, asked = counting
    orders = [(await place(shop, key))["order"]["id"] for key in ("a", "b")]
    ids = [*orders, *(seal("Variant", sku) for sku in SKUS[:10])]
    asked.clear()

    answer = await ask(shop, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)

    assert [node["id"] for node in answer.data["nodes"]] == ids
    assert asked == {"stock.orders": 1, "catalog.variants": 1}


async def test_twenty_who_watch_one_sku_cost_one_reading_a_change(counting: Counted) -> None:
    shop, asked = counting
    tail = asyncio.create_task(shop.watch.tail())
    watch = "subscription ($skus: [String!]!) { stockChanged(skus: $skus) { onHand softReserved } }"
    async with asyncio.timeout(10):
        # once it follows it has told so
        while not asked["house.events"]:  # noqa: ASYNC110  # a counter tells nobody
            await asyncio.sleep(0.001)
    async with AsyncExitStack() as stack:
        watching = [
            await stack.enter_async_context(aclosing(states(shop, watch, skus=[SKU])))  # type: ignore[type-var]  # it is a generator
            for _ in range(20)
        ]
        async with asyncio.timeout(10):
            for answers in watching:
                await anext(answers)
            waiting = [asyncio.ensure_future(anext(answers)) for answers in watching]
            await asyncio.sleep(0)
            asked.clear()
            await hold(shop, "one")
            told = await asyncio.gather(*waiting)
    tail.cancel()

    assert [it.data for it in told] == [{"stockChanged": {"onHand": 9, "softReserved": 1}}] * 20
    assert (asked["stock.streams"], asked["house.feeds"]) == (1, 1)
