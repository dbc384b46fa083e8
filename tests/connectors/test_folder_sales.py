"""What the gateway puts into a folder, what it never opens, and whether it is well (G2, G4, G6)."""

import asyncio
import gc
import os
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.drop_folder import DropFolder
from connectors.options import BadOption
from connectors.pos import folder
from connectors.pos.folder_desk import Desk
from connectors.pos.folder_translate import FolderTerms
from resolvers.backend_ports import Role
from resolvers.domain.errors import (
    BackendTimedOut,
    BackendUnavailable,
    NotUnderstood,
    ReadingRefused,
    UnknownOutcome,
)
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money
from tests.connectors.dropped import STORE, TICKETS, Shop, closed, opened
from tests.support import NOON

SALE = Sale("UC260302-1/SH01", "SH01", NOON, (SaleLine("DR-S", 2, Money(39900, "CNY")),))


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    made = opened(tmp_path / "till")
    yield made
    await closed(made.backend)


@pytest.fixture
async def today(tmp_path: Path) -> AsyncIterator[Shop]:
    """A folder at the time of the disk itself."""
    made = opened(tmp_path / "till", folder.wall_clock())
    yield made
    await closed(made.backend)


# ---- nothing outside the folder -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "tickets-/../../x~0123456789ab.csv", "", "tickets-1.csv"]
)
async def test_a_name_that_leads_out_of_the_folder_is_refused(shop, name):
    with pytest.raises(NotUnderstood, match="its message names no file of tickets"):
        await shop.backend.deliveries.delivered(name)


async def test_links_are_not_followed(shop, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text(TICKETS)
    (shop.root / "inbox").mkdir()
    (shop.root / "inbox" / "tickets-1.csv").symlink_to(secret)
    assert await shop.backend.puller.pull(100) == []

    (shop.root / "products.csv").unlink()
    (shop.root / "products.csv").symlink_to(secret)

    with pytest.raises(BackendUnavailable, match=r"products.csv"):
        await shop.skus()


async def test_a_folder_that_is_a_link_is_not_written_through(shop, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (shop.root / "orders-out").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BackendUnavailable, match="orders-out"):
        await shop.backend.order_sink.place([SALE], second_try=False)
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_a_pipe_holds_nobody_up(shop):
    (shop.root / "stock-WH01.csv").unlink(missing_ok=True)
    os.mkfifo(shop.root / "stock-WH01.csv")

    with pytest.raises(ReadingRefused):
        await asyncio.wait_for(shop.backend.stock.read("WH01"), 5)


# ---- our sales ----------------------------------------------------------------------------------

SALE_ROWS = (
    "reference,action,line,placed_at,location,sku,quantity,unit_price,currency\r\n"
    "UC260302-1/SH01,PLACE,1,2026-03-02T12:00:00+00:00,SH01,DR-S,2,399.00,CNY\r\n"
)


async def test_a_sale_is_a_file_of_its_reference(shop):
    [result] = await shop.backend.order_sink.place([SALE], second_try=False)

    assert (result.reference, result.external_id) == (SALE.reference, "UC260302-1@SH01.csv")
    assert shop.names("orders-out") == ["UC260302-1@SH01.csv"]
    written = (shop.root / "orders-out" / "UC260302-1@SH01.csv").read_bytes()
    assert written.decode("utf-8-sig") == SALE_ROWS


async def test_a_sale_that_was_taken_away_is_not_put_down_again(shop):
    await shop.backend.order_sink.place([SALE], second_try=False)
    (shop.root / "orders-out" / "UC260302-1@SH01.csv").unlink()

    await shop.backend.order_sink.place([SALE], second_try=True)

    assert shop.names("orders-out") == []


@pytest.mark.parametrize("done", ["nothing", "half", "waiting", "noted"])
async def test_a_sale_whose_writer_died_is_put_down_once(shop, done):
    """The four states that a kill can leave behind before the file lies where it belongs."""
    name, own = "UC260302-1@SH01.csv", shop.root / "orders-out" / ".gateway"
    own.mkdir(parents=True)
    if done == "half":
        (own / f".{name}.waiting.half").write_bytes(b"refer")
    if done in ("waiting", "noted"):
        (own / f"{name}.waiting").write_bytes(SALE_ROWS.encode("utf-8-sig"))
    if done == "noted":
        (own / f"{name}.put").touch()

    await shop.backend.order_sink.place([SALE], second_try=True)

    assert shop.names("orders-out") == [name]
    assert (own.parent / name).read_bytes().decode("utf-8-sig") == SALE_ROWS


async def test_of_sales_that_failed_halfway_nobody_says_that_none_is_there(shop):
    """What is not there for sure is never called off: then the till would hand the first out."""
    second = replace(SALE, reference="UC260302-2/SH01")
    own = shop.root / "orders-out" / ".gateway"
    (own / "UC260302-2@SH01.csv.waiting").mkdir(parents=True)

    with pytest.raises(UnknownOutcome):
        await shop.backend.order_sink.place([SALE, second], second_try=False)

    assert shop.names("orders-out") == ["UC260302-1@SH01.csv"]


async def test_a_sale_that_is_off_is_a_file_beside_it(shop):
    await shop.backend.order_sink.place([SALE], second_try=False)

    result = await shop.backend.order_sink.cancel(SALE)

    assert result.external_id == "UC260302-1@SH01.cancel.csv"
    assert len(shop.names("orders-out")) == 2


@dataclass(frozen=True, slots=True)
class Slow(DropFolder):
    """A folder on a disk that takes its time."""

    pace: Callable[[], object] = bool

    def put(self, name: str, content: bytes, folder: str, own: str) -> None:
        self.pace()
        DropFolder.put(self, name, content, folder, own)


def slow_desk(shop: Shop, pace: Callable[[], object], timeout_seconds: float) -> Desk:
    terms = FolderTerms("till", STORE, (STORE,), ZoneInfo("Asia/Shanghai"), "zh-CN")
    return Desk(Slow("till", shop.root, shop.clock, pace=pace), terms, timeout_seconds)


async def test_sales_of_one_call_take_no_longer_together_than_is_declared(shop):
    """G2: a second try begins when the first can have ended."""
    desk = slow_desk(shop, partial(time.sleep, 0.2), 0.5)
    sales = [replace(SALE, reference=f"UC260302-{at}/SH01") for at in range(1, 6)]

    with pytest.raises(UnknownOutcome, match=r"did not answer within 0\.5 s"):
        await folder.Counter(desk).place(sales, second_try=False)
    await asyncio.to_thread(desk.close)


async def test_what_is_given_up_behind_a_disk_that_hangs_is_let_go_of(shop):
    """G4: a disk may hang for hours, and somebody asks every two seconds."""
    mended = threading.Event()
    desk = slow_desk(shop, partial(mended.wait, 20.0), 0.3)
    counter = folder.Counter(desk)
    with pytest.raises(UnknownOutcome):
        await counter.place([SALE], second_try=False)

    asked = weakref.ref(given := folder.Counter(desk))
    with pytest.raises(BackendTimedOut):
        await desk.ask(repr, given)
    del given
    await asyncio.sleep(0)  # the loop lets go of what it has canceled
    gc.collect()
    kept = asked()
    mended.set()
    [result] = await counter.place([SALE], second_try=True)
    desk.close()

    assert kept is None
    assert (result.error, shop.names("orders-out")) == (None, ["UC260302-1@SH01.csv"])


# ---- is it well ---------------------------------------------------------------------------------


async def test_a_folder_that_has_what_it_should_is_well(today):
    probe = await today.backend.health.probe()

    assert (probe.good, probe.detail) == (True, "products, locations, 1 files of stock")


async def test_a_folder_without_products_is_told(today):
    (today.root / "products.csv").unlink()

    probe = await today.backend.health.probe()

    assert (probe.good, probe.detail) == (False, "there is no products.csv that has rested")


async def test_a_folder_that_is_not_there_is_told_with_what_to_do(shop, tmp_path):
    gone = opened(tmp_path / "there").again(path=str(tmp_path / "nowhere"))

    probe = await gone.backend.health.probe()
    await closed(gone.backend)

    assert (probe.good, probe.detail) == (False, "till: nowhere: No such file or directory")
    assert (
        probe.remedy == f"make the folder {tmp_path}/nowhere, or compare backends.till.options.path"
    )


async def test_a_folder_that_nobody_may_write_into_is_told(today):
    (today.root / "done").write_text("a file where a folder should be")

    probe = await today.backend.health.probe()

    assert not probe.good
    assert probe.remedy == f"let the gateway's user write in {today.root}/done"


async def test_a_clock_that_differs_is_told(shop):
    probe = await shop.backend.health.probe()

    assert not probe.good  # the files' clock is today's, ours stands in March
    assert "the clock that stamps files in inbox is" in probe.detail


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"path": "till"}, "path"),
        ({"quiet_seconds": "soon"}, "quiet_seconds"),
        ({"quiet_seconds": "nan"}, "quiet_seconds"),
        ({"encoding": "latin-1"}, "encoding"),
        ({"channel": "nowhere"}, "channel"),
        ({"locale": "Chinese!"}, "locale"),
        ({"pth": "/srv"}, "pth"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(shop, options, named):
    with pytest.raises(BadOption) as refused:
        shop.again(**options)

    assert refused.value.option == named


def test_it_declares_that_its_messages_are_fetched(shop):
    told = shop.backend.capabilities

    assert told.pulls_events
    assert Role.EVENT_PULLER in told.roles
    assert told.stock.resolution_seconds == 1.0
