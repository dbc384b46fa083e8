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


@contextmanager
def mongod(directory: Path, *, durable: bool = False, alone: bool = False) -> Iterator[str]:
    """The address of a server; a stand-in has its files in a directory of its own.

    ``durable``: the stand-in syncs its log at every commit. ``alone``: it is no replica set, and a
    stand-in whatever is named.
    """
    given = os.environ.get(URL_VARIABLE)
    if given and not alone:
        yield given
        return
    directory.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    program = Path(sys.executable).with_name("secantusd-py")
    place = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(directory / "db")]
    wanted = {"--sync-on-commit": durable, "--standalone": alone}
    command = [str(program), *place, *(flag for flag, it in wanted.items() if it)]
    with (directory / "log").open("wb") as log:
        child = subprocess.Popen(  # our own interpreter's program
            command, cwd=directory, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(child, port, directory / "log")
        yield f"mongodb://127.0.0.1:{port}/"
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


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
