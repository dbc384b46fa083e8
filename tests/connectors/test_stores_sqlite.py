"""The SQLite store as a file: shared by processes, durable, and clear about what is wrong."""

import asyncio
import multiprocessing
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from connectors.stores.sqlite.database import Database
from connectors.stores.sqlite.engine import open_sqlite
from connectors.stores.sqlite.layout import VERSION
from connectors.stores.unusable import StoreUnusable
from resolvers.domain.books import Change
from resolvers.domain.errors import Contended
from resolvers.domain.stock import Position, fold
from resolvers.filters import LevelFilter
from tests.connectors.conftest import count_events
from tests.contract.shop import NOON, Shop, order, product, write

TIMES = 200
ROOT = Path(__file__).parents[2]


async def receive_often(path: Path, wait: Callable[[], object]) -> None:
    """One unit of one SKU, two hundred times, each in a batch of its own."""
    store = open_sqlite(path)
    shop = Shop(store)
    wait()
    for _ in range(TIMES):
        await shop.receive("A", "WH", 1)
    await store.close()


async def assert_nothing_was_lost(path: Path) -> None:
    store = open_sqlite(path)
    streams = await store.stock.streams(["A"], NOON)
    entries = await store.stock.entries("A")
    assert streams["A"].version == 2 * TIMES
    assert streams["A"].positions == {"WH": Position("A", "WH", 2 * TIMES)}
    assert len(entries) == 2 * TIMES
    assert fold(entries) == {("A", "WH"): Position("A", "WH", 2 * TIMES)}
    assert await store.house.last_event() == 2 * TIMES
    await store.close()


async def test_two_event_loops_on_one_file_lose_nothing(path):
    both = threading.Barrier(2, timeout=30)

    def work() -> None:
        asyncio.run(receive_often(path, both.wait))

    await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(work))

    await assert_nothing_was_lost(path)


def work_in_process(path: Path, both: Barrier) -> None:
    asyncio.run(receive_often(path, both.wait))


async def test_two_processes_on_one_file_lose_nothing(path):
    spawn = multiprocessing.get_context("spawn")
    both = spawn.Barrier(2, timeout=30)
    processes = [spawn.Process(target=work_in_process, args=(path, both)) for _ in range(2)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0]
    await assert_nothing_was_lost(path)


RECEIVE_AND_SAY = """
import asyncio, sys
from pathlib import Path
from connectors.stores.sqlite.engine import open_sqlite
from tests.connectors.conftest import count_events
from tests.contract.shop import Shop

async def receive():
    shop = Shop(open_sqlite(Path(sys.argv[1])))
    for at in range(100_000):
        await shop.receive("A", "WH", 1)
        print(at, flush=True)

asyncio.run(receive())
"""


async def test_a_process_that_is_killed_loses_nothing_that_it_acknowledged(path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RECEIVE_AND_SAY, path, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    for _ in range(50):
        await asyncio.wait_for(process.stdout.readline(), 30)

    process.kill()

    acknowledged = 50 + (await process.stdout.read()).count(b"\n")
    await process.wait()
    store = open_sqlite(path)
    (level,) = await store.stock.levels(LevelFilter(), None, 10)
    assert level.on_hand in (acknowledged, acknowledged + 1)  # one may not have been told yet
    assert fold(await store.stock.entries("A")) == {("A", "WH"): level}
    assert await store.house.last_event() == level.on_hand
    await store.close()


async def test_everything_survives_reopening(path):
    shop = Shop(open_sqlite(path))
    await shop.receive("A", "WH", 3)
    held = await shop.hold("R1", ("A", "WH", 1))
    await shop.post(Change(orders=(order("1"),), writes=(write("W1", "a", order_id="1"),)))
    await shop.store.catalog.save_products([product("bag")], shop.now)
    lease = await shop.store.house.lease("sync", "one", 60, shop.now)
    events = await shop.events()
    await shop.store.close()

    again = Shop(open_sqlite(path))

    found = (await again.store.stock.reservations(["R1"])).get("R1")
    assert found is not None
    assert found[0] == held
    assert await again.position("A", "WH") == Position("A", "WH", 3, soft=1)
    assert await again.store.stock.orders(["1"]) == {"1": order("1")}
    assert await again.store.outbox.pending_writes("erp") == 1
    assert await again.store.catalog.product("bag") == product("bag")
    assert await again.store.house.lease("sync", "two", 60, shop.now) is None
    assert lease is not None
    assert await again.events() == events
    await again.store.close()


async def test_a_reader_never_waits_for_a_writer(database):
    writing, seen = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> bool:
        connection.execute("INSERT INTO events (topic, key) VALUES ('stock', 'A')")
        writing.set()
        return seen.wait(30)

    writer = asyncio.ensure_future(database.write(work))
    await asyncio.to_thread(writing.wait, 30)
    counts = [await database.read(count_events) for _ in range(4)]
    seen.set()

    assert await writer
    assert counts == [0, 0, 0, 0]
    assert await database.read(count_events) == 1


async def test_a_full_disk_is_told_and_leaves_what_was_there(path):
    store, database = open_sqlite(path), Database(path)

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the pages in use as least
        connection.execute("INSERT INTO locations VALUES ('WH', ?)", (b"x" * 1_000_000,))

    with pytest.raises(StoreUnusable, match="has no room left; make room on its disk"):
        await database.write(fill)

    assert await store.catalog.locations() == []
    await Shop(store).receive("A", "WH", 1)
    assert len(await store.stock.levels(LevelFilter(), None, 10)) == 1
    await store.close()
    await database.close()


async def test_a_program_that_keeps_the_file_locked_is_not_waited_for_for_ever(path):
    database = Database(path, busy_seconds=0.05)
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")

    with pytest.raises(Contended, match="another program keeps the store locked"):
        await database.write(count_events)

    stranger.execute("ROLLBACK")
    assert await database.write(count_events) == 0
    stranger.close()
    await database.close()


def test_a_file_that_is_no_sqlite_file_is_left_alone(path):
    path.write_text("Not a store, but somebody's letter.\n" * 40, encoding="utf-8")
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match=r"store\.db is no SQLite file; move it away") as told:
        open_sqlite(path)

    assert isinstance(told.value, OSError)
    assert path.read_bytes() == before


def test_another_programs_sqlite_file_is_left_alone(path):
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE theirs (x)")
        theirs.execute(f"PRAGMA user_version = {VERSION}")
    theirs.close()
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match="is another program's SQLite file"):
        open_sqlite(path)

    assert path.read_bytes() == before


async def test_a_store_of_a_newer_program_is_left_alone(path):
    await open_sqlite(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 7")
    newer.close()

    with pytest.raises(StoreUnusable, match=f"is of version 7, this program knows {VERSION}; run"):
        open_sqlite(path)


OLDER = ("CREATE TABLE shelves (code TEXT); INSERT INTO shelves VALUES ('S-1')",)
NEWER = (
    *OLDER,
    "ALTER TABLE shelves ADD COLUMN floor INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE floors (floor INTEGER); INSERT INTO floors SELECT DISTINCT floor FROM shelves",
)


async def test_a_file_of_an_older_layout_is_brought_up_to_date_version_by_version(path):
    await Database(path, layout=OLDER).close()

    database = Database(path, layout=NEWER)

    def look(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
        rows = connection.execute("SELECT code, floor, (SELECT floor FROM floors) FROM shelves")
        return [*rows, *connection.execute("PRAGMA user_version")]

    assert await database.read(look) == [("S-1", 0, 0), (3,)]
    await database.close()


async def test_a_step_to_a_newer_layout_that_fails_leaves_the_file_as_it_was(path):
    await Database(path, layout=OLDER).close()

    with pytest.raises(sqlite3.OperationalError, match="no such table: absent"):
        Database(path, layout=(*NEWER, "DROP TABLE absent"))
    with pytest.raises(StoreUnusable, match="is of version 1, this program knows 0"):
        Database(path, layout=())

    database = Database(path, layout=OLDER)
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    assert await database.read(lambda connection: connection.execute(tables).fetchall()) == [
        ("shelves",)
    ]
    await database.close()


async def test_a_file_whose_middle_was_overwritten_is_not_opened(path):
    shop = Shop(open_sqlite(path))
    for serial in range(200):
        await shop.receive(f"SKU-{serial}", "WH", 1)
    await shop.store.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 40_000)

    with pytest.raises(StoreUnusable, match=f"{path.name} is damaged; put a backup in its place"):
        open_sqlite(path)


async def test_damage_in_a_very_large_file_is_told_where_it_is_read(path):
    shop = Shop(open_sqlite(path))
    for serial in range(400):
        await shop.receive(f"SKU-{serial}", "WH", 1)
    await shop.store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size * 3 // 4)
        file.write(b"\xff" * (size // 4))
        file.truncate(5 * 1024**3)  # a hole: nothing is written

    store = open_sqlite(path)

    with pytest.raises(StoreUnusable, match=f"{path.name} is damaged; put a backup in its place"):
        await store.upkeep.parts()
    await store.close()


async def test_a_damaged_file_is_told(path):
    await open_sqlite(path).close()
    body = bytearray(path.read_bytes())
    body[100:4096] = b"\xff" * 3996  # the first page's list of tables
    path.write_bytes(body)

    with pytest.raises(StoreUnusable, match="is damaged; put a backup in its place"):
        open_sqlite(path)


def test_a_place_that_is_no_directory_is_told(path):
    path.write_bytes(b"")

    with pytest.raises(StoreUnusable, match=r"cannot be opened: .*see that its directory"):
        open_sqlite(path / "inside.db")


OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from connectors.stores.sqlite.engine import open_sqlite
if os.geteuid() == 0:
    os.setuid(65534)
try:
    open_sqlite(Path(sys.argv[1]))
except OSError as error:
    print(error)
"""


def told_to_nobody(path: Path) -> str:
    """What a user without rights is told. Root has every right, so it stops being root first."""
    ran = subprocess.run(
        [sys.executable, "-c", OPEN_AS_NOBODY, path],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return ran.stdout


def test_a_directory_that_may_not_be_written_is_told():
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        asyncio.run(Database(directory / "old.db").close())
        (directory / "old.db.lock").chmod(0o666)
        directory.chmod(0o555)

        new, old = told_to_nobody(directory / "new.db"), told_to_nobody(directory / "old.db")

        directory.chmod(0o755)
    assert "cannot be opened: permission denied" in new
    assert "see that its directory is there and takes writes" in new
    assert "may only be read; give this user the right to write it" in old


async def test_no_cursor_leaves_the_thread_that_reads_it(tmp_path: Path) -> None:
    """It would be let go in another thread, in the middle of that thread's next statement."""
    database = Database(tmp_path / "store.sqlite")

    for run in (database.read, database.write):
        with pytest.raises(AssertionError, match="where the cursor is"):
            await run(lambda connection: connection.execute("SELECT 1"))

    await database.close()
