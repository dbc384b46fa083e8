"""Several workers behind one port: who starts them, starts anew one that died, and ends them all.

The supervisor serves nothing and opens no store: it waits for signals and for its children. What a
worker does stands in ``gateway.serving``; what they tell of each other, in ``gateway.siblings``.
"""

import logging
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import NoReturn

from gateway.reloading import Early
from gateway.settings_process import WORKERS_MAX

STEADY_SECONDS = 30.0
"""Who has served for so long has started well: its end is not held against the next one."""

PAUSE_SECONDS, PAUSE_MAX_SECONDS = 0.5, 15.0
"""The pause before a worker's second start in a row, which doubles from one to the next; and the
longest: a store that comes back is served again within so long."""

LOOK_SECONDS, SILENT_LOOKS = 10.0, 3
"""How often the supervisor looks who has said anything since its last look, and how many times in a
row somebody may have said nothing until it is taken for hung and killed. Looks are counted, not
seconds, so that a machine that was asleep kills nobody."""

BEAT_SECONDS = 2.0
"""How often a worker says that it is well."""

END_SECONDS = 5.0
"""How much longer than a worker's own patience its supervisor waits before it kills it."""

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HEARD = (*_PASSED_ON, signal.SIGCHLD)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker knows of itself: its number, how many there are, and where they meet.

    ``greets`` is so for the first one of a crew. ``serving`` is to be called when it is open, and
    every ``BEAT_SECONDS`` from then on.
    """

    number: int
    of: int
    meeting: Path
    greets: bool
    early: Early
    serving: Callable[[], None]


Work = Callable[[Post], int]
"""What a worker does, until it ends; its exit code."""


def pause_after(failures: int) -> float:
    """How long to wait before a start, when so many ended early one after another: a first one is
    started anew at once.
    """
    if failures < 2:
        return 0.0
    doublings = min(failures - 2, 16)  # far beyond the longest pause
    return float(min(PAUSE_MAX_SECONDS, PAUSE_SECONDS * 2**doublings))


@dataclass(slots=True)
class _Place:
    """One worker's place, whoever has it; ``due`` is when it is to be started, None: it runs."""

    number: int
    due: float | None
    pid: int = 0
    born: float = 0.0
    failures: int = 0
    served: bool = False
    silent_looks: int = 0


@dataclass(slots=True)
class _Ears:
    """What wakes the supervisor: signals, workers that say that they serve; and what tells a worker
    that its supervisor is gone.
    """

    signals: socket.socket
    woken: socket.socket
    told: int
    telling: int
    lifeline: int
    held: int

    @classmethod
    def opened(cls) -> "_Ears":
        signals, woken = socket.socketpair()
        for end in (signals, woken):
            end.setblocking(False)
        return cls(signals, woken, *os.pipe(), *os.pipe())

    def left_to_the_supervisor(self) -> None:
        """Closes a worker's copies of what only the supervisor has."""
        self.signals.close()
        self.woken.close()
        os.close(self.told)
        os.close(self.held)

    def close(self) -> None:
        """Closes all of it."""
        self.left_to_the_supervisor()
        os.close(self.telling)
        os.close(self.lifeline)


@dataclass(slots=True)
class Crew:
    """``size`` workers. ``patience_seconds`` is the longest that one may take to end by itself."""

    size: int
    work: Work
    patience_seconds: float
    ticks: Callable[[], float] = time.monotonic
    look_seconds: float = LOOK_SECONDS
    _ears: _Ears = field(default_factory=_Ears.opened)
    _places: list[_Place] = field(default_factory=list)
    _look: float = 0.0
    _opened: bool = False
    _reloaded: bool = False
    _until: float | None = None
    _code: int = 0

    def run(self) -> int:
        """Has the workers work until it is told to stop (SIGTERM, SIGINT), and passes that and
        SIGHUP on; an exit code: that of the first worker, if it ended before it ever served.

        The first worker opens the store alone; the others follow when it serves.
        """
        self._places = [_Place(number, None) for number in range(self.size)]
        self._places[0].due = self.ticks()
        self._look = self.ticks() + self.look_seconds
        with closing(self._ears), _heard(self._ears.woken), _meeting() as meeting:
            while any(at.pid or at.due is not None for at in self._places):
                self._start_due(meeting)
                self._listen()
                self._look_after()
                self._reap()
                self._end_late()
        return self._code

    # ---- what is heard -------------------------------------------------------------------------

    def _listen(self) -> None:
        """Waits for a signal, a worker's word, or the next thing to do."""
        ears, now = self._ears, self.ticks()
        times = [self._look, *(at.due for at in self._places if at.due is not None)]
        times += [self._until] if self._until is not None else []
        wait = max(0.0, min(times) - now)
        listened: list[socket.socket | int] = [ears.signals, ears.told]
        ready, _, _ = select.select(listened, [], [], wait)
        if ears.told in ready:
            for number in os.read(ears.told, WORKERS_MAX):
                self._serves(self._places[number])
        if ears.signals in ready:
            for heard in ears.signals.recv(1024):
                self._obey(heard)

    def _look_after(self) -> None:
        """Kills whoever serves and has said nothing for too long: its loop is hung, and what comes
        to its part of the port waits.
        """
        if self.ticks() < self._look:
            return
        self._look = self.ticks() + self.look_seconds
        for place in self._places:
            place.silent_looks += place.served
            if place.pid and place.silent_looks > SILENT_LOOKS and self._until is None:
                log.error("worker %d (process %d) says nothing any more", place.number, place.pid)
                os.kill(place.pid, signal.SIGKILL)

    def _serves(self, place: _Place) -> None:
        place.served, place.silent_looks = True, 0
        if not self._opened and self._until is None:
            self._opened = True
            for other in self._places[1:]:
                other.due = self.ticks()

    def _obey(self, heard: int) -> None:
        if heard not in _PASSED_ON:
            return
        if heard == signal.SIGHUP:
            self._reloaded = True
        else:
            self._stop()
        self._tell(heard)

    def _stop(self) -> None:
        if self._until is None:
            self._until = self.ticks() + self.patience_seconds + END_SECONDS
        for place in self._places:
            place.due = None

    def _tell(self, number: int) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)  # it is ours until it is reaped

    def _end_late(self) -> None:
        if self._until is not None and self.ticks() >= self._until:
            log.error("workers did not end in time and are killed")
            self._tell(signal.SIGKILL)
            self._until = self.ticks() + END_SECONDS

    # ---- starting and ending -------------------------------------------------------------------

    def _start_due(self, meeting: Path) -> None:
        for place in self._places:
            if place.due is not None and place.due <= self.ticks():
                place.due, place.born, place.served = None, self.ticks(), False
                place.silent_looks = 0
                try:
                    self._start(place, meeting)
                except OSError as error:
                    self._ended(place, f"could not be started ({error.strerror})", 1)

    def _start(self, place: _Place, meeting: Path) -> None:
        """Forks; no signal is lost between the two lives of the process."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(place, meeting)
            place.pid = pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)

    def _become(self, place: _Place, meeting: Path) -> NoReturn:
        """Goes on as a worker. A group of its own keeps Ctrl-C from reaching it twice."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            early = Early()
            early.came = self._reloaded  # what the others have taken over since the start
            self._ears.left_to_the_supervisor()
            lifeline = (self._ears.lifeline, self.patience_seconds, meeting)
            threading.Thread(target=_hold_on, args=lifeline, daemon=True).start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)  # here: that thread takes no signal
            serving = partial(_say, self._ears.telling, place.number)
            code = self.work(
                Post(place.number, self.size, meeting, not self._opened, early, serving)
            )
        except BaseException:  # the outermost place of this process
            log.exception("a worker failed in our own code")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for place in self._places:
            if not place.pid:
                continue
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                place.pid = 0
                code = os.waitstatus_to_exitcode(status)
                how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
                self._ended(place, f"(process {pid}) {how}", code)

    def _ended(self, place: _Place, how: str, code: int) -> None:
        if self._until is not None:  # it was told to, and may have been before it could heed that
            if code and (place.served or -code not in _PASSED_ON):
                self._code = 1
            return
        if not self._opened:
            self._code = code if code > 0 else 1
            self._stop()
            return
        steady = self.ticks() - place.born >= STEADY_SECONDS
        place.failures = 1 if steady else place.failures + 1
        pause = pause_after(place.failures)
        place.due = self.ticks() + pause
        log.error("worker %d %s; it is started anew in %g s", place.number, how, pause)


def _say(telling: int, number: int) -> None:
    """Has the supervisor know that a worker serves, while there is one."""
    with suppress(BrokenPipeError):  # the lifeline says so too, and ends the worker
        os.write(telling, bytes([number]))


def _hold_on(lifeline: int, patience_seconds: float, meeting: Path) -> None:
    """Ends a worker whose supervisor is gone, by steps, then hard: nobody else would."""
    os.read(lifeline, 1)  # nobody writes; it ends when nobody could any more
    rmtree(meeting, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(patience_seconds + END_SECONDS)
    os._exit(1)


@contextmanager
def _heard(woken: socket.socket) -> Iterator[None]:
    """Has signals wake the supervisor instead of ending it."""
    before = {number: signal.signal(number, lambda *_: None) for number in _HEARD}
    fd = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _meeting() -> Iterator[Path]:
    """A folder of this crew alone, for as long as it works."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)
