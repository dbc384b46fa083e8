"""A folder that another system drops files into and takes files from: what may be read, and how a
file is put down once and whole. What stands in the files is the vendor's module's.

Nothing outside the folder is ever opened: names have no path, and links are not followed. A file
counts once it has rested; one that changes under a reader is not believed. All of it blocks.
"""

import codecs
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from resolvers.domain.errors import BackendUnavailable, NotUnderstood, UnknownOutcome

HERE = ""
"""The folder itself, among its folders."""

LINE_CHARS_MAX = 64 * 1024
"""Longest line that is read."""

FILES_MAX = 100_000
"""Most names of one folder that are looked at."""

AHEAD_MAX_SECONDS = 300.0
"""How far the clock that stamps files may be ahead of ours."""

_PLAIN = re.compile(r"[^/\x00]{1,200}")
_CHUNK = 1024 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as it was seen: ``written`` and ``arrived`` are nanoseconds since 1970, by the file's
    own stamp and by that of its last move.
    """

    name: str
    size: int
    written: int
    arrived: int
    inode: int

    @property
    def signature(self) -> str:
        """The same for as long as it is the same file with the same content."""
        return f"{self.written:x}-{self.size:x}-{self.inode:x}"

    @property
    def stamp(self) -> datetime:
        """When it was written, aware UTC."""
        return datetime.fromtimestamp(self.written / 1e9, UTC)


@dataclass(frozen=True, slots=True)
class DropFolder:
    """One folder. ``encoding`` is of its texts, None for UTF-8 where it is that, else GB18030; a
    file has rested when it has not been written for ``quiet_seconds``.
    """

    code: str
    path: Path
    clock: Callable[[], datetime]
    quiet_seconds: float = 2.0
    encoding: str | None = None

    def entries(self, pattern: re.Pattern[str], folder: str = HERE) -> list[Entry]:
        """Files that have rested and whose whole name fits, the eldest first. What is no plain file
        is not among them; one of its folders that is not there has none.
        """
        found: list[Entry] = []
        with suppress(FileNotFoundError), self._at(folder) as at, os.scandir(at) as names:
            for count, name in enumerate(names):
                if count == FILES_MAX:
                    raise self._unusable(folder, f"it has more than {FILES_MAX} files")
                if pattern.fullmatch(name.name) and name.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # taken away meanwhile: the others are there
                        entry = _entry(name.name, name.stat(follow_symlinks=False))
                        found += [entry] if self.rested(entry) else []
        return sorted(found, key=lambda it: (it.written, it.name))

    def rested(self, entry: Entry) -> bool:
        """Says whether nobody writes a file any more. One from the future is never believed."""
        age = self.clock().timestamp() - entry.written / 1e9
        return age >= (self.quiet_seconds or -AHEAD_MAX_SECONDS)

    @contextmanager
    def opened(self, name: str, folder: str = HERE) -> Iterator[tuple[Entry, BinaryIO]]:
        """A file and what it is, if it has rested and stays as it is until the block ends.

        Raises:
            FileNotFoundError: there is none that has rested.
            BackendUnavailable: it is no plain file, or was written meanwhile.
        """
        if _PLAIN.fullmatch(name) is None or name in (".", ".."):
            raise FileNotFoundError(name)
        with self._at(folder) as at:
            handle = os.open(name, os.O_RDONLY | _FILE, dir_fd=at)
        with os.fdopen(handle, "rb") as file:
            seen = os.fstat(handle)
            if not stat.S_ISREG(seen.st_mode):
                raise self._unusable(name, "it is no plain file")
            before = _entry(name, seen)
            if not self.rested(before):
                raise FileNotFoundError(name)
            yield before, file
            if _entry(name, os.fstat(handle)).signature != before.signature:
                raise self._unusable(name, "it was written while it was read")

    @contextmanager
    def lines(self, name: str, folder: str = HERE) -> Iterator[tuple[Entry, Iterator[str | None]]]:
        """A text's lines, None for one that is too long. Raises as ``opened``.

        Raises:
            NotUnderstood: it is in no encoding that is read.
        """
        with self.opened(name, folder) as (entry, file):
            encoding = self.encoding or _encoding_of(file)
            file.seek(0)
            text = io.TextIOWrapper(file, encoding, errors="strict", newline=None)
            try:
                yield entry, _lines(text)
            except UnicodeError:
                raise NotUnderstood(f"{name} is neither UTF-8 nor GB18030") from None
            finally:
                text.detach()

    def move(self, name: str, folder: str, to_folder: str, to_name: str) -> None:
        """Moves a file, in place of one of that name; one that is not there is no error."""
        with self._at(folder) as source, self._made(to_folder) as target:
            try:
                os.replace(name, to_name, src_dir_fd=source, dst_dir_fd=target)
            except FileNotFoundError:
                return
            os.fsync(target)

    def put(self, name: str, content: bytes, folder: str, own: str) -> None:
        """Puts a file down once, whole, however often it is asked to, also when somebody takes it
        away in between. ``own`` is a folder of ours, on the same disk.

        What is written waits there, then a note that it is to be put down is made, then it is moved
        to where it belongs: a note without a file that waits says that it was.

        Raises:
            UnknownOutcome: it may lie there, but perhaps not for good.
        """
        note, waiting = f"{name}.put", f"{name}.waiting"
        with self._made(folder) as target, self._made(own) as ours:
            if not _is_there(note, ours):
                _write(waiting, content, ours)
                _write(note, b"", ours)
            try:
                os.replace(waiting, name, src_dir_fd=ours, dst_dir_fd=target)
            except FileNotFoundError:
                return
            try:
                os.fsync(target)
            except OSError as error:
                told = f"{name}: {error.strerror or type(error).__name__}"
                raise UnknownOutcome(told, backend=self.code) from error

    def clock_ahead(self, folder: str) -> float:
        """Writes a file of no content and takes it away again; by how many seconds its stamp is
        ahead of our clock.
        """
        name = ".gateway-probe"
        with self._made(folder) as at:
            _write(name, b"", at)
            written = os.stat(name, dir_fd=at, follow_symlinks=False).st_mtime
            os.unlink(name, dir_fd=at)
        return written - self.clock().timestamp()

    @contextmanager
    def _at(self, folder: str) -> Iterator[int]:
        """A handle on one of its folders; links among them are not followed.

        Raises:
            BackendUnavailable: the folder itself is not there: what it held is not gone for that.
        """
        try:
            root = os.open(self.path, _DIRECTORY)
        except FileNotFoundError as error:
            told = f"{self.code}: {self.path.name}: {error.strerror}"
            raise BackendUnavailable(told, backend=self.code) from None
        handles = [root]
        try:
            for part in filter(None, folder.split("/")):
                handles.append(os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=handles[-1]))
            yield handles[-1]
        finally:
            for handle in handles:
                os.close(handle)

    @contextmanager
    def _made(self, folder: str) -> Iterator[int]:
        """The same, made where it is not there."""
        parts = folder.split("/")
        for count, part in enumerate(parts):
            with self._at("/".join(parts[:count])) as at:
                try:
                    os.mkdir(part, dir_fd=at)
                except FileExistsError:
                    continue
        with self._at(folder) as at:
            yield at

    def _unusable(self, what: str, why: str) -> BackendUnavailable:
        return BackendUnavailable(f"{what or 'the folder'}: {why}", backend=self.code)


def _entry(name: str, seen: os.stat_result) -> Entry:
    arrived = max(seen.st_mtime_ns, seen.st_ctime_ns)
    return Entry(name, seen.st_size, seen.st_mtime_ns, arrived, seen.st_ino)


def _is_there(name: str, at: int) -> bool:
    try:
        os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write(name: str, content: bytes, at: int) -> None:
    """Writes a file whole and for good, in place of one of that name."""
    half = f".{name}.half"
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FILE, 0o640, dir_fd=at)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    os.replace(half, name, src_dir_fd=at, dst_dir_fd=at)
    os.fsync(at)


def _encoding_of(file: BinaryIO) -> str:
    """UTF-8 if all of it is, else GB18030; told from the bytes, a piece at a time."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := file.read(_CHUNK):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def _lines(text: io.TextIOWrapper) -> Iterator[str | None]:
    while line := text.readline(LINE_CHARS_MAX):
        if line.endswith("\n") or len(line) < LINE_CHARS_MAX:
            yield line
            continue
        while line and not line.endswith("\n"):
            line = text.readline(LINE_CHARS_MAX)
        yield None
