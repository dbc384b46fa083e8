"""A real Tryton server for the live tests: installed once, seeded once, started in a moment.

    python -m tests.live.tryton.house serve [--port PORT] [--data DIR]

What is slow to make is kept outside the tree, under ``~/.cache/unified-commerce-gateway``, by the
content of the pins and of the seed: Tryton in an environment of its own, and a pristine database.
A running server works on a copy of that database. Everything listens on 127.0.0.1 only.
"""

import contextlib
import http.client
import os
import secrets
import shutil
import sqlite3
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.live.houses import cache, command, fingerprint, until_told
from tests.live.processes import Command, Kept, SystemFailed, free_port, locked, run, say, taken
from tests.live.tryton.rpc import TrytonRpc, Witness
from tests.live.tryton.seed import seed

DATABASE = "retail"
LOGINS = ("admin", "gateway", "shop")
CONTENT = ("requirements.txt", "seed.py")

SEED_CALL_SECONDS = 120
START_SECONDS = 60  # took 2 to 3


@dataclass(frozen=True)
class TrytonHouse:
    """Tryton as installed, with a pristine database. Nothing runs yet."""

    home: Path

    @classmethod
    def ready(cls) -> Self:
        """Installs and seeds if that was not done yet; a second caller waits for the first."""
        house = cls(cache() / f"tryton-{fingerprint(*map(_beside, CONTENT))}")
        if house._installed() and house._seeded():
            return house
        house.home.mkdir(parents=True, exist_ok=True)
        with locked(house.home.with_name(f"{house.home.name}.lock")):
            if not house._installed():
                house._install()
            if not house._seeded():
                house._seed()
        return house

    @property
    def venv(self) -> Path:
        return self.home / "venv"

    @property
    def pristine(self) -> Path:
        return self.home / f"{DATABASE}.sqlite"

    @property
    def password_file(self) -> Path:
        """Lines ``TRYTON_GATEWAY_PASSWORD=...``, for a shell to read; its owner alone may."""
        return self.home / "passwords.env"

    def program(self, name: str) -> Path:
        return self.venv / "bin" / name

    def password_variables(self) -> dict[str, str]:
        """For the environment of a process that is to log in: ``TRYTON_GATEWAY_PASSWORD``, ..."""
        return dict(line.split("=", 1) for line in self.password_file.read_text().splitlines())

    def password(self, login: str) -> str:
        return self.password_variables()[_variable(login)]

    def start(self, workdir: Path, port: int | None = None) -> "RunningTryton":
        """Serves a copy of the pristine database, or the one that ``workdir`` holds already."""
        folder = workdir / "database"
        folder.mkdir(parents=True, exist_ok=True)
        if not (database := folder / f"{DATABASE}.sqlite").exists():
            copied = database.with_suffix(".copied")
            shutil.copyfile(self.pristine, copied)
            copied.replace(database)
        running = RunningTryton(self, workdir, free_port() if port is None else port)
        running.start_again()
        return running

    def _installed(self) -> bool:
        """A link to an interpreter that has since been removed does not count as existing."""
        return (self.venv / "installed").exists() and self.program("python").exists()

    def _seeded(self) -> bool:
        return self.pristine.exists() and self.password_file.exists()

    def _install(self) -> None:
        say(f"installing into {self.home}")
        log = self.home / "install.log"
        pip: Command = [self.program("python"), "-m", "pip", "--disable-pip-version-check"]
        steps: list[Command] = [
            [sys.executable, "-m", "venv", "--clear", self.venv],
            [*pip, "install", "--requirement", _beside("requirements.txt")],
        ]
        for step in steps:
            run(step, log, cwd=self.home, variables=_clean_environment())
        (self.venv / "installed").touch()

    def _seed(self) -> None:
        passwords = {login: secrets.token_urlsafe(24) for login in LOGINS}
        workdir = self.home / "seeding"
        shutil.rmtree(workdir, ignore_errors=True)  # of a run that was killed
        workdir.mkdir(mode=0o700)
        self._create_database(workdir, passwords["admin"])
        with self.start(workdir) as running:
            admin = TrytonRpc(running.port, DATABASE, timeout=SEED_CALL_SECONDS)
            seed(admin, admin.log_in("admin", passwords["admin"]), passwords, say)
        self._keep(workdir / "database" / self.pristine.name, passwords)
        shutil.rmtree(workdir)

    def _create_database(self, workdir: Path, password: str) -> None:
        say("creating the database")
        folder = workdir / "database"
        folder.mkdir()
        (folder / self.pristine.name).touch()
        config, password_file = workdir / "trytond.conf", workdir / "password"
        config.write_text(_config(folder))
        password_file.write_text(password)
        admin: Command = [self.program("trytond-admin"), "-c", config, "-d", DATABASE]
        modules: Command = ["--update", "sale_point", "--activate-dependencies"]
        variables = {**_clean_environment(), "TRYTONPASSFILE": str(password_file)}
        log = self.home / "create.log"
        run(
            [*admin, *modules, "--email", "admin@example.com"],
            log,
            cwd=workdir,
            variables=variables,
        )

    def _keep(self, seeded: Path, passwords: Mapping[str, str]) -> None:
        """Makes the seeded database the pristine one: with its passwords, whole or not at all."""
        self.pristine.unlink(missing_ok=True)
        self.password_file.unlink(missing_ok=True)
        self.password_file.touch(0o600)
        lines = [f"{_variable(login)}={password}\n" for login, password in passwords.items()]
        self.password_file.write_text("".join(lines))

        whole = self.pristine.with_suffix(".new")
        whole.unlink(missing_ok=True)
        # SQLite copies it, as the newest pages lie in a write-ahead log beside the file.
        with (
            contextlib.closing(sqlite3.connect(seeded)) as source,
            contextlib.closing(sqlite3.connect(whole)) as target,
        ):
            source.backup(target)
        whole.replace(self.pristine)


class RunningTryton:
    """One server on one database. It keeps its port for as long as it lives and comes back."""

    def __init__(self, house: TrytonHouse, workdir: Path, port: int) -> None:
        self.house = house
        self.workdir = workdir
        self.port = port
        self.database = DATABASE
        self.url = f"http://127.0.0.1:{port}"
        self.log = workdir / "trytond.log"
        self._server: Kept | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        return self._server is not None and self._server.alive

    def start_again(self) -> None:
        """Starts the server on its port and its database, and returns when it answers."""
        assert not self.alive, "stop or kill it first"
        if taken(self.port):  # else that server's answers would pass for ours
            raise SystemFailed(f"port {self.port} is taken")
        config = self.workdir / "trytond.conf"
        config.write_text(_config(self.workdir / "database", self.port))
        trytond: Command = [self.house.program("trytond"), "-c", config, "-d", DATABASE]
        self._server = Kept(trytond, self.log, cwd=self.workdir, variables=_clean_environment())
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ends the server as an operator would. Does nothing to one that has ended."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """Ends the server in the middle of what it does."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def witness(self, user: str = "admin") -> Witness:
        """Somebody who reads and sells in Tryton itself, logged in."""
        witness = Witness(self.port, DATABASE)
        witness.log_in(user, self.house.password(user))
        return witness

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.alive:
                raise SystemFailed(f"Tryton ended while it started; see {self.log}")
            if _answers(self.port) and self.alive:
                return
            time.sleep(0.2)
        raise SystemFailed(f"Tryton did not answer within {START_SECONDS} s; see {self.log}")


def _answers(port: int) -> bool:
    """Whether the database can be asked. A server with a broken one answers too, but otherwise."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS / 3)
    body = '{"id": 0, "method": "common.db.login", "params": ["nobody", {}, "en"]}'
    try:
        connection.request("POST", f"/{DATABASE}/rpc/", body, {"Content-Type": "application/json"})
        return b"LoginException" in connection.getresponse().read()  # it asks for the password
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _config(folder: Path, port: int | None = None) -> str:
    sections = ["[database]", "uri = sqlite://", f"path = {folder}"]
    if port is not None:
        sections += ["[web]", f"listen = 127.0.0.1:{port}"]
    return "\n".join(sections) + "\n"


def _clean_environment() -> dict[str, str]:
    """Ours, without the variables by which Tryton's settings can be overridden."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TRYTON")}


def _beside(name: str) -> Path:
    return Path(__file__).with_name(name)


def _variable(login: str) -> str:
    return f"TRYTON_{login.upper()}_PASSWORD"


def serve(port: int | None, data: Path) -> int:
    """Runs a server until it is told to end."""
    house = TrytonHouse.ready()
    with house.start(data, port) as running:
        print(f"Tryton      {running.url}/{DATABASE}/")
        print(f"log in as   {', '.join(LOGINS)}; passwords in {house.password_file}")
        return until_told(running)


def main() -> int:
    said = "A Tryton server to try the gateway with."
    return command(said, lambda: TrytonHouse.ready().home, serve, keeps="its database")


if __name__ == "__main__":
    sys.exit(main())
