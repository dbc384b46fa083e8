"""What every sandbox system has: one SQLite file, one thread, a sequence of changes, and its knobs.

A file is made and filled once, whichever of many processes comes first, under a lock file. What a
system knows (sales, members) is its own module's; here nothing is known of the trade.
"""

import asyncio
import fcntl
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from connectors.sandbox.knobs import Fault, Knobs, answer_lost, read_failure, write_failure
from resolvers.backend_ports import Probe
from resolvers.domain.errors import BackendRefused, BackendUnavailable, CommerceError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
Changes = Callable[[sqlite3.Connection, int, int, int], Sequence[tuple[int, T]]]
"""Reads what changed after a sequence and until another, at most so many: (sequence, thing)."""

PAGE = 100
EDITION = 3
"""Grows when what is seeded, or the tables, change; a file of another edition is refused."""

_BUSY_SECONDS = 10.0
_CURSOR = re.compile(r"[0-9]{1,18}")
_SEQUENCE = "sequence"
_COMMON = """
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE knob (delay_seconds REAL NOT NULL, fail TEXT NOT NULL, silent_since INTEGER);
"""


class System:
    """One system's state, as this process reaches it. Several may be open on the same file.

    ``asked`` and ``told`` go through the knobs: they are how the gateway comes in. ``look`` and
    ``change`` go past them: they are people inside the chain.
    """

    def __init__(self, data: Path, code: str, layout: str, seed: Work[None]) -> None:
        """Names the system; its file is opened, or made, by the first call."""
        self.code = code
        self._path = data / "sandbox" / f"{code}.sqlite"
        self._layout = layout
        self._seed = seed
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"sandbox-{code}")
        self._opened: sqlite3.Connection | None = None

    async def look(self, work: Work[T]) -> T:
        """Reads one consistent state."""
        return await self._run("BEGIN", work)

    async def change(self, work: Work[T]) -> T:
        """Changes the state, all or nothing, alone among all processes."""
        return await self._run("BEGIN IMMEDIATE", work)

    async def asked(self, work: Work[T]) -> T:
        """Answers a question from outside as the knobs allow.

        Raises:
            BackendUnavailable, BackendTimedOut, BackendRefused: as the knobs say.
        """
        knobs = await self._waited()
        failure = read_failure(self.code, knobs.fail)
        if failure is not None:
            raise failure
        return await self.look(work)

    async def told(self, work: Work[T]) -> T:
        """Takes a write from outside as the knobs allow.

        Raises:
            BackendUnavailable, BackendRefused: as the knobs say; nothing was done.
            UnknownOutcome: as the knobs say; nothing was done, or all of it.
        """
        knobs = await self._waited()
        failure = write_failure(self.code, knobs.fail)
        if failure is not None:
            raise failure
        answer = await self.change(work)
        if knobs.fail is Fault.ANSWER_LOST:
            raise answer_lost(self.code)
        return answer

    async def probe(self, work: Work[str]) -> Probe:
        """Says how the system is, in the words that ``work`` finds when it is well."""
        try:
            return Probe(good=True, detail=await self.asked(work))
        except CommerceError as error:
            return Probe(
                good=False,
                detail=str(error),
                remedy="turn its knobs back, or remove the sandbox's folder to begin anew",
            )

    async def knobs(self) -> Knobs:
        """How the system behaves now."""
        return await self.look(_knobs)

    async def set_knobs(self, knobs: Knobs) -> None:
        """Makes the system behave otherwise, for every process at once."""
        assert knobs.delay_seconds >= 0

        def turned(db: sqlite3.Connection) -> None:
            since = horizon(db) if knobs.silent else None
            db.execute("DELETE FROM knob")
            db.execute(
                "INSERT INTO knob VALUES (?, ?, ?)", (knobs.delay_seconds, knobs.fail.value, since)
            )

        await self.change(turned)

    async def pages(
        self, cursor: str, changes: Changes[T], until: Work[int]
    ) -> AsyncIterator[tuple[Sequence[T], str]]:
        """What changed after a cursor, in pages, up to where the sequence stood at the start.

        No page when nothing did; a cursor of "" gets one page at least, so that there is a next.
        """
        after = self._position(cursor)
        last = await self.asked(until)
        if not cursor and not last:
            yield [], "0"
        while after < last:
            found = await self.asked(partial(_page, changes, after, last))
            if found or not cursor:
                after = found[-1][0] if found else last
                yield [thing for _, thing in found], str(after)
            if len(found) < PAGE:
                return

    def close(self) -> None:
        """Ends the thread and closes the file, once what runs is done."""
        self._worker.submit(self._disconnect)
        self._worker.shutdown()

    async def _waited(self) -> Knobs:
        knobs = await self.knobs()
        if knobs.delay_seconds:
            await asyncio.sleep(knobs.delay_seconds)
        return knobs

    def _position(self, cursor: str) -> int:
        if cursor and not _CURSOR.fullmatch(cursor):
            raise BackendRefused(
                f"{cursor[:40]!r} is no cursor of {self.code}", backend=self.code, kind="INVALID"
            )
        return int(cursor or 0)

    async def _run(self, begin: str, work: Work[T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._within, begin, work)

    def _within(self, begin: str, work: Work[T]) -> T:
        try:
            db = self._opened
            if db is None:
                db = self._opened = self._connect()
            db.execute(begin)
            try:
                answer = work(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            else:
                return answer
        except (OSError, sqlite3.Error) as error:
            raise BackendUnavailable(
                f"{self.code} cannot use its file {self._path.name}: {error}", backend=self.code
            ) from error

    def _connect(self) -> sqlite3.Connection:
        """Opens the file; the first of all processes makes and fills it, the others wait."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            db = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=256
            )
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA synchronous=NORMAL")
        (edition,) = db.execute("PRAGMA user_version").fetchone()
        if edition == EDITION:
            return
        if edition:
            raise OSError(f"it is of edition {edition}, not {EDITION}; remove it")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("BEGIN IMMEDIATE")
        for statement in (_COMMON + self._layout).split(";"):
            db.execute(statement)
        db.execute("INSERT INTO knob VALUES (0, ?, NULL)", (Fault.NONE.value,))
        self._seed(db)
        db.execute(f"PRAGMA user_version={EDITION}")
        db.execute("COMMIT")

    def _disconnect(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def following(db: sqlite3.Connection, name: str = _SEQUENCE) -> int:
    """The next number of a counter; by default of the system's sequence of changes."""
    (value,) = db.execute(
        "INSERT INTO counter VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
        " RETURNING value",
        (name,),
    ).fetchone()
    return int(value)


def start_at(db: sqlite3.Connection, value: int) -> None:
    """Says that a seed has used the sequence up to ``value``."""
    db.execute("INSERT INTO counter VALUES (?, ?)", (_SEQUENCE, value))


def sequence(db: sqlite3.Connection) -> int:
    """How many changes the system has seen."""
    row = db.execute("SELECT value FROM counter WHERE name = ?", (_SEQUENCE,)).fetchone()
    return int(row[0]) if row else 0


def horizon(db: sqlite3.Connection) -> int:
    """The last change that feeds may show: now, or the last before the system fell silent."""
    (since,) = db.execute("SELECT silent_since FROM knob").fetchone()
    return sequence(db) if since is None else int(since)


def _page(
    changes: Changes[T], after: int, last: int, db: sqlite3.Connection
) -> Sequence[tuple[int, T]]:
    return changes(db, after, last, PAGE)


def _knobs(db: sqlite3.Connection) -> Knobs:
    row = db.execute("SELECT delay_seconds, fail, silent_since FROM knob").fetchone()
    return Knobs(float(row[0]), Fault(row[1]), silent=row[2] is not None)


def wall_clock() -> datetime:
    """The time in the chain, aware UTC: what people and tills write on things."""
    return datetime.now(UTC)
