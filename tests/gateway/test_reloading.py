"""What a process takes over from its files while it runs; a broken file changes nothing."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.app import create_app
from gateway.http_layers import Origins
from gateway.listeners import Listeners
from gateway.reloading import Early, Reloader, differences, reloading
from gateway.settings import Documents, Settings, StockRuleSettings, load
from gateway.wire import Asked, Reference
from resolvers.access import NOBODY
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.rules import RuleBook, RuleKind
from schema.operations import Kind
from tests.gateway.house import House, opened

ASK = "{ channels { code } }"
TYPE = "{ __typename }"
CAP = '[[stock_rules]]\ncode = "launch"\nkind = "CAP"\nquantity = {}\n'


@dataclass
class Files:
    """A file of settings, and the manifest that it names."""

    folder: Path

    def settings(self, text: str = "", trusted: str = "enforce") -> None:
        section = f'[documents]\nmanifest = "manifest.json"\ntrusted = "{trusted}"\n'
        (self.folder / "shop.toml").write_text(f"{section}look_seconds = 0.02\n{text}")

    def manifest(self, **documents: str) -> None:
        aside = self.folder / "manifest.new"
        aside.write_text(json.dumps(documents))
        aside.replace(self.folder / "manifest.json")

    def load(self) -> Settings:
        return load(self.folder / "shop.toml", {})


@dataclass
class Shop:
    house: House
    listeners: Listeners
    reloader: Reloader

    async def runs(self, name: str) -> bool:
        return (await self.house.post({"documentId": name})).status_code == 200

    async def rules(self) -> list[tuple[str, int | None]]:
        found = (await self.house.runtime.store.stock.rules()).rules
        return [(rule.code, rule.quantity) for rule in found]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def serving(files: Files, *, look_seconds: float = 0) -> AsyncIterator[Shop]:
    """A gateway of some files that takes over what changes in them."""
    documents = replace(files.load().documents, look_seconds=look_seconds)
    house = await opened(files.folder, documents=documents)
    runtime, desk = house.runtime, house.desk
    listeners, origins = Listeners(runtime.settings.sockets), Origins(())
    house = House(runtime, desk, create_app(runtime, desk, listeners, origins))

    def again() -> Settings:
        found = files.load()
        return replace(found, documents=replace(found.documents, look_seconds=look_seconds))

    reloader = Reloader(runtime, desk.library, listeners, origins, again)
    task = asyncio.create_task(reloader.run())
    try:
        yield Shop(house, listeners, reloader)
    finally:
        task.cancel()
        await runtime.close()


async def told(caplog: pytest.LogCaptureFixture, words: str) -> str:
    """The line of the log with some words, once it is there."""
    async with asyncio.timeout(20):
        while True:
            for record in caplog.records:
                if words in record.getMessage():
                    return record.getMessage()
            await asyncio.sleep(0.01)


async def test_asked_to_it_takes_over_documents_rules_and_origins(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    files.settings()
    files.manifest(old=ASK)
    async with serving(files) as shop:
        assert (await shop.runs("old"), await shop.runs("new")) == (True, False)

        files.manifest(new=TYPE)
        files.settings(
            CAP.format(5)
            + '[server]\nport = 9999\nallowed_origins = ["https://a.example"]\n'
            + '[sockets]\norigins = ["weapp://*"]\n'
        )
        shop.reloader.ask()
        line = await told(caplog, "not before a restart")

        assert (await shop.runs("old"), await shop.runs("new")) == (False, True)
        assert await shop.rules() == [("launch", 5)]
        assert shop.listeners.bounds.origins == ("weapp://*",)
        answer = await shop.house.post({"documentId": "new"}, origin="https://a.example")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    left = "server.port, server.mutations_per_second, store.engine"
    assert line == f"changed, but not before a restart: {left}"


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda files: files.settings("[server]\nport = 0.5\n"), "server.port: expected"),
        (lambda files: files.settings("[server"), "(file): expected a TOML file"),
        (lambda files: files.manifest(new="{ nonsense }"), "new: 1:3: Cannot query field"),
        (lambda files: (files.folder / "manifest.json").write_text("{"), "no JSON"),
        (lambda files: (files.folder / "manifest.json").unlink(), "no such file"),
    ],
)
async def test_a_broken_file_leaves_all_as_it_was(
    files: Files,
    caplog: pytest.LogCaptureFixture,
    break_it: Callable[[Files], object],
    why: str,
) -> None:
    files.settings(CAP.format(5))
    files.manifest(old=ASK)
    async with serving(files) as shop:
        before = shop.house.desk.library.edition

        files.settings(CAP.format(8))
        files.manifest(new=TYPE)
        break_it(files)
        shop.reloader.ask()
        line = await told(caplog, why)

        assert line.startswith("settings not taken over, all stays as it was: ")
        assert await shop.runs("old")
        assert await shop.rules() == []
        assert shop.house.desk.library.edition is before


async def test_a_manifest_is_looked_at_again_if_only_the_rules_failed(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    files.settings()
    files.manifest(old=ASK)
    async with serving(files) as shop:
        files.settings(CAP.format(5))
        files.manifest(new=TYPE)
        stock = shop.house.runtime.store.stock
        stock.rules = away  # type: ignore[method-assign]  # as a store that is gone for a moment
        shop.reloader.ask()
        await told(caplog, "settings not taken over")
        assert await shop.runs("old")

        await shop.reloader._look()  # noqa: SLF001  # what it does now and then

        assert await shop.runs("new")


async def away() -> RuleBook:
    raise BackendUnavailable("the store is away")


async def test_a_manifest_that_changed_is_seen_and_a_broken_one_told_once(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    files.settings()
    files.manifest(old=ASK)
    async with serving(files, look_seconds=0.02) as shop:
        files.manifest(new="{ nonsense }")
        await told(caplog, "manifest not taken over")
        await asyncio.sleep(0.1)
        assert await shop.runs("old")

        files.manifest(new=TYPE)
        await told(caplog, "manifest taken over: 1 documents")
        assert (await shop.runs("old"), await shop.runs("new")) == (False, True)
    lines = [record.getMessage() for record in caplog.records]
    assert sum("not taken over" in line for line in lines) == 1


async def test_what_is_under_way_has_the_documents_that_it_asked_for(files: Files) -> None:
    files.settings()
    files.manifest(ask=ASK)
    async with serving(files) as shop:
        desk, library = shop.house.desk, shop.house.desk.library
        asked = Asked(None, Reference("ask", automatic=False))
        under_way = desk.operation(asked, NOBODY, "")

        files.manifest(ask=TYPE)
        library.adopt(library.opened(library.edition.settings))
        later = desk.operation(asked, NOBODY, "")
        answer = await desk.answer(under_way, Kind.QUERY, NOBODY, "r-1")

    assert (under_way.document, later.document) == (ASK, TYPE)
    assert list(answer.body["data"]) == ["channels"]


async def test_a_signal_that_comes_before_anybody_heeds_it_is_heeded_later(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    files.settings()
    files.manifest(old=ASK)
    before = signal.getsignal(signal.SIGHUP)
    async with serving(files) as shop:
        early = Early()
        signal.raise_signal(signal.SIGHUP)
        files.manifest(new=TYPE)
        async with reloading(shop.reloader, early):
            await told(caplog, "settings taken over")

        assert await shop.runs("new")
    signal.signal(signal.SIGHUP, before)


def test_what_two_settings_differ_in_is_named_by_its_key() -> None:
    one = Settings(stock_rules=_rules(5))
    other = replace(
        one, documents=Documents(trusted="log"), stock_rules=_rules(8), retailer=one.retailer
    )

    assert differences(one, one) == []
    assert differences(one, other) == ["documents.trusted", "stock_rules"]


def _rules(quantity: int) -> tuple[StockRuleSettings, ...]:
    return (StockRuleSettings("launch", RuleKind.CAP, quantity=quantity),)
