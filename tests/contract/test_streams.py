"""Streams, positions, keys and feeds: what one batch writes is what the next one reads."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from resolvers.domain.books import Batch, Books, Change, Key, Known, Scope
from resolvers.domain.feeds import Feed
from resolvers.domain.limits import counts
from resolvers.domain.reservation import hold_entries, release_entries
from resolvers.domain.rules import RuleBook, RuleKind, StockRule, remove_rule, set_rule
from resolvers.domain.stock import (
    EntryKind,
    Pin,
    Position,
    StockEntry,
    Stream,
    Taker,
    Unseen,
    fold,
)
from resolvers.filters import LevelFilter
from tests.contract.shop import NOON, minutes, order, receipt, write

KEY = Key("caller", "reserveStock", "key-1")


async def test_a_stream_comes_back_as_it_was_posted(shop):
    until = NOON + timedelta(minutes=5, microseconds=7)
    pin = Pin("R1", "A", "WH", 2, until, tentative=True)
    movement = Unseen("sale-1", "A", "WH", -1, 17)
    entries = (
        receipt("A", "WH", 10),
        receipt("A", "香港", 3),
        StockEntry(EntryKind.HOLD, "A", "WH", "R1", "gateway", NOON, soft=2),
    )

    await shop.post(Change(entries=entries, pins=(pin,), unseen=(movement,)))

    assert await shop.store.stock.streams(["A", "UNKNOWN"], until) == {
        "A": Stream(
            "A",
            {"WH": Position("A", "WH", 10, soft=2), "香港": Position("A", "香港", 3)},
            {("R1", "WH"): pin},
            {"sale-1": movement},
            1,
            NOON,
        )
    }


async def test_a_pin_and_a_movement_of_no_units_are_gone(shop):
    movement = Unseen("sale-1", "A", "WH", -1)
    await shop.receive("A", "WH", 10)
    await shop.hold("R1", ("A", "WH", 2))
    await shop.post(Change(unseen=(movement,)))

    _, held = (await shop.store.stock.reservations(["R1"])).get("R1")
    entries, pins = release_entries(held, NOON)
    gone = (replace(movement, on_hand=0),)
    await shop.post(Change(entries=tuple(entries), pins=tuple(pins), unseen=gone))

    (stream,) = (await shop.store.stock.streams(["A"], shop.now)).values()
    assert (stream.pins, stream.unseen) == ({}, {})
    assert stream.position("WH") == Position("A", "WH", 10)


async def test_movements_are_listed_by_place_until_they_are_counted(shop):
    movements = (
        Unseen("m2", "A", "WH", -1),
        Unseen("m1", "B", "WH", 2, 9),
        Unseen("m3", "A", "SH", -1),
    )
    await shop.post(Change(unseen=movements))
    acknowledged = replace(movements[0], acknowledged=10)

    await shop.post(Change(unseen=(acknowledged, replace(movements[2], on_hand=0))))

    assert await shop.store.stock.unseen("WH") == [movements[1], acknowledged]
    assert await shop.store.stock.unseen("SH") == []


async def test_each_batch_moves_the_version_of_its_own_streams_and_their_time(shop):
    await shop.receive("A", "WH", 1)
    await shop.receive("B", "WH", 1)
    shop.now += minutes(1)
    await shop.receive("A", "WH", 1)

    streams = await shop.store.stock.streams(["A", "B"], shop.now)

    assert (streams["A"].version, streams["A"].at) == (2, NOON + minutes(1))
    assert (streams["B"].version, streams["B"].at) == (1, NOON)


async def test_a_batch_whose_decision_raises_leaves_nothing(shop):
    await shop.receive("A", "WH", 10)
    events = await shop.events()

    def decide(known: Known) -> Batch:
        raise LookupError(known.streams["A"].version)

    with pytest.raises(LookupError, match="1"):
        await shop.store.stock.transact(Scope(frozenset("A")), [KEY], lambda: NOON, decide)

    assert await shop.events() == events
    assert await shop.store.stock.entries("A") == [receipt("A", "WH", 10)]
    assert await shop.store.stock.recorded_answer(KEY) is None


async def test_a_batch_that_cannot_be_written_whole_leaves_nothing(shop):
    await shop.post(Change(entries=(receipt("A", "WH", 10),), writes=(write("W1", "A"),)))
    events = await shop.events()
    twice = Change(
        entries=(receipt("A", "WH", 5), receipt("B", "WH", 5)),
        orders=(order("1"),),
        writes=(write("W1", "A"),),
    )

    with pytest.raises(Exception, match=r"write"):
        await shop.post(twice, key=KEY)

    assert await shop.events() == events
    assert await shop.store.stock.streams(["A", "B"], shop.now) == {
        "A": Stream("A", {"WH": Position("A", "WH", 10)}, version=1, at=NOON)
    }
    assert await shop.store.stock.entries("B") == []
    assert await shop.store.stock.orders(["1"]) == {}
    assert await shop.store.stock.recorded_answer(KEY) is None


async def test_a_batch_with_nothing_in_it_writes_nothing(shop):
    batch = await shop.post(Change())

    assert batch.empty
    assert await shop.store.house.last_event() == 0


async def test_a_key_is_recorded_with_its_batch_and_shown_to_the_next(shop):
    await shop.post(Change(entries=(receipt("A", "WH", 1),)), key=KEY)
    seen: list[Known] = []

    def decide(known: Known) -> Batch:
        seen.append(known)
        return Books(known, Scope()).batch()

    other = Key("caller", "reserveStock", "key-2")
    await shop.store.stock.transact(Scope(), [KEY, other], lambda: NOON, decide)

    assert await shop.store.stock.recorded_answer(KEY) == "answer"
    assert await shop.store.stock.recorded_answer(other) is None
    assert list(seen[0].recorded) == [KEY.id]
    assert (seen[0].recorded[KEY.id].fingerprint, seen[0].recorded[KEY.id].at) == (
        "fingerprint",
        NOON,
    )


async def test_feeds_are_written_with_their_batch_and_shown_to_the_next(shop):
    feed = Feed("erp", "stock", "WH", 41, NOON, "c-41", "", 43, 42)
    await shop.post(Change(entries=(receipt("A", "WH", 1),), feeds=(feed,)))
    seen: list[Known] = []

    def decide(known: Known) -> Batch:
        seen.append(known)
        raise LookupError

    scope = Scope(feeds=frozenset({feed.key, ("erp", "stock", "SH")}))
    with pytest.raises(LookupError):
        await shop.store.stock.transact(scope, [], lambda: NOON, decide)

    assert seen[0].feeds == {feed.key: feed}
    assert await shop.store.house.feeds() == [feed]


async def test_a_batch_sees_reservations_and_orders_in_its_scope_only(shop):
    held = await shop.hold("R1", ("A", "WH", 1))
    await shop.hold("R2", ("A", "WH", 1))
    await shop.post(Change(orders=(order("1"), order("2"))))
    seen: list[Known] = []

    def decide(known: Known) -> Batch:
        seen.append(known)
        return Books(known, Scope()).batch()

    scope = Scope(reservations=frozenset({"R1", "R9"}), orders=frozenset({"2", "9"}))
    await shop.store.stock.transact(scope, [], lambda: NOON, decide)

    assert seen == [Known(NOON, reservations={"R1": held}, orders={"2": order("2")})]


async def test_levels_are_walked_without_loss_or_repeat(shop):
    places = [(f"S-{sku:02}", f"L-{at}") for sku in range(20) for at in range(1 + sku % 3)]
    shuffled = random.Random(7).sample(places, len(places))
    await shop.post(Change(entries=tuple(receipt(*place, 4) for place in shuffled)))
    await shop.receive("S-03", "L-0", 1)
    walked: list[tuple[str, str]] = []

    for _ in range(len(places)):
        after = walked[-1] if walked else None
        page = await shop.store.stock.levels(LevelFilter(), after, 7)
        walked += [(position.sku, position.location) for position in page]
        if len(page) < 7:
            break

    assert walked == sorted(places)


async def test_levels_are_found_by_place_by_sku_and_by_change(shop):
    await shop.receive("A", "WH", 1)
    await shop.receive("B", "SH", 2)
    shop.now += minutes(1)
    await shop.receive("A", "SH", 3)

    async def found(level_filter: LevelFilter) -> list[tuple[str, str, int]]:
        levels = await shop.store.stock.levels(level_filter, None, 10)
        return [(level.sku, level.location, level.on_hand) for level in levels]

    assert await found(LevelFilter(locations=("SH",))) == [("A", "SH", 3), ("B", "SH", 2)]
    assert await found(LevelFilter(skus=("A", "X"))) == [("A", "SH", 3), ("A", "WH", 1)]
    assert await found(LevelFilter(updated_since=shop.now)) == [("A", "SH", 3)]
    assert await found(LevelFilter(("WH",), ("B",))) == []


async def test_entries_fold_to_the_positions_after_any_history(shop):
    rng = random.Random(11)
    for step in range(60):
        shop.now += minutes(1)
        sku, location = rng.choice("AB"), rng.choice(("WH", "SH"))
        if step % 3 == 0:
            await shop.receive(sku, location, rng.randint(1, 9))
        else:
            await shop.hold(f"R{step}", (sku, location, 1), until=shop.now + minutes(step % 7 + 1))

    for sku in "AB":
        entries = await shop.store.stock.entries(sku)
        positions = await shop.store.stock.levels(LevelFilter(skus=(sku,)), None, 10)
        assert {entry.sku for entry in entries} == {sku}
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        assert fold(entries) == {(at.sku, at.location): at for at in positions}


async def test_a_batch_tells_what_changed(shop):
    change = Change(
        entries=(receipt("B", "WH", 1), receipt("A", "WH", 1), receipt("A", "SH", 1)),
        orders=(order("1"),),
    )

    await shop.post(change)
    await shop.hold("R1", ("A", "WH", 1))

    assert await shop.events() == [
        ("stock", "A"),
        ("stock", "B"),
        ("order", "1"),
        ("stock", "A"),
        ("reservation", "R1"),
    ]


async def test_a_batch_is_decided_at_the_later_of_the_clock_and_its_streams_own_time(shop):
    await shop.receive("A", "WH", 1)
    seen: list[Known] = []

    def decide(known: Known) -> Batch:
        seen.append(known)
        return Books(known, Scope()).batch()

    for minute in (-60, 60):
        clock = NOON + minutes(minute)
        await shop.store.stock.transact(
            Scope(frozenset("A")), [], lambda clock=clock: clock, decide
        )

    assert [known.at for known in seen] == [NOON, NOON + minutes(60)]


async def test_a_stream_comes_with_the_pins_that_are_due_and_those_of_the_scope(shop):
    await shop.receive("A", "WH", 9)
    await shop.hold("DUE", ("A", "WH", 1), until=NOON + minutes(1))
    await shop.hold("ASKED", ("A", "WH", 1), until=NOON + minutes(9))
    seen: list[Known] = []

    def decide(known: Known) -> Batch:
        seen.append(known)
        return Books(known, Scope()).batch()

    shop.now += minutes(1)
    scope = Scope(frozenset("A"), frozenset(["ASKED"]))
    await shop.store.stock.transact(scope, [], lambda: shop.now, decide)
    streams = await shop.store.stock.streams(["A"], shop.now)

    assert {"DUE", "ASKED"} <= {reservation for reservation, _ in seen[0].streams["A"].pins}
    assert ("DUE", "WH") in streams["A"].pins


async def test_what_was_taken_is_counted_by_channel_day_and_member(shop):
    taker = Taker("web", "2026-03-02", "m1")
    pins = (Pin("R1", "A", "WH", 2, NOON + minutes(5), taker=taker),)
    await shop.receive("A", "WH", 9)
    await shop.post(Change(entries=tuple(hold_entries(pins, NOON)), pins=pins))
    entries, _ = release_entries([replace(pins[0], quantity=1)], NOON)
    kept = (replace(pins[0], quantity=1),)
    await shop.post(Change(entries=tuple(entries), pins=kept))
    seen: list[Known] = []

    def decide(known: Known) -> Batch:
        seen.append(known)
        return Books(known, Scope()).batch()

    scope = Scope(frozenset("A"), members=frozenset(["m1"]))
    await shop.store.stock.transact(scope, [], lambda: NOON, decide)
    streams = await shop.store.stock.streams(["A"], NOON)

    assert seen[0].streams["A"].taken == {
        ("live", "web"): 1,
        ("day", "2026-03-02 web"): 1,
        ("member", "m1"): 1,
    }
    assert streams["A"].taken["live", "web"] == 1
    assert counts(await shop.store.stock.entries("A")) == {"A": dict(seen[0].streams["A"].taken)}


async def test_rules_are_kept_by_version_and_the_latest_of_a_code_holds(shop):
    cap = StockRule("a", RuleKind.CAP, 5, channels=("web",))
    book = RuleBook()
    for rule in (cap, replace(cap, quantity=3), StockRule("b", RuleKind.CAP, 1)):
        change = set_rule(book, rule, "me", NOON)
        book = change.applied(book)
        await shop.post(Change(rules=(change,)))
    gone = remove_rule(book, "b", "me", NOON)
    await shop.post(Change(rules=(gone,)))

    rules = await shop.store.stock.rules()

    assert rules == gone.applied(book)
    assert [(rule.code, rule.quantity, rule.version) for rule in rules.rules] == [("a", 3, 2)]
