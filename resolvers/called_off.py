"""What was called off by somebody else than who waits for it: a bug, which must not be silent."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def strays_told() -> Iterator[None]:
    """Lets a cancellation through if the task at hand was asked to end; else somebody has called
    off what it waits for, which nobody above would answer.

    Raises:
        RuntimeError: that.
    """
    try:
        yield
    except asyncio.CancelledError as stray:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("what it waited for was called off by somebody else") from stray
