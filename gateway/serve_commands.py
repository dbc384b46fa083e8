"""What ``gateway demo`` and ``gateway serve`` do: serve in this process, or in several that it
starts and looks after.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import typer

from gateway import serving
from gateway.crew import Post
from gateway.settings import Problem, Server, Settings, SettingsError, load_over

Told = Callable[[], AbstractContextManager[None]]
"""Turns what a person can mend into words and an exit code."""

_Work = Callable[[int, Post | None], None]


DEMO: Mapping[str, Mapping[str, object]] = {
    "server": {"mutations_per_second": 100_000, "drain_seconds": 0},
    "retailer": {"name": "the sandbox retailer"},
    "limits": {"wait_seconds": 0},  # on a busy laptop it is slow rather than closed
}
"""How the sandbox retailer is served, by section and key."""

DEMO_HEEDS = ("server", "sockets", "auth", "limits", "cache", "telemetry")
"""Sections of which the environment has the last word in a demo: those of the process. The others
describe a retailer and its store, and it has both already.
"""


def demo_settings(environ: Mapping[str, str]) -> Settings:
    """How the sandbox retailer is served, in an environment.

    Raises:
        SettingsError: a variable of a section that is heeded cannot be used.
    """
    return load_over(DEMO, DEMO_HEEDS, environ)


def demo(  # noqa: PLR0917  # one parameter an option
    settings: Settings,
    data: Path,
    host: str | None,
    port: int | None,
    workers: int | None,
    told: Told,
) -> None:
    """Serves the sandbox retailer, whose state lies in ``data``, until it is told to stop."""
    listen, at = _door(settings.server, host, port)

    def work(at: int, post: Post | None) -> None:
        serving.serve_demo(settings, data, listen, at, post=post)

    _serve(settings, listen, at, workers or settings.server.workers, work, told)


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
    listen, at = _door(settings.server, host, port)

    def work(at: int, post: Post | None) -> None:
        serving.serve(settings, data, listen, at, again, post=post)

    _serve(settings, listen, at, workers or settings.server.workers, work, told)


def _door(server: Server, host: str | None, port: int | None) -> tuple[str, int]:
    return host or server.host, server.port if port is None else port


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
