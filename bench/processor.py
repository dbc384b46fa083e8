"""What servers take of the processor: a product's own programs, and those that they have started.

A figure that a busy machine spoils less than it spoils times.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
PARENT, TIMES = 1, slice(11, 15)  # in what stands after a program's name; children's times included


def children(parent: int) -> set[int]:
    """Programs that a process has started itself and that still run."""
    return set(_families(_rows()).get(parent, ()))


def taken(roots: Iterable[int]) -> float:
    """Seconds of the processor that programs and all below them have had, the ended ones that
    somebody waited for included. A root that has ended counts nothing.
    """
    rows = _rows()
    families = _families(rows)
    total, waiting = 0, [pid for pid in roots if pid in rows]
    while waiting:
        pid = waiting.pop()
        total += sum(map(int, rows[pid][TIMES]))
        waiting += families.get(pid, ())
    return total / _TICKS


def _rows() -> Mapping[int, list[str]]:
    """What the system tells of each process."""
    rows = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                told = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended since
            rows[int(folder.name)] = told.rpartition(")")[2].split()
    return rows


def _families(rows: Mapping[int, list[str]]) -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid, fields in rows.items():
        found.setdefault(int(fields[PARENT]), []).append(pid)
    return found
