"""The rigs, one for each test, and the systems behind them, each started by who first needs it."""

import json
import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.contract.connectors.cases import Case, Shown, cases_of
from tests.contract.connectors.rig import Rig, Things

RESULTS = "CONFORMANCE_RESULTS"
"""Names the file that a run notes its outcomes in."""

LIVE_SECONDS = 900
"""The first run installs the system."""

_OUTCOMES: pytest.StashKey[dict[str, str]] = pytest.StashKey()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    shown = getattr(metafunc.function, "shows", None)
    if isinstance(shown, Shown):
        made = [_param(case) for case in cases_of(shown)]
        metafunc.parametrize("case", made, indirect=True)


def _param(case: Case) -> Any:
    marks: list[pytest.MarkDecorator] = []
    if case.rig.mark is not None:
        marks += [getattr(pytest.mark, case.rig.mark), pytest.mark.timeout(LIVE_SECONDS)]
    if (why := case.why_not) is not None:
        marks.append(pytest.mark.skip(reason=f"{case.rig.name}: {why}"))  # named in its ``cannot``
    return pytest.param(case, id=case.key, marks=marks)


class Systems:
    """The systems that run, by the rig's way to start them."""

    def __init__(self, made: pytest.TempPathFactory) -> None:
        self._made = made
        self._stack = ExitStack()
        self._running: dict[Any, Any] = {}

    def of(self, rig: type[Rig]) -> Any:
        if rig.running not in self._running:
            folder = self._made.mktemp(rig.__name__.lower())
            self._running[rig.running] = self._stack.enter_context(rig.running(folder))
        return self._running[rig.running]

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    running = Systems(tmp_path_factory)
    yield running
    running.close()


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    found = request.param
    assert isinstance(found, Case)
    return found


@pytest.fixture
async def rig(case: Case, systems: Systems, tmp_path: Path) -> AsyncIterator[Rig]:
    made = case.rig(systems.of(case.rig), tmp_path)
    yield made
    await made.close()


@pytest.fixture
def things(case: Case, rig: Rig) -> Things:
    assert case.role is not None
    return rig.feeds[case.role](rig)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    callspec = getattr(item, "callspec", None)
    if callspec is not None and "case" in callspec.params and not report.skipped:
        noted = item.config.stash.setdefault(_OUTCOMES, {})
        name = getattr(item, "originalname", item.name)
        key = f"{item.module.__name__.rpartition('.')[2]}.{name}[{callspec.id}]"  # type: ignore[attr-defined]
        if noted.get(key) != "failed":
            noted[key] = report.outcome
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tells for each system what was shown, and writes it down where that is wished."""
    noted = config.stash.get(_OUTCOMES, {})
    if not noted:
        return
    by_system: dict[str, list[str]] = {}
    for key, outcome in noted.items():
        system = key.partition("[")[2].rstrip("]").partition("-")[0]
        by_system.setdefault(system, []).append(outcome)
    terminalreporter.section("conformance of connectors")
    for system, outcomes in by_system.items():
        shown = outcomes.count("passed")
        terminalreporter.write_line(f"{system:20} {shown} of {len(outcomes)} shown")
    if file := os.environ.get(RESULTS):
        path = Path(file)
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps(before | noted, indent=1, sort_keys=True), encoding="utf-8")
