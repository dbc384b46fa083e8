"""What lies at a few spots of the sandbox ERP this moment, for whoever waits for the answer.

What its feeds tell of whole places stands in ``ledger``; silence hides nothing from who looks.
"""

import sqlite3
from collections.abc import Sequence

from connectors.sandbox.systems import sequence
from resolvers.live_ports import Spot, StockLook


def look(db: sqlite3.Connection, spots: Sequence[Spot]) -> StockLook:
    """The spots' shelves, with the sequence of the same moment."""
    found: dict[Spot, int] = {}
    for sku, location in spots:
        row = db.execute(
            "SELECT on_hand FROM stock WHERE location = ? AND sku = ?", (location, sku)
        ).fetchone()
        if row is not None:
            found[sku, location] = int(row[0])
    return StockLook(found, sequence(db))
