"""Whatever becomes of calls, a backend has each sale and each correction once (O6, G4, S5).

The model is a naive backend of each kind: it does what it is told, or not, or later, and answers or
not; one that knows keys, one that can be asked, and one that does neither. The process may die in
any call. People say the truth about what nobody else knows.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.stores.memory.engine import open_memory
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe, Role, WriteResult
from resolvers.dead_letters import replay_outbox, rule_on
from resolvers.domain.books import Change
from resolvers.domain.errors import BackendRefused, BackendUnavailable, UnknownOutcome
from resolvers.domain.outbox import (
    Adjustment,
    DeathKind,
    Sale,
    SaleLine,
    Verdict,
    Write,
    WriteAction,
    WriteStatus,
)
from resolvers.domain.values import Money, utc
from resolvers.relay import push_due, reference_of
from tests.contract.shop import Shop as Books
from tests.support import OPERATOR, Shop

NOON = utc(2026, 3, 2, 12)
RUNNING = timedelta(seconds=30)
ROUNDS_MAX = 60


class Fate(Enum):
    """What becomes of a call."""

    DONE = auto()
    ANSWER_LOST = auto()
    LATE = auto()
    NEVER_CAME = auto()
    UNREACHABLE = auto()
    REFUSED = auto()
    KILLED_BEFORE = auto()
    KILLED_AFTER = auto()


class Killed(BaseException):
    """The process has died."""


@dataclass(slots=True)
class Model:
    """The backend: what it made, how often, and what is still on its way through it."""

    kind: Idempotency
    fates: list[Fate] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    canceled: set[str] = field(default_factory=set)
    late: list[tuple[datetime, str]] = field(default_factory=list)
    now: datetime = NOON

    async def probe(self) -> Probe:
        return Probe(good=True, detail="")

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:
        return [self._told(sale.reference, "made", second_try=second_try) for sale in sales]

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult:
        return self._told(adjustment.reference, "made", second_try=second_try)

    async def cancel(self, sale: Sale) -> WriteResult:
        return self._told(sale.reference, "canceled", second_try=False)

    def arrive(self) -> None:
        """What was on its way until now has come."""
        for at, reference in list(self.late):
            if at <= self.now:
                self.late.remove((at, reference))
                self._do(reference, "made")

    def _told(self, reference: str, what: str, *, second_try: bool) -> WriteResult:
        fate = self.fates.pop() if self.fates else Fate.DONE
        if fate is Fate.UNREACHABLE:
            raise BackendUnavailable("not there", backend="erp")
        if fate is Fate.REFUSED:
            raise BackendRefused("no", backend="erp", kind="INVALID")
        if fate is Fate.KILLED_BEFORE:
            raise Killed
        if fate is Fate.NEVER_CAME:
            raise UnknownOutcome("lost on its way there", backend="erp")
        known = self.kind is Idempotency.NATIVE_KEY and reference in self.made
        found = second_try and self.kind is not Idempotency.NONE and reference in self.made
        if fate is Fate.LATE and what == "made" and not (known or found):
            self.late.append((self.now + RUNNING, reference))
            raise UnknownOutcome("too slow", backend="erp")
        if what == "canceled" or not (known or found):
            self._do(reference, what)
        if fate is Fate.KILLED_AFTER:
            raise Killed
        if fate is not Fate.DONE:
            raise UnknownOutcome("the answer was lost", backend="erp")
        return WriteResult(reference, f"X-{reference}")

    def _do(self, reference: str, what: str) -> None:
        if what == "canceled":
            if reference in self.made:
                self.canceled.add(reference)
        elif not (self.kind is Idempotency.NATIVE_KEY and reference in self.made):
            self.made[reference] += 1


class World:
    """A house that tells the model, and the people around both."""

    def __init__(self, kind: Idempotency) -> None:
        self.model = Model(kind)
        self.shop = Shop(open_memory(), clock=lambda: self.model.now)  # type: ignore[arg-type]
        self.books = Books(self.shop.store)
        sink: Any = self.model
        self.backend = Backend(
            "erp",
            "model",
            Capabilities(
                (Role.ORDER_SINK, Role.STOCK_SINK),
                kind,
                cancels=True,
                write_seconds_max=RUNNING.total_seconds(),
            ),
            sink,
            order_sink=sink,
            stock_sink=sink,
        )
        self.shop.backends = {"erp": self.backend}
        self.told: list[Write] = []
        self.keys = 0

    async def post(self, write: Write) -> None:
        if all(write.id != other.id for other in self.told):
            self.told.append(write)
            await self.books.post(Change(writes=(write,)))

    async def push(self) -> int:
        lease = await self.shop.store.house.lease("push:erp", "one", 60, self.model.now)
        try:
            return await push_due(self.shop.context(OPERATOR), self.backend, lambda: lease)
        except Killed:
            return 1

    def wait(self, seconds: float) -> None:
        self.model.now += timedelta(seconds=seconds)
        self.model.arrive()

    async def people_act(self) -> None:
        """They say what they see at the backend, and have all else tried again."""
        ctx = self.shop.context(OPERATOR)
        for write in await self.shop.store.outbox.dead_writes(None, 0, 99):
            if write.death is DeathKind.UNKNOWN_OUTCOME:
                self.keys += 1
                where = self.model.canceled if "CANCEL" in write.id else self.model.made
                there = reference_of(write) in where
                verdict = Verdict.THERE if there else Verdict.SEND_AGAIN
                await rule_on(ctx, f"k{self.keys}", write.id, verdict, None)
        self.keys += 1
        await replay_outbox(ctx, f"k{self.keys}", "erp", None)

    async def heal(self) -> None:
        """Everything is well from now on, until nothing waits."""
        self.model.fates.clear()
        for _ in range(ROUNDS_MAX):
            self.wait(60)
            await self.people_act()
            for _ in range(ROUNDS_MAX):
                if not await self.push():
                    break
            dead = await self.shop.store.outbox.dead_counts()
            if not dead and not await self.shop.store.outbox.pending_writes("erp"):
                return
        raise AssertionError("something waits for ever")

    async def check(self) -> None:
        for write in self.told:
            reference = reference_of(write)
            kept = await self.shop.store.outbox.write(write.id)
            assert kept is not None
            assert kept.status is WriteStatus.DONE
            if write.action is WriteAction.ADJUST_STOCK:
                assert self.model.made[reference] == 1
            elif any(reference_of(it) == reference and "CANCEL" in it.id for it in self.told):
                assert self.model.made[reference] <= 1
                assert self.model.made[reference] == 0 or reference in self.model.canceled
                if not kept.attempts and write.action is WriteAction.PLACE_SALE:
                    assert kept.let_go, "it was canceled before it was sent"
            else:
                assert self.model.made[reference] == 1


def sale_write(number: int, action: WriteAction) -> Write:
    sale = Sale(f"N{number}", "WH", NOON, (SaleLine("A", 1, Money(1000, "CNY")),))
    id = f"{number}/{action}"
    return Write(id, "erp", action, str(number), NOON, sale=sale, order_id=str(number))


def correction(number: int) -> Write:
    told = Adjustment(f"adj{number}", "A", "WH", 1, "found")
    return Write(told.reference, "erp", WriteAction.ADJUST_STOCK, "A@WH", NOON, adjustment=told)


NUMBERS = st.integers(0, 1)
PUSH = st.tuples(st.just("push"), st.sampled_from(Fate))
WAIT = st.tuples(st.just("wait"), st.sampled_from([10, 10, 40, 400_000]))
STEPS = st.one_of(
    st.tuples(st.sampled_from(["place", "cancel", "correct"]), NUMBERS),
    PUSH,
    WAIT,
    st.tuples(st.just("people"), st.just(0)),
)
LATE_AND_SENT_AGAIN = [("place", 0), ("push", Fate.LATE), ("wait", 10), ("push", Fate.DONE)]
FORGOTTEN = [
    ("place", 0),
    ("push", Fate.ANSWER_LOST),
    ("wait", 40),
    ("push", Fate.UNREACHABLE),
    ("cancel", 0),
    ("wait", 10),
]
CANCELED_IN_DOUBT = [
    ("place", 0),
    ("push", Fate.ANSWER_LOST),
    ("wait", 40),
    ("push", Fate.DONE),
    ("cancel", 0),
    ("push", Fate.NEVER_CAME),
]
REFUSED_IN_DOUBT = [
    ("place", 0),
    ("push", Fate.ANSWER_LOST),
    ("wait", 40),
    ("push", Fate.REFUSED),
    ("cancel", 0),
]
"""Stories in which a rule left out shows at once."""


async def play(kind: Idempotency, steps: Sequence[tuple[str, Any]]) -> None:
    world = World(kind)
    for step, about in steps:
        if step == "place":
            await world.post(sale_write(about, WriteAction.PLACE_SALE))
        elif step == "cancel" and f"{about}/PLACE_SALE" in [it.id for it in world.told]:
            await world.post(sale_write(about, WriteAction.CANCEL_SALE))
        elif step == "correct":
            await world.post(correction(about))
        elif step == "push":
            world.model.fates = [about]
            await world.push()
        elif step == "wait":
            world.wait(about)
        elif step == "people":
            await world.people_act()
        assert all(count <= 1 for count in world.model.made.values())
    await world.heal()
    await world.check()


@pytest.mark.parametrize("kind", list(Idempotency))
@settings(max_examples=300, deadline=None)
@example(steps=LATE_AND_SENT_AGAIN)
@example(steps=FORGOTTEN)
@example(steps=CANCELED_IN_DOUBT)
@example(steps=REFUSED_IN_DOUBT)
@given(steps=st.lists(STEPS, max_size=30))
def test_each_is_there_once_whatever_happens_to_the_calls(
    kind: Idempotency, steps: list[tuple[str, Any]]
) -> None:
    asyncio.run(play(kind, steps))
