"""Real systems for the live tests, installed and seeded once, then shared.

``tryton`` is one server for the whole run: its tests leave SKUs of their own changed and nothing
else. ``own_tryton`` is a fresh copy for a module that changes much.
"""

from collections.abc import Iterator

import pytest

from tests.live.tryton.house import RunningTryton, TrytonHouse


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
