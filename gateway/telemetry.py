"""What one app tells about its work: log lines, counters, traces, and which fields are used.

None of them ever holds a token, a document's text, a variable, a phone number or a mail address.
How a line is written stands in ``gateway.logs``, what is counted in ``gateway.metrics``.
"""

from typing import Any

import structlog
from structlog.typing import BindableLogger

from gateway.bootstrap import Runtime
from gateway.metrics import Metrics as Metrics
from gateway.tracing import UNTRACED, Tracing
from gateway.usage import Usage


class Telemetry:
    """Where one app writes its log, counts, traces, and keeps uses until they are written."""

    def __init__(
        self,
        metrics: Metrics,
        log: BindableLogger | None = None,
        *,
        usage: Usage | None = None,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self.metrics = metrics
        self.log: Any = log or structlog.get_logger("gateway").bind()
        self.usage = usage
        self.tracing = tracing
        metrics.spans_dropped.set_function(lambda: tracing.dropped)
        if usage is not None:
            metrics.uses_waiting.set_function(lambda: usage.waiting)


def telemetry_of(runtime: Runtime) -> Telemetry:
    """What a runtime's app tells, as its settings want it."""
    settings = runtime.settings.telemetry
    return Telemetry(
        Metrics(lambda: runtime.engine.waiting, settings.operations, lambda: runtime.recorder.lost),
        usage=Usage(runtime.clock) if settings.usage else None,
        tracing=runtime.tracing,
    )
