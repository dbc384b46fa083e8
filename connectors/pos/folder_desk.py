"""The one desk at which a folder is worked at: a thread of its own, a piece of work at a time, each
bounded in time; and what was left out of which file.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from inspect import GEN_SUSPENDED, getgeneratorstate
from pathlib import Path
from typing import TypeVar

from connectors.csv_rows import LeftOut, Row, rows
from connectors.drop_folder import DropFolder, Entry
from connectors.pos.folder_translate import FolderTerms
from resolvers.domain.errors import BackendTimedOut, BackendUnavailable, NotUnderstood

T = TypeVar("T")


class Desk:
    """One folder and its thread. ``left`` is what was left out of each file that was read to its
    end, by name: the file's signature, and the words for a person, "" if nothing was.
    """

    def __init__(self, files: DropFolder, terms: FolderTerms, timeout_seconds: float) -> None:
        """Opens nothing yet."""
        self.files = files
        self.terms = terms
        self.left: dict[str, tuple[str, str]] = {}
        self._timeout = timeout_seconds
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"folder-{terms.code}")
        self._turn = asyncio.Lock()

    async def ask(self, work: Callable[..., T], *given: object) -> T:
        """Has a piece of work done, in its turn. What hangs keeps its turn, for hours if the disk
        does; of what is given up before its own nothing stays.

        Raises:
            BackendTimedOut: it, or what was before it, took too long; it may still be done.
            BackendUnavailable: the folder cannot be used so.
        """
        code, loop = self.terms.code, asyncio.get_running_loop()

        def ended(_: object) -> None:
            with suppress(RuntimeError):  # the loop has ended before its disk did
                loop.call_soon_threadsafe(self._turn.release)

        try:
            async with asyncio.timeout(self._timeout):
                await self._turn.acquire()
                job = self._worker.submit(partial(work, *given))
                job.add_done_callback(ended)
                return await asyncio.wrap_future(job)
        except TimeoutError:
            told = f"{code}: the folder did not answer within {self._timeout:g} s"
            raise BackendTimedOut(told, backend=code) from None
        except OSError as error:
            raise BackendUnavailable(f"{code}: {words_of(error)}", backend=code) from error

    async def pages(self, pages: Iterator[T]) -> AsyncIterator[T]:
        """What a generator yields, each made as a piece of work."""
        try:
            while (page := await self.ask(next, pages, None)) is not None:
                yield page
        finally:
            if isinstance(pages, Generator) and getgeneratorstate(pages) == GEN_SUSPENDED:
                self._worker.submit(pages.close)

    @contextmanager
    def table(
        self, name: str, needed: tuple[str, ...]
    ) -> Iterator[tuple[Entry, Iterator[Row], LeftOut]]:
        """The rows of a file; what is left out of it is noted when they were read to their end.
        Raises as ``DropFolder.lines`` and ``rows``.
        """
        left = LeftOut(name)
        with self.files.lines(name) as (entry, lines):
            try:
                yield entry, rows(lines, needed, left), left
            except NotUnderstood as error:
                self.left[name] = (entry.signature, str(error))
                raise
            except UnicodeError:
                self.left[name] = (entry.signature, f"{name} is in no encoding that is read")
                raise
        self.left[name] = (entry.signature, str(left))

    def is_read(self, name: str) -> bool:
        """Says whether a file was read to its end as it stands, or none has rested."""
        try:
            with self.files.opened(name) as (entry, _):
                return self.left.get(name, ("", ""))[0] == entry.signature
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Ends the thread, once what runs is done."""
        self._worker.shutdown(wait=False)


def words_of(error: OSError) -> str:
    """What the system says of a file, without the path that leads to it."""
    name = Path(str(error.filename)).name if error.filename else "the folder"
    return f"{name}: {error.strerror or type(error).__name__}"
