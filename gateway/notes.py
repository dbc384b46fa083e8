"""What is noted for the line of the request at hand while it is answered.

One table a request, handed down by its context: structlog's own way keeps a variable of the context
for each word, and looking them all up again took a third of a line's time.
"""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

_notes: ContextVar[dict[str, Any] | None] = ContextVar("notes", default=None)


def begin(**told: Any) -> None:
    """Opens a table for a request, or for one operation of a connection, with what is known of the
    connection in it already.
    """
    _notes.set({**(_notes.get() or {}), **told})


def begin_anew(**told: Any) -> None:
    """Opens a table in which nothing stands but this."""
    _notes.set(told)


def note(**told: Any) -> None:
    """Notes something for the line of the request at hand."""
    notes = _notes.get()
    if notes is None:
        _notes.set(told)
    else:
        notes.update(told)


def with_notes(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: the line with what was noted; its own words come first."""
    notes = _notes.get()
    return {**notes, **event} if notes else event
