"""Rules of the configuration and of presets: written at the start, and never over people's (G3)."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.sandbox import chain, goods
from connectors.stores.sqlite.engine import open_sqlite
from resolvers import reservations, ruling
from resolvers.domain.errors import InvalidInput, ReservationExpired
from resolvers.domain.presets import BUILT_IN, Preset, rules_of
from resolvers.domain.reservation import Line
from resolvers.domain.rules import RuleKind, StockRule, faults
from resolvers.domain.values import utc
from resolvers.reservations import ReserveStock
from resolvers.terms import Terms
from tests.support import NOON, OPERATOR, SHOPPER, SKU, Shop, open_shop

CAP = StockRule("launch", RuleKind.CAP, 5, channels=("live-stream",))
SAFETY = StockRule("old", RuleKind.SAFETY_STOCK, 1, per_stale_hour=2.0, active_to=utc(2030, 1, 1))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    opened = await open_shop()
    await opened.furnish(goods.catalogue())
    await opened.stocked(SKU, "WH-01", 9)
    yield opened
    await opened.close()


async def conform(shop: Shop, *rules: StockRule) -> list[str]:
    return await ruling.conform_rules(shop.context(OPERATOR), rules)


async def told(shop: Shop) -> list[tuple[str, int | None, str, int]]:
    """Every rule that is set: its code, quantity, author and version."""
    rules = (await ruling.browse_rules(shop.context(OPERATOR), 100, None)).nodes
    return [(rule.code, rule.quantity, rule.set_by, rule.version) for rule in rules]


async def test_the_rules_of_the_configuration_are_set_changed_and_taken_out_with_it(
    shop: Shop,
) -> None:
    await conform(shop, CAP, SAFETY)
    first = await told(shop)
    await conform(shop, replace(CAP, quantity=7))

    assert first == [("launch", 5, "configuration", 1), ("old", 1, "configuration", 2)]
    assert await told(shop) == [("launch", 7, "configuration", 4)]
    assert await shop.available(SKU, "live-stream") == 7


async def test_what_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    """By several processes that start at once on one store, either."""
    path = tmp_path / "store.db"
    shops = [Shop(open_sqlite(path)) for _ in range(3)]

    await asyncio.gather(*(conform(shop, CAP, SAFETY) for shop in shops))
    await conform(shops[0], CAP, SAFETY)

    assert [(code, version) for code, _, _, version in await told(shops[1])] == [
        ("launch", 1),
        ("old", 2),
    ]
    assert (await shops[2].store.stock.rules()).version == 2
    for shop in shops:
        await shop.close()


async def test_a_rule_that_a_person_has_set_stays_theirs(shop: Shop) -> None:
    await conform(shop, CAP)
    await ruling.set_stock_rule(shop.context(OPERATOR), "k", replace(CAP, quantity=1))

    kept = await conform(shop, CAP)
    gone = await conform(shop)

    assert (kept, gone) == (["launch"], [])
    assert await told(shop) == [("launch", 1, "operator", 2)]


async def test_a_rule_that_a_person_took_out_is_set_again_at_the_next_start(shop: Shop) -> None:
    await conform(shop, CAP)
    await ruling.remove_stock_rule(shop.context(OPERATOR), "k", "launch")

    await conform(shop, CAP)

    assert await told(shop) == [("launch", 5, "configuration", 3)]


async def test_a_rule_names_the_parts_of_a_bundle_and_may_name_what_is_not_sold_yet(
    shop: Shop,
) -> None:
    ctx = shop.context(OPERATOR)

    with pytest.raises(InvalidInput) as refusal:
        await ruling.set_stock_rule(ctx, "k", replace(CAP, skus=(SKU, "BT-0313-SET")))
    ahead, _ = await ruling.set_stock_rule(ctx, "k", replace(CAP, skus=("LAUNCH-1",)))

    assert refusal.value.field == ("input", "skus", "1")
    assert refusal.value.message == "a bundle lies on no shelf; name its parts"
    assert ahead.skus == ("LAUNCH-1",)


def test_every_preset_makes_rules_that_can_be_meant() -> None:
    made = {
        code: [(rule.code, rule.kind, rule.quantity) for rule in rules_of(preset, "c")]
        for code, preset in BUILT_IN.items()
    }

    assert made == {
        "group-buy": [
            ("preset.c.member-limit", RuleKind.MEMBER_LIMIT, 5),
            ("preset.c.daily-limit", RuleKind.DAILY_LIMIT, 200),
        ],
        "live-stream": [("preset.c.member-limit", RuleKind.MEMBER_LIMIT, 2)],
        "instant-retail": [("preset.c.safety-stock", RuleKind.SAFETY_STOCK, 2)],
    }
    longest = "c" * 40
    everything = Preset("all", 1, 1, 1, 1, 1.0)
    assert [f for r in rules_of(everything, longest) for f in faults(r, {}, [longest])] == []


def test_the_page_of_rules_says_what_each_preset_gives() -> None:
    page = Path(__file__).parents[2] / "docs" / "rules.md"
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", page.read_text(encoding="utf-8"), re.MULTILINE)

    said = {name: [cell.strip() for cell in cells.split("|")[:3]] for name, cells in rows}

    for name in Preset.__slots__[1:]:
        values = [getattr(preset, name) for preset in BUILT_IN.values()]
        assert said[name] == ["" if value is None else f"{value:g}" for value in values]


async def test_a_rule_of_a_preset_gives_way_to_one_that_somebody_set(shop: Shop) -> None:
    await ruling.set_stock_rule(shop.context(OPERATOR), "k", replace(CAP, code="ours", quantity=6))
    await conform(shop, *rules_of(Preset("p", cap=2), "live-stream"))

    assert await shop.available(SKU, "live-stream") == 6


async def test_holds_of_a_channel_live_by_its_own_times() -> None:
    live = replace(chain.CHANNELS[4], ttl_default_seconds=300, ttl_max_seconds=600)
    shop = await open_shop(channels=(replace(live, life_max_seconds=900),))
    await shop.stocked(SKU, "WH-01", 9)
    ask = ReserveStock("k", "live-stream", (Line(SKU, 1),))

    held, _ = await reservations.reserve_stock(shop.context(SHOPPER), ask)
    longer = replace(ask, key="l", ttl_seconds=601)
    with pytest.raises(InvalidInput) as too_long:
        await reservations.reserve_stock(shop.context(SHOPPER), longer)
    shop.clock.advance(seconds=299)
    extended, _ = await reservations.extend_reservation(
        shop.context(SHOPPER), "e", held.reservation.id, 600
    )
    shop.clock.advance(seconds=599)
    last, _ = await reservations.extend_reservation(
        shop.context(SHOPPER), "f", held.reservation.id, 600
    )

    minutes = [
        (each.reservation.expires_at - NOON).total_seconds() / 60
        for each in (held, extended, last)
        if each.reservation.expires_at
    ]
    assert minutes == [5, pytest.approx(14.983, abs=0.001), 15]
    assert too_long.value.message == "a hold lives 1 to 600 seconds"
    shop.clock.advance(seconds=2)
    with pytest.raises(ReservationExpired):
        await reservations.extend_reservation(shop.context(SHOPPER), "g", held.reservation.id, 60)
    await shop.close()


def test_a_time_of_a_channel_is_cut_to_fit_a_longer_one() -> None:
    short = replace(chain.CHANNELS[4], life_max_seconds=600)

    terms = Terms().within(short)

    assert (terms.ttl_default_seconds, terms.ttl_max_seconds, terms.life_max_seconds) == (
        600,
        600,
        600,
    )
