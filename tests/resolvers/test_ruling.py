"""Rules as data: set, in force at once, chosen by scope, refused when they cannot be meant (S3)."""

from typing import Any

import pytest

from gateway.tokens import principal_of
from resolvers import orders, reservations, ruling, stock
from resolvers.access import Role
from resolvers.domain.errors import (
    Forbidden,
    InsufficientStock,
    InvalidInput,
    LimitReached,
    NoEligibleLocation,
    NotFound,
    Refused,
    Several,
)
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery
from resolvers.domain.reservation import Line
from resolvers.domain.rules import RuleKind, StockRule
from resolvers.domain.values import Money, utc
from resolvers.placing import AskedLine, AskedPayment, PlaceOrder
from resolvers.reservations import ReserveStock
from tests.resolvers.conftest import ADMIN, MANAGER, OTHER, PARTNER, SHOPPER, House

SKU = "BT-0001-30ML"
LIVE = principal_of(Role.PARTNER, channels=("live-stream",))


async def set_rule(house: House, code: str, kind: RuleKind, **more: Any) -> StockRule:
    key = f"{code}-{house.clock()}-{more}"
    rule, _ = await ruling.set_stock_rule(house(ADMIN), key, StockRule(code, kind, **more))
    return rule


async def hold(
    house: House, key: str, quantity: int, who: Any = SHOPPER, **more: Any
) -> reservations.Held:
    channel = more.pop("channel", "mini-program")
    ask = ReserveStock(key, channel, (Line(SKU, quantity),), **more)
    return (await reservations.reserve_stock(house(who), ask))[0]


async def test_a_cap_leaves_a_channel_what_its_live_promises_leave(house: House) -> None:
    await set_rule(house, "launch", RuleKind.CAP, quantity=5, channels=("live-stream",))
    held = await hold(house, "a", 3, LIVE, channel="live-stream")

    with pytest.raises(LimitReached) as refusal:
        await hold(house, "b", 3, LIVE, channel="live-stream")

    assert (refusal.value.left, refusal.value.rule) == (2, "launch")
    assert await house.promised(SKU, "live-stream") == 2
    assert await house.promised(SKU, "mini-program") > 5
    await reservations.release_reservation(house(LIVE), "r", held.reservation.id)
    assert await house.promised(SKU, "live-stream") == 5


async def test_a_hold_counts_under_no_limit_from_the_instant_at_which_it_ends(
    house: House,
) -> None:
    await set_rule(house, "cap", RuleKind.CAP, quantity=5)
    await set_rule(house, "fair", RuleKind.MEMBER_LIMIT, quantity=4)
    await hold(house, "a", 4, ttl_seconds=60)
    assert await house.promised(SKU) == 1

    house.clock.turn(seconds=60)

    assert await house.promised(SKU) == 5
    await hold(house, "b", 4)


async def test_of_two_rules_that_are_alike_the_newer_holds(house: House) -> None:
    await set_rule(house, "first", RuleKind.CAP, quantity=1)
    await set_rule(house, "second", RuleKind.CAP, quantity=3)
    newer = await house.promised(SKU)
    await set_rule(house, "first", RuleKind.CAP, quantity=2)

    assert (newer, await house.promised(SKU)) == (3, 2)


async def test_what_is_protected_at_some_places_is_left_lying_there(house: House) -> None:
    both = ("DS-01", "WH-01")
    there = sum([await house.on_hand(SKU, at) for at in both])
    await set_rule(
        house, "vip", RuleKind.PROTECTION, quantity=30, channels=("store",), locations=both
    )
    everything = await house.promised(SKU)

    held = await hold(house, "all of it", everything)

    taken = {pin.location: pin.quantity for pin in held.pins}
    assert sum(taken.get(at, 0) for at in both) == there - 30
    assert sum(taken.values()) == everything


async def test_a_daily_limit_counts_from_midnight_of_the_business_day(house: House) -> None:
    await set_rule(house, "daily", RuleKind.DAILY_LIMIT, quantity=4, skus=(SKU,))
    held = await hold(house, "a", 3, ttl_seconds=3600)
    house.clock.now = utc(2026, 3, 2, 15, 59)  # a minute before midnight in Shanghai
    kept = await hold(house, "b", 4, ttl_seconds=3600)
    house.clock.turn(minutes=1)

    assert held.reservation.expires_at == utc(2026, 3, 2, 13)
    assert await house.promised(SKU) == 4
    await reservations.release_reservation(house(SHOPPER), "r", kept.reservation.id)
    assert await house.promised(SKU) == 4, "given back to the day that it was taken on"


async def test_a_limit_per_member_asks_for_a_member_and_counts_what_was_sold(
    house: House,
) -> None:
    await set_rule(house, "fair", RuleKind.MEMBER_LIMIT, quantity=2)
    bought, _ = await orders.place_order(
        house(PARTNER),
        PlaceOrder(
            "p",
            "mini-program",
            Delivery(Method.SHIP),
            lines=(AskedLine(SKU, 2),),
            member_id="M-1",
            payments=(AskedPayment("CARD", Money(152000, "CNY")),),
        ),
    )
    await house.push()
    await house.erp.ship(bought.number)
    await house.sync("erp")

    with pytest.raises(LimitReached):
        await hold(house, "one more", 1)
    await hold(house, "another member", 2, OTHER)
    with pytest.raises(InvalidInput) as refusal:
        await hold(house, "nobody", 1, PARTNER)
    assert refusal.value.field == ("input", "memberId")


async def test_what_is_protected_for_a_channel_is_left_by_the_others_until_it_is_lent_back(
    house: House,
) -> None:
    before = await house.promised(SKU)
    await set_rule(
        house,
        "vip",
        RuleKind.PROTECTION,
        quantity=10,
        channels=("store",),
        lend_back_from=utc(2026, 3, 3),
    )

    kept = await house.promised(SKU)
    await hold(house, "theirs", 4, MANAGER, channel="store")
    used = await house.promised(SKU)
    with pytest.raises(InsufficientStock):
        await hold(house, "too many", before - 9)
    house.clock.now = utc(2026, 3, 3)

    assert (kept, used) == (before - 10, before - 10)
    assert await house.promised(SKU) == before
    [promise] = await stock.availability(house(SHOPPER), [SKU], "mini-program")
    assert promise is not None
    assert "PROTECTION" not in {term.kind for term in promise.availability.terms}


async def test_the_most_particular_safety_stock_holds_and_explains_itself(house: House) -> None:
    at = ("ST-04",)
    await set_rule(house, "all", RuleKind.SAFETY_STOCK, quantity=0)
    await set_rule(house, "skin", RuleKind.SAFETY_STOCK, quantity=2, categories=("beauty",))
    await set_rule(
        house, "deep", RuleKind.SAFETY_STOCK, quantity=3, categories=("beauty/skincare",)
    )
    await set_rule(house, "shop", RuleKind.SAFETY_STOCK, quantity=1, skus=(SKU,), locations=at)

    [promise] = await stock.availability(house(SHOPPER), [SKU], "mini-program")

    assert promise is not None
    kept = {
        term.location: (term.quantity, term.rule)
        for term in promise.availability.terms
        if term.kind == "SAFETY_STOCK"
    }
    assert kept["ST-04"] == (-1, "shop")
    assert kept["ST-01"] == (-3, "deep")
    assert sum(t.quantity for t in promise.availability.terms) == promise.availability.available


async def test_safety_stock_grows_with_the_age_of_the_feed(house: House) -> None:
    only = ("WH-01",)
    await set_rule(
        house, "old", RuleKind.SAFETY_STOCK, quantity=5, per_stale_hour=1.5, locations=only
    )
    before = await house.promised(SKU)

    house.clock.turn(hours=3)

    assert await house.promised(SKU) == before - 4  # floor(1.5 × 3)
    await house.sync("erp")
    assert await house.promised(SKU) == before


async def test_an_excluded_place_is_neither_promised_nor_pinned(house: House) -> None:
    await set_rule(house, "web", RuleKind.POOL_EXCLUDE, locations=("WH-01", "DS-01"))
    await set_rule(house, "busy", RuleKind.PICKUP_EXCLUDE, regions=("华东",))

    held = await hold(house, "a", 1)
    [promise] = await stock.availability(house(SHOPPER), [SKU], "mini-program", Method.PICKUP)

    assert not {pin.location for pin in held.pins} & {"WH-01", "DS-01"}
    assert promise is not None
    assert not set(promise.availability.by_location) & {"WH-01", "DS-01", "ST-01", "ST-02", "ST-03"}
    with pytest.raises((NoEligibleLocation, InsufficientStock)):
        await hold(house, "b", 1, location="WH-01")


async def test_a_rule_ends_with_its_window_or_its_removal_and_what_it_kept_is_free(
    house: House,
) -> None:
    before = await house.promised(SKU)
    await set_rule(house, "soon", RuleKind.CAP, quantity=1, active_to=utc(2026, 3, 2, 13))
    first = await house.promised(SKU)
    house.clock.now = utc(2026, 3, 2, 13)
    over = await house.promised(SKU)
    await set_rule(house, "soon", RuleKind.CAP, quantity=2)
    again = await house.promised(SKU)

    code, replayed = await ruling.remove_stock_rule(house(ADMIN), "x", "soon")
    _, twice = await ruling.remove_stock_rule(house(ADMIN), "x", "soon")

    assert (first, over, again) == (1, before, 2)
    assert (code, replayed, twice) == ("soon", False, True)
    assert await house.promised(SKU) == before
    with pytest.raises(NotFound):
        await ruling.remove_stock_rule(house(ADMIN), "y", "soon")


async def test_rules_are_listed_with_their_version_and_who_set_them(house: House) -> None:
    await set_rule(house, "b", RuleKind.CAP, quantity=1)
    again = await set_rule(house, "a", RuleKind.CAP, quantity=2)

    page = await ruling.browse_rules(house(MANAGER), 10, None)

    assert [(rule.code, rule.version, rule.set_by) for rule in page.nodes] == [
        ("a", 2, "admin"),
        ("b", 1, "admin"),
    ]
    assert page.nodes[0] == again
    for attempt in (
        ruling.browse_rules(house(SHOPPER), 10, None),
        ruling.remove_stock_rule(house(MANAGER), "k", "a"),
    ):
        with pytest.raises(Forbidden):
            await attempt


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        (StockRule("r", RuleKind.CAP), ["quantity"]),
        (StockRule("r", RuleKind.CAP, -1), ["quantity"]),
        (StockRule("r", RuleKind.PROTECTION, percent=100.5, channels=("store",)), ["percent"]),
        (StockRule("r", RuleKind.PROTECTION, 1, 1.0, channels=("store",)), ["percent"]),
        (StockRule("r", RuleKind.PROTECTION, 1), ["channels"]),
        (StockRule("r", RuleKind.POOL_EXCLUDE), ["locationCodes"]),
        (StockRule("r", RuleKind.POOL_EXCLUDE, 1, skus=("x",)), ["quantity"]),
        (StockRule("r", RuleKind.SAFETY_STOCK), ["quantity"]),
        (StockRule("r", RuleKind.CAP, 1, locations=("ST-01",)), ["locationCodes"]),
        (StockRule("", RuleKind.CAP, 1), ["code"]),
        (StockRule("r", RuleKind.CAP, 1, channels=("nowhere",)), ["channels.0"]),
        (
            StockRule("r", RuleKind.SAFETY_STOCK, 1, locations=("ST-01", "ST-99")),
            ["locationCodes.1"],
        ),
        (
            StockRule("r", RuleKind.SAFETY_STOCK, 1, locations=("ST-01",), regions=("华南",)),
            ["regions"],
        ),
        (
            StockRule("r", RuleKind.CAP, 1, active_from=utc(2026, 3, 2), active_to=utc(2026, 3, 1)),
            ["activeTo"],
        ),
        (StockRule("r", RuleKind.CAP, 1, per_stale_hour=1.0), ["perStaleHour"]),
        (StockRule("r", RuleKind.CAP, 1, lend_back_from=utc(2026, 3, 2)), ["lendBackFrom"]),
        (StockRule("r", RuleKind.CAP, -1, channels=("no",)), ["quantity", "channels.0"]),
    ],
)
async def test_a_rule_that_cannot_be_meant_is_refused_by_its_fields(
    house: House, rule: StockRule, fields: list[str]
) -> None:
    with pytest.raises(Refused) as refusal:
        await ruling.set_stock_rule(house(ADMIN), "k", rule)

    found = refusal.value.refusals if isinstance(refusal.value, Several) else (refusal.value,)
    assert [".".join(error.field[1:]) for error in found] == fields
    assert (await house.runtime.store.stock.rules()).version == 0
