"""Real systems for the live tests, installed and seeded once, then shared.

``tryton`` is one server for the whole run: its tests leave SKUs of their own changed and nothing
else. ``own_tryton`` is a fresh copy for a module that changes much; ``erp`` and ``witness`` are at
that one, unless a module has its own. ``vendure`` is one shop for a module, as it was seeded.
"""

from collections.abc import AsyncIterator, Iterator

import pytest

from resolvers.backend_ports import Backend
from tests.live.tryton.door import Erp
from tests.live.tryton.house import RunningTryton, TrytonHouse
from tests.live.tryton.rpc import Witness
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


@pytest.fixture
async def erp(own_tryton: RunningTryton) -> AsyncIterator[Erp]:
    """The connector at the module's own copy."""
    door = Erp(own_tryton)
    yield door
    await door.close()


@pytest.fixture(scope="module")
def witness(own_tryton: RunningTryton) -> Witness:
    """Who looks at that copy without the connector."""
    return own_tryton.witness()


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
