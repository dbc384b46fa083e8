"""A real CRM for the live tests: installed once, seeded once, started in a moment.

    python -m tests.live_crm.house serve [--port PORT]

What is slow to make is kept outside the tree, under ``~/.cache/unified-commerce-gateway``: the
packages and an empty database by the content of their pins, the seeded database by that of the
seed. A running CRM works on a copy: PostgreSQL, Redis, its worker and its web server, all of its
own and on 127.0.0.1.
"""

import http.client
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.live import debian
from tests.live.houses import cache, command, fingerprint, until_told
from tests.live.postgres import Cluster
from tests.live.processes import Command, Kept, SystemFailed, free_port, locked, run, say, taken

DATABASE, TEMPLATE, ROLE = "crm", "crm_seed", "crm_app"
OWNER = "owner"
START_SECONDS = 120  # took 7 to 10

PINS = ("requirements.txt",)
SEED = ("seed.py", "people.py", "crm_local.py")


@dataclass(frozen=True)
class CrmHouse:
    """The CRM as installed, with a seeded cluster. Nothing runs yet."""

    app: Path
    home: Path

    @classmethod
    def ready(cls) -> Self:
        """Installs and seeds if that was not done yet; a second caller waits for the first."""
        pins, content = (fingerprint(*map(_beside, names)) for names in (PINS, SEED))
        house = cls(cache() / f"crm-app-{pins}", cache() / f"crm-{pins}-{content}")
        debian.redis()  # the machine may have changed since
        debian.postgres()
        if house._installed() and house._seeded():
            return house
        with locked(cache() / f"crm-{pins}.lock"):
            if not house._installed():
                house._install()
            if not house._migrated():
                house._migrate()
            if not house._seeded():
                house._seed()
        return house

    @property
    def python(self) -> Path:
        return self.app / "venv" / "bin" / "python"

    @property
    def secrets_file(self) -> Path:
        """What one logs in with; its owner alone may read it."""
        return self.home / "secrets.json"

    def token(self, of: str) -> str:
        """Of ``gateway``, of ``staff`` or a ``guide``; or an administrator's ``session``."""
        known: Mapping[str, str] = json.loads(self.secrets_file.read_text())
        return known[of]

    def start(self, workdir: Path, port: int | None = None) -> "RunningCrm":
        """Serves a copy of the seeded CRM."""
        return self._run(self.home / "cluster", workdir, port)

    def key(self, of: str) -> str:
        """Of the ``database`` or that of all ``sessions``."""
        known: Mapping[str, str] = json.loads((self.app / "keys.json").read_text())
        return known[of]

    def _run(self, cluster: Path, workdir: Path, port: int | None = None) -> "RunningCrm":
        copy = Cluster.copied(cluster, OWNER, self.key("database"), workdir / "postgres.log")
        running = RunningCrm(self, workdir, copy, free_port() if port is None else port)
        try:
            running.start_again()
        except BaseException:
            running.close()
            raise
        return running

    def _installed(self) -> bool:
        """A link to an interpreter that has since been removed does not count as existing."""
        return (self.app / "installed").exists() and self.python.exists()

    def _migrated(self) -> bool:
        return (self.app / "cluster").exists()

    def _seeded(self) -> bool:
        return (self.home / "cluster").exists()

    def _install(self) -> None:
        python = debian.python()
        say(f"installing into {self.app}")
        self.app.mkdir(parents=True, exist_ok=True)
        keys = self.app / "keys.json"
        keys.touch(0o600)
        keys.write_text(json.dumps({of: secrets.token_hex(32) for of in ("database", "sessions")}))
        log, venv = self.app / "install.log", self.app / "venv"
        pip: Command = [self.python, "-m", "pip", "--disable-pip-version-check", "install"]
        pinned = ["--no-deps", "--require-hashes", "--only-binary=:all:"]
        with tempfile.TemporaryDirectory(prefix="crm-") as scratch:
            at = Path(scratch)
            run([python, "-m", "venv", "--clear", venv], log, cwd=at, variables=os.environ)
            wanted: Command = ["--requirement", _beside("requirements.txt")]
            run([*pip, *pinned, *wanted], log, cwd=at, variables=os.environ)
        (self.app / "installed").touch()

    def _migrate(self) -> None:
        say("creating the database")
        log = self.app / "migrate.log"
        cluster = Cluster.made(OWNER, self.key("database"), log)
        with tempfile.TemporaryDirectory(prefix="crm-") as scratch:
            running = RunningCrm(self, Path(scratch), cluster, free_port())
            try:
                cluster.start()
                # No superuser: PostgreSQL would skip the rules that keep organizations apart.
                cluster.sql(f"create role {ROLE} login password '{self.key('database')}'")
                cluster.sql(f"create database {DATABASE} owner {ROLE}")
                running.program(["-m", "django", "migrate", "--no-input"], log)
                cluster.stop()
                cluster.keep(self.app / "cluster")
            finally:
                running.close()

    def _seed(self) -> None:
        say("entering the people")
        self.home.mkdir(parents=True, exist_ok=True)
        log = self.home / "seed.log"
        cluster = Cluster.copied(self.app / "cluster", OWNER, self.key("database"), log)
        with tempfile.TemporaryDirectory(prefix="crm-") as scratch:
            running = RunningCrm(self, Path(scratch), cluster, free_port())
            try:
                cluster.start()
                running.program([str(_beside("seed.py")), str(self.secrets_file)], log)
                cluster.sql(f"create database {TEMPLATE} template {DATABASE} owner {ROLE}")
                cluster.stop()
                cluster.keep(self.home / "cluster")
            finally:
                running.close()


class RunningCrm:
    """One CRM on a cluster of its own. It keeps its ports for as long as it lives."""

    def __init__(self, house: CrmHouse, workdir: Path, cluster: Cluster, port: int) -> None:
        self.house = house
        self.workdir = workdir
        self.postgres = cluster
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = workdir / "web.log"
        self._redis_port = free_port()
        self._kept: dict[str, Kept] = {}
        (workdir / "mail").mkdir(exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def token(self) -> str:
        """The gateway's."""
        return self.house.token("gateway")

    @property
    def alive(self) -> bool:
        return self.postgres.alive and all(kept.alive for kept in self._kept.values())

    def start_again(self) -> None:
        """Starts what does not run, and returns when the web answers and the worker works."""
        if not self.postgres.alive:
            self.postgres.start()
        if "web" not in self._kept and taken(self.port):
            # That server's answers would pass for ours.
            raise SystemFailed(f"port {self.port} is taken")
        django: Command = [self.house.python, "-m"]
        here = ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning"]
        worker: Command = [
            "worker",
            "--beat",
            "--schedule",
            self.workdir / "beat",
            "--concurrency",
            "1",
        ]
        commands: Mapping[str, Command] = {
            "redis": [
                *(debian.redis(), "--port", str(self._redis_port), "--bind", "127.0.0.1"),
                *("--dir", self.workdir, "--save", "", "--appendonly", "no"),
            ],
            "web": [*django, "uvicorn", "crm.asgi:application", *here],
            "worker": [*django, "celery", "-A", "crm", *worker, "--loglevel", "INFO"],
        }
        for name, program in commands.items():
            if name not in self._kept:
                log, variables = self.workdir / f"{name}.log", self._variables()
                log.unlink(missing_ok=True)
                self._kept[name] = Kept(program, log, cwd=self.workdir, variables=variables)
        self._wait_until_it_works()

    def stop_web(self) -> None:
        """Ends the web server as an operator would; all else goes on."""
        self._kept.pop("web").stop()

    def kill(self, name: str) -> None:
        """Ends ``web``, ``worker`` or ``redis`` in the middle of what it does."""
        self._kept.pop(name).kill()

    def reset(self) -> None:
        """Puts the books back to the day they were seeded; tokens and ports stay."""
        self.postgres.sql(f"drop database if exists {DATABASE} with (force)")
        self.postgres.sql(
            f"create database {DATABASE} template {TEMPLATE} owner {ROLE} strategy file_copy"
        )

    def close(self) -> None:
        """Ends all of it, and removes the database's files."""
        for name in ("worker", "web", "redis"):
            if name in self._kept:
                self._kept.pop(name).stop()
        self.postgres.removed()

    def program(self, words: list[str], log: Path) -> None:
        """Runs one of the CRM's own programs to its end."""
        run([self.house.python, *words], log, cwd=self.workdir, variables=self._variables())

    def _variables(self) -> dict[str, str]:
        """The environment of the CRM's programs."""
        redis = f"redis://127.0.0.1:{self._redis_port}"
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.workdir),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "crm_local",
            "ENV_TYPE": "dev",
            "DEBUG": "False",
            "SECRET_KEY": self.house.key("sessions"),
            "DBNAME": DATABASE,
            "DBUSER": ROLE,
            "DBPASSWORD": self.house.key("database"),
            "DBHOST": "127.0.0.1",
            "DBPORT": str(self.postgres.port),
            "DB_POOL_ENABLED": "true",
            "CELERY_BROKER_URL": f"{redis}/0",
            "CELERY_RESULT_BACKEND": f"{redis}/0",
            "CACHE_URL": f"{redis}/1",
            "CRM_MAIL": str(self.workdir / "mail"),
            "DEFAULT_FROM_EMAIL": "crm@example.com",
        }

    def _wait_until_it_works(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        worker = self.workdir / "worker.log"
        while time.monotonic() < deadline:
            if not self.alive:
                raise SystemFailed(f"the CRM ended while it started; see {self.workdir}/*.log")
            redis = taken(self._redis_port)
            if redis and "ready." in worker.read_text(errors="replace") and _answers(self.port):
                return
            time.sleep(0.2)
        raise SystemFailed(f"the CRM did not answer within {START_SECONDS} s; see {self.log}")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS / 3)
    try:
        connection.request("GET", "/healthz/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _beside(name: str) -> Path:
    return Path(__file__).with_name(name)


def serve(port: int | None, workdir: Path) -> int:
    """Runs a CRM until it is told to end."""
    house = CrmHouse.ready()
    with house.start(workdir, port) as running:
        print(f"CRM         {running.url}/api/")
        print(f"log in by   Authorization: Bearer TOKEN; tokens in {house.secrets_file}")
        return until_told(running)


def main() -> int:
    return command("A CRM to try the gateway with.", lambda: CrmHouse.ready().home, serve)


if __name__ == "__main__":
    sys.exit(main())
