"""A MongoDB for the tests: the one that an environment variable names, or a stand-in of our own.

The stand-in speaks MongoDB's protocol over its storage engine, transactions and change streams
included. It is a child process of whoever asks for it, on the loopback, and ends with it.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from connectors.stores.mongo.engine import open_mongo
from resolvers.ports import Clock, Store

URL_VARIABLE = "GATEWAY_TEST_MONGO_URL"
"""Names a replica set that the tests may make databases in."""

_READY_SECONDS = 60.0


class StandIn:
    """One stand-in with its files in a directory of its own; it may end and be begun again."""

    def __init__(self, directory: Path, *, durable: bool = False, alone: bool = False) -> None:
        """``durable``: it syncs its log at every commit. ``alone``: it is no replica set."""
        self._directory = directory
        self._flags = {"--sync-on-commit": durable, "--standalone": alone}
        self._port = _free_port()
        self._child: subprocess.Popen[bytes] | None = None
        self.url = f"mongodb://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Begins it, and waits until it listens."""
        self._directory.mkdir(parents=True, exist_ok=True)
        program = Path(sys.executable).with_name("secantusd-py")
        place = ["--host", "127.0.0.1", "--port", str(self._port), "--storage-path", "db"]
        flags = [flag for flag, wanted in self._flags.items() if wanted]
        with (self._directory / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [str(program), *place, *flags],
                cwd=self._directory,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        _wait_for(self._child, self._port, self._directory / "log")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it, by a signal of any kind, and waits until it is gone."""
        assert self._child is not None
        self._child.send_signal(how)
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


@contextmanager
def mongod(directory: Path, *, durable: bool = False, alone: bool = False) -> Iterator[str]:
    """The address of a server: that which is named, unless it is to be ``alone``, or a stand-in."""
    given = os.environ.get(URL_VARIABLE)
    if given and not alone:
        yield given
        return
    own = StandIn(directory, durable=durable, alone=alone)
    try:
        own.start()
        yield own.url
    finally:
        own.end()


def _wait_for(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        assert child.poll() is None, log.read_text(errors="replace")
        try:
            with closing(socket.create_connection(("127.0.0.1", port), 1)):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"it never listened: {log.read_text(errors='replace')}")


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def fresh_name() -> str:
    """The name of a database that is not there yet."""
    return f"gateway-test-{secrets.token_hex(6)}"


def open_fresh(url: str, clock: Clock) -> Store:
    """A store of its own on a server, in a house whose time is the clock's alone."""

    async def server_time() -> datetime:
        return clock()

    return open_mongo(url, fresh_name(), clock, "one", server_time=server_time)
