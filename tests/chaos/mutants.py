"""Plants small bugs in the decision and append code, one at a time, and runs the fast proofs.

    python -m tests.chaos.mutants [WORD]

Each bug goes into a copy of the tree; the tests that must catch it run there. It prints which bug
was caught, and by what, and exits with 1 if any survived or no longer fits the code.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("gateway", "schema", "connectors", "resolvers", "tests", "pyproject.toml")
PROOFS = (
    "tests/property",
    "tests/contract/test_engine.py",
    "tests/contract/test_streams.py",
    "tests/contract/test_upkeep.py",
    "tests/contract/test_replays.py",
    "tests/resolvers/test_making_room.py",
    "tests/resolvers/test_movements.py",
    "tests/resolvers/test_ruling.py",
    "tests/resolvers/test_refusals.py",
    "tests/chaos/test_together.py",
)
SECONDS_MAX = 900


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug: in which file, what stands there, and what is put in its place."""

    file: str
    old: str
    new: str


MUTANTS = (
    Mutant("resolvers/domain/stock.py", "self.until <= now", "self.until < now"),
    Mutant(
        "resolvers/domain/sources.py",
        "Seen.YES if stamp <= watermark",
        "Seen.YES if stamp < watermark",
    ),
    Mutant(
        "resolvers/domain/stock.py",
        "            return min(0, self.on_hand)",
        "            return self.on_hand",
    ),
    Mutant(
        "resolvers/domain/stock.py",
        "on_hand = quantity + unseen - position.on_hand",
        "on_hand = quantity - position.on_hand",
    ),
    Mutant(
        "resolvers/domain/facts.py",
        "before.watermark > feed.watermark",
        "before.watermark > feed.watermark + 9",
    ),
    Mutant(
        "resolvers/domain/facts.py",
        "source.seen(movement.acknowledged, feed.watermark) is Seen.YES",
        "source.seen(movement.acknowledged + 1, feed.watermark) is Seen.YES",
    ),
    Mutant("resolvers/domain/movements.py", "elif last == fresh:", "elif last is fresh:"),
    Mutant(
        "resolvers/domain/movements.py",
        "doubtful = missing or in_doubt(feed, source)",
        "doubtful = missing",
    ),
    Mutant(
        "resolvers/domain/movements.py",
        "booked = min(0, fresh.on_hand - last.on_hand)",
        "booked = fresh.on_hand - last.on_hand",
    ),
    Mutant(
        "resolvers/domain/movements.py",
        "if movement.sequence <= max(feed.moved, feed.watermark):",
        "if movement.sequence <= feed.watermark:",
    ),
    Mutant(
        "resolvers/domain/facts.py",
        "feed = replace(feed, moved=before.moved, doubt=before.doubt)",
        "pass",
    ),
    Mutant(
        "resolvers/domain/sources.py",
        "Seen.YES if watermark > stamp else",
        "Seen.YES if watermark >= stamp else",
    ),
    Mutant(
        "resolvers/domain/availability.py",
        "max(0, position.unpromised - safety)",
        "max(0, position.unpromised)",
    ),
    Mutant(
        "resolvers/domain/availability.py",
        "min([in_stock, *(bound.left for bound in limits)])",
        "min([in_stock, *(bound.left + 1 for bound in limits)])",
    ),
    Mutant(
        "resolvers/domain/reservation.py", "left = min(quantity, found.total)", "left = quantity"
    ),
    Mutant(
        "resolvers/domain/reservation.py",
        "if available < quantity:",
        "if available < quantity - 1:",
    ),
    Mutant(
        "resolvers/domain/limits.py",
        "yield day_key(taker.channel, taker.day), units",
        "yield day_key(taker.channel, taker.day), abs(units)",
    ),
    Mutant("resolvers/domain/moving.py", "return position.unpromised >= safety", "return True"),
    Mutant(
        "resolvers/domain/moving.py",
        "self.loose[target, kind] = self.loose.get((target, kind), 0) + units",
        "pass",
    ),
    Mutant(
        "resolvers/domain/moving.py",
        "if pin.until is None or taker is None or taker.anywhere is None:",
        "if pin.until is None or taker is None:",
    ),
    Mutant(
        "resolvers/domain/backing.py",
        "missing = -streams[sku].position(place).unpromised",
        "missing = -streams[sku].position(place).on_hand",
    ),
    Mutant(
        "resolvers/domain/holds.py",
        "if sum(ask.units.values()) > left:",
        "if sum(ask.units.values()) > left + 1:",
    ),
    Mutant(
        "resolvers/domain/holds.py",
        "until = max(reservation.expires_at, min(asked, bound))",
        "until = min(asked, bound)",
    ),
    Mutant(
        "resolvers/domain/checkout.py",
        "return settle([replace(pin, until=due) for pin in old], pool)",
        "return [], [replace(pin, until=due) for pin in old]",
    ),
    Mutant(
        "resolvers/domain/checkout.py",
        "if pin.quantity and pin.reservation == reservation.id]",
        "if pin.quantity]",
    ),
    Mutant("resolvers/engine.py", "if before.fingerprint != command.fingerprint:", "if False:"),
    Mutant("resolvers/domain/books.py", "if pin.quantity > 0:", "if True:"),
    Mutant("resolvers/domain/books.py", "backing.pop(there, None)", "pass"),
    Mutant("resolvers/domain/books.py", "own.taken[of] = own.taken.get(of, 0) + units", "pass"),
    Mutant(
        "connectors/stores/sqlite/append.py",
        "SET units = units + excluded.units",
        "SET units = excluded.units",
    ),
    Mutant(
        "connectors/stores/sqlite/append.py",
        "WHERE until <= {micros(now)}",
        "WHERE until < {micros(now)}",
    ),
    Mutant(
        "connectors/stores/sqlite/append.py",
        "SET version = version + 1, at = excluded.at",
        "SET version = version + 1",
    ),
    Mutant(
        "connectors/stores/sqlite/append.py",
        "status IN ('HELD', 'COMMITTED')\"",
        "status IN ('HELD')\"",
    ),
    Mutant("resolvers/domain/books.py", "self._fresh.append(recorded)", "pass"),
    Mutant(
        "resolvers/domain/reservation.py",
        "units[part.sku] = units.get(part.sku, 0) + part.quantity * line.quantity",
        "units[part.sku] = part.quantity * line.quantity",
    ),
    Mutant(
        "resolvers/domain/reservation.py",
        "staying[pin.sku] = staying.get(pin.sku, 0) - stays",
        "pass",
    ),
    Mutant(
        "resolvers/domain/availability.py",
        "total = first.available // scarcest.quantity",
        "total = first.available",
    ),
    Mutant("resolvers/domain/checkout.py", "if reservation.order_id is not None:", "if False:"),
    Mutant(
        "resolvers/domain/holds.py",
        "if reservation.seen_at(books.now).status is not Status.EXPIRED:",
        "if False:",
    ),
    Mutant(
        "connectors/stores/sqlite/append.py",
        "INSERT OR REPLACE INTO pins",
        "INSERT OR IGNORE INTO pins",
    ),
    Mutant(
        "connectors/stores/sqlite/append.py",
        "WHERE version > ? ORDER BY version",
        "WHERE version > ? ORDER BY version DESC",
    ),
)


def caught(mutant: Mutant, copy: Path) -> str | None:
    """The first test that fails with the bug planted; None if all pass."""
    path = copy / mutant.file
    before = path.read_text(encoding="utf-8")
    if before.count(mutant.old) != 1:
        sys.exit(f"{mutant.file} has {mutant.old!r} {before.count(mutant.old)} times, not once")
    path.write_text(before.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        words = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not mongo"]
        words += ["--hypothesis-profile=unshrunk", *PROOFS]
        run = subprocess.run(
            [sys.executable, *words],
            cwd=copy,
            env={"PYTHONPATH": str(copy), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    finally:
        path.write_text(before, encoding="utf-8")
    if run.returncode == 0:
        return None
    failed = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0] if failed else f"exit {run.returncode}"


def main() -> None:
    """Tries every mutant, or those whose file or text has a word in it."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    asked = [m for m in MUTANTS if word in m.file or word in m.old]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        copy = Path(directory)
        for room in ROOMS:
            source = ROOT / room
            skipped = shutil.ignore_patterns("node_modules", "__pycache__", ".hypothesis")
            if source.is_dir():
                shutil.copytree(source, copy / room, ignore=skipped)
            else:
                shutil.copy(source, copy / room)
        for at, mutant in enumerate(asked, start=1):
            by = caught(mutant, copy)
            survived += by is None
            told = f"caught by {by}" if by else "SURVIVED"
            print(f"{at:2}/{len(asked)} {mutant.file}: {mutant.new[:60]!r} {told}", flush=True)
    print(f"{len(asked) - survived} of {len(asked)} caught")
    if survived:
        sys.exit(1)


if __name__ == "__main__":
    main()
