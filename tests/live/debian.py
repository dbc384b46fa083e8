"""Programs of others that live systems run on: PostgreSQL, Redis, and a Python for the CRM.

Found on this machine, or installed from Debian where that is permitted; else one message says what
to do. Nothing is started by installing it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.live.processes import SystemFailed, run, say

POSTGRES_MIN = 13
POSTGRES_PACKAGE = "postgresql-15"
REDIS_PACKAGE = "redis-server"
PYTHONS = ("3.12", "3.13")
APT_SECONDS = 300


def postgres() -> Path:
    """The folder of PostgreSQL's programs."""
    if (found := _postgres()) is not None:
        return found
    policy = Path("/etc/postgresql-common/createcluster.conf")
    if os.geteuid() == 0 and not policy.exists():  # else the package makes a cluster of its own
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text("create_main_cluster = false\n")
    _install(POSTGRES_PACKAGE, "name the folder of its initdb in PG_BIN")
    if (found := _postgres()) is None:
        raise SystemFailed(f"{POSTGRES_PACKAGE} was installed and has no initdb")
    return found


def redis() -> Path:
    """Redis's server."""
    if shutil.which("redis-server") is None:
        _install(REDIS_PACKAGE, "put redis-server on the PATH")
    found = shutil.which("redis-server")
    if found is None:
        raise SystemFailed(f"{REDIS_PACKAGE} was installed and has no redis-server")
    return Path(found)


def python() -> Path:
    """A Python that the CRM runs on: named in CRM_PYTHON, this one, on the PATH, or of pyenv."""
    named = os.environ.get("CRM_PYTHON")
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    offered = [sys.executable, *(f"python{version}" for version in PYTHONS)]
    for version in PYTHONS:
        offered += sorted(map(str, kept.glob(f"{version}*/bin/python")), reverse=True)
    for candidate in [named] if named else offered:
        if _said(candidate, "import sys; print('%d.%d' % sys.version_info[:2])") in PYTHONS:
            return Path(candidate)
    raise SystemFailed(
        f"{named or 'Python'} is not a Python {' or '.join(PYTHONS)}, on which the CRM runs:"
        " install one (`pyenv install 3.12`, `uv python install 3.12`), or name it in CRM_PYTHON"
    )


def _said(python: str, program: str) -> str:
    try:
        told = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, timeout=20, check=False
        )
    except OSError:
        return ""
    return told.stdout.strip()


def _postgres() -> Path | None:
    if named := os.environ.get("PG_BIN"):
        return Path(named)
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    if (initdb := shutil.which("initdb")) is not None:
        folders.append(Path(initdb).resolve().parent)
    fit = [at for at in folders if (at / "initdb").exists() and _version(at) >= POSTGRES_MIN]
    return max(fit, key=_version, default=None)


def _version(folder: Path) -> int:
    told = subprocess.run(
        [folder / "initdb", "--version"], capture_output=True, text=True, timeout=20, check=False
    )
    number = re.search(r"(\d+)", told.stdout)
    return int(number[1]) if number else 0


def _install(package: str, otherwise: str) -> None:
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        raise SystemFailed(
            f"{package} is missing: install it (on Debian: apt-get install {package}),"
            f" or {otherwise}"
        )
    say(f"installing {package}")
    log = Path(tempfile.gettempdir()) / f"live-{package}-install.log"
    # At runlevel 1 Debian starts no service that it installs.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    keep = ["-o", "Dpkg::Options::=--force-confold"]
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *keep, package]):
        run([apt, "-q", *words], log, cwd=Path("/"), variables=quiet, seconds=APT_SECONDS)
