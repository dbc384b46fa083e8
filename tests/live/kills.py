"""Ends or freezes a process that tells a backend, at a named step, and brings others after it.

How to use it for a backend: write a function ``made(crossed, *args) -> Backend`` in a module that a
child process can import. It makes the backend with the roles that are written to and nothing else,
and calls ``crossed(SENT)`` whenever a request has been answered by the vendor and nobody here has
read that yet: ``Sent`` does so around an httpx transport. Short ``timeout_seconds`` and
``write_seconds_max`` make for short waits, as a lease lasts three times the one and a second try
waits for the other. Then, in a test::

    relay = Relays(data, "tests.live.test_x:made", ["its", "arguments"])
    await relay.post([sale_write(...)])
    relay.run(Step.NOTED)                    # killed there; asserts that it was
    relay.run(Step.SENT, count=4)            # killed after the fourth request
    relay.finish()                           # until nothing waits; `at_once=2` for two processes

and look at what the vendor has then. Nothing is patched: the store and the sinks of the child are
decorated, and the signals are real.
"""

import asyncio
import fcntl
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from gateway.bootstrap import STORE_FILE, assemble, place_in
from gateway.ids import wall_clock
from gateway.settings import Settings
from gateway.workers import running
from resolvers.backend_ports import Backend, OrderSink, StockSink, WriteResult
from resolvers.domain.books import Change
from resolvers.domain.outbox import Adjustment, Sale, Write
from resolvers.ports import Lease, OutboxStore
from tests.contract.shop import Shop

T = TypeVar("T")

CHILD_SECONDS = 120
"""Longest that one child may take to its step, or to the end: a lease and a settling are in it."""

KILL, FREEZE = "KILL", "FREEZE"


class Step(StrEnum):
    """Where a process may end. Before and after the try is noted, whenever the vendor has answered
    a request, after the call, and after its outcome is saved.
    """

    BEFORE_NOTING = "BEFORE_NOTING"
    NOTED = "NOTED"
    SENT = "SENT"
    CALLED = "CALLED"
    SAVED = "SAVED"


SENT = Step.SENT
Crossed = Callable[[Step], None]


class Sent(httpx2.AsyncBaseTransport):
    """Tells of every request that the vendor has answered, before anybody reads the answer."""

    def __init__(self, crossed: Crossed) -> None:
        self._crossed = crossed
        self._real = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends it on."""
        response = await self._real.handle_async_request(request)
        self._crossed(SENT)
        return response

    async def aclose(self) -> None:
        """Closes what it sends by."""
        await self._real.aclose()


class _Outbox:
    """A store's outbox that tells when a try is noted and when its outcome is saved."""

    def __init__(self, inner: OutboxStore, crossed: Crossed) -> None:
        self._inner = inner
        self._crossed = crossed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def save_write(self, write: Write, lease: Lease) -> bool:
        """Saves it."""
        starts = write.settle_until is not None and write.not_before is None
        if starts:
            self._crossed(Step.BEFORE_NOTING)
        saved = await self._inner.save_write(write, lease)
        self._crossed(Step.NOTED if starts else Step.SAVED)
        return saved


class _Sinks:
    """A backend's sinks, which tell when a call is over."""

    def __init__(self, orders: OrderSink | None, stock: StockSink | None, crossed: Crossed) -> None:
        self._orders, self._stock, self._crossed = orders, stock, crossed

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:
        """Places them."""
        assert self._orders is not None
        return await self._over(self._orders.place(sales, second_try=second_try))

    async def cancel(self, sale: Sale) -> WriteResult:
        """Cancels it."""
        assert self._orders is not None
        return await self._over(self._orders.cancel(sale))

    async def adjust(self, adjustment: Adjustment, *, second_try: bool) -> WriteResult:
        """Books it."""
        assert self._stock is not None
        return await self._over(self._stock.adjust(adjustment, second_try=second_try))

    async def _over(self, call: Awaitable[T]) -> T:
        result = await call
        self._crossed(Step.CALLED)
        return result


class Relays:
    """Processes that tell one backend what one store holds for it, one after another or at once."""

    def __init__(self, data: Path, factory: str, args: Sequence[str]) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self._command = [sys.executable, "-m", "tests.live.kills", str(data), factory, *args]

    async def post(self, writes: Sequence[Write]) -> None:
        """Keeps writes in the store, as an order's or a correction's command does."""
        store = place_in(self.data).open()
        try:
            await Shop(store).post(Change(writes=tuple(writes)))
        finally:
            await store.close()

    async def of_order(self, order: str) -> list[Write]:
        """The writes of one order as they stand."""
        store = place_in(self.data).open()
        try:
            return list((await store.outbox.writes_of([order])).get(order, ()))
        finally:
            await store.close()

    def start(self, step: Step | None = None, count: int = 1, how: str = KILL) -> subprocess.Popen:
        """A process on its way to a step, for the ``count``-th time; or to the end."""
        plan = {} if step is None else {"RELAY_PLAN": f"{how} {step} {count}"}
        return subprocess.Popen(self._command, env={**os.environ, **plan})

    def run(self, step: Step, count: int = 1) -> None:
        """Has a process killed at a step; it is an error if it comes to its end instead."""
        assert self.start(step, count).wait(CHILD_SECONDS) == -signal.SIGKILL, (step, count)

    def finish(self, at_once: int = 1) -> None:
        """Lets one process or several tell all that waits."""
        children = [self.start() for _ in range(at_once)]
        assert [child.wait(CHILD_SECONDS) for child in children] == [0] * at_once

    @staticmethod
    def until_frozen(child: subprocess.Popen) -> None:
        """Waits until a process has stopped itself."""
        until = time.monotonic() + CHILD_SECONDS
        while time.monotonic() < until:
            if _stands_still(child.pid):
                return
            time.sleep(0.05)
        raise AssertionError("it has not come to its step")


def _stand_still(lock: Path) -> None:
    """Stops this process while none of its threads has the store's file, as the others go on and
    would wait for it.

    The lock is taken, and given back by a helper that shares it once this process has stopped.
    """
    me = os.getpid()
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fork() == 0:
            while not _stands_still(me):  # else one that waits for the lock takes it on its way
                time.sleep(0.01)
            fcntl.flock(file, fcntl.LOCK_UN)
            os._exit(0)
        os.kill(me, signal.SIGSTOP)


def _stands_still(pid: int) -> bool:
    """Whether every thread of a process has stopped."""
    try:
        stats = [(at / "stat").read_text() for at in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
        return False
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def _crossing(plan: str, lock: Path) -> Crossed:
    how, step, count = plan.split()
    left = int(count)

    def crossed(at: Step) -> None:
        nonlocal left
        left -= at == step
        if left == 0:
            left = -1
            if how == FREEZE:
                _stand_still(lock)
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    return crossed


def _mortal(backend: Backend, crossed: Crossed) -> Backend:
    sinks: Any = _Sinks(backend.order_sink, backend.stock_sink, crossed)
    return replace(
        backend,
        order_sink=backend.order_sink and sinks,
        stock_sink=backend.stock_sink and sinks,
    )


async def _tell(data: Path, made: Callable[..., Backend], args: Sequence[str]) -> None:
    crossed: Crossed = lambda _: None  # noqa: E731
    if plan := os.environ.get("RELAY_PLAN"):
        crossed = _crossing(plan, data / f"{STORE_FILE}.lock")
    backend = _mortal(made(crossed, *args), crossed)
    runtime = assemble(Settings(), data, [backend], (), wall_clock)
    outbox: Any = _Outbox(runtime.store.outbox, crossed)
    runtime = replace(runtime, store=replace(runtime.store, outbox=outbox))
    async with running(runtime):
        until = time.monotonic() + CHILD_SECONDS
        while await outbox.pending_writes(backend.code):
            assert time.monotonic() < until, "something still waits"
            await asyncio.sleep(0.05)
    await runtime.close()


def main() -> None:
    """Runs a child."""
    data, factory, *args = sys.argv[1:]
    module, _, name = factory.partition(":")
    asyncio.run(_tell(Path(data), getattr(importlib.import_module(module), name), args))


if __name__ == "__main__":
    main()
