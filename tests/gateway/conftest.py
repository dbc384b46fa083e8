"""A gateway over memory, opened for a test and closed behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.house import House, opened


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await opened(tmp_path)
    yield house
    await house.runtime.close()
