"""What the houses of live systems share: where they keep what is slow to make, and their command.

What is kept has the content of its pins and of its seed in its name, so another version makes
its own and disturbs nobody's.
"""

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.live.processes import SystemFailed


class Running(Protocol):
    """A system that serves."""

    log: Path

    @property
    def alive(self) -> bool: ...


def cache() -> Path:
    """The folder, outside the tree, of all that is installed and seeded once."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "unified-commerce-gateway"


def fingerprint(*paths: Path) -> str:
    """Twelve letters that change with what the files hold."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def until_told(running: Running) -> int:
    """Waits until this process is told to end (0) or the system has ended by itself (1)."""
    sys.stdout.flush()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(1):
        if not running.alive:
            print(f"it ended; see {running.log.parent}/*.log", file=sys.stderr)
            return 1
    return 0


def command(
    description: str,
    install: Callable[[], Path],
    serve: Callable[[int | None, Path], int],
    *,
    keeps: str = "",
) -> int:
    """Runs ``install`` or ``serve`` as the command line says, and tells in one line what failed.

    ``serve`` gets a port, or None for one that is free, and a folder to work in. The folder goes
    with it, unless the house ``keeps`` something there: then ``--data`` names one that stays.
    """
    parser = argparse.ArgumentParser(description=description)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    commands.add_parser("install", help="install and seed, and end")
    serving = commands.add_parser("serve", help="serve in the foreground until stopped")
    serving.add_argument("--port", type=int, help="on 127.0.0.1 (default: one that is free)")
    serving.set_defaults(data=None)
    if keeps:
        serving.add_argument("--data", type=Path, help=f"where {keeps} is kept (default: nowhere)")
    options = parser.parse_args()
    try:
        if options.command == "install":
            print(install())
            return 0
        if options.data is not None:
            return serve(options.port, options.data.resolve())
        with tempfile.TemporaryDirectory(prefix="live-") as scratch:
            return serve(options.port, Path(scratch))
    except SystemFailed as failure:
        print(failure, file=sys.stderr)
        return 1
