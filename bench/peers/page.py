"""Races as they are kept and shown: JSON of every one, and a page in Markdown of them all."""

import json
import math
import os
import platform
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.peers.figures import Case, Kind, Run, costs, ratio, saving, summed
from bench.peers.ours import NAME as OURS

SHAPE, RULE = ("What", "Processes", "Buyers", "Units"), "|---"


def machine() -> str:
    """Processors, system and Python, in a line."""
    model = platform.machine()
    known = Path("/proc/cpuinfo")
    if known.exists():
        rows = known.read_text(encoding="utf-8").splitlines()
        model = next((row.partition(": ")[2] for row in rows if "model name" in row), model)
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores of {model}, {system}, Python {platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Race:
    """One race of one product; ``load`` is the machine's average of the minute before it."""

    product: str
    case: Case
    run: Run
    load: float


@dataclass(slots=True)
class Results:
    """All that is known so far. ``facts`` are what each product says of itself, ``notes`` what went
    wrong.
    """

    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="minutes"))
    machine: str = field(default_factory=machine)
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    races: list[Race] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def kept(self, path: Path) -> None:
        """Writes all of it, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_suffix(".new")
        whole.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        whole.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What was kept."""
        told = json.loads(path.read_text(encoding="utf-8"))
        races = [
            Race(
                row["product"],
                Case(**{**row["case"], "kind": Kind(row["case"]["kind"])}),
                Run(**row["run"]),
                row["load"],
            )
            for row in told.pop("races")
        ]
        return cls(races=races, **told)

    def adds(self, other: Self) -> None:
        """Takes another run's races to its own; a product is as its last run says."""
        self.steps |= other.steps
        self.facts |= other.facts
        self.races += other.races
        self.notes += other.notes

    def cases(self) -> Mapping[Case, Mapping[str, Sequence[Run]]]:
        """Rounds by case and product, in the order of the races."""
        found: dict[Case, dict[str, list[Run]]] = {}
        for race in self.races:
            found.setdefault(race.case, {}).setdefault(race.product, []).append(race.run)
        return found


def page(results: Results) -> str:
    """All of it in Markdown."""
    loads = [race.load for race in results.races]
    load = f"; load {min(loads):.0f} to {max(loads):.0f}" if loads else ""
    parts = [f"{results.at}, {results.machine}{load}.", *_steps(results), *_table(results)]
    return "\n".join([*parts, *_ratios(results), *_notes(results)])


def _steps(results: Results) -> Iterator[str]:
    yield ""
    for product, steps in results.steps.items():
        facts = results.facts.get(product, {})
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        for kind in Kind:
            yield f"- {product}, {kind}: {steps.get(kind, 'there is no such thing')}."
        if told:
            yield f"- {product} runs on: {told}."


def _table(results: Results) -> Iterator[str]:
    heads = [*SHAPE, "Product", "Rounds", "Accepted", "Accepted/s", "Best", "Spread"]
    heads += ["p50 ms", "p99 ms", "CPU ms", "Failed", "No answer", "Oversold", "Uncounted"]
    yield ""
    yield _row(*heads)
    yield RULE * len(heads) + "|"
    for case, by_product in results.cases().items():
        for product, runs in by_product.items():
            yield _row(case.kind, case.processes, _buyers(case, runs), f"{case.units:,}", product,
                       *_figures(runs))  # fmt: skip


def _figures(runs: Sequence[Run]) -> tuple[object, ...]:
    sums = summed(runs)
    return (
        sums.rounds,
        f"{statistics.median(run.accepted for run in runs):,.0f}",
        f"{sums.median:,.1f}",
        f"{sums.best:,.1f}",
        f"{sums.spread:.0%}" if sums.rounds > 1 and math.isfinite(sums.spread) else "",
        _median([run.p50_ms for run in runs]),
        _median([run.p99_ms for run in runs]),
        _median([run.cpu_ms for run in runs]),
        sum(run.failed for run in runs),
        sum(run.unanswered for run in runs),
        max(run.oversold for run in runs),
        max(run.uncounted for run in runs),
    )


def _ratios(results: Results) -> Iterator[str]:
    yield ""
    heads = [*SHAPE, "Against", "As fast as its best", "Its cheapest CPU to ours"]
    yield _row(*heads)
    yield RULE * len(heads) + "|"
    for case, by_product in results.cases().items():
        ours = by_product.get(OURS)
        for product, runs in by_product.items():
            if ours is None or product == OURS:
                continue
            compared = (
                _times(ratio(summed(ours), summed(runs))),
                _times(saving(costs(ours), costs(runs))),
            )
            yield _row(
                case.kind, case.processes, case.buyers, f"{case.units:,}", product, *compared
            )


def _times(found: float | str) -> str:
    return found if isinstance(found, str) else f"{found:,.1f} x"


def _notes(results: Results) -> Iterator[str]:
    yield ""
    for product in results.steps:
        reasons: Counter[str] = Counter()
        for race in results.races:
            if race.product == product:
                reasons.update(race.run.reasons)
        told = "; ".join(f"{number} times {words}" for words, number in reasons.most_common(4))
        if told:
            yield f"- {product} failed {told}."
    for note in results.notes:
        yield f"- {note}"


def _buyers(case: Case, runs: Sequence[Run]) -> str:
    """How many, and how many were in the race where not all could be made ready in time."""
    least = min(run.buyers for run in runs)
    return f"{case.buyers}" if least == case.buyers else f"{least} of {case.buyers}"


def _median(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    median = statistics.median(known)
    return f"{median:,.0f}" if median >= 10 else f"{median:.1f}"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
