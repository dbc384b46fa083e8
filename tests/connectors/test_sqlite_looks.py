"""A few rows of SQLite are read where they are asked for, in the event loop (G5)."""

import asyncio
import sqlite3
import threading

import pytest

from tests.connectors.conftest import count_events


async def test_a_few_rows_are_read_in_the_loop_and_many_beside_it(database):
    def thread(_: sqlite3.Connection) -> str:
        return threading.current_thread().name

    here = threading.current_thread().name

    assert await database.look(thread, 128) == await database.look_at_once(thread) == here
    assert (await database.look(thread, 129)).startswith("store-reader")
    assert (await database.look_at_once(thread, 129)).startswith("store-reader")


async def test_who_looks_again_and_again_keeps_nobody_from_running(database):
    looks = 0

    async def look() -> None:
        nonlocal looks
        for _ in range(100):
            looks += 1
            await database.look(count_events)

    looking = asyncio.ensure_future(look())
    for _ in range(20):
        await asyncio.sleep(0)

    assert looks <= 20
    await looking


async def test_several_looks_at_once_are_of_one_state(database, path):
    writer = sqlite3.connect(path, isolation_level=None)

    def twice(connection: sqlite3.Connection) -> tuple[int, int]:
        before = count_events(connection)
        writer.execute("INSERT INTO events (topic, key) VALUES ('stock', 'A')")
        return before, count_events(connection)

    assert await database.look_at_once(twice) == (0, 0)
    assert await database.look(count_events) == 1
    writer.close()


async def test_a_look_at_a_file_that_somebody_has_locked_is_had_beside_the_loop(database):
    asked: list[str] = []

    def work(connection: sqlite3.Connection) -> int:
        asked.append(threading.current_thread().name)
        if len(asked) == 1:
            raise sqlite3_busy()
        return count_events(connection)

    assert await database.look(work) == 0
    assert asked[0] == threading.current_thread().name
    assert asked[1].startswith("store-reader")


@pytest.mark.parametrize("way", ["look", "look_at_once", "write"])
async def test_what_fails_half_way_keeps_nobody_at_what_it_saw(database, path, way):
    writer = sqlite3.connect(path, isolation_level=None)

    def note(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO events (topic, key) VALUES ('stock', 'A')")

    def unreadable(connection: sqlite3.Connection) -> list[float]:
        return [1 / row for (row,) in connection.execute("SELECT 0 FROM events")]

    note(writer)
    note(writer)
    with pytest.raises(ZeroDivisionError) as kept:
        await getattr(database, way)(unreadable)
    note(writer)

    assert await database.look(count_events) == 3
    await database.write(note)
    assert await database.look(count_events) == 4
    assert kept.type is ZeroDivisionError  # somebody has it still, a log for example
    writer.close()


async def test_an_error_that_is_being_handled_keeps_what_waits_in_it(database):
    """Who has caught it and waits is in its frames, too, and is others'."""
    shared: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
    go = asyncio.Event()
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failing.set_exception(OSError("away"))

    async def catches() -> str:
        try:
            await failing
        except OSError as error:
            shared.set_result(error)
            await go.wait()
        return "went on"

    catching = asyncio.create_task(catches())
    try:
        raise await shared
    except OSError:
        with pytest.raises(ZeroDivisionError):
            await database.look(lambda _: 1 / 0)
    go.set()

    assert await catching == "went on"


def sqlite3_busy() -> sqlite3.OperationalError:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return busy
