"""Random lives of two SKUs, with old entries folded at random moments, against what a person would
note on paper: nothing drifts, and no quantity or count that is asked for changes (S1, S2).
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.stores.memory.engine import open_memory
from connectors.stores.sqlite.engine import open_sqlite
from resolvers.domain.books import Change
from resolvers.domain.ledger import drifts
from resolvers.domain.limits import DAY, LIVE, MEMBER, day_key, first_day, taken_at
from resolvers.domain.reservation import (
    Line,
    Reservation,
    Status,
    commit_entries,
    fulfill_entries,
    hold_entries,
    release_entries,
)
from resolvers.domain.stock import Pin, Stream, Taker, as_of
from resolvers.ports import Store
from resolvers.upkeep import KEYS_KEPT, check, compact
from tests.contract.shop import Shop, receipt

SKUS = ("A", "B")
PLACES = ("WH", "ST")

at = st.tuples(st.sampled_from(SKUS), st.sampled_from(PLACES))
units = st.integers(1, 3)
which = st.integers(0, 5)
hours = st.sampled_from([1, 20, 150])
step = st.one_of(
    st.tuples(st.just("receive"), at, units),
    st.tuples(st.just("hold"), at, units, hours, st.sampled_from("mn")),
    st.tuples(st.sampled_from(["release", "commit", "fulfill"]), which),
    st.tuples(st.just("wait"), hours),
    st.tuples(st.just("fold"), st.sampled_from([0, 60, 100])),
)
steps = st.lists(step, min_size=5, max_size=30)


@dataclass(frozen=True, slots=True)
class Noted:
    """A hold on paper."""

    sku: str
    place: str
    units: int
    taker: Taker
    until: datetime
    status: Status = Status.HELD

    def seen(self, now: datetime) -> Status:
        due = self.status is Status.HELD and self.until <= now
        return Status.EXPIRED if due else self.status


class Life:
    """One shop, and the paper beside it."""

    def __init__(self, store: Store) -> None:
        self.shop = Shop(store)
        self.shelf: Counter[tuple[str, str]] = Counter()
        self.paper: dict[str, Noted] = {}

    async def receive(self, at: tuple[str, str], units: int) -> None:
        await self.shop.post(Change(entries=(receipt(*at, units, self.shop.now),)))
        self.shelf[at] += units

    async def hold(self, at: tuple[str, str], units: int, hours: int, member: str) -> None:
        id, now = f"R{len(self.paper):02}", self.shop.now
        taker = Taker("web", now.date().isoformat(), member, "")
        pin = Pin(id, *at, units, now + timedelta(hours=hours), taker=taker)
        line = Line(pin.sku, units)
        held = Reservation(id, Status.HELD, "web", (line,), "caller", now, pin.until)
        entries = tuple(hold_entries([pin], now))
        await self.shop.post(Change(entries=entries, pins=(pin,), reservations=(held,)))
        assert pin.until is not None
        self.paper[id] = Noted(*at, units, taker, pin.until)

    async def release(self, which: int) -> None:
        await self._step(which, (Status.HELD, Status.COMMITTED), Status.RELEASED)

    async def commit(self, which: int) -> None:
        await self._step(which, (Status.HELD,), Status.COMMITTED)

    async def fulfill(self, which: int) -> None:
        await self._step(which, (Status.COMMITTED,), Status.FULFILLED)

    async def _step(self, which: int, allowed: tuple[Status, ...], after: Status) -> None:
        id, now = f"R{which:02}", self.shop.now
        noted = self.paper.get(id)
        if noted is None or noted.seen(now) not in allowed:
            return
        found = (await self.shop.store.stock.reservations([id])).get(id)
        assert found is not None
        known, pins = found
        if after is Status.RELEASED:
            entries, left = release_entries(pins, now)
        elif after is Status.COMMITTED:
            entries, left = commit_entries(pins, now)
        else:
            entries, left = fulfill_entries(pins, noted.units, now, "till")
            self.shelf[noted.sku, noted.place] -= noted.units
        known = replace(known, status=after, expires_at=None)
        await self.shop.post(Change(tuple(entries), tuple(left), reservations=(known,)))
        self.paper[id] = replace(noted, status=after)

    async def wait(self, hours: int) -> None:
        self.shop.now += timedelta(hours=hours)

    async def fold(self, hours: int) -> None:
        """Some time later."""
        await self.wait(hours)
        now = self.shop.now
        async for _ in compact(self.shop.store, now - KEYS_KEPT, now):
            pass

    async def is_as_noted(self) -> None:
        """Nothing drifts, and positions and counts are what stands on paper."""
        accounts = await self.shop.store.stock.accounts(SKUS)
        assert [drift for account in accounts.values() for drift in drifts(account)] == []
        for sku in SKUS:
            stream = accounts[sku].stream if sku in accounts else Stream(sku)
            self._positions_are_as_noted(stream)
            self._counts_are_as_noted(stream)

    def _positions_are_as_noted(self, stream: Stream) -> None:
        now = self.shop.now
        positions = as_of(stream, now)
        for place in PLACES:
            of = {
                status: sum(
                    noted.units
                    for noted in self.paper.values()
                    if (noted.sku, noted.place) == (stream.sku, place) and noted.seen(now) is status
                )
                for status in (Status.HELD, Status.COMMITTED)
            }
            position = positions.get(place) or stream.position(place)
            assert position.on_hand == self.shelf[stream.sku, place]
            assert (position.soft, position.hard) == (of[Status.HELD], of[Status.COMMITTED])

    def _counts_are_as_noted(self, stream: Stream) -> None:
        now = self.shop.now
        expected: Counter[tuple[str, str]] = Counter()
        for noted in self.paper.values():
            status = noted.seen(now)
            if noted.sku != stream.sku or status in (Status.RELEASED, Status.EXPIRED):
                continue
            if status is not Status.FULFILLED:
                expected[LIVE, noted.taker.channel] += noted.units
            expected[day_key(noted.taker.channel, noted.taker.day)] += noted.units
            expected[MEMBER, noted.taker.member or ""] += noted.units

        def asked(counts: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
            return {
                (kind, name): count
                for (kind, name), count in counts.items()
                if count and (kind in (LIVE, MEMBER) or (kind == DAY and name >= first_day(now)))
            }

        assert asked(taken_at(stream, now)) == asked(dict(expected))


async def live(store: Store, life: list[tuple[object, ...]]) -> None:
    lived = Life(store)
    for kind, *arguments in life:
        await getattr(lived, str(kind))(*arguments)
        await lived.is_as_noted()
    async for step in check(store):
        assert step.findings == ()
    await store.close()


OPEN: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: open_memory(),
    "sqlite": lambda directory: open_sqlite(directory / "store.db"),
}


@pytest.mark.parametrize("engine", OPEN)
def test_folding_at_any_moment_changes_nothing_that_is_asked_for(engine: str) -> None:
    @settings(max_examples={"memory": 200, "sqlite": 60}[engine], deadline=None)
    @given(steps)
    def lives(life: list[tuple[object, ...]]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            asyncio.run(live(OPEN[engine](Path(directory)), life))

    lives()
