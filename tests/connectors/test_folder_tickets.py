"""Tickets in a folder of CSV files, on real directories (S2, O1, G4)."""

import errno
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import pytest

from connectors.drop_folder import DropFolder, Entry
from connectors.pos.folder_desk import Desk
from connectors.pos.folder_events import Events
from connectors.pos.folder_goods import Goods
from connectors.pos.folder_tickets import Tickets
from connectors.pos.folder_translate import FolderTerms
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.inbox import Hint
from resolvers.domain.locations import Method
from resolvers.domain.orders import OrderStatus
from resolvers.domain.values import Money
from tests.connectors.dropped import STORE, TICKETS, Shop, all_of, closed, message, opened
from tests.support import NOON


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    made = opened(tmp_path / "till")
    yield made
    await closed(made.backend)


# ---- tickets ------------------------------------------------------------------------------------


async def test_a_ticket_is_an_order_that_was_paid_and_taken_away(shop):
    shop.put("inbox/tickets-1.csv", TICKETS)

    (first, second), _ = await all_of(shop.backend.order_source.orders(""))

    assert (first.number, first.status, first.channel) == ("T-1", OrderStatus.FULFILLED, "store")
    assert [(it.sku, it.quantity, it.fulfilled) for it in first.lines] == [
        ("DR-S", 2, 2),
        ("BAG", 1, 1),
    ]
    assert first.total == first.paid == Money(207850, "CNY")
    assert first.placed_at == NOON + timedelta(minutes=10)
    assert first.delivery.method is Method.TAKEAWAY
    assert (first.origin_location, first.associate_code) == ("SH01", "A-1")
    assert second.placed_at == NOON + timedelta(minutes=11)


async def test_a_file_of_tickets_is_done_once_its_message_is_kept(shop):
    shop.put("inbox/tickets-1.csv", TICKETS)

    [pulled] = await shop.backend.puller.pull(100)
    assert shop.names("inbox") == ["tickets-1.csv"]
    await shop.backend.puller.acknowledge([pulled.id])

    assert shop.names("inbox") == []
    [name] = shop.names("done")
    assert shop.backend.puller.hints(message(pulled)) == [Hint("orders", name)]
    delivered = await shop.backend.deliveries.delivered(name)
    assert ([it.number for it in delivered.orders], delivered.left_out) == (["T-1", "T-2"], "")
    assert await shop.backend.puller.pull(100) == []


async def test_a_message_that_was_not_acknowledged_is_pulled_again_under_its_key(shop):
    shop.put("inbox/tickets-1.csv", TICKETS)
    [first] = await shop.backend.puller.pull(100)

    other = shop.again()
    [again] = await other.backend.puller.pull(100)
    await other.backend.puller.acknowledge([again.id, first.id])
    await closed(other.backend)

    assert again.dedupe_key == first.dedupe_key
    assert len(shop.names("done")) == 1


async def test_one_name_with_other_content_is_another_file(shop):
    for content in (TICKETS, TICKETS.replace("T-", "U-")):
        shop.put("inbox/tickets-1.csv", content)
        [pulled] = await shop.backend.puller.pull(100)
        await shop.backend.puller.acknowledge([pulled.id])

    assert len(shop.names("done")) == 2
    orders, _ = await all_of(shop.backend.order_source.orders(""))
    assert sorted(it.number for it in orders) == ["T-1", "T-2", "U-1", "U-2"]


async def test_a_file_that_was_written_anew_since_it_was_pulled_stays(shop):
    shop.put("inbox/tickets-1.csv", TICKETS)
    [pulled] = await shop.backend.puller.pull(100)

    shop.put("inbox/tickets-1.csv", TICKETS + "T-3,SH01,2026-03-02T12:12:00Z,BAG,1,1,,\n", age=9)
    await shop.backend.puller.acknowledge([pulled.id])

    assert shop.names("inbox") == ["tickets-1.csv"]


async def test_files_that_are_put_away_while_they_are_read_keep_their_tickets(shop):
    """S2: also where another file of that name has come since."""
    for at in (1, 2):
        shop.put(f"inbox/tickets-{at}.csv", TICKETS.replace("T-", f"{at}-"), age=70 - at)
    reading = shop.backend.order_source.orders("")
    await anext(reading)
    pulled = await shop.backend.puller.pull(100)
    await shop.backend.puller.acknowledge([it.id for it in pulled])
    shop.put("inbox/tickets-2.csv", TICKETS.replace("T-", "3-"))

    rest = [it.number for orders, _ in [page async for page in reading] for it in orders]
    gone = [it.id async for page in shop.backend.movements.movements("SH01", 0) for it in page]

    assert rest == ["2-1", "2-2"]
    assert sorted(set(gone)) == ["1-1", "1-2", "2-1", "2-2", "3-1", "3-2"]


class Locked(DropFolder):
    """A folder of which one file belongs to somebody else."""

    @contextmanager
    def opened(self, name: str, folder: str = "") -> Iterator[tuple[Entry, BinaryIO]]:
        if name == "tickets-1.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        with super().opened(name, folder) as seen:
            yield seen


async def test_a_file_that_may_not_be_read_is_told_and_keeps_no_other_from_being_pulled(shop):
    for at in (1, 2):
        shop.put(f"inbox/tickets-{at}.csv", TICKETS.replace("T-", f"{at}-"), age=70 - at)
    terms = FolderTerms("till", STORE, (STORE,), ZoneInfo("Asia/Shanghai"), "zh-CN")
    desk = Desk(Locked("till", shop.root, shop.clock), terms, 5.0)
    tickets = Tickets(desk)
    events = Events(desk, Goods(desk, tickets))

    pulled = await events.pull(1)
    await events.acknowledge([pulled[0].id, "tickets/x/tickets-1~0.csv/tickets-1.csv"])
    with pytest.raises(BackendUnavailable, match=r"^till: tickets-1.csv: Permission denied$"):
        await all_of(tickets.orders(""))
    desk.close()

    assert [json.loads(it.body)["file"] for it in pulled] == ["tickets-2.csv"]
    assert shop.names("inbox") == ["tickets-1.csv"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("T-3,SH01,2026-03-02T12:12:00Z,BAG,-1,1,,", "quantity is no whole number"),
        ("T-3,SH01,yesterday,BAG,1,1,,", "time is no time"),
        ("T-3,SH01,2026-03-02T12:12:00Z,BAG,1,a lot,,", "price is no amount of CNY"),
        ("T-1,SH01,2026-03-02T12:12:00Z,BAG,1,1,,", "its number stands above already"),
    ],
)
async def test_a_ticket_that_makes_no_sense_is_named_and_costs_no_other(shop, line, why):
    shop.put("inbox/tickets-1.csv", f"{TICKETS}{line}\nT-4,SH01,2026-03-02,BAG,1,1,,\n")
    [pulled] = await shop.backend.puller.pull(100)
    await shop.backend.puller.acknowledge([pulled.id])
    [name] = shop.names("done")

    delivered = await shop.backend.deliveries.delivered(name)

    assert [it.number for it in delivered.orders] == ["T-1", "T-2", "T-4"]
    assert f"1 left out: line 5: {why}" in delivered.left_out


async def test_a_ticket_beside_a_line_that_may_be_its_own_is_left_out(shop):
    shop.put("inbox/tickets-1.csv", TICKETS + "T-2,SH01,2026\n")
    [pulled] = await shop.backend.puller.pull(100)
    name = json.loads(pulled.body)["kept"]

    delivered = await shop.backend.deliveries.delivered(name)

    assert [it.number for it in delivered.orders] == ["T-1"]
    assert "line 4: a line beside it makes no sense" in delivered.left_out


async def test_a_file_that_is_mended_in_done_is_read_as_it_stands(shop):
    shop.put("inbox/tickets-1.csv", TICKETS.replace("T-2,SH01", "T-2,SH01,oops"))
    [pulled] = await shop.backend.puller.pull(100)
    await shop.backend.puller.acknowledge([pulled.id])
    [name] = shop.names("done")
    assert (await shop.backend.deliveries.delivered(name)).left_out

    shop.put(f"done/{name}", TICKETS)

    delivered = await shop.backend.deliveries.delivered(name)
    assert ([it.number for it in delivered.orders], delivered.left_out) == (["T-1", "T-2"], "")
