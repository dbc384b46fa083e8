"""Medusa for the race: installed once, seeded once, then started as often as it is raced.

    python -m bench.peers.medusa.house

installs and seeds. What is slow to make is kept outside the tree, under
``~/.cache/unified-commerce-gateway``: the packages by the content of their pins, the seeded cluster
of PostgreSQL by the content of the seed. Everything listens on 127.0.0.1 only.
"""

import http.client
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from tests.live import debian
from tests.live.houses import cache, fingerprint
from tests.live.node import PINS, are_installed, install, node
from tests.live.postgres import Cluster
from tests.live.processes import Kept, SystemFailed, free_port, locked, run, say, taken

VERSION = "2.21.2"
DATABASE, OWNER = "medusa", "medusa"
ADMIN = "race@example.com"
SKUS = 60
INSTALL_SECONDS = 600  # took 60 to 170
SEED_SECONDS = 300  # took 24
START_SECONDS = 180  # took 6 to 8, and 16 two of them
POOL_OF_LOCKS = 80  # each that waits for a lock in PostgreSQL keeps a connection meanwhile

PROGRAMS = ("medusa-config.js", "seed.js")


class Locks(StrEnum):
    """Where Medusa keeps its locks: in each process, or where all processes see them."""

    MEMORY = "memory"
    POSTGRES = "postgres"
    REDIS = "redis"


@dataclass(frozen=True)
class MedusaHouse:
    """Medusa as installed, with a seeded cluster. Nothing runs yet."""

    app: Path
    home: Path

    @classmethod
    def ready(cls) -> Self:
        """Installs and seeds if that was not done yet; a second caller waits for the first.

        Raises:
            SystemFailed: a part could not be installed; the message says which, and its log.
        """
        pins = fingerprint(*(_beside(name) for name in PINS))
        content = fingerprint(*(_beside(name) for name in (*PROGRAMS, "house.py")))
        house = cls(cache() / f"medusa-app-{pins}", cache() / f"medusa-{pins}-{content}")
        if are_installed(house.app) and house._seeded():
            return house
        with locked(cache() / f"medusa-{pins}.lock"):
            if not are_installed(house.app):
                install(Path(__file__).parent, house.app, "@medusajs/medusa", INSTALL_SECONDS)
            if not house._seeded():
                house._seed()
        return house

    @property
    def cluster(self) -> Path:
        """The seeded cluster."""
        return self.home / "cluster"

    def secret(self, of: str) -> str:
        """Of ``admin``, ``database`` or ``tokens``."""
        known: Mapping[str, str] = json.loads((self.home / "secrets.json").read_text())
        return known[of]

    def facts(self) -> Mapping[str, Any]:
        """Ids of what was seeded, and the key that shoppers send."""
        known: Mapping[str, Any] = json.loads((self.home / "facts.json").read_text())
        return known

    def laid_out(self, folder: Path) -> Path:
        """The folder that a server runs in, with its packages beside it."""
        (folder / "src").mkdir(parents=True, exist_ok=True)
        for name in ("package.json", *PROGRAMS):
            shutil.copyfile(_beside(name), folder / name)
        packages = folder / "node_modules"
        if not packages.exists():
            packages.symlink_to(self.app / "node_modules")
        return folder

    def command(self, *words: str) -> list[str]:
        """One command of Medusa's own command line."""
        return [node(), "node_modules/@medusajs/cli/cli.js", *words]

    def variables(self, database_port: int, locks: Locks, redis_port: int) -> dict[str, str]:
        """The environment of all its programs."""
        database = f"{OWNER}:{self.secret('database')}@127.0.0.1:{database_port}/{DATABASE}"
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.home),
            "TZ": "UTC",
            "NODE_ENV": "production",
            "MEDUSA_DISABLE_TELEMETRY": "true",
            "DATABASE_URL": f"postgres://{database}",
            "SECRET": self.secret("tokens"),
            "LOCKS": locks,
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}",
            "POOL": str(POOL_OF_LOCKS) if locks is Locks.POSTGRES else "",
        }

    def _seeded(self) -> bool:
        return self.cluster.exists()

    def _seed(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        made = {of: secrets.token_urlsafe(24) for of in ("admin", "database", "tokens")}
        kept = self.home / "secrets.json"
        kept.touch(0o600)
        kept.write_text(json.dumps(made))
        say("making and seeding Medusa's database")
        log = self.home / "seeding.log"
        cluster = Cluster.made(OWNER, made["database"], log)
        with tempfile.TemporaryDirectory(prefix="medusa-") as scratch:
            folder = self.laid_out(Path(scratch))
            try:
                cluster.start()
                cluster.sql(f"create database {DATABASE}")
                # The provider in PostgreSQL has a table, whichever a server uses later.
                variables = self.variables(cluster.port, Locks.POSTGRES, 0) | {
                    "ADMIN_EMAIL": ADMIN,
                    "ADMIN_PASSWORD": made["admin"],
                    "SKUS": str(SKUS),
                    "FACTS": str(self.home / "facts.json"),
                }
                for words in (("db:migrate",), ("exec", "./seed.js")):
                    command = self.command(*words)
                    run(command, log, cwd=folder, variables=variables, seconds=SEED_SECONDS)
                self.facts()
                cluster.stop()
                cluster.keep(self.cluster)
            finally:
                cluster.removed()


class RunningMedusa:
    """One server process on a database of its caller. It keeps its port for as long as it lives."""

    def __init__(self, house: MedusaHouse, folder: Path, variables: Mapping[str, str]) -> None:
        self.port = free_port()
        self.log = folder / "medusa.log"
        self._house = house
        self._folder = house.laid_out(folder)
        self._variables = variables
        self._server: Kept | None = None

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        if taken(self.port):
            raise SystemFailed(f"port {self.port} is taken")
        server = Kept(
            self._house.command("start", "--host", "127.0.0.1", "--port", str(self.port)),
            self.log,
            cwd=self._folder,
            variables=self._variables,
        )
        self._server = server
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not server.alive or time.monotonic() > deadline:
                self.kill()
                raise SystemFailed(f"Medusa did not start within {START_SECONDS} s; see {self.log}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Ends it as an operator would."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """Ends it in the middle of what it does."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Redis:
    """A Redis that keeps nothing, for locks that several processes share."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        words = (
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        )
        self._server = Kept(
            [debian.redis(), *words],
            folder / "redis.log",
            ended_by=signal.SIGTERM,
            cwd=folder,
            variables={"PATH": os.environ.get("PATH", "")},
        )
        deadline = time.monotonic() + START_SECONDS
        while not taken(self.port):
            if not self._server.alive or time.monotonic() > deadline:
                self.stop()
                raise SystemFailed(f"Redis did not start; see {folder / 'redis.log'}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it."""
        self._server.stop()


def _beside(name: str) -> Path:
    return Path(__file__).parent / name


def main() -> int:
    """Installs and seeds, and says where."""
    try:
        print(MedusaHouse.ready().home)
    except SystemFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
