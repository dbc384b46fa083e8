"""What moved at a place of the sandbox ERP, as its feed tells it: its postings in our words.

A posting of a correction of ours bears its reference. What left of our sales is told by readings,
so that it comes here without units, in its place in the sequence.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from connectors.sandbox.ledger import Movement as Posted
from connectors.sandbox.systems import PAGE, horizon
from resolvers.domain.movements import Movement
from resolvers.domain.stock import EntryKind

_KINDS: Mapping[Posted, EntryKind] = {
    Posted.ADJUSTMENT: EntryKind.ADJUSTMENT,
    Posted.RECEIPT: EntryKind.RECEIPT,
    Posted.TILL: EntryKind.SALE,
    Posted.SHIPMENT: EntryKind.SALE,
    Posted.OWN_SALE: EntryKind.SALE,
    Posted.BREAKAGE: EntryKind.ADJUSTMENT,
    Posted.RETURN: EntryKind.RETURN,
    Posted.TRANSFER: EntryKind.TRANSFER,
}


def moved(db: sqlite3.Connection, location: str, after: int) -> Sequence[Movement]:
    """A page of what a location's stock moved by after a sequence, each with the one before it."""
    rows = db.execute(
        "SELECT id, sequence, kind, reference, sku, on_hand, elsewhere, ("
        "  SELECT MAX(sequence) FROM movement"
        "  WHERE location = this.location AND sequence < this.sequence"
        " ) FROM movement AS this WHERE location = ? AND sequence > ? AND sequence <= ?"
        " ORDER BY sequence LIMIT ?",
        (location, after, horizon(db), PAGE),
    )
    return [
        Movement(
            f"MV-{id:06}",
            sku,
            0 if kind == Posted.SHIPMENT else units,
            sequence,
            _KINDS[Posted(kind)],
            reference,
            elsewhere,
            after=before or 0,
            ours=reference if kind == Posted.ADJUSTMENT else None,
        )
        for id, sequence, kind, reference, sku, units, elsewhere, before in rows
    ]
