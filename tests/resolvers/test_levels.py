"""Levels: what is kept at a place by rules, and the lists of what is low and out of stock (S6)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.stores.memory.engine import open_memory
from connectors.stores.sqlite.engine import open_sqlite
from resolvers import levels, reservations, ruling, stock
from resolvers.domain import facts
from resolvers.domain.books import Books, Change, Scope
from resolvers.domain.feeds import Feed
from resolvers.domain.reservation import Line
from resolvers.domain.rules import RuleKind, StockRule
from resolvers.domain.signals import SignalKind, Threshold, conditions
from resolvers.engine import Command
from resolvers.filters import LevelFilter
from resolvers.levels import LOOKED_MAX, Shortage
from resolvers.reservations import ReserveStock
from resolvers.terms import Terms
from tests.support import CHANNEL, OPERATOR, SHOPPER, SKU, Shop, open_shop

OTHERS = ("BT-0001-50ML", "BT-0002-30ML", "BT-0002-50ML")


@pytest.fixture(params=["memory", "sqlite"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """Ten units in the warehouse, five in the shop ST-01, of which one is kept there."""
    engine = open_memory() if request.param == "memory" else open_sqlite(tmp_path / "store.db")
    opened = await open_shop(engine)
    await opened.stocked(SKU, "WH-01", 10)
    await opened.stocked(SKU, "ST-01", 5)
    yield opened
    await opened.close()


async def keep(shop: Shop, code: str, **more: Any) -> None:
    rule = StockRule(code, RuleKind.SAFETY_STOCK, **more)
    await ruling.set_stock_rule(shop.context(OPERATOR), f"{code} {more}", rule)


async def listed(shop: Shop, **said: bool) -> list[tuple[str, str]]:
    """SKU and place of every level that is asked for, read in pages of two."""
    found: list[tuple[str, str]] = []
    after: str | None = None
    for _ in range(20):
        page = await levels.browse_levels(shop.context(), LevelFilter(), 2, after, Shortage(**said))
        found += [(level.position.sku, level.location.code) for level in page.nodes]
        if not page.has_next:
            return found
        after = page.end or page.edges[-1][0]
    raise AssertionError("the list has no end")


async def test_a_level_keeps_what_its_rule_keeps_and_agrees_with_what_is_promised(
    shop: Shop,
) -> None:
    await keep(shop, "all", quantity=2)
    await keep(shop, "web", quantity=4, channels=(CHANNEL,))
    await keep(shop, "wh", percent=25.0, locations=("WH-01",))

    found = [await levels.level_at(shop.context(), SKU, at) for at in ("ST-01", "WH-01")]
    [promise] = await stock.availability(shop.context(), [SKU], "marketplace-a")

    assert [(level.safety_stock, level.available) for level in found if level] == [(2, 3), (3, 7)]
    assert promise is not None
    kept = {t.location: -t.quantity for t in promise.availability.terms if t.kind == "SAFETY_STOCK"}
    assert kept == {"ST-01": 2, "WH-01": 3}
    assert promise.availability.by_location == {"ST-01": 3, "WH-01": 7}


async def test_a_level_keeps_more_as_its_feed_grows_old(shop: Shop) -> None:
    await keep(shop, "old", quantity=1, per_stale_hour=2.0)

    shop.clock.advance(hours=1.5)

    level = await levels.level_at(shop.context(), SKU, "ST-01")
    assert level is not None
    assert (level.safety_stock, level.available) == (4, 1)
    assert await listed(shop, low=True) == [(SKU, "ST-01")]


async def test_low_and_out_are_lists_without_a_gap_or_a_double(shop: Shop) -> None:
    for at, sku in enumerate(OTHERS):
        await shop.stocked(sku, "ST-01", at)  # of each one is kept: 0, 0 and 1 to promise
        await shop.stocked(sku, "WH-01", at + 2)  # 2, 3 and 4 to promise

    out = [(OTHERS[1], "ST-01")]
    low = [(OTHERS[0], "WH-01"), (OTHERS[2], "ST-01"), (OTHERS[1], "WH-01")]
    assert sorted(await listed(shop, out=True)) == sorted(out)
    assert sorted(await listed(shop, low=True)) == sorted(low)
    assert sorted(await listed(shop, low=True, out=True)) == sorted(low + out)
    rest = [(OTHERS[2], "WH-01"), (SKU, "ST-01"), (SKU, "WH-01")]
    assert sorted(await listed(shop, low=False, out=False)) == sorted(rest)
    assert sorted(await listed(shop, out=False)) == sorted(low + rest)


async def test_a_percentage_that_is_kept_leaves_nothing_out_of_the_list(shop: Shop) -> None:
    await keep(shop, "most", percent=90.0)

    assert await listed(shop, low=True) == [(SKU, "WH-01")]  # 9 of 10 are kept
    assert await listed(shop, out=True) == [(SKU, "ST-01")]  # 5 of 5


async def test_a_hold_that_is_over_makes_no_level_short(shop: Shop) -> None:
    """Though the store still counts it, until it is swept."""
    ask = ReserveStock("k", CHANNEL, (Line(SKU, 4),), location="ST-01", ttl_seconds=60)
    await reservations.reserve_stock(shop.context(SHOPPER), ask)
    assert await listed(shop, out=True) == [(SKU, "ST-01")]

    shop.clock.advance(seconds=60)

    assert await listed(shop, low=True, out=True) == []


async def test_a_page_that_looked_at_much_says_where_the_next_goes_on() -> None:
    """What a backend counts and the catalogue lacks is passed over, ten thousand at a time."""
    shop = await open_shop()
    await count(shop, [f"A-{at:05}" for at in range(LOOKED_MAX)], "WH-01")
    await shop.stocked(SKU, "WH-01", 1)

    first = await levels.browse_levels(shop.context(), LevelFilter(), 1, None, Shortage(low=True))
    then = await levels.browse_levels(
        shop.context(), LevelFilter(), 1, first.end, Shortage(low=True)
    )

    assert (first.nodes, first.has_next) == ([], True)
    assert ([level.position.sku for level in then.nodes], then.has_next) == ([SKU], False)
    await shop.close()


async def count(shop: Shop, skus: list[str], location: str) -> None:
    """Lets the ERP say that one of each SKU lies there."""
    told = facts.Count(Feed("erp", "stock", location, 0, shop.clock()), dict.fromkeys(skus, (1, 0)))

    def decide(books: Books) -> tuple[Change, str]:
        return facts.count(books, told), location

    scope = Scope(skus=frozenset(skus), feeds=frozenset([told.feed.key]))
    await shop.engine.run(Command(None, "", scope, decide))


@pytest.mark.parametrize(
    ("unpromised", "available", "low", "gravest"),
    [
        (-1, 0, 3, SignalKind.OVERSOLD),
        (0, 0, 3, SignalKind.OUT_OF_STOCK),
        (2, 0, 0, SignalKind.OUT_OF_STOCK),
        (3, 3, 3, SignalKind.LOW_STOCK),
        (4, 4, 3, None),
        (1, 1, 0, None),
    ],
)
def test_the_gravest_of_what_holds_comes_first(
    unpromised: int, available: int, low: int, gravest: SignalKind | None
) -> None:
    order = list(SignalKind)[:3]

    found = conditions(unpromised, available, low)

    assert found == tuple(order[order.index(gravest) :] if gravest else ())


async def test_the_first_threshold_that_fits_says_what_is_low() -> None:
    terms = Terms(
        low_stock=(
            Threshold(9, skus=(SKU,), regions=("华东",)),
            Threshold(20, categories=("beauty",)),
            Threshold(1),
        )
    )
    shop = await open_shop(terms=terms)
    await shop.stocked(SKU, "WH-01", 10)
    await shop.stocked(SKU, "DS-01", 10)

    found = [await levels.level_at(shop.context(), SKU, at) for at in ("WH-01", "DS-01")]

    assert [level.low_units for level in found if level] == [9, 20]
    assert await listed(shop, low=True) == [(SKU, "DS-01")]
    await shop.close()
