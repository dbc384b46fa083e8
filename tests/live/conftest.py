"""Real systems for the live tests, installed and seeded once, then shared.

``tryton`` is one server for the whole run: its tests leave SKUs of their own changed and nothing
else. ``own_tryton`` is a fresh copy for a module that changes much. ``vendure`` is one shop for a
module, as it was seeded.
"""

from collections.abc import AsyncIterator, Iterator

import pytest

from resolvers.backend_ports import Backend
from tests.live.tryton.house import RunningTryton, TrytonHouse
from tests.live.vendure.connected import closed, connected
from tests.live.vendure.house import RunningVendure, VendureHouse


@pytest.fixture(scope="session")
def tryton_house() -> TrytonHouse:
    return TrytonHouse.ready()


@pytest.fixture(scope="session")
def tryton(
    tryton_house: TrytonHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningTryton]:
    with tryton_house.start(tmp_path_factory.mktemp("tryton")) as running:
        yield running


@pytest.fixture(scope="module")
def own_tryton(
    tryton_house: TrytonHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningTryton]:
    with tryton_house.start(tmp_path_factory.mktemp("own-tryton")) as running:
        yield running


@pytest.fixture(scope="session")
def vendure_house() -> VendureHouse:
    return VendureHouse.ready()


@pytest.fixture(scope="module")
def vendure(
    vendure_house: VendureHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningVendure]:
    with vendure_house.start(tmp_path_factory.mktemp("vendure")) as running:
        yield running


@pytest.fixture
async def backend(vendure: RunningVendure) -> AsyncIterator[Backend]:
    """The connector at that shop."""
    made = connected(vendure)
    yield made
    await closed(made)
