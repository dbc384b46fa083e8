"""The arrows between the rooms, as import-linter holds them by pyproject.toml's contracts."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.architecture.sources import ROOMS, ROOT, modules, shown

# One import for each contract that it must not allow: (where it is added, what it imports).
FORBIDDEN = {
    "Rooms: arrows point at resolvers": ("resolvers/terms.py", "gateway.tokens"),
    "GraphQL and HTTP stay at the edge": ("resolvers/engine.py", "starlette"),
    "The domain is pure": ("resolvers/domain/stock.py", "asyncio"),
    "Drivers stay in connectors": ("gateway/tokens.py", "sqlite3"),
    "Phones are read in one module": ("connectors/sandbox/crm.py", "phonenumbers"),
    "Only bootstrap names adapters": ("gateway/doctor.py", "connectors.sandbox.retailer"),
    "Connectors do not know each other": (
        "connectors/sandbox/knobs.py",
        "connectors.stores.coding",
    ),
}


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def linted(tree: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"], cwd=tree, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_arrow_points_where_it_should() -> None:
    answer = linted(ROOT)

    assert answer.returncode == 0, answer.stdout
    for name in contracts():
        assert f"{name} KEPT" in answer.stdout


def test_a_contract_that_is_broken_turns_red(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path in modules(*ROOMS):
        copied = tmp_path / shown(path)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    for where, what in FORBIDDEN.values():
        with (tmp_path / where).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {what}\n")

    answer = linted(tmp_path)

    assert answer.returncode == 1, answer.stdout
    assert sorted(FORBIDDEN) == sorted(contracts())
    for name in contracts():
        assert f"{name} BROKEN" in answer.stdout
