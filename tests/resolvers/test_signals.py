"""Signals of stock as they happen: the present ones first, then each level that changes (S6)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest

from resolvers import levels, reservations, ruling, signals
from resolvers.access import Principal
from resolvers.domain.errors import Forbidden, NotFound
from resolvers.domain.reservation import Line
from resolvers.domain.rules import RuleKind, StockRule
from resolvers.domain.signals import SignalKind
from resolvers.reservations import ReserveStock
from resolvers.watch import KEYS_MAX, Watch
from tests.support import (
    ASSOCIATE,
    CHANNEL,
    MANAGER,
    OPERATOR,
    PARTNER,
    SHOPPER,
    SKU,
    Shop,
    open_shop,
)

OTHER = "BT-0002-30ML"
Told = tuple[str, str, SignalKind]

OUT, LOW, BACK, OVER = (
    SignalKind.OUT_OF_STOCK,
    SignalKind.LOW_STOCK,
    SignalKind.BACK_IN_STOCK,
    SignalKind.OVERSOLD,
)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Nine units and none in the warehouse; three in the shop ST-01, of which one is kept there."""
    opened = await open_shop()
    await opened.stocked(SKU, "WH-01", 9)
    await opened.stocked(OTHER, "WH-01", 1)
    await opened.stocked(OTHER, "WH-01", 0)
    await opened.stocked(SKU, "ST-01", 3)
    tail = asyncio.create_task(opened.watch.tail())
    await asyncio.sleep(0)
    yield opened
    tail.cancel()
    await opened.close()


class Following:
    """One who follows signals, and what they were told."""

    def __init__(self, found: AsyncIterator[signals.Signal]) -> None:
        self._found = found

    async def next(self, count: int = 1) -> list[Told]:
        """What is told next."""
        told: list[Told] = []
        async with asyncio.timeout(5):
            for _ in range(count):
                signal = await anext(self._found)
                level = signal.level
                told.append((level.position.sku, level.location.code, signal.kind))
        return told


def following(
    shop: Shop, *kinds: SignalKind, at: tuple[str, ...] = ()
) -> aclosing[AsyncGenerator[signals.Signal, None]]:
    found = signals.watch_signals(shop.context(ASSOCIATE), at, kinds)
    return aclosing(cast("AsyncGenerator[signals.Signal, None]", found))


async def hold(shop: Shop, key: str, units: int, **more: object) -> str:
    ask = ReserveStock(key, CHANNEL, (Line(SKU, units),), location="WH-01", **more)  # type: ignore[arg-type]
    return (await reservations.reserve_stock(shop.context(SHOPPER), ask))[0].reservation.id


async def test_what_is_short_now_is_told_first_and_then_what_changes(shop: Shop) -> None:
    async with following(shop) as found:
        watcher = Following(found)
        present = await watcher.next(2)
        held = await hold(shop, "a", 7)
        low = await watcher.next()
        await hold(shop, "b", 2)
        out = await watcher.next()
        await reservations.release_reservation(shop.context(SHOPPER), "r", held)
        back = await watcher.next()

    assert present == [(SKU, "ST-01", LOW), (OTHER, "WH-01", OUT)]
    assert [*low, *out, *back] == [
        (SKU, "WH-01", LOW),
        (SKU, "WH-01", OUT),
        (SKU, "WH-01", BACK),
    ]


async def test_what_stays_of_its_kind_is_not_told_again(shop: Shop) -> None:
    async with following(shop, at=("WH-01",)) as found:
        watcher = Following(found)
        await watcher.next()
        await hold(shop, "a", 1)  # eight are not low
        await shop.stocked(SKU, "ST-01", 0)  # another place
        await hold(shop, "b", 6)
        low = await watcher.next()
        await hold(shop, "c", 1)  # still low
        await shop.stocked(OTHER, "WH-01", 9)

        assert low == [(SKU, "WH-01", LOW)]
        assert await watcher.next() == [(OTHER, "WH-01", BACK)]


async def test_goods_that_were_promised_and_are_not_there_are_oversold(shop: Shop) -> None:
    async with following(shop, at=("WH-01",)) as found:
        watcher = Following(found)
        await watcher.next()
        await hold(shop, "a", 9)
        out = await watcher.next()
        await shop.stocked(SKU, "WH-01", 8)

        assert out == [(SKU, "WH-01", OUT)]
        assert await watcher.next() == [(SKU, "WH-01", OVER)]


async def test_a_kind_that_is_not_asked_for_is_the_next_milder_one(shop: Shop) -> None:
    async with (
        following(shop, LOW, at=("WH-01",)) as mild,
        following(shop, OUT, BACK, at=("WH-01",)) as plain,
    ):
        watchers = [Following(mild), Following(plain)]
        present = [await watcher.next() for watcher in watchers]
        await shop.stocked(OTHER, "WH-01", 1)

        assert present == [[(OTHER, "WH-01", LOW)], [(OTHER, "WH-01", OUT)]]
        assert await watchers[1].next() == [(OTHER, "WH-01", BACK)]


async def test_who_asks_only_for_what_is_back_hears_of_what_was_out(shop: Shop) -> None:
    told = signals.Told([BACK])

    heard = []
    for units in (0, 1, 9, 0, 9):
        await shop.stocked(OTHER, "WH-01", units)
        level = await levels.level_at(shop.context(), OTHER, "WH-01")
        assert level is not None
        signal = told.news(level)
        heard.append(signal and signal.kind)

    assert heard == [None, BACK, None, None, BACK]


async def test_a_rule_that_keeps_more_makes_levels_short_at_once(shop: Shop) -> None:
    keep = StockRule("keep", RuleKind.SAFETY_STOCK, 9, locations=("WH-01",))

    async with following(shop, at=("WH-01",)) as found:
        watcher = Following(found)
        await watcher.next()
        await ruling.set_stock_rule(shop.context(OPERATOR), "s", keep)
        out = await watcher.next()
        await ruling.remove_stock_rule(shop.context(OPERATOR), "r", "keep")

        assert out == [(SKU, "WH-01", OUT)]
        assert await watcher.next() == [(SKU, "WH-01", BACK)]


async def test_a_level_that_is_watched_is_told_again_when_a_rule_keeps_more(shop: Shop) -> None:
    watched = levels.watch_levels(shop.context(), [SKU], ["WH-01"])
    keep = StockRule("keep", RuleKind.SAFETY_STOCK, 4)

    async with aclosing(cast("AsyncGenerator[levels.Level, None]", watched)) as states:
        first = await anext(states)
        await ruling.set_stock_rule(shop.context(OPERATOR), "s", keep)
        async with asyncio.timeout(5):
            then = await anext(states)

    assert (first.available, then.available, then.safety_stock) == (9, 5, 4)


async def test_one_who_was_slow_is_told_how_it_is_and_not_what_was_missed(shop: Shop) -> None:
    async with following(shop, at=("WH-01",)) as found:
        watcher = Following(found)
        await watcher.next()
        for _ in range(3):
            await shop.stocked(OTHER, "WH-01", 9)
            await shop.stocked(OTHER, "WH-01", 0)
        await shop.stocked(OTHER, "WH-01", 2)

        assert await watcher.next() == [(OTHER, "WH-01", LOW)]


async def test_more_changes_than_are_kept_are_everything() -> None:
    shop = await open_shop()
    followed = cast("AsyncGenerator[object, None]", shop.watch.topics("stock"))

    async with aclosing(followed) as changes:
        first = await anext(changes)
        await tell(shop.watch, "stock", 2)
        await tell(shop.watch, "order", 1)
        some = await anext(changes)
        await tell(shop.watch, "stock", KEYS_MAX + 1)
        everything = await anext(changes)
        await tell(shop.watch, "stock", 1)

        assert (first, some, everything) == (None, {("stock", "0"), ("stock", "1")}, None)
        assert await anext(changes) == {("stock", "0")}
    await shop.close()


async def tell(watch: Watch, topic: str, count: int) -> None:
    for at in range(count):
        watch._wake((topic, str(at)))  # noqa: SLF001  # as the tail does


@pytest.mark.parametrize("who", [SHOPPER, PARTNER])
async def test_signals_are_for_the_people_of_the_house(shop: Shop, who: Principal) -> None:
    with pytest.raises(Forbidden):
        await anext(signals.watch_signals(shop.context(who), (), ()))

    with pytest.raises(NotFound) as refusal:
        await anext(signals.watch_signals(shop.context(MANAGER), ("ST-01", "none"), ()))
    assert refusal.value.field == ("locationCodes", "1")
