"""The places where a store may be that several processes share. A later one is one more name."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is to be made, as ``open_store`` takes it."""
    assert request.param == "sqlite"
    return str(tmp_path)
