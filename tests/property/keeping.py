"""Where a state machine keeps its books: on paper, or in a store whose process ends.

A machine says what happens, by ``run``. On paper the books are a value that lives as long as the
machine. In a store every command is a keyed command of the engine; the store is closed and opened,
or left as a crash leaves it, with a command in flight, and what was answered must still be so.
"""

import asyncio
import tempfile
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from resolvers.domain import holds
from resolvers.domain.books import Books, Change, Key, Known, Scope
from resolvers.domain.errors import IdempotencyKeyReused, Refused
from resolvers.domain.feeds import FeedKey
from resolvers.domain.ledger import Account, Checkpoint, Drift, drifts, fold_on
from resolvers.domain.limits import DAY, MEMBER, first_day
from resolvers.domain.reservation import Status
from resolvers.domain.stock import Pin, StockEntry, Stream, fold, keyed
from resolvers.domain.values import utc
from resolvers.engine import Command, Outcome, StockEngine
from resolvers.ports import Store
from resolvers.upkeep import KEYS_KEPT, compact
from tests.support import POINTS, Crossed, open_store

T = TypeVar("T")

Decide = Callable[[Books], Change]


class OnPaper(RuleBasedStateMachine):
    """A machine that keeps its books by itself. ``skus`` are all that it has."""

    skus: tuple[str, ...] = ()
    feeds: frozenset[FeedKey] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.now = utc(2026, 3, 2, 12)
        self.known = Known(self.now)
        self.entries: list[StockEntry] = []
        self.ids: list[str] = []
        self.until: dict[str, datetime | None] = {}

    def id(self, kind: str) -> str:
        """An id that nobody has used."""
        self.ids.append(f"{kind}{len(self.ids) + 1}")
        return self.ids[-1]

    @abstractmethod
    def ended(self, id: str) -> None:
        """What the model forgets when a hold's time is over; each machine says it."""

    def books(self) -> Books:
        """Everything that is known, due holds given back."""
        everything = frozenset(self.skus)
        known = replace(self.known, at=self.now)
        return Books(known, Scope(everything, feeds=self.feeds, movable=everything))

    def stream(self, sku: str) -> Stream:
        return self.known.streams.get(sku) or Stream(sku)

    def pins_of(self, id: str) -> list[Pin]:
        return [
            pin
            for stream in self.known.streams.values()
            for pin in stream.pins.values()
            if pin.reservation == id
        ]

    def run(
        self, decide: Decide, sees: Scope | None = None, *, fact: bool = False
    ) -> Change | None:
        """Runs one command, of which ``sees`` is all that it may look at (None: every SKU); None if
        it was refused: then nothing but what was due has changed. A fact has no key.
        """
        books = self.books()
        before = (dict(books.reservations), dict(books.orders), books.rules)
        change: Change | None
        try:
            change = decide(books)
            books.post(change)
        except Refused:
            assert (books.reservations, books.orders, books.rules) == before
            change = None
        self.entries += books.batch().entries
        self.known = Known(
            self.now, books.streams, books.reservations, books.orders, {}, books.feeds, books.rules
        )
        self.forget_what_is_due()
        return change

    def wait(self, until: datetime) -> None:
        """Lets time pass."""
        self.now = until
        self.run(lambda _: Change())

    def forget_what_is_due(self) -> None:
        """Holds whose time is over are gone from the model, whoever has looked."""
        for id, until in list(self.until.items()):
            if until is not None and until <= self.now:
                del self.until[id]
                self.ended(id)

    def drifts(self) -> list[Drift]:
        """Where what is known is not what its entries come to."""
        for (sku, at), position in fold(self.entries).items():
            assert self.stream(sku).position(at) == position
        accounts = (
            Account(stream, fold_on(Checkpoint(sku), (e for e in self.entries if e.sku == sku)))
            for sku, stream in self.known.streams.items()
        )
        return [drift for account in accounts for drift in drifts(account)]

    @invariant()
    def everything_is_what_its_entries_and_pins_come_to(self) -> None:
        assert self.drifts() == []


class Died(Exception):
    """The process ended; whoever waited was told nothing."""


def promisable(stream: Stream, now: datetime) -> Stream:
    """Of a stream what a promise needs: of its pins those that are due, of its counts those of no
    member and no day long past.
    """
    recent = {
        (kind, name): units
        for (kind, name), units in stream.taken.items()
        if units and kind != MEMBER and (kind != DAY or name >= first_day(now))
    }
    due = {of: pin for of, pin in stream.pins.items() if pin.due(now)}
    return replace(stream, pins=due, taken=recent)


class InStore(OnPaper):
    """The same machine over a real store, with the lives and deaths of its process."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="machine-")
        self.dies_at: str | None = None
        self.dying = False
        self.told: dict[str, tuple[Command, str]] = {}
        self.applied: dict[str, tuple[StockEntry, ...]] = {}
        self.left_open: list[Callable[[], Awaitable[None]]] = []
        self.found: list[Drift] = []
        self.serials = count(1)
        self.open()

    async def opened(self) -> Store:
        """This machine's store, as it stands."""
        return await open_store(self.directory.name)

    def open(self) -> None:
        """A process begins."""
        self.runner = asyncio.Runner()
        self.store = self.soon(self.opened())
        self.engine = StockEngine(Crossed(self.store.stock, self.crossed), lambda: self.now)

    def crossed(self, point: str) -> None:
        if self.dying and point == self.dies_at:
            raise Died

    def soon(self, asked: Awaitable[T]) -> T:
        async def answer() -> T:
            return await asked

        return self.runner.run(answer())

    def teardown(self) -> None:
        for close in self.left_open:
            self.soon(close())
        self.close()
        self.directory.cleanup()

    def close(self) -> None:
        """A process ends as it should."""
        self.soon(self.store.close())
        self.runner.close()

    def crash(self) -> None:
        """A process ends as it should not: nothing is closed."""
        self.left_open.append(self.store.close)
        self.runner.close()

    # ---- how commands are run -----------------------------------------------------------------

    def run(
        self, decide: Decide, sees: Scope | None = None, *, fact: bool = False
    ) -> Change | None:
        """Runs one command through the engine; if the process dies, it is sent again."""
        decided: list[Change] = []

        def noted(books: Books) -> tuple[Change, str]:
            change = decide(books)
            decided[:] = [change]
            return change, _answer_of(change)

        key = None if fact else Key("me", "do", f"key-{next(self.serials)}")
        scope = Scope(frozenset(self.skus)) if sees is None else sees
        command = Command(key, "content", scope, noted)
        outcome = self.sent(command)
        self.look()
        self.forget_what_is_due()
        if outcome is None:
            return None
        assert outcome.answer == _answer_of(decided[0])
        if key is not None:
            self.told[key.id] = (command, outcome.answer)
            self.applied[key.id] = tuple(keyed(entry, key.id) for entry in decided[0].entries)
        return decided[0]

    def sent(self, command: Command) -> Outcome | None:
        if self.dies_at is not None:
            self.dying = True
            with pytest.raises(Died):
                self.soon(self.engine.run(command))
            self.crash()
            self.dies_at, self.dying = None, False
            self.open()
        try:
            return self.soon(self.engine.run(command))
        except Refused:
            return None

    def wait(self, until: datetime) -> None:
        """Lets time pass: nobody touches a stream, and what is due is so all the same."""
        self.now = until
        self.look()
        self.forget_what_is_due()

    def look(self) -> None:
        """Reads all that there is."""
        self.known = self.soon(self.seen())

    async def seen(self) -> Known:
        stock = self.store.stock
        accounts = await stock.accounts(self.skus)
        self.found = [drift for account in accounts.values() for drift in drifts(account)]
        promised = await stock.streams(self.skus, self.now)
        assert {sku: promisable(it, self.now) for sku, it in promised.items()} == {
            sku: promisable(account.stream, self.now)
            for sku, account in accounts.items()
            if account.stream.version
        }
        reservations = await stock.reservations(self.ids)
        orders = await stock.orders(self.ids)
        return Known(
            self.now,
            {sku: account.stream for sku, account in accounts.items()},
            {id: known for id, (known, _) in reservations.items()},
            dict(orders),
            {},
            {feed.key: feed for feed in await self.store.house.feeds()},
            await stock.rules(),
        )

    def drifts(self) -> list[Drift]:
        return self.found

    # ---- what happens to a process ------------------------------------------------------------

    @rule(how=st.sampled_from(["closed", "killed", "left for days"]))
    def the_process_ends_and_another_begins(self, how: str) -> None:
        """All is as it was, and every key answers as it did."""
        if how == "left for days":
            self.days_pass_and_old_entries_are_folded()
        self.look()
        before = self.known
        if how == "closed":
            self.close()
        else:
            self.crash()
        self.open()
        self.look()
        assert self.known == before
        self.every_key_answers_as_it_did()
        self.look()
        assert self.known == before

    @precondition(lambda self: self.dies_at is None)
    @rule(point=st.sampled_from(POINTS))
    def the_next_command_is_in_flight_when_the_process_dies(self, point: str) -> None:
        self.dies_at = point

    @precondition(lambda self: any(until and until <= self.now for until in self.untils))
    @rule()
    def sweep(self) -> None:
        """Holds whose time is over are written down as such; no answer changes."""
        for due in self.soon(self.store.stock.due_reservations(self.now, 100)):
            sees = Scope(
                frozenset(pin.sku for pin in self.pins_of(due.id)),
                frozenset([due.id]),
                frozenset([due.order_id] if due.order_id else []),
            )
            self.run(lambda books, id=due.id: holds.expire(books, id), sees, fact=True)  # type: ignore[misc]
        assert self.soon(self.store.stock.due_reservations(self.now, 100)) == []

    @property
    def untils(self) -> list[datetime | None]:
        """When the holds end that nobody has written down as ended."""
        held = (at for at in self.known.reservations.values() if at.status is Status.HELD)
        return [reservation.expires_at for reservation in held]

    def days_pass_and_old_entries_are_folded(self) -> None:
        """Keys that have not been dropped answer as they did, whatever was folded."""
        self.wait(self.now + KEYS_KEPT + timedelta(hours=1))
        self.soon(self.fold_old_entries())
        self.applied.clear()

    async def fold_old_entries(self) -> None:
        async for _ in compact(self.store, self.now - KEYS_KEPT, self.now):
            pass

    def every_key_answers_as_it_did(self) -> None:
        """With the same content, and never with another; and each was applied once."""
        commands = [
            replace(command, scope=Scope(), decide=_never) for command, _ in self.told.values()
        ]
        others = [replace(command, fingerprint="other content") for command in commands[-3:]]
        outcomes = self.soon(self.all_of([*commands, *others]))
        for (_, answer), outcome in zip(self.told.values(), outcomes, strict=False):
            assert outcome == Outcome(answer, replayed=True)
        for outcome in outcomes[len(commands) :]:
            assert isinstance(outcome, IdempotencyKeyReused)
        by_key: dict[str, list[StockEntry]] = {}
        for sku in self.skus:
            for entry in self.soon(self.store.stock.entries(sku)):
                if entry.key is not None:
                    by_key.setdefault(entry.key, []).append(entry)
        applied = {key: entries for key, entries in self.applied.items() if entries}
        assert by_key.keys() == applied.keys()
        for key, entries in applied.items():
            assert sorted(by_key[key], key=repr) == sorted(entries, key=repr)

    async def all_of(self, commands: Sequence[Command]) -> list[Outcome | BaseException]:
        return await asyncio.gather(
            *(self.engine.run(command) for command in commands), return_exceptions=True
        )


def _answer_of(change: Change) -> str:
    """The id of the first thing that a change made or touched."""
    made = [held.id for held in change.reservations] + [order.id for order in change.orders]
    return next(iter([*made, *(entry.cause for entry in change.entries)]), "nothing")


def _never(_: Books) -> tuple[Change, str]:
    raise AssertionError("a key that has answered is decided again")
