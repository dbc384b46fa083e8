"""What ``gateway demo`` and ``gateway serve`` do: serve in this process, or in several that it
starts and looks after.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import typer

from gateway import serving
from gateway.crew import Post
from gateway.settings import Problem, Server, Settings, SettingsError, load_over

Told = Callable[[], AbstractContextManager[None]]
"""Turns what a person can mend into words and an exit code."""

_Work = Callable[[int, Post | None], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Where and by how many processes to serve, as the command line says; what it does not say,
    the settings do.
    """

    host: str | None
    port: int | None
    workers: int | None

    def over(self, server: Server) -> Server:
        """The settings' way to be reached, with these laid over it."""
        return replace(
            server,
            host=self.host or server.host,
            port=server.port if self.port is None else self.port,
            workers=self.workers or server.workers,
        )


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


def demo(settings: Settings, data: Path, options: Options, told: Told) -> None:
    """Serves the sandbox retailer, whose state lies in ``data``, until it is told to stop."""
    server = options.over(settings.server)

    def work(at: int, post: Post | None) -> None:
        serving.serve_demo(settings, data, server.host, at, post=post)

    _serve(settings, server, work, told)


def serve(again: Callable[[], Settings], data: Path, options: Options, told: Told) -> None:
    """Serves the retailer of the settings that ``again`` reads until it is told to stop.

    Raises:
        SettingsError: they cannot be used, or not by several workers.
    """
    settings = again()
    server = options.over(settings.server)

    def work(at: int, post: Post | None) -> None:
        serving.serve(settings, data, server.host, at, again, post=post)

    _serve(settings, server, work, told)


def _serve(settings: Settings, server: Server, work: _Work, told: Told) -> None:
    host, port, workers = server.host, server.port, server.workers
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
