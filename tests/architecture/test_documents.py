"""What documents say of the code, where it can be compared: roles, decisions, the index."""

import re
from collections.abc import Mapping

from resolvers.access import SCOPES, Role, Scope
from schema.access import ACCESS, OPEN, Masked
from tests.architecture.sources import ROOT, files

DOCS = ROOT / "docs"
STATUS = re.compile(r"# \d{4} .+\n\nStatus: (built|partly built|decided, not built yet)\b.*\n")


def rows(first: str) -> list[list[str]]:
    """The cells of a table of roles.md, its head first: the one with ``first`` as second cell."""
    for block in (DOCS / "roles.md").read_text(encoding="utf-8").split("\n\n"):
        lines = [
            [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            for line in block.splitlines()
            if line.startswith("|")
        ]
        if lines and lines[0][1] == first:
            return [lines[0], *lines[2:]]
    return []


def test_the_page_of_roles_says_what_each_role_may_do() -> None:
    [head, *table] = rows("guest")

    said: Mapping[str, set[str]] = {
        role: {row[0] for row in table if row[at] == "yes"} for at, role in enumerate(head) if at
    }

    assert said == {role.value: {str(scope) for scope in SCOPES[role]} for role in Role}
    assert [row[0] for row in table] == [str(scope) for scope in Scope]
    assert {cell for row in table for cell in row[1:]} == {"yes", ""}


def test_the_page_of_roles_says_what_each_scope_opens() -> None:
    [_, *table] = rows("Opens")

    said = {
        (field, row[0]) for row in table for field in re.findall(r"[A-Z]\w+[.](?:\w+|\*)", row[1])
    }

    asks = {field: ask.scope if isinstance(ask, Masked) else ask for field, ask in ACCESS.items()}
    assert said == {(field, str(ask)) for field, ask in asks.items() if ask != OPEN}
    assert [row[0] for row in table] == [str(scope) for scope in Scope]


def test_every_decision_says_whether_it_is_built() -> None:
    decisions = list(files("docs/adr", names=("*.md",)))

    silent = [path.name for path in decisions if not STATUS.match(path.read_text(encoding="utf-8"))]

    assert silent == []
    assert len(decisions) >= 8


def test_the_index_names_every_document() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    documents = [path.relative_to(DOCS).as_posix() for path in files("docs", names=("*.md",))]

    assert [name for name in documents if name != "README.md" and f"({name})" not in index] == []
