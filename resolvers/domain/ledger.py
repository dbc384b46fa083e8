"""The ledger of one SKU: what its entries fold to, and where that differs from what is stored.

Old entries are folded into a checkpoint, once and for good; a rebuild goes on from there. Pure: no
clock, no storage. Quantities are whole units; instants are aware UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from resolvers.domain.limits import taken_by
from resolvers.domain.stock import Position, StockEntry, Stream, TakenKey

QUANTITIES = ("on_hand", "soft", "hard", "elsewhere", "incoming")
"""What a position is made of."""

SOFT_PINS, HARD_PINS, TAKEN = "soft_pins", "hard_pins", "taken"
"""What else of a SKU is compared: the pins of a place by kind, and what limits count."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A SKU's first ``entries`` entries, folded; the last of them was written at ``at``.

    ``sources`` says who moved each location last. ``chain`` is a digest over the folded entries,
    each step hashed onto the one before; the store that folds them knows their bytes.
    """

    sku: str
    entries: int = 0
    at: datetime | None = None
    positions: Mapping[str, Position] = field(default_factory=dict)
    taken: Mapping[TakenKey, int] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A SKU's stream as it is stored, with every pin, beside what its entries fold to."""

    stream: Stream
    folded: Checkpoint


@dataclass(frozen=True, slots=True)
class Drift:
    """A quantity that is not what its entries, or its pins, say: a sign of damage or of a bug.

    ``location`` is "" for what is counted of a SKU as a whole; ``of`` says then what is counted:
    the channel, the day, the member. ``source`` is the system or person that moved the place last.
    """

    sku: str
    location: str
    quantity: str
    stored: int
    rebuilt: int
    source: str | None = None
    of: str = ""

    @property
    def difference(self) -> int:
        """Units that are stored and not moved; below zero, moved and not stored."""
        return self.stored - self.rebuilt


def fold_on(checkpoint: Checkpoint, entries: Iterable[StockEntry]) -> Checkpoint:
    """A checkpoint with more entries of its SKU folded in; its chain stays as it was.

    It asks nothing of them: what they come to is compared afterwards, and may be wrong.
    """
    sku = checkpoint.sku
    sums = {
        place: [at.on_hand, at.soft, at.hard, at.elsewhere, at.incoming]
        for place, at in checkpoint.positions.items()
    }
    taken, sources = dict(checkpoint.taken), dict(checkpoint.sources)
    count, at = checkpoint.entries, checkpoint.at
    for entry in entries:
        assert entry.sku == sku
        here = sums.get(entry.location)
        if here is None:
            here = sums[entry.location] = [0] * len(QUANTITIES)
        here[0] += entry.on_hand
        here[1] += entry.soft
        here[2] += entry.hard
        here[3] += entry.elsewhere
        here[4] += entry.incoming
        if entry.taker is not None:
            for of, units in taken_by(entry):
                taken[of] = taken.get(of, 0) + units
        sources[entry.location] = entry.source
        count, at = count + 1, entry.at
    return replace(
        checkpoint,
        entries=count,
        at=at,
        positions={place: Position(sku, place, *units) for place, units in sums.items()},
        taken={of: units for of, units in taken.items() if units},
        sources=sources,
    )


def drifts(account: Account) -> list[Drift]:
    """Where a stream differs from the fold of its entries, and its pins from what is promised."""
    stream, folded = account.stream, account.folded
    promised: dict[tuple[str, str], int] = {}
    for pin in stream.pins.values():
        under = (pin.location, HARD_PINS if pin.until is None else SOFT_PINS)
        promised[under] = promised.get(under, 0) + pin.quantity
    found: list[Drift] = []
    for at in sorted({*stream.positions, *folded.positions, *(place for place, _ in promised)}):
        stored = stream.position(at)
        rebuilt = folded.positions.get(at) or Position(stream.sku, at)
        pairs = [(name, getattr(stored, name), getattr(rebuilt, name)) for name in QUANTITIES]
        pairs.append((SOFT_PINS, promised.get((at, SOFT_PINS), 0), rebuilt.soft))
        pairs.append((HARD_PINS, promised.get((at, HARD_PINS), 0), rebuilt.hard))
        source = folded.sources.get(at)
        found += [Drift(stream.sku, at, *pair, source) for pair in pairs if pair[1] != pair[2]]
    for of in sorted({*stream.taken, *folded.taken}):
        counted, rebuilt_count = stream.taken.get(of, 0), folded.taken.get(of, 0)
        if counted != rebuilt_count:
            told = " ".join(of).replace("\x1f", " ").strip()
            found.append(Drift(stream.sku, "", TAKEN, counted, rebuilt_count, of=told))
    return found
