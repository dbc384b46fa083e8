"""Whether a store is what the world outside was told, to the unit: read from its ledger alone.

What was answered is there, once; what was refused is not there; what was not answered is there once
or not at all. Nothing was promised that was not on the shelf at that moment.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from resolvers.domain.books import Key
from resolvers.domain.orders import Order
from resolvers.domain.reservation import Reservation, Status
from resolvers.domain.stock import EntryKind, Position, StockEntry, apply
from resolvers.ports import Store
from resolvers.upkeep import check
from tests.chaos.child import wall_clock
from tests.chaos.mix import MUTATIONS, POP_UP, SKUS, WAREHOUSE, Told, units_of
from tests.support import OPERATOR

Units = dict[str, tuple[int, int, int]]
"""By SKU what was moved in all: on hand, soft, hard."""


class Audit:
    """A store's ledger beside what was asked and told. ``told`` lacks what nobody was told."""

    def __init__(
        self,
        asked: Mapping[str, dict[str, Any]],
        told: Mapping[str, Told],
        ledger: Sequence[StockEntry],
        reservations: Mapping[str, Reservation],
        orders: Mapping[str, Order],
    ) -> None:
        self.asked = {key: command for key, command in asked.items() if command["kind"] != "expire"}
        self.told = told
        self.ledger = ledger
        self.reservations = reservations
        self.orders = orders
        self.by_key: dict[str, list[StockEntry]] = {}
        for entry in ledger:
            if entry.key is not None:
                self.by_key.setdefault(entry.key, []).append(entry)

    def made_by(self, key: str) -> list[StockEntry]:
        """What a command wrote, others' units that made room for it left out: those only moved."""
        mutation = MUTATIONS[self.asked[key]["kind"]]
        found = self.by_key.get(Key(OPERATOR.subject, mutation, key).id, [])
        others = [entry for entry in found if entry.kind is EntryKind.MOVE]
        assert all(units == (0, 0, 0) for units in _moved(others).values())
        return [entry for entry in found if entry.kind is not EntryKind.MOVE]

    def every_command_was_done_once_or_not_at_all(self) -> None:
        written = 0
        for key in self.asked:
            told, made = self.told.get(key), self.made_by(key)
            written += len(made)
            if told is not None and "refused" in told:
                assert made == [], f"{key} was refused and did something"
            elif told is not None:
                assert made or self._may_write_nothing(key, told), f"{key} was answered and is lost"
            if made:
                self._is_whole(key, made)
        keyed = [entry for entries in self.by_key.values() for entry in entries]
        assert written == sum(entry.kind is not EntryKind.MOVE for entry in keyed)

    def _may_write_nothing(self, key: str, told: Told) -> bool:
        """An answer that moves no unit: a hold that lives longer, an order of what is held."""
        kind, answer = self.asked[key]["kind"], told["answer"]
        if kind == "release":  # it had been given back before
            return self.reservations[answer].status is Status.RELEASED
        if kind == "order":
            return bool(self.orders[answer].reservation_id == told["id"])
        return kind == "extend" and answer in self.reservations

    def _is_whole(self, key: str, made: Sequence[StockEntry]) -> None:
        """All of what was asked for and no more."""
        command, moved = self.asked[key], _moved(made)
        kind = command["kind"]
        if kind == "adjust":
            assert moved == {command["sku"]: (command["units"], 0, 0)}
            return
        assert len({entry.cause for entry in made}) == 1
        if kind == "hold":
            held = units_of(command["lines"])
            assert moved == {sku: (0, units, 0) for sku, units in held.items()}
        elif kind == "release" and command["lines"]:
            back = units_of(command["lines"])
            assert moved == {sku: (0, -units, 0) for sku, units in back.items()}
        elif kind == "pay":
            assert moved == {sku: (0, -hard, hard) for sku, (_, _, hard) in moved.items()}
        elif kind == "order":  # pinned anew where the delivery asks for it
            assert all(units == (0, 0, 0) for units in moved.values())

    def every_hold_is_whole_or_gone(self) -> None:
        """A hold has all of its units, a set's parts too, or none."""
        now = wall_clock()
        by_hold: dict[str, list[StockEntry]] = {}
        for entry in self.ledger:
            by_hold.setdefault(entry.cause, []).append(entry)
        for id, may_be in self._held().items():
            known, entries = self.reservations[id], by_hold[id]
            assert dict(known.units) in may_be, f"{id} has not the units that were asked for"
            soft = {sku: (0, count, 0) for sku, count in known.units}
            hard = {sku: (0, 0, count) for sku, count in known.units}
            left = {sku: what for sku, what in _moved(entries).items() if any(what)}
            if known.status is Status.COMMITTED:
                assert left == hard
            elif known.seen_at(now).status is Status.HELD:
                assert left == soft
            elif known.status is Status.HELD:  # due: each SKU's units go when somebody touches it
                assert left.items() <= soft.items()
            else:
                assert left == {}
            for entry in entries:
                if entry.kind is EntryKind.EXPIRE:
                    assert known.expires_at is not None
                    assert entry.at >= known.expires_at

    def _held(self) -> dict[str, list[Counter[str]]]:
        """Units of each hold, as they were asked for, less what was given back in part.

        What is given back to the last unit is released as a whole: such a hold has the units of the
        part that went last, whichever was asked for first; one of several if they went at once.
        """
        held: dict[str, Counter[str]] = {}
        parts: dict[str, list[tuple[datetime, Counter[str]]]] = {}
        for key, command in self.asked.items():
            made = self.made_by(key)
            if command["kind"] == "hold" and made:
                held[made[0].cause] = units_of(command["lines"])
            elif command["kind"] == "release" and command["lines"] and made:
                part = (made[0].at, units_of(command["lines"]))
                parts.setdefault(made[0].cause, []).append(part)
        return {id: _left(units, parts.get(id, [])) for id, units in held.items()}

    def nothing_was_promised_that_was_not_there(self) -> None:
        """At any moment since the beginning, at any place."""
        positions: dict[tuple[str, str], Position] = {}
        for entry in self.ledger:
            at = (entry.sku, entry.location)
            positions[at] = apply(positions.get(at) or Position(*at), entry)
            if entry.soft + entry.hard > 0:
                assert positions[at].unpromised >= 0, f"oversold: {entry}"

    def on_hand(self, seeded: Mapping[str, int]) -> Counter[tuple[str, str]]:
        """What lies where, by what was put there and what was said to be corrected since."""
        found = Counter({(sku, WAREHOUSE): units for sku, units in seeded.items()})
        for key, command in self.asked.items():
            if command["kind"] == "adjust" and self.made_by(key):
                found[command["sku"], POP_UP.code] += command["units"]
        return found


def _left(
    units: Counter[str], parts: Sequence[tuple[datetime, Counter[str]]]
) -> list[Counter[str]]:
    left = Counter(units)
    for _, part in parts:
        left.subtract(part)
    if any(left.values()):
        return [+left]
    last = max(at for at, _ in parts)
    return [part for at, part in parts if at == last]


async def audit(
    store: Store,
    asked: Mapping[str, dict[str, Any]],
    told: Mapping[str, Told],
    seeded: Mapping[str, int],
) -> Audit:
    """Looks a store over, as ``store check`` does, and compares it with what was asked and told."""
    assert [finding async for step in check(store) for finding in step.findings] == []
    ledger = [entry for sku in SKUS for entry in await store.stock.entries(sku)]
    causes = {entry.cause for entry in ledger}
    held = {id: known for id, (known, _) in (await store.stock.reservations(list(causes))).items()}
    placed = [known.order_id for known in held.values() if known.order_id]
    found = Audit(asked, told, ledger, held, await store.stock.orders(placed))
    found.every_command_was_done_once_or_not_at_all()
    found.every_hold_is_whole_or_gone()
    found.nothing_was_promised_that_was_not_there()
    accounts = await store.stock.accounts(SKUS)
    there = {
        (sku, at): position.on_hand
        for sku, account in accounts.items()
        for at, position in account.stream.positions.items()
    }
    assert {at: units for at, units in there.items() if units} == dict(+found.on_hand(seeded))
    return found


def _moved(entries: Iterable[StockEntry]) -> Units:
    moved: Units = {}
    for entry in entries:
        on_hand, soft, hard = moved.get(entry.sku, (0, 0, 0))
        moved[entry.sku] = (on_hand + entry.on_hand, soft + entry.soft, hard + entry.hard)
    return moved
