"""Traces as the rest of the process sees them: an operation, a call to a backend, what goes on with
a call. What sends them stands in ``gateway.otlp``, which is loaded only where a collector is named.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from prometheus_client import CollectorRegistry

from gateway.settings_file import Problem, SettingsError
from gateway.settings_telemetry import TelemetrySettings


class Span(Protocol):
    """One piece of work as it will be shown. What it is given is never a person's."""

    def note(self, *, name: str, result: str, client: str, role: str) -> None:
        """Adds what is known of an operation."""

    def note_document(self, document: str) -> None:
        """Adds the hash of an operation's document."""

    def failed(self, kind: str) -> None:
        """Says that the work failed, by a code or the name of an error."""


class Tracing(Protocol):
    """Makes spans."""

    @property
    def dropped(self) -> int:
        """How many spans could not be sent in time."""

    def arrived(self, headers: Mapping[str, str]) -> None:
        """Notes the trace that a request is part of, if it says so."""

    def operation(self, kind: str) -> AbstractContextManager[Span]:
        """A span around a query or mutation; what is called within it belongs to it."""

    def subscription(self) -> AbstractContextManager[Span]:
        """A span around a subscription, however long it lasts; nothing belongs to it."""

    def call(self, backend: str, call: str) -> AbstractContextManager[Span]:
        """A span around one call to a backend."""

    def headers(self) -> Mapping[str, str]:
        """The headers by which a call carries the trace at hand on."""

    def export(self, registry: CollectorRegistry) -> None:
        """Sends the metrics of a registry, again and again."""

    def close(self) -> None:
        """Sends what is left, for a bounded time; blocks."""


class _Nothing:
    """Traces nothing; it is its own span."""

    dropped = 0

    def note(self, *, name: str, result: str, client: str, role: str) -> None:
        pass

    def note_document(self, document: str) -> None:
        pass

    def failed(self, kind: str) -> None:
        pass

    def arrived(self, headers: Mapping[str, str]) -> None:
        pass

    def operation(self, kind: str) -> AbstractContextManager[Span]:  # noqa: ARG002  # as in Tracing
        return _NO_SPAN

    def subscription(self) -> AbstractContextManager[Span]:
        return _NO_SPAN

    def call(self, backend: str, call: str) -> AbstractContextManager[Span]:  # noqa: ARG002  # as above
        return _NO_SPAN

    def headers(self) -> Mapping[str, str]:
        return {}

    def export(self, registry: CollectorRegistry) -> None:
        pass

    def close(self) -> None:
        pass


UNTRACED = _Nothing()
"""What stands there where no collector is named."""

_NO_SPAN = nullcontext(UNTRACED)


def tracing_of(settings: TelemetrySettings) -> Tracing:
    """Tracing as the settings want it.

    Raises:
        SettingsError: a collector is named, and the packages that talk to it are not installed.
    """
    if settings.otlp_endpoint is None:
        return UNTRACED
    try:
        from gateway.otlp import OtlpTracing  # noqa: PLC0415  # its packages are an extra
    except ModuleNotFoundError as missing:
        expected = (
            "nothing, or the packages that send to a collector:"
            " pip install 'unified-commerce-gateway[telemetry]'"
        )
        found = f"an endpoint, without the package {missing.name}"
        raise SettingsError([Problem("telemetry.otlp_endpoint", expected, found)]) from missing
    return OtlpTracing(settings, settings.otlp_endpoint)
