"""A PostgreSQL of a system's own: private clusters, made from a folder and gone without a trace.

A cluster lies in a folder of its own below the system's folder for temporary files, as its owner
must be able to reach it: PostgreSQL does not run as root, who borrows ``postgres`` or ``nobody``.
It listens on one port of 127.0.0.1 and asks for a password. What is written need not outlive the
machine, so nothing waits for the disk.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.live import debian
from tests.live.processes import Kept, SystemFailed, free_port, run

START_SECONDS = 60
SQL_SECONDS = 60

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
shared_buffers = 64MB
min_wal_size = 32MB
fsync = off
synchronous_commit = off
full_page_writes = off
"""


def _borrowed() -> str | None:
    """Who runs it: ourselves, or for root somebody who may do less."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


class Cluster:
    """One cluster. It keeps its port for as long as it lives and comes back."""

    def __init__(self, folder: Path, owner: str, password: str, log: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = log
        self._owner = owner
        self._password = password
        self._programs = debian.postgres()
        self._server: Kept | None = None

    @classmethod
    def made(cls, owner: str, password: str, log: Path) -> Self:
        """A new cluster without databases of ours."""
        cluster = cls(_folder(), owner, password, log)
        secret = cluster.folder / "password"
        secret.touch(0o600)
        secret.write_text(password)
        user = _borrowed()
        if user is not None:
            shutil.chown(secret, user)
        try:
            run(
                [
                    *(cluster._programs / "initdb", "--pgdata", cluster.folder / "data"),
                    *("--username", owner, "--pwfile", secret, "--auth", "scram-sha-256"),
                    *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
                ],
                log,
                cwd=Path("/"),
                variables=_variables(),
                user=user,
            )
        finally:
            secret.unlink()
        with (cluster.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        return cluster

    @classmethod
    def copied(cls, kept: Path, owner: str, password: str, log: Path) -> Self:
        """A copy of a cluster that was kept, made with that owner and password."""
        cluster = cls(_folder(), owner, password, log)
        shutil.copytree(kept, cluster.folder / "data")
        if (user := _borrowed()) is not None:
            for at, folders, files in os.walk(cluster.folder):
                for name in (".", *folders, *files):
                    shutil.chown(Path(at, name), user, _group(user))
        return cluster

    @property
    def alive(self) -> bool:
        return self._server is not None and self._server.alive

    def start(self) -> None:
        """Starts it, and returns when it takes questions."""
        assert not self.alive
        server = Kept(
            [self._programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)],
            self.log,
            ended_by=signal.SIGINT,  # a fast shutdown: nobody is waited for
            cwd=Path("/"),
            user=_borrowed() or "",
            variables=_variables(),
        )
        self._server = server
        deadline = time.monotonic() + START_SECONDS
        asking = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(asking, timeout=START_SECONDS, check=False).returncode:
            if not server.alive or time.monotonic() > deadline:
                self.stop()
                raise SystemFailed(f"PostgreSQL did not start; see {self.log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends it; what was committed is kept. Does nothing to one that has ended."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def removed(self) -> None:
        """Ends it and removes all of it."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, kept: Path) -> None:
        """Copies it, stopped, whole or not at all."""
        assert not self.alive
        whole = kept.with_suffix(".new")
        for old in (whole, kept):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(self.folder / "data", whole, ignore=shutil.ignore_patterns("postmaster.*"))
        whole.replace(kept)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Runs one statement as the owner: outside of the system's own database, unless named."""
        told = subprocess.run(
            [
                *(self._programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                *("-h", "127.0.0.1", "-p", str(self.port), "-U", self._owner, "-d", database),
                *("-c", statement),
            ],
            env={**_variables(), "PGPASSWORD": self._password},
            capture_output=True,
            text=True,
            timeout=SQL_SECONDS,
            check=False,
        )
        if told.returncode:
            raise SystemFailed(f"{statement}: {told.stderr.strip()[:300]}")
        return told.stdout.strip()


def _variables() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "TZ": "UTC"}


def _folder() -> Path:
    """A new folder that belongs to whoever runs the server."""
    folder = Path(tempfile.mkdtemp(prefix="live-postgres-"))
    if (user := _borrowed()) is not None:
        shutil.chown(folder, user, _group(user))
    return folder


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
