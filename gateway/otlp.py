"""Traces and metrics sent to an OpenTelemetry collector: the one module that names its packages.

Nothing here waits in a request. Spans go into a bounded queue that a thread empties; what does not
fit is dropped and counted. Metrics are those of ``/metrics``, read by a second thread now and then.
No attribute holds a document, a variable, a subject, or an error's words.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from hashlib import sha256
from importlib.metadata import version
from random import random
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import export
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from gateway.ids import new_id
from gateway.metrics import DISTRIBUTION
from gateway.notes import note
from gateway.settings_telemetry import TelemetrySettings

QUEUE_MAX = 2048
"""Most spans that wait to be sent."""

BATCH_MAX = 256
SEND_SECONDS = 2.0
"""Pause between two sendings of spans, unless a batch is full before."""

TIMEOUT_SECONDS = 5.0
"""How long one sending may take, its repetitions included."""

CLOSE_SECONDS = 3.0

SCOPE = "gateway"

log = logging.getLogger(__name__)

_parent: ContextVar[Context | None] = ContextVar("parent", default=None)
_passed_over: ContextVar[bool] = ContextVar("passed_over", default=False)
"""Whether the operation at hand is not traced, so that its calls are not either."""


class OtlpTracing:
    """Answers the Tracing port over OTLP/HTTP."""

    def __init__(
        self,
        settings: TelemetrySettings,
        endpoint: str,
        *,
        exporter: SpanExporter | None = None,
        queue_max: int = QUEUE_MAX,
    ) -> None:
        """``exporter`` takes the spans instead of the collector at ``endpoint``."""
        base = endpoint.rstrip("/")
        self._resource = Resource.create(
            {
                "service.name": settings.service_name,
                "service.version": version(DISTRIBUTION),
                "service.instance.id": new_id(),
            }
        )
        self._sender = Sender(
            exporter or OTLPSpanExporter(f"{base}/v1/traces", timeout=TIMEOUT_SECONDS), queue_max
        )
        self._metrics_url = f"{base}/v1/metrics"
        self._export_seconds = settings.export_seconds
        self._readers: list[_MetricsSender] = []
        self._trusts = settings.trust_traceparent
        self._ratio = settings.trace_ratio
        sampler = ParentBased(ALWAYS_ON)  # the dice are cast here, before anything is made
        self._provider = TracerProvider(sampler, self._resource, shutdown_on_exit=False)
        self._provider.add_span_processor(self._sender)
        self._tracer = self._provider.get_tracer(SCOPE, version(DISTRIBUTION))
        self._propagator = TraceContextTextMapPropagator()

    @property
    def dropped(self) -> int:
        """How many spans could not be sent in time."""
        return self._sender.dropped

    def arrived(self, headers: Mapping[str, str]) -> None:
        """Notes the trace that a request is part of, if it says so and is believed."""
        parent: Context | None = None
        if self._trusts and "traceparent" in headers:
            parent = self._propagator.extract(headers, Context())
            if not trace.get_current_span(parent).get_span_context().is_valid:
                parent = None
        _parent.set(parent)

    def operation(self, kind: str) -> AbstractContextManager["OtlpSpan"]:
        """A span around a query or mutation; what is called within it belongs to it."""
        parent = _parent.get()
        passed_over = parent is None and not self._chosen()
        _passed_over.set(passed_over)
        if passed_over:  # most of them: the library takes longer to come to the same
            return nullcontext(UNSEEN)
        return self._operation(kind, parent or Context())

    @contextmanager
    def _operation(self, kind: str, parent: Context) -> Iterator["OtlpSpan"]:
        told = {"graphql.operation.type": kind}
        span = self._tracer.start_span(kind, parent, trace.SpanKind.SERVER, told)
        with (
            _ended(span) as shown,
            trace.use_span(span, record_exception=False, set_status_on_exception=False),
        ):
            if span.is_recording():
                trace_id = trace.format_trace_id(span.get_span_context().trace_id)
                note(trace_id=trace_id)
            yield shown

    def subscription(self) -> AbstractContextManager["OtlpSpan"]:
        """A span around a subscription, however long it lasts; nothing belongs to it."""
        parent = _parent.get()
        if parent is None and not self._chosen():
            return nullcontext(UNSEEN)
        span = self._tracer.start_span("subscription", parent or Context(), trace.SpanKind.SERVER)
        return _ended(span)

    def call(self, backend: str, call: str) -> AbstractContextManager["OtlpSpan"]:
        """A span around one call to a backend."""
        alone = trace.get_current_span() is trace.INVALID_SPAN
        if alone and (_passed_over.get() or not self._chosen()):
            return nullcontext(UNSEEN)
        return self._call(backend, call)

    def _chosen(self) -> bool:
        return random() < self._ratio  # noqa: S311  # nothing is kept secret by it

    @contextmanager
    def _call(self, backend: str, call: str) -> Iterator["OtlpSpan"]:
        told = {"gateway.backend": backend, "gateway.call": call}
        span = self._tracer.start_span(
            f"{call} {backend}", kind=trace.SpanKind.CLIENT, attributes=told
        )
        with (
            _ended(span) as shown,
            trace.use_span(span, record_exception=False, set_status_on_exception=False),
        ):
            yield shown

    def headers(self) -> Mapping[str, str]:
        """The headers by which a call carries the trace at hand on."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    def export(self, registry: CollectorRegistry) -> None:
        """Sends the metrics of a registry, again and again."""
        exporter = OTLPMetricExporter(self._metrics_url, timeout=TIMEOUT_SECONDS)
        told = _MetricsSender(registry, exporter, self._resource, self._export_seconds)
        self._readers.append(told)

    def close(self) -> None:
        """Sends what is left, for a bounded time; blocks."""
        for reader in self._readers:
            reader.close()
        self._sender.shutdown()


@contextmanager
def _ended(span: trace.Span) -> Iterator["OtlpSpan"]:
    """A span that ends with the block; an error that leaves it is told by its name alone."""
    told = OtlpSpan(span)
    try:
        yield told
    except Exception as error:
        told.failed(type(error).__name__)
        raise
    finally:
        span.end()


class OtlpSpan:
    """One piece of work as a collector will show it."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, *, name: str, result: str, client: str, role: str) -> None:
        """Adds what is known of an operation."""
        if self._span.is_recording():
            told = {"gateway.result": result, "gateway.client": client, "gateway.role": role}
            if name:
                told["graphql.operation.name"] = name
            self._span.set_attributes(told)

    def note_document(self, document: str) -> None:
        """Adds the hash of an operation's document."""
        if self._span.is_recording():
            digest = sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
            self._span.set_attribute("graphql.document.hash", f"sha256:{digest}")

    def failed(self, kind: str) -> None:
        """Says that the work failed, by a code or the name of an error."""
        if self._span.is_recording():
            self._span.set_attribute("error.type", kind)
            self._span.set_status(trace.StatusCode.ERROR)


UNSEEN = OtlpSpan(trace.INVALID_SPAN)
"""What stands for work that is not traced."""


class Sender(SpanProcessor):
    """Sends spans from a thread of its own. A span that ends never waits, whatever the collector
    does: the library's own processor does not tell how many it drops.
    """

    def __init__(self, exporter: SpanExporter, queue_max: int = QUEUE_MAX) -> None:
        self.dropped = 0
        self._exporter = exporter
        self._queue_max = queue_max
        self._queue: deque[ReadableSpan] = deque()
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Takes a span that is to be kept, if there is room."""
        if not span.context.trace_flags.sampled:
            return
        if self._over.is_set() or len(self._queue) >= self._queue_max:
            self.dropped += 1
            return
        self._queue.append(span)
        if len(self._queue) >= BATCH_MAX:
            self._wake.set()

    def shutdown(self) -> None:
        """Sends what is left, for a bounded time."""
        self._over.set()
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)
        self._exporter.shutdown()

    def _work(self) -> None:
        while not self._over.is_set():
            self._wake.wait(SEND_SECONDS)
            self._wake.clear()
            self._send()
        self._send()

    def _send(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]
            try:
                sent = self._exporter.export(batch)
            except Exception:  # whatever the collector does, the gateway goes on
                log.exception("spans could not be sent")
                sent = None
            if sent is None or sent.value != 0:
                self.dropped += len(batch)


class _MetricsSender:
    """Sends what a registry holds, now and then and once more at the end."""

    def __init__(
        self,
        registry: CollectorRegistry,
        exporter: OTLPMetricExporter,
        resource: Resource,
        pause_seconds: float,
    ) -> None:
        self._registry = registry
        self._exporter = exporter
        self._resource = resource
        self._pause_seconds = pause_seconds
        self._since = time_ns()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Sends once more, for a bounded time."""
        self._over.set()
        self._thread.join(CLOSE_SECONDS)
        self._exporter.shutdown()

    def _work(self) -> None:
        over = False
        while not over:
            over = self._over.wait(self._pause_seconds)
            try:
                self._exporter.export(metrics_of(self._registry, self._resource, self._since))
            except Exception:  # as above
                log.exception("metrics could not be sent")


def metrics_of(registry: CollectorRegistry, resource: Resource, since: int) -> export.MetricsData:
    """What a registry holds now, as OpenTelemetry says it; ``since`` is when its counting began,
    in nanoseconds.
    """
    now = time_ns()
    told = [_metric(family, since, now) for family in registry.collect()]
    scope = export.ScopeMetrics(InstrumentationScope(SCOPE), told, "")
    return export.MetricsData([export.ResourceMetrics(resource, [scope], "")])


def _metric(family: Metric, since: int, now: int) -> export.Metric:
    samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    cumulative = export.AggregationTemporality.CUMULATIVE
    data: Any
    if family.type == "histogram":
        data = export.Histogram(_histograms(samples, since, now), cumulative)
    else:
        points = [
            export.NumberDataPoint(sample.labels, since, now, sample.value) for sample in samples
        ]
        is_sum = family.type == "counter"
        data = export.Sum(points, cumulative, is_sum) if is_sum else export.Gauge(points)
    return export.Metric(family.name, family.documentation, family.unit, data)


def _histograms(samples: Sequence[Sample], since: int, now: int) -> list[export.HistogramDataPoint]:
    """Prometheus counts up to each bound, OpenTelemetry between two."""
    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        at = found.setdefault(
            tuple(labels.items()), {"bounds": [], "upto": [], "sum": 0.0, "count": 0}
        )
        if sample.name.endswith("_bucket"):
            at["upto"].append(int(sample.value))
            if sample.labels["le"] != "+Inf":
                at["bounds"].append(float(sample.labels["le"]))
        elif sample.name.endswith("_sum"):
            at["sum"] = sample.value
        elif sample.name.endswith("_count"):
            at["count"] = int(sample.value)
    return [_point(dict(labels), since, now, at) for labels, at in found.items()]


def _point(
    labels: dict[str, str], since: int, now: int, at: Mapping[str, Any]
) -> export.HistogramDataPoint:
    unknown: Any = None  # neither the least nor the most is kept
    return export.HistogramDataPoint(
        labels,
        since,
        now,
        at["count"],
        at["sum"],
        [here - before for before, here in zip([0, *at["upto"]], at["upto"], strict=False)],
        at["bounds"],
        min=unknown,
        max=unknown,
    )
