"""The audit of graphql-http, of which docs/http-audit.md is the report.

``python -m tests.conformance.audited > docs/http-audit.md`` writes it anew. What runs is installed
beside its recipe in ``audit/`` when it is first asked for; npm and Node.js come with the machine.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.child import started

RECIPE = Path(__file__).parent / "audit"
REPORT = Path(__file__).parents[2] / "docs" / "http-audit.md"

SETTINGS = """
[server]
shutdown_seconds = 1

[[channels]]
code = "web"
name = "Web"
kind = "ONLINE"

[[backends]]
code = "erp"
vendor = "sandbox-erp"
"""

LEVELS = ("MUST", "SHOULD", "MAY")

HEAD = """# The audit of GraphQL over HTTP

Made by `python -m tests.conformance.audited > docs/http-audit.md`; do not edit it here. A test runs
the audit against a gateway with the defaults and fails when the outcome is another one.

The audits are those of [graphql-http](https://github.com/graphql/graphql-http) {version}, at every
level: MUST, SHOULD and MAY. Each GET carries the header `GraphQL-Require-Preflight`, as
[the gateway wants it](http.md#who-may-ask-by-get); nothing else is added.
"""


@dataclass(frozen=True)
class Result:
    """One audit: ``status`` is ok, notice (a MAY), warn (a SHOULD) or error (a MUST)."""

    id: str
    name: str
    status: str
    reason: str | None = None

    @property
    def level(self) -> str:
        return self.name.partition(" ")[0]


def install() -> None:
    """Installs what the lock file names, if it is not there yet."""
    lock = (RECIPE / "package-lock.json").read_text(encoding="utf-8")
    done = RECIPE / "node_modules" / ".installed"
    if done.exists() and done.read_text(encoding="utf-8") == lock:
        return
    _said("npm", "ci", "--loglevel=error", "--no-progress")
    done.write_text(lock, encoding="utf-8")


def audited(folder: Path) -> list[Result]:
    """Audits a gateway that is started for it, with its data in a folder."""
    install()
    config = folder / "shop.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    with started(folder / "data", "serve", "--config", str(config)) as child:
        child.read_until("\n")
        said = _said("node", "audit.mjs", f"{child.address}/graphql")
    return [Result(**entry) for entry in json.loads(said)]


def _said(*command: str) -> str:
    """What a command prints that ends well within five minutes."""
    run = subprocess.run(
        command, cwd=RECIPE, check=False, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def page(results: Sequence[Result]) -> str:
    """The report."""
    recipe = json.loads((RECIPE / "package.json").read_text(encoding="utf-8"))
    lines = [HEAD.format(version=recipe["dependencies"]["graphql-http"])]
    lines += ["| Level | Audits | Passed |", "|---|---|---|"]
    levels = Counter(result.level for result in results)
    passed = Counter(result.level for result in results if result.status == "ok")
    lines += [f"| {level} | {levels[level]} | {passed[level]} |" for level in LEVELS]
    lines += [f"| all | {len(results)} | {passed.total()} |", ""]
    lines += ["| Id | Audit | Outcome |", "|---|---|---|"]
    for result in results:
        outcome = result.status if result.reason is None else f"{result.status}: {result.reason}"
        lines.append(f"| {result.id} | {result.name} | {outcome} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        sys.stdout.write(page(audited(Path(made))))
