"""The stock engine over every store: never oversold, each key once, a refusal leaves nothing."""

import asyncio
from datetime import datetime

import pytest

from resolvers.domain import holds
from resolvers.domain.books import Books, Change, Key, Scope
from resolvers.domain.errors import IdempotencyKeyReused, InsufficientStock
from resolvers.domain.reservation import Line, Reservation, Status, hold_entries
from resolvers.domain.stock import EntryKind, Pin, Position, fold
from resolvers.engine import Command, Outcome
from tests.contract.shop import NOON, Shop, minutes

UNTIL = NOON + minutes(15)


def hold(id: str, key: str, units: int = 1, until: datetime = UNTIL) -> Command:
    """A command that holds units of SKU A in the warehouse."""

    def decide(books: Books) -> tuple[Change, str]:
        available = books.stream("A").position("WH").unpromised
        if available < units:
            raise InsufficientStock("A", units, available)
        pins = (Pin(id, "A", "WH", units, until),)
        lines = (Line("A", units),)
        held = Reservation(id, Status.HELD, "web", lines, "caller", books.now, until)
        entries = tuple(hold_entries(pins, books.now))
        return Change(entries=entries, pins=pins, reservations=(held,)), id

    scope = Scope(frozenset("A"), frozenset({id}))
    return Command(Key("caller", "reserveStock", key), f"{units} of A", scope, decide)


async def all_of(shop: Shop, commands: list[Command]) -> list[Outcome | BaseException]:
    return await asyncio.gather(
        *(shop.engine.run(command) for command in commands), return_exceptions=True
    )


async def state_of(shop: Shop) -> tuple[object, ...]:
    """Everything that a command could have left behind."""
    return (
        await shop.events(),
        await shop.store.stock.entries("A"),
        await shop.store.stock.streams(["A"], shop.now),
    )


async def test_ten_units_are_promised_ten_times_however_many_ask_at_once(shop):
    await shop.receive("A", "WH", 10)

    outcomes = await all_of(shop, [hold(f"R{at}", f"key-{at}") for at in range(200)])

    accepted = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, InsufficientStock)]
    assert (len(accepted), len(refused)) == (10, 190)
    assert await shop.position("A", "WH") == Position("A", "WH", 10, soft=10)
    entries = await shop.store.stock.entries("A")
    assert [entry.kind for entry in entries] == [EntryKind.RECEIPT, *[EntryKind.HOLD] * 10]
    assert fold(entries) == {("A", "WH"): Position("A", "WH", 10, soft=10)}
    for outcome in accepted:
        assert (await shop.store.stock.reservations([outcome.answer])).get(
            outcome.answer
        ) is not None


async def test_a_key_sent_fifty_times_at_once_has_one_effect(shop):
    await shop.receive("A", "WH", 10)

    outcomes = await all_of(shop, [hold(f"R{at}", "key") for at in range(50)])

    replayed = [outcome.replayed for outcome in outcomes if isinstance(outcome, Outcome)]
    assert (replayed.count(False), replayed.count(True)) == (1, 49)
    assert {outcome.answer for outcome in outcomes if isinstance(outcome, Outcome)} == {"R0"}
    assert await shop.position("A", "WH") == Position("A", "WH", 10, soft=1)


async def test_a_key_that_took_the_last_unit_answers_again_as_it_did(shop):
    await shop.receive("A", "WH", 1)
    first = await shop.engine.run(hold("R1", "key"))

    again = await shop.engine.run(hold("R2", "key"))

    assert (first.answer, first.replayed) == ("R1", False)
    assert (again.answer, again.replayed, again.change) == ("R1", True, None)


async def test_a_key_with_other_content_is_refused_and_leaves_nothing(shop):
    await shop.receive("A", "WH", 10)
    await shop.engine.run(hold("R1", "key"))
    before = await state_of(shop)

    with pytest.raises(IdempotencyKeyReused):
        await shop.engine.run(hold("R2", "key", units=2))

    assert await state_of(shop) == before


async def test_a_refused_command_leaves_nothing_and_binds_no_key(shop):
    await shop.receive("A", "WH", 1)
    before = await state_of(shop)
    greedy = hold("R1", "key", units=2)

    with pytest.raises(InsufficientStock):
        await shop.engine.run(greedy)

    assert await state_of(shop) == before
    assert (await shop.store.stock.reservations(["R1"])).get("R1") is None
    assert await shop.store.stock.recorded_answer(greedy.key) is None

    await shop.receive("A", "WH", 1)
    assert (await shop.engine.run(greedy)).answer == "R1"


async def test_a_command_with_a_bug_takes_no_other_with_it(shop):
    await shop.receive("A", "WH", 2)

    def broken(_: Books) -> tuple[Change, str]:
        raise ZeroDivisionError

    bug = Command(Key("caller", "reserveStock", "bug"), "", Scope(frozenset("A")), broken)
    outcomes = await all_of(shop, [hold("R1", "key-1"), bug, hold("R2", "key-2")])

    answers = [outcome.answer for outcome in outcomes if isinstance(outcome, Outcome)]
    assert answers == ["R1", "R2"]
    assert isinstance(outcomes[1], ZeroDivisionError)
    assert await shop.position("A", "WH") == Position("A", "WH", 2, soft=2)


async def test_a_hold_that_is_due_is_given_back_to_whoever_asks_at_that_instant(shop):
    await shop.receive("A", "WH", 1)
    await shop.engine.run(hold("R1", "key-1", until=NOON + minutes(1)))

    shop.now += minutes(1)

    assert (await shop.engine.run(hold("R2", "key-2"))).answer == "R2"
    assert await shop.position("A", "WH") == Position("A", "WH", 1, soft=1)


async def test_a_hold_that_is_given_back_in_two_parts_at_once_is_given_back_whole(shop):
    await shop.receive("A", "WH", 5)
    await shop.receive("B", "WH", 5)
    pins = tuple(Pin("R", sku, "WH", 2, UNTIL) for sku in "AB")
    lines = (Line("A", 2), Line("B", 2))
    units = (("A", 2), ("B", 2))
    held = Reservation("R", Status.HELD, "web", lines, "caller", NOON, UNTIL, units=units)
    await shop.post(
        Change(entries=tuple(hold_entries(pins, NOON)), pins=pins, reservations=(held,))
    )
    scope = Scope(frozenset("AB"), frozenset("R"))

    def give_back(key: str, *some: Line) -> Command:
        named = Key("caller", "releaseReservation", key)
        return Command(named, key, scope, lambda books: (holds.release(books, "R", some), "R"))

    outcomes = await all_of(shop, [give_back("one", Line("B", 2)), give_back("all")])

    assert [type(outcome) for outcome in outcomes] == [Outcome, Outcome]
    known, left = (await shop.store.stock.reservations(["R"]))["R"]
    assert (known.status, list(left)) == (Status.RELEASED, [])
    assert await shop.position("A", "WH") == Position("A", "WH", 5)
    assert await shop.position("B", "WH") == Position("B", "WH", 5)


async def test_a_caller_that_has_gone_costs_nobody_anything(shop):
    await shop.receive("A", "WH", 1)
    gone = asyncio.ensure_future(shop.engine.run(hold("R1", "key-1")))
    stays = asyncio.ensure_future(shop.engine.run(hold("R2", "key-2")))

    await asyncio.sleep(0)
    gone.cancel()

    outcomes = await asyncio.gather(gone, stays, return_exceptions=True)
    answers = [outcome.answer for outcome in outcomes if isinstance(outcome, Outcome)]
    assert answers == ["R2"]
    assert (await shop.store.stock.reservations(["R1"])).get("R1") is None
    assert await shop.position("A", "WH") == Position("A", "WH", 1, soft=1)
