"""Where the browser is looked for, and who may do without one; no browser is needed for this."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.browser import chromium


def program(folder: Path, name: str, script: str = "") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("environ", "left_out"),
    [
        ({}, False),
        ({"SKIP_BROWSER": "1"}, True),
        ({"SKIP_BROWSER": "0"}, False),
        ({"SKIP_BROWSER": "1", "CI": "true"}, False),
    ],
)
def test_a_developer_may_do_without_a_browser_and_ci_may_not(
    environ: Mapping[str, str], left_out: bool
) -> None:
    assert chromium.left_out(environ) is left_out


def test_debians_name_is_looked_for_first_unless_another_is_given(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    nowhere = chromium.found(environ)
    other, ours = program(tmp_path, "google-chrome"), program(tmp_path, "chromium")

    assert nowhere is None
    assert chromium.found(environ) == str(ours)
    assert chromium.found({**environ, "CHROMIUM": str(other)}) == str(other)
    assert chromium.found({**environ, "CHROMIUM": "absent"}) is None


def test_it_is_installed_by_whoever_may_without_being_asked(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    without_apt = chromium.installer(environ, root=True)
    program(tmp_path, "apt-get")
    without_sudo = chromium.installer(environ, root=False)
    sudo = program(tmp_path, "sudo", "exit 1")
    with_password = chromium.installer(environ, root=False)
    program(tmp_path, "sudo", "exit 0")

    assert (without_apt, without_sudo, with_password) == (None, None, None)
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
    assert chromium.installer(environ, root=True) == quiet
    assert chromium.installer(environ, root=False) == (str(sudo), "-n", *quiet)
