"""Which browser the tests drive: Debian's Chromium, installed when it is missing and may be.

    python -m tests.browser.chromium

``CHROMIUM`` names another browser of the same make. ``SKIP_BROWSER=1`` leaves these tests out, for
a developer who has none; in CI it counts for nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
BY_HAND = "Chromium is missing: sudo " + " ".join(word for word in INSTALL if word != "-qq")
INSTALL_SECONDS = 900
"""A hundred megabytes over a slow line, and unpacked."""


def found(environ: Mapping[str, str]) -> str | None:
    """The browser's program, if there is one."""
    asked = environ.get("CHROMIUM")
    names = (asked,) if asked else NAMES
    places = (shutil.which(name, path=environ.get("PATH")) for name in names)
    return next((place for place in places if place is not None), None)


def left_out(environ: Mapping[str, str]) -> bool:
    """Whether a developer has asked for no browser. CI never is without."""
    in_ci = environ.get("CI", "").lower() in ("1", "true")
    return environ.get("SKIP_BROWSER", "") not in ("", "0") and not in_ci


def installer(environ: Mapping[str, str], *, root: bool) -> Sequence[str] | None:
    """How apt-get is run without a question: as it is, by sudo, or not at all."""
    path = environ.get("PATH")
    if shutil.which("apt-get", path=path) is None:
        return None
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
    if root:
        return quiet
    sudo = shutil.which("sudo", path=path)
    if sudo is None or not ran(sudo, "-n", "true"):
        return None
    return (sudo, "-n", *quiet)


def install(prefix: Sequence[str]) -> None:
    """Installs Chromium from the lists that are there, or else from new ones."""
    print("Installing Chromium for the tests of the GraphiQL page ...", flush=True)
    if not ran(*prefix, *INSTALL):
        ran(*prefix, "apt-get", "update", "-qq")
        ran(*prefix, *INSTALL)


def ran(*words: str) -> bool:
    """Runs a command, whose errors are shown; says whether it did what it should."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    """Sees to it that there is a browser; 1 if there is none, with the command that installs it."""
    if left_out(os.environ):
        print("No test in a browser, as SKIP_BROWSER says")
        return 0
    if found(os.environ) is None and "CHROMIUM" not in os.environ:
        prefix = installer(os.environ, root=os.geteuid() == 0)
        if prefix is not None:
            install(prefix)
    place = found(os.environ)
    if place is None:
        asked = os.environ.get("CHROMIUM")
        print(BY_HAND if asked is None else f"CHROMIUM names no program: {asked}", file=sys.stderr)
        return 1
    print(f"The browser is {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
