"""What ``gateway demo`` and ``gateway serve`` do: serve in this process, or in several that it
starts and looks after.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import typer

from gateway import serving
from gateway.crew import Post
from gateway.settings import Problem, Settings, SettingsError

Told = Callable[[], AbstractContextManager[None]]
"""Turns what a person can mend into words and an exit code."""

_Work = Callable[[int, Post | None], None]


def demo(data: Path, host: str, port: int, workers: int, told: Told) -> None:
    """Serves the sandbox retailer, whose state lies in ``data``, until it is told to stop."""

    def work(at: int, post: Post | None) -> None:
        serving.serve_demo(at, data, host, post)

    _serve(serving.demo_settings(port, host), host, port, workers, work, told)


def serve(  # noqa: PLR0917  # one parameter an option
    again: Callable[[], Settings],
    data: Path,
    host: str | None,
    port: int | None,
    workers: int | None,
    told: Told,
) -> None:
    """Serves the retailer of the settings that ``again`` reads until it is told to stop.

    Raises:
        SettingsError: they cannot be used, or not by several workers.
    """
    settings = again()
    server = settings.server
    listen, at = host or server.host, server.port if port is None else port

    def work(at: int, post: Post | None) -> None:
        serving.serve(settings, data, listen, at, again, post=post)

    _serve(settings, listen, at, workers or server.workers, work, told)


def _serve(  # noqa: PLR0917  # handed on from above
    settings: Settings, host: str, port: int, workers: int, work: _Work, told: Told
) -> None:
    if workers == 1:
        work(port, None)
        return
    if settings.store.engine == "memory":
        expected = '1 with engine = "memory", of which each process would have another'
        raise SettingsError([Problem("server.workers", expected, str(workers))])
    if not serving.CAN_SHARE:
        expected = "1 on this system, which does not deal connections out to several processes"
        raise SettingsError([Problem("server.workers", expected, str(workers))])
    code = serving.serve_by_crew(settings, host, port, workers, partial(_one, work, told))
    if code:
        raise typer.Exit(code)


def _one(work: _Work, told: Told, port: int, post: Post) -> int:
    """One worker's life; its exit code."""
    try:
        with told():
            work(port, post)
    except typer.Exit as ended:
        return ended.exit_code
    return 0
