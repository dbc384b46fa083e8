"""Compaction in MongoDB: the eldest batches of the journal become checkpoints, and what nobody asks
for any more goes.

What is to be folded is read and reckoned beside the writers; what is written then touches nothing
of theirs but counts that have come to nothing. Whoever changes such a count at the same time, or
folds the same batches, makes one of both begin anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from connectors.stores.checkpoints import Head, fold_more, seal_of
from connectors.stores.coding import micros, micros_or_none
from connectors.stores.mongo.documents import counted_more, entries_from, text
from connectors.stores.mongo.ledger import heads_of, walk
from connectors.stores.mongo.session import Document, Session
from connectors.stores.rows import words
from resolvers.domain.limits import DAY, first_day, taken_by
from resolvers.domain.stock import StockEntry, TakenKey

_ENDED_AT_ONCE = 100
"""Reservations that are looked up among the keys at once."""


@dataclass(frozen=True, slots=True)
class Fold:
    """The eldest batches of the journal, folded and not yet written.

    ``counts`` are by how much those of the checkpoints change; ``spent`` and ``settled`` are the
    ids of those that have come to nothing in the streams, and do so in the checkpoints. ``more``
    says that there are other entries from before the instant.
    """

    batches: Sequence[int]
    entries: int
    heads: Sequence[Head]
    counts: Mapping[str, Mapping[TakenKey, int]]
    spent: Sequence[str]
    settled: Sequence[str]
    more: bool


async def folded(session: Session, before: datetime, limit: int) -> Fold:
    """Folds whole batches from before an instant, until about ``limit`` entries are in."""
    batches: list[int] = []
    entries: list[StockEntry] = []
    more = False
    async for batch in walk(session, "journal", {}):
        if batch["at"] >= micros(before):
            break
        if len(entries) >= limit:
            more = True
            break
        batches.append(batch["_id"])
        entries += entries_from(batch)
    known = await heads_of(session, {entry.sku for entry in entries})
    heads, counts = fold_more({head.sku: head for head in known}, entries)
    touched = sorted({words(it.sku, *of) for it in entries for of, _ in taken_by(it)})
    changes = {words(sku, *of): units for sku, own in counts.items() for of, units in own.items()}
    none = session.among("counts", "_id", touched, {"units": 0}, fields=("_id",))
    stored = session.among("folded", "_id", sorted(changes), fields=("units",))
    return Fold(
        batches,
        len(entries),
        list(heads.values()),
        counts,
        [of["_id"] async for of in none],
        [of["_id"] async for of in stored if not of["units"] + changes[of["_id"]]],
        more,
    )


async def put_folded(session: Session, fold: Fold) -> bool:
    """Puts the checkpoints in the place of the entries; False, and nothing is done, if another
    process was faster.
    """
    # Every fold begins with the eldest: while these are there, their checkpoints are as they were.
    named = session.among("journal", "_id", fold.batches, fields=("_id",))
    if len([of async for of in named]) != len(fold.batches):
        return False
    await session.delete("journal", [{"_id": batch} for batch in fold.batches])
    await put_heads(session, [(seal_of(head), head) for head in fold.heads])
    changes = [
        counted_more(sku, of, units)
        for sku, taken in fold.counts.items()
        for of, units in taken.items()
    ]
    await session.update("folded", changes, upsert=True)
    await _drop_none(session, "folded", fold.settled)
    await _drop_none(session, "counts", fold.spent)
    return True


async def put_heads(session: Session, sealed: Iterable[tuple[str, Head]]) -> None:
    """Writes checkpoints under their seals, whatever stood there."""
    await session.put("checkpoints", [head_doc(seal, head) for seal, head in sealed])


def head_doc(seal: str, head: Head) -> Document:
    """A checkpoint under its seal."""
    return {"_id": head.sku, "at": micros_or_none(head.at), "seal": seal, "body": text(head)}


async def _drop_none(session: Session, collection: str, counts: Iterable[str]) -> None:
    """Counts that have come to nothing are the same as none; others stay."""
    await session.delete(collection, [{"_id": count, "units": 0} for count in counts])


async def drop_days(session: Session, before: datetime, limit: int) -> int:
    """Takes counts of days past out of checkpoints, and as many units out of the streams: what is
    given back of such a day later counts below zero, and is dropped in its turn.
    """
    past = {"kind": DAY, "name": {"$lt": first_day(before)}}
    order = (("kind", 1), ("name", 1))
    days = await session.find("folded", past, order=order, limit=limit)
    less = [counted_more(of["sku"], (DAY, of["name"]), -of["units"]) for of in days]
    await session.update("counts", less, upsert=True)
    await session.delete("folded", [{"_id": of["_id"]} for of in days])
    await _drop_none(session, "counts", [of["_id"] for of in days])
    return len(days)


async def ended(session: Session, before: datetime, limit: int) -> list[str]:
    """Reservations that ended without an order before an instant and that no key answers with, the
    eldest first.
    """
    found: list[str] = []
    page: list[str] = []
    over = {"ended": {"$lt": micros(before)}}
    elder = session.each("reservations", over, fields=("_id",), order=(("ended", 1),))
    async with aclosing(elder):
        async for of in elder:
            page.append(of["_id"])
            if len(page) == _ENDED_AT_ONCE:
                found += await _unanswered(session, page)
                page = []
                if len(found) >= limit:
                    break
    found += await _unanswered(session, page)
    return found[:limit]


async def drop_reservations(session: Session, ids: Sequence[str], before: datetime) -> int:
    """Drops those of some reservations of which that is so still; how many went."""
    still = await _unanswered(session, ids)
    over = {"$lt": micros(before)}
    return await session.delete("reservations", [{"_id": id, "ended": over} for id in still])


async def _unanswered(session: Session, ids: Sequence[str]) -> list[str]:
    """Those of some reservations that no key answers with."""
    if not ids:
        return []
    found = await session.find("keys", {"answer": {"$in": list(ids)}}, fields=("answer",))
    answers = {of["answer"] for of in found}
    return [id for id in ids if id not in answers]
