"""The stock engine's patience: nobody waits for ever, who waited too long costs nothing (S4)."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar

import pytest

from resolvers.domain.books import Batch, Books, Change, Key, Known, Scope
from resolvers.domain.errors import Contended
from resolvers.engine import GATHER_SECONDS, QUIET_TURNS, Command, Outcome, StockEngine
from resolvers.ports import Clock
from tests.contract.shop import NOON

at_hand: ContextVar[str] = ContextVar("at_hand", default="none")


class Slow:
    """A store of no stock, which decides when it is let go, and counts its batches."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.batches = 0
        self.heard: list[str] = []

    async def transact(
        self, _: Scope, __: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        self.heard.append(at_hand.get())
        self.batches += 1
        self.begun.set()
        await self.go.wait()
        return decide(Known(clock()))


class Patience:
    """An engine over a slow store, by a timer that is moved by hand."""

    def __init__(self, wait_seconds: float = 10.0) -> None:
        self.passed = 0.0
        self.store = Slow()
        self.engine = StockEngine(
            self.store,  # type: ignore[arg-type]  # by shape
            lambda: NOON,
            wait_seconds=wait_seconds,
            timer=lambda: self.passed,
        )

    def send(self, name: str) -> "asyncio.Task[str]":
        """A command that changes nothing and is answered with its name."""

        async def asked() -> str:
            command = Command(None, "", Scope(), nothing(name))
            return (await self.engine.run(command)).answer

        return asyncio.create_task(asked())


def nothing(name: str) -> Callable[[Books], tuple[Change, str]]:
    return lambda _: (Change(), name)


async def test_who_wakes_it_is_not_who_it_works_for() -> None:
    house = Patience()
    house.store.go.set()
    at_hand.set("first request")

    assert await house.send("first") == "first"

    assert house.store.heard == ["none"]


async def some_turns(many: int) -> None:
    for _ in range(many):
        await asyncio.sleep(0)


async def test_commands_that_come_a_turn_apart_are_one_batch() -> None:
    house = Patience()
    house.store.go.set()
    sizes: list[int] = []
    house.engine.tell(lambda commands, waited, seconds: sizes.append(commands))

    sent = []
    for at in range(6):
        sent.append(house.send(f"command {at}"))
        await some_turns(QUIET_TURNS - 1)
    await asyncio.gather(*sent)
    sent = [house.send("early")]
    await some_turns(QUIET_TURNS + 3)
    sent.append(house.send("late"))
    await asyncio.gather(*sent)

    assert sizes == [6, 1, 1]


async def test_a_batch_begins_in_time_though_commands_keep_coming() -> None:
    house = Patience()

    sent = []
    while not house.store.begun.is_set():
        sent.append(house.send("one more"))
        house.passed += GATHER_SECONDS / 10
        await asyncio.sleep(0)
    house.store.go.set()
    await asyncio.gather(*sent)

    assert 10 <= len(sent) <= 15


async def test_who_waited_too_long_is_told_so_and_the_store_is_not_asked():
    house = Patience()
    first = house.send("first")
    await house.store.begun.wait()
    late = house.send("late")
    await asyncio.sleep(0)

    house.passed = 10.5
    house.store.go.set()

    with pytest.raises(Contended, match="waited too long and nothing changed"):
        await late
    with pytest.raises(Contended, match="waited too long and nothing changed"):
        await first  # decided in time or not at all
    assert house.store.batches == 1


async def test_who_waited_just_long_enough_is_decided():
    house = Patience()
    first = house.send("first")
    await house.store.begun.wait()
    second = house.send("second")
    await asyncio.sleep(0)

    house.passed = 10.0
    house.store.go.set()

    assert (await first, await second) == ("first", "second")
    assert house.store.batches == 2


async def test_nobody_waits_for_a_store_that_does_not_finish():
    house = Patience(wait_seconds=0.01)
    asked = house.send("asked")

    with pytest.raises(Contended, match="it is not known whether it was done"):
        await asked
    house.store.go.set()


async def test_a_batch_tells_its_commands_their_wait_and_the_stores_time():
    house = Patience()
    told: list[tuple[int, float, float]] = []
    house.engine.tell(lambda *batch: told.append(batch))

    first = house.send("first")
    await house.store.begun.wait()
    others = [house.send("second"), house.send("third")]
    await asyncio.sleep(0)
    house.passed = 3.0
    house.store.go.set()
    await asyncio.gather(first, *others)

    assert told == [(1, 0.0, 3.0), (2, 3.0, 0.0)]


class Torn:
    """A store in which what is said of a SKU cannot be read, or nothing at all."""

    def __init__(self, error: Exception, *skus: str) -> None:
        self.error = error
        self.skus = frozenset(skus)
        self.asked: list[frozenset[str]] = []

    async def transact(
        self, scope: Scope, _: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        self.asked.append(scope.skus)
        if self.skus & scope.skus:
            raise self.error
        return decide(Known(clock()))

    async def answers(self, *skus: str) -> list[str]:
        """What commands about SKUs are told that come together."""
        engine = StockEngine(self, lambda: NOON)  # type: ignore[arg-type]  # by shape
        commands = [Command(None, "", Scope(frozenset([sku])), nothing(sku)) for sku in skus]
        told = await asyncio.gather(*map(engine.run, commands), return_exceptions=True)
        return [it.answer if isinstance(it, Outcome) else repr(it) for it in told]


async def test_a_record_that_cannot_be_read_costs_only_who_asks_for_it():
    store = Torn(ValueError("cannot be read"), "B")

    assert await store.answers("A", "B", "C") == ["A", "ValueError('cannot be read')", "C"]
    assert store.asked == [frozenset("ABC"), frozenset("A"), frozenset("B"), frozenset("C")]


async def test_a_store_that_is_away_is_not_asked_again_for_each_who_waits():
    store = Torn(OSError("away"), "B")

    assert await store.answers("A", "B") == ["OSError('away')"] * 2
    assert store.asked == [frozenset("AB")]
