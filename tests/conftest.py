"""What all tests share: examples have no deadline, as machines are shared and slow at times; the
process's logging is as before after each; and there is one MongoDB and one first reading of the
sandbox, each made when a first test asks for it.
"""

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import Phase, settings

from gateway.logs import ROOMS
from tests.mongod import mongod
from tests.resolvers.conftest import FirstReading, read_first

settings.register_profile("shared", deadline=None)
settings.register_profile("unshrunk", deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("shared")


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server; every test makes a database of its own there."""
    with mongod(tmp_path_factory.mktemp("mongod")) as url:
        yield url


@pytest.fixture(scope="session")
def first_reading(tmp_path_factory: pytest.TempPathFactory) -> FirstReading:
    """What every test copies that begins with a house which knows the sandbox retailer."""
    return read_first(tmp_path_factory.mktemp("first-reading"))


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """After a test the process's logging is as before: what it wrote to may be closed by then."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    levels = {room: logging.getLogger(room).level for room in ROOMS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for room, own in levels.items():
        logging.getLogger(room).setLevel(own)
    structlog.configure(**before)
