"""The figures for people: a table of each case, on a screen and in Markdown, and all of it in JSON.

A ratio is the headline gateway's figure against the row's, both by core; where the rounds of either
lie too far apart for one, the spread stands in its place.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from rich.table import Table

from bench.servers.figures import SPREAD_MAX, ratio, spread
from bench.servers.house import GATEWAY
from bench.servers.load import Round
from bench.servers.sockets import Idle, Telling

Loads = Mapping[str, Mapping[str, Sequence[Round]]]
Sockets = Mapping[str, Sequence[tuple[Idle, Telling]]]

NONE = "-"
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Shown:
    """One table: its title, its columns, and cells as they are read."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def compared(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """A ratio as it is read, or why there is none."""
    found = ratio(ours, theirs)
    if found is not None:
        return f"{found:.2f} x"
    widest = max(spread(ours), spread(theirs))
    return f"none: spread {widest:.0%}" if widest > SPREAD_MAX else NONE


def middle(rounds: Sequence[R], of: Callable[[R], float]) -> float:
    """The median of one figure."""
    return statistics.median(map(of, rounds))


def of_load(case: str, about: str, servers: Mapping[str, Sequence[Round]]) -> Shown:
    """One case over HTTP."""
    rows = []
    ours = [row.per_core for row in servers[GATEWAY]]
    for name, rounds in servers.items():
        theirs = [row.per_core for row in rounds]
        rows.append(
            (
                name,
                f"{middle(rounds, lambda row: row.per_second):,.0f}",
                f"{middle(rounds, lambda row: row.per_core):,.0f}",
                f"{middle(rounds, lambda row: row.p50_ms):.2f}",
                f"{middle(rounds, lambda row: row.p99_ms):.2f}",
                f"{middle(rounds, lambda row: row.cpu_ms):.3f}",
                f"{middle(rounds, lambda row: row.resident_mib):.0f}",
                f"{spread(theirs):.0%}",
                NONE if name == GATEWAY else compared(ours, theirs),
            )
        )
    columns = (
        "Server", "Requests/s", "By core", "p50 ms", "p99 ms", "CPU ms", "MiB", "Spread",
        "Gateway to it",
    )  # fmt: skip
    return Shown(f"{case[0].upper()}{case[1:]}: {about}", columns, rows)


def of_sockets(sockets: Sockets) -> Shown:
    """What open sockets cost."""
    rows = []
    ours = [told.cpu_ms for _, told in sockets[GATEWAY]]
    for name, rounds in sockets.items():
        theirs = [told.cpu_ms for _, told in rounds]
        rows.append(
            (
                name,
                f"{middle(rounds, lambda row: row[0].kib_each):.1f}",
                f"{middle(rounds, lambda row: row[0].resident_mib):.0f}",
                f"{middle(rounds, lambda row: row[1].p50_ms):.1f}",
                f"{middle(rounds, lambda row: row[1].p99_ms):.1f}",
                f"{middle(rounds, lambda row: row[1].cpu_ms):.1f}",
                f"{spread(theirs):.0%}",
                NONE if name == GATEWAY else compared(theirs, ours),
            )
        )
    idle, told = next(iter(sockets.values()))[0]
    columns = (
        "Server", "KiB an idle socket", "MiB", "Told to all, p50 ms", "p99 ms", "CPU ms a change",
        "Spread", "Gateway to it",
    )  # fmt: skip
    title = f"{idle.sockets:,} idle sockets, and {told.subscribers} subscribers of one SKU"
    return Shown(title, columns, rows)


def shown(loads: Loads, sockets: Sockets, about: Mapping[str, str]) -> list[Shown]:
    """Every table."""
    found = [of_load(case, about[case], servers) for case, servers in loads.items()]
    return [*found, of_sockets(sockets)]


def tables(loads: Loads, sockets: Sockets, about: Mapping[str, str]) -> list[Table]:
    """Every table for a screen."""
    found = []
    for one in shown(loads, sockets, about):
        table = Table(title=one.title)
        for at, name in enumerate(one.columns):
            table.add_column(name, justify="right" if at else "left")
        for row in one.rows:
            table.add_row(*row)
        found.append(table)
    return found


def markdown(loads: Loads, sockets: Sockets, about: Mapping[str, str]) -> str:
    """Every table in Markdown, the gateway's own rows in bold."""
    lines = []
    for one in shown(loads, sockets, about):
        lines += [f"{one.title}:", "", _line(one.columns), "|---" * len(one.columns) + "|"]
        for name, *figures in one.rows:
            lines.append(_line([f"**{name}**" if name.startswith(GATEWAY) else name, *figures]))
        lines.append("")
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_json(loads: Loads, sockets: Sockets) -> dict[str, Any]:
    """Every round of every row."""
    return {
        "cases": {
            case: {name: [asdict(row) for row in rounds] for name, rounds in servers.items()}
            for case, servers in loads.items()
        },
        "sockets": {
            name: [{"idle": asdict(nothing), "telling": asdict(told)} for nothing, told in rounds]
            for name, rounds in sockets.items()
        },
    }
