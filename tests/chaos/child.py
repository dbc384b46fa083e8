"""A process of the house that works through commands and may die at any of them.

    python -m tests.chaos.child PLACE COMMANDS [POINT CROSSING]

Commands are those of ``mix``, a line each. It says on standard output that it is ready, with an
empty line, and begins when its standard input has a line or an end; what came of each command is
told there as soon as it is known, a line each. At the n-th crossing of a point (``before`` a batch,
``inside`` its transaction, ``after`` its commit and before anybody is answered) it kills itself.
"""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resolvers import orders, reservations, stock
from resolvers.context import Context
from resolvers.domain.errors import NotFound, Refused, Unready
from resolvers.domain.locations import Method
from resolvers.domain.orders import Delivery
from resolvers.domain.reservation import Line
from resolvers.placing import AskedPayment, PlaceOrder
from resolvers.ports import Store
from resolvers.stock import AdjustStock
from tests.chaos.mix import POP_UP, Told
from tests.support import CHANNEL, OPERATOR, Crossed, Shop, open_store

AT_ONCE = 8
TRIES_MAX = 10
"""Each takes up to ten seconds, and a database keeps what a killed process had begun for sixty."""


class Branch(Shop):
    """The same shop in another process: its ids are its own, its clock is everybody's."""

    def new_id(self) -> str:
        """An id that no other process makes."""
        return uuid.uuid4().hex


def wall_clock() -> datetime:
    """The time, as every process has it."""
    return datetime.now(UTC)


def branch(store: Store) -> Shop:
    """One process's shop over a store."""
    return Branch(store, clock=wall_clock)  # type: ignore[arg-type]  # any clock will do


async def done(ctx: Context, command: dict[str, Any], id: str) -> tuple[str, bool]:
    """Does one command on the thing of an id: the id of what it made or touched, and whether that
    was so before.
    """
    key, kind = command["key"], command["kind"]
    if kind == "hold":
        asked = reservations.ReserveStock(
            key,
            CHANNEL,
            _lines(command["lines"]),
            command.get("at"),
            Method(command["method"]) if command.get("method") else None,
            command.get("member"),
            command.get("ttl"),
        )
        held, replayed = await reservations.reserve_stock(ctx, asked)
        return held.reservation.id, replayed
    if kind == "extend":
        held, replayed = await reservations.extend_reservation(ctx, key, id, command["ttl"])
        return held.reservation.id, replayed
    if kind == "release":
        lines = _lines(command["lines"]) if command["lines"] else None
        held, replayed = await reservations.release_reservation(ctx, key, id, lines)
        return held.reservation.id, replayed
    if kind == "adjust":
        units = command["units"]
        reason = "RECEIPT" if units > 0 else "DAMAGE"
        adjusted = AdjustStock(key, command["sku"], POP_UP.code, reason, delta=units)
        _, replayed = await stock.adjust_stock(ctx, adjusted)
        return command["sku"], replayed
    if kind == "expire":
        await reservations.expire_due(ctx, 100)
        return "", False
    return await _ordered(ctx, command, id)


async def _ordered(ctx: Context, command: dict[str, Any], id: str) -> tuple[str, bool]:
    key, kind = command["key"], command["kind"]
    if kind == "order":
        asked = PlaceOrder(key, CHANNEL, Delivery(Method.SHIP), reservation_id=id)
        placed, replayed = await orders.place_order(ctx, asked)
    elif kind == "pay":
        order = await orders.order_by_id(ctx, id)
        assert order is not None
        payment = AskedPayment("CARD", order.total)
        placed, replayed = await orders.record_payment(ctx, key, id, payment)
    else:
        assert kind == "cancel"
        placed, replayed = await orders.cancel_order(ctx, key, id)
    return placed.id, replayed


def _lines(lines: dict[str, int]) -> tuple[Line, ...]:
    return tuple(Line(sku, units) for sku, units in lines.items())


async def work(
    shop: Shop,
    commands: Sequence[dict[str, Any]],
    tell: Callable[[Told], object],
    at_once: int = AT_ONCE,
) -> None:
    """Works through commands, some at once, and tells what came of each."""
    waiting = iter(commands)
    made = {command["key"]: asyncio.Future[str | None]() for command in commands}

    async def one(command: dict[str, Any]) -> Told:
        id = command.get("id") or (await made[command["of"]] if "of" in command else "")
        for _ in range(TRIES_MAX):
            try:
                if id is None:
                    raise NotFound("what it is about was not made")
                answer, replayed = await done(shop.context(OPERATOR), command, id)
            except Refused as refused:
                return {"refused": refused.code}
            except Unready:
                continue  # the same key again, as it is asked for
            return {"answer": answer, "replayed": replayed, "id": id}
        raise AssertionError(f"not answered in {TRIES_MAX} tries: {command}")

    async def go_on() -> None:
        for command in waiting:
            told = await one(command)
            made[command["key"]].set_result(told.get("answer"))
            tell({"key": command["key"], **told})

    await asyncio.gather(*(go_on() for _ in range(at_once)))


def main() -> None:
    """Runs the process."""
    place, file, *plan = sys.argv[1:]
    commands = [json.loads(line) for line in Path(file).read_text().splitlines()]
    left = int(plan[1]) if plan else 0

    def crossed(point: str) -> None:
        nonlocal left
        left -= bool(plan) and point == plan[0]
        if plan and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(told: Told) -> None:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    async def run() -> None:
        store = await open_store(place)
        mortal: Any = Crossed(store.stock, crossed)
        sys.stdout.write("\n")
        sys.stdout.flush()
        sys.stdin.readline()
        await work(branch(replace(store, stock=mortal)), commands, tell)
        await store.close()

    asyncio.run(run())


if __name__ == "__main__":
    main()
