"""One SQLite file: its schema, the one writer thread, and the readers beside it.

Several processes may open the same file. A writer takes its turn by ``flock`` on a lock file before
``BEGIN IMMEDIATE``, because SQLite's own busy wait let one process starve the others. Durable:
write-ahead log, ``synchronous=FULL``. No question of the trade is asked here.
"""

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from connectors.stores.sqlite.layout import LAYOUT, VERSION

T = TypeVar("T")

_READERS = 2
_BUSY_SECONDS = 10.0


class StoreUnusable(Exception):
    """The store cannot be opened or written: read-only, full, newer than this program, or broken."""


class Database:
    """A SQLite file with one writer thread and a few reader threads."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file.

        Raises:
            StoreUnusable: with what is wrong and what to do.
        """
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._writer.submit(self._prepare).result()
        except (OSError, sqlite3.Error) as error:
            raise StoreUnusable(f"the store {path} cannot be opened: {error}") from error

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs some work in one durable transaction, alone among all processes."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._written, work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs some work on one consistent state."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._seen, work)

    async def close(self) -> None:
        """Waits for what runs, then closes every connection."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.shutdown)
        await loop.run_in_executor(None, self._readers.shutdown)
        for connection in self._opened:
            connection.close()
        os.close(self._lock)

    def _connect(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.execute("PRAGMA temp_store=MEMORY")
            self._local.connection = connection
            with self._opening:
                self._opened.append(connection)
        return connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connect()
        with self._turn():
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

    def _seen(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connect()
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            connection.execute("COMMIT")

    def _prepare(self) -> None:
        connection = self._connect()
        with self._turn():
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found > VERSION:
                raise StoreUnusable(
                    f"the store {self._path} is of version {found}, this program knows {VERSION}; "
                    "run the newer program"
                )
            if found == VERSION:
                return
            connection.execute("BEGIN IMMEDIATE")
            for statement in LAYOUT[found:]:
                for part in statement.split(";"):
                    if part.strip():
                        connection.execute(part)
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute("COMMIT")
