"""A gateway over memory for every module here, and an ear for what it logs as its own failure."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.house import House, opened


@pytest.fixture
async def house(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """A gateway that must not fail: an error in its log fails the test that caused it. Its guests
    may ask as often as they like.
    """
    house = await opened(tmp_path, cost_per_second=0)
    yield house
    await house.runtime.close()
    failures = [record.getMessage() for record in caplog.get_records("call") if failed(record)]
    assert failures == []


def failed(record: logging.LogRecord) -> bool:
    """Says whether a line of the log tells of a traceback or an error."""
    return record.levelno >= logging.ERROR or record.exc_info is not None
