"""A demo and a browser for the whole folder, and for each test a page that has never been there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import BY_HAND, found, left_out
from tests.browser.devtools import Browser, browser
from tests.browser.graphiql import GraphiQL
from tests.e2e.child import Child, demo


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--picture", type=Path, help="where a picture of GraphiQL is written")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if left_out(os.environ):
        pytest.skip("SKIP_BROWSER is set")  # by whoever has no Chromium; it never is in CI
    program = found(os.environ)
    if program is None:
        pytest.fail(BY_HAND)
    with browser(program, tmp_path_factory.mktemp("chromium") / "profile") as running:
        yield running


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with demo(tmp_path_factory.mktemp("demo") / "data") as child:
        yield child


@pytest.fixture
def graphiql(chromium: Browser, shop: Child) -> Iterator[GraphiQL]:
    """The demo's page on a first visit. Whatever a test does there, nobody else is asked for
    anything, and nothing is complained of that the test did not expect.
    """
    with chromium.page() as page:
        opened = GraphiQL(page, shop.address)
        opened.visit()
        yield opened
        page.do("true")  # what it has said until now is heard before this is answered
        assert opened.strangers() == []
        assert page.complaints == []
