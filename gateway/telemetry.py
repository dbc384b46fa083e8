"""What a process tells about its work: log lines as JSON, and counters for Prometheus.

Neither ever holds a token, a document, a variable, a phone number or a mail address. What is told
of an operation is its kind, its result, its codes and its time.
"""

import logging
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.typing import BindableLogger, Processor

DISTRIBUTION = "unified-commerce-gateway"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_QUIET = ("uvicorn", "uvicorn.error", "websockets", "asyncio", "httpx2", "httpcore2")
"""Libraries that are heard only when something is wrong: their lines hold whole request paths."""


class Metrics:
    """The counters of one app, in a registry of their own.

    ``queue`` tells how many commands wait for the stock engine, ``lost`` how many records of deeds
    could not be kept.
    """

    def __init__(self, queue: Callable[[], int], lost: Callable[[], int] = lambda: 0) -> None:
        self.registry = CollectorRegistry()
        self.operations = Counter(
            "gateway_operations",
            "GraphQL operations that ended, by type and by result: ok, errors (some fields failed) "
            "or refused (nothing ran).",
            ["type", "result"],
            registry=self.registry,
        )
        self.errors = Counter(
            "gateway_errors",
            "Top-level errors that were answered, by code.",
            ["code"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "gateway_operation_seconds",
            "Time from taking in a query or mutation to its answer.",
            ["type"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.sockets = Gauge(
            "gateway_open_sockets", "WebSocket connections that are open.", registry=self.registry
        )
        self.streams = Gauge(
            "gateway_open_streams", "Streams of events that are open.", registry=self.registry
        )
        self.messages = Counter(
            "gateway_webhooks",
            "Messages that backends have sent, by backend and result: kept, refused (not theirs, "
            "or no message) or later (no room; to be sent again).",
            ["backend", "result"],
            registry=self.registry,
        )
        waiting = Gauge(
            "gateway_stock_queue",
            "Commands that wait for the stock engine.",
            registry=self.registry,
        )
        waiting.set_function(queue)
        unkept = Gauge(
            "gateway_audit_lost",
            "Records of what callers did that were lost since the start; 0 in a sound house.",
            registry=self.registry,
        )
        unkept.set_function(lost)
        build = Gauge(
            "gateway_build_info",
            "1; its labels say which build runs.",
            ["version", "python"],
            registry=self.registry,
        )
        build.labels(version(DISTRIBUTION), platform.python_version()).set(1)

    def ended(self, kind: str, result: str, codes: Sequence[str], seconds: float | None) -> None:
        """Counts an operation; ``seconds`` is None where its time says nothing."""
        self.operations.labels(kind, result).inc()
        for code in codes:
            self.errors.labels(code).inc()
        if seconds is not None:
            self.seconds.labels(kind).observe(seconds)


class Telemetry:
    """Where one app writes its log and counts."""

    def __init__(self, metrics: Metrics, log: BindableLogger | None = None) -> None:
        self.metrics = metrics
        self.log: Any = log or structlog.get_logger("gateway")


def configure_logging() -> None:
    """Sends every log line of the process to stderr: JSON, or colors where a person watches."""
    watched = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if watched:
        rendered: list[Processor] = [
            # Without the values of variables, which may be a buyer's.
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        ]
    else:
        rendered = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_line),
        ]
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [foreign]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _line(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
