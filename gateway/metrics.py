"""The counters and gauges of one app, for Prometheus; ``docs/observability.md`` explains each.

Every label has a bounded set of values: our own words, the backends of the configuration, and of
clients' words only names of operations, of which there is room for a hundred.
"""

import platform
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

DISTRIBUTION = "unified-commerce-gateway"

NAMES_MAX = 100
"""Most names of operations that are counted apart."""

CODES_MAX = 100
"""Most codes of errors that are counted apart; there are a third as many."""

OTHER = "other"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_FEW = (0.005, 0.025, 0.1, 0.5, 2.5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Crowded(Protocol):
    """How many operations are under way."""

    @property
    def under_way(self) -> int:
        """So many."""


class Names:
    """Words that become the values of a label: those given, and the first others, up to a bound."""

    def __init__(self, given: Collection[str], most: int) -> None:
        self._known = set(sorted(given)[:most])
        self._most = most

    def label(self, name: str, *, may_enter: bool) -> str:
        """The word itself if it is counted apart or may still be, else ``other``."""
        if name in self._known:
            return name
        if may_enter and name and len(self._known) < self._most:
            self._known.add(name)
            return name
        return OTHER


class Metrics:
    """One app's, in a registry of their own.

    ``queue`` tells how many commands wait for the stock engine; ``operations`` are the names of
    operations that are counted by name whoever sends them; ``lost`` tells how many records of deeds
    could not be kept.
    """

    def __init__(
        self,
        queue: Callable[[], int],
        operations: Collection[str] = (),
        lost: Callable[[], int] = lambda: 0,
    ) -> None:
        self.registry = CollectorRegistry()
        self._names = Names(operations, NAMES_MAX)
        self._codes = Names((), CODES_MAX)
        self._of_operations()
        self._of_connections()
        self._of_the_engine(queue)
        self._gauge(
            "gateway_audit_lost",
            "Records of what callers did that were lost since the start; 0 in a sound house.",
        ).set_function(lost)
        self._of_backends()
        self._of_the_process()
        # The library looks a labeled one up under a lock each time; ours are few.
        self._of_kind = lru_cache(64)(self.operations.labels)
        self._seconds_of = lru_cache(64)(self.seconds.labels)
        self._named_of = lru_cache(512)(self.named.labels)

    def _of_operations(self) -> None:
        self.operations = self._counter(
            "gateway_operations",
            "GraphQL operations that ended, by type and by result: ok, errors (some fields failed) "
            "or refused (nothing ran).",
            "type",
            "result",
        )
        self.errors = self._counter(
            "gateway_errors", "Top-level errors that were answered, by code.", "code"
        )
        self.seconds = self._histogram(
            "gateway_operation_seconds",
            "Time from taking in a query or mutation to its answer.",
            _BUCKETS,
            "type",
        )
        self.named = self._histogram(
            "gateway_named_operation_seconds",
            "The same by the operation's name and its result; a name without a place is other.",
            _FEW,
            "operation",
            "result",
        )
        self.under_way = self._gauge(
            "gateway_operations_under_way", "Queries and mutations that are under way."
        )

    def _of_connections(self) -> None:
        self.sockets = self._gauge("gateway_open_sockets", "WebSocket connections that are open.")
        self.streams = self._gauge("gateway_open_streams", "Streams of events that are open.")
        self.subscriptions = self._gauge(
            "gateway_open_subscriptions", "Subscriptions that are under way on either."
        )

    def _of_the_engine(self, queue: Callable[[], int]) -> None:
        self._gauge("gateway_stock_queue", "Commands that wait for the stock engine.").set_function(
            queue
        )
        self.batch_size = self._histogram(
            "gateway_stock_batch_commands", "Commands that one batch of stock decided.", _SIZES
        )
        self.batch_seconds = self._histogram(
            "gateway_stock_batch_seconds",
            "Time that the store was at one batch of stock, from reading to durable.",
            _BUCKETS,
        )
        self.batch_waited = self._histogram(
            "gateway_stock_wait_seconds",
            "Time that the first command of a batch had waited when the batch began.",
            _BUCKETS,
        )

    def _of_backends(self) -> None:
        self.messages = self._counter(
            "gateway_webhooks",
            "Messages that backends have sent, by backend and result: kept, refused (not theirs, "
            "or no message) or later (no room; to be sent again).",
            "backend",
            "result",
        )
        self.backend_seconds = self._histogram(
            "gateway_backend_call_seconds",
            "Time of one call to a backend, or of one page, by role and by result: ok or failed.",
            _BUCKETS,
            "backend",
            "call",
            "result",
        )
        self.backend_lag = self._gauge(
            "gateway_backend_lag_seconds",
            "Age of what is known of an entity of a backend; the eldest of its locations counts.",
            "backend",
            "entity",
        )
        self.backend_failing = self._gauge(
            "gateway_backend_failing",
            "1 while the last reading of an entity failed.",
            "backend",
            "entity",
        )
        self.backend_pending = self._gauge(
            "gateway_backend_pending_writes",
            "Writes that a backend is still to be told.",
            "backend",
        )
        self.backend_numbers = self._gauge(
            "gateway_backend_open_publications",
            "Listings whose number a marketplace does not have yet, by state: waiting or failed.",
            "backend",
            "state",
        )
        self.backend_dead = self._gauge(
            "gateway_backend_dead_letters",
            "Writes to a backend that are given up and wait for a person.",
            "backend",
        )

    def _of_the_process(self) -> None:
        self.loop_lag = self._histogram(
            "gateway_loop_lag_seconds",
            "How much later than asked for the event loop woke a probe, twice a second.",
            _BUCKETS,
        )
        self.spans_dropped = self._gauge(
            "gateway_dropped_spans", "Spans that were dropped because the collector was too slow."
        )
        self.uses_waiting = self._gauge(
            "gateway_unwritten_uses", "Counts of used fields that are not in the store yet."
        )
        self._gauge(
            "gateway_build_info", "1; its labels say which build runs.", "version", "python"
        ).labels(version(DISTRIBUTION), platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, doc: str, *labels: str) -> Counter:
        return Counter(name, doc, labels, registry=self.registry)

    def _gauge(self, name: str, doc: str, *labels: str) -> Gauge:
        return Gauge(name, doc, labels, registry=self.registry)

    def _histogram(self, name: str, doc: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, doc, labels, buckets=buckets, registry=self.registry)

    # ---- what is told --------------------------------------------------------------------------

    def crowded(self, crowd: Crowded) -> None:
        """Shows from now on how many operations are under way."""
        self.under_way.set_function(lambda: crowd.under_way)

    def ended(
        self,
        kind: str,
        result: str,
        codes: Sequence[str],
        seconds: float | None,
        *,
        name: str = "",
        trusted: bool = False,
    ) -> None:
        """Counts an operation; ``seconds`` is None where its time says nothing. ``trusted`` says
        that its caller may bring a new name in.
        """
        self._of_kind(kind, result).inc()
        for code in codes:
            self.errors.labels(self._codes.label(code, may_enter=True)).inc()
        if seconds is not None:
            self._seconds_of(kind).observe(seconds)
            label = self._names.label(name, may_enter=trusted and result != "refused")
            self._named_of(label, result).observe(seconds)

    def batched(self, commands: int, waited: float, seconds: float) -> None:
        """Counts one batch of the stock engine."""
        self.batch_size.observe(commands)
        self.batch_waited.observe(waited)
        self.batch_seconds.observe(seconds)
