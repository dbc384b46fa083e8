"""Checkpoints as the stores keep them: how entries are folded in, chained and sealed.

The same in every engine, so that a copy has the same chains and seals. A seal is a digest without a
key: it finds damage and careless hands, not somebody who sets out to deceive. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from connectors.stores.coding import decoder, encode
from resolvers.domain.ledger import Account, Checkpoint, fold_on
from resolvers.domain.stock import Position, StockEntry, Stream, TakenKey

_FOLDED_AT_ONCE = 20_000
"""Most entries of a rebuild that are kept at a time."""


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint without its counts, which are rows of their own: a SKU may have as many of them
    as there are members. Positions and sources are in order of location.
    """

    sku: str
    entries: int
    at: datetime | None
    positions: tuple[Position, ...]
    sources: tuple[tuple[str, str], ...]
    chain: str


read_head = decoder(Head)


def head_of(checkpoint: Checkpoint) -> Head:
    """What is kept of a checkpoint in one row."""
    return Head(
        checkpoint.sku,
        checkpoint.entries,
        checkpoint.at,
        tuple(checkpoint.positions[at] for at in sorted(checkpoint.positions)),
        tuple(sorted(checkpoint.sources.items())),
        checkpoint.chain,
    )


def checkpoint_of(head: Head, taken: Mapping[TakenKey, int]) -> Checkpoint:
    """The checkpoint of a row and its counts."""
    return Checkpoint(
        head.sku,
        head.entries,
        head.at,
        {position.location: position for position in head.positions},
        taken,
        dict(head.sources),
        head.chain,
    )


def seal_of(head: Head) -> str:
    """A digest over everything that a row says."""
    return sha256(encode(head)).hexdigest()


def fold_more(
    heads: Mapping[str, Head], entries: Iterable[StockEntry]
) -> tuple[dict[str, Head], dict[str, Mapping[TakenKey, int]]]:
    """The heads of the SKUs of some entries with these folded in and chained on, and by how much
    the counts of each change.
    """
    by_sku: dict[str, list[StockEntry]] = {}
    for entry in entries:
        by_sku.setdefault(entry.sku, []).append(entry)
    after: dict[str, Head] = {}
    counts: dict[str, Mapping[TakenKey, int]] = {}
    for sku, own in by_sku.items():
        head = heads.get(sku)
        before = Checkpoint(sku) if head is None else checkpoint_of(head, {})
        folded = fold_on(replace(before, chain=_chained(before.chain, own)), own)
        after[sku], counts[sku] = head_of(folded), folded.taken
    return after, counts


class Rebuild:
    """What checkpoints and the entries after them fold to, told batch by batch in their order."""

    def __init__(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        """``checkpoints`` of all SKUs that are rebuilt; an empty one where there is none."""
        self._folded = dict(checkpoints)
        self._waiting: dict[str, list[StockEntry]] = {}
        self._count = 0

    def add(self, batch: Sequence[StockEntry]) -> None:
        """One more batch; entries of other SKUs are left out."""
        for entry in batch:
            if entry.sku in self._folded:
                self._waiting.setdefault(entry.sku, []).append(entry)
        self._count += len(batch)
        if self._count >= _FOLDED_AT_ONCE:
            self._fold()

    def beside(self, streams: Mapping[str, Stream]) -> dict[str, Account]:
        """Streams as they are stored, beside what was rebuilt; SKUs without either are left out."""
        self._fold()
        return {
            sku: Account(streams.get(sku) or Stream(sku), folded)
            for sku, folded in self._folded.items()
            if sku in streams or folded.entries
        }

    def _fold(self) -> None:
        for sku, entries in self._waiting.items():
            self._folded[sku] = fold_on(self._folded[sku], entries)
        self._waiting.clear()
        self._count = 0


def _chained(chain: str, entries: Iterable[StockEntry]) -> str:
    for entry in entries:
        chain = sha256(chain.encode() + encode(entry)).hexdigest()
    return chain
