"""Reservations with their pins, and those whose time is over."""

from dataclasses import replace

from resolvers.domain.books import Change
from resolvers.domain.reservation import Status, release_entries
from resolvers.domain.stock import EntryKind, Pin, StockEntry
from tests.contract.shop import NOON, minutes


async def test_a_reservation_comes_with_its_live_pins_in_order(shop):
    await shop.receive("A", "WH", 5)
    held = await shop.hold("R1", ("B", "WH", 1), ("A", "WH", 2), ("A", "SH", 3))
    await shop.hold("R2", ("A", "WH", 1))

    found = (await shop.store.stock.reservations(["R1"])).get("R1")

    until = NOON + minutes(15)
    assert found == (
        held,
        [
            Pin("R1", "A", "SH", 3, until),
            Pin("R1", "A", "WH", 2, until),
            Pin("R1", "B", "WH", 1, until),
        ],
    )
    assert (await shop.store.stock.reservations(["R9"])).get("R9") is None


async def test_a_released_reservation_has_no_pins(shop):
    held = await shop.hold("R1", ("A", "WH", 2))
    _, live = (await shop.store.stock.reservations(["R1"])).get("R1")
    entries, pins = release_entries(live, NOON)
    released = replace(held, status=Status.RELEASED)

    await shop.post(
        Change(entries=tuple(entries), pins=tuple(pins), reservations=(released,)),
    )

    assert (await shop.store.stock.reservations(["R1"])).get("R1") == (released, [])


async def test_due_reservations_are_those_held_past_their_time_eldest_first(shop):
    await shop.hold("R3", ("A", "WH", 1), until=NOON + minutes(3))
    await shop.hold("R1", ("A", "WH", 1), until=NOON + minutes(1))
    await shop.hold("R2", ("B", "WH", 1), until=NOON + minutes(2))
    await shop.hold("R0", ("B", "WH", 1), until=NOON + minutes(2))

    async def due(at: int, limit: int = 10) -> list[str]:
        found = await shop.store.stock.due_reservations(NOON + minutes(at), limit)
        return [reservation.id for reservation in found]

    assert await due(0) == []
    assert await due(2) == ["R1", "R0", "R2"]
    assert await due(9, limit=3) == ["R1", "R0", "R2"]


async def test_a_reservation_that_was_written_down_is_due_no_more(shop):
    held = await shop.hold("R1", ("A", "WH", 1), until=NOON + minutes(1))
    extended = await shop.hold("R2", ("A", "WH", 1), until=NOON + minutes(1))

    await shop.post(
        Change(
            reservations=(
                replace(held, status=Status.EXPIRED),
                replace(extended, expires_at=NOON + minutes(9)),
            )
        )
    )

    assert await shop.store.stock.due_reservations(NOON + minutes(5), 10) == []


async def test_whoever_watches_a_hold_is_told_when_only_its_units_have_moved(shop):
    await shop.receive("A", "WH", 5)
    await shop.receive("A", "ST", 5)
    await shop.hold("R1", ("A", "WH", 2))
    before = len(await shop.events())
    pin = Pin("R1", "A", "WH", 2, NOON + minutes(15))
    there = replace(pin, location="ST")
    entries = (
        StockEntry(EntryKind.MOVE, "A", "WH", "R1", "gateway", NOON, soft=-2),
        StockEntry(EntryKind.MOVE, "A", "ST", "R1", "gateway", NOON, soft=2),
    )

    await shop.post(Change(entries, (replace(pin, quantity=0), there)))

    assert (await shop.events())[before:] == [("stock", "A"), ("reservation", "R1")]
