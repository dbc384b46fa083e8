"""What all tests share: examples have no deadline, as machines are shared and slow at times, and
there is one MongoDB, which is started when the first test asks for it.
"""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from tests.mongod import mongod

settings.register_profile("shared", deadline=None)
settings.register_profile("unshrunk", deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("shared")


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server; every test makes a database of its own there."""
    with mongod(tmp_path_factory.mktemp("mongod")) as url:
        yield url
