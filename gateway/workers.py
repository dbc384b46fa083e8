"""The work behind the requests: following backends, telling them, tidying up, and waking watchers.

Of several processes on one store, one at a time does each piece of work, under a lease; the flows
themselves stand in ``resolvers``. A worker that fails is logged, waits, and goes on.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from gateway.bootstrap import Runtime
from gateway.follower import Follower
from gateway.publisher import Telling
from gateway.tokens import principal_of
from resolvers.access import Role
from resolvers.backend_ports import Backend
from resolvers.context import Context
from resolvers.copying import require_whole
from resolvers.domain.errors import CommerceError, Contended
from resolvers.domain.rules import StockRule
from resolvers.ports import Lease
from resolvers.publishing import is_published_to
from resolvers.reading import Memory, Progress, in_silence
from resolvers.relay import push_due
from resolvers.reservations import expire_due
from resolvers.ruling import conform_rules
from resolvers.sync import sync_backend, sync_entity
from resolvers.upkeep import KEYS_KEPT, compact

LEASE_SECONDS = 6.0
"""Shortest lease: how long work rests at most after its process was killed."""

TAKE_AGAIN_SECONDS = 0.5
ASK_AGAIN_SECONDS = 0.1
SYNC_WAIT_SECONDS = 60.0
"""How long a person waits for those who read a backend: a pass over a large one takes a while."""

FOLLOW_WAIT_SECONDS = 20.0
"""How long those who read a backend have to read it once more, before it is compared as it is."""

PUSH_PAUSE_SECONDS = 0.1
SWEEP_PAUSE_SECONDS = 1.0
SWEEP_MAX = 200
FAILED_PAUSE_MAX_SECONDS = 15.0
TRIM_EVERY = 60
"""Sweeps between two trims of old keys and events."""

FOLD_STEPS_MAX = 40
FOLDED_PER_STEP = 500
FOLD_PAUSE_SECONDS = 0.05
"""Folding after a trim: twenty thousand entries a minute, in steps that hold nobody up for long."""

EVENTS_KEPT = 10_000
TRIM_MAX = 5_000
TRIM_BITES_MAX = 200
AUDIT_TRIM_MAX = 1_000
"""Records of one bite: some fifteen microseconds each, as they go from two indexes, too."""

MESSAGES_TRIM_MAX = 1_000

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Turn:
    """One piece of work's lease, renewed behind it for as long as the work is at it.

    ``wish`` is the lease that somebody takes who asks for this one, "" if nobody may.
    """

    runtime: Runtime
    name: str
    owner: str
    seconds: float
    wish: str = ""
    lease: Lease | None = None
    keeper: asyncio.Task[None] | None = None

    async def renew(self) -> bool:
        """Takes or keeps the turn; False while somebody else has it."""
        house, now = self.runtime.store.house, self.runtime.clock()
        self.lease = await house.lease(self.name, self.owner, self.seconds, now)
        return self.lease is not None

    async def is_asked_for(self) -> bool:
        """Says whether somebody else waits for this turn."""
        house, now = self.runtime.store.house, self.runtime.clock()
        return bool(self.wish) and await house.lease(self.wish, self.owner, 0, now) is None

    def long_enough(self, call_seconds: float) -> Lease | None:
        """The lease, if it outlives one more call twice over."""
        if self.lease is None:
            return None
        left = (self.lease.until - self.runtime.clock()).total_seconds()
        return self.lease if left > 2 * call_seconds else None

    def keep(self) -> None:
        """Renews it from now on, well before it ends."""
        if self.keeper is None or self.keeper.done():
            self.keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self.seconds / 6)
            await self.renew()

    async def give_back(self) -> None:
        """Lets others have the turn at once."""
        if self.keeper is not None:
            self.keeper.cancel()
            await asyncio.gather(self.keeper, return_exceptions=True)
        lease, self.keeper, self.lease = self.lease, None, None
        if lease is not None:
            await self.runtime.store.house.release_lease(lease)


Work = Callable[[_Turn], Awaitable[float]]
"""Does what there is to do under a turn; the pause until the next time, in seconds."""

Rest = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    """What there is to stop for work that does nothing between two times."""


@asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[None]:
    """Runs every worker of this process until the block ends, then gives their turns back. Before
    anything else the rules of the configuration come into force.

    Raises:
        NotCopied: the store is a copy that is not finished.
    """
    await require_whole(runtime.store)
    await rule(runtime, runtime.settings.rules())
    owner = runtime.new_id()
    tasks = [asyncio.create_task(_tail(runtime), name="tail")]
    for backend in runtime.backends.values():
        tasks += _at(runtime, backend, owner)
    turn = _Turn(runtime, "sweep", owner, LEASE_SECONDS)
    tasks.append(asyncio.create_task(_in_turn(turn, _sweep(runtime)), name=turn.name))
    for task in tasks:
        task.add_done_callback(_told)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _at(runtime: Runtime, backend: Backend, owner: str) -> list[asyncio.Task[None]]:
    """The work at one backend: following it, and telling it what it is to be told."""
    code, follower = backend.code, Follower(runtime, backend)

    async def follow(_: _Turn) -> float:
        await follower.work()
        return 0.0

    turn = _Turn(runtime, f"sync:{code}", owner, LEASE_SECONDS, _asking(code))
    tasks = [asyncio.create_task(_in_turn(turn, follow, follower.rest), name=turn.name)]
    sinks = (backend.order_sink, backend.stock_sink, backend.return_sink, backend.transfer_sink)
    if any(sink is not None for sink in sinks):
        seconds = max(LEASE_SECONDS, backend.timeout_seconds * 3)
        turn = _Turn(runtime, f"push:{code}", owner, seconds)
        tasks.append(asyncio.create_task(_in_turn(turn, _tell(runtime, backend)), name=turn.name))
    if is_published_to(backend):
        tasks.append(_publishing(runtime, backend, owner))
    return tasks


def _publishing(runtime: Runtime, backend: Backend, owner: str) -> asyncio.Task[None]:
    """The work of telling one marketplace what it may sell."""
    telling = Telling(runtime, backend)
    seconds = max(LEASE_SECONDS, backend.timeout_seconds * 3)
    turn = _Turn(runtime, f"publish:{backend.code}", owner, seconds)

    async def publish(turn: _Turn) -> float:
        await telling.work(lambda: turn.long_enough(backend.timeout_seconds))
        return 0.0

    return asyncio.create_task(_in_turn(turn, publish, telling.rest), name=turn.name)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("worker %s ended", task.get_name(), exc_info=error)


async def _in_turn(turn: _Turn, work: Work, rest: Rest = _nothing) -> None:
    """Does some work again and again, whenever it is this process's turn, and rests before it is
    somebody else's.
    """
    failures = 0
    try:
        while True:
            try:
                if not await turn.renew():
                    await rest()
                    await asyncio.sleep(TAKE_AGAIN_SECONDS)
                    continue
                if await turn.is_asked_for():
                    await rest()
                    await turn.give_back()
                    await asyncio.sleep(TAKE_AGAIN_SECONDS)
                    continue
                turn.keep()
                pause = await work(turn)
                failures = 0
            except (CommerceError, OSError) as error:
                failures += 1
                log.warning("%s: %s", turn.name, error)
                pause = min(FAILED_PAUSE_MAX_SECONDS, TAKE_AGAIN_SECONDS * 2.0**failures)
            except Exception:
                failures += 1
                log.exception("%s failed in our own code", turn.name)
                pause = min(FAILED_PAUSE_MAX_SECONDS, TAKE_AGAIN_SECONDS * 2.0**failures)
            await asyncio.sleep(pause)
    finally:
        await rest()
        await turn.give_back()


async def _tail(runtime: Runtime) -> None:
    """Wakes this process's watchers, whatever happens to the store in between."""
    while True:
        try:
            await runtime.watch.tail()
        except Exception:
            log.exception("following the store's events failed; trying again")
            await asyncio.sleep(TAKE_AGAIN_SECONDS)


def _house(runtime: Runtime) -> Context:
    return runtime.context(principal_of(Role.ADMIN))


async def rule(runtime: Runtime, rules: Sequence[StockRule]) -> None:
    """Brings the rules of the configuration into force, and tells of those that cannot be."""
    for code in await conform_rules(_house(runtime), rules):
        log.warning(
            "stock rule %s of the configuration is not in force: somebody has set one of this "
            "code; remove that and start again, or rename the one in the file",
            code,
        )


def _tell(runtime: Runtime, backend: Backend) -> Work:
    async def work(turn: _Turn) -> float:
        tried = await push_due(
            _house(runtime), backend, lambda: turn.long_enough(backend.timeout_seconds)
        )
        return 0.0 if tried else PUSH_PAUSE_SECONDS

    return work


def _sweep(runtime: Runtime) -> Work:
    sweeps = 0

    async def work(_: _Turn) -> float:
        nonlocal sweeps
        sweeps += 1
        if sweeps % TRIM_EVERY == 1:
            await _trim(runtime)
            await _trim_audit(runtime)
            await _trim_messages(runtime)
            await _fold(runtime)
        expired = await expire_due(_house(runtime), SWEEP_MAX)
        return 0.0 if expired == SWEEP_MAX else SWEEP_PAUSE_SECONDS

    return work


async def _trim(runtime: Runtime) -> None:
    """Drops keys and events past their retention, in bites that hold nobody up for long."""
    before = runtime.clock() - KEYS_KEPT
    for _ in range(TRIM_BITES_MAX):
        if await runtime.store.house.trim(before, EVENTS_KEPT, TRIM_MAX) < TRIM_MAX:
            return


async def _trim_audit(runtime: Runtime) -> None:
    """Drops records of deeds past their days, in bites as small."""
    before = runtime.clock() - timedelta(days=runtime.settings.store.audit_days)
    for _ in range(TRIM_BITES_MAX):
        if await runtime.store.callers.trim_audit(before, AUDIT_TRIM_MAX) < AUDIT_TRIM_MAX:
            return
        await asyncio.sleep(FOLD_PAUSE_SECONDS)


async def _trim_messages(runtime: Runtime) -> None:
    """Drops messages that were done so long ago that nobody sends them again."""
    before = runtime.clock() - timedelta(days=runtime.terms.inbox.kept_days)
    for _ in range(TRIM_BITES_MAX):
        if await runtime.store.inbox.trim_messages(before, MESSAGES_TRIM_MAX) < MESSAGES_TRIM_MAX:
            return
        await asyncio.sleep(FOLD_PAUSE_SECONDS)


async def _fold(runtime: Runtime) -> None:
    """Folds entries past their retention, some steps at a time."""
    days, now = runtime.settings.store.history_days, runtime.clock()
    before = now - timedelta(days=days)
    async for _ in compact(runtime.store, before, now, FOLD_STEPS_MAX, FOLDED_PER_STEP):
        await asyncio.sleep(FOLD_PAUSE_SECONDS)


async def sync_once(
    runtime: Runtime,
    code: str,
    *,
    wait_seconds: float = SYNC_WAIT_SECONDS,
    told: Progress = in_silence,
) -> bool:
    """Reads one backend now, whole; says whether all of it could be read. Whoever else reads it
    gives way at once. ``told`` hears how far it is.

    Raises:
        NotCopied: the store is a copy that is not finished.
        Contended: somebody else reads the backend, and went on for ``wait_seconds``.
    """
    await require_whole(runtime.store)
    owner, until = runtime.new_id(), time.monotonic() + wait_seconds
    wish = _Turn(runtime, _asking(code), owner, LEASE_SECONDS)
    turn = _Turn(runtime, f"sync:{code}", owner, LEASE_SECONDS)
    busy = (
        f"another process reads {code} and has not given way for {wait_seconds:g} s; try again "
        "when its pass is over"
    )
    async with (
        _taken(wish, until, f"somebody else reads {code} by hand just now; try again after that"),
        _taken(turn, until, busy),
    ):
        backend = runtime.backends[code]
        return await sync_backend(_house(runtime), backend, Memory(), whole=True, told=told)


async def followed_once(
    runtime: Runtime, code: str, entity: str, *, wait_seconds: float = FOLLOW_WAIT_SECONDS
) -> None:
    """Returns when an entity of a backend was read once more from now: by whoever has that turn, or
    by us if nobody has; or when that took too long.
    """
    began, until = runtime.clock(), time.monotonic() + wait_seconds
    turn = _Turn(runtime, f"sync:{code}", runtime.new_id(), LEASE_SECONDS)
    while time.monotonic() < until:
        if await turn.renew():
            turn.keep()
            try:
                await sync_entity(_house(runtime), runtime.backends[code], entity, Memory())
            finally:
                await turn.give_back()
            return
        feeds = await runtime.store.house.feeds()
        heard = [it.observed_at for it in feeds if (it.backend, it.entity) == (code, entity)]
        if all(at is not None and at > began for at in heard):
            return
        await asyncio.sleep(ASK_AGAIN_SECONDS)


def _asking(code: str) -> str:
    """The lease of whoever asks those who read a backend for their turn."""
    return f"sync-now:{code}"


@asynccontextmanager
async def _taken(turn: _Turn, until: float, otherwise: str) -> AsyncIterator[None]:
    """Waits for a turn, and has it until the block ends.

    Raises:
        Contended: ``until``, of the monotonic clock, somebody else had it.
    """
    while not await turn.renew():
        if time.monotonic() >= until:
            raise Contended(otherwise)
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    turn.keep()
    try:
        yield
    finally:
        await turn.give_back()
