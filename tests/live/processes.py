"""Programs that live systems consist of: run to their end, or kept as long as we live.

Nothing of any of the systems here. Ports are on 127.0.0.1.
"""

import contextlib
import fcntl
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

STEP_SECONDS = 900  # any one program of the set-up; the longest took 100 on two cores
LOCK_SECONDS = 3 * STEP_SECONDS
STOP_SECONDS = 20

# Below the range that Linux gives to outgoing connections: there, a client that keeps trying a
# port whose server is down can be given that very port and be connected to itself.
PORTS = range(20_000, 32_000)

# Starts a program as a user, ends it by a signal when standard input ends, and at once when a "k"
# comes first. Input ends when the process that started it is gone, however it went.
TETHER = """
import os, pwd, signal, subprocess, sys, threading
how, user, command = getattr(signal, sys.argv[1]), sys.argv[2], sys.argv[3:]
as_user = {}
if user:
    known = pwd.getpwnam(user)
    as_user = {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **as_user)

def watch():
    if os.read(0, 1) == b"k":
        return os.killpg(child.pid, signal.SIGKILL)
    child.send_signal(how)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)

threading.Thread(target=watch, daemon=True).start()
sys.exit(child.wait())
"""

Command = Sequence[str | Path]


class SystemFailed(Exception):
    """A system could not be installed, seeded or started; the message says what to do."""


class Kept:
    """A program that runs until it is stopped, or until we are gone."""

    def __init__(
        self,
        command: Command,
        log: Path,
        *,
        cwd: Path,
        variables: Mapping[str, str],
        ended_by: signal.Signals = signal.SIGTERM,
        user: str = "",
    ) -> None:
        with log.open("ab") as output:
            self._tether = subprocess.Popen(
                [sys.executable, "-c", TETHER, ended_by.name, user, *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(variables),
                start_new_session=True,  # Ctrl-C is for the one who started it
            )

    @property
    def alive(self) -> bool:
        return self._tether.poll() is None

    def stop(self) -> None:
        """Ends it as an operator would."""
        self._end(b"")

    def kill(self) -> None:
        """Ends it in the middle of what it does."""
        self._end(b"k")

    def _end(self, word: bytes) -> None:
        assert self._tether.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._tether.stdin.write(word)
            self._tether.stdin.close()
        try:
            self._tether.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._tether.kill()
            self._tether.wait(STOP_SECONDS)


def run(
    command: Command,
    log: Path,
    *,
    cwd: Path,
    variables: Mapping[str, str],
    user: str | None = None,
    seconds: float = STEP_SECONDS,
) -> None:
    """Runs a program to its end. Its output goes to the log."""
    with log.open("ab") as output:
        try:
            subprocess.run(
                list(map(str, command)),
                check=True,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(variables),
                user=user,
                group=user,
                extra_groups=[] if user else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SystemFailed(f"{shlex.join(map(str, command))} failed; see {log}") from error


def free_port() -> int:
    return next(port for port in random.sample(PORTS, len(PORTS)) if not taken(port))


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock that ends with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for second in range(LOCK_SECONDS):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if second == 0:
                    say("waiting for another process that installs it")
                time.sleep(1)
        else:
            raise SystemFailed(f"another process has held {path} for {LOCK_SECONDS} s")
        yield


def say(progress: str) -> None:
    print(f"live: {progress}", file=sys.stderr, flush=True)
