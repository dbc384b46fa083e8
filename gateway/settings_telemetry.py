"""Settings of what the gateway tells about itself: its log, its counters, its traces.

``docs/observability.md`` says what each of them holds.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway.settings_file import about

LEVELS = ("debug", "info", "warning", "error")

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")


def _is_collector(text: str) -> bool:
    try:
        parts = urlsplit(text)
        told = parts.query or parts.fragment or "@" in parts.netloc
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not told
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What the gateway tells about itself (`docs/observability.md`)."""

    log_level: str = field(
        default="info",
        metadata=about(
            "From which level on the gateway's own lines are written. Libraries are heard when"
            " something is wrong, whatever stands here: their other lines hold whole requests.",
            kind="one of " + ", ".join(LEVELS),
            fits=lambda text: text in LEVELS,
        ),
    )
    operations: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Names of operations that are counted by name, whoever sends them. Others are counted"
            " by name once staff or a partner has sent them, up to a hundred, else as `other`.",
            kind="a list of at most 100 names of operations",
            fits=lambda text: _NAME.fullmatch(text) is not None,
        ),
    )
    usage: bool = field(
        default=True,
        metadata=about("Whether uses of fields are counted by client, for `gateway usage`."),
    )
    otlp_endpoint: str | None = field(
        default=None,
        metadata=about(
            "Where an OpenTelemetry collector takes OTLP over HTTP, such as"
            " `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are added. Absent: nothing is"
            " sent. Needs the extra `telemetry`.",
            kind="an http or https address without a user, password or query in it",
            fits=_is_collector,
        ),
    )
    service_name: str = field(
        default="unified-commerce-gateway",
        metadata=about("The name under which a collector shows this gateway."),
    )
    trace_ratio: float = field(
        default=0.05,
        metadata=about(
            "Share of operations that are traced, unless a caller's `traceparent` decides.",
            low=0,
            high=1,
        ),
    )
    trust_traceparent: bool = field(
        default=True,
        metadata=about(
            "Whether a trace goes on that a request says it is part of. `false` where strangers"
            " reach the gateway past your own proxy: they would choose what is traced."
        ),
    )
    export_seconds: float = field(
        default=60.0,
        metadata=about("Pause between two sendings of metrics.", low=1, high=3600),
    )
