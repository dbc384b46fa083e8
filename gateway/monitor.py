"""What is measured beside the requests: the event loop's lag, how old the backends' facts are, and
the minute in which uses of fields are written.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.bootstrap import Runtime
from gateway.metrics import Metrics
from gateway.telemetry import Telemetry
from gateway.usage import flushing
from resolvers.house import expected
from resolvers.publication_port import PublicationCounts

PROBE_SECONDS = 0.5
LOOK_SECONDS = 10.0
"""Pause between two looks at the backends' freshness: two small reads of the store."""

LOOK_MAX_SECONDS = 5.0
FAREWELL_SECONDS = 2.0
"""How long the last writing of uses may take when a process stops."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def watching(runtime: Runtime, telemetry: Telemetry) -> AsyncIterator[None]:
    """Measures until the block ends, then writes the last uses of fields."""
    metrics, stop = telemetry.metrics, asyncio.Event()
    runtime.engine.tell(metrics.batched)
    telemetry.tracing.export(metrics.registry)
    works = [probe(metrics), _look(runtime, metrics)]
    tasks = [asyncio.create_task(work, name="monitor") for work in works]
    last: asyncio.Task[None] | None = None
    if telemetry.usage is not None:
        writing = flushing(telemetry.usage, runtime.store.callers, stop)
        last = asyncio.create_task(writing, name="usage")
    try:
        yield
    finally:
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if last is not None:
            await asyncio.wait([last], timeout=FAREWELL_SECONDS)
            last.cancel()


async def probe(metrics: Metrics, pause_seconds: float = PROBE_SECONDS) -> None:
    """Sleeps again and again, and sees how much too late it wakes."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + pause_seconds
        await asyncio.sleep(pause_seconds)
        metrics.loop_lag.observe(max(0.0, loop.time() - due))


async def _look(runtime: Runtime, metrics: Metrics) -> None:
    while True:
        try:
            async with asyncio.timeout(LOOK_MAX_SECONDS):
                await look_at_backends(runtime, metrics)
        except Exception:  # what is not known now may be in ten seconds
            log.warning("how old the backends' facts are could not be read", exc_info=True)
        await asyncio.sleep(LOOK_SECONDS)


async def look_at_backends(runtime: Runtime, metrics: Metrics) -> None:
    """Shows how old what each backend said is, how many writes it waits for, and how many are
    given up.

    What was never read has no age: it is shown as failing.
    """
    now = runtime.clock()
    feeds = {feed.key: feed for feed in await runtime.store.house.feeds()}
    places = await runtime.store.catalog.locations()
    dead = await runtime.store.outbox.dead_counts()
    for code, backend in runtime.backends.items():
        ages: dict[str, float] = {}
        failing: dict[str, bool] = {}
        for entity, location in expected(backend, places):
            feed = feeds.get((code, entity, location))
            heard = None if feed is None else feed.observed_at
            bad = heard is None or bool(feed and feed.error)
            failing[entity] = failing.get(entity, False) or bad
            if heard is not None:
                age = max(0.0, (now - heard).total_seconds())
                ages[entity] = max(age, ages.get(entity, 0.0))
        for entity, age in ages.items():
            metrics.backend_lag.labels(code, entity).set(age)
        for entity, bad in failing.items():
            metrics.backend_failing.labels(code, entity).set(bad)
        pending = await runtime.store.outbox.pending_writes(code)
        metrics.backend_pending.labels(code).set(pending)
        metrics.backend_dead.labels(code).set(dead.get(code, 0))
    numbers = await runtime.store.publications.publication_counts()
    for code, backend in runtime.backends.items():
        if backend.publishes:
            known = numbers.get(code, PublicationCounts())
            metrics.backend_numbers.labels(code, "waiting").set(known.waiting)
            metrics.backend_numbers.labels(code, "failed").set(known.failed)
