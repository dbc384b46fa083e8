"""A real Vendure shop for the live tests: installed once, seeded once, started in a moment.

    python -m tests.live.vendure.house serve [--port PORT]

What is slow to make is kept outside the tree, under ``~/.cache/unified-commerce-gateway``: the
packages by the content of their pins, the seeded cluster of PostgreSQL by the content of the seed.
A running shop works on a copy of that cluster. Everything listens on 127.0.0.1 only.
"""

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
from pathlib import Path
from typing import Self

from tests.live.houses import cache, command, fingerprint, until_told
from tests.live.node import PINS, are_installed, install, node
from tests.live.postgres import Cluster
from tests.live.processes import Kept, SystemFailed, free_port, locked, run, say, taken
from tests.live.vendure.api import Api, ApiRefused, Shopper
from tests.live.vendure.seed import seed

DATABASE, OWNER = "vendure", "vendure"
TEMPLATE = "vendure_seed"
USER = "gateway@example.com"
START_SECONDS = 120  # took 7 to 9, and 30 beside much other work

EXAMPLES = Path(__file__).parents[3] / "examples"
PLUGINS = [EXAMPLES / name for name in ("vendure-orders", "vendure-webhooks")]


@dataclass(frozen=True)
class VendureHouse:
    """Vendure as installed, with a seeded cluster. Nothing runs yet."""

    app: Path
    home: Path

    @classmethod
    def ready(cls) -> Self:
        """Installs and seeds if that was not done yet; a second caller waits for the first."""
        pins = fingerprint(*(_beside(name) for name in PINS))
        programs = [at / "index.js" for at in PLUGINS]
        content = (*programs, _beside("seed.py"), _beside("shop.js"), _beside("../tryton/seed.py"))
        house = cls(
            cache() / f"vendure-app-{pins}", cache() / f"vendure-{pins}-{fingerprint(*content)}"
        )
        if are_installed(house.app) and house._seeded():
            return house
        with locked(cache() / f"vendure-{pins}.lock"):
            if not are_installed(house.app):
                install(Path(__file__).parent, house.app, "@vendure/core")
            if not house._seeded():
                house._seed()
        return house

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    def password(self, of: str) -> str:
        """Of ``gateway``, ``superadmin`` or ``database``."""
        known: Mapping[str, str] = json.loads((self.home / "passwords.json").read_text())
        return known[of]

    def start(self, workdir: Path, port: int | None = None) -> "RunningVendure":
        """Serves a copy of the seeded shop."""
        log = workdir / "postgres.log"
        cluster = Cluster.copied(self.cluster, OWNER, self.password("database"), log)
        running = RunningVendure(self, workdir, cluster, free_port() if port is None else port)
        try:
            cluster.start()
            running.start_again()
        except BaseException:
            running.close()
            raise
        return running

    def _seeded(self) -> bool:
        return self.cluster.exists()

    def _seed(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = {of: secrets.token_urlsafe(24) for of in ("gateway", "superadmin", "database")}
        kept = self.home / "passwords.json"
        kept.touch(0o600)
        kept.write_text(json.dumps(passwords))
        say("creating the database")
        log = self.home / "seeding.log"
        cluster = Cluster.made(OWNER, passwords["database"], log)
        with tempfile.TemporaryDirectory(prefix="vendure-") as scratch:
            running = RunningVendure(self, Path(scratch), cluster, free_port())
            try:
                cluster.start()
                cluster.sql(f"create database {DATABASE}")
                build = [node(), "shop.js", "build"]
                folder, variables = running.laid_out(), running.variables()
                run(build, log, cwd=folder, variables=variables)
                running.start_again()
                seed(running.admin(), passwords["gateway"], say)
                running.stop()
                cluster.sql(f"create database {TEMPLATE} template {DATABASE}")
                cluster.stop()
                cluster.keep(self.cluster)
            finally:
                running.close()


class RunningVendure:
    """One shop on a cluster of its own. It keeps its port for as long as it lives."""

    def __init__(self, house: VendureHouse, workdir: Path, cluster: Cluster, port: int) -> None:
        self.house = house
        self.workdir = workdir
        self.postgres = cluster
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.user = USER
        self.log = workdir / "shop.log"
        self._webhooks: tuple[str, str] | None = None
        self._shop: Kept | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def password(self) -> str:
        """Of the gateway's user."""
        return self.house.password("gateway")

    @property
    def alive(self) -> bool:
        return self._shop is not None and self._shop.alive

    def start_again(self, webhooks: tuple[str, str] | None = None) -> None:
        """Starts the shop on its port, and returns when it answers.

        ``webhooks`` are the address and the secret of a receiver; None sends none.
        """
        assert not self.alive, "stop or kill it first"
        if taken(self.port):  # else that server's answers would pass for ours
            raise SystemFailed(f"port {self.port} is taken")
        self._webhooks = webhooks
        self._shop = Kept(
            [node(), "shop.js"],
            self.log,
            ended_by=signal.SIGTERM,
            cwd=self.laid_out(),
            variables=self.variables(),
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ends the shop as an operator would; its database goes on."""
        if self._shop is not None:
            self._shop.stop()
            self._shop = None

    def kill(self) -> None:
        """Ends the shop in the middle of what it does."""
        if self._shop is not None:
            self._shop.kill()
            self._shop = None

    def reset(self) -> None:
        """Puts the shop back to the day it was seeded; everybody has to log in again."""
        self.stop()
        self.postgres.sql(f"drop database if exists {DATABASE} with (force)")
        self.postgres.sql(f"create database {DATABASE} template {TEMPLATE}")
        self.start_again(self._webhooks)

    def close(self) -> None:
        """Ends shop and database, and removes the database's files."""
        self.stop()
        self.postgres.removed()

    def admin(self, channel: str | None = None) -> Api:
        """The shop's owner, logged in."""
        api = Api(self.port, "admin-api", channel)
        api.log_in("superadmin", self.house.password("superadmin"))
        return api

    def shopper(self, channel: str | None = None) -> Shopper:
        return Shopper(self.port, channel)

    def laid_out(self) -> Path:
        """The folder that the shop's program runs in, with its packages beside it."""
        folder = self.workdir / "shop"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_beside("shop.js"), folder / "shop.js")
        for plugin in PLUGINS:
            shutil.copytree(plugin, folder / plugin.name, dirs_exist_ok=True)
        packages = folder / "node_modules"
        if not packages.exists():
            packages.symlink_to(self.house.app / "node_modules")
        return folder

    def variables(self) -> dict[str, str]:
        """The environment of the shop's program."""
        url, secret = self._webhooks or ("", "")
        return {
            "PATH": os.environ.get("PATH", ""),
            "TZ": "UTC",
            "SHOP_PORT": str(self.port),
            "SHOP_DB": DATABASE,
            "SHOP_DB_PORT": str(self.postgres.port),
            "SHOP_DB_PASSWORD": self.house.password("database"),
            "SHOP_SUPERADMIN_PASSWORD": self.house.password("superadmin"),
            "SHOP_WEBHOOK_URL": url,
            "SHOP_WEBHOOK_SECRET": secret,
        }

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.alive:
                raise SystemFailed(f"the shop ended while it started; see {self.log}")
            if self._answers():
                return
            time.sleep(0.2)
        raise SystemFailed(f"the shop did not answer within {START_SECONDS} s; see {self.log}")

    def _answers(self) -> bool:
        """Whether the database can be asked: Vendure calls itself healthy without it."""
        try:
            return bool(Api(self.port, "shop-api").ask("{ activeChannel { id } }"))
        except (OSError, ValueError, ApiRefused):
            return False


def _beside(name: str) -> Path:
    return Path(__file__).parent / name


def serve(port: int | None, workdir: Path) -> int:
    """Runs a shop until it is told to end."""
    house = VendureHouse.ready()
    with house.start(workdir, port) as running:
        print(f"Vendure     {running.url}/admin-api and /shop-api")
        print(f"log in as   {USER} or superadmin; passwords in {house.home / 'passwords.json'}")
        return until_told(running)


def main() -> int:
    said = "A Vendure shop to try the gateway with."
    return command(said, lambda: VendureHouse.ready().home, serve)


if __name__ == "__main__":
    sys.exit(main())
