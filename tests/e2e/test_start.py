"""Ways in which the gateway cannot start: one sentence on stderr, exit code 1, nothing else."""

import asyncio
import re
import resource
import socket
import sqlite3
from pathlib import Path

import pytest

from connectors.stores.sqlite.engine import open_sqlite
from resolvers.upkeep_port import COPYING, Row
from tests.e2e.child import finished, obey_file_modes


def sentence(stderr: str) -> str:
    """What was said, if it is one line from the command itself."""
    [line] = stderr.splitlines()
    assert line.startswith("gateway: ")
    return line.removeprefix("gateway: ")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        answer = finished("demo", "--port", str(port), "--data", str(tmp_path))

    assert (answer.returncode, answer.stdout) == (1, "")
    assert sentence(answer.stderr) == (
        f"cannot listen on 127.0.0.1, port {port}: address already in use; "
        "name another with --port or --host"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no host at all"])
def test_an_address_that_is_not_ours(tmp_path: Path, host: str) -> None:
    answer = finished("demo", "--host", host, "--port", "0", "--data", str(tmp_path))

    assert (answer.returncode, answer.stdout) == (1, "")
    assert sentence(answer.stderr).startswith(f"cannot listen on {host}, port 0: ")


def test_a_data_directory_that_may_only_be_read(tmp_path: Path) -> None:
    data = tmp_path / "Data"
    data.mkdir(mode=0o555)

    answer = finished("demo", "--port", "0", "--data", str(data), preexec=obey_file_modes)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert sentence(answer.stderr) == (
        f"the data directory {data} cannot be written: permission denied; "
        "name another with --data, or mend it"
    )


def test_a_disk_without_room(tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))

    answer = finished("demo", "--port", "0", "--data", str(tmp_path / "d"), preexec=little_room)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert re.match(r"the store \S+/d/gateway\.sqlite .* disk", sentence(answer.stderr))


def newer(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE journal (batch INTEGER)")
    database.execute(f"PRAGMA application_id={int.from_bytes(b'UCGW')}")
    database.execute("PRAGMA user_version=999")
    database.close()


def damaged(path: Path) -> None:
    path.write_bytes(b"this is no store" * 1000)


def overwritten(path: Path) -> None:
    """A store whose middle somebody else has written over."""

    async def made() -> None:
        await open_sqlite(path).close()

    asyncio.run(made())
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 20_000)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (newer, r"the store \S+/Data/gateway\.sqlite is of version 999, this program knows \d+;"),
        (overwritten, r"the store \S+/Data/gateway\.sqlite is damaged; put a backup in its place"),
        (damaged, r"the store \S+/Data/gateway\.sqlite is no SQLite file;"),
    ],
)
def test_a_store_that_cannot_be_used(tmp_path: Path, spoil: object, said: str) -> None:
    data = tmp_path / "Data"
    data.mkdir()
    assert callable(spoil)
    spoil(data / "gateway.sqlite")

    answer = finished("demo", "--port", "0", "--data", str(data))

    assert (answer.returncode, answer.stdout) == (1, "")
    assert re.match(said, sentence(answer.stderr))


def test_a_copy_that_was_stopped_half_way(tmp_path: Path) -> None:
    async def begun() -> None:
        store = open_sqlite(tmp_path / "gateway.sqlite")
        await store.upkeep.load(COPYING, [Row("!from", b'"var/pilot"')])
        await store.close()

    asyncio.run(begun())

    answer = finished("demo", "--port", "0", "--data", str(tmp_path))

    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == (
        "gateway: the store is a copy of var/pilot that is not finished; run `gateway store copy`"
        " again before anything is served from it"
    )
