"""Doors to the sandbox's systems, on one fresh chain, at noon of one day."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sandbox.crm import SandboxCrm
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.tills import SandboxTills
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
