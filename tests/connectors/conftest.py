"""Doors to the sandbox's systems, on one fresh chain, at noon of one day; and a SQLite file."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.sandbox.crm import SandboxCrm
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.tills import SandboxTills
from connectors.stores.sqlite.database import Database
from resolvers.domain.values import utc

NOON = utc(2026, 3, 2, 12)


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[SandboxErp]:
    door = SandboxErp(tmp_path, lambda: NOON)
    yield door
    door.close()


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[SandboxCrm]:
    door = SandboxCrm(tmp_path, lambda: NOON)
    yield door
    door.close()


@pytest.fixture
def tills(tmp_path: Path) -> Iterator[SandboxTills]:
    door = SandboxTills(tmp_path, lambda: NOON)
    yield door
    door.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    opened = Database(path)
    yield opened
    await opened.close()


def count_events(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return int(count)
