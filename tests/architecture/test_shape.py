"""The shape of the code: sizes, opening words, and words that stand nowhere.

What an import may reach is held by ``test_arrows``; names, style and what public things say of
themselves by ruff.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import BESIDE, ROOMS, ROOT, files, modules, shown

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

# Each pattern is spelled so that it does not find itself.
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")
PATCHED = re.compile(r"unittest[.]mock|mock[.]patch|monkeypatch[.]setattr")
MACHINE_PATH = re.compile(r"(?<![\w.*])/(root|home)/\w")

CLOCKS = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time")

# Where a vendor's word may stand: its own modules, and the two that name what can be configured.
WIRING = ("gateway/settings_sections.py", "gateway/bootstrap.py")
SIGNATURES = ("connectors/webhooks.py",)  # one table of how they all sign
VENDORS = {
    "tryton": ("connectors/erp/tryton",),
    "vendure": ("connectors/marketplace/vendure", *SIGNATURES),
    "shopify": ("connectors/marketplace/shopify", *SIGNATURES),
    "bottlecrm": ("connectors/crm/bottlecrm", *SIGNATURES),
}
NOT_CONNECTED = (
    "saleor|medusa|odoo|erpnext|magento|woocommerce|lightspeed|netsuite|salesforce"
    "|hubspot|youzan|weimob|taobao|tmall|douyin|pinduoduo|kingdee|yonyou"
)


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in modules(*ROOMS, *BESIDE):
        yield shown(path), ast.parse(path.read_text(encoding="utf-8"))


def domain() -> Iterator[tuple[str, ast.AST]]:
    """Every part of every module of the domain."""
    for name, tree in trees():
        if name.startswith("resolvers/domain/"):
            for node in ast.walk(tree):
                yield name, node


def found(pattern: re.Pattern[str], paths: Iterator[Path] | list[Path]) -> list[str]:
    """Places where a pattern stands, as an editor opens them."""
    return [
        f"{shown(path)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    lines = {
        shown(path): path.read_text(encoding="utf-8").count("\n")
        for path in modules(*ROOMS, *BESIDE)
    }

    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}
    assert len(lines) > 50, "the rooms were looked for in the wrong place"


def test_no_function_is_longer_than_a_screen() -> None:
    functions = {
        f"{name}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: n for name, n in functions.items() if n > FUNCTION_LINES_MAX} == {}


def test_every_package_opens_with_nothing() -> None:
    """A re-export in ``__init__`` makes an import depend on who imported first."""
    packages = [path for path in modules(*ROOMS, *BESIDE) if path.name == "__init__.py"]

    assert [shown(path) for path in packages if path.stat().st_size] == []


def test_every_module_says_what_lives_in_it() -> None:
    silent = [name for name, tree in trees() if tree.body and not ast.get_docstring(tree)]

    assert silent == []


def test_the_domain_never_waits_and_never_asks_the_time() -> None:
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    told = [f"{name}: waits" for name, node in domain() if isinstance(node, waits)]
    told += [
        f"{name}:{node.lineno}: asks the time"
        for name, node in domain()
        if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS
    ]

    assert told == []


def test_the_domain_imports_no_other_part_of_the_house() -> None:
    told: list[str] = []
    for name, node in domain():
        imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        imported += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        ours = [what for what in imported if what.split(".")[0] in ROOMS]
        told += [f"{name}: {what}" for what in ours if not what.startswith("resolvers.domain.")]

    assert told == []


def test_a_database_driver_is_imported_in_one_module() -> None:
    """So that its successor is one changed import (ADR-0006)."""
    driver = re.compile(r"^\s*(import|from) (motor|pymongo|bson)\b")

    assert len({place.split(":")[0] for place in found(driver, modules(*ROOMS))}) <= 1


def test_opentelemetry_is_imported_in_one_module() -> None:
    """So that a gateway without the extra never looks for it."""
    named = re.compile(r"^\s*(import|from) opentelemetry\b")

    assert {place.split(":")[0] for place in found(named, modules(*ROOMS))} == {"gateway/otlp.py"}


def test_no_word_of_a_vendor_leaves_its_module() -> None:
    elsewhere = [path for path in modules(*ROOMS) if not shown(path).startswith(SIGNATURES)]
    told: list[str] = found(re.compile(NOT_CONNECTED, re.IGNORECASE), elsewhere)
    for word, homes in VENDORS.items():
        strangers = [path for path in modules(*ROOMS) if not shown(path).startswith(homes + WIRING)]
        told += found(re.compile(word, re.IGNORECASE), strangers)

    assert told == []


def test_nothing_is_left_unfinished() -> None:
    written = [*files(*ROOMS, *BESIDE, names=("*.py", "*.mjs", "*.jsx", "*.css", "*.graphql"))]
    written += [ROOT / name for name in ("Makefile", ".ci/run", "pyproject.toml")]

    assert found(UNFINISHED, written) == []
    assert found(MACHINE_PATH, written) == []


def test_nothing_is_patched() -> None:
    """The shipped fakes are asked for by port; a patch would test what nobody runs."""
    assert found(PATCHED, modules(*BESIDE)) == []
