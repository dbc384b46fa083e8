"""The servers that are run beside each other: installed by their pins, started, and ended.

Those of Node.js lie under ``node_modules`` beside this file, Ariadne under ``.python``; Strawberry
is the one that the gateway itself is built on. Each is one process that listens on a free port of
loopback and serves one file of products; it is ended by its process id. Linux only.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.hot_sku import tokens_of
from bench.over_http import configured
from bench.progress import said
from gateway.settings import Settings

HERE = Path(__file__).parent
TREE = HERE.parents[1]
PYTHON_PACKAGES = HERE / ".python"
INSTALL_SECONDS = 600  # took 40 on two busy cores
START_SECONDS = 60
STOP_SECONDS = 20
NODE_MIN = 20

GATEWAY, UNCOMPILED, SHARING = "gateway", "gateway, not compiled", "gateway, sharing answers"
STRAWBERRY, UNCACHED = "Strawberry, its caches", "Strawberry, no cache"
YOGA, APOLLO, MERCURIUS, ARIADNE = "GraphQL Yoga", "Apollo Server", "Mercurius, JIT", "Ariadne"

SETTINGS = """
[server]
drain_seconds = 0
shutdown_seconds = 5
mutations_per_second = 1000000

[sockets]
connections_max = 4096
caller_connections_max = 4096

[limits]
wait_seconds = 60
cost_per_second = 10000000
cost_saved_max = 10000000

[[channels]]
code = "mini-program"
name = "Mini program"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""
"""The gateway's settings: its bounds are counted as ever, and so high that nobody is refused."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that listens. Tokens are those of a shopper and of an operator; others than the gateway
    look at none, and are sent the same.
    """

    name: str
    pid: int
    host: str
    port: int
    shopper: str = "none"
    operator: str = "none"


def ways() -> Mapping[str, Mapping[str, str]]:
    """The gateway's rows: a name, and what is set for it.

    Its headline row makes each answer anew, as the others do. A setting that the gateway does not
    have makes no row.
    """
    anew = {"GATEWAY_CACHE_SHARE_READS": "false"}
    found = {GATEWAY: anew}
    if hasattr(Settings().server, "compiled"):
        found[UNCOMPILED] = {**anew, "GATEWAY_SERVER_COMPILED": "false"}
    return {**found, SHARING: {"GATEWAY_CACHE_SHARE_READS": "true"}}


PEERS: Mapping[str, Sequence[str]] = {
    STRAWBERRY: (sys.executable, "-m", "bench.servers.strawberry_stock", "{file}"),
    UNCACHED: (sys.executable, "-m", "bench.servers.strawberry_stock", "{file}", "--uncached"),
    ARIADNE: (sys.executable, "-m", "bench.servers.ariadne_stock", "{file}"),
    YOGA: ("node", "yoga.mjs", "{file}"),
    APOLLO: ("node", "apollo.mjs", "{file}"),
    MERCURIUS: ("node", "mercurius.mjs", "{file}"),
}
"""The command that serves a file, for each server of others."""

SAME_SOCKETS = (UNCACHED, SHARING)
"""Rows that differ from another in nothing that a socket meets."""


def missing() -> list[str]:
    """What this machine lacks, and where it comes from; nothing, if it lacks nothing."""
    found = []
    if shutil.which("wrk") is None:
        found.append("wrk is missing: it makes the load; on Debian, install the package wrk")
    node = shutil.which("node")
    if node is None:
        found.append(f"Node.js {NODE_MIN} or later is missing: most of the other servers run on it")
    elif int(_said(node, "--version").lstrip("v").partition(".")[0]) < NODE_MIN:
        found.append(f"Node.js {NODE_MIN} or later is needed; this is {_said(node, '--version')}")
    if shutil.which("npm") is None:
        found.append("npm is missing: it comes with Node.js, or as a package of its own")
    return found


def install() -> None:
    """Installs what the pins say, if that was not done yet; a second caller waits.

    Raises:
        RuntimeError: a package manager has failed; its words.
    """
    pins = [HERE / name for name in ("package-lock.json", "requirements.txt")]
    wanted = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()
    stamp = PYTHON_PACKAGES / "installed"
    PYTHON_PACKAGES.mkdir(exist_ok=True)
    with (PYTHON_PACKAGES / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        said("installing the other servers")
        _run("npm", "ci", "--loglevel=error", "--no-progress")
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq")
        asked = ("--no-deps", "--upgrade", "--target", str(PYTHON_PACKAGES))
        _run(*pip, "install", *asked, "--requirement", "requirements.txt")
        stamp.write_text(wanted, encoding="utf-8")
        said("")


def versions() -> dict[str, str]:
    """What each server is, for whoever reads the figures later."""
    pinned = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    [ariadne] = (HERE / "requirements.txt").read_text(encoding="utf-8").split()
    strawberry = f"{version('strawberry-graphql')}, graphql-core {version('graphql-core')}"
    return {
        STRAWBERRY: strawberry,
        UNCACHED: strawberry,
        ARIADNE: ariadne.partition("==")[2],
        YOGA: pinned["graphql-yoga"],
        APOLLO: f"{pinned['@apollo/server']}, Express {pinned['express']}",
        MERCURIUS: f"{pinned['mercurius']}, Fastify {pinned['fastify']}",
        "graphql-js": pinned["graphql"],
        "graphql-ws": pinned["graphql-ws"],
        "uvicorn": version("uvicorn"),
        "Node.js": _said("node", "--version").lstrip("v"),
        "wrk": _said("wrk", "--version").split()[1],
    }


@asynccontextmanager
async def gateway(name: str, folder: Path) -> AsyncIterator[Server]:
    """A gateway of the sandbox's ERP with the settings of one row and its own data directory."""
    config = folder / "shop.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    data = folder / name.replace(", ", "-").replace(" ", "-") / "data"
    data.parent.mkdir(parents=True, exist_ok=True)
    async with configured(data, config, ways()[name]) as (pid, host, port):
        operator, [shopper] = tokens_of(data, 1)
        yield Server(name, pid, host, port, shopper, operator)


@asynccontextmanager
async def peer(
    name: str, file: Path, commands: Mapping[str, Sequence[str]] = PEERS
) -> AsyncIterator[Server]:
    """A server of others, once it listens; what it logs stands beside the file.

    Raises:
        RuntimeError: it has ended instead.
    """
    words = [word.format(file=file) for word in commands[name]]
    env = {
        **os.environ,
        "NODE_ENV": "production",
        "PYTHONPATH": os.pathsep.join((str(TREE), str(PYTHON_PACKAGES))),
    }
    with (file.parent / "peers.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=HERE, env=env, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                line = (await process.stdout.readline()).decode()
            if not line.startswith("listening on "):
                raise RuntimeError(f"{name} did not start: {_end(file.parent / 'peers.log')}")
            yield Server(name, process.pid, "127.0.0.1", int(line.split()[-1]))
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


def _end(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _said(*words: str) -> str:
    """The first line that a program prints; what it ends with does not matter."""
    told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    return (told.stdout or told.stderr).splitlines()[0].strip()


def _run(*words: str) -> None:
    told = subprocess.run(
        words, cwd=HERE, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
    )
    if told.returncode:
        raise RuntimeError(f"{' '.join(words[:3])} failed in {HERE}: {told.stderr[-2000:]}")
