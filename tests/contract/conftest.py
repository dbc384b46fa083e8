"""The engines that the contract is held against. A later engine is one more name here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.stores.memory.engine import open_memory
from connectors.stores.sqlite.engine import open_sqlite
from resolvers.ports import Store
from tests.contract.shop import Shop

_ENGINES = {
    "memory": lambda _: open_memory(),
    "sqlite": lambda directory: open_sqlite(directory / "store.db"),
}


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = _ENGINES[request.param](tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)
