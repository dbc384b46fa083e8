"""Stock and prices asked of their systems while a client waits: what is shown, when those answer,
are slow, down, asked too much or wrong (G2, G4, G5).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.knobs import Fault, Knobs
from gateway.settings_live import Live
from resolvers import stock
from resolvers.access import NOBODY
from resolvers.domain.breakers import BreakerState
from resolvers.domain.stock import EntryKind
from resolvers.domain.values import Money
from resolvers.live_ports import StockLook
from resolvers.stock import AdjustStock
from resolvers.terms import LiveField
from schema.hints import CATALOGUE
from tests.resolvers.conftest import ADMIN, FirstReading, opened
from tests.schema.live_scene import AT, LIVE, OTHER_SKU, PAGE, PRICE, SHORT, SKU, Left, Scene


@pytest.fixture
async def staged(tmp_path: Path, first_reading: FirstReading) -> AsyncIterator[Callable[..., Any]]:
    """Makes the scene of settings, after its first reading."""
    async with AsyncExitStack() as stack:

        async def stage(live: Live = LIVE) -> Scene:
            house = await stack.enter_async_context(opened(tmp_path, live, first_reading))
            return Scene(house)

        yield stage


def of(warnings: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(it["code"], it["backend"], it["field"]) for it in warnings]


# ---- what is shown ----------------------------------------------------------------------------


async def test_nothing_is_asked_while_live_reads_are_off_however_old_the_mirror_is(staged):
    scene = await staged(Live())
    scene.house.clock.turn(hours=2)

    await scene.ask(PAGE)

    assert scene.erp.asked == [] and scene.shop.asked == []


async def test_nothing_is_asked_while_the_mirror_is_young_enough(staged):
    scene = await staged()
    scene.house.clock.turn(seconds=10)

    answer = await scene.ask(PAGE)

    assert answer.warnings == []
    assert scene.erp.asked == [] and scene.shop.asked == []


async def test_an_old_level_is_asked_for_and_shown_as_it_is_now(staged):
    scene = await staged()
    known = await scene.house.on_hand(SKU, AT)
    await scene.house.erp.write_off(AT, SKU, 3)
    scene.house.clock.turn(seconds=11)

    level, warnings = await scene.level()

    assert (level["onHand"], warnings) == (known - 3, [])
    assert level["provenance"] == {
        "system": "erp",
        "observedAt": "2026-03-02T12:00:11Z",
        "stale": False,
    }
    assert scene.erp.asked == [[(SKU, AT)]]


async def test_an_old_price_is_asked_for_and_shown_as_it_is_now(staged):
    scene = await staged()
    await scene.house.marketplace.reprice(await scene.listing(), 71_100)
    scene.house.clock.turn(seconds=11)

    assert await scene.price() == ("711.00", [])
    assert scene.shop.asked == [[await scene.listing()]]


async def test_a_page_of_fifty_asks_each_system_once(staged):
    scene = await staged()
    scene.house.clock.turn(seconds=11)

    answer = await scene.ask(PAGE)

    assert answer.warnings == []
    assert [len(asked) for asked in scene.erp.asked] == [50]
    assert len(scene.shop.asked) == 1


async def test_only_the_fields_that_are_configured_are_asked_for(staged):
    scene = await staged(replace(LIVE, fields=(LiveField.PRICE,)))
    scene.house.clock.turn(seconds=11)

    await scene.ask(PAGE)

    assert scene.erp.asked == [] and len(scene.shop.asked) == 1


async def test_an_answer_serves_whoever_asks_within_the_same_age(staged):
    scene = await staged()
    scene.house.clock.turn(seconds=11)
    await scene.level()
    scene.house.clock.turn(seconds=10)
    level, _ = await scene.level()
    assert level["provenance"]["observedAt"] == "2026-03-02T12:00:11Z"
    assert len(scene.erp.asked) == 1

    scene.house.clock.turn(seconds=1)
    level, _ = await scene.level()

    assert level["provenance"]["observedAt"] == "2026-03-02T12:00:22Z"
    assert len(scene.erp.asked) == 2


async def test_the_same_thing_asked_by_many_at_once_is_one_call(staged):
    scene = await staged()
    scene.house.clock.turn(seconds=11)
    scene.erp.open.clear()
    waiting = [asyncio.create_task(scene.level()) for _ in range(20)]
    await scene.erp.came.wait()
    await asyncio.sleep(0.05)
    scene.erp.open.set()

    levels = await asyncio.gather(*waiting)

    assert scene.erp.asked == [[(SKU, AT)]]
    assert {level["provenance"]["stale"] for level, _ in levels} == {False}


# ---- never oversell ---------------------------------------------------------------------------


async def test_a_look_leaves_less_to_promise_and_never_more_and_the_books_wait_for_a_reading(
    staged,
):
    scene = await staged()
    known, promised = await scene.house.on_hand(SKU, AT), await scene.house.promised(SKU)
    before, _ = await scene.level()
    await scene.house.erp.receive(AT, SKU, 100)
    await scene.house.erp.write_off(AT, OTHER_SKU, 2)
    other_known = await scene.house.on_hand(OTHER_SKU, AT)
    scene.house.clock.turn(seconds=11)

    more, _ = await scene.level()
    fewer, _ = await scene.level(OTHER_SKU)

    assert more["onHand"] == known + 100
    assert more["availableToPromise"] == before["availableToPromise"]
    assert fewer["onHand"] == other_known - 2
    assert await scene.house.promised(SKU) == promised, "a promise rests on the books alone"
    assert await scene.house.on_hand(SKU, AT) == known


async def test_a_look_that_differs_has_its_system_read_soon_and_only_once_a_minute(staged):
    scene = await staged()
    await scene.house.erp.write_off(AT, SKU, 1)
    await scene.house.marketplace.reprice(await scene.listing(), 71_100)
    scene.house.clock.turn(seconds=11)

    for _ in range(3):
        await scene.level()
        await scene.price()
        scene.house.clock.turn(seconds=11)

    assert await scene.wishes("erp") == [("stock",)]
    assert await scene.wishes("marketplace-a") == [("listings",)]


async def test_a_look_that_agrees_has_nothing_read(staged):
    scene = await staged()
    scene.house.clock.turn(seconds=11)

    await scene.ask(PAGE)

    assert await scene.wishes("erp") == [] and await scene.wishes("marketplace-a") == []


async def test_a_correction_that_the_system_has_not_heard_of_stays_on_top_of_a_look(staged):
    scene = await staged()
    known = await scene.house.on_hand(SKU, AT)
    told = AdjustStock("k-1", SKU, AT, EntryKind.ADJUSTMENT, -4, None, None, None)
    await stock.adjust_stock(scene.house(ADMIN), told)
    await scene.house.erp.write_off(AT, SKU, 1)
    scene.house.clock.turn(seconds=11)

    level, _ = await scene.level()

    assert level["onHand"] == known - 4 - 1


# ---- slow, down, asked too much, wrong --------------------------------------------------------


async def test_a_system_that_hangs_costs_its_own_field_only_and_no_longer_than_the_deadline(staged):
    scene = await staged(replace(LIVE, deadline_ms=1_000))
    known = await scene.house.on_hand(SKU, AT)
    await scene.house.marketplace.reprice(await scene.listing(), 71_100)
    scene.house.clock.turn(seconds=11)
    scene.erp.open.clear()

    answer = await scene.ask(PAGE)

    products = answer.data["products"]["nodes"]
    nodes = {it["sku"]: it for product in products for it in product["variants"]["nodes"]}
    assert nodes[SKU]["price"] == {"amount": "711.00"}
    assert nodes[SKU]["stockLevels"]["nodes"] == [{"onHand": known, "provenance": {"stale": True}}]
    assert answer.warnings == [
        {
            "code": "STALE",
            "message": "erp was asked for stock: it did not answer in time; shown is what it said "
            "before",
            "backend": "erp",
            "field": "stock",
        }
    ]


async def test_what_comes_too_late_is_kept_for_who_asks_next(staged):
    scene = await staged(SHORT)
    known = await scene.house.on_hand(SKU, AT)
    await scene.house.erp.write_off(AT, SKU, 3)
    scene.house.clock.turn(seconds=11)
    scene.erp.open.clear()
    level, warnings = await scene.level()
    assert (level["onHand"], of(warnings)) == (known, [("STALE", "erp", "stock")])

    scene.erp.open.set()
    await scene.erp.done.wait()
    await asyncio.sleep(0)
    level, warnings = await scene.level()

    assert (level["onHand"], warnings) == (known - 3, [])
    assert scene.erp.asked == [[(SKU, AT)]], "it was asked once, by the first"


async def test_whoever_stops_waiting_leaves_the_others_theirs(staged):
    scene = await staged()
    scene.house.clock.turn(seconds=11)
    scene.erp.open.clear()
    first, second = asyncio.create_task(scene.level()), asyncio.create_task(scene.level())
    await scene.erp.came.wait()
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.wait([first])
    scene.erp.open.set()

    level, warnings = await second

    assert warnings == [] and not level["provenance"]["stale"]
    assert len(scene.erp.asked) == 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault.UNAVAILABLE, "it could not be asked"),
        (Fault.TIMEOUT, "it did not answer in time"),
        (Fault.REFUSE, "it could not be asked"),
        (Fault.THROTTLE, "it is asked too much"),
    ],
)
async def test_a_system_that_fails_is_shown_as_it_was_known(staged, fault, why):
    scene = await staged()
    known, (price, _) = await scene.house.on_hand(SKU, AT), await scene.price()
    scene.house.clock.turn(seconds=11)
    await scene.house.erp.set_knobs(Knobs(fail=fault))
    await scene.house.marketplace.set_knobs(Knobs(fail=fault))

    level, of_stock = await scene.level()
    shown, of_price = await scene.price()

    assert (level["onHand"], level["provenance"]["stale"], shown) == (known, True, price)
    assert of(of_stock) == [("STALE", "erp", "stock")] and why in of_stock[0]["message"]
    assert of(of_price) == [("STALE", "marketplace-a", "price")] and why in of_price[0]["message"]


async def test_a_slow_system_is_not_waited_for_beyond_the_deadline(staged):
    scene = await staged(SHORT)
    scene.house.clock.turn(seconds=11)
    await scene.house.erp.set_knobs(Knobs(delay_seconds=2))

    level, warnings = await scene.level()

    assert level["provenance"]["stale"]
    assert of(warnings) == [("STALE", "erp", "stock")]


@pytest.mark.parametrize(
    "standing", [Left(BreakerState.OPEN), Left(silent_seconds=60.0)], ids=["breaker", "silence"]
)
async def test_a_system_that_is_left_alone_is_not_even_asked(staged, standing):
    scene = await staged()
    scene.house.clock.turn(seconds=11)
    scene.stand("erp", standing)

    level, warnings = await scene.level()

    assert level["provenance"]["stale"] and of(warnings) == [("STALE", "erp", "stock")]
    assert scene.erp.asked == []


@pytest.mark.parametrize(
    "said",
    [
        lambda told: StockLook({}, told.watermark),
        lambda told: StockLook({(OTHER_SKU, AT): 7}, told.watermark),
        lambda told: StockLook(told.on_hand, None),
    ],
    ids=["nothing", "of something else", "without its watermark"],
)
async def test_a_wrong_answer_about_stock_is_none(staged, said):
    scene = await staged()
    known = await scene.house.on_hand(SKU, AT)
    scene.house.clock.turn(seconds=11)
    scene.erp.said = said

    level, warnings = await scene.level()

    assert (level["onHand"], level["provenance"]["stale"]) == (known, True)
    assert of(warnings) == [("STALE", "erp", "stock")]


async def test_an_answer_that_is_older_than_the_books_is_not_shown(staged):
    scene = await staged()
    scene.house.clock.turn(seconds=11)
    late = await scene.house.erp.look([(SKU, AT)])
    known = await scene.house.on_hand(SKU, AT)
    await scene.house.erp.write_off(AT, SKU, 2)
    await scene.house.sync("erp")
    scene.house.clock.turn(seconds=11)
    scene.erp.said = lambda _: late

    level, warnings = await scene.level()

    assert (level["onHand"], warnings) == (known - 2, [])


@pytest.mark.parametrize(
    "said",
    [
        lambda told: {},
        lambda told: dict.fromkeys(told, ()),
        lambda told: dict.fromkeys(told, (("marketplace-a", Money(100, "USD")),)),
    ],
    ids=["nothing", "no price", "another currency"],
)
async def test_a_wrong_answer_about_a_price_is_none(staged, said):
    scene = await staged()
    price, _ = await scene.price()
    scene.house.clock.turn(seconds=11)
    scene.shop.said = said

    shown, warnings = await scene.price()

    assert shown == price
    assert of(warnings) == [("STALE", "marketplace-a", "price")]
    assert await scene.wishes("marketplace-a") == [("listings",)]


# ---- how long an answer is good ---------------------------------------------------------------


async def test_an_answer_with_a_live_price_is_kept_no_longer_than_the_price_may_be_old(staged):
    scene = await staged()

    answer, context = await scene.answered(PRICE, caller=NOBODY)

    assert answer.errors == []
    assert context.ctx.loaders.good_seconds == 10.0
    assert CATALOGUE.at_most(10.0).seconds == 10


async def test_an_answer_without_live_fields_is_kept_as_long_as_ever(staged):
    scene = await staged()

    _, context = await scene.answered("{ products(first: 5) { nodes { handle } } }")

    assert context.ctx.loaders.good_seconds is None
