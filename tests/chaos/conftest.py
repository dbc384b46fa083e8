"""The places where a store may be that several processes share. A later one is one more name."""

from pathlib import Path

import pytest

from tests.mongod import fresh_name


@pytest.fixture(params=["sqlite", pytest.param("mongo", marks=pytest.mark.mongo)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is to be made, as ``open_store`` takes it."""
    if request.param == "mongo":
        return f"{request.getfixturevalue('mongo_url')}#{fresh_name()}"
    return str(tmp_path)
