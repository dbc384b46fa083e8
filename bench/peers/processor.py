"""What servers take of the processor: of every program that this one has started, and theirs.

A figure that a busy machine spoils less than it spoils times.
"""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
PARENT, TIMES = 1, slice(11, 15)  # in what stands after a program's name; children's times included


def below(root: int) -> float:
    """Seconds of the processor that descendants of a process have had, the ended ones that somebody
    waited for included.
    """
    rows: dict[int, list[str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                told = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended since
            rows[int(folder.name)] = told.rpartition(")")[2].split()
    children: dict[int, list[int]] = {}
    for pid, fields in rows.items():
        children.setdefault(int(fields[PARENT]), []).append(pid)
    total, waiting = 0, list(children.get(root, ()))
    while waiting:
        pid = waiting.pop()
        total += sum(map(int, rows[pid][TIMES]))
        waiting += children.get(pid, ())
    return total / _TICKS
