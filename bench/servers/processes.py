"""What a process and all that it has started have used: CPU and memory, read from ``/proc``."""

import os
from collections.abc import Iterator
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants so far, children that have ended and
    were waited for included; to a hundredth of a second, as the system counts.
    """
    total = 0
    for one in tree(pid):
        stat = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += sum(map(int, stat[11:15]))
    return total / TICK


def resident_mib(pid: int) -> float:
    """What a process and its descendants have in memory."""
    kib = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                kib += int(line.split()[1])
    return kib / 1024


def tree(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield from tree(int(child))
