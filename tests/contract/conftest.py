"""The engines that the contract is held against. A later engine is one more name here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.stores.memory.engine import open_memory
from connectors.stores.sqlite.engine import open_sqlite
from resolvers.ports import Store
from tests.contract.shop import NOON, Shop
from tests.mongod import open_fresh


@pytest.fixture(params=["memory", "sqlite", pytest.param("mongo", marks=pytest.mark.mongo)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        opened = open_memory()
    elif request.param == "sqlite":
        opened = open_sqlite(tmp_path / "store.db")
    else:
        opened = open_fresh(request.getfixturevalue("mongo_url"), lambda: NOON)
    yield opened
    await opened.close()


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)
