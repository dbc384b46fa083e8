"""Measures what documents cost that were made to make a server work.

    python -m bench.limits [--rounds N] [--out FILE]

Each bomb of ``bench/bombs.py`` is thrown as a document never seen, then again. What is measured is
all that happens to it before it would run: it is read, measured, and validated unless it is over a
limit; times are CPU time of this process. Beside that stands the growth of the pass with fragments
that each spread the next one twice, against Strawberry's stock ``QueryDepthLimiter`` on the same
documents in the same run. No HTTP.
"""

import argparse
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from graphql import GraphQLError, parse, validate
from rich.console import Console
from rich.table import Table
from strawberry.extensions.query_depth_limiter import create_validator

from bench.bombs import BOMBS, Bomb, fan_out
from gateway.serving import COLLECT_AFTER
from schema.documents import TOKENS_MAX, Document, invalid, read
from schema.limits import Bounds, beyond, measured, too_many_values
from schema.root import build_schema

RESULTS = Path(__file__).parent / "results" / "limits.json"
FIRST_MAX_MS, AGAIN_MAX_MS = 40.0, 1.0
AGAIN = 20
FANS = (2, 4, 8, 12, 14, 16, 32, 60)
"""Fragments of the growth table."""

STOCK_FANS_MAX = 16
"""Most that the stock limiter is asked about: each fragment more doubles its time."""

BOUNDS = Bounds()
SCHEMA = build_schema()._schema  # noqa: SLF001  # the library has no other door to it


@dataclass(frozen=True, slots=True)
class Thrown:
    """One bomb: the median and the worst of its first times, and the median of the later ones."""

    bomb: str
    first_ms: float
    worst_ms: float
    again_ms: float
    refused: str


@dataclass(frozen=True, slots=True)
class Grown:
    """One size of the fan-out: its document, what we looked at, and both limiters' time."""

    fragments: int
    characters: int
    visited: int
    ours_ms: float
    stock_ms: float | None


def looked_at(bomb: Bomb) -> str:
    """Does with a document what is done before it runs; says what it is refused for."""
    text, variables = bomb
    try:
        document = read(text)
    except GraphQLError:
        return "parser"
    over = beyond(BOUNDS, measured(SCHEMA, document, variables, BOUNDS))
    if (large := too_many_values(variables, BOUNDS.variables)) is not None:
        over.append(large)
    if over:
        return ", ".join(sorted({(error.extensions or {})["limit"]["name"] for error in over}))
    wrong = invalid(SCHEMA, document, introspection=True, suggestions=False)
    return "validation" if wrong else "-"


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of a piece of work."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e3


def thrown(name: str, rounds: int) -> Thrown:
    """Throws one bomb, each round as a document never seen and then again."""
    first, again, refused = [], [], ""
    for at in range(rounds):
        bomb = BOMBS[name](f"m{at}x")
        first.append(cpu_ms(partial(looked_at, bomb)))
        again.append(statistics.fmean(cpu_ms(partial(looked_at, bomb)) for _ in range(AGAIN)))
        refused = looked_at(bomb)
    middle = [round(statistics.median(times), 3) for times in (first, again)]
    return Thrown(name, middle[0], round(max(first), 3), middle[1], refused)


def grown(fragments: int, rounds: int) -> Grown:
    """Times both limiters on the same fan-out, in turns; reading it is not counted."""
    text = fan_out(fragments)
    tree = parse(text)
    stock: Any = create_validator(10_000, None)
    ours, theirs, visited = [], [], 0
    for _ in range(rounds):
        document = Document(tree)
        ours.append(cpu_ms(partial(measured, SCHEMA, document, {}, BOUNDS)))
        visited = measured(SCHEMA, document, {}, BOUNDS).visited
        if fragments <= STOCK_FANS_MAX:
            theirs.append(cpu_ms(partial(validate, SCHEMA, tree, [stock])))
    middle = round(statistics.median(ours), 3)
    return Grown(
        fragments,
        len(text),
        visited,
        middle,
        round(statistics.median(theirs), 3) if theirs else None,
    )


def tables(bombs: list[Thrown], growth: list[Grown]) -> tuple[Table, Table]:
    """Both results for people."""
    first = Table(title=f"Before it runs, CPU ms; {TOKENS_MAX} words at most")
    for name in ("bomb", "first", "worst first", "again", "refused by"):
        first.add_column(name, justify="left" if name in ("bomb", "refused by") else "right")
    for row in bombs:
        first.add_row(*(f"{value}" for value in asdict(row).values()))
    second = Table(title="Fragments that spread the next one twice, CPU ms")
    for name in ("fragments", "characters", "nodes visited", "ours", "stock", "stock / ours"):
        second.add_column(name, justify="right")
    for grew in growth:
        stock = grew.stock_ms
        ratio = "" if stock is None else f"{stock / max(grew.ours_ms, 0.001):,.1f}"
        second.add_row(*("" if v is None else f"{v}" for v in asdict(grew).values()), ratio)
    return first, second


def verdict(bombs: list[Thrown]) -> Mapping[str, bool]:
    """Whether the bounds were kept, by the medians."""
    return {
        f"first <= {FIRST_MAX_MS:g} ms": all(row.first_ms <= FIRST_MAX_MS for row in bombs),
        f"again <= {AGAIN_MAX_MS:g} ms": all(row.again_ms <= AGAIN_MAX_MS for row in bombs),
    }


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, choices=range(1, 101), metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()

    gc.freeze()  # as a gateway does that serves
    gc.set_threshold(COLLECT_AFTER)
    looked_at(("{ channels { code } }", {}))
    bombs = [thrown(name, asked.rounds) for name in BOMBS]
    growth = [grown(fragments, asked.rounds) for fragments in FANS]
    kept = verdict(bombs)

    console = Console()
    for shown in tables(bombs, growth):
        console.print(shown)
    for bound, so in kept.items():
        console.print(f"{bound}: {'kept' if so else 'NOT KEPT'}")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "bombs": [asdict(row) for row in bombs],
        "growth": [asdict(row) for row in growth],
        "kept": kept,
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
