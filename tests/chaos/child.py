"""A process of the house that works through commands and may die at any of them.

    python -m tests.chaos.child STORE COMMANDS [POINT CROSSING]

Commands are JSON, a line each; what came of each is told on standard output, a line each, as soon
as it is known. At the n-th crossing of a point (``before`` a batch, ``inside`` its transaction,
``after`` its commit and before anybody is answered) it kills itself.
"""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.stores.sqlite.engine import open_sqlite
from resolvers import orders, reservations, stock
from resolvers.context import Context
from resolvers.domain.books import Batch, Key, Known, Scope
from resolvers.domain.errors import Refused
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery
from resolvers.domain.reservation import Line
from resolvers.placing import PlaceOrder
from resolvers.ports import Clock, StockStore, Store
from resolvers.stock import AdjustStock
from tests.support import CHANNEL, OPERATOR, Shop

AT_ONCE = 8
POINTS = ("before", "inside", "after")


class Mortal:
    """A stock store whose process ends at the n-th crossing of a point."""

    def __init__(self, behind: StockStore, point: str, crossing: int) -> None:
        self._behind = behind
        self._point = point
        self._left = crossing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    async def transact(
        self, scope: Scope, keys: Sequence[Key], clock: Clock, decide: Callable[[Known], Batch]
    ) -> Batch:
        """One batch, unless it is the last moment of this process."""

        def decided(known: Known) -> Batch:
            batch = decide(known)
            self._cross("inside")
            return batch

        self._cross("before")
        batch = await self._behind.transact(scope, keys, clock, decided)
        self._cross("after")
        return batch

    def _cross(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Branch(Shop):
    """The same shop in another process: its ids are its own, its clock is everybody's."""

    def new_id(self) -> str:
        """An id that no other process makes."""
        return uuid.uuid4().hex


def wall_clock() -> datetime:
    """The time, as every process has it."""
    return datetime.now(UTC)


async def done(ctx: Context, command: dict[str, Any]) -> tuple[str, bool]:
    """Does one command: the id of what it made or touched, and whether that was so before."""
    key = command["key"]
    if command["kind"] == "hold":
        lines = tuple(Line(sku, units) for sku, units in command["lines"].items())
        asked = reservations.ReserveStock(key, CHANNEL, lines, command.get("at"))
        held, replayed = await reservations.reserve_stock(ctx, asked)
        return held.reservation.id, replayed
    if command["kind"] == "release":
        held, replayed = await reservations.release_reservation(ctx, key, command["id"])
        return held.reservation.id, replayed
    if command["kind"] == "order":
        delivery = Delivery(Method.SHIP)
        placed, replayed = await orders.place_order(
            ctx, PlaceOrder(key, CHANNEL, delivery, reservation_id=command["id"])
        )
        return placed.id, replayed
    assert command["kind"] == "receive"
    adjusted = AdjustStock(key, command["sku"], "PU-01", "RECEIPT", delta=command["units"])
    _, replayed = await stock.adjust_stock(ctx, adjusted)
    return command["sku"], replayed


async def work(store: Store, commands: Sequence[dict[str, Any]]) -> None:
    """Works through commands, some at once, and tells what came of each."""
    shop = Branch(store, clock=wall_clock)  # type: ignore[arg-type]  # any clock will do
    waiting = iter(commands)

    async def go_on() -> None:
        for command in waiting:
            try:
                answer, replayed = await done(shop.context(OPERATOR), command)
                told = {"key": command["key"], "answer": answer, "replayed": replayed}
            except Refused as refused:
                told = {"key": command["key"], "refused": refused.code}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


def main() -> None:
    """Runs the process."""
    path, file, *plan = sys.argv[1:]
    commands = [json.loads(line) for line in Path(file).read_text().splitlines()]
    store = open_sqlite(Path(path))
    if plan:
        stock_store: Any = Mortal(store.stock, plan[0], int(plan[1]))
        store = Store(
            stock_store, store.outbox, store.catalog, store.house, store.upkeep, store.close
        )

    async def run() -> None:
        await work(store, commands)
        await store.close()

    asyncio.run(run())


if __name__ == "__main__":
    main()
