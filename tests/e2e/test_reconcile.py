"""``gateway reconcile``: what an operator types after a bad night, and its exit codes (G4, G6)."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.knobs import Fault, Knobs
from tests.e2e.child import finished, started
from tests.e2e.test_serve import SETTINGS


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """The options of a house whose ERP was read once."""
    config = tmp_path / "shop.toml"
    config.write_text(SETTINGS)
    chosen = ["--config", str(config), "--data", str(tmp_path / "data")]
    assert finished("sync", "erp", *chosen).returncode == 0
    return chosen


async def test_it_says_0_that_all_agrees_also_while_a_gateway_serves(
    tmp_path: Path, options: list[str]
) -> None:
    data = tmp_path / "data"
    with started(data, "serve", "--config", str(tmp_path / "shop.toml")) as child:
        child.read_until("\n")
        erp = SandboxErp(data)
        await erp.set_knobs(Knobs())
        await erp.receive("ST-01", "BT-0001-30ML", 5)
        erp.close()

        told = finished("reconcile", "erp", *options)

        assert child.stop(signal.SIGTERM) == 0
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == (
        "stock: 12 locations, 0 numbers differ\nsales: 0 of orders of 7 days, 0 not there\n"
    )


async def test_it_names_a_restored_erp_with_1_and_agrees_once_a_person_has_accepted_it(
    tmp_path: Path, options: list[str]
) -> None:
    file = tmp_path / "data" / "sandbox" / "erp.sqlite"
    saved = tmp_path / "saved.sqlite"
    with closing(sqlite3.connect(file)) as now, closing(sqlite3.connect(saved)) as kept:
        now.backup(kept)
    erp = SandboxErp(tmp_path / "data")
    await erp.receive("ST-01", "BT-0001-30ML", 5)
    assert finished("sync", "erp", *options).returncode == 0
    erp.close()
    with closing(sqlite3.connect(file)) as now, closing(sqlite3.connect(saved)) as kept:
        kept.backup(now)

    restored = finished("reconcile", "erp", *options)
    accepted = finished("sync", "erp", *options)
    after = finished("reconcile", "erp", *options)

    assert restored.returncode == 1
    [row] = [line for line in restored.stdout.splitlines() if "BT-0001-30ML" in line]
    place, sku, of, ours, theirs = (cell.strip() for cell in row.strip("│").split("│"))
    assert (place, sku, of, int(ours) - int(theirs)) == ("ST-01", "BT-0001-30ML", "on hand", 5)
    assert "`gateway sync erp` accepts them" in " ".join(restored.stdout.split())
    assert (accepted.returncode, after.returncode) == (0, 0)


async def test_it_says_2_when_the_backend_cannot_be_asked(
    tmp_path: Path, options: list[str]
) -> None:
    erp = SandboxErp(tmp_path / "data")
    await erp.set_knobs(Knobs(fail=Fault.UNAVAILABLE))
    erp.close()

    told = finished("reconcile", "erp", *options)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("gateway: erp could not be compared: ")


@pytest.mark.parametrize("words", [["crm"], ["erp", "--days", "0"], ["erp", "--days", "91"]])
def test_it_says_2_when_it_is_asked_for_what_is_not(options: list[str], words: list[str]) -> None:
    told = finished("reconcile", *words, *options)

    assert (told.returncode, told.stdout) == (2, "")
