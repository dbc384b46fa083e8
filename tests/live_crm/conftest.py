"""A real CRM for the live tests, installed and seeded once. ``crm`` is one for the whole run;
whoever changes it puts it back with ``reset``.
"""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.live_crm.door import Door
from tests.live_crm.house import CrmHouse, RunningCrm
from tests.live_crm.witness import Witness


@pytest.fixture(scope="session")
def crm_house() -> CrmHouse:
    return CrmHouse.ready()


@pytest.fixture(scope="session")
def crm(crm_house: CrmHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCrm]:
    with crm_house.start(tmp_path_factory.mktemp("crm")) as running:
        yield running


@pytest.fixture
def staff(crm: RunningCrm) -> Witness:
    return Witness(crm.port, crm.house.token("staff"))


@pytest.fixture
def administrator(crm: RunningCrm) -> Witness:
    return Witness(crm.port, crm.house.token("session"))


@pytest.fixture
async def door(crm: RunningCrm) -> AsyncIterator[Door]:
    async with Door(crm) as opened:
        yield opened
