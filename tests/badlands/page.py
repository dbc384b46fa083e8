"""docs/resilience.md from what a run came to, under the words of ``bad-days.md`` beside this.

python -m tests.badlands.page bad-days.json > docs/resilience.md
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HEAD = (Path(__file__).with_name("bad-days.md")).read_text(encoding="utf-8")

COLUMNS = (
    "What happened",
    "At",
    "Named after",
    "It said",
    "Slowest answer (ms)",
    "Others' changes seen after",
    "Caught up after",
    "Orders of the day in the ERP after",
    "Drifts",
)


LATE = (
    "A backend that was well, but could not answer in time or was not followed in time, on a "
    "machine with all of it and other work on its cores:"
)


def page(came: Mapping[str, Any]) -> str:
    """The page."""
    days: Sequence[Mapping[str, Any]] = came["days"]
    orders = sum(len(day["orders"]) for day in days)
    worst = max((ms for day in days for ms in day["worst_ms"].values()), default=0)
    lines = [HEAD, "## What was measured", ""]
    lines.append(
        f"{len(days)} of {came['planned']} days in {came['seconds']} s on {came['machine']}, "
        f"beside other work (load {came['load']}). {orders} orders were "
        f"taken while something failed; the slowest answer of all took {worst} ms. Times below are "
        "in seconds but where they say ms."
    )
    lines.append("")
    for count, title in ((1, "One gateway, one backend fails"), (2, "Two gateways, two fail")):
        rows = [day for day in days if day["gateways"] == count]
        if rows:
            lines += [f"### {title}", "", _row(COLUMNS), _row(["---"] * len(COLUMNS))]
            lines += [_row(_told(day)) for day in rows] + [""]
    late = list(dict.fromkeys(f"{_day(day)}: {it}" for day in days for it in day["late"]))
    if late:
        lines += ["## What was late", "", LATE, ""]
        lines += [f"- {_plain(text)}" for text in late] + [""]
    lines += ["## What went wrong", ""]
    wrong = list(dict.fromkeys(came["wrong"]))
    lines += [f"- {_plain(text)}" for text in wrong] or ["Nothing."]
    return "\n".join(lines) + "\n"


def _day(day: Mapping[str, Any]) -> str:
    return f"{day['fault']} at {', '.join(day['at'])}"


def _told(day: Mapping[str, Any]) -> Sequence[str]:
    field, ms = max(day["worst_ms"].items(), key=lambda it: it[1], default=("", 0))
    caught = _seconds(day["caught_up"])
    return (
        day["fault"],
        ", ".join(day["at"]),
        _each(day["named"]),
        "; ".join(_plain(text) for text in day["told"].values()) or "nothing",
        f"{ms} ({field})",
        _each(day["followed"]),
        f"{caught}, by `{day['by_hand']}`" if day["by_hand"] else caught,
        f"{_seconds(day['written'])} ({len(day['orders'])})",
        str(day["drifts"]),
    )


def _each(seconds: Mapping[str, float | None]) -> str:
    return ", ".join(f"{code} {_seconds(at)}" for code, at in seconds.items()) or "-"


def _seconds(number: float | None) -> str:
    return "not" if number is None else f"{number:.1f}"


def _plain(text: str) -> str:
    """A text for a cell: on one line, and without this run's ports."""
    cut = " ".join(text.replace("|", "/").split())[:160]
    head, mark, rest = cut.partition("http://127.0.0.1:")
    return f"{head}its address{rest.lstrip('0123456789')}" if mark else cut


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
