"""What comes with the code: pins that agree, every package, documents, no registry's address."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.sources import ROOMS, ROOT, files, modules, shown

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)(?: *;.*)?")
# Spelled so that it does not find itself.
REGISTRY = re.compile(
    r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|npm[m]irror|tuna[.]tsinghua|aliyun[.]com"
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
TEXT = ("*.py", "*.md", "*.toml", "*.txt", "*.json", "*.mjs", "*.jsx", "*.cfg", "*.yml", "*.yaml")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(lines: list[str]) -> dict[str, str]:
    """Versions by name, names as an installer compares them."""
    found = [PIN.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {re.sub(r"[-_.]+", "-", m["name"]).lower(): m["version"] for m in found if m}


def test_every_dependency_is_pinned_and_the_constraints_agree() -> None:
    told = project()["project"]
    optional = told["optional-dependencies"].values()
    named = pins([*told["dependencies"], *(line for lines in optional for line in lines)])
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    constraints = pins([line for line in text.splitlines() if not line.startswith("#")])

    assert named.items() <= constraints.items()


def test_every_package_of_the_rooms_is_shipped_and_nothing_else() -> None:
    packages = [
        shown(path.parent).replace("/", ".")
        for path in modules(*ROOMS)
        if path.name == "__init__.py"
    ]

    assert sorted(project()["tool"]["setuptools"]["packages"]) == sorted(packages)


def test_no_file_names_a_registry() -> None:
    written = [*files(*ROOMS, "tests", "bench", "examples", "docs", names=TEXT)]
    written += [path for path in ROOT.iterdir() if path.is_file()] + [ROOT / ".ci" / "run"]

    assert [shown(path) for path in written if REGISTRY.search(read(path))] == []


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *files("docs", names=("*.md",))]
    links = [(document, link) for document in documents for link in LINK.findall(read(document))]

    assert [
        f"{shown(document)}: {link}"
        for document, link in links
        if not (document.parent / link).exists()
    ] == []
    assert len(links) > 10


@pytest.mark.parametrize(
    "recipe",
    ["gateway/page", "tests/conformance/audit", "tests/live/vendure", "bench/peers/medusa"],
)
def test_what_npm_installs_is_locked_by_version_and_content_without_addresses(recipe: str) -> None:
    lock = json.loads(read(ROOT / recipe / "package-lock.json"))
    locked = {name: entry for name, entry in lock["packages"].items() if name}

    assert [name for name, entry in locked.items() if "resolved" in entry] == []
    assert [name for name, entry in locked.items() if not entry.get("integrity")] == []


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
