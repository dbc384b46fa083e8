"""One SQLite file: its schema, the one writer thread, and the readers beside it.

Several processes may open the same file. A writer takes its turn by ``flock`` on a lock file before
``BEGIN IMMEDIATE``, because SQLite's own busy wait let one process starve the others. Durable:
write-ahead log, ``synchronous=FULL``. No question of the trade is asked here.
"""

import asyncio
import fcntl
import os
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from connectors.stores.sqlite.layout import APPLICATION, LAYOUT
from connectors.stores.unusable import StoreUnusable
from resolvers.domain.errors import Contended

T = TypeVar("T")

_READERS = 2
_BUSY_SECONDS = 10.0  # longer than any turn; only a program that takes no turns is waited for

_LOOKED_AT_MAX = 128
"""Most rows that are read in the event loop: a page and one more. Products that were never decoded
take 30 us each."""

_LOOKED_OVER_MAX = 4 * 1024**3
"""Largest file that is looked over before anything is served from it: two to three seconds for each
gigabyte that is in the system's cache, eight and more from a cloud's disk.
"""

_TROUBLES: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "has no room left; make room on its disk",
    sqlite3.SQLITE_IOERR: "sits on a disk that fails; look at the system's log",
    sqlite3.SQLITE_READONLY: "may only be read; give this user the right to write it",
    sqlite3.SQLITE_PERM: "may not be opened; give this user the right to write it",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; see that its directory is there and takes writes",
    sqlite3.SQLITE_CORRUPT: "is damaged; put a backup in its place",
    sqlite3.SQLITE_NOTADB: "is no SQLite file; move it away or name another place",
}
"""What can be wrong with a file, by SQLite's code, and what to do. Anything else is a bug."""


class Database:
    """A SQLite file with one writer thread and a few reader threads."""

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = _BUSY_SECONDS,
        layout: Sequence[str] = LAYOUT,
    ) -> None:
        """Opens or makes the file, and brings its layout up to date in one transaction.

        ``busy_seconds`` bounds the wait for a lock that is no turn; ``layout`` is one text of SQL
        for each version.

        Raises:
            StoreUnusable: with what is wrong and what to do.
        """
        self._path = path
        self._busy_seconds = busy_seconds
        self._layout = layout
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreUnusable(
                f"the store {path} cannot be opened: {reason} ({error.filename});"
                " see that its directory is there and takes writes"
            ) from error
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        try:
            self._writer.submit(self._prepare).result()
        except BaseException:
            self.end()
            raise

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs some work in one durable transaction, alone among all processes.

        Raises:
            StoreUnusable: the disk is full or broken, or the file may not be written any more.
            Contended: a program that takes no turns kept the file locked.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._written, work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs some work on one consistent state. It never waits for a writer.

        Raises:
            StoreUnusable: the disk or the file is broken.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._seen, work)

    async def look(self, work: Callable[[sqlite3.Connection], T], rows: int = 1) -> T:
        """Asks one question about rows by their keys. A few are read here, in the event loop: that
        takes 20 us where to wake a thread for it takes 100 and more.

        Raises:
            StoreUnusable: the disk or the file is broken.
        """
        return await self._here(self._glanced, work, rows)

    async def look_at_once(self, work: Callable[[sqlite3.Connection], T], rows: int = 1) -> T:
        """The same for several questions, which are answered from one consistent state.

        Raises:
            StoreUnusable: the disk or the file is broken.
        """
        return await self._here(self._seen, work, rows)

    def look_over(self) -> None:
        """Looks whether the file's pages hang together; of a very large file damage is found later,
        where it is read.

        Raises:
            StoreUnusable: with what was found first.
        """
        if self._path.stat().st_size > _LOOKED_OVER_MAX:
            return
        look = "PRAGMA quick_check(1)"
        (found,) = self._readers.submit(
            self._seen, lambda connection: connection.execute(look).fetchone()
        ).result()
        if found != "ok":
            told = _TROUBLES[sqlite3.SQLITE_CORRUPT]
            raise StoreUnusable(f"the store {self._path} {told} ({' '.join(found.split())})")

    async def close(self) -> None:
        """Waits for what runs, then closes every connection."""
        await asyncio.get_running_loop().run_in_executor(None, self.end)

    def end(self) -> None:
        """Waits for what runs, then closes every connection, from outside an event loop."""
        self._writer.shutdown()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        os.close(self._lock)

    def _connect(self, busy_seconds: float | None = None) -> sqlite3.Connection:
        """This thread's connection, made when it first asks."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path,
                timeout=self._busy_seconds if busy_seconds is None else busy_seconds,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            with self._opening:
                self._opened.append(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA temp_store=MEMORY")
            connection.execute("PRAGMA cache_size=-8000")
            # A log of 32 MB before it is folded back: 5 to 10 % more decisions a second.
            connection.execute("PRAGMA wal_autocheckpoint=8000")
            self._local.connection = connection
        return connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection, begin: str) -> Iterator[None]:
        connection.execute(begin)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite ends some failed transactions by itself
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what SQLite says of the file into what a person can do about it."""
        handled = sys.exception()
        try:
            yield
        except Exception as error:
            _let_go(error, handled)
            if not isinstance(error, sqlite3.Error):
                raise
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of SQLite's
            if code in _TROUBLES:
                raise StoreUnusable(
                    f"the store {self._path} {_TROUBLES[code]} ({error})"
                ) from error
            if code == sqlite3.SQLITE_BUSY:
                raise Contended("another program keeps the store locked") from error
            raise

    def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._told():
            connection = self._connect()
            with self._turn(), self._transaction(connection, "BEGIN IMMEDIATE"):
                return _held(work(connection))

    def _seen(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._told():
            connection = self._connect()
            with self._transaction(connection, "BEGIN"):
                return _held(work(connection))

    def _glanced(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._told():
            return _held(work(self._connect()))

    async def _here(
        self,
        run: Callable[[Callable[[sqlite3.Connection], T]], T],
        work: Callable[[sqlite3.Connection], T],
        rows: int,
    ) -> T:
        if rows > _LOOKED_AT_MAX:
            return await self.read(work)
        await asyncio.sleep(0)  # who looks again and again keeps nobody from running
        try:
            self._connect(busy_seconds=0.0)
            return run(work)
        except Contended:  # it is waited for where that keeps nobody waiting
            return await self.read(work)

    def _prepare(self) -> None:
        """Makes the tables, or proves that they are ours and take writes."""
        with self._told():
            connection = self._connect()
            with self._turn():
                found = self._version(connection)
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
                if mode != "wal":
                    raise StoreUnusable(
                        f"the store {self._path} sits on a file system that processes cannot share"
                        " memory on; put it on a local disk"
                    )
                with self._transaction(connection, "BEGIN IMMEDIATE"):
                    for statement in ";".join(self._layout[found:]).split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id={APPLICATION}")
                    connection.execute(f"PRAGMA user_version={len(self._layout)}")

    def _version(self, connection: sqlite3.Connection) -> int:
        """The version of the layout in the file, 0 for a new one; refuses what is not ours."""
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (program,) = connection.execute("PRAGMA application_id").fetchone()
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and program != APPLICATION:
            raise StoreUnusable(
                f"the store {self._path} is another program's SQLite file; name another place"
            )
        known = len(self._layout)
        if found > known:
            raise StoreUnusable(
                f"the store {self._path} is of version {found}, this program knows {known};"
                " run the newer program"
            )
        return int(found)


def _let_go(error: BaseException | None, handled: BaseException | None) -> None:
    """Lets go what was under way when something failed. A cursor that is half read, which an error
    keeps as long as it is kept itself, would keep its connection at the state that it reads: later
    questions would be answered from there, and a writer could not write.

    It goes back to what was ``handled`` before: that is others', whose coroutines may wait still.
    """
    seen: list[BaseException] = []
    while error is not None and error is not handled and error not in seen:
        traceback.clear_frames(error.__traceback__)
        seen.append(error)
        error = error.__cause__ or error.__context__


def _held(result: T) -> T:
    """What some work found, which is its caller's now: a cursor would be let go in another thread
    while its own goes on with the same statement.
    """
    assert not isinstance(result, sqlite3.Cursor), "read the rows where the cursor is"
    return result
