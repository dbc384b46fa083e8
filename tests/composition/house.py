"""Composers and a router of others: installed beside this file by their pins, and run as programs.

They listen on loopback only, and are told to ask nothing of the world outside.
"""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PARTNER = HERE / "partner.graphql"

INSTALL_SECONDS = 600  # took 45 on two cores
RUN_SECONDS = 120

QUIET = {"DISABLE_UPDATE_CHECK": "true", "COSMO_TELEMETRY_DISABLED": "true", "DO_NOT_TRACK": "1"}
"""What keeps the command ``wgc`` from looking for a newer one, and from telling of its use."""


def install() -> None:
    """Installs what the lock file says, if that was not done yet; a second caller waits."""
    modules = HERE / "node_modules"
    stamp = modules / ".installed"
    pins = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    modules.mkdir(exist_ok=True)
    with (HERE / "node_modules.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == pins:
            return
        told = ran(["npm", "ci", "--loglevel=error", "--no-progress"], INSTALL_SECONDS)
        assert told.returncode == 0, f"npm ci failed in {HERE}: {told.stderr}"
        stamp.write_text(pins, encoding="utf-8")


def ran(words: list[str | Path], seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
    """A program that ends by itself."""
    return subprocess.run(
        words,
        cwd=HERE,
        env={**os.environ, **QUIET},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def composed(gateway: Path, folder: Path) -> Mapping[str, Any]:
    """Errors and hints of two composers; their supergraphs lie in the folder."""
    told = ran(["node", "compose.mjs", gateway, PARTNER, folder])
    assert told.returncode == 0, told.stderr
    answer: Mapping[str, Any] = json.loads(told.stdout)
    return answer


def routed(gateway: Path, folder: Path) -> Mapping[str, Any]:
    """Errors of a third composer, and whose schemas it composed; its graph lies in the folder."""
    graph, out = folder / "graph.yaml", folder / "router.json"
    subgraphs = [
        {"name": name, "routing_url": f"http://127.0.0.1/{name}", "schema": {"file": str(file)}}
        for name, file in (("gateway", gateway), ("partner", PARTNER))
    ]
    graph.write_text(json.dumps({"version": 1, "subgraphs": subgraphs}), encoding="utf-8")
    wgc = HERE / "node_modules" / ".bin" / "wgc"
    told = ran([wgc, "router", "compose", "--input", graph, "--out", out])
    if told.returncode:
        return {"errors": [told.stdout + told.stderr], "subgraphs": []}
    config = json.loads(out.read_text(encoding="utf-8"))
    text = config["engineConfig"]["graphqlSchema"]
    (folder / "cosmo.graphql").write_text(text, encoding="utf-8")
    return {"errors": [], "subgraphs": [subgraph["name"] for subgraph in config["subgraphs"]]}


@dataclass(frozen=True)
class Router:
    """A running router, asked line by line."""

    process: subprocess.Popen[str]

    def ask(
        self, query: str, headers: Mapping[str, str] | None = None, **variables: Any
    ) -> Mapping[str, Any]:
        """The body of an answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        token = (headers or {}).get("Authorization")
        asked = {"query": query, "variables": variables, "authorization": token}
        self.process.stdin.write(f"{json.dumps(asked)}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the router has ended; its words are among the errors above"
        answer: Mapping[str, Any] = json.loads(line)
        return answer


@contextmanager
def routing(supergraph: Path, gateway_url: str) -> Iterator[Router]:
    """A router over the gateway and the partner's subgraph; it ends with its input."""
    with subprocess.Popen(
        ["node", "router.mjs", supergraph, PARTNER, gateway_url],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Router(process)
        finally:
            process.kill()
