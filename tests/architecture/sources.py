"""Which files the architecture tests look at: everything of the house that is written by hand."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("gateway", "schema", "connectors", "resolvers")
BESIDE = ("tests", "bench", "examples")

_MADE = {"__pycache__", "build", "dist", "node_modules", "var"}


def files(*places: str, names: Sequence[str] = ("*",)) -> Iterator[Path]:
    """Files under some places of the tree, made and hidden folders left out."""
    for place in places:
        for folder, folders, found in os.walk(ROOT / place):
            folders[:] = sorted(
                name for name in folders if name not in _MADE and not name.startswith(".")
            )
            for name in sorted(found):
                path = Path(folder, name)
                if any(path.match(pattern) for pattern in names):
                    yield path


def modules(*places: str) -> list[Path]:
    """Python files under some places; a place that is not there has none."""
    return list(files(*places, names=("*.py",)))


def shown(path: Path) -> str:
    """A path as it stands in the tree."""
    return path.relative_to(ROOT).as_posix()
