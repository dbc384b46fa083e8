"""The log of a process: JSON on standard error, or colors where a person watches.

Every line, also a library's, passes ``gateway.redaction``. Of libraries only what is wrong is
heard: their lines of lower levels hold whole requests.
"""

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

from gateway.notes import with_notes
from gateway.redaction import redacted

ROOMS = ("gateway", "schema", "connectors", "resolvers")
"""Whose own lines are written from the configured level on."""

PYTHON_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(level: str = "info") -> None:
    """Sends every log line of the process to standard error."""
    own = PYTHON_LEVELS[level]
    watched = sys.stderr.isatty()
    shared: list[Processor] = [with_notes, structlog.stdlib.add_log_level, _stamped]
    looked_through: list[Processor] = [
        structlog.processors.format_exc_info,  # before the words are looked at
        redacted,
    ]
    # Without the values of variables, which may be a buyer's.
    colored = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*shared, *looked_through, colored if watched else _line],
        wrapper_class=structlog.make_filtering_bound_logger(own),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if watched
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *looked_through,
                colored if watched else _text,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [foreign]
    root.setLevel(max(own, logging.WARNING))
    for room in ROOMS:
        logging.getLogger(room).setLevel(own)
    logging.captureWarnings(capture=True)


def _stamped(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["timestamp"] = datetime.now(UTC).isoformat()
    return event


def _line(_: Any, __: str, event: MutableMapping[str, Any]) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


def _text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return _line(_, __, event).decode()
