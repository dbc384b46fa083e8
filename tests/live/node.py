"""Packages from npm for the systems that run on Node.js, as their pins say, outside the tree."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.live.processes import STEP_SECONDS, SystemFailed, run, say

NODE_MIN = 20
PINS = ("package.json", "package-lock.json", ".npmrc")
_DONE = "installed"


def node() -> str:
    """The program.

    Raises:
        SystemFailed: there is none, or too old a one.
    """
    found = shutil.which("node")
    told = "" if found is None else _said(found, "-p", "parseInt(process.versions.node)")
    if found is None or not told.isdigit() or int(told) < NODE_MIN:
        raise SystemFailed(f"Node.js {NODE_MIN} or later is missing: this system runs on it")
    return found


def _said(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return told.stdout.strip()


def are_installed(app: Path) -> bool:
    """Says whether an installation there came to its end."""
    return (app / _DONE).exists()


def install(recipe: Path, app: Path, package: str, seconds: float = STEP_SECONDS) -> None:
    """Installs into ``app`` what the pins in ``recipe`` say, and loads one package of it.

    Raises:
        SystemFailed: npm or Node.js is missing, or a command failed; its log lies in ``app``.
    """
    program, npm = node(), shutil.which("npm")
    if npm is None:
        raise SystemFailed("npm is missing: it comes with Node.js, or as a package of its own")
    say(f"installing into {app}")
    app.mkdir(parents=True, exist_ok=True)
    for name in PINS:
        shutil.copyfile(recipe / name, app / name)
    log = app / "install.log"
    for words in (
        [npm, "ci", "--no-progress", "--loglevel=error"],
        [program, "-e", f"require('{package}')"],
    ):
        run(words, log, cwd=app, variables=os.environ, seconds=seconds)
    (app / _DONE).touch()
