"""Which behaviour is shown of which connector: the cases of the suite, and the page about them.

``python -m tests.contract.connectors.cases RESULTS > docs/conformance.md`` writes the page from
what a run has noted in the file that ``CONFORMANCE_RESULTS`` names. ``make conformance`` does both.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from resolvers.backend_ports import Role
from tests.contract.connectors.reading import FEEDS
from tests.contract.connectors.rig import Rig, Things, asked_of
from tests.contract.connectors.rigs.every import RIGS

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"

MODULES = (
    "test_declared", "test_feeds", "test_stock", "test_sales", "test_returns", "test_transfers",
    "test_publication", "test_looks", "test_loyalty", "test_messages", "test_pulled",
    "test_bad_days",
)  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

HEAD = """# What was shown for which connector

Made by `make conformance`; do not edit it here. One suite per role, in `tests/contract/connectors`,
run over every connector by a rig of its own: the sandbox, a folder of files and Shopify's stand-in
in each run of the tests, a real Tryton (marker `live_long`), a real Vendure (`live_vendure`) and a
real CRM (`live_crm`) where they are installed. [A new connector](connectors.md#prove-it) says how
to add a rig.

✓ shown · – its system cannot do what this needs, for the reason given below · empty: not its role
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a test shows: of these roles, each (none: of any backend), by means of ``needs``."""

    what: str
    roles: tuple[Role, ...] = ()
    needs: tuple[str, ...] = ()
    of_things: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One test for one rig in one role; ``why_not`` is the reason that it cannot be run."""

    rig: type[Rig]
    role: Role | None
    why_not: str | None = None

    @property
    def key(self) -> str:
        return self.rig.__name__ if self.role is None else f"{self.rig.__name__}-{self.role}"


def shows(
    what: str, *roles: Role, needs: Sequence[str] = (), of: Sequence[str] = ()
) -> Callable[[F], F]:
    """Says what a test shows. ``needs`` are abilities of the rig, ``of`` those of its things."""

    def marked(test: F) -> F:
        test.shows = Shown(what, roles, tuple(needs), tuple(of))  # type: ignore[attr-defined]
        return test

    return marked


def cases_of(shown: Shown) -> Iterator[Case]:
    """The cases of a test, rig by rig."""
    for rig in RIGS:
        for role in shown.roles or (None,):
            if role is None or role in rig.roles:
                yield Case(rig, role, _why_not(shown, rig, role))


def _why_not(shown: Shown, rig: type[Rig], role: Role | None) -> str | None:
    things: type[Things] | None = rig.feeds.get(role) if role is not None else None
    reasons = [rig.cannot.get(name) for name in shown.needs]
    if things is not None:
        reasons += [things.cannot.get(name) for name in shown.of_things]
    return next((reason for reason in reasons if reason is not None), None)


def tests() -> Iterator[tuple[str, Shown]]:
    """Every test of the suite that says what it shows, in order."""
    for name in MODULES:
        module = import_module(f"{__package__}.{name}")
        for word, test in vars(module).items():
            if isinstance(shown := getattr(test, "shows", None), Shown):
                yield f"{name}.{word}", shown


def page(outcomes: Mapping[str, str]) -> str:
    """The page. ``outcomes`` are by test and case; who has none was not run."""
    lines = [HEAD]
    lines += [f"| Role | Behaviour | {' | '.join(rig.name for rig in RIGS)} |"]
    lines += [f"|---|---|{'|'.join('---' for _ in RIGS)}|"]
    for test, shown in tests():
        for role in shown.roles or (None,):
            cells = {case.rig: case for case in cases_of(shown) if case.role is role}
            if not cells:
                continue
            row = [_cell(test, cells.get(rig), outcomes) for rig in RIGS]
            named = "all" if role is None else role.replace("_", " ").lower()
            lines.append(f"| {named} | {shown.what} | {' | '.join(row)} |")
    lines += [
        "",
        "## What a system cannot do",
        "",
        "| System | Ability | Why not |",
        "|---|---|---|",
    ]
    for rig in RIGS:
        feeds = {rig.feeds[role]: FEEDS[role] for role in FEEDS if role in rig.feeds}
        for who, name, reasons, _ in asked_of(rig):
            if name in reasons:
                told = f"{feeds[who]}: {name}" if who in feeds else name
                lines.append(f"| {rig.name} | `{told}` | {reasons[name]} |")
    return "\n".join(lines) + "\n"


def _cell(test: str, case: Case | None, outcomes: Mapping[str, str]) -> str:
    if case is None:
        return ""
    if case.why_not is not None:
        return "–"
    return {"passed": "✓", "failed": "**failed**"}.get(
        outcomes.get(f"{test}[{case.key}]", ""), "not run"
    )


def all_shown() -> Mapping[str, str]:
    """The outcomes of a run in which everything was shown."""
    return {f"{test}[{case.key}]": "passed" for test, shown in tests() for case in cases_of(shown)}


if __name__ == "__main__":
    noted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    suite = import_module("tests.contract.connectors.cases")  # as its tests know it
    sys.stdout.write(suite.page(noted))
